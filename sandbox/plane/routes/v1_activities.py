"""v1, with a key: the history of a work item."""

from __future__ import annotations

from aiohttp import web

from .. import shapes_work_items as shapes
from ..access import v1_project
from ..context import state_of
from ..http import ApiError, Routes, chosen_fields
from ..paging import paged

routes = Routes()
ACTIVITIES = "/api/v1/workspaces/{slug}/projects/{project}/work-items/{item}/activities/"


@routes.get(ACTIVITIES)
async def list_activities(request: web.Request) -> web.Response:
    """List activities, oldest first, without comments (seen on Plane 1.3.1)."""
    caller = v1_project(request)
    state = state_of(request)
    rows = state.activities.where(project=caller.project.id, work_item=request.match_info["item"])
    if request.query.get("order_by") == "-created_at":
        rows.reverse()
    expand = request.query.get("expand", "")
    return paged(request, rows, lambda row: shapes.activity(state, row, expand))


@routes.get(ACTIVITIES + "{id}/")
async def read_activity(request: web.Request) -> web.Response:
    caller = v1_project(request)
    state = state_of(request)
    row = state.activities.get(request.match_info["id"])
    if row is None or (row.project, row.work_item) != (caller.project.id, request.match_info["item"]):
        raise ApiError(404, {"message": "Activity not found.", "code": "NOT_FOUND"})
    return web.json_response(chosen_fields(request, shapes.activity(state, row, request.query.get("expand", ""))))
