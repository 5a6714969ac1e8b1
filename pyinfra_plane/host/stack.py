"""Plane's containers as a Compose project has them: which services are Plane's, and what they get and run with.

Nothing here reads or changes a host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.facts.compose import (
    API_COMMAND,
    Composed,
    ComposeFile,
    Digests,
    Service,
    ServiceContainer,
    full_name,
)

START_SCRIPT = re.compile(r"docker-entrypoint-api")
_API = re.compile(API_COMMAND)
_MIGRATOR = re.compile(r"docker-entrypoint-migrator|manage\.py migrate\b")
_PLANE = re.compile(r"plane|docker-entrypoint-(api|worker|beat|migrator)")
_SERVER = re.compile(r"postgres|redis|valkey|rabbitmq|minio")
_SERVER_VARIABLES = frozenset({"MINIO_ROOT_USER", "POSTGRES_USER", "POSTGRES_PASSWORD", "RABBITMQ_DEFAULT_USER"})
_API_NAME = re.compile(r"(.*[-_])?api")
_MIGRATOR_NAME = re.compile(r"(.*[-_])?migrat(or|e|ions?)")

NEEDED = ("SECRET_KEY", "DATABASE_URL")
"""What Plane's API cannot do without: with a default in their place, it runs on another database."""

FIXED_BY_PLANE = frozenset({"GUNICORN_WORKERS"})
"""What Plane's own Compose file fixes itself (every tried release): how many processes answer, not what they answer."""


@dataclass(frozen=True)
class EnvFile:
    """Plane's env file.

    Args:
        path: as in the settings.
        location: from the root folder on.
        values: the variables in it that every reader takes the same way.
        names: all variables in it, now or once it is written.
        coming: what this run will write; ``None`` if it changes nothing, or has done so.
        gone: the variables that this run takes out of it, or took.
    """

    path: str
    location: str
    values: Digests = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    coming: Digests | None = None
    gone: frozenset[str] = frozenset()

    def is_of(self, service: Service) -> bool:
        """Whether it stands under the service's ``env_file:``."""
        return any(self._is_at(path, service.environment) for path in service.env_files)

    def _is_at(self, path: str, environment: Digests | None) -> bool:
        """Whether a path of a Compose file, whose ``${…}`` are not filled in, may lead to the file."""
        if "$" not in path:
            return path == self.location
        # Compose puts its own folder in front, even if the variable holds a whole path.
        _, *parts = (re.escape(part) for part in re.split(r"\$\{[^}]*\}|\$\w+", path))
        has_all = environment is None or self.values.keys() <= environment.keys()
        return has_all and re.fullmatch(".*" + ".*".join(parts), self.location) is not None


@dataclass(frozen=True)
class Stack:
    """The services of a Compose project that read Plane's env file, and their containers.

    Args:
        directory: the project's folder.
        names: the services, in the order that Compose gives them; the migrator is not among them.
    """

    directory: str
    file: EnvFile
    config: ComposeFile
    composed: Composed
    names: tuple[str, ...]
    api: str
    migrator: str | None
    needs_env_file: bool = False

    @property
    def services(self) -> tuple[Service, ...]:
        """The services that read the env file, the migrator first."""
        return tuple(self.config.services[name] for name in (self.migrator, *self.names) if name is not None)

    @property
    def starts_bare(self) -> bool:
        """Whether the API starts without its image's start script, which registers and configures the instance."""
        command = " ".join(self.config.services[self.api].command)
        return bool(command) and not START_SCRIPT.search(command)

    def of(self, service: str | None) -> tuple[ServiceContainer, ...]:
        """A service's containers."""
        return tuple(one for one in self.composed.containers if one.service == service)

    def check(self) -> None:
        """Refuse a project in which Plane's services would run with other values than the env file holds.

        Raises:
            PlaneSettings: naming services, variables and the cure; never a value.
        """
        unlike = {service.name: names for service in self.services if (names := sorted(_unlike(service, self.file)))}
        if unlike:
            first = next(iter(unlike))
            variables = sorted({name for names in unlike.values() for name in names})
            raise PlaneSettings(
                f"in {self.directory}, {', '.join(unlike)} would run with another {', '.join(variables)} than "
                f"{self.file.path} holds: {self._cure(self.config.services[first], unlike[first])}"
            )
        api = self.config.services[self.api]
        coming = self.file.names if self.file.is_of(api) else frozenset()
        got = {*coming, *(NEEDED if api.environment is None else api.environment)}
        lacking = [name for name in NEEDED if name not in got]
        if lacking:
            raise PlaneSettings(
                f"in {self.directory}, {api.name} would run without {' and '.join(lacking)}; give it env_file: "
                f"{self.file.path}"
            )

    def _cure(self, service: Service, names: Sequence[str]) -> str:
        written = [name for name in names if name in service.literals or name in service.references]
        if not written:
            return "another file under its env_file: sets it; remove it there"
        if self.file.is_of(service):
            return f"its environment: sets {', '.join(written)} too, and wins; remove it there"
        literal = [name for name in written if name in service.literals]
        if literal:
            return f"its environment: sets it; write {literal[0]}: ${{{literal[0]}}} there"
        return "the SSH user's environment or another env file sets it; remove it there"

    def not_read(self) -> list[str]:
        """The variables of the env file that no service gets; none if the services have the file itself."""
        if self.config.unresolved is not None or any(self.file.is_of(one) for one in self.services):
            return []
        got = {name for one in self.services for name in one.environment or ()}
        referred = {name for one in self.services for names in one.references.values() for name in names}
        return sorted(self.file.names - got - referred)

    def left_out(self) -> list[str]:
        """The services that run the API's image and are not among those that read the env file."""
        image, read = self.config.services[self.api].image, {one.name for one in self.services}
        others = [one for one in self.config.services.values() if one.name not in read and not one.is_off]
        return [one.name for one in others if image and one.image == image]

    def gets(self, service: str, name: str) -> bool:
        """Whether a service gets a variable of the env file, now or once the file is written."""
        found = self.config.services[service]
        return name in self.file.names and (self.file.is_of(found) or name in found.references)

    def given(self, service: str, name: str) -> str | None:
        """The digest of a variable that a service is given; ``None`` if it is not, or if that is not known yet."""
        found, coming = self.config.services[service], self.file.coming or {}
        if name in coming and self.file.is_of(found) and name not in found.literals:
            return coming[name]
        return (found.literals if found.environment is None else found.environment).get(name)

    def differing(self, container: ServiceContainer) -> list[str]:
        """The variables that a container runs with another value of than its service gets."""
        service = self.config.services[container.service]
        wanted = dict(service.literals if service.environment is None else service.environment)
        coming = self.file.coming or {}
        if self.file.is_of(service) and self.file.coming is not None:
            own = (*service.literals, *service.references)
            gone = self.file.values.keys() - coming.keys()
            wanted = {name: value for name, value in wanted.items() if name in own or name not in gone}
            wanted |= {name: value for name, value in coming.items() if name not in own}
        wanted |= {name: coming[other] for name, other in service.copies.items() if other in coming}
        # In the file's order, which Compose does not keep.
        ordered = dict.fromkeys([*coming, *self.file.values, *sorted(wanted)])
        read = [name for name in ordered if name in wanted and self._is_read(service, name)]
        return [name for name in read if container.environment.get(name) != wanted[name]]

    def left_over(self, container: ServiceContainer) -> list[str]:
        """The variables that a container still has, and that this run takes out of the file."""
        service = self.config.services[container.service]
        own = {*service.literals, *service.references}
        left = self.file.gone & container.environment.keys() - own
        return sorted(left) if self.file.is_of(service) else []

    def _is_read(self, service: Service, name: str) -> bool:
        return name in self.file.names or bool(service.references.get(name, frozenset()) & self.file.names)

    def image(self, service: str) -> str | None:
        """The name of a service's image; ``None`` if the Compose file leaves it to variables that are not known yet."""
        image = self.config.services[service].image
        return image if image and "$" not in image else None

    def exchanged(self, container: ServiceContainer) -> str | None:
        """How the service's image differs from the one that the container runs; ``None`` if it does not."""
        image = self.image(container.service)
        if image is not None and full_name(image) != full_name(container.image):
            return f"{container.image} → {image}"
        now = self.composed.image_id(container.image)
        return f"{container.image} was pulled again" if now not in (None, container.image_id) else None

    def has_image(self, service: str) -> bool:
        """Whether the host has the service's image."""
        image = self.image(service)
        return image is not None and self.composed.image_id(image) is not None

    def is_apart(self, name: str) -> bool:
        """Whether a service is a server that Plane connects to, such as its storage, and not a program of Plane's."""
        service, api = self.config.services[name], self.config.services[self.api]
        is_server = _SERVER.search(service.image) or _SERVER_VARIABLES & {*service.literals, *service.references}
        return bool(is_server) and service.image != api.image

    def missing_around(self) -> tuple[list[str], list[str]]:
        """Services without a container that Plane's depend on, and those that wait for Plane's."""
        ours = [service.name for service in self.services]
        waiting = self._following([self.api], self._dependents)
        around = self._following(ours, self._dependencies) | self._following(ours, self._dependents)
        missing = sorted(name for name in around if name not in ours and not self.of(name))
        needed = self._following(ours, self._dependencies) - waiting
        return [name for name in missing if name in needed], [name for name in missing if name not in needed]

    def _dependencies(self, name: str) -> Iterable[str]:
        return self.config.services[name].depends_on & self.config.services.keys()

    def _dependents(self, name: str) -> Iterable[str]:
        return [one.name for one in self.config.services.values() if name in one.depends_on]

    @staticmethod
    def _following(names: Iterable[str], next_to: Callable[[str], Iterable[str]]) -> set[str]:
        """All that can be reached from the names, step by step; they themselves only if they are."""
        found: set[str] = set()
        left = list(names)
        while left:
            new = set(next_to(left.pop())) - found
            found |= new
            left += new
        return found


def _unlike(service: Service, file: EnvFile) -> set[str]:
    """The variables of the env file that a service gets another value of."""
    got = service.environment
    if got is None:
        # Compose cannot tell yet, because the file does not exist: what the service sets itself wins all the same.
        got = service.literals
    fixed = FIXED_BY_PLANE if not file.is_of(service) else frozenset()
    unlike = {name for name, value in file.values.items() if name in got and got[name] != value}
    # Of what the file does not hold yet, only what the service sets itself is known.
    own, coming = service.literals, file.coming or {}
    unlike = {name for name in unlike if name not in own or coming.get(name) != own[name]}
    return (unlike | {name for name, value in coming.items() if name in own and own[name] != value}) - fixed


def find(
    directory: str,
    file: EnvFile,
    config: ComposeFile,
    composed: Composed,
    services: Sequence[str] | None,
    migrator: str | None,
    api: str | None,
    needs_env_file: bool = False,
) -> Stack:
    """Find Plane's services in a Compose project.

    Args:
        services, migrator, api: the services that a person named; found where they are ``None``.

    Raises:
        PlaneSettings: there are none, or the Compose file does not have one of those that were named.
    """
    known = config.services
    named = [name for name in (*(services or ()), migrator, api) if name is not None]
    absent = [name for name in named if name not in known]
    if absent:
        raise PlaneSettings(
            f"the Compose project in {directory} has no service {', '.join(absent)}; name its services in "
            f"plane_compose_services, or leave it None (it has: {', '.join(sorted(known))})"
        )
    reading = list(services) if services is not None else _reading(known, file)
    if not reading and config.unwritten is not None:
        raise PlaneSettings(
            f"docker compose config --no-interpolate cannot read the project in {directory}, so its env_file: entries "
            f"are unknown ({config.unwritten}); correct that line (a volume or port with ${{…}} needs the long "
            "syntax), or name Plane's services in plane_compose_services"
        )
    if not reading:
        read = sorted({path for service in known.values() for path in service.env_files})
        instead = f" (they read {', '.join(read)})" if read else ""
        raise PlaneSettings(
            f"no service in {directory} reads {file.path}{instead}; give Plane's services env_file: {file.location} in "
            "the Compose file, or set plane_env_path to the file that they read"
        )
    if migrator is None:
        migrator = next((name for name in reading if _is_migrator(known[name])), None)
        if migrator is None and services is not None:
            migrator = next((name for name in _reading(known, file) if _is_migrator(known[name])), None)
    names = tuple(name for name in reading if name != migrator)
    api = api or _api(directory, known, names)
    others = tuple(name for name in names if name != api)
    return Stack(directory, file, config, composed, (api, *others), api, migrator, needs_env_file)


def _reading(known: Mapping[str, Service], file: EnvFile) -> list[str]:
    """The services that have the env file; where none has, those that interpolate its variables."""
    known = {name: service for name, service in known.items() if not service.is_off}
    having = [name for name, service in known.items() if file.is_of(service)]
    if having:
        return having
    names = file.names | set(NEEDED)
    backends = [
        name
        for name, service in known.items()
        if all(needed in service.references.get(needed, ()) for needed in NEEDED) and _is_planes(service)
    ]
    if not backends:
        return []
    return [
        name
        for name, service in known.items()
        if any(referred & names for referred in service.references.values())
        and (name in backends or _belongs(service, [known[one] for one in backends]))
    ]


def _is_planes(service: Service) -> bool:
    """Whether a service runs Plane: a neighbour may take variables of the same names."""
    return bool(_PLANE.search(" ".join((service.image, *service.command))))


def _belongs(service: Service, backends: Sequence[Service]) -> bool:
    """Whether a service goes with Plane's: it has their image, waits for them or is waited for, or is their storage."""
    return (
        any(service.image == one.image or service.name in one.depends_on for one in backends)
        or any(one.name in service.depends_on for one in backends)
        or service.copies.get("MINIO_ROOT_USER") == "AWS_ACCESS_KEY_ID"
    )


def is_plane(known: Mapping[str, Service], file: EnvFile, services: Sequence[str] | None) -> bool:
    """Whether these are the services of a project with Plane's: those that a person named, or that read the file."""
    return set(services) <= set(known) if services is not None else bool(_reading(known, file))


def interpolates(known: Mapping[str, Service], file: EnvFile) -> bool:
    """Whether Plane's services are given its variables by interpolation, as Plane's own Compose file does."""
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
                f"{' and '.join(found)} in {directory} may each be Plane's API; name the one in plane_compose_api"
            )
    raise PlaneSettings(
        f"none of {', '.join(names)} in {directory} looks like Plane's API; name it in plane_compose_api"
    )
