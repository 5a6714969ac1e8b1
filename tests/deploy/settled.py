"""Targets that were deployed to: the deploy runs once for the same data, and each test gets a copy of what it left.

    def test_something(settled: Settled) -> None:
        target = settled()                                        # after a whole deploy with the usual data
        small = settled(operation="deploy.provisioning", plane_agents=TWO_AGENTS)
        newer = settled("commercial", version="1.4.0", stack="plane")

A copy is a host of its own, on which nothing else was ever done: it has no log of commands or requests, no connection
and no spent limit. It takes some tens of milliseconds; its PostgreSQL starts meanwhile, if the deploy used it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pyinfra_plane.engine.lock import NAME as LOCK_NOTE
from sandbox.saved import Saved, save
from tests.deploy.target import Target
from tests.directories import NewDirectory


class Settled:
    """Gives targets that were deployed to.

    Args:
        new_target: makes a target that nothing was ever deployed to.
        new_directory: makes an empty directory that stays.
    """

    def __init__(self, new_target: Callable[..., Target], new_directory: Callable[[], Path]) -> None:
        self._new_target = new_target
        self._new_directory = new_directory
        self._saved: dict[str, Saved] = {}

    def __call__(
        self,
        *kind: object,
        operation: str | list[str] = "deploy.py",
        secrets: Mapping[str, str] | None = None,
        **given: object,
    ) -> Target:
        """A target of its own, as an undisturbed run left it.

        Args:
            kind: for `new_target`, as `given` is; any difference in them is another run.
            operation: what to run, as for :meth:`Target.deploy`.
            secrets: those that differ from the usual ones.
        """

        target = self._new_target(*kind, **copy.deepcopy(given))
        target.secrets.update(secrets or {})
        return self.settle(target, operation=operation)

    def settle(
        self,
        target: Target,
        *,
        operation: str | list[str] = "deploy.py",
        data: Mapping[str, object] | None = None,
        secrets: Mapping[str, str | None] | None = None,
    ) -> Target:
        """Make a target, to which nothing was ever deployed, what an undisturbed run with these left of another.

        Args:
            target: to be like that.
            operation: the part to deploy.
            data: in addition to the target's own.
            secrets: in addition to the target's own.
        """
        assert not target.host.plane.requests, "something was done to it"
        all_data, all_secrets = {**target.data, **(data or {})}, {**target.secrets, **(secrets or {})}
        key = repr((target.kind, operation, sorted(all_data.items()), sorted(all_secrets.items())))
        if key not in self._saved:
            first = self._new_target(*target.kind, **all_data)
            run = first.deploy(operation=operation, secrets=all_secrets)
            assert run.code == 0, run.output
            self._saved[key] = self.save(first)
        return self.restore(self._saved[key], target)

    def save(self, target: Target) -> Saved:
        """Keep a target as it is now, for :meth:`restore`."""
        directory = self._new_directory()
        # The note of who holds the lock goes with the connection, a moment after the run has ended.
        saved: Saved = target.sandbox.call(lambda: save(target.host, directory, but=(LOCK_NOTE,)))
        return saved

    def restore(self, saved: Saved, target: Target) -> Target:
        """Make a target what it was when it was saved, or what another was."""
        target.sandbox.call(saved.restore, target.host)
        return target


@pytest.fixture(scope="session")
def settled(new_target: Callable[..., Target], new_directory: NewDirectory) -> Settled:
    """Gives targets that were deployed to, each for one test."""
    return Settled(new_target, new_directory)
