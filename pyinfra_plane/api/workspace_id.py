"""The id of a workspace, which an API key sees only in the data of a project."""

from __future__ import annotations

from pyinfra_plane.api import paths
from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.base import ApiBase
from pyinfra_plane.api.rows import as_dict


def workspace_id(plane: ApiBase, slug: str, key: ApiKey) -> str | None:
    """The workspace's id; ``None`` if it has no project (every tried release)."""
    path = f"{paths.V1_PROJECTS(slug=slug)}?fields=id,workspace&per_page=1"
    answer = plane.http.call("GET", path, headers=key.headers())
    rows = answer.get("results") if isinstance(answer, dict) else answer
    for row in rows if isinstance(rows, list) else ():
        found = as_dict(row, "projects").get("workspace")
        if isinstance(found, str):
            return found
    return None
