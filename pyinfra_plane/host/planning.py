"""Helpers for operations on a project: they convert arguments, and find the project and a key that reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.api.models import Project, new_project
from pyinfra_plane.engine.converge import Change, Note, Plan
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.access import Access

T = TypeVar("T")


def as_instances(kind: type[T], items: Iterable[T | Mapping[str, Any]]) -> list[T]:
    """Convert items to `kind`; a command line or a custom deploy may give them as dicts.

    Raises:
        PlaneSettings: an item is neither, or has an unknown key.
    """
    made: list[T] = []
    for item in items:
        if isinstance(item, kind):
            made.append(item)
            continue
        if not isinstance(item, Mapping):
            raise PlaneSettings(
                f"{item!r} is not a {kind.__name__}; use a dict, or pyinfra_plane.settings.{kind.__name__}"
            )
        try:
            made.append(kind(**item))
        except TypeError as error:
            raise PlaneSettings(f"{kind.__name__} {dict(item)!r}: {str(error).partition(' ')[2]}") from error
    return made


def refuse_missing_project(slug: str, identifier: str) -> None:
    """Refuse a change of a project that an earlier operation should have created.

    Raises:
        PlaneSettings: always.
    """
    raise PlaneSettings(f"the project {identifier} does not exist in {slug}; add it to plane_projects")


def plan_in_new_project(slug: str, identifier: str, plan: Plan) -> Plan:
    """Plan changes in a project that the run creates first; they fail if it does not exist then."""
    for item in plan:
        if isinstance(item, Change):
            yield replace(item, apply=lambda: refuse_missing_project(slug, identifier))
        elif isinstance(item, Note):
            yield item


def project_to_read(at: Access, identifier: str) -> tuple[Project, ApiKey | None] | None:
    """The project and a key that reads it; no key if the project is still to be created.

    ``None`` if a preview cannot check.

    Raises:
        PlaneSettings: a run finds no key that reads the project.
    """
    projects = at.projects()
    seen = projects.get(identifier) if projects is not None else None
    if seen is None:
        return (new_project(identifier), None) if projects is not None or at.reach.is_fresh() else None
    key = at.project_reader_key(seen)
    # Plane does not show the contents of an archived project.
    if key is not None and not seen.is_archived:
        return seen, key
    if is_executing():
        reason = "is archived" if seen.is_archived else "has no member whose token is saved on the host"
        raise PlaneSettings(f"the project {identifier} {reason}; run the whole deploy, which fixes that first")
    return None
