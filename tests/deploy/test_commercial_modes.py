"""The ways in which a commercial edition has custom fields, or refuses them. From the facts, not recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pyinfra_plane.api.estimates import FIBONACCI
from sandbox.plane.faults import EDITION_REFUSALS, answered
from tests.deploy.conftest import NewTarget
from tests.deploy.settled import Settled
from tests.deploy.target import AGENTS, Run, Target

NAMES = ["agent_id", "cost_estimate", "confidence_score", "session_id"]
FIELDS = ["agent_id (text)", "cost_estimate (number)", "confidence_score (number)", "session_id (text)"]
FORBIDDEN = answered(403, '{"detail": "You do not have permission to perform this action."}')
NOT_FOUND = answered(404, '{"error": "Page not found."}')


def project(*fields: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "plane_projects": [{"name": "Onboarding", "identifier": "ONBOARD", "custom_fields": list(fields), **changes}]
    }


def fields(target: Target) -> set[str]:
    return {row.display_name for row in target.plane.work_item_properties.values()}


def types(target: Target) -> set[str]:
    return {row.name for row in target.plane.work_item_types_in(target.project().id)}


def previewed_and_run(target: Target, data: dict[str, Any] | None = None) -> Run:
    """A run that does what its preview said, after which another changes nothing."""
    target.host.plane.forget_throttles()
    preview = target.deploy("--dry", data=data)
    run = target.deploy(data=data)
    assert run.code == 0 and run.plan == preview.plan, (preview.output, run.output)
    again = target.deploy(data=data)
    assert again.changed == [] and again.writes == [] and again.plan == [], again.output
    return run


# A workspace that owns work item types


@pytest.fixture
def governed(new_target: NewTarget) -> Target:
    return new_target("governed")


def test_fields_are_made_in_the_workspace_and_the_project_imports_their_type(governed: Target) -> None:
    run = governed.deploy()
    assert run.code == 0 and run.notes == [], run.output
    assert [line for line in run.plan if "custom field" in line or "work item type" in line] == [
        *(f"+ custom field {field} of ONBOARD" for field in FIELDS),
        "~ project ONBOARD: work item type Task of the workspace javisi",
    ]
    [kind] = governed.plane.work_item_types_in(governed.project().id)
    assert [row.display_name for row in governed.plane.properties_of(kind.id)] == NAMES
    assert kind.workspace == governed.workspace().id
    again = governed.deploy()
    assert again.changed == [] and again.writes == [], again.output

    # What a person took out of the type, or deleted, comes back as the preview says.
    kind.properties = kind.properties[1:]
    rows = governed.plane.work_item_properties
    for row in [row for row in rows.values() if row.display_name == "session_id"]:
        del rows[row.id]
    kind.properties = [key for key in kind.properties if key in rows]
    kind.project_ids.clear()
    run = previewed_and_run(governed)
    assert run.plan == [
        "~ custom field agent_id of ONBOARD: into the work item type Task",
        "+ custom field session_id (text) of ONBOARD",
        "~ project ONBOARD: work item type Task of the workspace javisi",
    ]
    assert {row.display_name for row in governed.plane.properties_of(kind.id)} == set(NAMES)


def test_a_workspaces_fields_are_brought_in_line_and_never_pruned(governed: Target) -> None:
    size = {"name": "size", "type": "option", "options": ["S", "M"], "default": "M"}
    note = {"name": "note", "type": "text"}
    run = governed.deploy(data=project(size, note, work_item_type="Report"))
    assert run.code == 0, run.output
    assert "+ work item type Report in the workspace javisi" in run.plan
    assert types(governed) == {"Report"}
    changed = project({**size, "options": ["S", "L"], "default": "L"}, work_item_type="Report", prune=True)
    run = previewed_and_run(governed, changed)
    assert run.plan == ["+ option L of custom field size of ONBOARD"]
    assert run.notes == ["! custom fields of ONBOARD not in plane_projects (note): kept, because javisi owns them"]
    assert fields(governed) == {"size", "note"}
    other = project({**note, "type": "number"}, work_item_type="Report")
    run = governed.deploy(data=other)
    assert run.changed == []
    assert run.notes == [
        "! custom field note of ONBOARD is of type text, not number; Plane cannot change a type, so the field stays "
        "unchanged"
    ]


SHARED: dict[str, Any] = {
    "plane_projects": [
        {"name": f"Area {i}", "identifier": f"A{i}", "custom_fields": [{"name": "origin", "type": "text"}]}
        for i in (1, 2)
    ]
}


def test_projects_share_a_workspaces_type_and_its_fields(governed: Target) -> None:
    run = governed.deploy(data=SHARED)
    assert run.code == 0, run.output
    assert [line for line in run.plan if "custom field" in line] == ["+ custom field origin (text) of A1"]
    [kind] = governed.plane.work_item_types.values()
    assert kind.project_ids == [governed.project("A1").id, governed.project("A2").id]
    again = governed.deploy(data=SHARED)
    assert again.changed == [] and again.writes == [], again.output


def test_who_may_not_change_the_workspaces_fields_is_told_so_in_one_line(governed: Target) -> None:
    governed.host.plane.faults.add(FORBIDDEN, method="POST", path="/workspaces/javisi/work-item-")
    run = governed.deploy()
    assert run.code == 0, run.output
    [note] = run.notes
    assert note.startswith("! custom fields of ONBOARD (agent_id, cost_estimate, confidence_score, session_id): ")
    assert "the account of the deploy may not change them" in note and "make it an admin of the workspace" in note
    assert not [line for line in run.plan if "custom field" in line] and fields(governed) == set()
    assert len([path for _, path in run.writes if "/work-item-" in path]) == 1
    run = governed.deploy(data={"plane_custom_fields_unsupported": "fail"})
    assert run.code == 1 and "may not change them" in run.output and "Traceback" not in run.output
    governed.host.plane.faults.clear()
    previewed_and_run(governed)
    assert fields(governed) == set(NAMES)


# Refused writes


@pytest.fixture(scope="module")
def finished_commercial(new_target: NewTarget, settled: Settled) -> Target:
    target = new_target("commercial")
    settled.settle(target)
    return target


@pytest.fixture
def lacking(finished_commercial: Target) -> Iterator[Target]:
    """A commercial edition that lacks two fields."""
    target = finished_commercial
    target.host.plane.forget_throttles()
    rows = target.plane.work_item_properties
    for row in [row for row in rows.values() if row.display_name in ("cost_estimate", "session_id")]:
        del rows[row.id]
    yield target
    target.host.plane.faults.clear()


PLAN = "this Plane's plan (%s)"
WORDS = {
    "managed": "projects of javisi, because the workspace manages them (This is managed by the workspace.)",
    "migrating": "the workspace javisi while Plane migrates it (Try again later.); run again once that is done",
    "upgrade": PLAN % "Upgrade your plan to use this feature.",
    "payment": PLAN % "Payment required",
    "absent": PLAN % "Page not found.",
}


@pytest.mark.parametrize("kind", EDITION_REFUSALS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_the_edition_refuses_is_decided_by_the_setting(lacking: Target, kind: str, method: str) -> None:
    lacking.host.plane.faults.add(EDITION_REFUSALS[kind], method=method, path="/work-item-properties/$")
    names = ", ".join(NAMES)
    for arguments in ((), ("--dry",)) if method == "GET" else ((),):
        run = lacking.deploy(*arguments)
        assert run.code == 0 and run.plan == [], run.output
        assert run.notes == [
            f"! custom fields of ONBOARD ({names}): not available in {WORDS[kind]}; "
            'set plane_custom_fields_unsupported = "labels" to use labels for agent_id instead'
        ]
        assert run.output.count("not available in") == 1
    # Not tried again for the second field.
    assert len([path for _, path in run.writes if "/work-item-" in path]) == (method == "POST")
    run = lacking.deploy(data={"plane_custom_fields_unsupported": "fail"})
    assert run.code == 1 and run.plan == [] and "Traceback" not in run.output, run.output
    assert f"custom fields of ONBOARD ({names}): not available in {WORDS[kind]}; remove them" in run.output


def test_labels_stand_in_where_a_write_is_refused(lacking: Target) -> None:
    lacking.host.plane.faults.add(EDITION_REFUSALS["payment"], method="POST", path="/work-item-properties/$")
    data = {"plane_custom_fields_unsupported": "labels"}
    run = lacking.deploy(data=data)
    assert run.code == 0 and "+ label agent_id of ONBOARD" in run.plan, run.output
    assert not [line for line in run.plan if "custom field" in line]
    rows = {row.name: row for row in lacking.plane.labels_in(lacking.project().id)}
    assert {name for name, row in rows.items() if row.parent == rows["agent_id"].id} == set(AGENTS)
    run = lacking.deploy(data=data)
    assert run.code == 0 and run.plan == [] and len(run.notes) == 1, run.output


def test_what_somebody_has_just_deleted_is_no_missing_feature(lacking: Target) -> None:
    agent_id = {"name": "agent_id", "type": "text", "description": "Who."}
    lacking.host.plane.faults.add(NOT_FOUND, method="PATCH", path="/work-item-properties/")
    run = lacking.deploy(data=project(agent_id))
    assert run.code == 1 and "404 Page not found." in run.output and "not available" not in run.output


@pytest.mark.parametrize(
    ("kind", "advice"),
    [("managed", "the workspace javisi manages these for its projects"), ("migrating", "run again once that is done")],
)
@pytest.mark.parametrize("setting", ["states", "labels"])
def test_states_and_labels_that_the_workspace_owns_are_told_of(
    lacking: Target, setting: str, kind: str, advice: str
) -> None:
    lacking.host.plane.faults.add(EDITION_REFUSALS[kind], method="POST", path=f"/{setting}/$")
    wanted = {"states": [{"name": "Checked", "group": "completed"}], "labels": [{"name": "bug"}]}[setting]
    run = lacking.deploy(data=project(**{setting: wanted}))
    assert run.code == 1 and advice in run.output and "Traceback" not in run.output, run.output
    assert not [line for line in run.plan if line.startswith("+ ")], run.output


def test_a_workspace_that_says_so_keeps_its_states_and_labels(lacking: Target) -> None:
    lacking.plane.workspaces_own_states = True
    wanted = project(states=[{"name": "Checked", "group": "completed"}], labels=[{"name": "bug"}, {"name": "idea"}])
    preview = lacking.deploy("--dry", data=wanted)
    run = lacking.deploy(data=wanted)
    for each in (preview, run):
        assert each.code == 0 and not [line for line in each.plan if "Checked" in line or "label" in line], each.output
        owned = [note for note in each.notes if "the workspace javisi owns them" in note]
        assert [note.partition(":")[0] for note in owned] == ["! states of ONBOARD", "! labels of ONBOARD"], each.output
        assert "so 2 of the settings have no effect" in owned[1]
    assert not [path for _, path in run.writes if "/states/" in path or "/labels/" in path]


# Types that are switched on


def test_no_default_type_appears_and_one_is_made(new_target: NewTarget) -> None:
    target = new_target("commercial")
    target.plane.makes_default_type = False
    run = target.deploy()
    assert run.code == 0 and "~ project ONBOARD: work item types on" in run.plan, run.output
    [kind] = target.plane.work_item_types.values()
    assert (kind.name, kind.is_default) == ("Task", False)
    assert fields(target) == set(NAMES)
    again = target.deploy()
    assert again.changed == [] and again.writes == [], again.output

    # As a run left it that ended between the two.
    target.plane.work_item_types.clear()
    target.plane.work_item_properties.clear()
    run = previewed_and_run(target)
    assert run.plan == ["+ work item type Task in ONBOARD", *(f"+ custom field {field} of ONBOARD" for field in FIELDS)]

    # The project's setting names another.
    run = previewed_and_run(target, project({"name": "agent_id", "type": "text"}, work_item_type="Report"))
    assert "+ work item type Report in ONBOARD" in run.plan and types(target) == {"Task", "Report"}


def test_a_default_type_that_appears_is_not_made_again(new_target: NewTarget, settled: Settled) -> None:
    target = new_target("commercial")
    data = project({"name": "agent_id", "type": "text"}, work_item_type="Task")
    settled.settle(target, data=data)
    assert [row.name for row in target.plane.work_item_types.values()] == ["Task"]
    assert target.deploy(data=data).changed == []


def test_types_are_switched_on_by_the_features_and_in_older_versions_by_the_project(new_target: NewTarget) -> None:
    target = new_target("commercial")
    run = target.deploy()
    path = f"/api/v1/workspaces/javisi/projects/{target.project().id}/"
    assert ("PATCH", f"{path}features/") in run.writes and ("PATCH", path) not in run.writes, run.output

    for table in (target.plane.work_item_types, target.plane.work_item_properties):
        table.clear()
    target.project().is_issue_type_enabled = False
    target.host.plane.faults.add(NOT_FOUND, path="/features/$")
    run = previewed_and_run(target)
    assert run.plan[0] == "~ project ONBOARD: work item types on"
    assert ("PATCH", path) in run.writes and fields(target) == set(NAMES)


def test_the_community_edition_is_not_asked_for_features(target: Target) -> None:
    run = target.deploy()
    assert run.code == 0 and not [path for _, path in run.requests if "/features/" in path]


# What v1 has of what only a session may do in the Community Edition


SIGN_IN = ("POST", "/auth/sign-in/")
ESTIMATES = project(estimates=True)


def points(target: Target) -> list[str]:
    """The points of the estimates that are in use."""
    return [row.value for row in target.plane.points_of(target.project().extra["estimate"])]


def test_estimates_are_switched_without_a_sign_in(finished_commercial: Target) -> None:
    target = finished_commercial
    run = previewed_and_run(target, ESTIMATES)
    assert run.plan == ["~ project ONBOARD: estimates on"] and SIGN_IN not in run.requests, run.output
    assert sorted(points(target), key=int) == list(FIBONACCI)

    # Switched off and on they are the same; those that an interrupted run left without points get them.
    first = target.project().extra["estimate"]
    assert previewed_and_run(target, project(estimates=False)).plan == ["~ project ONBOARD: estimates off"]
    target.plane.estimate_points.clear()
    run = previewed_and_run(target, ESTIMATES)
    assert SIGN_IN not in run.requests and target.project().extra["estimate"] == first
    assert sorted(points(target), key=int) == list(FIBONACCI)


def test_estimates_are_switched_in_a_session_where_v1_has_none(finished_commercial: Target) -> None:
    target = finished_commercial
    assert target.deploy(data=project(estimates=False)).code == 0
    target.plane.estimates.clear()
    target.host.plane.faults.add(NOT_FOUND, path="/api/v1/.*/estimates/$")
    run = previewed_and_run(target, ESTIMATES)
    target.host.plane.faults.clear()
    assert run.requests.count(SIGN_IN) == 1 and sorted(points(target), key=int) == list(FIBONACCI), run.output


GONE = {"plane_agents": [{"name": "concierge", "role": "admin"}, {"name": "thot", "present": False}]}
REMOVAL = ("POST", "/api/v1/workspaces/javisi/members/remove/")
UNKNOWN = (
    "! the deploy does not know the password of thot@javisi.local: its tokens stay valid, but give no access to javisi"
)


def test_an_agent_is_removed_without_a_session_of_an_admin(new_target: NewTarget, settled: Settled) -> None:
    target = new_target("commercial")
    settled.settle(target)
    run = previewed_and_run(target, GONE)
    assert run.plan == ["- member thot@javisi.local, every token agent-thot"]
    # As thot, to revoke its tokens.
    assert run.requests.count(SIGN_IN) == 1 and REMOVAL in run.requests, run.output
    assert not target.membership("thot").is_active and "thot" not in target.tokens


def test_an_agent_whose_password_nobody_knows_is_removed_by_an_api_token(
    new_target: NewTarget, settled: Settled
) -> None:
    target = new_target("commercial")
    settled.settle(target)
    alone = {"PLANE_ADMIN_PASSWORD": None, "PLANE_ADMIN_API_TOKEN": target.tokens["concierge"]}
    others = {
        "PLANE_CONCIERGE_PASSWORD": "an0ther-Battery-Staple-7",
        "PLANE_AGENT_PASSWORD_SEED": "an0ther-seed-of-all-8",
    }
    run = target.deploy(data=GONE, secrets={**alone, **others})
    # By both derivations of the password.
    assert run.code == 0 and UNKNOWN in run.notes and run.requests.count(SIGN_IN) == 2, run.output
    assert not target.membership("thot").is_active and "thot" not in target.tokens
    again = target.deploy(data=GONE, secrets={**alone, **others})
    assert again.changed == [] and again.writes == [], again.output


def test_a_session_removes_an_agent_where_v1_does_not(new_target: NewTarget, settled: Settled) -> None:
    target = new_target("commercial")
    settled.settle(target)
    target.host.plane.faults.add(NOT_FOUND, path="/members/remove/$")
    target.host.plane.faults.add(NOT_FOUND, path="/members-lite/$")
    run = target.deploy(data=GONE)
    assert run.code == 0 and run.requests.count(SIGN_IN) == 2, run.output
    assert not target.membership("thot").is_active and "thot" not in target.tokens
