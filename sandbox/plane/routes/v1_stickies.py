"""v1, with a key: each workspace member's own notes."""

from __future__ import annotations

from aiohttp import web

from .. import shapes_work_items as shapes
from ..access import Caller, v1_workspace
from ..context import state_of
from ..fields import Check, anything, checked, decimal, nullable, present, text
from ..http import ApiError, Routes, json_body, no_content
from ..models import Sticky
from ..paging import paged

routes = Routes()
STICKIES = "/api/v1/workspaces/{slug}/stickies/"
PER_PAGE = 20
SORT_STEP = 10000.0
CHECKS: dict[str, Check] = {
    "name": nullable(text(None, blank=True)),
    "description": anything,
    "description_html": text(None, blank=True),
    "color": nullable(text(blank=True)),
    "background_color": nullable(text(blank=True)),
    "logo_props": present,
    "sort_order": decimal,
}


@routes.get(STICKIES)
async def list_stickies(request: web.Request) -> web.Response:
    """List notes, newest first, with all fields, regardless of `fields` (seen on Plane 1.3.1)."""
    caller = _caller(request)
    state = state_of(request)
    rows = state.stickies.newest_where(workspace=caller.workspace.id, owner=caller.user.id)
    words = request.query.get("query", "").lower()
    rows = [row for row in rows if words in (shapes.stripped(row.description_html) or "").lower()]
    return paged(request, rows, shapes.sticky, default=PER_PAGE, choose=False)


@routes.post(STICKIES)
async def make_sticky(request: web.Request) -> web.Response:
    caller = _caller(request)
    state = state_of(request)
    fields = checked(await json_body(request), CHECKS)
    others = state.stickies.where(workspace=caller.workspace.id)
    place = max((row.sort_order + SORT_STEP for row in others), default=fields.get("sort_order", Sticky.sort_order))
    row = Sticky(
        workspace=caller.workspace.id,
        owner=caller.user.id,
        created_by=caller.user.id,
        **{**fields, "sort_order": place},
    )
    state.stickies[row.id] = row
    return web.json_response(shapes.sticky(row), status=201)


@routes.get(STICKIES + "{id}/")
async def read_sticky(request: web.Request) -> web.Response:
    return web.json_response(shapes.sticky(_sticky(request, _caller(request))))


@routes.patch(STICKIES + "{id}/")
async def change_sticky(request: web.Request) -> web.Response:
    caller = _caller(request)
    row = _sticky(request, caller)
    for name, value in checked(await json_body(request), CHECKS).items():
        setattr(row, name, value)
    row.touch(caller.user.id)
    return web.json_response(shapes.sticky(row))


@routes.delete(STICKIES + "{id}/")
async def delete_sticky(request: web.Request) -> web.Response:
    row = _sticky(request, _caller(request))
    del state_of(request).stickies[row.id]
    return no_content()


def _caller(request: web.Request) -> Caller:
    return v1_workspace(request, rate_headers=False)


def _sticky(request: web.Request, caller: Caller) -> Sticky:
    row = state_of(request).stickies.get(request.match_info["id"])
    if row is None or (row.workspace, row.owner) != (caller.workspace.id, caller.user.id):
        raise ApiError(404, {"detail": "No Sticky matches the given query."})
    return row
