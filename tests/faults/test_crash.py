"""Given a first run that dies, wherever it dies, when the deploy runs again, then all is as if it had not."""

from __future__ import annotations

import random
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.plane.requestlog import LoggedRequest
from tests.deploy.conftest import NewTarget
from tests.deploy.settled import Settled
from tests.deploy.target import ENV_FILE, TOKEN_FILE, Target
from tests.faults.commands import LOCKS, CommandCuts
from tests.faults.conftest import NewTargets, Say
from tests.faults.cuts import (
    PATIENCE,
    Cut,
    begun,
    deploy_all,
    hold_request,
    kill,
    killed_when_all_are_held,
    kinds_of_requests,
    places,
)
from tests.faults.outcome import differences, outcome, unfinished_onboarding
from tests.faults.shims import hold_program, let_go_on
from tests.sampled import chosen, dealt, seed, shares

WHOLE = "deploy.py"
PROVISIONING = "deploy.provisioning"

SHARES = 10
"""The places are dealt out to so many tests: how many there are is known after the undisturbed run."""

READS = "exec 4>&1"
"""In a command that only reads, whose output is limited."""


@dataclass(frozen=True)
class Undisturbed:
    """A first run that nothing happened to, and what came of it."""

    outcome: dict[str, Any]
    requests: list[LoggedRequest]
    commands: list[str]
    seconds: float

    @classmethod
    def on(cls, target: Target, operation: str) -> Undisturbed:
        begun_at = time.monotonic()
        run = target.deploy(operation=operation)
        seconds = time.monotonic() - begun_at
        assert run.code == 0, run.output
        assert unfinished_onboarding(target) == []
        requests, commands = list(target.host.plane.requests), list(target.host.commands)
        return cls(outcome(target, database=operation == WHOLE), requests, commands, seconds)

    def command_places(self, first: int, last: int) -> list[Cut]:
        """Around these commands; one that holds the lock ends only with the run."""
        around = [cut for cut in places("command", last) if cut.nth >= first]
        return [cut for cut in around if not (cut.after and LOCKS in self.commands[cut.nth - 1])]

    def kinds_of_command(self, cut: Cut) -> list[Hashable]:
        """What is to be in every sample: each command that writes, one that reads, and both sides of a command."""
        command = self.commands[cut.nth - 1]
        return [READS if READS in command else command, cut.after]


@pytest.fixture(scope="module")
def provisioned(new_target: NewTarget) -> Undisturbed:
    return Undisturbed.on(new_target(), PROVISIONING)


@pytest.fixture(scope="module")
def deployed(new_target: NewTarget) -> Undisturbed:
    return Undisturbed.on(new_target(), WHOLE)


def is_finished_by_the_next_run(
    targets: Sequence[Target], cuts: Sequence[object], wanted: dict[str, Any], operation: str = PROVISIONING
) -> None:
    """Run again, compare every host with the undisturbed one, and run once more: nothing is left to do."""
    run = deploy_all(targets, operation=operation)
    found = {str(cut): differences(target, wanted) for cut, target in zip(cuts, targets, strict=True)}
    assert {cut: wrong for cut, wrong in found.items() if wrong} == {}, run.output
    assert run.code == 0, run.output
    again = deploy_all(targets, operation=operation)
    assert again.code == 0 and again.plan == [], again.output


@pytest.mark.sampled
@pytest.mark.parametrize("share", shares(SHARES))
def test_killed_around_any_request(share: int, provisioned: Undisturbed, new_targets: NewTargets, say: Say) -> None:
    begun_at = time.monotonic()
    everywhere = places("request", len(provisioned.requests))
    cuts = chosen("faults: around requests", everywhere, kinds=kinds_of_requests(provisioned.requests))
    cuts = dealt(cuts, share, shares(SHARES))
    targets = new_targets(len(cuts))
    killed_when_all_are_held(targets, [hold_request(target, cut) for target, cut in zip(targets, cuts, strict=True)])
    is_finished_by_the_next_run(targets, cuts, provisioned.outcome)
    seconds = time.monotonic() - begun_at
    say(f"killed around requests: {len(cuts)} of {len(everywhere)} places, {seconds:.0f} s")


@pytest.mark.parametrize("nth", [1, 2], ids=["the admin's", "the concierge's"])
def test_killed_before_an_onboarding_is_finished(nth: int, target: Target) -> None:
    cut = Cut("onboarding", nth, after=False)
    killed_when_all_are_held([target], [hold_request(target, cut, "/api/users/me/onboard/")])
    assert target.deploy(operation=PROVISIONING).code == 0
    assert unfinished_onboarding(target) == []


@pytest.mark.sampled
@pytest.mark.parametrize("share", shares(3))
def test_killed_around_any_command_of_the_provisioning(
    share: int, provisioned: Undisturbed, new_targets: NewTargets, command_cuts: CommandCuts, say: Say
) -> None:
    begun_at = time.monotonic()
    everywhere = provisioned.command_places(1, len(provisioned.commands))
    cuts = dealt(chosen("faults: around commands", everywhere, 5, provisioned.kinds_of_command), share, shares(3))
    targets = new_targets(len(cuts))
    held = [command_cuts.hold(target.host, cut.nth, cut.after) for target, cut in zip(targets, cuts, strict=True)]
    killed_when_all_are_held(targets, held)
    for target in targets:
        command_cuts.release(target.host)
    is_finished_by_the_next_run(targets, cuts, provisioned.outcome)
    seconds = time.monotonic() - begun_at
    say(f"killed around commands of the provisioning: {len(cuts)} of {len(everywhere)} places, {seconds:.0f} s")


@pytest.mark.sampled
@pytest.mark.parametrize("share", shares(3))
def test_killed_around_any_command_of_database_and_environment(
    share: int, deployed: Undisturbed, new_targets: NewTargets, command_cuts: CommandCuts, say: Say
) -> None:
    begun_at = time.monotonic()
    last = next(number for number, line in enumerate(deployed.commands) if "javisi_plane_api" in line)
    everywhere = deployed.command_places(1, last)
    cuts = dealt(chosen("faults: around first commands", everywhere, 5, deployed.kinds_of_command), share, shares(3))
    targets = new_targets(len(cuts))
    held = [command_cuts.hold(target.host, cut.nth, cut.after) for target, cut in zip(targets, cuts, strict=True)]
    killed_when_all_are_held(targets, held, operation=WHOLE)
    for target in targets:
        command_cuts.release(target.host)
    is_finished_by_the_next_run(targets, cuts, deployed.outcome, operation=WHOLE)
    seconds = time.monotonic() - begun_at
    say(f"killed around commands of database and environment: {len(cuts)} of {len(everywhere)} places, {seconds:.0f} s")


@pytest.mark.sampled
def test_killed_while_a_token_is_being_saved(provisioned: Undisturbed, new_targets: NewTargets, say: Say) -> None:
    # Half of the file is there, or all of it under its temporary name.
    cuts = [(program, nth) for program in ("cat", "sync") for nth in (1, 2, 6, 11)]
    cuts = chosen("faults: while a token is saved", cuts, kinds=lambda cut: cut)
    targets = new_targets(len(cuts))
    held = [
        hold_program(target.host, program, TOKEN_FILE, nth)
        for target, (program, nth) in zip(targets, cuts, strict=True)
    ]
    killed_when_all_are_held(targets, held)
    for target, (program, _) in zip(targets, cuts, strict=True):
        (target.host.commands_path / program).unlink()
    is_finished_by_the_next_run(targets, cuts, provisioned.outcome)
    say(f"killed in the middle of saving a token: {len(cuts)} places")


def test_killed_while_the_environment_file_is_being_written(
    deployed: Undisturbed, new_targets: NewTargets, say: Say
) -> None:
    programs = ("cat", "sync")
    targets = new_targets(len(programs))
    held = [hold_program(target.host, name, ENV_FILE, 1) for target, name in zip(targets, programs, strict=True)]
    killed_when_all_are_held(targets, held, operation=WHOLE)
    for target, name in zip(targets, programs, strict=True):
        assert not (target.host.root / ENV_FILE).exists()
        (target.host.commands_path / name).unlink()
    is_finished_by_the_next_run(targets, programs, deployed.outcome, operation=WHOLE)
    say(f"killed in the middle of writing the environment file: {len(programs)} places")


@pytest.mark.sampled
@pytest.mark.parametrize("operation", chosen("faults: at random times", [PROVISIONING, WHOLE], 1))
def test_killed_at_random_times_three_times_in_a_row(
    operation: str, request: pytest.FixtureRequest, new_targets: NewTargets, say: Say
) -> None:
    undisturbed: Undisturbed = request.getfixturevalue("deployed" if operation == WHOLE else "provisioned")
    targets = new_targets(3 if operation == WHOLE else 6)
    chance = random.Random(f"{seed()} {operation}")
    delays = [chance.uniform(0, undisturbed.seconds) for _ in range(3)]
    for delay in delays:
        connections = [target.host.connections for target in targets]
        with begun(targets, operation=operation) as (process, _):
            until = time.monotonic() + PATIENCE
            while any(target.host.connections == before for target, before in zip(targets, connections, strict=True)):
                assert process.poll() is None and time.monotonic() < until
                time.sleep(0.01)
            # The time is what is random here, so nothing is waited for.
            time.sleep(delay)
            kill(process)
    is_finished_by_the_next_run(targets, [target.host.name for target in targets], undisturbed.outcome, operation)
    times = ", ".join(f"{delay:.2f}" for delay in delays)
    say(f"killed {times} s after the start (seed {seed()}), on {len(targets)} hosts: {operation}")


def test_what_a_killed_run_was_writing_does_not_replace_what_the_next_run_found(settled: Settled) -> None:
    target, part = settled(), "deploy.environment"
    before = target.file(ENV_FILE)
    is_held = hold_program(target.host, "sync", ENV_FILE, 1)
    killed_when_all_are_held([target], [is_held], "--data", "plane_web_url=https://other.example.org", operation=part)
    # It has nothing to write, and so does not take the unfinished file away.
    run = target.deploy(operation=part)
    assert run.code == 0 and run.plan == [], run.output
    let_go_on(target.host, "sync")
    until = time.monotonic() + PATIENCE
    while list(target.host.root.rglob(".*.new*")):
        assert time.monotonic() < until
        time.sleep(0.01)
    assert target.file(ENV_FILE) == before
