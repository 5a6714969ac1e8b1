"""v1 of the commercial editions: work item types and their properties.

From the public API reference and plane-sdk; no commercial edition was run, so the words of a refusal are not Plane's.
"""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from .. import shapes_projects as shapes
from ..access import ProjectCaller, v1_project
from ..context import state_of
from ..http import ApiError, Routes, invalid_choice, json_body, no_content, object_not_found, required_field
from ..models import ADMIN, GUEST, PropertyOption, WorkItemProperty, WorkItemType

routes = Routes()
PROPERTY_TYPES = (
    "TEXT",
    "DATETIME",
    "DECIMAL",
    "BOOLEAN",
    "OPTION",
    "RELATION",
    "URL",
    "EMAIL",
    "FILE",
    "FORMULA",
    "CASCADING",
)
RELATION_TYPES = ("ISSUE", "USER", "RELEASE", "RICH_TEXT")
DISPLAY_FORMATS = {
    "TEXT": ("single-line", "multi-line", "readonly"),
    "DATETIME": ("MMM dd, yyyy", "dd/MM/yyyy", "MM/dd/yyyy", "yyyy/MM/dd"),
}
TYPE_FIELDS = ("description", "is_epic", "is_active", "level", "external_source", "external_id")
PROPERTY_FIELDS = (
    "display_name",
    "property_type",
    "description",
    "is_required",
    "is_active",
    "is_multi",
    "relation_type",
    "default_value",
    "settings",
    "validation_rules",
    "external_source",
    "external_id",
)


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/work-item-types/")
async def list_types(request: web.Request) -> web.Response:
    caller = _typed_project(request, GUEST)
    state = state_of(request)
    rows = state.work_item_types_in(caller.project.id)
    return web.json_response([shapes.work_item_type(state, row) for row in rows])


@routes.post("/api/v1/workspaces/{slug}/projects/{project}/work-item-types/")
async def make_type(request: web.Request) -> web.Response:
    caller = _typed_project(request, ADMIN)
    state = state_of(request)
    body = await json_body(request)
    if not body.get("name"):
        raise required_field("name")
    row = WorkItemType(project=caller.project.id, name=body["name"], created_by=caller.user.id)
    for name in TYPE_FIELDS:
        if name in body:
            setattr(row, name, body[name])
    state.work_item_types[row.id] = row
    return web.json_response(shapes.work_item_type(state, row), status=201)


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/work-item-types/{type}/")
async def read_type(request: web.Request) -> web.Response:
    row = _type(request, _typed_project(request, GUEST))
    return web.json_response(shapes.work_item_type(state_of(request), row))


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/work-item-types/{type}/work-item-properties/")
async def list_properties(request: web.Request) -> web.Response:
    state = state_of(request)
    rows = state.properties_of(_type(request, _typed_project(request, GUEST)).id)
    return web.json_response([shapes.work_item_property(state, row) for row in rows])


@routes.post("/api/v1/workspaces/{slug}/projects/{project}/work-item-types/{type}/work-item-properties/")
async def make_property(request: web.Request) -> web.Response:
    caller = _typed_project(request, ADMIN)
    work_item_type = _type(request, caller)
    state = state_of(request)
    body = await json_body(request)
    for name in ("display_name", "property_type"):
        if not body.get(name):
            raise required_field(name)
    _refuse_incomplete(body)
    row = WorkItemProperty(
        project=caller.project.id,
        issue_type=work_item_type.id,
        name="",
        display_name=body["display_name"],
        property_type=body["property_type"],
        options=[_option(option) for option in body.get("options") or []],
        created_by=caller.user.id,
    )
    _set(row, body)
    state.work_item_properties[row.id] = row
    return web.json_response(shapes.work_item_property(state, row), status=201)


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/work-item-types/{type}/work-item-properties/{id}/")
async def read_property(request: web.Request) -> web.Response:
    _, row = _property(request, GUEST)
    return web.json_response(shapes.work_item_property(state_of(request), row))


@routes.patch("/api/v1/workspaces/{slug}/projects/{project}/work-item-types/{type}/work-item-properties/{id}/")
async def change_property(request: web.Request) -> web.Response:
    caller, row = _property(request, ADMIN)
    body = await json_body(request)
    merged = {name: getattr(row, name) for name in PROPERTY_FIELDS} | body
    _refuse_incomplete(merged)
    _set(row, body)
    row.touch(caller.user.id)
    return web.json_response(shapes.work_item_property(state_of(request), row))


@routes.delete("/api/v1/workspaces/{slug}/projects/{project}/work-item-types/{type}/work-item-properties/{id}/")
async def delete_property(request: web.Request) -> web.Response:
    _, row = _property(request, ADMIN)
    del state_of(request).work_item_properties[row.id]
    return no_content()


def _typed_project(request: web.Request, role: int) -> ProjectCaller:
    caller = v1_project(request, role)
    if not caller.project.is_issue_type_enabled:
        raise ApiError(400, {"error": "Work item types are not enabled for this project"})
    return caller


def _type(request: web.Request, caller: ProjectCaller) -> WorkItemType:
    row = state_of(request).work_item_types.get(request.match_info["type"])
    if row is None or row.project != caller.project.id:
        raise object_not_found()
    return row


def _property(request: web.Request, role: int) -> tuple[ProjectCaller, WorkItemProperty]:
    caller = _typed_project(request, role)
    work_item_type = _type(request, caller)
    row = state_of(request).work_item_properties.get(request.match_info["id"])
    if row is None or row.issue_type != work_item_type.id:
        raise object_not_found()
    return caller, row


def _refuse_incomplete(fields: dict[str, Any]) -> None:
    """A type must be known, and some types need settings: plane-sdk refuses the same before it asks."""
    property_type = fields["property_type"]
    if property_type not in PROPERTY_TYPES:
        raise invalid_choice("property_type", property_type)
    settings = fields.get("settings") or {}
    formats = DISPLAY_FORMATS.get(property_type)
    if formats and settings.get("display_format") not in formats:
        message = f"{property_type} needs a display_format, one of: {', '.join(formats)}."
        raise ApiError(400, {"settings": [message]})
    if property_type == "RELATION" and fields.get("relation_type") not in RELATION_TYPES:
        raise invalid_choice("relation_type", fields.get("relation_type"))


def _set(row: WorkItemProperty, body: dict[str, Any]) -> None:
    for name in PROPERTY_FIELDS:
        if body.get(name) is not None:
            setattr(row, name, body[name])
    # Plane derives the name, so that a property is recognised by what it displays (facts).
    row.name = re.sub(r"[^a-z0-9]+", "-", row.display_name.lower()).strip("-")


def _option(body: dict[str, Any]) -> PropertyOption:
    if not body.get("name"):
        raise required_field("name")
    return PropertyOption(
        name=body["name"],
        description=body.get("description") or "",
        is_default=bool(body.get("is_default", False)),
    )
