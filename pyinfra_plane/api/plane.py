"""One Plane: reads are cached until something is written; each write is a method named after its effect.

Reads and writes use ``/api/v1/`` if an API key has access, and the app's own paths if only a session has.
"""

from __future__ import annotations

from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.collection import Collection
from pyinfra_plane.api.estimates import EstimatesApi
from pyinfra_plane.api.paths import Path
from pyinfra_plane.api.projects import KEY_INVALID, NOT_A_MEMBER, NoAccess, Projects
from pyinfra_plane.api.rows import R
from pyinfra_plane.api.work_item_types import WorkItemTypesApi
from pyinfra_plane.api.workspaces import WorkspacesApi

__all__ = ["KEY_INVALID", "NOT_A_MEMBER", "NoAccess", "Plane", "Projects"]


class Plane(WorkspacesApi, EstimatesApi, WorkItemTypesApi):
    """Plane's API at one address."""

    def collection(
        self, kind: type[R], caller: ApiKey | Session, path: Path | None = None, /, **within: str
    ) -> Collection[R]:
        """The resources of one kind; the arguments are those of :class:`~pyinfra_plane.api.collection.Collection`."""
        return Collection(self, kind, caller, path, **within)
