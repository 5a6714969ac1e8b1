"""v1, with a key: the links of a work item."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from .. import shapes_work_items as shapes
from .. import work_items
from ..access import ProjectCaller, v1_project
from ..context import state_of
from ..fields import Check, Refused, checked, nullable, text
from ..http import (
    ApiError,
    Routes,
    chosen_fields,
    invalid_payload,
    json_body,
    no_content,
    object_not_found_v1,
)
from ..models import MEMBER, Link
from ..paging import paged

routes = Routes()
LINKS = "/api/v1/workspaces/{slug}/projects/{project}/work-items/{item}/links/"
URL = re.compile(
    r"(?P<scheme>https?|ftps?)://(localhost|([\w-]+\.)+[a-z][\w-]+|[\d.]+|\[[\da-f:.]+\])(:\d+)?([/?#]\S*)?",
    re.IGNORECASE,
)


def address(value: Any) -> str:
    """Check a new link's address; a change is not checked (seen on Plane 1.3.1)."""
    url = str(text(None)(value))
    match = URL.fullmatch(url)
    if match is None:
        raise Refused("Invalid URL format.")
    if not url.startswith(("http://", "https://")):
        raise Refused("Invalid URL scheme.")
    return url


TITLE: dict[str, Check] = {"title": nullable(text(blank=True))}


@routes.get(LINKS)
async def list_links(request: web.Request) -> web.Response:
    """List links, newest first; none for a missing work item."""
    caller = v1_project(request)
    state = state_of(request)
    rows = state.links.newest_where(project=caller.project.id, work_item=request.match_info["item"])
    expand = request.query.get("expand", "")
    return paged(request, rows, lambda row: shapes.link(state, row, expand))


@routes.post(LINKS)
async def make_link(request: web.Request) -> web.Response:
    caller = v1_project(request, MEMBER)
    state = state_of(request)
    fields = checked(await json_body(request), TITLE | {"url": address}, ("url",))
    key = request.match_info["item"]
    if any(row.url == fields["url"] for row in state.links.where(project=caller.project.id, work_item=key)):
        raise ApiError(400, {"error": "URL already exists for this Issue"})
    item = state.work_items.get(key)
    if item is None:
        raise invalid_payload()
    me = caller.user.id
    row = Link(project=caller.project.id, work_item=item.id, **fields)
    state.links[row.id] = row
    work_items.record(state, item, me, "created", "created a link", "link", new_value=row.url)
    # A worker then reads the link's page, and drops the author (seen on Plane 1.3.1).
    return web.json_response(shapes.link(state, row) | {"created_by": me, "updated_by": me}, status=201)


@routes.get(LINKS + "{id}/")
async def read_link(request: web.Request) -> web.Response:
    row = _link(request, v1_project(request))
    shape = shapes.link(state_of(request), row, request.query.get("expand", ""))
    return web.json_response(chosen_fields(request, shape))


@routes.patch(LINKS + "{id}/")
async def change_link(request: web.Request) -> web.Response:
    """Change a link. A new address is not checked, and may be a duplicate (seen on Plane 1.3.1)."""
    caller = v1_project(request, MEMBER)
    row = _link(request, caller)
    state = state_of(request)
    body = await json_body(request)
    fields = checked(body, TITLE | {"url": text(None)})
    if row.url != body.get("url"):
        urls = {"old_value": row.url, "new_value": str(body.get("url", ""))}
        ids = {"old_identifier": row.id, "new_identifier": row.id}
        item = state.work_items[row.work_item]
        work_items.record(state, item, caller.user.id, "updated", "updated a link", "link", **urls, **ids)
    for name, value in fields.items():
        setattr(row, name, value)
    row.touch(caller.user.id)
    return web.json_response(shapes.link(state, row))


@routes.delete(LINKS + "{id}/")
async def delete_link(request: web.Request) -> web.Response:
    caller = v1_project(request, MEMBER)
    row = _link(request, caller)
    state = state_of(request)
    item = state.work_items[row.work_item]
    urls = {"old_value": row.url, "new_value": ""}
    work_items.record(state, item, caller.user.id, "deleted", "deleted the link", "link", **urls)
    del state.links[row.id]
    return no_content()


def _link(request: web.Request, caller: ProjectCaller) -> Link:
    row = state_of(request).links.get(request.match_info["id"])
    if row is None or (row.project, row.work_item) != (caller.project.id, request.match_info["item"]):
        raise object_not_found_v1()
    return row
