"""`/api/workspaces/{slug}/projects/` with a session: projects and their members."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .. import project_settings, rules
from .. import shapes_projects as shapes
from ..access import find_project, session_project, session_workspace
from ..context import context_of, state_of
from ..http import ApiError, Routes, invalid_choice, invalid_payload, json_body, no_content, object_not_found
from ..models import ADMIN, GUEST, MEMBER, ROLES, Project, ProjectMember, Workspace, timestamp
from ..state import PlaneState

routes = Routes()
TOO_HIGH = "You cannot add a user with role higher than the workspace role"


@routes.get("/api/workspaces/{slug}/projects/")
async def list_projects(request: web.Request) -> web.Response:
    user, workspace = session_workspace(request)
    state = state_of(request)
    rows = [row for row in state.projects_in(workspace.id) if state.is_visible_in_app(row, user.id)]
    return web.json_response([shapes.app_project(state, row, user) for row in rows])


@routes.post("/api/workspaces/{slug}/projects/")
async def make_project(request: web.Request) -> web.Response:
    user, workspace = session_workspace(request, MEMBER)
    state = state_of(request)
    fields = project_settings.app_new_project(state, await json_body(request))
    _refuse_taken(state, workspace, fields)
    project = rules.add_project(state, workspace, user.id, _without_types(request, fields))
    return web.json_response(shapes.app_project(state, project, user), status=201)


@routes.get("/api/workspaces/{slug}/projects/{project}/")
async def read_project(request: web.Request) -> web.Response:
    user, workspace = session_workspace(request)
    state = state_of(request)
    project = find_project(state.projects, workspace, request)
    if project is None or project.archived_at:
        raise ApiError(404, {"error": "Project does not exist"})
    if state.project_role(project.id, user.id) is None:
        raise ApiError(409, {"error": "You are not a member of this project"})
    return web.json_response(shapes.app_project(state, project, user))


@routes.patch("/api/workspaces/{slug}/projects/{project}/")
async def change_project(request: web.Request) -> web.Response:
    """Change a project. An admin of the workspace need not be a member of it."""
    user, workspace = session_workspace(request)
    state = state_of(request)
    project = find_project(state.projects, workspace, request)
    if project is None or state.workspace_role(workspace.id, user.id) != ADMIN:
        _, _, project = session_project(request, ADMIN)
    if project.archived_at:
        raise ApiError(400, {"error": "Archived projects cannot be updated"})
    fields = _without_types(request, project_settings.app_changed_project(state, await json_body(request)))
    _refuse_taken(state, workspace, fields, but=project.id)
    rules.set_project_fields(state, project, fields)
    rules.make_intake(state, project, user.id)
    project.touch(user.id)
    return web.json_response(shapes.app_project(state, project, user))


@routes.delete("/api/workspaces/{slug}/projects/{project}/")
async def delete_project(request: web.Request) -> web.Response:
    _, _, project = session_project(request, ADMIN)
    rules.delete_project(state_of(request), project)
    return no_content()


@routes.post("/api/workspaces/{slug}/projects/{project}/archive/")
async def archive_project(request: web.Request) -> web.Response:
    user, _, project = session_project(request, ADMIN)
    project.archived_at = timestamp()
    project.touch(user.id)
    return web.json_response({"archived_at": project.archived_at})


@routes.delete("/api/workspaces/{slug}/projects/{project}/archive/")
async def unarchive_project(request: web.Request) -> web.Response:
    user, _, project = session_project(request, ADMIN)
    project.archived_at = None
    project.touch(user.id)
    return no_content()


@routes.get("/api/workspaces/{slug}/projects/{project}/members/")
async def list_members(request: web.Request) -> web.Response:
    _, _, project = session_project(request)
    rows = state_of(request).listed_members_of_project(project)
    return web.json_response([shapes.project_member(row) for row in rows])


@routes.post("/api/workspaces/{slug}/projects/{project}/members/")
async def add_members(request: web.Request) -> web.Response:
    """Add members, repeatably: a member gets the role, and a former member is reactivated."""
    user, _, project = session_project(request, ADMIN)
    entries = (await json_body(request)).get("members")
    if not isinstance(entries, list) or not entries:
        raise ApiError(400, {"error": "At least one member is required"})
    wanted = [_checked_member(request, project, entry) for entry in entries]
    state = state_of(request)
    rows = [rules.join_project(state, project, member, role, user.id) for member, role in wanted]
    return web.json_response([shapes.project_member(row) for row in rows], status=201)


@routes.get("/api/workspaces/{slug}/projects/{project}/members/{id}/")
async def read_member(request: web.Request) -> web.Response:
    user, _, project = session_project(request)
    state = state_of(request)
    row = _active_membership(request, project)
    if row is None:
        raise ApiError(404, {"error": "Project member not found"})
    if state.project_role(project.id, user.id) == GUEST:
        return web.json_response(shapes.project_member(row))
    return web.json_response(shapes.whole_project_member(state, row, with_address=True))


@routes.patch("/api/workspaces/{slug}/projects/{project}/members/{id}/")
async def change_member(request: web.Request) -> web.Response:
    user, workspace, project = session_project(request)
    state = state_of(request)
    row = _active_membership(request, project)
    if row is None:
        raise object_not_found()
    role = (await json_body(request)).get("role", row.role)
    caller_is_admin = state.workspace_role(workspace.id, user.id) == ADMIN
    if row.member == user.id and not caller_is_admin:
        raise ApiError(400, {"error": "You cannot update your own role"})
    if role not in ROLES:
        raise invalid_choice("role", role)
    member_in_workspace = state.workspace_role(workspace.id, row.member)
    if member_in_workspace == GUEST and role != GUEST:
        raise ApiError(400, {"error": TOO_HIGH})
    own_role = ADMIN if caller_is_admin else state.project_role(project.id, user.id) or GUEST
    if context_of(request).older_than_1_3:
        # The refusal is known; its text was not seen.
        if role > own_role:
            raise ApiError(400, {"error": "You cannot update a role that is higher than your own role"})
    elif member_in_workspace != ADMIN:
        _refuse_equals(row, role, own_role)
    row.role = role
    row.touch(user.id)
    return web.json_response(shapes.whole_project_member(state, row, with_address=False))


@routes.delete("/api/workspaces/{slug}/projects/{project}/members/{id}/")
async def remove_member(request: web.Request) -> web.Response:
    user, _, project = session_project(request, ADMIN)
    row = _active_membership(request, project)
    if row is None:
        raise object_not_found()
    if row.member == user.id:
        leave = "You cannot remove yourself from the workspace. Please use leave workspace"
        raise ApiError(400, {"error": leave})
    row.is_active = False
    row.touch(user.id)
    return no_content()


def _without_types(request: web.Request, fields: dict[str, Any]) -> dict[str, Any]:
    """Ignore the switch for work item types: in a commercial edition only v1 changes it."""
    if not context_of(request).commercial:
        return fields
    return {name: value for name, value in fields.items() if name != "is_issue_type_enabled"}


def _refuse_taken(state: PlaneState, workspace: Workspace, fields: dict[str, Any], but: str = "") -> None:
    if taken := rules.taken_project_field(state, workspace.id, fields, but):
        raise ApiError(400, {taken: [f"PROJECT_{taken.upper()}_ALREADY_EXIST"]})


def _checked_member(request: web.Request, project: Project, entry: Any) -> tuple[str, int]:
    state = state_of(request)
    member = str(entry.get("member_id")) if isinstance(entry, dict) else ""
    in_workspace = state.workspace_role(project.workspace, member)
    if in_workspace is None:
        raise object_not_found()
    # Only a new member may have no role, and is a guest then.
    role = entry.get("role", None if state.project_member(project.id, member) else GUEST)
    if role is None:
        raise invalid_payload()
    if role not in ROLES:
        raise invalid_choice("role", role)
    if in_workspace == ADMIN and role != ADMIN:
        raise ApiError(400, {"error": "You cannot add a user with role lower than the workspace role"})
    if in_workspace == GUEST and role != GUEST:
        raise ApiError(400, {"error": TOO_HIGH})
    return member, role


def _refuse_equals(row: ProjectMember, role: int, own_role: int) -> None:
    """Since 1.3 this path raises no member to the caller's own role, and changes no member with it."""
    if own_role < ADMIN:
        raise ApiError(403, {"error": "You do not have permission to update roles"})
    if row.role >= own_role:
        message = "You cannot update the role of a member with a role equal to or higher than your own"
        raise ApiError(403, {"error": message})
    if role >= own_role:
        raise ApiError(403, {"error": "You cannot assign a role equal to or higher than your own"})


def _active_membership(request: web.Request, project: Project) -> ProjectMember | None:
    row = state_of(request).project_members.get(request.match_info["id"])
    return row if row and row.project == project.id and row.is_active else None
