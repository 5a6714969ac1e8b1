"""`/api/workspaces/` with a session: workspaces, their invitations and their members."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from aiohttp import web

from .. import rules
from .. import shapes_accounts as shapes
from ..access import instance_admin, session_user, session_workspace
from ..context import Context, context_of, state_of
from ..http import (
    ApiError,
    Routes,
    invalid_choice,
    json_body,
    no_content,
    object_not_found,
    required_field,
    too_long,
)
from ..models import ADMIN, GUEST, ROLES, Invitation, User, Workspace, WorkspaceMember

routes = Routes()
LONGEST_NAME, LONGEST_SLUG = 80, 48
#: The words that Plane 1.2.2 reports as taken on an instance without workspaces, out of 410 that were tried.
RESERVED_SLUGS = frozenset(
    """
    404 accounts admin api billing business calendar chat config configuration create-workspace dashboard desktop
    enterprise epics god-mode import initiatives installations instance instances integration integrations
    invitations license licenses live mobile onboarding one pages password plane-pro plane-ultimate pro profile
    settings sign-in sign-up signin signup spaces upgrade workspace-invitations
    """.split()  # noqa: SIM905 - one a line would fill the screen
)


@routes.post("/api/workspaces/")
async def make_workspace(request: web.Request) -> web.Response:
    user = session_user(request)
    context = context_of(request)
    body = await json_body(request)
    if context.state.is_on("DISABLE_WORKSPACE_CREATION"):
        raise ApiError(403, {"error": "Workspace creation is not allowed"})
    name, slug = _checked_name(body.get("name")), _checked_slug(context, body.get("slug"))
    workspace = rules.add_workspace(context.state, user, name, slug, body.get("organization_size"))
    context.in_background(_seed(context, workspace))
    shape = shapes.workspace(context.state, workspace) | {"role": ADMIN}
    return web.json_response(shape, status=201)


@routes.post("/api/instances/workspaces/")
async def make_workspace_as_instance_admin(request: web.Request) -> web.Response:
    """Create a workspace, also if others may not; without a demo project."""
    user = instance_admin(request)
    context = context_of(request)
    body = await json_body(request)
    if not body.get("name") or not body.get("slug"):
        raise ApiError(400, {"error": "Both name and slug are required"})
    name, slug = _checked_name(body["name"]), _checked_slug(context, body["slug"])
    workspace = rules.add_workspace(context.state, user, name, slug, body.get("organization_size"))
    shape = shapes.workspace(context.state, workspace)
    del shape["total_members"]
    owner = {"id": user.id, "email": user.email, "first_name": user.first_name, "last_name": user.last_name}
    return web.json_response(shape | {"owner": owner}, status=201)


@routes.get("/api/workspace-slug-check/")
async def check_slug(request: web.Request) -> web.Response:
    session_user(request)
    slug = request.query.get("slug", "")
    if not slug:
        raise ApiError(400, {"error": "Workspace Slug is required"})
    free = slug not in RESERVED_SLUGS and state_of(request).workspace_by_slug(slug) is None
    return web.json_response({"status": free})


@routes.get("/api/workspaces/{slug}/")
async def read_workspace(request: web.Request) -> web.Response:
    user = session_user(request)
    state = state_of(request)
    workspace = state.workspace_by_slug(request.match_info["slug"])
    if workspace is None or state.workspace_role(workspace.id, user.id) is None:
        raise ApiError(404, {"detail": "No Workspace matches the given query."})
    return web.json_response(shapes.workspace(state, workspace))


@routes.patch("/api/workspaces/{slug}/")
async def change_workspace(request: web.Request) -> web.Response:
    user, workspace = session_workspace(request, ADMIN)
    body = await json_body(request)
    if "name" in body:
        workspace.name = _checked_name(body["name"])
    workspace.organization_size = body.get("organization_size", workspace.organization_size)
    workspace.touch(user.id)
    return web.json_response(shapes.workspace(state_of(request), workspace))


@routes.delete("/api/workspaces/{slug}/")
async def delete_workspace(request: web.Request) -> web.Response:
    _, workspace = session_workspace(request, ADMIN)
    rules.delete_workspace(state_of(request), workspace)
    return no_content()


@routes.get("/api/workspaces/{slug}/invitations/")
async def list_invitations(request: web.Request) -> web.Response:
    _, workspace = session_workspace(request, ADMIN)
    state = state_of(request)
    rows = state.invitations_to(workspace.id)
    return web.json_response([shapes.invitation(state, row) for row in rows])


@routes.post("/api/workspaces/{slug}/invitations/")
async def invite(request: web.Request) -> web.Response:
    """Invite all or none: one bad address or one member refuses the whole list (facts)."""
    user, workspace = session_workspace(request, ADMIN)
    context = context_of(request)
    emails = (await json_body(request)).get("emails")
    if not isinstance(emails, list) or not emails:
        raise ApiError(400, {"error": "Emails are required"})
    wanted = [_checked_invitation(entry) for entry in emails]
    members = [row for email, _ in wanted if (row := _member_with(context, workspace, email)) is not None]
    active = [row for row in members if row.is_active]
    if active:
        listed = [shapes.workspace_member(context.state, row) for row in active]
        message = "Some users are already member of workspace"
        raise ApiError(400, {"error": message, "workspace_users": listed})
    for email, role in wanted:
        by, message_text = _invitation_marks(context, workspace, email, user)
        rules.invite(context.state, workspace, email, role, by, message_text)
    return web.json_response({"message": "Emails sent successfully"})


@routes.patch("/api/workspaces/{slug}/invitations/{id}/")
async def change_invitation(request: web.Request) -> web.Response:
    """Give an invitation another role (from the source of 1.2.2 and 1.3.1; not recorded)."""
    user, row = _invitation(request)
    role = (await json_body(request)).get("role", row.role)
    if role not in ROLES:
        raise invalid_choice("role", role)
    row.role = role
    row.touch(user.id)
    return web.json_response(shapes.invitation(state_of(request), row))


@routes.delete("/api/workspaces/{slug}/invitations/{id}/")
async def withdraw_invitation(request: web.Request) -> web.Response:
    _, row = _invitation(request)
    del state_of(request).invitations[row.id]
    return no_content()


@routes.post("/api/workspaces/{slug}/invitations/{id}/join/")
async def answer_invitation(request: web.Request) -> web.Response:
    """Accept with the link in the mail.

    From 1.4 on only the invited account may, signed in (from the facts); not recorded.
    """
    context = context_of(request)
    state, workspace = context.state, context.state.workspace_by_slug(request.match_info["slug"])
    row = state.invitations.get(request.match_info["id"])
    if workspace is None or row is None or row.workspace != workspace.id:
        raise object_not_found()
    body = await json_body(request)
    if not body.get("token") or body["token"] != row.token:
        raise ApiError(403, {"error": "You do not have permission to join the workspace"})
    invited = state.user_by_email(row.email.lower())
    if context.since_1_4 and session_user(request).email.lower() != row.email.lower():
        raise ApiError(403, {"error": "You do not have permission to join the workspace"})
    if not body.get("accepted"):
        return web.json_response({"message": "Workspace Invitation was not accepted"})
    if invited is not None:
        rules.accept(state, row, invited)
    return web.json_response({"message": "Workspace Invitation Accepted"})


@routes.get("/api/workspaces/{slug}/members/")
async def list_members(request: web.Request) -> web.Response:
    """List members, newest first, including removed ones."""
    _, workspace = session_workspace(request)
    state = state_of(request)
    rows = reversed(state.members_of_workspace(workspace.id))
    return web.json_response([shapes.listed_workspace_member(state, row) for row in rows])


@routes.get("/api/workspaces/{slug}/members/{id}/")
async def read_member(request: web.Request) -> web.Response:
    _, row = _membership(request, GUEST)
    return web.json_response(shapes.listed_workspace_member(state_of(request), row))


@routes.patch("/api/workspaces/{slug}/members/{id}/")
async def change_member(request: web.Request) -> web.Response:
    user, row = _active_membership(request)
    role = (await json_body(request)).get("role", row.role)
    if row.member == user.id:
        raise ApiError(400, {"error": "You cannot update your own role"})
    if role not in ROLES:
        raise invalid_choice("role", role)
    rules.change_workspace_role(state_of(request), row, role, user.id)
    return web.json_response(shapes.workspace_member(state_of(request), row))


@routes.delete("/api/workspaces/{slug}/members/{id}/")
async def remove_member(request: web.Request) -> web.Response:
    user, row = _active_membership(request)
    if row.member == user.id:
        leave = "You cannot remove yourself from the workspace. Please use leave workspace"
        raise ApiError(400, {"error": leave})
    rules.remove_from_workspace(state_of(request), row, user.id)
    return no_content()


async def _seed(context: Context, workspace: Workspace) -> None:
    name = workspace.name
    await asyncio.sleep(context.demo_project_delay)
    if workspace.id in context.state.workspaces:
        rules.seed_workspace(context.state, workspace, name)


def _checked_name(name: Any) -> str:
    if not name:
        raise required_field("name")
    if re.search(r"https?://|www\.", str(name)):
        raise ApiError(400, {"error": "Name cannot contain a URL"})
    if len(str(name)) > LONGEST_NAME:
        raise too_long("name", LONGEST_NAME)
    return str(name)


def _checked_slug(context: Context, slug: Any) -> str:
    if not slug:
        raise required_field("slug")
    if not re.fullmatch(r"[\w-]+", str(slug), re.ASCII):
        hint = 'Enter a valid "slug" consisting of letters, numbers, underscores or hyphens.'
        raise ApiError(400, {"slug": [hint]})
    if len(str(slug)) > LONGEST_SLUG:
        raise too_long("slug", LONGEST_SLUG)
    if slug in RESERVED_SLUGS:
        raise ApiError(400, {"slug": ["Slug is not valid"]})
    if context.state.workspace_by_slug(str(slug)):
        raise ApiError(400, {"slug": ["Workspace with this slug already exists."]})
    return str(slug)


def _invitation(request: web.Request) -> tuple[User, Invitation]:
    user, workspace = session_workspace(request, ADMIN)
    row = state_of(request).invitations.get(request.match_info["id"])
    if row is None or row.workspace != workspace.id:
        raise object_not_found()
    return user, row


def _checked_invitation(entry: Any) -> tuple[str, int]:
    email = entry.get("email") if isinstance(entry, dict) else None
    if not rules.is_email(email):
        reason = "provided a valid email address is required to send the invite"
        raise ApiError(400, {"error": f"Invalid email - {entry} {reason}"})
    role = entry.get("role", GUEST)
    if role not in ROLES:
        raise invalid_choice("role", role)
    return str(email).strip().lower(), role


def _member_with(context: Context, workspace: Workspace, email: str) -> WorkspaceMember | None:
    user = context.state.user_by_email(email)
    return context.state.workspace_member(workspace.id, user.id) if user else None


def _invitation_marks(context: Context, workspace: Workspace, email: str, by: User) -> tuple[str | None, str | None]:
    """The author of an invitation, and its message; on 1.2.2 an invitation of a former member had no author."""
    if context.older_than_1_3 and _member_with(context, workspace, email):
        return None, f"{by.display_name} has invited you to join them in {workspace.name}"
    return by.id, None


def _active_membership(request: web.Request) -> tuple[User, WorkspaceMember]:
    user, row = _membership(request, ADMIN)
    if not row.is_active:
        raise object_not_found()
    return user, row


def _membership(request: web.Request, role: int) -> tuple[User, WorkspaceMember]:
    user, workspace = session_workspace(request, role)
    row = state_of(request).workspace_members.get(request.match_info["id"])
    if row is None or row.workspace != workspace.id:
        raise object_not_found()
    return user, row
