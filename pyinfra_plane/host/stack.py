"""Plane's containers in a Compose project: which services are Plane's, and the variables that they get and run with.

Nothing here reads or changes a host.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from pyinfra.api import StringCommand

from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.facts.compose import API_COMMANDS, Composed, ComposeFile, Service, ServiceContainer, full_name
from pyinfra_plane.host.env_values import EnvFile

START_SCRIPT = re.compile(r"docker-entrypoint-api")
_API = re.compile("|".join(API_COMMANDS))
_MIGRATOR = re.compile(r"docker-entrypoint-migrator|manage\.py migrate\b")
_PLANE = re.compile(r"plane|docker-entrypoint-(api|worker|beat|migrator)")
_SERVER = re.compile(r"postgres|redis|valkey|rabbitmq|minio")
_SERVER_VARIABLES = frozenset({"MINIO_ROOT_USER", "POSTGRES_USER", "POSTGRES_PASSWORD", "RABBITMQ_DEFAULT_USER"})
_API_NAME = re.compile(r"(.*[-_])?api")
_MIGRATOR_NAME = re.compile(r"(.*[-_])?migrat(or|e|ions?)")

NEEDED = ("SECRET_KEY", "DATABASE_URL")
"""The variables that Plane's API requires: with a default in their place, it runs on another database."""


@dataclass(frozen=True)
class Named:
    """The services that a person named; ``None`` means that the service is found in the Compose file.

    Args:
        services: those that read the env file.
    """

    services: Sequence[str] | None = None
    migrator: str | None = None
    api: str | None = None


@dataclass(frozen=True)
class Stack:
    """The services of a Compose project that read Plane's env file, and their containers.

    Args:
        directory: the project's folder.
        names: the services, in Compose's order, without the migrator.
        compose: the words of ``docker compose`` that select the project.
    """

    directory: str
    file: EnvFile
    config: ComposeFile
    composed: Composed
    names: tuple[str, ...]
    api: str
    migrator: str | None
    compose: StringCommand

    @property
    def services(self) -> tuple[Service, ...]:
        """The services that read the env file, the migrator first."""
        return tuple(self.config.services[name] for name in (self.migrator, *self.names) if name is not None)

    @property
    def api_service(self) -> Service:
        """The service of Plane's API."""
        return self.config.services[self.api]

    @property
    def skips_start_script(self) -> bool:
        """Whether the API starts without its image's start script, which registers and configures the instance."""
        command = " ".join(self.api_service.command)
        return bool(command) and not START_SCRIPT.search(command)

    @property
    def needs_env_file(self) -> bool:
        """Whether ``docker compose`` gives Plane other values if it is called without ``--env-file``."""
        dotenv = dotenv_of(self.composed, self.directory)
        return interpolates(self.config.services, self.file) and self.file.location != dotenv

    def of(self, service: str | None) -> tuple[ServiceContainer, ...]:
        """A service's containers."""
        return tuple(one for one in self.composed.containers if one.service == service)

    def check(self) -> None:
        """Refuse a project in which Plane's services would run with other values than the env file holds.

        Raises:
            PlaneSettings: naming services, variables and the fix; never a value.
        """
        unlike = {service.name: names for service in self.services if (names := self.file.overridden(service))}
        if unlike:
            first, variables = next(iter(unlike)), sorted({name for names in unlike.values() for name in names})
            raise PlaneSettings(
                f"in {self.directory}, {', '.join(unlike)} would run with another {', '.join(variables)} than "
                f"{self.file.path} holds: {self._cure(self.config.services[first], unlike[first])}"
            )
        api = self.api_service
        coming = self.file.names if self.file.is_of(api) else frozenset()
        lacking = [name for name in NEEDED if api.environment is not None and name not in {*coming, *api.environment}]
        if lacking:
            raise PlaneSettings(
                f"in {self.directory}, {api.name} would run without {' and '.join(lacking)}; give it env_file: "
                f"{self.file.path}"
            )

    def _cure(self, service: Service, names: Sequence[str]) -> str:
        written = [name for name in names if name in service.own]
        if not written:
            return "another file under its env_file: sets it; remove it there"
        if self.file.is_of(service):
            return f"its environment: sets {', '.join(written)} too, and takes precedence; remove it there"
        literal = [name for name in written if name in service.literals]
        if literal:
            return f"its environment: sets it; write {literal[0]}: ${{{literal[0]}}} there"
        return "the SSH user's environment or another env file sets it; remove it there"

    def unused_variables(self) -> list[str]:
        """The variables of the env file that no service gets; none if the services read the file itself."""
        if self.config.unresolved is not None or any(self.file.is_of(one) for one in self.services):
            return []
        got = {name for one in self.services for name in one.environment or ()}
        referred = {name for one in self.services for names in one.references.values() for name in names}
        return sorted(self.file.names - got - referred)

    def unlisted_services(self) -> list[str]:
        """The services that run the API's image but do not read the env file."""
        image, read = self.api_service.image, self.services
        others = [one for one in self.config.services.values() if one not in read and not one.is_off]
        return [one.name for one in others if image and one.image == image]

    def differing(self, container: ServiceContainer) -> list[str]:
        """The variables that have another value in a container than its service gives it."""
        return self.file.differing(self.config.services[container.service], container.environment)

    def stale_variables(self, container: ServiceContainer) -> list[str]:
        """The variables that a container still has, and that this run removes from the file."""
        return self.file.stale_variables(self.config.services[container.service], container.environment)

    def image(self, service: str) -> str | None:
        """The name of a service's image.

        ``None`` if it depends on variables of the Compose file that are not known yet.
        """
        image = self.config.services[service].image
        return image if image and "$" not in image else None

    def exchanged(self, container: ServiceContainer) -> str | None:
        """The difference between the service's image and the container's; ``None`` if there is none."""
        image = self.image(container.service)
        if image is not None and full_name(image) != full_name(container.image):
            return f"{container.image} → {image}"
        now = self.composed.image_id(container.image)
        return f"{container.image} was pulled again" if now not in (None, container.image_id) else None

    def is_backing_service(self, name: str) -> bool:
        """Whether a service is a server that Plane connects to, such as its storage, not one of Plane's programs."""
        service = self.config.services[name]
        is_server = _SERVER.search(service.image) or _SERVER_VARIABLES & service.own
        return bool(is_server) and service.image != self.api_service.image

    def missing_around(self) -> tuple[list[str], list[str]]:
        """Services without a container that Plane's depend on, and those that wait for Plane's."""
        known = self.config.services
        needs = {name: service.depends_on & known.keys() for name, service in known.items()}
        needed_by = {name: {other for other in known if name in needs[other]} for name in known}
        ours = [service.name for service in self.services]
        before, around = _reached(ours, needs), _reached(ours, needs) | _reached(ours, needed_by)
        first = before - _reached([self.api], needed_by)
        missing = sorted(name for name in around if name not in ours and not self.of(name))
        return [name for name in missing if name in first], [name for name in missing if name not in first]


def _reached(names: Iterable[str], next_to: Mapping[str, Iterable[str]]) -> set[str]:
    """All names reachable from the names, step by step; the names themselves only if they are reachable."""
    found: set[str] = set()
    left = list(names)
    while left:
        new = set(next_to[left.pop()]) - found
        found |= new
        left += new
    return found


def dotenv_of(composed: Composed, directory: str) -> str:
    """The file from which Compose itself takes variables of a project."""
    return posixpath.normpath(posixpath.join(composed.folder, directory, ".env"))


def find(
    directory: str, file: EnvFile, config: ComposeFile, composed: Composed, named: Named, compose: StringCommand
) -> Stack:
    """Find Plane's services in a Compose project.

    Raises:
        PlaneSettings: there are none, or the Compose file lacks one of those that a person named.
    """
    known, migrator = config.services, named.migrator
    absent = [name for name in (*(named.services or ()), migrator, named.api) if name is not None and name not in known]
    if absent:
        raise PlaneSettings(
            f"the Compose project in {directory} has no service {', '.join(absent)}; correct plane_compose_services, "
            f"or set it to None (the project has: {', '.join(sorted(known))})"
        )
    found = _reading(known, file)
    reading = found if named.services is None else list(named.services)
    if not reading:
        _refuse(directory, file, config)
    if migrator is None:
        migrator = next((name for name in (*reading, *found) if _is_migrator(known[name])), None)
    names = tuple(name for name in reading if name != migrator)
    api = named.api or _api(directory, known, names)
    others = tuple(name for name in names if name != api)
    return Stack(directory, file, config, composed, (api, *others), api, migrator, compose)


def _refuse(directory: str, file: EnvFile, config: ComposeFile) -> NoReturn:
    """Explain why no service reads the env file, from Compose's answers."""
    if config.unwritten is not None:
        raise PlaneSettings(
            f"docker compose config --no-interpolate cannot read the project in {directory}, so its env_file: entries "
            f"are unknown ({config.unwritten}); correct that line (a volume or port with ${{…}} needs the long "
            "syntax), or name Plane's services in plane_compose_services"
        )
    read = sorted({path for service in config.services.values() for path in service.env_files})
    instead = f" (they read {', '.join(read)})" if read else ""
    raise PlaneSettings(
        f"no service in {directory} reads {file.path}{instead}; give Plane's services env_file: {file.location} in "
        "the Compose file, or set plane_env_path to the file that they read"
    )


def _reading(known: Mapping[str, Service], file: EnvFile) -> list[str]:
    """The services that read the env file; if none does, those that interpolate its variables."""
    services = [service for service in known.values() if not service.is_off]
    having = [service.name for service in services if file.is_of(service)]
    if having:
        return having
    backends = [one for one in services if _is_planes(one) and all(it in one.references.get(it, ()) for it in NEEDED)]
    names = file.names.union(NEEDED)
    interpolating = [one for one in services if any(names & others for others in one.references.values())]
    return [one.name for one in interpolating if one in backends or _belongs(one, backends)]


def _is_planes(service: Service) -> bool:
    """Whether a service runs Plane: another service may have variables of the same names."""
    return bool(_PLANE.search(" ".join((service.image, *service.command))))


def _belongs(service: Service, backends: Sequence[Service]) -> bool:
    """Whether a service belongs to Plane's: it shares their image, is their storage, or one waits for the other."""
    return bool(backends) and (
        any(service.image == one.image or service.name in one.depends_on for one in backends)
        or any(one.name in service.depends_on for one in backends)
        or service.copies.get("MINIO_ROOT_USER") == "AWS_ACCESS_KEY_ID"
    )


def is_plane(known: Mapping[str, Service], file: EnvFile, services: Sequence[str] | None) -> bool:
    """Whether these services belong to a project with Plane's: a person named them, or they read the file."""
    return set(services) <= set(known) if services is not None else bool(_reading(known, file))


def interpolates(known: Mapping[str, Service], file: EnvFile) -> bool:
    """Whether Plane's services get its variables by interpolation, as in Plane's own Compose file."""
    return not any(file.is_of(service) for service in known.values())


def _is_migrator(service: Service) -> bool:
    command = " ".join(service.command)
    return bool(_MIGRATOR.search(command) or (not _API.search(command) and _MIGRATOR_NAME.fullmatch(service.name)))


def _api(directory: str, known: Mapping[str, Service], names: Sequence[str]) -> str:
    running = [name for name in names if _API.search(" ".join(known[name].command))]
    called = [name for name in names if _API_NAME.fullmatch(name)]
    for found in ([name for name in running if name in called], running, called):
        if len(found) == 1:
            return found[0]
        if found:
            raise PlaneSettings(
                f"{' and '.join(found)} in {directory} could each be Plane's API; name the right one in "
                "plane_compose_api"
            )
    raise PlaneSettings(
        f"none of {', '.join(names)} in {directory} looks like Plane's API; name it in plane_compose_api"
    )
