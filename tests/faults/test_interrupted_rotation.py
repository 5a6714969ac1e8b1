"""Given a rotation or a removal that dies, wherever it dies, when the deploy runs again, then it is finished."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.plane.requestlog import LoggedRequest
from tests.deploy.settled import Settled
from tests.deploy.target import Target
from tests.faults.conftest import TWO_AGENTS, Say
from tests.faults.cuts import Cut, deploy_all, hold_request, killed_when_all_are_held, kinds_of_requests, places
from tests.faults.outcome import answers, differences, outcome
from tests.sampled import chosen, dealt, shares

ROTATE = ("--data", "rotate_tokens=thot")
THEN: dict[str, tuple[str, ...]] = {"an ordinary run": (), "the same command": ROTATE}
"""What is run after a rotation that was killed."""

THOT_ABSENT = [TWO_AGENTS[0], {"name": "thot", "role": "member", "present": False}]


HANDED_ON: dict[str, Any] = {"plane_agents": TWO_AGENTS, "plane_agent_files_dir": "{plane_config_dir}/agents"}


@dataclass(frozen=True)
class Undisturbed:
    """A run that nothing happened to: its requests, and what comes of it."""

    requests: list[LoggedRequest]
    outcome: dict[str, Any]

    @classmethod
    def on(cls, target: Target, *arguments: str) -> Undisturbed:
        run = target.deploy(*arguments, operation="deploy.provisioning")
        assert run.code == 0, run.output
        return cls(list(target.host.plane.requests), outcome(target))

    def cuts(self, table: str, then: str = "", of: Sequence[str] = ("",)) -> list[Cut]:
        """The places around its requests that this run of the tests tries, of those with one of several runs after."""
        kinds = kinds_of_requests(self.requests)
        cases = [(cut, one) for cut in places("request", len(self.requests)) for one in of]
        # What a request that writes leaves behind is for either of the runs after it to finish.
        taken = chosen(table, cases, kinds=lambda case: [(kind, case[1]) for kind in kinds(case[0])])
        return [cut for cut, one in taken if one == then] or [taken[0][0]]


@pytest.fixture(scope="module")
def rotated(settled: Settled) -> Undisturbed:
    return Undisturbed.on(finished(1, settled)[0], *ROTATE)


@pytest.fixture(scope="module")
def handed_on(settled: Settled) -> Undisturbed:
    return Undisturbed.on(finished(1, settled, **HANDED_ON)[0], *ROTATE)


@pytest.fixture(scope="module")
def removed(settled: Settled) -> Undisturbed:
    [target] = finished(1, settled)
    target.data["plane_agents"] = THOT_ABSENT
    return Undisturbed.on(target)


def finished(count: int, settled: Settled, **data: Any) -> list[Target]:
    """Targets that were deployed to."""
    given = {"plane_agents": TWO_AGENTS, **data}
    return [settled(operation="deploy.provisioning", **given) for _ in range(count)]


@pytest.mark.sampled
@pytest.mark.parametrize("share", shares(4))
@pytest.mark.parametrize("then", THEN)
def test_a_rotation_killed_around_any_request_is_finished(
    then: str, share: int, rotated: Undisturbed, settled: Settled, say: Say
) -> None:
    begun_at = time.monotonic()
    cuts = dealt(rotated.cuts("faults: a rotation", then, list(THEN)), share, shares(4))
    targets = finished(len(cuts), settled)
    before = [target.tokens for target in targets]
    killed_when_all_are_held(
        targets, [hold_request(target, cut) for target, cut in zip(targets, cuts, strict=True)], *ROTATE
    )
    run = deploy_all(targets, *THEN[then])
    left = {str(cut): differences(target, rotated.outcome) for cut, target in zip(cuts, targets, strict=True)}
    assert run.code == 0 and {cut: found for cut, found in left.items() if found} == {}, run.output
    for target, saved in zip(targets, before, strict=True):
        assert target.tokens["concierge"] == saved["concierge"]
        # An old token that is no longer saved is no longer good.
        assert target.tokens["thot"] == saved["thot"] or not answers(target, saved["thot"])
    again = deploy_all(targets)
    assert again.code == 0 and again.plan == [], again.output
    say(f"rotation, then {then}: {len(cuts)} places, {time.monotonic() - begun_at:.0f} s")


@pytest.mark.sampled
@pytest.mark.parametrize("share", shares(2))
@pytest.mark.parametrize("then", THEN)
def test_a_rotation_that_hands_tokens_on_killed_around_any_request_is_finished(
    then: str, share: int, handed_on: Undisturbed, settled: Settled, say: Say
) -> None:
    begun_at = time.monotonic()
    cuts = dealt(handed_on.cuts("faults: a rotation that hands on", then, list(THEN)), share, shares(2))
    targets = finished(len(cuts), settled, **HANDED_ON)
    before = [target.tokens["thot"] for target in targets]
    held = [hold_request(target, cut) for target, cut in zip(targets, cuts, strict=True)]
    killed_when_all_are_held(targets, held, *ROTATE)
    for cut, target, saved in zip(cuts, targets, before, strict=True):
        own = target.variables("opt/javisi/configs/plane/agents/thot.env")["PLANE_API_KEY"]
        # Whichever token an agent has got hold of, it answers, but for the last moment: by then its file has the new.
        assert answers(target, own) and answers(target, target.tokens["thot"]), cut
        assert own == saved or target.tokens["thot"] == own, cut
    run = deploy_all(targets, *THEN[then])
    left = {str(cut): differences(target, handed_on.outcome) for cut, target in zip(cuts, targets, strict=True)}
    assert run.code == 0 and {cut: found for cut, found in left.items() if found} == {}, run.output
    for target, saved in zip(targets, before, strict=True):
        assert target.tokens["thot"] == saved or not answers(target, saved)
        assert target.variables("opt/javisi/configs/plane/agents/thot.env")["PLANE_API_KEY"] == target.tokens["thot"]
    again = deploy_all(targets)
    assert again.code == 0 and again.plan == [], again.output
    say(f"rotation that hands on, then {then}: {len(cuts)} places, {time.monotonic() - begun_at:.0f} s")


@pytest.mark.sampled
@pytest.mark.parametrize("share", shares(4))
def test_a_removal_killed_around_any_request_is_finished(
    share: int, removed: Undisturbed, settled: Settled, say: Say
) -> None:
    begun_at = time.monotonic()
    cuts = dealt(removed.cuts("faults: a removal"), share, shares(4))
    targets = finished(len(cuts), settled)
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
    say(f"removal: {len(cuts)} places, {time.monotonic() - begun_at:.0f} s")
