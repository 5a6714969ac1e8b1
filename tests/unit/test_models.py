"""What Plane answers, made into objects, or refused in one line when it has another shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyinfra_plane.api.errors import PlaneBadAnswer
from pyinfra_plane.api.models import (
    Configuration,
    Estimate,
    Instance,
    Invitation,
    Label,
    Project,
    PropertyOption,
    State,
    Token,
    WorkItemProperty,
    WorkItemType,
    Workspace,
    WorkspaceMember,
)
from pyinfra_plane.api.properties import definition, field_type
from pyinfra_plane.api.rows import listed
from pyinfra_plane.settings import FIELD_TYPES

INSTANCE: dict[str, Any] = {
    "is_setup_done": True, "edition": "PLANE_COMMUNITY", "current_version": "1.2.0", "workspaces_exist": True,
}  # fmt: skip
PROJECT: dict[str, Any] = {
    "id": "p1", "name": "Onboarding", "identifier": "ONBOARD", "description": "Where", "archived_at": None,
    "is_member": True, "member_role": 20, "is_issue_type_enabled": True, "workspace": {"name": "Javisi"},
}  # fmt: skip
MEMBER: dict[str, Any] = {
    "id": "m1", "role": 15, "is_active": False,
    "member": {"id": "u1", "email": "Thot@Javisi.local", "display_name": "Thot"},
}  # fmt: skip
V1_MEMBER: dict[str, Any] = {"id": "u1", "email": "Thot@Javisi.local", "display_name": "Thot", "role": 15}


def test_an_instance_that_is_set_up() -> None:
    found = Instance.of({"instance": INSTANCE, "config": {}})
    assert found == Instance(True, True, "PLANE_COMMUNITY", "1.2.0", True)
    assert found.is_community


def test_an_instance_of_another_edition_has_custom_fields() -> None:
    assert not Instance.of({"instance": {**INSTANCE, "edition": "PLANE_ENTERPRISE"}}).is_community


def test_an_instance_that_is_not_registered_yet() -> None:
    assert Instance.of({"is_activated": False, "is_setup_done": False}) == Instance(False, False, "", "", False)


def test_an_instance_that_does_not_say_may_have_workspaces() -> None:
    instance = {name: value for name, value in INSTANCE.items() if name != "workspaces_exist"}
    assert Instance.of({"instance": instance}).workspaces_exist
    assert not Instance.of({"instance": {**INSTANCE, "workspaces_exist": False}}).workspaces_exist


def test_a_member_as_a_session_sees_it() -> None:
    assert WorkspaceMember.of_session(MEMBER) == WorkspaceMember(
        "u1", "thot@javisi.local", "Thot", 15, "m1", is_active=False
    )


def test_a_member_is_active_unless_plane_says_otherwise() -> None:
    member = {name: value for name, value in MEMBER.items() if name != "is_active"}
    assert WorkspaceMember.of_session(member).is_active is True


def test_a_member_as_a_key_sees_it() -> None:
    assert WorkspaceMember.of_v1(V1_MEMBER) == WorkspaceMember("u1", "thot@javisi.local", "Thot", 15, None, None)


def test_a_project() -> None:
    assert Project.of(PROJECT) == Project("p1", "Onboarding", "ONBOARD", "Where", False, True, 20, True, "Javisi")


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"archived_at": "2024-01-01"}, {"is_archived": True}),
        ({"description": None}, {"description": ""}),
        ({"workspace": "an-id"}, {"workspace_name": None}),
        ({"workspace": None}, {"workspace_name": None}),
        ({"is_member": False, "member_role": None}, {"is_member": False, "member_role": None}),
        ({"is_issue_type_enabled": None}, {"is_issue_type_enabled": False}),
    ],
)
def test_a_project_that_differs(changes: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = Project.of({**PROJECT, **changes})
    assert {name: getattr(found, name) for name in wanted} == wanted


def test_the_small_ones() -> None:
    assert Workspace.of({"id": "w", "slug": "javisi", "name": "Javisi"}) == Workspace("w", "javisi", "Javisi")
    assert Token.of({"id": "t", "label": "agent-thot", "token": "never"}) == Token("t", "agent-thot")
    ended = {"id": "t", "label": "agent-thot", "description": "by hand", "is_active": False}
    assert Token.of(ended) == Token("t", "agent-thot", "by hand", False)
    assert Invitation.of({"id": "i", "email": "A@B.c", "role": 5}) == Invitation("i", "A@B.c", 5)
    assert WorkItemType.of({"id": "k", "name": "Task", "is_default": True}) == WorkItemType("k", "Task", True)
    assert WorkItemProperty.of({"id": "p", "display_name": "cost", "property_type": "DECIMAL"}) == WorkItemProperty(
        "p", "cost", "DECIMAL"
    )


Maker = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("of", "good", "needed"),
    [
        (Workspace.of, {"id": "w", "slug": "javisi", "name": "Javisi"}, ("id", "slug", "name")),
        (Token.of, {"id": "t", "label": "x"}, ("id", "label")),
        (Invitation.of, {"id": "i", "email": "a@b.c", "role": 5}, ("id", "email", "role")),
        (WorkItemType.of, {"id": "k", "name": "Task"}, ("id", "name")),
        (WorkItemProperty.of, {"id": "p", "display_name": "cost"}, ("id", "display_name")),
        (Project.of, PROJECT, ("id", "name", "identifier")),
        (WorkspaceMember.of_v1, V1_MEMBER, ("id", "email", "display_name", "role")),
        (WorkspaceMember.of_session, MEMBER, ("id", "role")),
        (lambda item: WorkspaceMember.of_session({**MEMBER, "member": item}), MEMBER["member"],
         ("id", "email", "display_name")),
        (lambda item: Instance.of({"instance": item}), INSTANCE, ("edition", "current_version")),
        (State.of, {"id": "s", "name": "Todo", "group": "unstarted"}, ("id", "name", "group")),
        (Label.of, {"id": "l", "name": "bug"}, ("id", "name")),
        (Estimate.of, {"id": "e"}, ("id",)),
        (PropertyOption.of, {"id": "o", "name": "high"}, ("id", "name")),
        (Configuration.of, {"key": "ENABLE_SIGNUP", "value": "1"}, ("key",)),
    ],
    ids=["workspace", "token", "invitation", "type", "property", "project", "v1 member", "member", "inner member",
         "instance", "state", "label", "estimate", "option", "configuration"],
)  # fmt: skip
def test_what_is_needed_is_named_when_it_is_missing(of: Maker, good: dict[str, Any], needed: tuple[str, ...]) -> None:
    assert of(good)
    for name in needed:
        for bad in ({**good, name: None}, {**good, name: []}, {key: good[key] for key in good if key != name}):
            with pytest.raises(PlaneBadAnswer, match=rf"^[A-Za-z ]+: no {name} in Plane's answer$"):
                of(bad)


@pytest.mark.parametrize("answer", [None, {}, "text", 5, {"error": "x"}])
def test_what_is_no_list_is_refused(answer: object) -> None:
    with pytest.raises(PlaneBadAnswer, match=r"^tokens: Plane answered \w+ instead of a list"):
        listed(answer, Token.of, "tokens")


@pytest.mark.parametrize("item", [None, "text", 5, []])
def test_an_item_that_is_no_object_is_refused(item: object) -> None:
    with pytest.raises(PlaneBadAnswer, match=r"^tokens: Plane answered \w+ instead of an object"):
        listed([{"id": "t", "label": "x"}, item], Token.of, "tokens")


@pytest.mark.parametrize("answer", [None, [], "text", {}, {"instance": None}, {"instance": [], "config": {}}])
def test_what_is_no_instance_is_refused(answer: object) -> None:
    with pytest.raises(PlaneBadAnswer, match=r"^the instance: "):
        Instance.of(answer)


@pytest.mark.parametrize("member", [None, "u1", []])
def test_a_member_without_an_account_is_refused(member: object) -> None:
    with pytest.raises(PlaneBadAnswer, match=r"^workspace members: Plane answered \w+ instead of an object"):
        WorkspaceMember.of_session({**MEMBER, "member": member})


def test_a_role_that_is_a_boolean_is_refused() -> None:
    with pytest.raises(PlaneBadAnswer):
        Invitation.of({"id": "i", "email": "a@b.c", "role": True})


# Settings of projects and of the instance


def test_a_project_shows_its_settings() -> None:
    found = Project.of(
        {**PROJECT, "network": 0, "timezone": "UTC", "project_lead": "u1", "default_assignee": None, "estimate": "e1",
         "cycle_view": True, "module_view": False, "issue_views_view": False, "page_view": True, "intake_view": False}
    )  # fmt: skip
    assert (found.network, found.timezone, found.lead, found.default_assignee) == (0, "UTC", "u1", None)
    assert found.estimate == "e1"
    assert (found.cycles, found.modules, found.views, found.pages, found.intake) == (True, False, False, True, False)


def test_what_an_answer_does_not_show_is_neither_on_nor_off() -> None:
    assert Project.of(PROJECT).cycles is None


def test_the_instance_shows_what_is_on() -> None:
    config = {"enable_signup": True, "is_email_password_enabled": False, "is_magic_login_enabled": None, "other": True}
    assert Instance.of({"instance": INSTANCE, "config": config}).config == {
        "ENABLE_SIGNUP": True,
        "ENABLE_EMAIL_PASSWORD": False,
    }


@pytest.mark.parametrize("config", [None, [], "text"])
def test_an_instance_that_shows_nothing_is_on_or_off_nowhere(config: object) -> None:
    assert Instance.of({"instance": INSTANCE, "config": config}).config == {}


@pytest.mark.parametrize(("value", "kept"), [(None, ""), ("", ""), ("1", "1")])
def test_an_instance_setting_without_a_value_is_empty(value: object, kept: str) -> None:
    assert Configuration.of({"key": "EMAIL_HOST", "value": value}).value == kept


def test_an_instance_setting_does_not_show_its_value() -> None:
    assert "hunter2" not in repr(Configuration("EMAIL_HOST_PASSWORD", "hunter2"))


# Custom fields


@pytest.mark.parametrize(
    ("name", "kind", "relation"),
    [("text", "TEXT", None), ("number", "DECIMAL", None), ("boolean", "BOOLEAN", None), ("date", "DATETIME", None),
     ("option", "OPTION", None), ("url", "URL", None), ("email", "EMAIL", None), ("member", "RELATION", "USER")],
)  # fmt: skip
def test_a_custom_field_has_planes_type(name: str, kind: str, relation: str | None) -> None:
    assert field_type(kind, relation) == name
    made = definition("cost estimate", name, is_required=True)
    assert (made["display_name"], made["property_type"], made["is_required"]) == ("cost estimate", kind, True)
    assert ("settings" in made) == (name in ("text", "date"))
    assert made.get("relation_type") == relation


def test_a_type_that_the_settings_do_not_know_has_planes_name() -> None:
    assert field_type("FORMULA", None) == "FORMULA"
    assert field_type("RELATION", "ISSUE") == "RELATION ISSUE"


def test_every_type_of_the_settings_can_be_made() -> None:
    assert all(definition("one", name)["property_type"] for name in FIELD_TYPES)
