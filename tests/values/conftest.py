"""One sandbox for all that is tried here, and the count of what was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import sandbox
from pyinfra_plane.settings import SECRETS
from sandbox.host import Host
from tests import sampled
from tests.deploy.conftest import hosts, new_target
from tests.directories import NewDirectory
from tests.values.hostile import TALLY

__all__ = ["hosts", "new_target"]

_counts: list[int] = []


@pytest.fixture(autouse=True)
def no_secrets_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def running(new_directory: NewDirectory) -> Iterator[sandbox.Sandbox]:
    """A sandbox whose PostgreSQL asks everybody but its superuser for the password."""
    with sandbox.running(new_directory(), hosts=2, edition="commercial") as sandboxed:
        host = sandboxed.hosts[0]
        host.psql("SELECT 1")
        rules = "local all postgres trust\nlocal all all scram-sha-256\n"
        (host.cluster.data / "pg_hba.conf").write_text(rules)
        host.psql("SELECT pg_reload_conf()")
        yield sandboxed


@pytest.fixture(scope="session")
def sandboxed(running: sandbox.Sandbox) -> Host:
    """Its first host."""
    return running.hosts[0]


# How many examples there were, of all workers; a part of all that has fewer than wanted is a failure.

WHOLE = 10_000


def wanted() -> int:
    """How many examples this run must try, at least."""
    part = sampled.part()
    return 0 if part is None else WHOLE // part.of


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["examples"] = TALLY.count
        return
    _counts.append(TALLY.count)
    if sum(_counts) < wanted():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    _counts.append(getattr(node, "workeroutput", {}).get("examples", 0))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    least = f" of at least {wanted():,}" if wanted() else ""
    terminalreporter.write_line(f"hostile values tried: {sum(_counts):,}{least}")
