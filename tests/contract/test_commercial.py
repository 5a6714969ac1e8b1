"""The stand-in's commercial edition, asked with plane-sdk and, where that client would not ask, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from plane.client import PlaneClient
from plane.errors import HttpError
from plane.models.enums import PropertyType, RelationType
from plane.models.estimates import CreateEstimate, CreateEstimatePoint
from plane.models.projects import CreateProject, ProjectFeature, UpdateProject
from plane.models.work_item_properties import (
    CreateWorkItemProperty,
    CreateWorkItemPropertyOption,
    CreateWorkItemPropertyValue,
    UpdateWorkItemProperty,
    UpdateWorkItemPropertyOption,
    WorkItemProperty,
    WorkItemPropertyValueDetail,
)
from plane.models.work_item_property_configurations import DateAttributeSettings, TextAttributeSettings
from plane.models.work_item_types import (
    CreateWorkItemType,
    UpdateWorkItemType,
    WorkspaceWorkItemTypePropertyLink,
)
from plane.models.work_items import CreateWorkItem

from sandbox.plane import PlaneServer
from sandbox.plane.models import MEMBER
from tests.contract.browser import Browser, v1
from tests.contract.running import running

NOWHERE = "00000000-0000-4000-8000-000000000000"


@dataclass
class Typed:
    """A project with work item types, in the workspace `javisi`, and one work item in it."""

    client: PlaneClient
    server: PlaneServer
    owner: Browser
    project: str
    kind: str
    item: str

    def ask(self, method: str, path: str, **arguments: Any) -> requests.Response:
        path = f"/workspaces/javisi/projects/{self.project}/{path}"
        return v1(self.owner.url, str(self.client.config.api_key), method, path, **arguments)

    def field(self, name: str, kind: PropertyType, **more: Any) -> str:
        data = CreateWorkItemProperty(display_name=name, property_type=kind, **more)
        return str(self.client.work_item_properties.create("javisi", self.project, self.kind, data).id)

    def set(self, field: str, value: Any) -> WorkItemPropertyValueDetail | list[WorkItemPropertyValueDetail]:
        data = CreateWorkItemPropertyValue.model_validate({"value": value})
        return self.client.work_item_properties.values.create("javisi", self.project, self.item, field, data)

    def read(self, field: str) -> Any:
        found = self.client.work_item_properties.values.retrieve("javisi", self.project, self.item, field)
        return [one.value for one in found] if isinstance(found, list) else found.value

    @property
    def properties(self) -> str:
        return f"work-item-types/{self.kind}/work-item-properties/"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[PlaneServer, Browser, PlaneClient]]:
    plane = PlaneServer(
        edition="commercial", demo_project_delay=3600.0, environment={"API_KEY_RATE_LIMIT": "9999/minute"}
    )
    with running(plane) as url, Browser(url) as owner:
        owner.set_up()
        owner.make_workspace()
        yield plane, owner, PlaneClient(base_url=url, api_key=owner.make_key())


@pytest.fixture
def typed(server: tuple[PlaneServer, Browser, PlaneClient]) -> Iterator[Typed]:
    plane, owner, client = server
    project = str(client.projects.create("javisi", CreateProject(name="Onboarding", identifier="ONBOARD")).id)
    client.projects.update("javisi", project, UpdateProject(is_issue_type_enabled=True))
    (default,) = client.work_item_types.list("javisi", project)
    item = str(client.work_items.create("javisi", project, CreateWorkItem(name="One")).id)
    yield Typed(client, plane, owner, project, str(default.id), item)
    client.projects.delete("javisi", project)
    assert not plane.state.work_item_properties and not plane.state.property_values


def refused(refusal: pytest.ExceptionInfo[HttpError]) -> int | None:
    return refusal.value.status_code


# Estimates and members


def test_estimates_are_made_and_put_to_use_with_a_key(typed: Typed) -> None:
    estimates, at = typed.client.estimates, ("javisi", typed.project)
    with pytest.raises(HttpError) as refusal:
        estimates.retrieve(*at)
    assert refused(refusal) == 404
    made = str(estimates.create(*at, CreateEstimate(name="Points", type="points")).id)
    assert estimates.list_points(*at, made) == []
    estimates.create_points(*at, made, [CreateEstimatePoint(value="1", key=1), CreateEstimatePoint(value="2", key=2)])
    assert [(point.key, point.value) for point in estimates.list_points(*at, made)] == [(1, "1"), (2, "2")]
    assert typed.client.projects.retrieve(*at).estimate is None
    estimates.link_to_project(*at, made)
    assert typed.client.projects.retrieve(*at).estimate == made == estimates.retrieve(*at).id


def test_a_member_is_removed_by_its_address(typed: Typed) -> None:
    def status(key: str, body: dict[str, str]) -> int:
        return v1(typed.owner.url, key, "POST", "/workspaces/javisi/members/remove/", json=body).status_code

    with Browser(typed.owner.url) as person:
        assert person.sign_up("bob@example.org") == ""
        person.join(typed.owner, "bob@example.org", MEMBER)
        bob = {"email": "bob@example.org"}
        assert status(person.make_key(), bob) == 403
    key = str(typed.client.config.api_key)
    assert [status(key, body) for body in (bob, bob, {})] == [204, 404, 400]
    listed = {member.email: member.is_active for member in typed.client.workspaces.get_members_lite("javisi").results}
    assert listed["bob@example.org"] is False


# What is switched on


def test_a_projects_features_are_read_and_changed(typed: Typed) -> None:
    features = typed.client.projects.get_features("javisi", typed.project)
    assert features.work_item_types is True and features.cycles is False
    features = typed.client.projects.update_features("javisi", typed.project, ProjectFeature(cycles=True))
    assert features.cycles is True
    assert typed.client.projects.retrieve("javisi", typed.project).cycle_view is True
    assert typed.ask("PATCH", "features/", json={"cycles": "yes"}).status_code == 400


def test_the_feature_makes_the_default_type(typed: Typed) -> None:
    client = typed.client
    project = str(client.projects.create("javisi", CreateProject(name="Plain", identifier="PLAIN")).id)
    with pytest.raises(HttpError) as refusal:
        client.work_item_types.list("javisi", project)
    assert refused(refusal) == 400
    client.projects.update_features("javisi", project, ProjectFeature(work_item_types=True))
    assert [kind.is_default for kind in client.work_item_types.list("javisi", project)] == [True]
    client.projects.delete("javisi", project)


def test_a_workspace_has_features(typed: Typed) -> None:
    assert typed.client.workspaces.get_features("javisi").initiatives is False


# Types


def test_a_type_is_made_changed_and_deleted(typed: Typed) -> None:
    types = typed.client.work_item_types
    made = types.create("javisi", typed.project, CreateWorkItemType(name="Bug", description="What is wrong"))
    assert (made.name, made.is_default, made.is_active, made.project_ids) == ("Bug", False, True, [typed.project])
    changed = types.update("javisi", typed.project, str(made.id), UpdateWorkItemType(name="Defect", is_active=False))
    assert (changed.name, changed.is_active, changed.description) == ("Defect", False, "What is wrong")
    assert types.retrieve("javisi", typed.project, str(made.id)).name == "Defect"
    typed.ask("POST", f"work-item-types/{made.id}/work-item-properties/", json={"display_name": "a"} | DECIMAL)
    types.delete("javisi", typed.project, str(made.id))
    with pytest.raises(HttpError) as refusal:
        types.retrieve("javisi", typed.project, str(made.id))
    assert refused(refusal) == 404
    assert typed.server.state.work_item_properties == {}


def test_the_default_type_and_one_in_use_stay(typed: Typed) -> None:
    types = typed.client.work_item_types
    made = str(types.create("javisi", typed.project, CreateWorkItemType(name="Bug")).id)
    typed.client.work_items.create("javisi", typed.project, CreateWorkItem(name="Two", type_id=made))
    for kind in (typed.kind, made):
        with pytest.raises(HttpError) as refusal:
            types.delete("javisi", typed.project, kind)
        assert refused(refusal) == 400


def test_a_type_needs_a_name(typed: Typed) -> None:
    assert typed.ask("POST", "work-item-types/", json={}).json() == {"name": ["This field is required."]}


def test_the_older_paths_answer_the_same(typed: Typed) -> None:
    field = typed.field("size", PropertyType.OPTION, options=[CreateWorkItemPropertyOption(name="S")])
    assert typed.ask("GET", "issue-types/").json() == typed.ask("GET", "work-item-types/").json()
    older = typed.ask("GET", f"issue-types/{typed.kind}/issue-properties/{field}/")
    assert older.json() == typed.ask("GET", f"{typed.properties}{field}/").json()
    options = typed.ask("GET", f"issue-properties/{field}/options/").json()
    assert options == older.json()["options"]


# Properties

DECIMAL = {"property_type": "DECIMAL"}
TEXT = TextAttributeSettings(display_format="single-line")


def test_a_property_has_what_the_reference_shows(typed: Typed) -> None:
    body = {"display_name": "first issue property", "property_type": "OPTION"}
    answer = typed.ask("POST", typed.properties, json=body)
    assert answer.status_code == 201
    made = answer.json()
    for name in ("id", "created_at", "updated_at", "created_by", "updated_by"):
        assert name in made
        del made[name]
    assert made == {
        "deleted_at": None,
        "name": "first-issue-property",
        "display_name": "first issue property",
        "description": "",
        "logo_props": {},
        "sort_order": 75535.0,
        "property_type": "OPTION",
        "relation_type": None,
        "is_required": False,
        "default_value": [],
        "settings": {},
        "is_active": True,
        "is_multi": False,
        "validation_rules": {},
        "external_source": None,
        "external_id": None,
        "workspace": next(iter(typed.server.state.workspaces)),
        "project": typed.project,
        "issue_type": typed.kind,
        "options": [],
    }


def test_a_property_is_changed_and_deleted_with_its_values(typed: Typed) -> None:
    properties = typed.client.work_item_properties
    field = typed.field("estimate", PropertyType.DECIMAL, default_value=["1"])
    typed.set(field, 3)
    data = UpdateWorkItemProperty(display_name="cost estimate", property_type=PropertyType.DECIMAL, is_active=False)
    changed = properties.update("javisi", typed.project, typed.kind, field, data)
    assert (changed.display_name, changed.name, changed.is_active) == ("cost estimate", "cost-estimate", False)
    assert changed.default_value == ["1"]
    data = UpdateWorkItemProperty(is_required=True)
    assert properties.update("javisi", typed.project, typed.kind, field, data).default_value == []
    properties.delete("javisi", typed.project, typed.kind, field)
    assert properties.list("javisi", typed.project, typed.kind) == []
    assert typed.server.state.property_values == {}


def test_a_date_needs_its_format(typed: Typed) -> None:
    settings = DateAttributeSettings(display_format="yyyy/MM/dd")
    assert typed.field("due", PropertyType.DATETIME, settings=settings)
    for wrong in ({}, {"settings": {"display_format": "yyyy-MM-dd"}}):
        answer = typed.ask("POST", typed.properties, json={"display_name": "a", "property_type": "DATETIME"} | wrong)
        assert (answer.status_code, list(answer.json())) == (400, ["settings"])


def test_a_property_keeps_its_type_and_its_place_in_the_type(typed: Typed) -> None:
    field = typed.field("agent_id", PropertyType.TEXT, settings=TEXT)
    other = typed.field("cost", PropertyType.DECIMAL)
    answer = typed.ask("PATCH", f"{typed.properties}{field}/", json=DECIMAL)
    assert (answer.status_code, list(answer.json())) == (400, ["property_type"])
    taken = {"display_name": "agent_id"}
    assert typed.ask("POST", typed.properties, json=taken | DECIMAL).status_code == 400
    assert typed.ask("PATCH", f"{typed.properties}{other}/", json=taken).status_code == 400
    assert typed.ask("PATCH", f"{typed.properties}{field}/", json=taken).status_code == 200


def test_what_is_not_there_is_not_found(typed: Typed) -> None:
    field = typed.field("agent_id", PropertyType.TEXT, settings=TEXT)
    bug = str(typed.client.work_item_types.create("javisi", typed.project, CreateWorkItemType(name="Bug")).id)
    for path in (
        f"work-item-types/{NOWHERE}/",
        f"work-item-types/{NOWHERE}/work-item-properties/",
        f"{typed.properties}{NOWHERE}/",
        f"work-item-types/{bug}/work-item-properties/{field}/",
        f"work-item-properties/{NOWHERE}/options/",
        f"work-item-properties/{field}/options/{NOWHERE}/",
        f"work-items/{typed.item}/work-item-properties/{NOWHERE}/values/",
        f"work-items/{NOWHERE}/work-item-properties/{field}/values/",
        f"work-items/{typed.item}/work-item-properties/{field}/values/",
    ):
        assert typed.ask("GET", path).status_code == 404, path


def test_only_an_admin_changes_types_and_a_member_sets_values(typed: Typed) -> None:
    field = typed.field("cost", PropertyType.DECIMAL)
    with Browser(typed.owner.url) as agent:
        assert agent.sign_up("thot@javisi.local") == ""
        agent.join(typed.owner, "thot@javisi.local", MEMBER)
        key = agent.make_key()
    me = v1(typed.owner.url, key, "GET", "/users/me/").json()["id"]
    typed.ask("POST", "members/", json={"member": me, "role": MEMBER})
    member = PlaneClient(base_url=typed.owner.url, api_key=key)
    with pytest.raises(HttpError) as refusal:
        member.work_item_properties.delete("javisi", typed.project, typed.kind, field)
    assert refused(refusal) == 403
    data = CreateWorkItemPropertyValue.model_validate({"value": 2})
    assert member.work_item_properties.values.create("javisi", typed.project, typed.item, field, data)


# Options


def test_options_are_listed_added_changed_and_deleted(typed: Typed) -> None:
    options = typed.client.work_item_properties.options
    field = typed.field("size", PropertyType.OPTION, options=[CreateWorkItemPropertyOption(name="S", is_default=True)])
    large = options.create("javisi", typed.project, field, CreateWorkItemPropertyOption(name="L"))
    assert (large.sort_order, large.property, large.project) == (20000.0, field, typed.project)
    found = options.list("javisi", typed.project, field)
    assert [(one.name, one.is_default, one.sort_order) for one in found] == [
        ("S", True, 10000.0),
        ("L", False, 20000.0),
    ]
    data = UpdateWorkItemPropertyOption(name="XL", is_active=False)
    assert options.update("javisi", typed.project, field, str(large.id), data).name == "XL"
    assert options.retrieve("javisi", typed.project, field, str(large.id)).is_active is False
    typed.set(field, large.id)
    options.delete("javisi", typed.project, field, str(large.id))
    read = typed.client.work_item_properties.retrieve("javisi", typed.project, typed.kind, field)
    assert [one.name for one in read.options or []] == ["S"]
    with pytest.raises(HttpError) as refusal:
        typed.read(field)
    assert refused(refusal) == 404


def test_options_are_refused_twice_nameless_and_elsewhere(typed: Typed) -> None:
    field = typed.field("size", PropertyType.OPTION, options=[CreateWorkItemPropertyOption(name="S")])
    other = typed.field("cost", PropertyType.DECIMAL)
    for key, body in ((field, {}), (field, {"name": "S"}), (other, {"name": "S"})):
        assert typed.ask("POST", f"work-item-properties/{key}/options/", json=body).status_code == 400


# Values


def test_a_value_is_set_read_replaced_and_deleted(typed: Typed) -> None:
    field = typed.field("session_id", PropertyType.TEXT, settings=TEXT)
    path = f"work-items/{typed.item}/work-item-properties/{field}/values/"
    made = typed.ask("POST", path, json={"value": "s-1", "external_id": "x"})
    assert made.status_code == 200
    assert {name: made.json()[name] for name in ("property_id", "issue_id", "value", "external_id")} == {
        "property_id": field,
        "issue_id": typed.item,
        "value": "s-1",
        "external_id": "x",
    }
    replaced = typed.set(field, "s-2")
    assert isinstance(replaced, WorkItemPropertyValueDetail) and replaced.id == made.json()["id"]
    values = typed.client.work_item_properties.values
    values.update("javisi", typed.project, typed.item, field, {"value": "s-3"})
    assert typed.read(field) == "s-3"
    values.delete("javisi", typed.project, typed.item, field)
    for gone in (
        lambda: typed.read(field),
        lambda: values.update("javisi", typed.project, typed.item, field, {"value": "s-4"}),
        lambda: values.delete("javisi", typed.project, typed.item, field),
    ):
        with pytest.raises(HttpError) as refusal:
            gone()
        assert refused(refusal) == 404


def test_several_values_are_replaced_as_one(typed: Typed) -> None:
    names = [CreateWorkItemPropertyOption(name=name) for name in ("S", "M", "L")]
    field = typed.field("sizes", PropertyType.OPTION, is_multi=True, options=names)
    options = [str(one.id) for one in typed.client.work_item_properties.options.list("javisi", typed.project, field)]
    typed.set(field, options[:2])
    assert typed.read(field) == options[:2]
    typed.set(field, options[2])
    assert typed.read(field) == options[2:]
    typed.client.work_items.delete("javisi", typed.project, typed.item)
    assert typed.server.state.property_values == {}


def test_values_are_of_their_fields_type(typed: Typed) -> None:
    me = str(typed.client.users.get_me().id)
    cases: list[tuple[PropertyType, dict[str, Any], list[Any], list[Any]]] = [
        (PropertyType.TEXT, {"settings": TEXT}, ["a"], [1, True, ["a"], None]),
        (PropertyType.DECIMAL, {}, [2.0, 2.5], ["2", True]),
        (PropertyType.BOOLEAN, {}, [True, False], ["true", 1]),
        (
            PropertyType.DATETIME,
            {"settings": DateAttributeSettings(display_format="dd/MM/yyyy")},
            ["2026-01-31", "2026-01-31 10:00:00"],
            ["31/01/2026", "2026-02-31"],
        ),
        (PropertyType.OPTION, {"options": [CreateWorkItemPropertyOption(name="S")]}, [], ["S", NOWHERE]),
        (PropertyType.RELATION, {"relation_type": RelationType.USER}, [me], ["thot", NOWHERE]),
        (PropertyType.RELATION, {"relation_type": RelationType.ISSUE}, [typed.item], [me]),
        (PropertyType.URL, {}, ["https://plane.so/"], ["plane"]),
        (PropertyType.EMAIL, {}, ["thot@javisi.local"], ["thot"]),
    ]
    for place, (kind, more, right, wrong) in enumerate(cases):
        field = typed.field(f"field {place}", kind, **more)
        for value in right:
            typed.set(field, value)
            assert typed.read(field) == value
        for value in wrong:
            path = f"work-items/{typed.item}/work-item-properties/{field}/values/"
            answer = typed.ask("POST", path, json={"value": value})
            assert (answer.status_code, list(answer.json())) == (400, ["value"]), (kind, value)


def test_the_answer_is_what_the_client_takes_for_a_property(typed: Typed) -> None:
    typed.field("who", PropertyType.RELATION, relation_type=RelationType.USER)
    (listed,) = typed.ask("GET", typed.properties).json()
    assert WorkItemProperty.model_validate(listed).relation_type == RelationType.USER


@pytest.mark.parametrize(("version", "status"), [("1.2.2", 404), ("1.3.1", 200)])
def test_relations_are_not_in_every_version(version: str, status: int) -> None:
    with running(PlaneServer(version=version, demo_project_delay=3600.0)) as url, Browser(url) as owner:
        owner.set_up()
        owner.make_workspace()
        client = PlaneClient(base_url=url, api_key=owner.make_key())
        project = str(client.projects.create("javisi", CreateProject(name="Onboarding", identifier="ONBOARD")).id)
        item = client.work_items.create("javisi", project, CreateWorkItem(name="One")).id
        path = f"/workspaces/javisi/projects/{project}/work-items/{item}/relations/"
        answer = v1(url, str(client.config.api_key), "GET", path)
        assert answer.status_code == status
        for name in ("cycles", "archived-cycles", "modules", "archived-modules"):
            path = f"/workspaces/javisi/projects/{project}/{name}/"
            assert v1(url, str(client.config.api_key), "GET", path).json()["results"] == []


def test_the_community_edition_has_none_of_it() -> None:
    with running(PlaneServer(demo_project_delay=3600.0)) as url, Browser(url) as owner:
        owner.set_up()
        owner.make_workspace()
        client = PlaneClient(base_url=url, api_key=owner.make_key())
        project = str(client.projects.create("javisi", CreateProject(name="Onboarding", identifier="ONBOARD")).id)
        key = str(client.config.api_key)
        for path in (
            "features/",
            "work-item-types/",
            f"work-item-types/{NOWHERE}/work-item-properties/",
            f"work-item-properties/{NOWHERE}/options/",
            f"work-items/{NOWHERE}/work-item-properties/{NOWHERE}/values/",
            "issue-types/",
        ):
            answer = v1(url, key, "GET", f"/workspaces/javisi/projects/{project}/{path}")
            assert (answer.status_code, answer.json()) == (404, {"error": "Page not found."}), path


# A workspace that owns work item types: from the facts on commercial editions and plane-sdk, not recorded


@pytest.fixture(scope="module")
def governed() -> Iterator[tuple[PlaneServer, PlaneClient]]:
    plane = PlaneServer(
        edition="governed", demo_project_delay=3600.0, environment={"API_KEY_RATE_LIMIT": "9999/minute"}
    )
    with running(plane) as url, Browser(url) as owner:
        owner.set_up()
        owner.make_workspace()
        yield plane, PlaneClient(base_url=url, api_key=owner.make_key())


def test_a_workspaces_types_and_properties_are_imported_by_a_project(governed: tuple[PlaneServer, PlaneClient]) -> None:
    plane, client = governed
    assert client.workspaces.get_features("javisi").work_item_types is True
    project = str(client.projects.create("javisi", CreateProject(name="Onboarding", identifier="ONBOARD")).id)
    assert client.work_item_types.list("javisi", project) == []
    (task,) = client.workspace_work_item_types.list("javisi")
    assert (task.name, task.is_default, task.project_ids) == ("Task", True, [])
    bug = client.workspace_work_item_types.create("javisi", CreateWorkItemType(name="Bug"))
    size = client.workspace_work_item_properties.create(
        "javisi",
        CreateWorkItemProperty(
            display_name="size", property_type=PropertyType.OPTION, options=[CreateWorkItemPropertyOption(name="S")]
        ),
    )
    links = client.workspace_work_item_types.properties
    assert links.list("javisi", str(bug.id)) == []
    links.create("javisi", str(bug.id), WorkspaceWorkItemTypePropertyLink(properties=[str(size.id)]))
    assert links.list("javisi", str(bug.id)) == [size.id]
    client.work_item_types.import_to_project("javisi", project, [str(bug.id)])
    assert [kind.name for kind in client.work_item_types.list("javisi", project)] == ["Bug"]
    assert [one.id for one in client.work_item_properties.list("javisi", project, str(bug.id))] == [size.id]
    options = client.workspace_work_item_properties.options
    large = options.create("javisi", str(size.id), CreateWorkItemPropertyOption(name="L"))
    options.update("javisi", str(size.id), str(large.id), UpdateWorkItemPropertyOption(name="XL"))
    assert [one.name for one in options.list("javisi", str(size.id))] == ["S", "XL"]
    item = str(client.work_items.create("javisi", project, CreateWorkItem(name="One", type_id=str(bug.id))).id)
    value = CreateWorkItemPropertyValue.model_validate({"value": str(large.id)})
    client.work_item_properties.values.create("javisi", project, item, str(size.id), value)
    renamed = client.workspace_work_item_properties.update(
        "javisi", str(size.id), UpdateWorkItemProperty(display_name="extent")
    )
    assert (renamed.display_name, renamed.project, renamed.issue_type) == ("extent", None, None)
    client.workspace_work_item_properties.delete("javisi", str(size.id))
    assert links.list("javisi", str(bug.id)) == [] and plane.state.property_values == {}
    client.projects.delete("javisi", project)
    assert {kind.name: kind.project_ids for kind in client.workspace_work_item_types.list("javisi")} == {
        "Task": [],
        "Bug": [],
    }


def test_what_the_workspace_owns_is_not_written_in_a_project(governed: tuple[PlaneServer, PlaneClient]) -> None:
    _, client = governed
    project = str(client.projects.create("javisi", CreateProject(name="Other", identifier="OTHER")).id)
    for write in (
        lambda: client.work_item_types.create("javisi", project, CreateWorkItemType(name="Bug")),
        lambda: client.projects.update_features("javisi", project, ProjectFeature(work_item_types=True)),
    ):
        with pytest.raises(HttpError) as refusal:
            write()
        assert refused(refusal) == 400
        assert isinstance(refusal.value.response, dict) and refusal.value.response["code"] == "workspace_managed"


def test_a_workspaces_types_are_not_written_while_projects_own_them(typed: Typed) -> None:
    assert typed.client.workspaces.get_features("javisi").work_item_types is False
    assert typed.client.workspace_work_item_types.list("javisi") == []
    with pytest.raises(HttpError) as refusal:
        typed.client.workspace_work_item_types.create("javisi", CreateWorkItemType(name="Bug"))
    assert refused(refusal) == 400


def test_no_default_type_appears_when_the_stand_in_is_told_so(typed: Typed) -> None:
    typed.server.state.makes_default_type = False
    project = str(typed.client.projects.create("javisi", CreateProject(name="Plain", identifier="PLAIN")).id)
    typed.client.projects.update_features("javisi", project, ProjectFeature(work_item_types=True))
    assert typed.client.work_item_types.list("javisi", project) == []
    typed.client.projects.delete("javisi", project)
    typed.server.state.makes_default_type = True
