"""The hosts of the deploy's own tests, and one of each edition that is finished."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.deploy.conftest import NewTarget, hosts, new_target, target
from tests.deploy.settled import Settled, settled
from tests.deploy.target import Target

__all__ = ["NewTarget", "hosts", "new_target", "settled", "target"]

Finished = Callable[[str], Target]


@pytest.fixture
def finished(settled: Settled) -> Finished:
    """Gives a target of an edition that was deployed to."""
    return settled
