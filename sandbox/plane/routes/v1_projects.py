"""v1, with a key: projects and their members."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .. import project_settings, rules
from .. import shapes_projects as shapes
from ..access import Caller, ProjectCaller, not_permitted_v1, v1_project, v1_workspace
from ..context import context_of, state_of
from ..http import (
    ApiError,
    Routes,
    chosen_fields,
    invalid_choice,
    invalid_detail,
    invalid_payload,
    json_body,
    no_content,
    object_not_found_v1,
    required_field,
)
from ..models import ADMIN, GUEST, MEMBER, ROLES, Project, ProjectMember, timestamp
from ..paging import paged
from ..shapes_accounts import v1_user
from ..state import PlaneState

routes = Routes()
#: For a path that requires only membership of the workspace.
NO_PROJECT_ROLE = 0


@routes.get("/api/v1/workspaces/{slug}/projects/")
async def list_projects(request: web.Request) -> web.Response:
    """List projects, also archived ones, with `archived_at` (facts); the caller's own come first."""
    caller = v1_workspace(request)
    state = state_of(request)
    rows = [row for row in state.projects_in(caller.workspace.id) if state.is_visible(row, caller.user.id)]
    rows.sort(key=lambda row: state.project_role(row.id, caller.user.id) is None)
    expand = request.query.get("expand", "")

    def shape(row: Project) -> dict[str, Any]:
        return shapes.expanded(state, shapes.v1_listed_project(state, row, caller.user), expand)

    return paged(request, rows, shape)


@routes.post("/api/v1/workspaces/{slug}/projects/")
async def make_project(request: web.Request) -> web.Response:
    caller = v1_workspace(request, MEMBER)
    state = state_of(request)
    fields = project_settings.v1_new_project(state, caller.workspace, await json_body(request))
    _refuse_taken(state, caller, fields)
    lead = fields.get("project_lead")
    if lead and context_of(request).since_1_4:
        # From the facts; the words were not seen.
        if state.workspace_role(caller.workspace.id, lead) is None:
            raise ApiError(400, {"project_lead": ["The lead must be an active member of the workspace."]})
    elif lead:
        # Plane fails halfway because of a lead, and leaves a project without states behind (seen on every tried
        # release).
        rules.add_project(state, caller.workspace, caller.user.id, fields | {"project_lead": None}, with_states=False)
        raise invalid_detail()
    project = rules.add_project(state, caller.workspace, caller.user.id, fields)
    return web.json_response(shapes.v1_project(state, project, caller.user), status=201)


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/")
async def read_project(request: web.Request) -> web.Response:
    caller = v1_project(request, NO_PROJECT_ROLE)
    state = state_of(request)
    if not state.is_visible(caller.project, caller.user.id):
        raise object_not_found_v1()
    shape = shapes.v1_project(state, caller.project, caller.user)
    expand = request.query.get("expand", "")
    return web.json_response(chosen_fields(request, shapes.expanded(state, shape, expand)))


@routes.patch("/api/v1/workspaces/{slug}/projects/{project}/")
async def change_project(request: web.Request) -> web.Response:
    caller = v1_project(request, ADMIN)
    state, project = state_of(request), caller.project
    if project.archived_at:
        raise ApiError(400, {"error": "Archived project cannot be updated"})
    fields = project_settings.v1_changed_project(state, project, await json_body(request))
    _refuse_taken(state, caller, fields, but=project.id)
    rules.set_project_fields(state, project, fields)
    rules.make_intake(state, project, caller.user.id)
    project.touch(caller.user.id)
    return web.json_response(shapes.v1_project(state, project, caller.user))


@routes.delete("/api/v1/workspaces/{slug}/projects/{project}/")
async def delete_project(request: web.Request) -> web.Response:
    caller = v1_project(request, ADMIN)
    rules.delete_project(state_of(request), caller.project)
    return no_content()


@routes.post("/api/v1/workspaces/{slug}/projects/{project}/archive/")
async def archive_project(request: web.Request) -> web.Response:
    return _set_archived(_archiver(request), timestamp())


@routes.delete("/api/v1/workspaces/{slug}/projects/{project}/archive/")
async def unarchive_project(request: web.Request) -> web.Response:
    return _set_archived(_archiver(request), None)


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/project-members/")  # plane-sdk's spelling
@routes.get("/api/v1/workspaces/{slug}/projects/{project}/members/")
async def list_members(request: web.Request) -> web.Response:
    """List members, including removed ones; every member of some project of the workspace may."""
    v1_workspace(request, may=lambda state, one: state.is_in_a_project(one.workspace.id, one.user.id))
    state = state_of(request)
    rows = state.project_members.newest_where(project=request.match_info["project"])
    return web.json_response([v1_user(state.users[row.member]) for row in rows])


@routes.post("/api/v1/workspaces/{slug}/projects/{project}/project-members/")
@routes.post("/api/v1/workspaces/{slug}/projects/{project}/members/")
async def add_member(request: web.Request) -> web.Response:
    """Add one member, with any role in the workspace; a repeat answers 400, also for a removed member."""
    caller = v1_project(request, ADMIN)
    state = state_of(request)
    body = await json_body(request)
    member, role = body.get("member"), body.get("role", GUEST)
    if not member:
        raise required_field("member")
    if role not in ROLES:
        raise invalid_choice("role", role)
    if member not in state.users:
        raise ApiError(400, {"member": [f'Invalid pk "{member}" - object does not exist.']})
    if state.project_member(caller.project.id, str(member)) is not None:
        raise invalid_payload()
    row = rules.join_project(state, caller.project, str(member), role, caller.user.id)
    return web.json_response(_short(row), status=201)


@routes.get("/api/v1/workspaces/{slug}/projects/{project}/project-members/{id}/")
@routes.get("/api/v1/workspaces/{slug}/projects/{project}/members/{id}/")
async def read_member(request: web.Request) -> web.Response:
    """Read the account, without its role."""
    _, row = _membership(request, GUEST)
    return web.json_response(v1_user(state_of(request).users[row.member]))


@routes.patch("/api/v1/workspaces/{slug}/projects/{project}/project-members/{id}/")
@routes.patch("/api/v1/workspaces/{slug}/projects/{project}/members/{id}/")
async def change_member(request: web.Request) -> web.Response:
    """Change only the role: a removed member can get another one, and stays removed."""
    caller, row = _membership(request, ADMIN)
    role = (await json_body(request)).get("role", row.role)
    if role not in ROLES:
        raise invalid_choice("role", role)
    row.role = role
    row.touch(caller.user.id)
    return web.json_response(_short(row))


@routes.delete("/api/v1/workspaces/{slug}/projects/{project}/project-members/{id}/")
@routes.delete("/api/v1/workspaces/{slug}/projects/{project}/members/{id}/")
async def remove_member(request: web.Request) -> web.Response:
    caller, row = _membership(request, ADMIN)
    row.is_active = False
    row.touch(caller.user.id)
    return no_content()


def _refuse_taken(state: PlaneState, caller: Caller, fields: dict[str, Any], but: str = "") -> None:
    """Refuse a taken name or identifier, both in the same words (seen on Plane 1.2.2)."""
    if rules.taken_project_field(state, caller.workspace.id, fields, but):
        raise ApiError(409, {"name": "The project name is already taken"})


def _archiver(request: web.Request) -> ProjectCaller:
    """The caller: any member of the workspace can archive any project through v1 (seen on every tried release)."""
    caller = v1_project(request, NO_PROJECT_ROLE)
    if state_of(request).workspace_role(caller.workspace.id, caller.user.id) == GUEST:
        raise not_permitted_v1()
    return caller


def _set_archived(caller: ProjectCaller, archived_at: str | None) -> web.Response:
    caller.project.archived_at = archived_at
    caller.project.touch(caller.user.id)
    return no_content()


def _short(row: ProjectMember) -> dict[str, Any]:
    return {"id": row.id, "member": row.member, "role": row.role}


def _membership(request: web.Request, role: int) -> tuple[ProjectCaller, ProjectMember]:
    caller = v1_project(request, role)
    row = state_of(request).project_members.get(request.match_info["id"])
    if row is None or row.project != caller.project.id:
        raise object_not_found_v1()
    return caller, row
