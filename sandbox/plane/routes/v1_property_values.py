"""v1 of the commercial editions: the values of a work item's custom fields.

From the public API reference and plane-sdk 0.3; no commercial edition was run, so the words of a refusal are not
Plane's. A mandatory field may stay empty here, because a value can only be set after the work item exists. Not
included: values of the types RELEASE, RICH_TEXT, FORMULA and CASCADING.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from aiohttp import web

from .. import shapes_projects as shapes
from ..access import ProjectCaller
from ..context import state_of
from ..http import ApiError, Routes, json_body, no_content, object_not_found, required_field
from ..models import GUEST, MEMBER, PropertyValue, WorkItem, WorkItemProperty
from ..rules import is_email
from ..state import PlaneState
from .v1_work_item_types import PROJECT, property_in, typed_project

routes = Routes()
VALUES = PROJECT + "work-items/{item}/work-item-properties/{property}/values/"
DATE_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S")


@routes.get(VALUES)
async def read_values(request: web.Request) -> web.Response:
    _, item, row = _field(request, GUEST)
    return _answer(state_of(request), item, row)


@routes.post(VALUES)
async def set_values(request: web.Request) -> web.Response:
    """Create or replace values, and answer 200 in both cases."""
    caller, item, row = _field(request, MEMBER)
    body = await json_body(request)
    if "value" not in body:
        raise required_field("value")
    return _put(state_of(request), caller, item, row, body)


@routes.patch(VALUES)
async def change_values(request: web.Request) -> web.Response:
    caller, item, row = _field(request, MEMBER)
    state = state_of(request)
    present = _present(state, item, row)
    body = await json_body(request)
    kept: Any = [value.value for value in present] if row.is_multi else present[0].value
    return _put(state, caller, item, row, {"value": kept} | body)


@routes.delete(VALUES)
async def delete_values(request: web.Request) -> web.Response:
    _, item, row = _field(request, MEMBER)
    state = state_of(request)
    for value in _present(state, item, row):
        del state.property_values[value.id]
    return no_content()


def _field(request: web.Request, role: int) -> tuple[ProjectCaller, WorkItem, WorkItemProperty]:
    """The work item and the property of the path; the property must belong to the work item's type."""
    caller = typed_project(request, role)
    state = state_of(request)
    item = state.work_items.get(request.match_info["item"])
    if item is None or item.project != caller.project.id:
        raise object_not_found()
    row = property_in(state, caller, request.match_info["property"])
    if row not in state.properties_of(item.type or ""):
        raise object_not_found()
    return caller, item, row


def _present(state: PlaneState, item: WorkItem, row: WorkItemProperty) -> list[PropertyValue]:
    rows = state.values_of(item.id, row.id)
    if not rows:
        raise object_not_found()
    return rows


def _answer(state: PlaneState, item: WorkItem, row: WorkItemProperty) -> web.Response:
    """Return a list if the field is multiple."""
    found = [shapes.property_value(row, value) for value in _present(state, item, row)]
    return web.json_response(found if row.is_multi else found[0])


def _put(
    state: PlaneState, caller: ProjectCaller, item: WorkItem, row: WorkItemProperty, body: dict[str, Any]
) -> web.Response:
    wanted = body["value"] if isinstance(body["value"], list) else [body["value"]]
    if isinstance(body["value"], list) and not row.is_multi:
        raise _invalid("A list is for a property with is_multi.")
    if not wanted:
        raise _invalid("This list may not be empty.")
    for value in wanted:
        if not _fits(state, item, row, value):
            raise _invalid(f"Not a value for a property of type {row.property_type}.")
    before = state.values_of(item.id, row.id)
    for place, value in enumerate(wanted):
        if place < len(before):
            made = before[place]
            made.touch(caller.user.id)
        else:
            made = PropertyValue(work_item=item.id, property=row.id, project=item.project, created_by=caller.user.id)
            state.property_values[made.id] = made
        made.value = float(value) if row.property_type == "DECIMAL" else value
        made.external_id = body.get("external_id", made.external_id)
        made.external_source = body.get("external_source", made.external_source)
    for surplus in before[len(wanted) :]:
        del state.property_values[surplus.id]
    return _answer(state, item, row)


def _invalid(message: str) -> ApiError:
    return ApiError(400, {"value": [message]})


def _fits(state: PlaneState, item: WorkItem, row: WorkItemProperty, value: object) -> bool:
    """Whether a value fits: a number for DECIMAL, true or false for BOOLEAN, otherwise a valid text of the type."""
    if row.property_type == "BOOLEAN":
        return isinstance(value, bool)
    if row.property_type == "DECIMAL":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if not isinstance(value, str):
        return False
    if row.property_type == "DATETIME":
        return any(_is_moment(value, form) for form in DATE_FORMATS)
    if row.property_type == "OPTION":
        return any(option.id == value for option in row.options)
    if row.property_type == "RELATION":
        if row.relation_type == "USER":
            return state.project_role(item.project, value) is not None
        return row.relation_type == "ISSUE" and value in state.work_items
    if row.property_type == "URL":
        return re.match(r"https?://\S+$", value) is not None
    if row.property_type == "EMAIL":
        return is_email(value)
    return row.property_type in ("TEXT", "FILE")


def _is_moment(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True
