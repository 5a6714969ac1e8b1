"""The JSON of accounts, workspaces, invitations and tokens."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from . import models
from .access import has_expired
from .state import PlaneState

Json = dict[str, Any]


def stamps(row: models.Row) -> Json:
    return {
        "id": row.id,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "deleted_at": None,
        "created_by": row.created_by,
        "updated_by": row.updated_by,
    }


def own_user(user: models.User) -> Json:
    """The caller's own account, as the app reads it."""
    return {
        "id": user.id,
        "avatar": user.avatar,
        "cover_image": None,
        "avatar_url": user.avatar or None,
        "cover_image_url": None,
        "date_joined": user.created_at,
        "display_name": user.display_name,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "is_active": user.is_active,
        "is_bot": user.is_bot,
        "is_email_verified": False,
        "user_timezone": user.user_timezone,
        "username": user.username,
        "is_password_autoset": False,
        "last_login_medium": "email",
        "last_login_time": user.last_login_time,
    }


def changed_user(user: models.User) -> Json:
    """The answer to a changed profile: the whole row except the password."""
    return {
        "last_login": user.last_login_time,
        "id": user.id,
        "username": user.username,
        "mobile_number": None,
        "email": user.email,
        "display_name": user.display_name,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "avatar": user.avatar,
        "avatar_asset": None,
        "cover_image": None,
        "cover_image_asset": None,
        "date_joined": user.created_at,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "last_location": "",
        "created_location": "",
        "is_superuser": False,
        "is_managed": False,
        "is_password_expired": False,
        "is_active": user.is_active,
        "is_staff": False,
        "is_email_verified": False,
        "is_password_autoset": False,
        "is_password_reset_required": False,
        "token": user.token,
        "last_active": user.last_login_time,
        "last_login_time": user.last_login_time,
        "last_logout_time": None,
        "last_login_ip": user.last_login_ip,
        "last_logout_ip": "",
        "last_login_medium": "email",
        "last_login_uagent": user.last_login_uagent,
        "token_updated_at": user.last_login_time,
        "is_bot": user.is_bot,
        "bot_type": None,
        "user_timezone": user.user_timezone,
        "is_email_valid": False,
        "masked_at": None,
    }


def profile(user: models.User) -> Json:
    """The app's data about a person's choices; a deploy reads `is_onboarded`."""
    return {
        "id": user.profile,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "theme": {},
        "is_app_rail_docked": True,
        "is_tour_completed": False,
        "onboarding_step": dict.fromkeys(
            ("workspace_join", "profile_complete", "workspace_create", "workspace_invite"), False
        ),
        "use_case": None,
        "role": None,
        "is_onboarded": user.is_onboarded,
        "last_workspace_id": None,
        "billing_address_country": "INDIA",
        "billing_address": None,
        "has_billing_address": False,
        "company_name": user.company_name,
        "notification_view_mode": "full",
        "is_smooth_cursor_enabled": False,
        "is_mobile_onboarded": False,
        "mobile_onboarding_step": dict.fromkeys(("workspace_join", "profile_complete", "workspace_create"), False),
        "mobile_timezone_auto_set": False,
        "language": "en",
        "start_of_the_week": 0,
        "goals": {},
        "background_color": "#b5651d",
        "is_navigation_tour_completed": False,
        "has_marketing_email_consent": False,
        "is_subscribed_to_changelog": False,
        "product_tour": dict.fromkeys(("pages", "cycles", "intake", "modules", "work_items"), False),
        "user": user.id,
    }


def v1_user(user: models.User) -> Json:
    return {
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "avatar": user.avatar,
        "avatar_url": user.avatar or None,
        "display_name": user.display_name,
    }


def workspace(state: PlaneState, row: models.Workspace) -> Json:
    members = (m for m in state.members_of_workspace(row.id) if m.is_active)
    return stamps(row) | {
        "total_members": sum(not state.users[member.member].is_bot for member in members),
        "logo_url": None,
        "name": row.name,
        "logo": None,
        "slug": row.slug,
        "organization_size": row.organization_size,
        "timezone": "UTC",
        "background_color": row.background_color,
        "logo_asset": None,
        "owner": row.owner,
    }


def member_summary(user: models.User) -> Json:
    return {
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "avatar": user.avatar,
        "avatar_url": user.avatar or None,
        "is_bot": user.is_bot,
        "display_name": user.display_name,
    }


def workspace_member(state: PlaneState, row: models.WorkspaceMember) -> Json:
    """A membership; Plane adds bulky display preferences that no client here reads."""
    return stamps(row) | {
        "member": member_summary(state.users[row.member]),
        "role": row.role,
        "company_role": row.company_role,
        "is_active": row.is_active,
        "getting_started_checklist": {},
        "tips": {},
        "explored_features": {},
        "workspace": row.workspace,
    }


def listed_workspace_member(state: PlaneState, row: models.WorkspaceMember) -> Json:
    shape = workspace_member(state, row)
    shape["member"] |= {"email": state.users[row.member].email, "last_login_medium": "email"}
    return shape


def v1_workspace_member(state: PlaneState, row: models.WorkspaceMember) -> Json:
    """A membership without a mark of a removal (facts)."""
    return v1_user(state.users[row.member]) | {"role": row.role}


def invitation(state: PlaneState, row: models.Invitation) -> Json:
    workspace = state.workspaces[row.workspace]
    query = f"invitation_id={row.id}&slug={workspace.slug}&token={row.token}"
    return stamps(row) | {
        "workspace": {
            "name": workspace.name,
            "slug": workspace.slug,
            "id": workspace.id,
            "logo_url": None,
        },
        "invite_link": f"/workspace-invitations/?{query}",
        "email": row.email,
        "accepted": False,
        "token": row.token,
        "message": row.message,
        "responded_at": None,
        "role": row.role,
    }


def v1_invitation(row: models.Invitation) -> Json:
    return {
        "id": row.id,
        "email": row.email,
        "role": row.role,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "responded_at": None,
        "accepted": False,
    }


def written_token(row: models.ApiToken) -> Json:
    """The answer to creating or changing a token: it contains the value, but not whether it has expired."""
    return listed_token(row) | {"token": row.token, "is_active": row.is_active}


def listed_token(row: models.ApiToken) -> Json:
    return stamps(row) | {
        "label": row.label,
        "description": row.description,
        "is_active": row.is_active and not has_expired(row.expired_at),
        "last_used": row.last_used,
        "user_type": 0,
        "expired_at": row.expired_at,
        "is_service": False,
        "allowed_rate_limit": "60/min",
        "user": row.user,
        "workspace": None,
    }


def configuration(row: models.Configuration) -> Json:
    return asdict(row) | {"deleted_at": None}
