"""Plane's API: what the settings take is kept there to the letter, so that a second run finds nothing to change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import given

from operations.plane.projects import NAME_REFUSED
from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.collection import Collection
from pyinfra_plane.api.models import Label, Project, State, WorkItemType
from pyinfra_plane.api.plane import Plane
from pyinfra_plane.api.properties import definition
from pyinfra_plane.api.rows import R
from pyinfra_plane.settings import Settings
from pyinfra_plane.settings.passwords import is_weak
from sandbox.host import Host
from tests.unit.web import client_of
from tests.values.hostile import HOSTILE, TALLY, hostile, mild, some, times
from tests.values.ledger import PLACES, STRONG
from tests.values.test_settings import read

pytestmark = pytest.mark.sampled

EMAIL, PASSWORD, SLUG = "admin@javisi.local", f"{STRONG}password", "javisi"

_numbers = count(1)
_by_name = {place.name: place for place in PLACES}


@dataclass
class Scene:
    """An instance with a workspace, an admin, and a project to put things into."""

    plane: Plane
    session: Session
    key: ApiKey
    project: Project
    kind: WorkItemType

    def listed(self, kind: type[R]) -> Collection[R]:
        return self.plane.collection(kind, self.key, slug=SLUG, project=self.project.id)

    def where(self) -> tuple[str, ApiKey, Project]:
        return SLUG, self.key, self.project


@pytest.fixture(scope="session")
def scene(sandboxed: Host) -> Iterator[Scene]:
    with client_of(f"http://127.0.0.1:{sandboxed.plane_port}") as client:
        plane = Plane(client.http)
        plane.set_up_instance(EMAIL, PASSWORD, "Plane")
        session = plane.sign_in(EMAIL, PASSWORD)
        plane.create_workspace(session, SLUG, "Javisi", "2-10")
        key, _ = plane.create_token(session, "a token", "")
        plane.create_project(SLUG, key, name="Onboarding", identifier="ONBOARD")
        projects = plane.visible_projects(SLUG, key)
        assert isinstance(projects, dict)
        project = projects["ONBOARD"]
        plane.change_project(SLUG, key, project, is_issue_type_enabled=True)
        [kind] = [one for one in plane.work_item_types(SLUG, key, project) if one.is_default]
        sandboxed.plane.forget_throttles()
        yield Scene(plane, session, key, project, kind)


# What is written and read back, for each setting that goes into JSON. Each starts from nothing kept.


def workspace_name(scene: Scene, value: str) -> object:
    scene.plane.rename_workspace(scene.session, SLUG, value)
    by_session = [one.name for one in scene.plane.my_workspaces(scene.session) if one.slug == SLUG]
    projects = scene.plane.visible_projects(SLUG, scene.key, with_workspace=True)
    assert isinstance(projects, dict)
    assert {one.workspace_name for one in projects.values()} == set(by_session)
    return by_session[0]


def display_name(scene: Scene, value: str) -> object:
    scene.plane.change_profile(scene.session, display_name=value)
    [with_key] = [one for one in scene.plane.members(SLUG, scene.key) if one.email == EMAIL]
    [with_session] = [one for one in scene.plane.members(SLUG, scene.session) if one.email == EMAIL]
    assert with_key.display_name == with_session.display_name
    return with_key.display_name


def project_name(scene: Scene, value: str) -> object:
    if re.search(NAME_REFUSED, value):
        return value  # refused with the plan, before anything is made
    identifier = f"P{next(_numbers)}"
    scene.plane.create_project(SLUG, scene.key, name=value, identifier=identifier)
    scene.plane.forget()
    projects = scene.plane.visible_projects(SLUG, scene.key)
    assert isinstance(projects, dict)
    made = projects[identifier]
    # So that the name is free again.
    scene.plane.change_project(SLUG, scene.key, made, name=f"was {identifier}")
    return made.name


def project_description(scene: Scene, value: str) -> object:
    scene.plane.change_project(SLUG, scene.key, scene.project, description=value)
    projects = scene.plane.visible_projects(SLUG, scene.key)
    assert isinstance(projects, dict)
    return projects["ONBOARD"].description


def state_name(scene: Scene, value: str) -> object:
    states = scene.listed(State)
    states.create(name=value, group="started", color="#123456")
    [state] = [one for one in states if one.color == "#123456"]
    states.delete(state, "the state")
    return state.name


def state_description(scene: Scene, value: str) -> object:
    states = scene.listed(State)
    states.change(states.by_name()["Todo"], description=value)
    return states.by_name()["Todo"].description


def _label(scene: Scene, **fields: str) -> Label:
    labels = scene.listed(Label)
    labels.create(**fields)
    scene.plane.forget()
    [label] = labels
    labels.delete(label, "the label")
    return label


def label_name(scene: Scene, value: str) -> object:
    return _label(scene, name=value).name


def label_description(scene: Scene, value: str) -> object:
    return _label(scene, name="label", description=value).description


def _field(scene: Scene, name: str, kind: str, **fields: Any) -> Any:
    at = SLUG, scene.key, scene.project, scene.kind
    scene.plane.create_work_item_property(*at, definition(name, kind, **fields))
    scene.plane.forget()
    properties = scene.plane.work_item_properties(*at)
    [made] = properties
    found = tuple(one.name for one in scene.plane.property_options(*at[:3], made)) if kind == "option" else made
    properties.delete(made, "the custom field")
    return found


def field_name(scene: Scene, value: str) -> object:
    return _field(scene, value, "text").display_name


def field_description(scene: Scene, value: str) -> object:
    return _field(scene, "field", "text", description=value).description


def field_option(scene: Scene, value: str) -> object:
    return _field(scene, "field", "option", options=[{"name": value}])


def field_default(scene: Scene, value: str) -> object:
    return tuple(_field(scene, "field", "text", default_value=[value]).default_value)


def work_item_type(scene: Scene, value: str) -> object:
    types = scene.plane.work_item_types(*scene.where())
    before = {one.name for one in types}
    if value in before:
        return value
    types.create(name=value, is_active=True)
    scene.plane.forget()
    [name] = {one.name for one in types} - before
    return name


def instance_setting(scene: Scene, value: str) -> object:
    admin = scene.plane.instance_admin_session(EMAIL, PASSWORD)
    scene.plane.change_configurations(admin, {"EMAIL_FROM": value})
    return scene.plane.configurations(admin)["EMAIL_FROM"].value


def account_password(scene: Scene, value: str) -> object:
    email = f"account-{next(_numbers)}@javisi.local"
    scene.plane.sign_up(email, value)
    # Once more, since the session of the sign-up is kept.
    scene.plane._sessions.pop(email)
    scene.plane.sign_in(email, value)
    return value


GOES: dict[str, Callable[[Scene, str], object]] = {
    "plane_workspace_name": workspace_name,
    "plane_agents[1].display_name": display_name,
    "plane_agents[1].password": account_password,
    "plane_projects[0].name": project_name,
    "plane_projects[0].description": project_description,
    "plane_projects[0].states[0].name": state_name,
    "plane_projects[0].states[0].description": state_description,
    "plane_projects[0].labels[0].name": label_name,
    "plane_projects[0].labels[0].description": label_description,
    "plane_projects[0].custom_fields[0].name": field_name,
    "plane_projects[0].custom_fields[0].description": field_description,
    "plane_projects[0].custom_fields[0].options[0]": field_option,
    "plane_projects[0].custom_fields[0].default": field_default,
    "plane_projects[0].work_item_type": work_item_type,
    "plane_instance_config": instance_setting,
}

FURTHER = {
    # Their texts are a choice, an address or digits, and compared with Plane's by the tests of the deploy.
    "plane_admin_email", "plane_workspace_slug", "plane_workspace_size", "plane_agents[1].email",
    "plane_agents[1].name", "plane_agents[1].role", "plane_agents[1].avatar", "plane_agents[1].timezone",
    "plane_projects[0].identifier", "plane_projects[0].network", "plane_projects[0].timezone",
    "plane_projects[0].lead", "plane_projects[0].default_assignee", "plane_projects[0].states[0].group",
    "plane_projects[0].states[0].color", "plane_projects[0].labels[0].color", "plane_projects[0].labels",
    "plane_projects[0].custom_fields[0].type", "plane_webhooks[0].name", "plane_webhooks[0].url",
    "plane_people[0].email", "plane_projects[0].emoji", "plane_projects[0].cover", "plane_projects[0].module_names[0]",
    "plane_projects[0].cycle_names[0]",
    # Sent once with a fresh instance, see test_deploy.py; and as the passwords of agents.
    "plane_admin_first_name", "plane_admin_last_name", "plane_company_name", "plane_admin_password",
    "plane_concierge_password",
}  # fmt: skip


def test_everything_that_goes_to_plane_is_tried() -> None:
    there = {place.name for place in PLACES if {"json", "form"} & set(place.where.split())}
    assert there == GOES.keys() | FURTHER


def check_kept(sandboxed: Host, scene: Scene, name: str, value: str) -> None:
    place = _by_name[name]
    if name == "plane_projects[0].custom_fields[0].default":
        place = next(one for one in PLACES if one.name == name)
    elif name == "plane_instance_config":
        place = next(one for one in PLACES if one.name == name and one.secret)
    settings = read(place.put(value))
    if not isinstance(settings, Settings):
        return
    kept = place.kept(settings)
    sent = kept[0] if isinstance(kept, tuple) else kept
    assert isinstance(sent, str)
    TALLY.add()
    sandboxed.plane.forget_throttles()
    scene.plane.forget()
    assert GOES[name](scene, sent) == kept


@pytest.mark.parametrize("name", GOES)
def test_a_value_of_the_table_is_kept_by_plane(sandboxed: Host, scene: Scene, name: str) -> None:
    # Beside the rest, each takes requests of some milliseconds, and an account some tens.
    for one in some(f"{name} in Plane", 8 if name == "plane_agents[1].password" else 24):
        check_kept(sandboxed, scene, name, HOSTILE[one])


@pytest.mark.parametrize("name", GOES)
def test_any_value_is_kept_by_plane(sandboxed: Host, scene: Scene, name: str) -> None:
    @times(3, 60)
    @given(hostile)
    def check(value: str) -> None:
        check_kept(sandboxed, scene, name, value)

    check()


@times(10, 150)
@given(password=mild)
def test_a_password_that_the_settings_take_is_strong_enough_for_plane(
    sandboxed: Host, scene: Scene, password: str
) -> None:
    place = _by_name["plane_agents[1].password"]
    changes = place.put("")
    changes["plane_agents"][1]["password"] = password
    settings = read(changes)
    sandboxed.plane.forget_throttles()
    if isinstance(settings, Settings):
        assert account_password(scene, password) == password
    else:
        assert not password or is_weak(password) or re.search(r"[\x00-\x1f\x7f]", password)
