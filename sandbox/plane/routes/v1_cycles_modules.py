"""v1, with a key: a project's cycles and modules, also if they are turned off; from Plane's source, not recorded."""

from __future__ import annotations

from aiohttp import web

from ..access import v1_project
from ..context import state_of
from ..fields import checked, text
from ..http import ApiError, Routes, json_body
from ..models import MEMBER, Grouping
from ..paging import paged

routes = Routes()
ROOT = "/api/v1/workspaces/{slug}/projects/{project}/"


def _shape(row: Grouping) -> dict[str, object]:
    return {key: value for key, value in vars(row).items() if key != "kind"} | {"deleted_at": None}


def _kind(request: web.Request) -> str:
    return request.path.rstrip("/").rpartition("/")[2]


@routes.get(ROOT + "cycles/")
@routes.get(ROOT + "modules/")
async def list_groupings(request: web.Request) -> web.Response:
    project = v1_project(request).project
    rows = state_of(request).groupings.newest_where(kind=_kind(request), project=project.id)
    return paged(request, rows, _shape)


@routes.get(ROOT + "archived-cycles/")
@routes.get(ROOT + "archived-modules/")
async def list_none(request: web.Request) -> web.Response:
    v1_project(request)
    return paged(request, [], dict)


@routes.post(ROOT + "cycles/")
@routes.post(ROOT + "modules/")
async def create_grouping(request: web.Request) -> web.Response:
    caller = v1_project(request, MEMBER)
    project = caller.project
    kind, body = _kind(request), await json_body(request)
    fields = checked(body, {"name": text(), "description": text(None, blank=True)}, required=("name",))
    if kind == "cycles" and body.get("project_id") != project.id:
        raise ApiError(400, {"non_field_errors": ["Project ID is required"]})
    if not project.extra[f"{kind[:-1]}_view"]:
        raise ApiError(400, {"non_field_errors": [f"{kind.capitalize()} are not enabled for this project"]})
    groupings = state_of(request).groupings
    if kind == "modules" and any(row.name == fields["name"] for row in groupings.where(kind=kind, project=project.id)):
        raise ApiError(400, {"error": "Module with this name already exists"})
    row = Grouping(kind=kind, project=project.id, created_by=caller.user.id, **fields)
    groupings[row.id] = row
    return web.json_response(_shape(row), status=201)
