"""v1, with a key: a project's cycles and modules, which nothing here makes; both are listed while they are off, too."""

from __future__ import annotations

from aiohttp import web

from ..access import v1_project
from ..http import Routes
from ..paging import paged

routes = Routes()


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/cycles/")
@routes.get("/api/v1/workspaces/{slug}/projects/{project}/modules/")
@routes.get("/api/v1/workspaces/{slug}/projects/{project}/archived-cycles/")
@routes.get("/api/v1/workspaces/{slug}/projects/{project}/archived-modules/")
async def list_none(request: web.Request) -> web.Response:
    v1_project(request)
    return paged(request, [], dict)
