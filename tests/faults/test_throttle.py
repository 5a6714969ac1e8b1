"""Given a Plane that limits how many requests it takes, when the deploy runs, then it waits and says so."""

from __future__ import annotations

import time

from sandbox.plane import faults
from tests.deploy.conftest import NewTarget
from tests.faults.conftest import TWO_AGENTS, Say
from tests.faults.cuts import PATIENCE, begun, printed
from tests.faults.outcome import answers

HUNDRED = [{"name": "concierge", "role": "admin"}, *({"name": f"agent{n}", "role": "member"} for n in range(1, 100))]

PROJECTS = "/api/v1/workspaces/{slug}/projects/"


def test_a_hundred_agents_are_provisioned_within_planes_limits(new_target: NewTarget, say: Say) -> None:
    target = new_target(plane_agents=HUNDRED)
    begun_at = time.monotonic()
    run = target.deploy(operation="deploy.provisioning")
    seconds = time.monotonic() - begun_at
    assert run.code == 0, run.output
    assert len(target.tokens) == len(target.plane.api_tokens) == 100
    assert all(answers(target, token) for token in target.tokens.values())
    assert all(target.project_membership(agent["name"]).is_active for agent in HUNDRED)
    assert "Plane limits requests" not in run.output
    begun_at = time.monotonic()
    again = target.deploy(operation="deploy.provisioning")
    assert again.code == 0 and again.changed == [], again.output
    say(
        f"100 agents: {seconds:.0f} s, {len(run.requests)} requests; "
        f"again: {time.monotonic() - begun_at:.0f} s, {len(again.requests)} requests"
    )


def test_a_throttled_key_is_waited_for(new_target: NewTarget) -> None:
    target = new_target(plane_agents=TWO_AGENTS)
    rule = target.host.plane.faults.add(faults.throttled(1), method="GET", route=PROJECTS, nth=1)
    run = target.deploy(operation="deploy.provisioning")
    assert rule.happened.is_set()
    assert run.code == 0, run.output
    assert "Plane limits requests; continuing in 2 s" in run.lines
    assert target.deploy(operation="deploy.provisioning").changed == []


def test_a_key_that_is_throttled_again_and_again_is_given_up_in_one_line(new_target: NewTarget) -> None:
    target = new_target(plane_agents=TWO_AGENTS)
    target.host.plane.faults.add(faults.throttled(0), method="GET", route=PROJECTS)
    run = target.deploy(operation="deploy.provisioning")
    assert run.code != 0 and "Traceback" not in run.output
    assert run.lines.count("Plane limits requests; continuing in 1 s") == 5
    [line] = [line for line in run.lines if "still limits requests" in line]
    assert line.endswith("run again in a minute")
    target.host.plane.faults.clear()
    assert target.deploy(operation="deploy.provisioning").code == 0
    assert set(target.tokens) == {"concierge", "thot"}


def test_a_throttled_key_without_a_time_is_waited_for_a_minute(new_target: NewTarget) -> None:
    target = new_target(plane_agents=TWO_AGENTS)
    target.host.plane.faults.add(faults.throttled(), method="GET", route=PROJECTS)
    with begun([target]) as (process, output):
        until = time.monotonic() + PATIENCE
        while "Plane limits requests; continuing in 60 s" not in printed(output):
            assert process.poll() is None and time.monotonic() < until, printed(output)
            time.sleep(0.01)
        # Nobody has to wait here: the next run is not throttled.
    target.host.plane.faults.clear()
    assert target.deploy(operation="deploy.provisioning").code == 0
    assert sorted(row.label for row in target.plane.api_tokens.values()) == ["agent-concierge", "agent-thot"]
