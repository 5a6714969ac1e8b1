"""A file on the host with the ids that programs need, by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pyinfra_plane.engine.converge import Change, Plan, Unchanged, converging
from pyinfra_plane.engine.files import RemoteFile, change_access, differing_access, read_file, write_file
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.host.plane_ids import ids_of, will_differ
from pyinfra_plane.host.planning import as_instances
from pyinfra_plane.settings import Project

MODE = "644"


@converging
def ids_file(slug: str, path: str, projects: Sequence[Project]) -> Plan:
    """
    Keep a JSON file on the host with the ids of the workspace, its members and its projects, by name.

    + slug: the workspace
    + path: path of the file; it holds no secret, and every user on the host can read it
    + projects: the projects to list, as in ``plane_projects``

    Under ``workspace`` are ``slug`` and ``id``. Under ``members`` are the agents by their names and other members by
    the names that Plane shows. Under ``projects`` is each project by its identifier: ``id``, ``name``, and by name
    ``states``, ``labels``, ``types`` (work item types) and ``fields`` (custom fields). A preview does not show each id:
    one line says that the file will change.

    Call it after the operations that create these things. It reads the states and labels of each project unless they
    were read before.

    **Example:**

    .. code:: python

        plane.ids_file(
            name="Ids",
            slug="javisi",
            path="/opt/javisi/configs/plane/plane-ids.json",
            projects=settings.plane_projects,
        )
    """
    at, wanted = current_workspace(slug), as_instances(Project, projects)
    present = read_file(at.host, path)
    seen = at.projects()
    if seen is None:
        if is_executing():
            at.require_manager()
        line = f"? {path}: compared with Plane in the run" if present else f"+ {path}"
        yield Change((line,), lambda: None)
        return
    found = ids_of(at, seen, wanted)
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    owner = (at.settings.plane_files_user, at.settings.plane_files_group)
    if present is None or _read(present) != found or (not is_executing() and will_differ(at, found, wanted)):
        line = f"+ {path}" if present is None else f"~ {path}"
        yield Change((line,), lambda: write_file(at.host, path, text, MODE, *owner))
    elif (access := differing_access(present, MODE, *owner)) is not None:
        yield Change((f"~ {path}: {access}",), lambda: change_access(at.host, path, MODE, *owner))
    else:
        yield Unchanged(f"ids in {path}")


def _read(file: RemoteFile) -> Any:
    try:
        return json.loads(file.text)
    except ValueError:
        return None
