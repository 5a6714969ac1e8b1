"""Many hosts for one `pyinfra` command, so that many cases share its start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from sandbox.plane import server
from tests.deploy.conftest import NewTarget, hosts, new_target, target
from tests.deploy.settled import settled
from tests.deploy.target import Target
from tests.faults.commands import CommandCuts

__all__ = ["hosts", "new_target", "settled", "target"]

TWO_AGENTS = [{"name": "concierge", "role": "admin"}, {"name": "thot", "role": "member"}]

Say = Callable[[str], None]
NewTargets = Callable[..., list[Target]]


@pytest.fixture(scope="module", autouse=True)
def patient() -> Iterator[None]:
    """Plane keeps idle connections for long: a slow machine is none of the faults that are tried here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "KEEP_ALIVE", 120.0)
        yield


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Say:
    """Prints a line that is seen when all is well, too."""

    def line(text: str) -> None:
        with capfd.disabled():
            # pytest-xdist lets a worker's standard error through, and nothing else.
            print(f"\n{text}", file=sys.stderr, flush=True)

    return line


@pytest.fixture(scope="session")
def new_targets(new_target: NewTarget) -> NewTargets:
    """Makes as many targets that nothing was ever deployed to, each under a name of its own."""

    def new(count: int, **data: object) -> list[Target]:
        targets = [new_target(**data) for _ in range(count)]
        assert len({each.host.name for each in targets}) == count, "more hosts than a sandbox has names for"
        return targets

    return new


@pytest.fixture(scope="session")
def command_cuts() -> Iterator[CommandCuts]:
    """Holds a command of a host before it begins, or after it ended and before the client is told."""
    cuts = CommandCuts()
    with cuts.installed():
        yield cuts
