"""Custom fields, in the editions that have them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.conftest import NewTarget
from tests.deploy.target import AGENTS, Target

FIELDS = ["agent_id (text)", "cost_estimate (number)", "confidence_score (number)", "session_id (text)"]


@pytest.fixture
def commercial(new_target: NewTarget) -> Target:
    return new_target("commercial")


def properties(target: Target) -> dict[str, str]:
    return {row.display_name: row.property_type for row in target.plane.work_item_properties.values()}


def test_the_four_fields_arrive_and_stay(commercial: Target) -> None:
    run = commercial.deploy()
    assert run.code == 0, run.output
    assert "~ project ONBOARD: work item types on" in run.plan
    assert [line for line in run.plan if "custom field" in line] == [
        f"+ custom field {field} of ONBOARD" for field in FIELDS
    ]
    assert properties(commercial) == {
        "agent_id": "TEXT",
        "cost_estimate": "DECIMAL",
        "confidence_score": "DECIMAL",
        "session_id": "TEXT",
    }
    again = commercial.deploy()
    assert again.changed == [] and again.writes == [], again.output


def test_a_missing_field_is_named_and_made(commercial: Target) -> None:
    assert commercial.deploy().code == 0
    rows = commercial.plane.work_item_properties
    for row in [row for row in rows.values() if row.display_name == "session_id"]:
        del rows[row.id]
    assert commercial.deploy("--dry").plan == ["+ custom field session_id (text) of ONBOARD"]
    assert commercial.deploy().code == 0
    assert properties(commercial)["session_id"] == "TEXT"


def test_a_field_of_another_type_is_reported_and_left(commercial: Target) -> None:
    assert commercial.deploy().code == 0
    fields = [{"name": "agent_id", "type": "number"}]
    project = {"name": "Onboarding", "identifier": "ONBOARD", "custom_fields": fields}
    run = commercial.deploy(data={"plane_projects": [project]})
    assert run.code == 0, run.output
    assert run.notes == [
        "! custom field agent_id of ONBOARD is of type text, not number; Plane cannot change a type, so the field "
        "stays unchanged"
    ]
    assert run.changed == []
    assert properties(commercial)["agent_id"] == "TEXT"


def test_a_work_item_type_by_name_is_made_and_gets_the_fields(commercial: Target) -> None:
    project = {
        "name": "Onboarding",
        "identifier": "ONBOARD",
        "work_item_type": "Report",
        "custom_fields": [{"name": "agent_id", "type": "text"}],
    }
    run = commercial.deploy(data={"plane_projects": [project]})
    assert run.code == 0, run.output
    assert "+ work item type Report in ONBOARD" in run.plan
    [row] = commercial.plane.work_item_properties.values()
    assert commercial.plane.work_item_types[row.issue_type].name == "Report"
    assert commercial.deploy(data={"plane_projects": [project]}).changed == []


FIELDS_OF_ALL_TYPES: list[dict[str, Any]] = [
    {"name": "note", "type": "text", "description": "What is to be said.", "default": "none yet"},
    {"name": "cost", "type": "number", "default": 2.5},
    {"name": "done", "type": "boolean", "default": False},
    {"name": "due", "type": "date", "default": "2026-12-31"},
    {"name": "size", "type": "option", "options": ["S", "M", "L"], "default": "M"},
    {"name": "tags", "type": "option", "options": ["a", "b"], "multiple": True},
    {"name": "link", "type": "url", "required": True},
    {"name": "mail", "type": "email"},
    {"name": "owner", "type": "member", "default": "cfo"},
]


def with_fields(*fields: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "plane_projects": [{"name": "Onboarding", "identifier": "ONBOARD", "custom_fields": list(fields), **changes}]
    }


def prop(target: Target, name: str) -> Any:
    return next(row for row in target.plane.work_item_properties.values() if row.display_name == name)


def options(target: Target, name: str) -> dict[str, bool]:
    return {option.name: option.is_default for option in prop(target, name).options}


def test_every_type_arrives_with_all_that_was_asked_for(commercial: Target) -> None:
    data = with_fields(*FIELDS_OF_ALL_TYPES)
    run = commercial.deploy(data=data)
    assert run.code == 0, run.output
    assert [row.property_type for row in commercial.plane.work_item_properties.values()] == [
        "TEXT", "DECIMAL", "BOOLEAN", "DATETIME", "OPTION", "OPTION", "URL", "EMAIL", "RELATION",
    ]  # fmt: skip
    assert prop(commercial, "note").description == "What is to be said."
    assert (prop(commercial, "note").default_value, prop(commercial, "cost").default_value) == (["none yet"], ["2.5"])
    assert (prop(commercial, "link").is_required, prop(commercial, "note").is_required) == (True, False)
    assert options(commercial, "size") == {"S": False, "M": True, "L": False}
    assert prop(commercial, "tags").is_multi
    assert prop(commercial, "owner").relation_type == "USER"
    assert prop(commercial, "owner").default_value == [commercial.user("cfo").id]
    again = commercial.deploy(data=data)
    assert again.changed == [] and again.writes == [], again.output


def test_what_differs_in_a_field_is_brought_in_line_and_nothing_is_deleted(commercial: Target) -> None:
    assert commercial.deploy(data=with_fields(*FIELDS_OF_ALL_TYPES)).code == 0
    data = with_fields(
        {"name": "note", "type": "text", "description": "Another.", "default": "some"},
        {"name": "mail", "type": "email", "required": True},
        {"name": "size", "type": "option", "options": ["M", "XL"], "default": "XL"},
    )
    plan = [
        "~ custom field note of ONBOARD: description, default some",
        "~ custom field mail of ONBOARD: required",
        "~ option M of custom field size of ONBOARD: no longer the default",
        "+ option XL of custom field size of ONBOARD",
    ]
    assert commercial.deploy("--dry", data=data).plan == plan
    run = commercial.deploy(data=data)
    assert run.code == 0 and run.plan == plan, run.output
    note = prop(commercial, "note")
    assert (note.description, note.default_value, prop(commercial, "mail").is_required) == ("Another.", ["some"], True)
    assert options(commercial, "size") == {"S": False, "M": False, "L": False, "XL": True}
    assert len(commercial.plane.work_item_properties) == len(FIELDS_OF_ALL_TYPES)
    assert commercial.deploy(data=data).changed == []


def test_fields_and_options_that_are_not_named_are_deleted_when_pruned(commercial: Target) -> None:
    assert commercial.deploy(data=with_fields(*FIELDS_OF_ALL_TYPES)).code == 0
    data = with_fields({"name": "size", "type": "option", "options": ["M"]}, prune=True)
    run = commercial.deploy(data=data)
    assert run.code == 0, run.output
    assert "- custom field note of ONBOARD" in run.plan and "- option S of custom field size of ONBOARD" in run.plan
    assert properties(commercial) == {"size": "OPTION"}
    assert list(options(commercial, "size")) == ["M"]
    assert commercial.deploy(data=data).changed == []


def test_a_field_that_holds_one_value_is_reported_where_several_are_wanted(commercial: Target) -> None:
    field = {"name": "size", "type": "option", "options": ["S"]}
    assert commercial.deploy(data=with_fields(field)).code == 0
    run = commercial.deploy(data=with_fields({**field, "multiple": True}))
    assert run.notes == [
        "! custom field size of ONBOARD holds one value; Plane cannot change that, so the field stays unchanged"
    ]
    assert run.changed == []


# Community Edition


def test_without_custom_fields_nothing_is_written_where_they_are_a_must(target: Target) -> None:
    before = target.snapshot()
    for mode in ("--dry", "-v"):
        run = target.deploy(mode, data={"plane_custom_fields_unsupported": "fail"})
        assert "Plane Community Edition 1.2.0 has no custom fields (ONBOARD)" in run.output
        assert "Traceback" not in run.output
    assert run.code == 1
    assert target.snapshot() == before


def test_a_must_is_checked_again_once_plane_answers(target: Target) -> None:
    run = target.deploy(data={"plane_custom_fields_unsupported": "fail", "plane_api_container": "not-there"})
    assert run.code == 1
    assert "! custom fields: Plane does not answer yet" in run.output


def test_fields_that_no_labels_can_replace_are_to_be_removed(target: Target) -> None:
    run = target.deploy("--dry", data=with_fields({"name": "cost_estimate", "type": "number"}))
    [note] = [note for note in run.notes if note.startswith("! custom fields of ONBOARD (cost_estimate)")]
    assert note.endswith("not available in Plane Community Edition 1.2.0; remove them from plane_projects")


def test_labels_stand_in_for_the_agents_and_for_options(target: Target) -> None:
    fields: list[dict[str, Any]] = [
        {"name": "agent_id", "type": "text"},
        {"name": "cost_estimate", "type": "number"},
        {"name": "size", "type": "option", "options": ["S", "M"]},
    ]
    data = {**with_fields(*fields), "plane_custom_fields_unsupported": "labels"}
    run = target.deploy(data=data)
    assert run.code == 0, run.output
    [note] = run.notes
    assert "(cost_estimate): not available in Plane Community Edition" in note
    assert "labels cannot replace them" in note
    rows = {row.name: row for row in target.plane.labels_in(target.project().id)}
    assert {name for name, row in rows.items() if row.parent == rows["agent_id"].id} == set(AGENTS)
    assert {name for name, row in rows.items() if row.parent == rows["size"].id} == {"S", "M"}
    assert target.deploy(data=data).changed == []
    pruned = with_fields(*fields, labels=[{"name": "bug"}], prune=True) | {"plane_custom_fields_unsupported": "labels"}
    assert target.deploy(data=pruned).plan == ["+ label bug of ONBOARD"]
    rows["thot"].parent, rows["S"].parent = None, rows["agent_id"].id
    run = target.deploy(data=pruned)
    assert run.plan == ["~ label thot of ONBOARD: into agent_id", "~ label S of ONBOARD: into size"]
    assert rows["thot"].id in {row.id for row in target.plane.labels_in(target.project().id)}
