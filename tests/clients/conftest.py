"""The hosts of the deploy's own tests, and one of each edition that is finished."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import pytest

from tests.deploy.conftest import NewTarget, hosts, new_target, target
from tests.deploy.target import Target

__all__ = ["hosts", "new_target", "target"]

Finished = Callable[[str], Target]


@pytest.fixture(scope="session")
def deployed(new_target: NewTarget) -> Finished:
    """Gives a target of an edition that was deployed to once."""
    targets: dict[str, Target] = {}

    def one(edition: str) -> Target:
        if edition not in targets:
            target = new_target(edition)
            run = target.deploy()
            assert run.code == 0, run.output
            targets[edition] = target
        return targets[edition]

    return one


@pytest.fixture
def finished(deployed: Finished) -> Iterator[Finished]:
    """As `deployed`, with limits unspent; what a test does to Plane is undone after it."""
    used: list[tuple[Target, dict[str, object]]] = []

    def one(edition: str) -> Target:
        target = deployed(edition)
        target.host.plane.forget_throttles()
        used.append((target, copy.deepcopy(vars(target.plane))))
        return target

    yield one
    for each, before in reversed(used):
        vars(each.plane).update(before)
