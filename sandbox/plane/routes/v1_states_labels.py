"""v1, with a key: a project's states and labels."""

from __future__ import annotations

from aiohttp import web

from .. import shapes_projects as shapes
from ..access import ProjectCaller, v1_project
from ..context import state_of
from ..http import (
    ApiError,
    Routes,
    chosen_fields,
    invalid_choice,
    invalid_payload,
    json_body,
    no_content,
    object_not_found_v1,
    required_field,
)
from ..models import MEMBER, Label, State
from ..paging import paged

routes = Routes()
#: How far apart Plane puts a state that is added (seen on 1.2.2).
STATE_STEP = 15000.0
STATE_GROUPS = ("backlog", "unstarted", "started", "completed", "cancelled", "triage")
LABEL_STEP = 10000.0
STATE_FIELDS = (
    "name",
    "description",
    "color",
    "group",
    "sequence",
    "default",
    "external_source",
    "external_id",
)
LABEL_FIELDS = ("name", "description", "color", "sort_order", "external_source", "external_id")


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/states/")
async def list_states(request: web.Request) -> web.Response:
    """Needs project membership, so it shows token, workspace and project at once (facts)."""
    caller = v1_project(request)
    state = state_of(request)
    # What is in an archived project is not listed.
    rows = [] if caller.project.archived_at else state.states_in(caller.project.id)
    expand = request.query.get("expand", "")
    return paged(request, rows, lambda row: shapes.expanded(state, shapes.state_row(state, row), expand))


@routes.post("/api/v1/workspaces/{slug}/projects/{project}/states/")
async def make_state(request: web.Request) -> web.Response:
    """Answers 200 where others answer 201 (seen on Plane 1.2.2)."""
    caller = v1_project(request, MEMBER)
    state = state_of(request)
    body = await json_body(request)
    if absent := [name for name in ("name", "color") if not body.get(name)]:
        raise required_field(*absent)
    if body.get("group", STATE_GROUPS[0]) not in STATE_GROUPS:
        raise invalid_choice("group", body["group"])
    rows = state.states_in(caller.project.id)
    _refuse_taken("State", {row.name: row.id for row in rows}, body["name"])
    row = State(
        project=caller.project.id,
        name=body["name"],
        color=body["color"],
        group=body.get("group", STATE_GROUPS[0]),
        slug=str(body["name"]).lower().replace(" ", "-"),
        sequence=max((row.sequence for row in rows), default=0.0) + STATE_STEP,
        description=body.get("description", ""),
        external_source=body.get("external_source"),
        external_id=body.get("external_id"),
        created_by=caller.user.id,
    )
    state.states[row.id] = row
    return web.json_response(shapes.state_row(state, row))


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/states/{id}/")
async def read_state(request: web.Request) -> web.Response:
    row = _state(request, v1_project(request))
    return web.json_response(chosen_fields(request, shapes.state_row(state_of(request), row)))


@routes.patch("/api/v1/workspaces/{slug}/projects/{project}/states/{id}/")
async def change_state(request: web.Request) -> web.Response:
    caller = v1_project(request, MEMBER)
    row = _state(request, caller)
    body = await json_body(request)
    rows = state_of(request).states_in(caller.project.id)
    if any(other.name == body.get("name") for other in rows if other is not row):
        raise invalid_payload()
    for name in STATE_FIELDS:
        if name in body:
            setattr(row, name, body[name])
    row.touch(caller.user.id)
    return web.json_response(shapes.state_row(state_of(request), row))


@routes.delete("/api/v1/workspaces/{slug}/projects/{project}/states/{id}/")
async def delete_state(request: web.Request) -> web.Response:
    caller = v1_project(request, MEMBER)
    row = _state(request, caller)
    state = state_of(request)
    if row.default:
        raise ApiError(400, {"error": "Default state cannot be deleted"})
    if any(item.state == row.id for item in state.work_items_in(caller.project.id)):
        raise ApiError(400, {"error": "The state is not empty, only empty states can be deleted"})
    del state.states[row.id]
    return no_content()


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/labels/")
async def list_labels(request: web.Request) -> web.Response:
    caller = v1_project(request)
    state = state_of(request)
    rows = [] if caller.project.archived_at else state.labels_in(caller.project.id)
    return paged(request, rows, lambda row: shapes.label(state, row))


@routes.post("/api/v1/workspaces/{slug}/projects/{project}/labels/")
async def make_label(request: web.Request) -> web.Response:
    caller = v1_project(request, MEMBER)
    state = state_of(request)
    body = await json_body(request)
    if not body.get("name"):
        raise required_field("name")
    rows = state.labels_in(caller.project.id)
    _refuse_taken("Label", {row.name: row.id for row in rows}, body["name"])
    row = Label(project=caller.project.id, name=body["name"], created_by=caller.user.id)
    if rows:
        row.sort_order = max(other.sort_order for other in rows) + LABEL_STEP
    for name in LABEL_FIELDS:
        if name in body:
            setattr(row, name, body[name])
    state.labels[row.id] = row
    return web.json_response(shapes.label(state, row), status=201)


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/labels/{id}/")
async def read_label(request: web.Request) -> web.Response:
    row = _label(request, v1_project(request))
    return web.json_response(chosen_fields(request, shapes.label(state_of(request), row)))


@routes.patch("/api/v1/workspaces/{slug}/projects/{project}/labels/{id}/")
async def change_label(request: web.Request) -> web.Response:
    caller = v1_project(request, MEMBER)
    row = _label(request, caller)
    body = await json_body(request)
    rows = state_of(request).labels_in(caller.project.id)
    if any(other.name == body.get("name") for other in rows if other is not row):
        raise invalid_payload()
    for name in LABEL_FIELDS:
        if name in body:
            setattr(row, name, body[name])
    row.touch(caller.user.id)
    return web.json_response(shapes.label(state_of(request), row))


@routes.delete("/api/v1/workspaces/{slug}/projects/{project}/labels/{id}/")
async def delete_label(request: web.Request) -> web.Response:
    row = _label(request, v1_project(request, MEMBER))
    del state_of(request).labels[row.id]
    return no_content()


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
