"""Plane's services in a Compose project on the host, as they are now."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyinfra.api import QuoteString, StringCommand

from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.engine.commands import TargetError
from pyinfra_plane.engine.docker_errors import explain_docker
from pyinfra_plane.engine.env_file import env_changes, variables
from pyinfra_plane.engine.files import read_file
from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.engine.readings import read_fact
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.facts.compose import ComposeConfig, Composed, ComposeFile, ComposeServices, digest
from pyinfra_plane.host.stack import EnvFile, Stack, find, interpolates, is_plane
from pyinfra_plane.settings import Settings
from pyinfra_plane.settings.carried import is_carried


@dataclass
class Found:
    """What the containers step found on this host, for the steps after it.

    Args:
        api_container: the name of the API's container, once it is known.
        is_unregistered: whether Plane's instance is still to be registered.
        is_to_start: whether the API had no container.
    """

    api_container: str | None = None
    is_unregistered: bool = False
    is_to_start: bool = False


def found_on(host: Any) -> Found:
    """What was found on a host; nothing before its Compose project was read."""
    return run_of(host).part(Found)


def is_to_start(host: Any) -> bool:
    """Whether this is a preview of a run that will start the API's container."""
    return not is_executing() and found_on(host).is_to_start


def is_new(host: Any) -> bool:
    """Whether this is a preview of a Plane that is not registered yet, so that what it would answer is known."""
    return not is_executing() and found_on(host).is_unregistered


DEFAULT_API_CONTAINER = "javisi_plane_api"


def schema_arguments(settings: Settings) -> dict[str, Any]:
    password = settings.postgres_superuser_password
    return {
        "stdin": None if password is None else f"{password.unmask()}\n",
        "container": settings.postgres_container,
        "database": settings.plane_db_name,
        "superuser": settings.postgres_superuser,
        "with_password": password is not None,
        "container_user": settings.postgres_container_user,
        "port": settings.postgres_port,
        "maintenance_db": settings.postgres_maintenance_db,
    }


def compose_command(directory: str, options: Sequence[str]) -> StringCommand:
    return StringCommand("docker compose --project-directory", QuoteString(directory), *map(QuoteString, options))


def _projects_own(
    host: Any, directory: str, composed: Composed, file: EnvFile, services: Sequence[str] | None
) -> tuple[Composed, tuple[str, ...]]:
    """Plane's project among those in a folder: its containers, and the options of `docker compose` that lead to it.

    Raises:
        TargetError: there are several with Plane's services.
    """
    # The newest container of a project tells what the project was last started with.
    projects = {container.project.name: container.project for container in reversed(composed.containers)}
    if len(projects) > 1:
        # Other projects in the folder are left alone.
        configs = {name: read_config(host, directory, project.options) for name, project in projects.items()}
        plane = [name for name, config in configs.items() if is_plane(config.services, file, services)]
        if len(plane) != 1:
            raise TargetError(
                f"there are containers of several Compose projects in {directory}: "
                f"{', '.join(sorted(plane or projects))}; remove those of all but one (docker compose -p NAME down, in "
                f"{directory}), and run again"
            )
        projects = {plane[0]: projects[plane[0]]}
    own = tuple(container for container in composed.containers if container.project.name in projects)
    return replace(composed, containers=own), next((project.options for project in projects.values()), ())


def read_composed(host: Any, directory: str) -> Composed:
    """The containers of the Compose project in a folder.

    Raises:
        TargetError: docker could not be asked.
    """
    composed = read_fact(host, ComposeServices, stdin="", directory=directory)
    if composed.unavailable is not None:
        raise TargetError(
            _explained(composed.unavailable)
            or f"docker could not be asked for the services in {directory}: {composed.unavailable}"
        )
    return composed


def read_stack(
    host: Any, directory: str, env_path: str, services: Sequence[str] | None, migrator: str | None, api: str | None
) -> tuple[Stack, StringCommand]:
    """Plane's services in a Compose project, and the words of `docker compose` that lead to it.

    Raises:
        TargetError: docker or Compose could not be asked.
        PlaneSettings: the project does not fit the settings.
    """
    composed = read_composed(host, directory)
    text = read_file(host, env_path)
    coming = None if is_executing() else env_changes(host, env_path).pending
    found = variables(text.text) if text is not None else coming or {}
    location = posixpath.normpath(posixpath.join(composed.folder, env_path))
    file = EnvFile(
        env_path,
        location,
        {name: digest(value) for name, value in found.items() if is_carried(value)},
        frozenset({**found, **(coming or {})}),
        None if coming is None else {name: digest(value) for name, value in coming.items() if is_carried(value)},
        env_changes(host, env_path).removed,
    )
    composed, options = _projects_own(host, directory, composed, file, services)
    # A project that Compose finds by itself was read ahead, without its name.
    is_found = options[:1] == ("-p",) and len(options) == 2
    config = read_config(host, directory, () if is_found else options)
    if is_found and config.name != options[1]:
        config = read_config(host, directory, options)
    dotenv = posixpath.normpath(posixpath.join(composed.folder, directory, ".env"))
    if interpolates(config.services, file) and location not in (*options, dotenv):
        if text is None:
            # Compose refuses an --env-file that does not exist yet, and without it would tell of its defaults.
            bare = {name: replace(service, environment=None) for name, service in config.services.items()}
            config = replace(config, services=bare, unresolved=f"there is no {env_path} yet")
        else:
            has_own = composed.has_dotenv and "--env-file" not in options
            own = ("--env-file", dotenv) if has_own else ()
            options = (*options, *own, "--env-file", location)
            config = read_config(host, directory, options)
    if config.unresolved is not None and text is not None:
        raise TargetError(f"docker compose cannot tell what the services in {directory} get: {config.unresolved}")
    needs_env_file = interpolates(config.services, file) and location != dotenv
    stack = find(directory, file, config, composed, services, migrator, api, needs_env_file)
    for container in stack.of(stack.api)[:1]:
        found_on(host).api_container = container.name
    return stack, compose_command(directory, options)


def _explained(said: str) -> str | None:
    failure = explain_docker(said)
    return None if failure is None else failure.line


def read_config(host: Any, directory: str, options: Sequence[str], is_planes: bool = True) -> ComposeFile:
    """The services of the Compose project in a folder.

    Args:
        options: of `docker compose`, that lead to the project.
        is_planes: whether it is Plane's, and not that of somebody who uses tokens.

    Raises:
        TargetError: docker could not be asked.
        PlaneSettings: there is no project, or Compose cannot read it.
    """
    config = read_fact(host, ComposeConfig, stdin="", command_words=compose_command(directory, options))
    if config.unavailable is None:
        return config
    explained = _explained(config.unavailable)
    if explained is not None:
        raise TargetError(explained)
    if "no configuration file" in config.unavailable:
        if not is_planes:
            raise PlaneSettings(f"there is no Compose file in {directory}; correct plane_token_consumers")
        raise PlaneSettings(
            f"there is no Compose file in {directory}; put Plane's there, or correct plane_compose_dir (None, if Plane "
            "is started otherwise)"
        )
    raise PlaneSettings(f"docker compose cannot read the project in {directory}: {config.unavailable}")


def known_api_container(host: Any, settings: Settings) -> str | None:
    """The name of the API's container: the setting's, or what was found in the Compose project before."""
    if settings.plane_api_container is not None:
        return settings.plane_api_container
    return found_on(host).api_container if settings.plane_compose_dir is not None else DEFAULT_API_CONTAINER


def find_api_container(host: Any, settings: Settings) -> str | None:
    """The name of the API's container in the Compose project; ``None`` if it has none yet.

    Raises:
        TargetError: docker or Compose could not be asked.
        PlaneSettings: the project does not fit the settings.
    """
    if settings.plane_compose_dir is not None:
        read_stack(host, settings.plane_compose_dir, settings.plane_env_path, *named_services(settings))
    return known_api_container(host, settings)


def named_services(settings: Settings) -> tuple[tuple[str, ...] | None, str | None, str | None]:
    """The services that the settings name: those that read the env file, the migrator, the API."""
    return settings.plane_compose_services, settings.plane_compose_migrator, settings.plane_compose_api
