"""A service of a Compose project on the host that uses an agent's token."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyinfra.api import QuoteString, StringCommand

from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.commands import LONGEST_COMMAND, TargetError, run
from pyinfra_plane.facts.compose import Composed, ComposeFile, ServiceContainer, digest
from pyinfra_plane.host.compose_project import compose_command, read_composed, read_config
from pyinfra_plane.host.env_values import EnvFile
from pyinfra_plane.host.stack import Stack


@dataclass(frozen=True)
class TokenSource:
    """A file with tokens.

    Args:
        path: as in the settings.
        values: the values that a service can get from it now; empty if the file does not exist yet.
        coming: the file's values after the run; ``None`` if they stay the same.
    """

    path: str
    values: Mapping[str, str]
    coming: Mapping[str, str] | None = None

    def as_env_file(self, folder: str) -> EnvFile:
        """The file in the form that containers are compared with; values only as digests."""
        coming = None if self.coming is None else {name: digest(value) for name, value in self.coming.items()}
        return EnvFile(
            self.path,
            posixpath.normpath(posixpath.join(folder, self.path)),
            {name: digest(value) for name, value in self.values.items()},
            frozenset({**self.values, **(self.coming or {})}),
            coming,
        )


@dataclass(frozen=True)
class ConsumerService:
    """A service that uses tokens, in its current state.

    Args:
        stacks: the service with each of the files that it reads.
    """

    directory: str
    name: str
    compose: StringCommand
    stacks: tuple[Stack, ...]

    @property
    def containers(self) -> tuple[ServiceContainer, ...]:
        """The service's containers."""
        return self.stacks[0].of(self.name)

    def differing(self, container: ServiceContainer) -> list[str]:
        """The variables of the files with tokens that have another value in the container."""
        return list(dict.fromkeys(name for stack in self.stacks for name in stack.differing(container)))

    def outdated(self) -> Iterator[tuple[ServiceContainer, list[str]]]:
        """The containers that run with other values than the files have, and the variables."""
        for container in self.containers:
            if differing := self.differing(container):
                yield container, differing

    def recreate_command(self) -> StringCommand:
        """The command that recreates the service's containers."""
        return StringCommand(self.compose, "up -d --force-recreate --no-deps", QuoteString(self.name))


def read_consumers(host: Any, directory: str, services: Mapping[str, Sequence[TokenSource]]) -> list[ConsumerService]:
    """Read the services of the Compose project in a folder that use tokens.

    Args:
        services: by name, the files that each may get its token from.

    Raises:
        TargetError: docker or Compose did not answer.
        PlaneSettings: the project does not have a service, or the service gets its token from elsewhere.
    """
    composed = read_composed(host, directory)
    ours = [one for one in composed.containers if one.service in services]
    projects = {one.project.name: one.project for one in reversed(ours or composed.containers)}
    if len(projects) > 1:
        raise TargetError(
            f"several Compose projects have containers in {directory}: {', '.join(sorted(projects))}; remove the "
            f"containers of all but one (docker compose -p NAME down, in {directory}), and run again"
        )
    options = next((project.options for project in projects.values()), ())
    config = read_config(host, directory, options, is_planes=False)
    compose = compose_command(directory, options)
    own = replace(composed, containers=tuple(one for one in ours if one.project.name in projects))
    return [_service(directory, name, compose, config, own, sources) for name, sources in services.items()]


def _service(
    directory: str,
    name: str,
    compose: StringCommand,
    config: ComposeFile,
    composed: Composed,
    sources: Sequence[TokenSource],
) -> ConsumerService:
    if name not in config.services:
        raise PlaneSettings(
            f"the Compose project in {directory} has no service {name}; correct plane_token_consumers (the project "
            "has: "
            f"{', '.join(sorted(config.services))})"
        )
    files = [source.as_env_file(composed.folder) for source in sources]
    stacks = [Stack(directory, file, config, composed, (name,), name, None, compose) for file in files]
    reaching = tuple(stack for stack in stacks if _reaches(stack, name))
    if not reaching:
        raise PlaneSettings(
            f"the service {name} in {directory} gets no token from {' or '.join(source.path for source in sources)}; "
            "give it env_file: with that file, or, if it reads a file itself (such as a JSON file), use a command in "
            "plane_token_consumers instead"
        )
    found = ConsumerService(directory, name, compose, reaching)
    if not found.containers:
        return found  # nothing will be recreated
    if config.unresolved is not None and all(source.values for source in sources):
        raise TargetError(f"docker compose cannot resolve the services in {directory}: {config.unresolved}")
    for stack in reaching:
        _refuse_other_values(stack, name)
    return found


def _reaches(stack: Stack, name: str) -> bool:
    """Whether a service gets variables of a file: by ``env_file:``, or interpolated."""
    service = stack.config.services[name]
    return stack.file.is_of(service) or any(names & stack.file.names for names in service.references.values())


def _refuse_other_values(stack: Stack, name: str) -> None:
    """Check that a new container would have the values of the file.

    Raises:
        PlaneSettings: it would not, so that it would be recreated without effect, or without a token.
    """
    service, file = stack.config.services[name], stack.file
    got = service.environment
    if got is None:
        return  # the file does not exist yet
    same = file.values.keys() - service.literals.keys() - service.references.keys() if file.is_of(service) else ()
    pairs = {**{one: one for one in same}, **{to: one for to, one in service.copies.items() if one in file.values}}
    unlike = sorted(to for to, one in pairs.items() if got.get(to) != file.values[one])
    if unlike:
        cure = (
            "its environment: or another file under its env_file: sets it; remove it there"
            if file.is_of(service)
            else f"start it once with docker compose --env-file {file.path} up -d, or give it env_file: {file.path}"
        )
        raise PlaneSettings(
            f"in {stack.directory}, the service {name} would get another {', '.join(unlike)} than {file.path} holds: "
            f"{cure}"
        )


def recreate(host: Any, consumer: ConsumerService, sources: Sequence[TokenSource]) -> None:
    """Recreate the service's containers, and check that they run with the values of the files.

    Raises:
        TargetError: the service could not be recreated, or runs with other values.
    """
    output = run(host, consumer.recreate_command(), show_output=True, longest=LONGEST_COMMAND)
    if not output.ok:
        raise TargetError(f"docker compose up {consumer.name} in {consumer.directory} failed: {output.reason}")
    [now] = read_consumers(host, consumer.directory, {consumer.name: sources})
    for container, differing in now.outdated():
        raise TargetError(
            f"{container.name} was recreated but still runs with another {', '.join(differing)} than the agent's file "
            "holds; "
            f"see docker compose config {consumer.name} in {consumer.directory}"
        )
