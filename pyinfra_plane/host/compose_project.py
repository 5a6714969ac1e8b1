"""Plane's services in a Compose project on the host, with their current containers."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pyinfra.api import QuoteString, StringCommand

from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.commands import TargetError
from pyinfra_plane.engine.docker_errors import explain_docker
from pyinfra_plane.engine.env_file import env_changes, variables
from pyinfra_plane.engine.files import read_file
from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.engine.readings import read_fact
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.facts.compose import ComposeConfig, Composed, ComposeFile, ComposeServices, digest
from pyinfra_plane.facts.docker import Container
from pyinfra_plane.facts.postgres import Server
from pyinfra_plane.host.env_values import EnvFile
from pyinfra_plane.host.stack import Named, Stack, dotenv_of, find, interpolates, is_plane
from pyinfra_plane.settings import Settings
from pyinfra_plane.settings.env_format import fits_env_file

DEFAULT_API_CONTAINER = "javisi_plane_api"


@dataclass
class Found:
    """Results of the containers operation that later operations use.

    Args:
        api_container: the name of the API's container, once it is known.
        reached: how the host reaches it, until something may have changed it.
        is_unregistered: whether Plane's instance is still to be registered.
        needs_start: whether the API had no container.
    """

    api_container: str | None = None
    reached: Container | None = None
    is_unregistered: bool = False
    needs_start: bool = False


def found_on(host: Any) -> Found:
    """The results for a host; empty before its Compose project is read."""
    return run_of(host).part(Found)


def needs_start(host: Any) -> bool:
    """Whether this is a preview of a run that will start the API's container."""
    return not is_executing() and found_on(host).needs_start


def is_new(host: Any) -> bool:
    """Whether this is a preview of a Plane that is not registered yet, so that its answers are known in advance."""
    return not is_executing() and found_on(host).is_unregistered


def schema_arguments(settings: Settings) -> dict[str, Any]:
    """The arguments of the fact that reads Plane's tables."""
    s, password = settings, settings.postgres_superuser_password
    server = Server(
        s.postgres_container, s.postgres_superuser, None if password is None else str(password.unmask()),
        s.postgres_container_user, s.postgres_port, s.postgres_maintenance_db,
    )  # fmt: skip
    return {"stdin": server.stdin(), "server": server, "database": s.plane_db_name}


def compose_command(directory: str, options: Sequence[str]) -> StringCommand:
    """The `docker compose` command for the project in a folder."""
    return StringCommand("docker compose --project-directory", QuoteString(directory), *map(QuoteString, options))


def read_composed(host: Any, directory: str) -> Composed:
    """Read the containers of the Compose projects in a folder.

    Raises:
        TargetError: docker did not answer.
    """
    composed: Composed = read_fact(host, ComposeServices, stdin="", directory=directory)
    if composed.unavailable is None:
        return composed
    failure = explain_docker(composed.unavailable)
    asked = f"cannot list the services in {directory}: {composed.unavailable}"
    raise TargetError(asked if failure is None else failure.line)


def read_config(host: Any, directory: str, options: Sequence[str], is_planes: bool = True) -> ComposeFile:
    """Read the services of the Compose project in a folder.

    Args:
        options: options of `docker compose` that select the project.
        is_planes: whether it is Plane's project; otherwise it is the project of a token consumer.

    Raises:
        TargetError: docker did not answer.
        PlaneSettings: there is no project, or Compose cannot read it.
    """
    words = compose_command(directory, options)
    config: ComposeFile = read_fact(host, ComposeConfig, stdin="", command_words=words)
    if config.unavailable is None:
        return config
    if (failure := explain_docker(config.unavailable)) is not None:
        raise TargetError(failure.line)
    planes = "put Plane's file there, or correct plane_compose_dir (None if Plane does not run with Compose)"
    advice = planes if is_planes else "correct plane_token_consumers"
    if "no configuration file" in config.unavailable:
        raise PlaneSettings(f"{directory} has no Compose file; {advice}")
    raise PlaneSettings(f"docker compose cannot read the project in {directory}: {config.unavailable}")


@dataclass(frozen=True)
class Project:
    """The Compose project in a folder of a host, and Plane's env file.

    Args:
        named: the services that a person named.
    """

    host: Any
    directory: str
    env_path: str
    named: Named

    def read(self) -> Stack:
        """Read Plane's services as they are now.

        Raises:
            TargetError: docker or Compose did not answer.
            PlaneSettings: the project does not fit the settings.
        """
        composed = read_composed(self.host, self.directory)
        file = self._env_file(composed)
        composed, options = self._own(composed, file)
        config, options = self._with_env_file(file, composed, options, self._config_of(options))
        if config.unresolved is not None and file.exists:
            raise TargetError(f"docker compose cannot resolve the services in {self.directory}: {config.unresolved}")
        compose = compose_command(self.directory, options)
        stack = find(self.directory, file, config, composed, self.named, compose)
        for container in stack.of(stack.api)[:1]:
            found_on(self.host).api_container = container.name
        return stack

    def _env_file(self, composed: Composed) -> EnvFile:
        changes, text = env_changes(self.host, self.env_path), read_file(self.host, self.env_path)
        coming = None if is_executing() else changes.pending
        held = variables(text.text) if text is not None else coming or {}
        return EnvFile(
            self.env_path,
            posixpath.normpath(posixpath.join(composed.folder, self.env_path)),
            values={name: digest(value) for name, value in held.items() if fits_env_file(value)},
            names=frozenset({*held, *(coming or ())}),
            coming=coming and {name: digest(value) for name, value in coming.items() if fits_env_file(value)},
            gone=changes.removed,
            exists=text is not None,
        )

    def _own(self, composed: Composed, file: EnvFile) -> tuple[Composed, tuple[str, ...]]:
        """Find Plane's project in the folder: its containers, and the `docker compose` options that select it.

        Raises:
            TargetError: several projects have Plane's services.
        """
        # The newest container of a project has the options of the project's last start.
        projects = {container.project.name: container.project for container in reversed(composed.containers)}
        if len(projects) > 1:
            # Other projects in the folder stay unchanged.
            configs = {name: self._config(project.options) for name, project in projects.items()}
            plane = [name for name, config in configs.items() if is_plane(config.services, file, self.named.services)]
            if len(plane) != 1:
                raise TargetError(
                    f"several Compose projects have containers in {self.directory}: "
                    f"{', '.join(sorted(plane or projects))}; remove the containers of all but one (docker compose -p "
                    f"NAME down, in {self.directory}), and run again"
                )
            projects = {plane[0]: projects[plane[0]]}
        own = tuple(container for container in composed.containers if container.project.name in projects)
        return replace(composed, containers=own), next((project.options for project in projects.values()), ())

    def _config_of(self, options: tuple[str, ...]) -> ComposeFile:
        """Read the Compose file. A project without options was read ahead, without its name."""
        is_found = options[:1] == ("-p",) and len(options) == 2
        config = self._config(() if is_found else options)
        return self._config(options) if is_found and config.name != options[1] else config

    def _with_env_file(
        self, file: EnvFile, composed: Composed, options: tuple[str, ...], config: ComposeFile
    ) -> tuple[ComposeFile, tuple[str, ...]]:
        """The Compose file with the values of the env file, and the options that pass the env file to Compose."""
        dotenv = dotenv_of(composed, self.directory)
        if not interpolates(config.services, file) or file.location in (*options, dotenv):
            return config, options
        if not file.exists:
            # Compose refuses an --env-file that does not exist yet; without the option it would show its defaults.
            bare = {name: replace(service, environment=None) for name, service in config.services.items()}
            return replace(config, services=bare, unresolved=f"{self.env_path} does not exist yet"), options
        own = ("--env-file", dotenv) if composed.has_dotenv and "--env-file" not in options else ()
        options = (*options, *own, "--env-file", file.location)
        return self._config(options), options

    def _config(self, options: Sequence[str]) -> ComposeFile:
        return read_config(self.host, self.directory, options)


def known_api_container(host: Any, settings: Settings) -> str | None:
    """The name of the API's container, from the setting or from the Compose project that was read before."""
    if settings.plane_api_container is not None:
        return settings.plane_api_container
    return found_on(host).api_container if settings.plane_compose_dir is not None else DEFAULT_API_CONTAINER
