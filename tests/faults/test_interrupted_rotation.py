"""Given a rotation or a removal that dies, wherever it dies, when the deploy runs again, then it is finished."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.deploy.conftest import NewTarget
from tests.deploy.target import Target
from tests.faults.conftest import TWO_AGENTS, NewTargets, Say
from tests.faults.cuts import deploy_all, hold_request, killed_when_all_are_held, places
from tests.faults.outcome import answers, differences, outcome

ROTATE = ("--data", "rotate_tokens=thot")
THOT_ABSENT = [TWO_AGENTS[0], {"name": "thot", "role": "member", "present": False}]


@dataclass(frozen=True)
class Undisturbed:
    """A run that nothing happened to: how many requests it takes, and what comes of it."""

    requests: int
    outcome: dict[str, Any]


@pytest.fixture(scope="module")
def rotated(new_target: NewTarget) -> Undisturbed:
    [target] = finished(1, lambda count: [new_target(plane_agents=TWO_AGENTS) for _ in range(count)])
    run = target.deploy(*ROTATE, operation="deploy.provisioning")
    assert run.code == 0, run.output
    return Undisturbed(len(run.requests), outcome(target))


@pytest.fixture(scope="module")
def removed(new_target: NewTarget) -> Undisturbed:
    [target] = finished(1, lambda count: [new_target(plane_agents=TWO_AGENTS) for _ in range(count)])
    target.data["plane_agents"] = THOT_ABSENT
    run = target.deploy(operation="deploy.provisioning")
    assert run.code == 0, run.output
    return Undisturbed(len(run.requests), outcome(target))


def finished(count: int, new: Callable[[int], list[Target]]) -> list[Target]:
    """Targets that were deployed to."""
    targets = new(count)
    run = deploy_all(targets)
    assert run.code == 0, run.output
    return targets


@pytest.mark.parametrize("share", range(4))
@pytest.mark.parametrize("then", [(), ROTATE], ids=["an ordinary run", "the same command"])
def test_a_rotation_killed_around_any_request_is_finished(
    then: tuple[str, ...], share: int, rotated: Undisturbed, new_targets: NewTargets, say: Say
) -> None:
    begun_at = time.monotonic()
    everywhere = places("request", rotated.requests)
    cuts = everywhere[share::4]
    targets = finished(len(cuts), lambda count: new_targets(count, plane_agents=TWO_AGENTS))
    before = [target.tokens for target in targets]
    killed_when_all_are_held(
        targets, [hold_request(target, cut) for target, cut in zip(targets, cuts, strict=True)], *ROTATE
    )
    run = deploy_all(targets, *then)
    left = {str(cut): differences(target, rotated.outcome) for cut, target in zip(cuts, targets, strict=True)}
    assert run.code == 0 and {cut: found for cut, found in left.items() if found} == {}, run.output
    for target, saved in zip(targets, before, strict=True):
        assert target.tokens["concierge"] == saved["concierge"]
        # An old token that is no longer saved is no longer good.
        assert target.tokens["thot"] == saved["thot"] or not answers(target, saved["thot"])
    again = deploy_all(targets)
    assert again.code == 0 and again.plan == [], again.output
    said = "the same command" if then else "an ordinary run"
    say(f"rotation, then {said}: {len(cuts)} of {len(everywhere)} places, {time.monotonic() - begun_at:.0f} s")


HANDED_ON: dict[str, Any] = {"plane_agents": TWO_AGENTS, "plane_agent_files_dir": "{plane_config_dir}/agents"}


@pytest.mark.parametrize("then", [(), ROTATE], ids=["an ordinary run", "the same command"])
def test_a_rotation_that_hands_tokens_on_killed_around_any_request_is_finished(
    then: tuple[str, ...], new_target: NewTarget, new_targets: NewTargets, say: Say
) -> None:
    begun_at = time.monotonic()
    [undisturbed] = finished(1, lambda count: [new_target(**HANDED_ON) for _ in range(count)])
    run = undisturbed.deploy(*ROTATE, operation="deploy.provisioning")
    assert run.code == 0, run.output
    expected = outcome(undisturbed)
    cuts = places("request", len(run.requests))
    targets = finished(len(cuts), lambda count: new_targets(count, **HANDED_ON))
    before = [target.tokens["thot"] for target in targets]
    held = [hold_request(target, cut) for target, cut in zip(targets, cuts, strict=True)]
    killed_when_all_are_held(targets, held, *ROTATE)
    for cut, target, saved in zip(cuts, targets, before, strict=True):
        own = target.variables("opt/javisi/configs/plane/agents/thot.env")["PLANE_API_KEY"]
        # Whichever token an agent has got hold of, it answers, but for the last moment: by then its file has the new.
        assert answers(target, own) and answers(target, target.tokens["thot"]), cut
        assert own == saved or target.tokens["thot"] == own, cut
    run = deploy_all(targets, *then)
    left = {str(cut): differences(target, expected) for cut, target in zip(cuts, targets, strict=True)}
    assert run.code == 0 and {cut: found for cut, found in left.items() if found} == {}, run.output
    for target, saved in zip(targets, before, strict=True):
        assert target.tokens["thot"] == saved or not answers(target, saved)
        assert target.variables("opt/javisi/configs/plane/agents/thot.env")["PLANE_API_KEY"] == target.tokens["thot"]
    again = deploy_all(targets)
    assert again.code == 0 and again.plan == [], again.output
    said = "the same command" if then else "an ordinary run"
    say(f"rotation that hands on, then {said}: {len(cuts)} places, {time.monotonic() - begun_at:.0f} s")


@pytest.mark.parametrize("share", range(4))
def test_a_removal_killed_around_any_request_is_finished(
    share: int, removed: Undisturbed, new_targets: NewTargets, say: Say
) -> None:
    begun_at = time.monotonic()
    everywhere = places("request", removed.requests)
    cuts = everywhere[share::4]
    targets = finished(len(cuts), lambda count: new_targets(count, plane_agents=TWO_AGENTS))
    tokens = [target.tokens["thot"] for target in targets]
    for target in targets:
        target.data["plane_agents"] = THOT_ABSENT
    killed_when_all_are_held(targets, [hold_request(target, cut) for target, cut in zip(targets, cuts, strict=True)])
    run = deploy_all(targets)
    left = {str(cut): differences(target, removed.outcome) for cut, target in zip(cuts, targets, strict=True)}
    assert run.code == 0 and {cut: found for cut, found in left.items() if found} == {}, run.output
    assert [answers(target, token) for target, token in zip(targets, tokens, strict=True)] == [False] * len(targets)
    again = deploy_all(targets)
    assert again.code == 0 and again.plan == [], again.output
    say(f"removal: {len(cuts)} of {len(everywhere)} places, {time.monotonic() - begun_at:.0f} s")
