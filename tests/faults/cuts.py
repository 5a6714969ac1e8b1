"""Runs that are killed: on many hosts at once, each at a place of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from sandbox.plane.requestlog import LoggedRequest
from tests.deploy.target import CHECKOUT, READS, Run, Target, environment_with

PATIENCE = 90.0
"""Seconds after which a place that no run came to is an error."""


@dataclass(frozen=True)
class Cut:
    """Where a run is cut off: before the nth of something begins, or after it is done and before the run knows."""

    what: str
    nth: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.what} {self.nth}"


def places(what: str, count: int, first: int = 1) -> list[Cut]:
    """Every place around so many of something."""
    return [Cut(what, nth, after) for nth in range(first, count + 1) for after in (False, True)]


def kinds_of_requests(requests: Sequence[LoggedRequest]) -> Callable[[Cut], list[Hashable]]:
    """What is to be in every sample of places: after each kind of request that writes, and around one that reads.

    Before a request, all is as after the one before it.
    """

    def kinds(cut: Cut) -> list[Hashable]:
        request = requests[cut.nth - 1]
        if request.method in READS:
            return [READS]
        return [(request.method, request.route)] if cut.after else []

    return kinds


def hold_request(target: Target, cut: Cut, route: str | None = None) -> Callable[[], bool]:
    """Hold the nth request to Plane, or to this route, from now on; says whether it is held."""
    reached = threading.Event()
    faults = target.host.plane.faults
    faults.add(faults.stalled(handled=cut.after, then=reached.set), route=route, nth=cut.nth)
    return reached.is_set


def deploy_all(targets: Sequence[Target], *arguments: str, operation: str = "deploy.provisioning") -> Run:
    """One `pyinfra` command for all of the targets, each with its own data."""
    return targets[0].deploy(*arguments, operation=operation, others=tuple(targets[1:]))


@contextmanager
def begun(
    targets: Sequence[Target], *arguments: str, operation: str = "deploy.provisioning"
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """The same command while it runs, in a process group of its own, and what it printed; killed at the end."""
    inventory = targets[0].write_inventory(others=targets[1:])
    # Each host goes on by itself: one that is held holds nobody else up.
    command = [sys.executable, "-m", "pyinfra", str(inventory), operation, "-y", "--no-wait", *arguments]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env={**environment_with(targets[0].secrets), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process, output
        finally:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it started, as `kill -9` would."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def printed(output: IO[bytes]) -> str:
    """What a command printed so far."""
    # Not by way of the position, which the command shares.
    return os.pread(output.fileno(), 1_000_000, 0).decode(errors="replace")


def killed_when_all_are_held(
    targets: Sequence[Target],
    held: Sequence[Callable[[], bool]],
    *arguments: str,
    operation: str = "deploy.provisioning",
) -> None:
    """Run on all of the targets until each is held where it is to be cut off, and kill the run then."""
    with begun(targets, *arguments, operation=operation) as (process, output):
        until = time.monotonic() + PATIENCE
        waiting = list(zip(targets, held, strict=True))
        while waiting := [(target, is_held) for target, is_held in waiting if not is_held()]:
            if process.poll() is None and time.monotonic() < until:
                time.sleep(0.01)
                continue
            names = ", ".join(target.host.name for target, _ in waiting)
            raise AssertionError(f"the run did not come to where it was to be held on {names}:\n{printed(output)}")
    for target in targets:
        target.host.plane.faults.clear()
