"""v1 of the commercial editions whose workspaces own work item types and their properties.

From plane-sdk 0.3 and the facts on commercial editions, not recorded: the words of a refusal are not Plane's. Each
write here is refused while projects own their types, and each write there while the workspace does.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .. import shapes_projects as shapes
from ..access import Caller, v1_project, v1_workspace
from ..context import state_of
from ..http import ApiError, Routes, invalid_payload, json_body, no_content, object_not_found, required_field
from ..models import ADMIN, GUEST, PropertyOption, WorkItemProperty, WorkItemType
from ..state import PlaneState
from .v1_work_item_types import (
    OPTION_FIELDS,
    PROJECT,
    PROPERTY_FIELDS,
    TYPE_FIELDS,
    new_option,
    new_property,
    refuse_incomplete,
    refuse_unfinished,
    remove_property,
    set_fields,
    set_property,
)

routes = Routes()
WORKSPACE = "/api/v1/workspaces/{slug}/"
TYPES = WORKSPACE + "work-item-types/"
LINKS = TYPES + "{type}/properties/"
PROPERTIES = WORKSPACE + "work-item-properties/"
OPTIONS = PROPERTIES + "{property}/options/"


# Types


@routes.get(TYPES)
async def list_types(request: web.Request) -> web.Response:
    caller, state = v1_workspace(request), state_of(request)
    rows = state.work_item_types.where(workspace=caller.workspace.id)
    return web.json_response([shapes.work_item_type(state, row) for row in rows])


@routes.post(TYPES)
async def make_type(request: web.Request) -> web.Response:
    caller, state = _writable(request), state_of(request)
    body = await json_body(request)
    if not body.get("name"):
        raise required_field("name")
    if any(row.name == body["name"] for row in state.work_item_types.where(workspace=caller.workspace.id)):
        raise invalid_payload()
    row = WorkItemType(workspace=caller.workspace.id, name=body["name"], created_by=caller.user.id)
    set_fields(row, TYPE_FIELDS, body)
    state.work_item_types[row.id] = row
    return web.json_response(shapes.work_item_type(state, row), status=201)


@routes.post(PROJECT + "import-work-item-types/")
async def import_types(request: web.Request) -> web.Response:
    caller, state = v1_project(request, ADMIN), state_of(request)
    _refuse_unowned(state)
    wanted = (await json_body(request)).get("work_item_types")
    if not isinstance(wanted, list):
        raise required_field("work_item_types")
    for row in [_row(state.work_item_types, key, caller) for key in wanted]:
        if caller.project.id not in row.project_ids:
            row.project_ids.append(caller.project.id)
    return web.json_response({"work_item_types": wanted})


# The properties of a type


@routes.get(LINKS)
async def list_linked(request: web.Request) -> web.Response:
    caller, state = v1_workspace(request), state_of(request)
    return web.json_response(_row(state.work_item_types, request.match_info["type"], caller).properties)


@routes.post(LINKS)
async def link(request: web.Request) -> web.Response:
    caller, state = _writable(request), state_of(request)
    kind = _row(state.work_item_types, request.match_info["type"], caller)
    wanted = (await json_body(request)).get("properties")
    if not isinstance(wanted, list):
        raise required_field("properties")
    for row in [_row(state.work_item_properties, key, caller) for key in wanted]:
        if row.id not in kind.properties:
            kind.properties.append(row.id)
    return web.json_response({"properties": kind.properties})


# Properties


@routes.get(PROPERTIES)
async def list_properties(request: web.Request) -> web.Response:
    caller, state = v1_workspace(request), state_of(request)
    return web.json_response([shapes.work_item_property(state, row) for row in _properties(state, caller)])


@routes.post(PROPERTIES)
async def make_property(request: web.Request) -> web.Response:
    caller, state = _writable(request), state_of(request)
    body = await json_body(request)
    refuse_unfinished(body)
    others = _properties(state, caller)
    if any(row.display_name == body["display_name"] for row in others):
        raise invalid_payload()
    row = new_property(body, others, caller.user.id, workspace=caller.workspace.id)
    state.work_item_properties[row.id] = row
    return web.json_response(shapes.work_item_property(state, row), status=201)


@routes.patch(PROPERTIES + "{property}/")
async def change_property(request: web.Request) -> web.Response:
    caller, row = _property(request, ADMIN)
    body = {name: value for name, value in (await json_body(request)).items() if value is not None}
    refuse_incomplete({name: getattr(row, name) for name in PROPERTY_FIELDS} | body)
    set_property(row, body)
    row.touch(caller.user.id)
    return web.json_response(shapes.work_item_property(state_of(request), row))


@routes.delete(PROPERTIES + "{property}/")
async def delete_property(request: web.Request) -> web.Response:
    _, row = _property(request, ADMIN)
    state = state_of(request)
    for kind in state.work_item_types.values():
        kind.properties = [key for key in kind.properties if key != row.id]
    remove_property(state, row)
    return no_content()


# Options


@routes.get(OPTIONS)
async def list_options(request: web.Request) -> web.Response:
    _, row = _property(request, GUEST)
    state = state_of(request)
    return web.json_response([shapes.property_option(state, row, option) for option in row.options])


@routes.post(OPTIONS)
async def make_option(request: web.Request) -> web.Response:
    caller, row = _property(request, ADMIN)
    option = new_option(row, await json_body(request), caller.user.id)
    row.options.append(option)
    return web.json_response(shapes.property_option(state_of(request), row, option), status=201)


@routes.patch(OPTIONS + "{id}/")
async def change_option(request: web.Request) -> web.Response:
    caller, row = _property(request, ADMIN)
    option: PropertyOption | None = next((one for one in row.options if one.id == request.match_info["id"]), None)
    if option is None:
        raise object_not_found()
    set_fields(option, OPTION_FIELDS, await json_body(request))
    option.touch(caller.user.id)
    return web.json_response(shapes.property_option(state_of(request), row, option))


# Parts of the path


def _writable(request: web.Request) -> Caller:
    caller = v1_workspace(request, ADMIN)
    _refuse_unowned(state_of(request))
    return caller


def _refuse_unowned(state: PlaneState) -> None:
    if not state.workspaces_own_types:
        raise ApiError(400, {"error": "Each project manages its own.", "code": "workspace_not_managed"})


def _row(table: Any, key: str, caller: Caller) -> Any:
    row = table.get(key)
    if row is None or row.workspace != caller.workspace.id:
        raise object_not_found()
    return row


def _properties(state: PlaneState, caller: Caller) -> list[WorkItemProperty]:
    return state.work_item_properties.where(workspace=caller.workspace.id)


def _property(request: web.Request, role: int) -> tuple[Caller, WorkItemProperty]:
    caller = _writable(request) if role == ADMIN else v1_workspace(request)
    row: WorkItemProperty = _row(state_of(request).work_item_properties, request.match_info["property"], caller)
    return caller, row
