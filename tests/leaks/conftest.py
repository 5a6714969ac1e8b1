"""Hosts whose PostgreSQL logs every statement, to deploy to with secrets that can be told from everything else."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import sandbox
from sandbox.server import Sandbox
from tests.deploy.settled import Settled
from tests.deploy.target import Target
from tests.directories import NewDirectory
from tests.docker.conftest import started
from tests.leaks.given import Given, given

__all__ = ["started"]

HOSTS = 24

NewTarget = Callable[..., Target]


@pytest.fixture(scope="session")
def known() -> Given:
    """Secrets that nobody else has, the same for all tests of a worker: hosts are copied with them."""
    return given()


@pytest.fixture(scope="session")
def new_target(new_directory: NewDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewTarget]:
    """Makes a target that nothing was ever deployed to, with these secrets."""
    with ExitStack() as stack:

        def more() -> Iterator[Sandbox]:
            yield stack.enter_context(sandbox.running(new_directory(), hosts=HOSTS, log_statement="all"))

        running = itertools.chain.from_iterable(more() for _ in itertools.count())
        unused = ((current, host) for current in running for host in current.hosts)

        def new(known: Given, **data: object) -> Target:
            current, host = next(unused)
            directory = tmp_path_factory.mktemp("inventory")
            settings = {**known.data, "postgres_init_dir": "srv/postgres-init", **data}
            made = Target(current, host, directory, settings, dict(known.environment))
            made.drop_database_in_the_end()
            return made

        yield new


@pytest.fixture
def target(new_target: NewTarget, known: Given) -> Target:
    """A target that nothing was ever deployed to."""
    return new_target(known)


@pytest.fixture(scope="session")
def settled(new_target: NewTarget, known: Given, new_directory: NewDirectory) -> Settled:
    """Gives targets that were deployed to with these secrets, each for one test."""
    return Settled(lambda *kind, **data: new_target(known, **data), new_directory)
