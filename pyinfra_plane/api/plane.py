"""One Plane: every read kept until something is written, every write by the name of what it makes.

Reads and writes follow ``/api/v1/`` where an API key may do it, and the app's own paths where only a session may.
"""

from __future__ import annotations

from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.collection import Collection
from pyinfra_plane.api.paths import Path
from pyinfra_plane.api.projects import KEY_INVALID, NOT_A_MEMBER, NoAccess, Projects
from pyinfra_plane.api.rows import R
from pyinfra_plane.api.work_item_types import WorkItemTypesApi
from pyinfra_plane.api.workspaces import WorkspacesApi

__all__ = ["KEY_INVALID", "NOT_A_MEMBER", "NoAccess", "Plane", "Projects"]


class Plane(WorkspacesApi, WorkItemTypesApi):
    """Plane's API at one address."""

    def collection(
        self, kind: type[R], caller: ApiKey | Session, path: Path | None = None, /, **within: str
    ) -> Collection[R]:
        """The things of one kind; the arguments are those of :class:`~pyinfra_plane.api.collection.Collection`."""
        return Collection(self, kind, caller, path, **within)
