"""Plane's env file from its services' point of view: the values each gets from it, now and after this run's write."""

from __future__ import annotations

import re
from dataclasses import field

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.facts.compose import Digests, Service

FIXED_BY_PLANE = frozenset({"GUNICORN_WORKERS"})
"""Variables that Plane's own Compose file sets (every tried release): they change how many processes answer, only
that."""


@dataclass(frozen=True)
class EnvFile:
    """Plane's env file.

    Args:
        path: as in the settings.
        location: the absolute path.
        values: the variables in it that every reader parses the same way.
        names: all variables in it, now or after it is written.
        coming: the values that this run will write; ``None`` if it changes nothing, or has written them.
        gone: the variables that this run removes from it, or removed.
        exists: whether the file exists on the host.
    """

    path: str
    location: str
    values: Digests = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    coming: Digests | None = None
    gone: frozenset[str] = frozenset()
    exists: bool = True

    def is_of(self, service: Service) -> bool:
        """Whether the service's ``env_file:`` lists the file."""
        return any(self._is_at(path, service.environment) for path in service.env_files)

    def _is_at(self, path: str, environment: Digests | None) -> bool:
        """Whether a path in a Compose file, with its ``${…}`` not filled in, may be this file's path."""
        if "$" not in path:
            return path == self.location
        # Compose prepends its own folder even if the variable holds an absolute path.
        _, *parts = (re.escape(part) for part in re.split(r"\$\{[^}]*\}|\$\w+", path))
        has_all = environment is None or self.values.keys() <= environment.keys()
        return has_all and re.fullmatch(".*" + ".*".join(parts), self.location) is not None

    def reaches(self, service: Service, name: str) -> bool:
        """Whether a service gets a variable of the file, now or after the file is written."""
        return name in self.names and (self.is_of(service) or name in service.references)

    def wanted(self, service: Service) -> Digests:
        """The values that a service's containers get after this run has written the file."""
        wanted, coming = dict(service.given), self.coming or {}
        if self.coming is not None and self.is_of(service):
            gone = self.values.keys() - coming.keys() - service.own
            kept = {name: value for name, value in wanted.items() if name not in gone}
            wanted = kept | {name: value for name, value in coming.items() if name not in service.own}
        return wanted | {name: coming[other] for name, other in service.copies.items() if other in coming}

    def overridden(self, service: Service) -> list[str]:
        """The variables of the file that a service gets with another value, which a person must correct."""
        # Values that the service sets itself win over those in the file. Of the other variables, only the current value
        # is known.
        literals, after = service.literals, self.values if self.coming is None else self.coming
        unlike = {name for name, value in after.items() if literals.get(name, value) != value}
        got = {name: value for name, value in service.given.items() if name not in literals}
        unlike |= {name for name, value in self.values.items() if got.get(name, value) != value}
        return sorted(unlike if self.is_of(service) else unlike - FIXED_BY_PLANE)

    def differing(self, service: Service, environment: Digests) -> list[str]:
        """The variables that have another value in a container than its service gives it."""
        wanted = self.wanted(service)
        # In the order of the file, which Compose does not keep.
        ordered = dict.fromkeys([*(self.coming or ()), *self.values, *sorted(wanted)])
        of_file = {name for name, others in service.references.items() if others & self.names} | self.names
        read = [name for name in ordered if name in wanted and name in of_file]
        return [name for name in read if environment.get(name) != wanted[name]]

    def stale_variables(self, service: Service, environment: Digests) -> list[str]:
        """The variables that a container still has, and that this run removes from the file."""
        return sorted(self.gone & environment.keys() - service.own) if self.is_of(service) else []
