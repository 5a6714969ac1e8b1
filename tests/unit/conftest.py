"""What every test here starts from: no secret in the environment, and a web server where one is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyinfra_plane.settings import SECRETS
from tests import measured
from tests.unit.web import Client, Site, client_of, serving


@pytest.fixture(scope="package", autouse=True)
def measuring() -> Iterator[None]:
    with measured.in_process():
        yield


@pytest.fixture(autouse=True)
def no_secrets_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        yield running


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    with client_of(site.url) as client:
        yield client
