"""`/api/workspaces/{slug}/projects/{project}/states/` and `…/intakes/` with a session."""

from __future__ import annotations

from collections import Counter

from aiohttp import web

from .. import rules
from .. import shapes_projects as shapes
from ..access import session_project
from ..context import state_of
from ..fields import checked
from ..http import ApiError, Routes, json_body, no_content, object_not_found
from ..models import ADMIN, MEMBER, Project, State
from .v1_states_labels import EXTERNAL, STATE_CHECKS

routes = Routes()
CHECKS = {name: check for name, check in STATE_CHECKS.items() if name not in EXTERNAL}


@routes.get("/api/workspaces/{slug}/projects/{project}/states/")
async def list_states(request: web.Request) -> web.Response:
    """List the states; `order` is a state's position in its group."""
    _, workspace, project = session_project(request)
    rows = [] if project.archived_at else state_of(request).states_in(project.id)
    sizes, seen = Counter(row.group for row in rows), Counter[str]()
    listed = []
    for row in rows:
        seen[row.group] += 1
        listed.append(shapes.app_state(row, workspace.id) | {"order": seen[row.group] / sizes[row.group]})
    return web.json_response(listed)


@routes.post("/api/workspaces/{slug}/projects/{project}/states/")
async def make_state(request: web.Request) -> web.Response:
    """Create a state. A new default leaves the old one the default too (seen on every tried release)."""
    user, workspace, project = session_project(request, ADMIN)
    fields = checked(await json_body(request), CHECKS, ("name", "color"))
    rules.refuse_triage(fields)
    _refuse_taken(request, project, fields["name"])
    row = rules.add_state(state_of(request), project, fields, user.id)
    return web.json_response(shapes.app_state(row, workspace.id))


@routes.patch("/api/workspaces/{slug}/projects/{project}/states/{id}/")
async def change_state(request: web.Request) -> web.Response:
    user, workspace, project = session_project(request)
    row = _state(request, project)
    fields = checked(await json_body(request), CHECKS)
    rules.refuse_triage(fields)
    _refuse_taken(request, project, fields.get("name"), but=row)
    rules.set_state_fields(row, fields, user.id)
    return web.json_response(shapes.app_state(row, workspace.id))


@routes.delete("/api/workspaces/{slug}/projects/{project}/states/{id}/")
async def delete_state(request: web.Request) -> web.Response:
    _, _, project = session_project(request, ADMIN)
    rules.delete_state(state_of(request), _state(request, project))
    return no_content()


@routes.post("/api/workspaces/{slug}/projects/{project}/states/{id}/mark-default/")
async def mark_default(request: web.Request) -> web.Response:
    """Make a state the only default; an id of no state leaves none (seen on every tried release)."""
    _, _, project = session_project(request, ADMIN)
    state = state_of(request)
    rules.clear_default_state(state, project)
    row = state.states.get(request.match_info["id"])
    if row is not None and row.project == project.id:
        row.default = True
    return no_content()


@routes.get("/api/workspaces/{slug}/projects/{project}/inboxes/")
@routes.get("/api/workspaces/{slug}/projects/{project}/intakes/")
async def read_intake(request: web.Request) -> web.Response:
    _, _, project = session_project(request, MEMBER)
    state = state_of(request)
    return web.json_response(shapes.intake(state, state.intake_of(project.id)))


def _refuse_taken(request: web.Request, project: Project, name: object, but: State | None = None) -> None:
    rows = state_of(request).states_in(project.id)
    if any(row.name == name for row in rows if row is not but):
        raise ApiError(400, {"name": "The state name is already taken"})


def _state(request: web.Request, project: Project) -> State:
    row = state_of(request).states.get(request.match_info["id"])
    if row is None or row.project != project.id:
        raise object_not_found()
    return row
