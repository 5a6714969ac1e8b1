"""Settings of projects: made, kept in line, left alone where they are not named."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.plane import models
from tests.deploy.target import Target

SETTINGS: dict[str, Any] = {
    "name": "Onboarding",
    "identifier": "ONBOARD",
    "network": "secret",
    "timezone": "Europe/Berlin",
    "lead": "concierge",
    "default_assignee": "thot",
    "cycles": True,
    "modules": True,
    "views": True,
    "pages": False,
    "intake": True,
    "guest_view_all_features": True,
    "archive_in": 3,
    "close_in": 12,
    "emoji": "🚀",
    "cover": "https://images.example.com/cover.png",
    "estimates": True,
    "module_names": ["Backend", "Frontend"],
    "cycle_names": ["Sprint 1"],
    "states": [
        {"name": "Review", "group": "started", "color": "#3F76FF", "description": "Somebody looks at it."},
        {"name": "Todo", "group": "unstarted", "default": True},
    ],
    "labels": [
        {"name": "kind", "color": "#ff0000"},
        {"name": "bug", "parent": "kind", "description": "Broken."},
    ],
}


def with_project(**changes: Any) -> dict[str, Any]:
    return {"plane_projects": [{**SETTINGS, **changes}]}


def states(target: Target) -> dict[str, models.State]:
    return {row.name: row for row in target.plane.states_in(target.project().id)}


def labels(target: Target) -> dict[str, models.Label]:
    return {row.name: row for row in target.plane.labels_in(target.project().id)}


def default_states(target: Target) -> list[str]:
    return [name for name, row in states(target).items() if row.default]


@pytest.fixture
def settled(target: Target) -> Target:
    target.data.update(with_project())
    run = target.deploy()
    assert run.code == 0, run.output
    return target


def test_everything_asked_for_is_made_and_a_second_run_changes_nothing(settled: Target) -> None:
    project = settled.project()
    assert (project.network, project.extra["timezone"]) == (0, "Europe/Berlin")
    assert project.project_lead == settled.user("concierge").id
    assert project.default_assignee == settled.user("thot").id
    switches = ("cycle_view", "module_view", "issue_views_view", "page_view", "intake_view")
    assert [project.extra[name] for name in switches] == [True, True, True, False, True]
    assert project.extra["estimate"] is not None
    assert project.extra["guest_view_all_features"] is True
    assert (project.extra["archive_in"], project.extra["close_in"]) == (3, 12)
    assert project.extra["logo_props"] == {"in_use": "emoji", "emoji": {"value": "128640"}}
    assert project.extra["cover_image"] == "https://images.example.com/cover.png"
    groupings = [(row.kind, row.name) for row in settled.plane.groupings.values() if row.project == project.id]
    assert groupings == [("modules", "Backend"), ("modules", "Frontend"), ("cycles", "Sprint 1")]
    review = states(settled)["Review"]
    assert (review.group, review.color, review.description) == ("started", "#3F76FF", "Somebody looks at it.")
    assert default_states(settled) == ["Todo"]
    assert set(states(settled)) == {"Backlog", "Todo", "In Progress", "Done", "Cancelled", "Review"}
    found = labels(settled)
    assert (found["kind"].color, found["bug"].description) == ("#ff0000", "Broken.")
    assert found["bug"].parent == found["kind"].id
    again = settled.deploy()
    assert again.changed == [] and again.writes == [], again.output
    assert settled.deploy("--dry").plan == []


def test_a_secret_project_is_never_public(target: Target) -> None:
    run = target.deploy(data=with_project())
    assert run.code == 0, run.output
    made = [path for method, path in run.requests if method == "POST" and path.endswith("/projects/")]
    # v1 makes public ones alone.
    assert made == ["/api/workspaces/javisi/projects/"]
    assert "+ project ONBOARD (Onboarding): secret, Europe/Berlin, lead concierge@javisi.local, default assignee " \
        "thot@javisi.local, cycles on, modules on, views on, pages off, intake on, guests see everything on, work " \
        "items are archived after 3 months, work items are closed after 12 months, emoji 🚀, cover" \
        in run.plan  # fmt: skip
    for name in ("concierge", "thot", "hermes"):
        assert target.project_membership(name).is_active


def test_what_differs_is_named_and_brought_in_line(settled: Target) -> None:
    project, found = settled.project(), labels(settled)
    project.network = 2
    project.project_lead = settled.user("cfo").id
    project.extra |= {"cycle_view": False, "timezone": "UTC", "estimate": None}
    states(settled)["Review"].color = "#000000"
    states(settled)["Review"].group = "backlog"
    states(settled)["Todo"].default = False
    states(settled)["Done"].default = True
    found["bug"].parent = None
    found["kind"].color = ""
    plan = [
        "~ project ONBOARD: secret",
        "~ project ONBOARD: time zone UTC → Europe/Berlin",
        "~ project ONBOARD: lead concierge@javisi.local",
        "~ project ONBOARD: cycles on",
        "~ project ONBOARD: estimates on",
        "~ state Review of ONBOARD: group backlog → started, colour #000000 → #3F76FF",
        "~ state Todo of ONBOARD: the default",
        "~ state Done of ONBOARD: no longer the default",
        "~ label kind of ONBOARD: colour none → #ff0000",
        "~ label bug of ONBOARD: into kind",
    ]
    assert settled.deploy("--dry").plan == plan
    run = settled.deploy()
    assert run.code == 0 and run.plan == plan, run.output
    assert (project.network, project.project_lead) == (0, settled.user("concierge").id)
    assert default_states(settled) == ["Todo"]
    assert labels(settled)["bug"].parent == labels(settled)["kind"].id
    assert settled.deploy().changed == []


def test_what_is_not_named_is_left_alone(settled: Target) -> None:
    project = settled.project()
    project.extra |= {"cycle_view": False, "page_view": True}
    project.description = "By hand."
    states(settled)["Review"].description = "By hand."
    run = settled.deploy("--dry", data={"plane_projects": [{"name": "Onboarding", "identifier": "ONBOARD"}]})
    assert run.plan == [], run.output


def test_nothing_is_deleted_unless_it_is_asked_for(settled: Target) -> None:
    fewer = {"states": SETTINGS["states"][1:], "labels": SETTINGS["labels"][:1]}
    assert settled.deploy("--dry", data=with_project(**fewer)).plan == []
    run = settled.deploy(data=with_project(**fewer, prune=True))
    assert run.code == 0, run.output
    assert run.plan == [
        "- state Backlog of ONBOARD, with any drafts in it",
        "- state In Progress of ONBOARD, with any drafts in it",
        "- state Done of ONBOARD, with any drafts in it",
        "- state Cancelled of ONBOARD, with any drafts in it",
        "- state Review of ONBOARD, with any drafts in it",
        "- label bug of ONBOARD",
    ]
    assert (list(states(settled)), list(labels(settled))) == (["Todo"], ["kind"])
    assert settled.deploy(data=with_project(**fewer, prune=True)).changed == []


def make_group(target: Target, *members: str) -> models.Label:
    """What a person does in the app: a group `source`, and labels that are dragged into it."""
    group = models.Label(project=target.project().id, name="source", created_by=None)
    target.plane.labels[group.id] = group
    for name in members:
        labels(target)[name].parent = group.id
    return group


def label_work_item(target: Target, *names: str) -> models.WorkItem:
    row = models.WorkItem(
        project=target.project().id,
        name="One",
        state=states(target)["Todo"].id,
        sequence_id=1,
        labels=[labels(target)[name].id for name in names],
        created_by=None,
    )
    target.plane.work_items[row.id] = row
    return row


def test_labels_that_are_named_outlive_the_group_that_a_person_put_them_into(settled: Target) -> None:
    data = with_project(labels=[{"name": "mail"}, {"name": "chat"}])
    assert settled.deploy(data=data).code == 0
    make_group(settled, "mail", "chat", "kind")
    before, item = labels(settled), label_work_item(settled, "mail", "chat", "kind")
    data["plane_projects"][0] |= {"prune": True, "states": []}
    plan = [
        "~ label mail of ONBOARD: out of source",
        "~ label chat of ONBOARD: out of source",
        # What is in a group goes before the group.
        "- label bug of ONBOARD",
        "- label kind of ONBOARD",
        "- label source of ONBOARD",
    ]
    assert sorted(settled.deploy("--dry", data=data).plan) == sorted(plan)
    run = settled.deploy(data=data)
    assert run.code == 0 and sorted(run.plan) == sorted(plan) and run.plan[-3:] == plan[-3:], run.output
    assert labels(settled) == {name: before[name] for name in ("mail", "chat")}
    assert (before["mail"].parent, item.labels) == (None, [before["mail"].id, before["chat"].id])
    assert settled.deploy(data=data).changed == []


def test_a_label_goes_from_a_group_that_is_deleted_into_the_one_that_is_named(settled: Target) -> None:
    make_group(settled, "kind", "bug")
    item = label_work_item(settled, "kind", "bug")
    run = settled.deploy(data=with_project(prune=True, states=[]))
    assert run.code == 0, run.output
    assert run.plan == [
        "~ label bug of ONBOARD: into kind",
        "~ label kind of ONBOARD: out of source",
        "- label source of ONBOARD",
    ]
    found = labels(settled)
    assert found["bug"].parent == found["kind"].id and found["kind"].parent is None
    assert item.labels == [found["kind"].id, found["bug"].id]


def test_labels_in_a_circle_are_deleted(settled: Target) -> None:
    found = labels(settled)
    group = make_group(settled, "bug", "kind")
    group.parent = found["bug"].id
    run = settled.deploy(data=with_project(labels=[{"name": "mail"}], prune=True))
    assert run.code == 0, run.output
    assert list(labels(settled)) == ["mail"]


def test_a_state_with_work_items_is_not_deleted_and_the_line_says_what_to_do(settled: Target) -> None:
    row = models.WorkItem(
        project=settled.project().id, name="One", state=states(settled)["Review"].id, sequence_id=1, created_by=None
    )
    settled.plane.work_items[row.id] = row
    run = settled.deploy(data=with_project(states=SETTINGS["states"][1:], prune=True))
    assert run.code == 1
    assert "Review" in states(settled)
    assert "move its work items to another state" in run.output


def test_a_state_that_is_made_as_the_default_takes_the_mark_by_itself(settled: Target) -> None:
    more = [{"name": "Inbox", "group": "backlog", "default": True}]
    run = settled.deploy(data=with_project(states=more))
    assert run.code == 0 and run.plan == ["+ state Inbox (backlog) of ONBOARD, the default"], run.output
    assert default_states(settled) == ["Inbox"]
    assert settled.deploy(data=with_project(states=more)).changed == []


def test_estimates_are_switched_off_and_kept(settled: Target) -> None:
    run = settled.deploy(data=with_project(estimates=False))
    assert run.plan == ["~ project ONBOARD: estimates off"]
    assert settled.project().extra["estimate"] is None
    run = settled.deploy()
    assert run.plan == ["~ project ONBOARD: estimates on"]
    assert len(settled.plane.estimates) == 1


def test_a_lead_who_is_not_there_is_one_line(target: Target) -> None:
    run = target.deploy(data=with_project(lead="boss@example.com"))
    assert run.code == 1
    assert "boss@example.com is not in the workspace javisi; add it to plane_agents, or invite it" in run.output
    assert "Traceback" not in run.output


def test_a_name_that_plane_refuses_is_refused_before_anything_is_sent(target: Target) -> None:
    assert target.deploy().code == 0
    run = target.deploy("--dry", data=with_project(name="R&D", identifier="RND"))
    assert any("! would fail: the project name R&D contains &" in note for note in run.notes), run.output


def test_a_time_zone_that_plane_does_not_know_is_one_line(target: Target) -> None:
    run = target.deploy(data=with_project(network=None, timezone="Europe/Berln"))
    assert run.code == 1
    assert "plane_projects[0].timezone must be a time zone; did you mean Europe/Berlin?" in run.output
    assert [row.identifier for row in target.plane.projects.values() if row.identifier == "ONBOARD"] == []
