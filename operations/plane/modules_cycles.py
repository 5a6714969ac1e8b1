"""The modules and cycles of a project, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pyinfra_plane.api.models import Cycle, Module
from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.converge import Plan, converging
from pyinfra_plane.host.resources import Home, InProject, Kind, in_project


@dataclass(frozen=True)
class _Named:
    """A module or a cycle to create."""

    name: str


class Modules(Kind[_Named, Module]):
    """Modules. People describe and fill them."""

    row, wanted = Module, _Named
    noun, setting = "module", "module_names"


class Cycles(Kind[_Named, Cycle]):
    """Cycles, created without dates. People set the dates."""

    row, wanted = Cycle, _Named
    noun, setting = "cycle", "cycle_names"

    def body(self, home: Home, one: _Named) -> dict[str, Any]:
        # Plane requires the project in the body too (every tried release).
        return {**super().body(home, one), "project_id": cast("InProject", home).project.id}


@converging
def project_modules(slug: str, identifier: str, names: Sequence[str]) -> Plan:
    """
    Keep modules with these names in a project that has modules turned on. Other modules stay unchanged.

    + slug: the workspace
    + identifier: the project's identifier
    + names: names of the modules
    """
    yield from in_project(Modules(), slug, identifier, [_Named(name) for name in names])


@converging
def project_cycles(slug: str, identifier: str, names: Sequence[str]) -> Plan:
    """
    Keep cycles with these names in a project that has cycles turned on. Other cycles stay unchanged.

    + slug: the workspace
    + identifier: the project's identifier
    + names: names of the cycles, which are created without dates
    """
    yield from in_project(Cycles(), slug, identifier, [_Named(name) for name in names])
