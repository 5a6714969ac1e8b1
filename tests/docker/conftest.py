"""One lab a worker; each test gets a target that nothing was deployed to, or one that was deployed to."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.docker.engine import unavailable
from tests.docker.lab import Lab


@pytest.fixture(scope="session")
def started() -> Iterator[Lab]:
    """The lab, which ends with the test run."""
    reason = unavailable()
    if reason is not None:
        if os.environ.get("LAB_REQUIRED") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    lab = Lab()
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()


@pytest.fixture
def lab(started: Lab) -> Lab:
    """A target that nothing was ever deployed to."""
    started.reset()
    return started


@pytest.fixture
def deployed(started: Lab) -> Lab:
    """A target that was deployed to, and nothing else happened to."""
    started.finish()
    return started
