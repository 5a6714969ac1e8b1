"""v1, with a key: work items, as far as a deploy uses them to see whether an agent can work."""

from __future__ import annotations

from aiohttp import web

from .. import shapes_projects as shapes
from ..access import ProjectCaller, v1_project
from ..context import context_of, state_of
from ..http import Routes, json_body, no_content, object_not_found_v1, page_not_found, required_field
from ..models import MEMBER, WorkItem
from ..paging import paged

routes = Routes()
FIELDS = ("name", "description_html", "priority", "state", "labels")
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


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/work-items/")
async def list_work_items(request: web.Request) -> web.Response:
    caller = v1_project(request)
    state = state_of(request)
    rows = state.work_items_in(caller.project.id)[::-1]
    return paged(request, rows, lambda row: shapes.work_item(state, row))


@routes.post("/api/v1/workspaces/{slug}/projects/{project}/work-items/")
async def make_work_item(request: web.Request) -> web.Response:
    caller = v1_project(request, MEMBER)
    state = state_of(request)
    body = await json_body(request)
    if not body.get("name"):
        raise required_field("name")
    project = caller.project.id
    first_state = next(row for row in state.states_in(project) if row.default)
    types = (row.id for row in state.work_item_types_in(project) if row.is_default)
    row = WorkItem(
        project=project,
        name=body["name"],
        description_html=body.get("description_html", "<p></p>"),
        priority=body.get("priority", "none"),
        state=body.get("state", first_state.id),
        sequence_id=max((item.sequence_id for item in state.work_items_in(project)), default=0) + 1,
        type=body.get("type_id") or next(types, None),
        labels=body.get("labels", []),
        created_by=caller.user.id,
    )
    state.work_items[row.id] = row
    return web.json_response(shapes.work_item(state, row), status=201)


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/work-items/{id}/")
async def read_work_item(request: web.Request) -> web.Response:
    row = _work_item(request, v1_project(request))
    return web.json_response(shapes.work_item(state_of(request), row))


@routes.patch("/api/v1/workspaces/{slug}/projects/{project}/work-items/{id}/")
async def change_work_item(request: web.Request) -> web.Response:
    caller = v1_project(request, MEMBER)
    row = _work_item(request, caller)
    body = await json_body(request)
    for name in FIELDS:
        if name in body:
            setattr(row, name, body[name])
    row.touch(caller.user.id)
    return web.json_response(shapes.work_item(state_of(request), row))


@routes.delete("/api/v1/workspaces/{slug}/projects/{project}/work-items/{id}/")
async def delete_work_item(request: web.Request) -> web.Response:
    row = _work_item(request, v1_project(request, MEMBER))
    state = state_of(request)
    for value in state.property_values.where(work_item=row.id):
        del state.property_values[value.id]
    del state.work_items[row.id]
    return no_content()


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/work-items/{id}/relations/")
async def list_relations(request: web.Request) -> web.Response:
    """Nothing here relates work items to each other; Community Edition 1.2.2 has no such path."""
    context = context_of(request)
    if context.older_than_1_3 and not context.commercial:
        raise page_not_found()
    _work_item(request, v1_project(request))
    return web.json_response({name: [] for name in RELATIONS})


def _work_item(request: web.Request, caller: ProjectCaller) -> WorkItem:
    row = state_of(request).work_items.get(request.match_info["id"])
    if row is None or row.project != caller.project.id:
        raise object_not_found_v1()
    return row
