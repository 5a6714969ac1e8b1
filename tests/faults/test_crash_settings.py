"""Given a run that dies while settings of the instance and of a project are made, the next one finishes them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sandbox.plane import models
from tests.deploy.conftest import NewTarget
from tests.deploy.target import Target
from tests.deploy.test_project_settings import SETTINGS
from tests.faults.conftest import NewTargets, Say
from tests.faults.cuts import deploy_all, hold_request, killed_when_all_are_held, kinds_of_requests, places
from tests.sampled import chosen, dealt, shares

DATA: dict[str, Any] = {
    "plane_agents": [{"name": "concierge", "role": "admin"}, {"name": "thot"}],
    "plane_projects": [{**SETTINGS, "custom_fields": [{"name": "agent_id", "type": "text"}]}],
    "plane_custom_fields_unsupported": "labels",
    "plane_instance_config": {"ENABLE_SIGNUP": "0", "EMAIL_HOST": "smtp.example.com"},
}

SHARES = 2


def settings(target: Target) -> dict[str, Any]:
    """All that was asked for beyond accounts, without ids."""
    plane = target.plane
    projects = [row for row in plane.projects.values() if row.identifier == "ONBOARD"]
    names = {row.id: row.name for row in plane.labels.values()}
    return {
        "instance": [plane.configurations[name].value for name in ("ENABLE_SIGNUP", "EMAIL_HOST")],
        "projects": [_project(target, row) for row in projects],
        "states": sorted((row.name, row.group, row.color, row.default) for row in _of(plane.states, projects)),
        "labels": sorted((row.name, row.color, names.get(row.parent or "")) for row in _of(plane.labels, projects)),
        "estimates": len(plane.estimates),
    }


def _of(rows: dict[str, Any], projects: list[models.Project]) -> list[Any]:
    ids = {project.id for project in projects}
    return [row for row in rows.values() if row.project in ids]


def _project(target: Target, row: models.Project) -> tuple[object, ...]:
    people = [target.plane.users[user].email for user in (row.project_lead, row.default_assignee) if user]
    switches = {name: value for name, value in row.extra.items() if name.endswith("_view")}
    return row.network, row.extra["timezone"], people, switches, row.extra["estimate"] is not None


@pytest.mark.sampled
@pytest.mark.parametrize("share", shares(SHARES))
def test_killed_around_any_request_that_makes_settings(
    share: int, new_target: NewTarget, new_targets: NewTargets, say: Say
) -> None:
    begun_at = time.monotonic()
    undisturbed = new_target(**DATA)
    run = undisturbed.deploy(operation="deploy.provisioning")
    assert run.code == 0, run.output
    wanted = settings(undisturbed)
    first = run.requests.index(("POST", "/api/workspaces/javisi/projects/")) + 1
    everywhere = [
        cut
        for cut in places("request", len(run.requests))
        # What reads cannot leave anything half done; the settings of the instance are made early.
        if run.requests[cut.nth - 1][0] != "GET" and (cut.nth >= first or "config" in run.requests[cut.nth - 1][1])
    ]
    kinds = kinds_of_requests(list(undisturbed.host.plane.requests))
    cuts = dealt(chosen("faults: around settings", everywhere, kinds=kinds), share, shares(SHARES))
    targets = new_targets(len(cuts), **DATA)
    killed_when_all_are_held(targets, [hold_request(target, cut) for target, cut in zip(targets, cuts, strict=True)])
    again = deploy_all(targets)
    found = {str(cut): settings(target) for cut, target in zip(cuts, targets, strict=True)}
    assert {cut: one for cut, one in found.items() if one != wanted} == {}, again.output
    assert again.code == 0, again.output
    assert deploy_all(targets).plan == []
    say(f"killed around {len(cuts)} of {len(everywhere)} places where settings are made, "
        f"{time.monotonic() - begun_at:.0f} s")  # fmt: skip
