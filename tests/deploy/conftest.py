"""Hosts to deploy to: a fresh one for each test that asks, out of one sandbox a worker."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sandbox
from sandbox.server import Sandbox
from tests import measured
from tests.deploy.settled import Settled, settled
from tests.deploy.target import Target
from tests.directories import NewDirectory

__all__ = ["settled"]


@pytest.fixture(autouse=True)
def measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in measured.in_runs().items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def unthrottled(request: pytest.FixtureRequest) -> None:
    """Start without the requests of earlier tests in Plane's limits, which a run would wait for."""
    for name in {"finished", "done"}.intersection(request.fixturenames):
        request.getfixturevalue(name).host.plane.forget_throttles()


HOSTS = 36
"""In one sandbox; PostgreSQL starts on a host when it is first used."""

RUNNING = 4
"""As many hosts, and those that are used again, keep their PostgreSQL running: each has some processes."""

VERSION = "1.2.2"
"""The release of the stand-in, if a test does not ask for another."""

NewTarget = Callable[..., Target]


@pytest.fixture(scope="session")
def hosts(new_directory: NewDirectory) -> Iterator[Callable[[str, str, str], tuple[Sandbox, int]]]:
    """Gives a sandbox and the number of an unused host in it, by edition, release and stack."""
    import contextlib

    with contextlib.ExitStack() as stack:
        running: dict[tuple[str, str, str], tuple[Sandbox, int]] = {}

        def unused(*like: str) -> tuple[Sandbox, int]:
            edition, version, kind = like
            current, number = running.get((edition, version, kind), (None, HOSTS))
            if current is None or number == len(current.hosts):
                count = HOSTS if like == ("community", VERSION, "scripts") else 4
                current = stack.enter_context(
                    sandbox.running(
                        new_directory(), hosts=count, edition=edition, version=version, hash_iterations=1, stack=kind
                    )
                )
                number = 0
            running[edition, version, kind] = (current, number + 1)
            return current, number

        yield unused


@pytest.fixture(scope="session")
def new_target(
    hosts: Callable[[str, str, str], tuple[Sandbox, int]], tmp_path_factory: pytest.TempPathFactory
) -> NewTarget:
    """Makes a target that nothing was ever deployed to."""

    recent: deque[weakref.ref[Target]] = deque()

    def new(edition: str = "community", stack: str = "scripts", version: str = VERSION, **data: object) -> Target:
        current, number = hosts(edition, version, stack)
        directory: Path = tmp_path_factory.mktemp("inventory")
        made = Target(current, current.hosts[number], directory, dict(data), kind=(edition, stack, version))
        made.drop_database_in_the_end()
        # An older host's PostgreSQL starts again if it is still used.
        recent.append(weakref.ref(made))
        if len(recent) > RUNNING and (old := recent.popleft()()) is not None:
            old.sandbox.call(old.host.cluster.stop)
        return made

    return new


@pytest.fixture
def target(new_target: NewTarget) -> Target:
    """A target that nothing was ever deployed to."""
    return new_target()


@pytest.fixture(scope="module")
def finished(settled: Settled) -> Target:
    """A target that was deployed to; a test that changes it leaves it finished again."""
    return settled()
