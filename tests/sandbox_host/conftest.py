"""A sandbox of two hosts for these tests, and a client on the first of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sandbox
from tests.sandbox_host.client import Client


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandbox.Sandbox]:
    with sandbox.running(tmp_path_factory.mktemp("sandbox"), hosts=2) as started:
        yield started


@pytest.fixture
def host(running: sandbox.Sandbox) -> Iterator[sandbox.Host]:
    """The first host; what a test does to its containers is undone."""
    host = running.hosts[0]
    yield host
    host.allow_tcp_forwarding = True
    host.redis_keys = {}
    for container in host.containers.values():
        container.start()


@pytest.fixture
def client(running: sandbox.Sandbox, host: sandbox.Host) -> Iterator[Client]:
    with Client(running, host) as connected:
        yield connected


@pytest.fixture
def env_file(host: sandbox.Host) -> Iterator[Path]:
    """Where the environment file of the host's Compose project belongs; absent at first."""
    path = host.root / "opt/javisi/configs/plane/plane.env"
    path.parent.mkdir(parents=True)
    yield path
    path.unlink(missing_ok=True)
    path.parent.rmdir()
