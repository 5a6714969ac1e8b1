"""v1 from 1.4 on, with a key: the short lists that newer clients read.

From the published OpenAPI document and the newer client's models; not recorded.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .. import shapes_accounts as accounts
from .. import shapes_projects as projects
from ..access import v1_project, v1_workspace
from ..context import state_of
from ..http import Routes
from ..models import ADMIN, GUEST, MEMBER, Project, ProjectMember, WorkspaceMember
from ..paging import paged
from ..state import PlaneState

routes = Routes()

ROLE_SLUGS = {ADMIN: "admin", MEMBER: "member", GUEST: "guest"}

PROJECT_FIELDS = ("id", "identifier", "name", "cover_image", "icon_prop", "emoji", "description", "cover_image_url",
                  "archived_at")  # fmt: skip


@routes.get("/api/v1/workspaces/{slug}/members-lite/")
async def list_members(request: web.Request) -> web.Response:
    """List members, including removed ones with a mark."""
    caller = v1_workspace(request, MEMBER)
    state = state_of(request)
    rows = list(reversed(state.members_of_workspace(caller.workspace.id)))
    return paged(request, rows, lambda row: _member(state, row))


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/project-members-lite/")
async def list_project_members(request: web.Request) -> web.Response:
    caller = v1_project(request)
    state = state_of(request)
    rows = state.project_members.newest_where(project=caller.project.id)
    return paged(request, rows, lambda row: _member(state, row))


@routes.get("/api/v1/workspaces/{slug}/projects-lite/")
async def list_projects(request: web.Request) -> web.Response:
    """List projects; archived ones only with `include_archived=true`."""
    caller = v1_workspace(request)
    state = state_of(request)
    archived = request.query.get("include_archived") == "true"
    seen = [row for row in state.projects_in(caller.workspace.id) if state.is_visible(row, caller.user.id)]
    rows = [row for row in seen if archived or row.archived_at is None]

    def shape(row: Project) -> dict[str, Any]:
        whole = projects.v1_project(state, row, caller.user)
        return {name: whole.get(name) for name in PROJECT_FIELDS}

    return paged(request, rows, shape)


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/cycles-lite/")
@routes.get("/api/v1/workspaces/{slug}/projects/{project}/modules-lite/")
async def list_none(request: web.Request) -> web.Response:
    v1_project(request)
    return paged(request, [], dict)


def _member(state: PlaneState, row: WorkspaceMember | ProjectMember) -> dict[str, Any]:
    user = state.users[row.member]
    marks = {"role": row.role, "role_slug": ROLE_SLUGS[row.role], "is_active": row.is_active, "is_bot": user.is_bot}
    return accounts.v1_user(user) | marks
