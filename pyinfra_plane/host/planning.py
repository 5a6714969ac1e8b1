"""What operations on a project share: their arguments, and the project that they read."""

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


def typed(kind: type[T], items: Iterable[T | Mapping[str, Any]]) -> list[T]:
    """The items as what an operation works with; a command line, or a deploy of one's own, may give them as dicts.

    Raises:
        PlaneSettings: an item is neither, or has a key that there is not.
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


def needs_project(slug: str, identifier: str) -> None:
    """What a change of a project that was to be made first comes to when it was not.

    Raises:
        PlaneSettings: always.
    """
    raise PlaneSettings(f"the project {identifier} does not exist in {slug}; add it to plane_projects")


def once_made(slug: str, identifier: str, plan: Plan) -> Plan:
    """What a run will do in a project that it makes first, and cannot do if it did not."""
    for item in plan:
        if isinstance(item, Change):
            yield replace(item, apply=lambda: needs_project(slug, identifier))
        elif isinstance(item, Note):
            yield item


def project_to_read(at: Access, identifier: str) -> tuple[Project, ApiKey | None] | None:
    """The project and a key that sees into it, or none for one that is still to be made.

    ``None`` if a preview cannot tell.

    Raises:
        PlaneSettings: a run finds nobody who sees into it.
    """
    projects = at.projects()
    seen = projects.get(identifier) if projects is not None else None
    if seen is None:
        return (new_project(identifier), None) if projects is not None or at.reach.is_fresh() else None
    key = at.reader_inside(seen)
    # What is in an archived project is not shown.
    if key is not None and not seen.is_archived:
        return seen, key
    if is_executing():
        reason = "is archived" if seen.is_archived else "has no member whose token is saved on the host"
        raise PlaneSettings(f"the project {identifier} {reason}; run the whole deploy, which fixes that first")
    return None
