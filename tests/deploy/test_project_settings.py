"""Settings of projects: made, kept in line, left alone where they are not named."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.plane import models
from tests.deploy.settled import Settled
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
def configured(target: Target, settled: Settled) -> Target:
    target.data.update(with_project())
    return settled.settle(target)


def test_everything_asked_for_is_made_and_a_second_run_changes_nothing(configured: Target) -> None:
    project = configured.project()
    assert (project.network, project.extra["timezone"]) == (0, "Europe/Berlin")
    assert project.project_lead == configured.user("concierge").id
    assert project.default_assignee == configured.user("thot").id
    switches = ("cycle_view", "module_view", "issue_views_view", "page_view", "intake_view")
    assert [project.extra[name] for name in switches] == [True, True, True, False, True]
    assert project.extra["estimate"] is not None
    assert project.extra["guest_view_all_features"] is True
    assert (project.extra["archive_in"], project.extra["close_in"]) == (3, 12)
    assert project.extra["logo_props"] == {"in_use": "emoji", "emoji": {"value": "128640"}}
    assert project.extra["cover_image"] == "https://images.example.com/cover.png"
    groupings = [(row.kind, row.name) for row in configured.plane.groupings.values() if row.project == project.id]
    assert groupings == [("modules", "Backend"), ("modules", "Frontend"), ("cycles", "Sprint 1")]
    review = states(configured)["Review"]
    assert (review.group, review.color, review.description) == ("started", "#3F76FF", "Somebody looks at it.")
    assert default_states(configured) == ["Todo"]
    assert set(states(configured)) == {"Backlog", "Todo", "In Progress", "Done", "Cancelled", "Review"}
    found = labels(configured)
    assert (found["kind"].color, found["bug"].description) == ("#ff0000", "Broken.")
    assert found["bug"].parent == found["kind"].id
    again = configured.deploy()
    assert again.changed == [] and again.writes == [], again.output
    assert configured.deploy("--dry").plan == []


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


def test_what_differs_is_named_and_brought_in_line(configured: Target) -> None:
    project, found = configured.project(), labels(configured)
    project.network = 2
    project.project_lead = configured.user("cfo").id
    project.extra |= {"cycle_view": False, "timezone": "UTC", "estimate": None}
    states(configured)["Review"].color = "#000000"
    states(configured)["Review"].group = "backlog"
    states(configured)["Todo"].default = False
    states(configured)["Done"].default = True
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
    assert configured.deploy("--dry").plan == plan
    run = configured.deploy()
    assert run.code == 0 and run.plan == plan, run.output
    assert (project.network, project.project_lead) == (0, configured.user("concierge").id)
    assert default_states(configured) == ["Todo"]
    assert labels(configured)["bug"].parent == labels(configured)["kind"].id
    assert configured.deploy().changed == []


def test_what_is_not_named_is_left_alone(configured: Target) -> None:
    project = configured.project()
    project.extra |= {"cycle_view": False, "page_view": True}
    project.description = "By hand."
    states(configured)["Review"].description = "By hand."
    run = configured.deploy("--dry", data={"plane_projects": [{"name": "Onboarding", "identifier": "ONBOARD"}]})
    assert run.plan == [], run.output


def test_nothing_is_deleted_unless_it_is_asked_for(configured: Target) -> None:
    fewer = {"states": SETTINGS["states"][1:], "labels": SETTINGS["labels"][:1]}
    assert configured.deploy("--dry", data=with_project(**fewer)).plan == []
    run = configured.deploy(data=with_project(**fewer, prune=True))
    assert run.code == 0, run.output
    assert run.plan == [
        "- state Backlog of ONBOARD, with any drafts in it",
        "- state In Progress of ONBOARD, with any drafts in it",
        "- state Done of ONBOARD, with any drafts in it",
        "- state Cancelled of ONBOARD, with any drafts in it",
        "- state Review of ONBOARD, with any drafts in it",
        "- label bug of ONBOARD",
    ]
    assert (list(states(configured)), list(labels(configured))) == (["Todo"], ["kind"])
    assert configured.deploy(data=with_project(**fewer, prune=True)).changed == []


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


def test_labels_that_are_named_outlive_the_group_that_a_person_put_them_into(configured: Target) -> None:
    data = with_project(labels=[{"name": "mail"}, {"name": "chat"}])
    assert configured.deploy(data=data).code == 0
    make_group(configured, "mail", "chat", "kind")
    before, item = labels(configured), label_work_item(configured, "mail", "chat", "kind")
    data["plane_projects"][0] |= {"prune": True, "states": []}
    plan = [
        "~ label mail of ONBOARD: out of source",
        "~ label chat of ONBOARD: out of source",
        # What is in a group goes before the group.
        "- label bug of ONBOARD",
        "- label kind of ONBOARD",
        "- label source of ONBOARD",
    ]
    assert sorted(configured.deploy("--dry", data=data).plan) == sorted(plan)
    run = configured.deploy(data=data)
    assert run.code == 0 and sorted(run.plan) == sorted(plan) and run.plan[-3:] == plan[-3:], run.output
    assert labels(configured) == {name: before[name] for name in ("mail", "chat")}
    assert (before["mail"].parent, item.labels) == (None, [before["mail"].id, before["chat"].id])
    assert configured.deploy(data=data).changed == []


def test_a_label_goes_from_a_group_that_is_deleted_into_the_one_that_is_named(configured: Target) -> None:
    make_group(configured, "kind", "bug")
    item = label_work_item(configured, "kind", "bug")
    run = configured.deploy(data=with_project(prune=True, states=[]))
    assert run.code == 0, run.output
    assert run.plan == [
        "~ label bug of ONBOARD: into kind",
        "~ label kind of ONBOARD: out of source",
        "- label source of ONBOARD",
    ]
    found = labels(configured)
    assert found["bug"].parent == found["kind"].id and found["kind"].parent is None
    assert item.labels == [found["kind"].id, found["bug"].id]


def test_labels_in_a_circle_are_deleted(configured: Target) -> None:
    found = labels(configured)
    group = make_group(configured, "bug", "kind")
    group.parent = found["bug"].id
    run = configured.deploy(data=with_project(labels=[{"name": "mail"}], prune=True))
    assert run.code == 0, run.output
    assert list(labels(configured)) == ["mail"]


def test_a_state_with_work_items_is_not_deleted_and_the_line_says_what_to_do(configured: Target) -> None:
    row = models.WorkItem(
        project=configured.project().id,
        name="One",
        state=states(configured)["Review"].id,
        sequence_id=1,
        created_by=None,
    )
    configured.plane.work_items[row.id] = row
    run = configured.deploy(data=with_project(states=SETTINGS["states"][1:], prune=True))
    assert run.code == 1
    assert "Review" in states(configured)
    assert "move its work items to another state" in run.output


def test_a_state_that_is_made_as_the_default_takes_the_mark_by_itself(configured: Target) -> None:
    more = [{"name": "Inbox", "group": "backlog", "default": True}]
    run = configured.deploy(data=with_project(states=more))
    assert run.code == 0 and run.plan == ["+ state Inbox (backlog) of ONBOARD, the default"], run.output
    assert default_states(configured) == ["Inbox"]
    assert configured.deploy(data=with_project(states=more)).changed == []


def test_estimates_are_switched_off_and_kept(configured: Target) -> None:
    run = configured.deploy(data=with_project(estimates=False))
    assert run.plan == ["~ project ONBOARD: estimates off"]
    assert configured.project().extra["estimate"] is None
    run = configured.deploy()
    assert run.plan == ["~ project ONBOARD: estimates on"]
    assert len(configured.plane.estimates) == 1


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
