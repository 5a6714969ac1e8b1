"""v1, with a key: work items, by id, by number, and by search."""

from __future__ import annotations

import re
import uuid

from aiohttp import web

from .. import shapes_work_items as shapes
from .. import work_items
from ..access import Caller, ProjectCaller, v1_project, v1_user, v1_workspace
from ..context import context_of, state_of
from ..http import (
    ApiError,
    Routes,
    chosen_fields,
    invalid_detail,
    json_body,
    no_content,
    object_not_found_v1,
    page_not_found,
    something_went_wrong,
)
from ..models import ADMIN, MEMBER, WorkItem
from ..paging import paged
from ..state import PlaneState

routes = Routes()
TAKEN = "Issue with the same external id and external source already exists"
RELATIONS = (
    "blocking",
    "blocked_by",
    "duplicate",
    "relates_to",
    "start_after",
    "start_before",
    "finish_after",
    "finish_before",
)
#: The columns that a list can be ordered by here; Plane accepts every column.
ORDERS = ("created_at", "updated_at", "name", "sequence_id", "sort_order", "target_date", "start_date")
SEARCH_LIMIT = 10


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/work-items/")
async def list_work_items(request: web.Request) -> web.Response:
    """List work items, newest first; with another program's id, only that one."""
    caller = v1_project(request)
    state = state_of(request)
    rows = state.work_items_in(caller.project.id)[::-1]
    expand = request.query.get("expand", "")
    source, name = request.query.get("external_source"), request.query.get("external_id")
    if source and name:
        for row in rows:
            if (row.external_source, row.external_id) == (source, name):
                return web.json_response(chosen_fields(request, shapes.work_item(state, row, expand)))
        raise object_not_found_v1()
    order = request.query.get("order_by", "")
    if (column := order.removeprefix("-")) in ORDERS:
        rows.sort(key=lambda row: (getattr(row, column) is None, getattr(row, column)), reverse=order.startswith("-"))
    return paged(request, rows, lambda row: shapes.work_item(state, row, expand))


@routes.post("/api/v1/workspaces/{slug}/projects/{project}/work-items/")
async def make_work_item(request: web.Request) -> web.Response:
    caller = v1_project(request, MEMBER)
    state = state_of(request)
    body = await json_body(request)
    fields = work_items.checked_fields(state, caller.project, body, ("name",))
    work_items.refuse_taken(TAKEN, state.work_items.where(project=caller.project.id), body)
    row = work_items.add_work_item(state, caller.project, fields, caller.user.id)
    return web.json_response(shapes.work_item(state, row), status=201)


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/work-items/{id}/")
async def read_work_item(request: web.Request) -> web.Response:
    row = _work_item(request, v1_project(request))
    if row.in_triage:
        raise object_not_found_v1()
    return _answer(request, row)


@routes.patch("/api/v1/workspaces/{slug}/projects/{project}/work-items/{id}/")
async def change_work_item(request: web.Request) -> web.Response:
    caller = v1_project(request, MEMBER)
    row = _work_item(request, caller)
    state = state_of(request)
    body = await json_body(request)
    fields = work_items.checked_fields(state, caller.project, body)
    work_items.refuse_taken(TAKEN, state.work_items.where(project=caller.project.id), body, row)
    work_items.change_work_item(state, row, body, fields, caller.user.id)
    return web.json_response(shapes.work_item(state, row))


@routes.delete("/api/v1/workspaces/{slug}/projects/{project}/work-items/{id}/")
async def delete_work_item(request: web.Request) -> web.Response:
    caller = v1_project(request, MEMBER)
    row = _work_item(request, caller)
    refuse_non_members(state_of(request), caller, row)
    work_items.delete_work_item(state_of(request), row)
    return no_content()


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/work-items/{id}/relations/")
async def list_relations(request: web.Request) -> web.Response:
    """List no relations: the stand-in has none, and Community Edition 1.2.2 has no such path."""
    context = context_of(request)
    if context.older_than_1_3 and not context.commercial:
        raise page_not_found()
    _work_item(request, v1_project(request))
    return web.json_response({name: [] for name in RELATIONS})


@routes.get("/api/v1/workspaces/{slug}/work-items/search/")
async def search(request: web.Request) -> web.Response:
    """Search in the caller's own projects; any key may search, and finds nothing elsewhere (seen on Plane 1.3.1)."""
    user = v1_user(request)
    state = state_of(request)
    words = request.query.get("search", "")
    if not words:
        return web.json_response({"issues": []})
    limit = request.query.get("limit", str(SEARCH_LIMIT))
    if not limit.isdigit():
        raise something_went_wrong()
    only = request.query.get("project_id") if request.query.get("workspace_search", "false") == "false" else None
    if only and not _is_uuid(only):
        raise invalid_detail()
    workspace = state.workspace_by_slug(request.match_info["slug"])
    projects = [
        project
        for project in (state.projects_in(workspace.id) if workspace else [])
        if not project.archived_at and state.project_role(project.id, user.id) and only in (None, "", project.id)
    ]
    rows = [row for project in projects for row in state.work_items_in(project.id) if _is_meant(state, row, words)]
    rows.sort(key=lambda row: row.created_at, reverse=True)
    return web.json_response({"issues": [shapes.found(state, row) for row in rows[: int(limit)]]})


@routes.get("/api/v1/workspaces/{slug}/work-items/{identifier:[^/]+}-{number:[^/-]+}/")
async def read_by_number(request: web.Request) -> web.Response:
    """Read a work item by a number such as ONBOARD-1, with the project's exact identifier (seen on Plane 1.3.1)."""
    identifier, number = request.match_info["identifier"], request.match_info["number"]

    def is_in_it(state: PlaneState, caller: Caller) -> bool:
        projects = state.projects_in(caller.workspace.id)
        return any(one.identifier == identifier and state.project_role(one.id, caller.user.id) for one in projects)

    caller = v1_workspace(request, may=is_in_it)
    state = state_of(request)
    if not number.isdigit():
        raise something_went_wrong()
    for project in state.projects_in(caller.workspace.id):
        for row in state.work_items_in(project.id) if project.identifier == identifier else ():
            if row.sequence_id == int(number):
                return _answer(request, row)
    raise object_not_found_v1()


def refuse_non_members(state: PlaneState, caller: ProjectCaller, row: WorkItem) -> None:
    """Refuse to delete a work item, except to its author and the project's admins."""
    if row.created_by != caller.user.id and state.project_role(caller.project.id, caller.user.id) != ADMIN:
        raise ApiError(403, {"error": "Only admin or creator can delete the work item"})


def _answer(request: web.Request, row: WorkItem) -> web.Response:
    shape = shapes.work_item(state_of(request), row, request.query.get("expand", ""))
    return web.json_response(chosen_fields(request, shape))


def _is_meant(state: PlaneState, row: WorkItem, words: str) -> bool:
    """Whether the words match: a part of its name or of its project's identifier, or a whole number."""
    texts = (row.name, state.projects[row.project].identifier)
    return any(words.lower() in text.lower() for text in texts) or str(row.sequence_id) in re.findall(r"\b\d+\b", words)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _work_item(request: web.Request, caller: ProjectCaller) -> WorkItem:
    row = state_of(request).work_items.get(request.match_info["id"])
    if row is None or row.project != caller.project.id:
        raise object_not_found_v1()
    return row
