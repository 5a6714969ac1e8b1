"""A service that uses a token: what it gets of it, what it runs with, and when a new container would be no better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pyinfra.api import StringCommand

from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.engine.commands import TargetError
from pyinfra_plane.facts.compose import Composed, ComposeFile, ComposeProject, ServiceContainer, _service, digest
from pyinfra_plane.host import consumer
from pyinfra_plane.host.consumer import ConsumerService, TokenSource

FOLDER = "/opt/n8n"
OWN = "/opt/plane/agents/thot.env"
COMMON = "/opt/plane/agent-tokens.env"
VALUES = {"PLANE_API_KEY": "new", "PLANE_TOKEN_THOT": "new", "PLANE_BASE_URL": "https://work.example.com"}
SOURCES = (TokenSource(OWN, VALUES), TokenSource(COMMON, {"PLANE_TOKEN_THOT": "new"}))

BY_FILE: dict[str, Any] = {"env_file": OWN}
BY_NAME: dict[str, Any] = {"environment": {"KEY": "${PLANE_TOKEN_THOT}"}}


def seen(
    raw: Mapping[str, Any],
    got: Mapping[str, str] | None,
    runs: Mapping[str, str] | None,
    sources: tuple[TokenSource, ...] = SOURCES,
    unresolved: str | None = None,
) -> ConsumerService:
    """A service that is written like `raw`, gets `got` now, and has a container with `runs`."""
    service = _service("n8n", dict(raw), None if got is None else {**raw, "environment": got})
    project = ComposeProject("n8n", FOLDER)
    digests = {name: digest(value) for name, value in (runs or {}).items()}
    container = ServiceContainer("n8n", "n8n-1", "running", 0, project, environment=digests)
    composed = Composed(() if runs is None else (container,))
    config = ComposeFile({"n8n": service}, unresolved)
    return consumer._service(FOLDER, "n8n", StringCommand("docker compose"), config, composed, sources)


def outdated(service: ConsumerService) -> list[list[str]]:
    return [differing for _, differing in service.outdated()]


def test_a_container_is_compared_by_what_the_service_gets_of_the_token() -> None:
    assert outdated(seen(BY_FILE, VALUES, VALUES)) == []
    assert outdated(seen(BY_FILE, VALUES, {**VALUES, "PLANE_API_KEY": "old"})) == [["PLANE_API_KEY"]]
    # What is none of the token's business is not compared.
    assert outdated(seen(BY_FILE, {**VALUES, "TZ": "UTC"}, {**VALUES, "TZ": "Europe/Berlin"})) == []
    assert outdated(seen(BY_NAME, {"KEY": "new"}, {"KEY": "new"})) == []
    assert outdated(seen(BY_NAME, {"KEY": "new"}, {"KEY": "old"})) == [["KEY"]]


def test_a_preview_compares_with_what_the_file_will_hold() -> None:
    own = TokenSource(OWN, VALUES, {**VALUES, "PLANE_API_KEY": "newer"})
    assert outdated(seen(BY_FILE, VALUES, VALUES, (own,))) == [["PLANE_API_KEY"]]
    common = TokenSource(COMMON, {"PLANE_TOKEN_THOT": "new"}, {"PLANE_TOKEN_THOT": "newer"})
    assert outdated(seen(BY_NAME, {"KEY": "new"}, {"KEY": "new"}, (common,))) == [["KEY"]]


def test_a_service_that_would_get_another_token_is_refused_if_it_has_a_container() -> None:
    with pytest.raises(PlaneSettings, match=r"would get another PLANE_API_KEY than .* holds: its environment: or"):
        seen({**BY_FILE, "environment": {}}, {**VALUES, "PLANE_API_KEY": "theirs"}, VALUES)
    with pytest.raises(PlaneSettings, match=r"would get another KEY than .* holds: start it once with .* --env-file"):
        seen(BY_NAME, {"KEY": ""}, {"KEY": "old"})
    # One that nobody has started is nobody's trouble yet.
    assert seen(BY_NAME, {"KEY": ""}, None).containers == ()


def test_what_compose_cannot_tell_is_an_error_once_the_files_exist() -> None:
    reason = "env file /opt/other.env not found"
    with pytest.raises(TargetError, match="cannot resolve the services in /opt/n8n: env file /opt/other"):
        seen(BY_FILE, None, VALUES, unresolved=reason)
    missing = (TokenSource(OWN, {}, VALUES), SOURCES[1])
    assert outdated(seen(BY_FILE, None, {}, missing, unresolved=reason)) == [[*VALUES]]


def test_a_service_without_the_token_is_refused_with_what_to_do() -> None:
    with pytest.raises(PlaneSettings, match=rf"gets no token from {OWN} or {COMMON}; give it env_file: with that file"):
        seen({"environment": {"KEY": "their-own"}}, {"KEY": "their-own"}, {"KEY": "their-own"})
