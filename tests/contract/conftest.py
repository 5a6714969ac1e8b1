from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import measured


@pytest.fixture(scope="package", autouse=True)
def measuring() -> Iterator[None]:
    with measured.in_process():
        yield
