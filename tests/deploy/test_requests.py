"""How many requests a run sends: as many as there are things to change and agents to ask, and none twice."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.deploy.conftest import NewTarget
from tests.deploy.target import AGENTS, Run, Target

PROJECTS = "/api/v1/workspaces/javisi/projects/"

THREE = [{"name": f"Area {number}", "identifier": f"A{number}", "custom_fields": []} for number in (1, 2, 3)]


def looks(run: Run) -> int:
    """How often a key asked for the projects that it sees."""
    return sum(request == ("GET", PROJECTS) for request in run.requests)


@pytest.fixture
def with_projects(target: Target) -> Target:
    """A target with three projects, with everybody in them."""
    target.data["plane_projects"] = THREE
    run = target.deploy()
    assert run.code == 0, run.output
    return target


def test_a_project_that_is_made_costs_its_own_requests_and_none_for_each_agent(new_target: NewTarget) -> None:
    costs = []
    for number in (2, 3):
        target = new_target(plane_projects=THREE[:1])
        assert target.deploy(operation="deploy.provisioning").code == 0
        target.data["plane_projects"] = THREE[:number]
        run = target.deploy(operation="deploy.provisioning")
        assert run.code == 0, run.output
        costs.append(len(run.requests))
    assert costs[1] - costs[0] <= 4, costs


def test_a_change_of_projects_does_not_ask_everybody_again(with_projects: Target) -> None:
    with_projects.data["plane_projects"] = [{**project, "description": "Changed."} for project in THREE]
    run = with_projects.deploy()
    assert run.code == 0, run.output
    assert len(run.plan) == 3
    # Once before this run has the host for itself, once after; and who changes them looks again after each.
    assert looks(run) <= 2 * len(AGENTS) + len(THREE), Counter(run.requests)


def test_new_agents_cost_what_they_are_and_not_what_the_others_see(with_projects: Target) -> None:
    agents: list[dict[str, Any]] = [{"name": name} for name in AGENTS]
    agents[0]["role"] = "admin"
    costs = []
    for number in (1, 5):
        agents += [{"name": f"new{number}{each}"} for each in range(number)]
        with_projects.data["plane_agents"] = agents
        run = with_projects.deploy()
        assert run.code == 0, run.output
        costs.append(len(run.requests))
        again = with_projects.deploy()
        assert len(again.requests) == 2 + len(agents)
        assert again.changed == []
    # Sign-up, no mail, joining, the token, the agent's own look; and one agent more was there, and is looked at twice.
    assert costs[1] - costs[0] == 4 * 5 + 2
