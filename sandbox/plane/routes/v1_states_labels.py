"""v1, with a key: a project's states and labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from .. import rules
from .. import shapes_projects as shapes
from ..access import ProjectCaller, find_project, v1_project, v1_workspace
from ..context import state_of
from ..fields import Check, anything, checked, decimal, flag, id_in, one_of, text
from ..http import (
    ApiError,
    Routes,
    chosen_fields,
    invalid_payload,
    json_body,
    no_content,
    object_not_found_v1,
)
from ..models import MEMBER, Label, State
from ..paging import paged
from ..state import PlaneState

routes = Routes()
LABEL_STEP = 10000.0
EXTERNAL: dict[str, Check] = dict.fromkeys(("external_source", "external_id"), anything)
STATE_CHECKS: dict[str, Check] = {
    "name": text(),
    "description": text(None, blank=True),
    "color": text(),
    "sequence": decimal,
    "group": one_of(rules.STATE_GROUPS),
    "default": flag,
} | EXTERNAL


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/states/")
async def list_states(request: web.Request) -> web.Response:
    """List states. Requires project membership, so it tests token, workspace and project at once (facts)."""
    caller = v1_project(request)
    state = state_of(request)
    # The contents of an archived project are not listed.
    rows = [] if caller.project.archived_at else state.states_in(caller.project.id)
    expand = request.query.get("expand", "")
    return paged(request, rows, lambda row: shapes.expanded(state, shapes.state_row(state, row), expand))


@routes.post("/api/v1/workspaces/{slug}/projects/{project}/states/")
async def make_state(request: web.Request) -> web.Response:
    """Create a state. Answers 200, unlike the 201 of others (seen on Plane 1.2.2)."""
    caller = v1_project(request, MEMBER)
    state = state_of(request)
    fields = checked(await json_body(request), STATE_CHECKS, ("name", "color"))
    if fields.get("default"):
        # Before any further refusal: a taken name leaves a project without a default (seen on every tried release).
        rules.clear_default_state(state, caller.project)
    rules.refuse_triage(fields)
    _refuse_taken("State", {row.name: row.id for row in state.states_in(caller.project.id)}, fields["name"])
    row = rules.add_state(state, caller.project, fields, caller.user.id)
    return web.json_response(shapes.state_row(state, row))


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/states/{id}/")
async def read_state(request: web.Request) -> web.Response:
    row = _state(request, v1_project(request))
    return web.json_response(chosen_fields(request, shapes.state_row(state_of(request), row)))


@routes.patch("/api/v1/workspaces/{slug}/projects/{project}/states/{id}/")
async def change_state(request: web.Request) -> web.Response:
    """Change a state. Making it the default leaves the old one the default too (seen on every tried release)."""
    caller = v1_project(request, MEMBER)
    row = _state(request, caller)
    fields = checked(await json_body(request), STATE_CHECKS)
    rules.refuse_triage(fields)
    rows = state_of(request).states_in(caller.project.id)
    if any(other.name == fields.get("name") for other in rows if other is not row):
        raise invalid_payload()
    rules.set_state_fields(row, fields, caller.user.id)
    return web.json_response(shapes.state_row(state_of(request), row))


@routes.delete("/api/v1/workspaces/{slug}/projects/{project}/states/{id}/")
async def delete_state(request: web.Request) -> web.Response:
    caller = v1_project(request, MEMBER)
    row = _state(request, caller)
    state = state_of(request)
    rules.delete_state(state, row)
    return no_content()


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/labels/")
async def list_labels(request: web.Request) -> web.Response:
    """List labels, to every member of some project of the workspace; only members of this project see any."""
    caller = v1_workspace(request, may=lambda state, one: state.is_in_a_project(one.workspace.id, one.user.id))
    state = state_of(request)
    project = find_project(state.projects, caller.workspace, request)
    sees = project is not None and not project.archived_at and state.project_role(project.id, caller.user.id)
    rows = state.labels_in(project.id) if project and sees else []
    return paged(request, rows, lambda row: shapes.label(state, row))


@routes.post("/api/v1/workspaces/{slug}/projects/{project}/labels/")
async def make_label(request: web.Request) -> web.Response:
    """Create a label; every member of the workspace may, also outside the project (seen on every tried release)."""
    caller = v1_workspace(request, MEMBER)
    state = state_of(request)
    project = find_project(state.projects, caller.workspace, request)
    if project is None:
        raise object_not_found_v1()
    fields = checked(await json_body(request), _label_checks(state), ("name",))
    rows = state.labels_in(project.id)
    _refuse_taken("Label", {row.name: row.id for row in rows}, fields["name"])
    row = Label(project=project.id, name=fields["name"], created_by=caller.user.id)
    _set_label_fields(row, fields)
    row.sort_order = max((other.sort_order + LABEL_STEP for other in rows), default=Label.sort_order)
    state.labels[row.id] = row
    return web.json_response(shapes.label(state, row), status=201)


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/labels/{id}/")
async def read_label(request: web.Request) -> web.Response:
    """Read a label. Ignores `fields`, unlike the list (seen on every tried release)."""
    return web.json_response(shapes.label(state_of(request), _label(request, v1_project(request))))


@routes.patch("/api/v1/workspaces/{slug}/projects/{project}/labels/{id}/")
async def change_label(request: web.Request) -> web.Response:
    """Change a label. The parent may be a label of any project (seen on every tried release)."""
    caller = v1_project(request, MEMBER)
    state = state_of(request)
    row = _label(request, caller)
    fields = checked(await json_body(request), _label_checks(state))
    if any(other.name == fields.get("name") for other in state.labels_in(caller.project.id) if other is not row):
        raise invalid_payload()
    _set_label_fields(row, fields)
    row.touch(caller.user.id)
    return web.json_response(shapes.label(state, row))


@routes.delete("/api/v1/workspaces/{slug}/projects/{project}/labels/{id}/")
async def delete_label(request: web.Request) -> web.Response:
    rules.delete_label(state_of(request), _label(request, v1_project(request, MEMBER)))
    return no_content()


def _label_checks(state: PlaneState) -> dict[str, Check]:
    return {
        "name": text(),
        "color": text(blank=True),
        "description": text(None, blank=True),
        "parent": id_in(state.labels),
        "sort_order": decimal,
    } | EXTERNAL


def _set_label_fields(row: Label, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        setattr(row, name, value)


def _refuse_taken(kind: str, ids_by_name: dict[str, str], name: object) -> None:
    if name in ids_by_name:
        message = f"{kind} with the same name already exists in the project"
        raise ApiError(409, {"error": message, "id": ids_by_name[str(name)]})


def _state(request: web.Request, caller: ProjectCaller) -> State:
    row = state_of(request).states.get(request.match_info["id"])
    if row is None or row.project != caller.project.id:
        raise object_not_found_v1()
    return row


def _label(request: web.Request, caller: ProjectCaller) -> Label:
    row = state_of(request).labels.get(request.match_info["id"])
    if row is None or row.project != caller.project.id:
        raise object_not_found_v1()
    return row
