"""One Plane: every read kept until something is written, every write by the name of what it makes.

Reads and writes follow ``/api/v1/`` where an API key may do it, and the app's own paths where only a session may.
"""

from __future__ import annotations

from pyinfra_plane.api.projects import KEY_INVALID, NOT_A_MEMBER, Projects, Unseen
from pyinfra_plane.api.states_labels import StatesLabelsApi
from pyinfra_plane.api.work_item_types import WorkItemTypesApi
from pyinfra_plane.api.workspaces import WorkspacesApi

__all__ = ["KEY_INVALID", "NOT_A_MEMBER", "Plane", "Projects", "Unseen"]


class Plane(WorkspacesApi, StatesLabelsApi, WorkItemTypesApi):
    """Plane's API at one address."""
