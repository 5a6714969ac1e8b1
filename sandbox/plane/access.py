"""Permissions: the checks before every handler, in Plane's order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from aiohttp import web

from .context import context_of, state_of
from .http import ANSWER_HEADERS, ApiError, not_authenticated, object_not_found_v1
from .models import ADMIN, GUEST, Project, User, Workspace, timestamp
from .session import ADMIN_COOKIE, signed_in
from .state import PlaneState


def not_permitted() -> ApiError:
    """Return the app API's refusal; v1 has another text."""
    return ApiError(403, {"error": "You don't have the required permissions."})


def not_permitted_v1() -> ApiError:
    return ApiError(403, {"detail": "You do not have permission to perform this action."})


# The app API: a session.


def session_user(request: web.Request) -> User:
    user = signed_in(request)
    if user is None:
        raise not_authenticated()
    return user


def instance_admin(request: web.Request) -> User:
    user = signed_in(request, ADMIN_COOKIE)
    if user is None or user.id not in state_of(request).instance_admins:
        raise not_authenticated()
    return user


def session_workspace(request: web.Request, role: int = GUEST) -> tuple[User, Workspace]:
    """The caller and the workspace of the path; the caller must have at least this role."""
    user = session_user(request)
    state = state_of(request)
    workspace = state.workspace_by_slug(request.match_info["slug"])
    if workspace is None or (state.workspace_role(workspace.id, user.id) or 0) < role:
        raise not_permitted()
    return user, workspace


def session_project(request: web.Request, role: int = GUEST) -> tuple[User, Workspace, Project]:
    """As `session_workspace`, with the project of the path, in which the caller must have at least this role.

    An admin of the workspace who is in the project counts as its admin.
    """
    user, workspace = session_workspace(request)
    state = state_of(request)
    project = find_project(state.projects, workspace, request)
    has = state.project_role(project.id, user.id) if project else None
    if project is None or has is None:
        raise not_permitted()
    if has < role and state.workspace_role(workspace.id, user.id) != ADMIN:
        raise not_permitted()
    return user, workspace, project


def session_entity(request: web.Request, role: int = GUEST) -> tuple[User, Project]:
    """As `session_project`, for paths that refuse in v1's words and make no exception for the workspace's admins."""
    user = session_user(request)
    state = state_of(request)
    workspace = state.workspace_by_slug(request.match_info["slug"])
    project = find_project(state.projects, workspace, request) if workspace else None
    if project is None or (state.project_role(project.id, user.id) or 0) < role:
        raise not_permitted_v1()
    return user, project


# v1: an API key. Permissions are checked before the limit, so a 403 does not count and has no headers about the limit.


@dataclass(frozen=True)
class Caller:
    user: User
    workspace: Workspace


@dataclass(frozen=True)
class ProjectCaller(Caller):
    project: Project


def v1_user(request: web.Request) -> User:
    user = _key_owner(request)
    _spend(request)
    return user


def v1_workspace(
    request: web.Request,
    role: int = GUEST,
    *,
    rate_headers: bool = True,
    may: Callable[[PlaneState, Caller], bool] | None = None,
) -> Caller:
    """The key's owner and the workspace of the path; an unknown one answers 403 (seen on Plane 1.2.2).

    + may: a further condition for the caller
    """
    caller = _workspace_caller(request, role)
    if may is not None and not may(state_of(request), caller):
        raise not_permitted_v1()
    _spend(request, rate_headers)
    return caller


def v1_project(request: web.Request, role: int = GUEST) -> ProjectCaller:
    """As `v1_workspace`, with the project of the path; a role of 0 requires no project membership."""
    caller = _workspace_caller(request, GUEST)
    state = state_of(request)
    project = find_project(state.projects, caller.workspace, request)
    has = state.project_role(project.id, caller.user.id) if project else None
    if (has or 0) < role:
        raise not_permitted_v1()
    _spend(request)
    if project is None:
        raise object_not_found_v1()
    return ProjectCaller(caller.user, caller.workspace, project)


def find_project(projects: Mapping[str, Project], workspace: Workspace, request: web.Request) -> Project | None:
    project = projects.get(request.match_info["project"])
    return project if project and project.workspace == workspace.id else None


def has_expired(expired_at: str | None) -> bool:
    return expired_at is not None and moment(expired_at) <= datetime.now(timezone.utc)


def moment(text: str) -> datetime:
    """A moment in UTC; a text without a zone is in UTC."""
    read = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return read.replace(tzinfo=timezone.utc) if read.tzinfo is None else read.astimezone(timezone.utc)


def _workspace_caller(request: web.Request, role: int) -> Caller:
    user = _key_owner(request)
    state = state_of(request)
    workspace = state.workspace_by_slug(request.match_info["slug"])
    if workspace is None or (state.workspace_role(workspace.id, user.id) or 0) < role:
        raise not_permitted_v1()
    return Caller(user, workspace)


def _key_owner(request: web.Request) -> User:
    key = request.headers.get("X-API-Key")
    if key is None:
        raise not_authenticated()
    state = state_of(request)
    token = state.api_tokens.one(token=key)
    user = state.users.get(token.user) if token else None
    # A deactivated account's key is still valid; only the memberships are removed.
    if token is None or user is None or not token.is_active:
        raise _invalid_key()
    if has_expired(token.expired_at):
        raise _invalid_key()
    token.last_used = timestamp()
    return user


def _invalid_key() -> ApiError:
    return ApiError(403, {"detail": "Given API token is not valid"})


def _spend(request: web.Request, rate_headers: bool = True) -> None:
    allowance = context_of(request).keys.spend(request.headers["X-API-Key"])
    if rate_headers:
        ANSWER_HEADERS.get().update(
            {
                "X-RateLimit-Remaining": str(allowance.remaining),
                "X-RateLimit-Reset": str(allowance.reset),
            }
        )


def spend_anonymous(request: web.Request, user: User | None) -> None:
    """Count a request of a caller without a session: each address has one limit, over all paths that call this."""
    if user is None:
        context_of(request).anonymous.spend(request.remote or "")
