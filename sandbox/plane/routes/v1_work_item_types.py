"""v1 of the commercial editions: work item types, their properties, the options of these, and features.

From the public API reference and plane-sdk 0.3; no commercial edition was run, so the words of a refusal are not
Plane's. Each path exists under its older name too (`issue-types`, `issue-properties`), which plane-sdk 0.1 used. Types
and properties of a whole workspace are in `v1_workspace_types`. Not included: properties that a project shares between
several types.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from .. import rules
from .. import shapes_projects as shapes
from ..access import ProjectCaller, v1_project, v1_workspace
from ..context import state_of
from ..http import (
    ApiError,
    Handler,
    Routes,
    invalid_choice,
    invalid_payload,
    json_body,
    no_content,
    object_not_found,
    required_field,
)
from ..models import ADMIN, GUEST, PropertyOption, WorkItemProperty, WorkItemType
from ..state import PlaneState

routes = Routes()
PROJECT = "/api/v1/workspaces/{slug}/projects/{project}/"
TYPES = PROJECT + "work-item-types/"
PROPERTIES = TYPES + "{type}/work-item-properties/"
OPTIONS = PROJECT + "work-item-properties/{property}/options/"
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
TYPE_FIELDS = ("name", "description", "logo_props", "is_epic", "is_active", "level", "external_source", "external_id")
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
OPTION_FIELDS = (
    "name",
    "description",
    "is_active",
    "is_default",
    "sort_order",
    "logo_props",
    "parent",
    "external_source",
    "external_id",
)
#: The distances between Plane's properties and options (the reference's examples: 75535.0 and 10000.0).
FIRST_PROPERTY, STEP = 65535.0, 10000.0
#: The reference's names for a project's features, and the project's fields behind them; `epics` has none here.
FEATURES = {
    "modules": "module_view",
    "cycles": "cycle_view",
    "views": "issue_views_view",
    "pages": "page_view",
    "intakes": "intake_view",
    "work_item_types": "is_issue_type_enabled",
}
#: The reference has all but the last, which plane-sdk 0.3 reads too and plane-compose 0.5 requires.
WORKSPACE_FEATURES = ("project_grouping", "initiatives", "teams", "customers", "wiki", "pi", "work_item_types")


def on(method: str, template: str) -> Callable[[Handler], Handler]:
    """Register a handler under both names of its path."""

    def register(handler: Handler) -> Handler:
        routes.on(method, template)(handler)
        return routes.on(method, template.replace("work-item-", "issue-"))(handler)

    return register


# Features


@routes.get("/api/v1/workspaces/{slug}/features/")
async def read_workspace_features(request: web.Request) -> web.Response:
    """Read the workspace's features. Only the edition's own are on: nothing here turns one on."""
    v1_workspace(request)
    state = state_of(request)
    owned = {"work_item_types": state.workspaces_own_types, "states_owned_by_workspace": state.workspaces_own_states}
    return web.json_response(dict.fromkeys(WORKSPACE_FEATURES, False) | owned)


@routes.get(PROJECT + "features/")
async def read_features(request: web.Request) -> web.Response:
    return _features(v1_project(request, GUEST))


@routes.patch(PROJECT + "features/")
async def change_features(request: web.Request) -> web.Response:
    caller = v1_project(request, ADMIN)
    body = await json_body(request)
    for name in (*FEATURES, "epics"):
        if not isinstance(body.get(name, False), bool):
            raise ApiError(400, {name: ["Must be a valid boolean."]})
    fields = {FEATURES[name]: value for name, value in body.items() if name in FEATURES}
    if "work_item_types" in body and state_of(request).workspaces_own_types:
        raise workspace_managed()
    rules.set_project_fields(state_of(request), caller.project, fields)
    caller.project.touch(caller.user.id)
    return _features(caller)


def _features(caller: ProjectCaller) -> web.Response:
    project = caller.project
    values = project.extra | {"is_issue_type_enabled": project.is_issue_type_enabled}
    return web.json_response({"epics": False} | {name: bool(values[column]) for name, column in FEATURES.items()})


# Types


@on("GET", TYPES)
async def list_types(request: web.Request) -> web.Response:
    caller = typed_project(request, GUEST)
    state = state_of(request)
    rows = state.work_item_types_in(caller.project.id)
    return web.json_response([shapes.work_item_type(state, row) for row in rows])


@on("POST", TYPES)
async def make_type(request: web.Request) -> web.Response:
    caller = _writable(request)
    state = state_of(request)
    body = await json_body(request)
    if not body.get("name"):
        raise required_field("name")
    row = WorkItemType(project=caller.project.id, name=body["name"], created_by=caller.user.id)
    set_fields(row, TYPE_FIELDS, body)
    state.work_item_types[row.id] = row
    return web.json_response(shapes.work_item_type(state, row), status=201)


@on("GET", TYPES + "{type}/")
async def read_type(request: web.Request) -> web.Response:
    row = _type(request, typed_project(request, GUEST))
    return web.json_response(shapes.work_item_type(state_of(request), row))


@on("PATCH", TYPES + "{type}/")
async def change_type(request: web.Request) -> web.Response:
    caller = _writable(request)
    row = _type(request, caller)
    set_fields(row, TYPE_FIELDS, await json_body(request))
    row.touch(caller.user.id)
    return web.json_response(shapes.work_item_type(state_of(request), row))


@on("DELETE", TYPES + "{type}/")
async def delete_type(request: web.Request) -> web.Response:
    """Delete a type. The default type and types with work items stay; the reference says nothing about either."""
    row = _type(request, _writable(request))
    state = state_of(request)
    if row.is_default:
        raise ApiError(400, {"error": "Default work item type cannot be deleted"})
    if any(item.type == row.id for item in state.work_items.values()):
        raise ApiError(400, {"error": "Work item type has work items"})
    for property_row in state.properties_of(row.id):
        remove_property(state, property_row)
    del state.work_item_types[row.id]
    return no_content()


# Properties


@on("GET", PROPERTIES)
async def list_properties(request: web.Request) -> web.Response:
    state = state_of(request)
    rows = state.properties_of(_type(request, typed_project(request, GUEST)).id)
    return web.json_response([shapes.work_item_property(state, row) for row in rows])


@on("POST", PROPERTIES)
async def make_property(request: web.Request) -> web.Response:
    caller = _writable(request)
    work_item_type = _type(request, caller)
    state = state_of(request)
    body = await json_body(request)
    refuse_unfinished(body)
    _refuse_taken(state, work_item_type.id, body["display_name"])
    rows = state.properties_of(work_item_type.id)
    row = new_property(body, rows, caller.user.id, project=caller.project.id, issue_type=work_item_type.id)
    state.work_item_properties[row.id] = row
    return web.json_response(shapes.work_item_property(state, row), status=201)


@on("GET", PROPERTIES + "{id}/")
async def read_property(request: web.Request) -> web.Response:
    _, row = _property_of_type(request, GUEST)
    return web.json_response(shapes.work_item_property(state_of(request), row))


@on("PATCH", PROPERTIES + "{id}/")
async def change_property(request: web.Request) -> web.Response:
    """Change everything but the property's type, like the product; the reference has it in the body."""
    caller, row = _property_of_type(request, ADMIN)
    body = {name: value for name, value in (await json_body(request)).items() if value is not None}
    refuse_incomplete({name: getattr(row, name) for name in PROPERTY_FIELDS} | body)
    if body.get("property_type", row.property_type) != row.property_type:
        raise ApiError(400, {"property_type": ["The type of a property cannot be changed."]})
    if body.get("display_name", row.display_name) != row.display_name:
        _refuse_taken(state_of(request), row.issue_type, body["display_name"])
    set_property(row, body)
    row.touch(caller.user.id)
    return web.json_response(shapes.work_item_property(state_of(request), row))


@on("DELETE", PROPERTIES + "{id}/")
async def delete_property(request: web.Request) -> web.Response:
    _, row = _property_of_type(request, ADMIN)
    remove_property(state_of(request), row)
    return no_content()


# Options


@on("GET", OPTIONS)
async def list_options(request: web.Request) -> web.Response:
    state = state_of(request)
    row = property_in(state, typed_project(request, GUEST), request.match_info["property"])
    return web.json_response([shapes.property_option(state, row, option) for option in row.options])


@on("POST", OPTIONS)
async def make_option(request: web.Request) -> web.Response:
    caller = _writable(request)
    state = state_of(request)
    row = property_in(state, caller, request.match_info["property"])
    if row.property_type != "OPTION":
        raise ApiError(400, {"error": f"A property of type {row.property_type} has no options"})
    option = new_option(row, await json_body(request), caller.user.id)
    row.options.append(option)
    return web.json_response(shapes.property_option(state, row, option), status=201)


@on("GET", OPTIONS + "{id}/")
async def read_option(request: web.Request) -> web.Response:
    _, row, option = _option(request, GUEST)
    return web.json_response(shapes.property_option(state_of(request), row, option))


@on("PATCH", OPTIONS + "{id}/")
async def change_option(request: web.Request) -> web.Response:
    caller, row, option = _option(request, ADMIN)
    body = await json_body(request)
    if any(other.name == body.get("name") for other in row.options if other is not option):
        raise invalid_payload()
    set_fields(option, OPTION_FIELDS, body)
    option.touch(caller.user.id)
    return web.json_response(shapes.property_option(state_of(request), row, option))


@on("DELETE", OPTIONS + "{id}/")
async def delete_option(request: web.Request) -> web.Response:
    _, row, option = _option(request, ADMIN)
    row.options.remove(option)
    values = state_of(request).property_values
    for key in [key for key, value in values.items() if value.property == row.id and value.value == option.id]:
        del values[key]
    return no_content()


# Parts of the path


def typed_project(request: web.Request, role: int) -> ProjectCaller:
    """The project of the path; it must have work item types."""
    caller = v1_project(request, role)
    if not caller.project.is_issue_type_enabled and not state_of(request).workspaces_own_types:
        raise ApiError(400, {"error": "Work item types are not enabled for this project"})
    return caller


def workspace_managed() -> ApiError:
    """Refuse a write in a project whose workspace owns the resource (from the facts, not recorded)."""
    return ApiError(400, {"error": "This is managed by the workspace.", "code": "workspace_managed"})


def _writable(request: web.Request) -> ProjectCaller:
    """As `typed_project`, for an admin's write; refused if the workspace owns types and properties."""
    caller = typed_project(request, ADMIN)
    if state_of(request).workspaces_own_types:
        raise workspace_managed()
    return caller


def property_in(state: PlaneState, caller: ProjectCaller, key: str) -> WorkItemProperty:
    row = state.work_item_properties.get(key)
    kinds = state.work_item_types_in(caller.project.id)
    if row is None or not any(row in state.properties_of(kind.id) for kind in kinds):
        raise object_not_found()
    return row


def _type(request: web.Request, caller: ProjectCaller) -> WorkItemType:
    state = state_of(request)
    row = state.work_item_types.get(request.match_info["type"])
    if row is None or row not in state.work_item_types_in(caller.project.id):
        raise object_not_found()
    return row


def _property_of_type(request: web.Request, role: int) -> tuple[ProjectCaller, WorkItemProperty]:
    caller = _writable(request) if role == ADMIN else typed_project(request, role)
    work_item_type = _type(request, caller)
    state = state_of(request)
    row = property_in(state, caller, request.match_info["id"])
    if row not in state.properties_of(work_item_type.id):
        raise object_not_found()
    return caller, row


def _option(request: web.Request, role: int) -> tuple[ProjectCaller, WorkItemProperty, PropertyOption]:
    caller = _writable(request) if role == ADMIN else typed_project(request, role)
    row = property_in(state_of(request), caller, request.match_info["property"])
    option = next((one for one in row.options if one.id == request.match_info["id"]), None)
    if option is None:
        raise object_not_found()
    return caller, row, option


# Refusals and changes


def refuse_unfinished(body: dict[str, Any]) -> None:
    """Refuse a new property without its required fields."""
    for name in ("display_name", "property_type"):
        if not body.get(name):
            raise required_field(name)
    refuse_incomplete(body)


def refuse_incomplete(fields: dict[str, Any]) -> None:
    """Refuse an unknown type, or a type without its settings: plane-sdk checks the same before its request."""
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


def _refuse_taken(state: PlaneState, work_item_type: str, display_name: str) -> None:
    """Answer like Plane after any refusal of its database: the reference says nothing about it."""
    if any(row.display_name == display_name for row in state.properties_of(work_item_type)):
        raise invalid_payload()


def _derived(display_name: str) -> str:
    """Derive the name like Plane, in which a property is identified by its display name (facts)."""
    return re.sub(r"[^a-z0-9]+", "-", display_name.lower()).strip("-")


def set_fields(row: object, names: tuple[str, ...], body: dict[str, Any]) -> None:
    for name in names:
        if body.get(name) is not None:
            setattr(row, name, body[name])


def set_property(row: WorkItemProperty, body: dict[str, Any]) -> None:
    """Set fields.

    A mandatory property has no default: making it mandatory clears the default (product documentation).
    """
    set_fields(row, PROPERTY_FIELDS, body)
    row.name = _derived(row.display_name)
    if row.is_required:
        row.default_value = []


def new_property(body: dict[str, Any], others: list[WorkItemProperty], by: str, **place: Any) -> WorkItemProperty:
    """Create a property after the others, with its options."""
    row = WorkItemProperty(
        name="",
        display_name=body["display_name"],
        property_type=body["property_type"],
        sort_order=max((other.sort_order for other in others), default=FIRST_PROPERTY) + STEP,
        created_by=by,
        **place,
    )
    if body["property_type"] == "OPTION":
        for option in body.get("options") or []:
            row.options.append(new_option(row, option, by))
    set_property(row, body)
    return row


def new_option(row: WorkItemProperty, body: dict[str, Any], by: str) -> PropertyOption:
    if not body.get("name"):
        raise required_field("name")
    if any(option.name == body["name"] for option in row.options):
        raise invalid_payload()
    largest = max((option.sort_order for option in row.options), default=0.0)
    option = PropertyOption(name=body["name"], sort_order=largest + STEP, created_by=by)
    set_fields(option, OPTION_FIELDS, body)
    return option


def remove_property(state: PlaneState, row: WorkItemProperty) -> None:
    for key in [key for key, value in state.property_values.items() if value.property == row.id]:
        del state.property_values[key]
    del state.work_item_properties[row.id]
