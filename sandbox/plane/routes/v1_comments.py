"""v1, with a key: the comments on a work item; every member of the project can write, change and delete all of them."""

from __future__ import annotations

from aiohttp import web

from .. import shapes_work_items as shapes
from .. import work_items
from ..access import ProjectCaller, v1_project
from ..context import state_of
from ..fields import Check, checked, nullable, one_of, text
from ..http import Routes, chosen_fields, invalid_payload, json_body, no_content, object_not_found_v1
from ..models import Comment
from ..paging import paged

routes = Routes()
COMMENTS = "/api/v1/workspaces/{slug}/projects/{project}/work-items/{item}/comments/"
TAKEN = "Work item comment with the same external id and external source already exists"
CHECKS: dict[str, Check] = {
    "comment_html": text(None, blank=True),
    "access": one_of(("INTERNAL", "EXTERNAL")),
    "external_source": nullable(text(blank=True)),
    "external_id": nullable(text(blank=True)),
}


@routes.get(COMMENTS)
async def list_comments(request: web.Request) -> web.Response:
    """List comments, newest first; none for a missing work item."""
    caller = v1_project(request)
    state = state_of(request)
    rows = state.comments.newest_where(project=caller.project.id, work_item=request.match_info["item"])
    expand = request.query.get("expand", "")
    return paged(request, rows, lambda row: shapes.read_comment(state, row, expand))


@routes.post(COMMENTS)
async def make_comment(request: web.Request) -> web.Response:
    caller = v1_project(request)
    state = state_of(request)
    body = await json_body(request)
    work_items.refuse_taken(TAKEN, state.comments.where(project=caller.project.id), body)
    fields = checked(body, CHECKS)
    item = state.work_items.get(request.match_info["item"])
    if item is None:
        raise invalid_payload()
    me = caller.user.id
    row = Comment(project=caller.project.id, work_item=item.id, actor=me, created_by=me, **fields)
    state.comments[row.id] = row
    # The answer names the author of the change, which is not stored (seen on Plane 1.3.1).
    return web.json_response(shapes.comment(state, row) | {"updated_by": me}, status=201)


@routes.get(COMMENTS + "{id}/")
async def read_comment(request: web.Request) -> web.Response:
    row = _comment(request, v1_project(request))
    shape = shapes.read_comment(state_of(request), row, request.query.get("expand", ""))
    return web.json_response(chosen_fields(request, shape))


@routes.patch(COMMENTS + "{id}/")
async def change_comment(request: web.Request) -> web.Response:
    caller = v1_project(request)
    row = _comment(request, caller)
    state = state_of(request)
    body = await json_body(request)
    work_items.refuse_taken(TAKEN, state.comments.where(project=caller.project.id), body, row)
    for name, value in checked(body, CHECKS).items():
        setattr(row, name, value)
    row.touch(caller.user.id)
    return web.json_response(shapes.comment(state, row))


@routes.delete(COMMENTS + "{id}/")
async def delete_comment(request: web.Request) -> web.Response:
    row = _comment(request, v1_project(request))
    del state_of(request).comments[row.id]
    return no_content()


def _comment(request: web.Request, caller: ProjectCaller) -> Comment:
    row = state_of(request).comments.get(request.match_info["id"])
    if row is None or (row.project, row.work_item) != (caller.project.id, request.match_info["item"]):
        raise object_not_found_v1()
    return row
