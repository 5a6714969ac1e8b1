"""Rules about several rows: a workspace with its bot, a project with its states, a removal with its consequences."""

from __future__ import annotations

import base64
import json
import re
import secrets
import unicodedata
from collections.abc import Mapping
from typing import Any

from . import models
from .http import ApiError
from .models import ADMIN, GUEST
from .state import PlaneState

FIRST_STATES = (
    ("Backlog", "backlog", "#60646C"),
    ("Todo", "unstarted", "#60646C"),
    ("In Progress", "started", "#F59E0B"),
    ("Done", "completed", "#46A758"),
    ("Cancelled", "cancelled", "#9AA4BC"),
)
STATE_GROUPS = ("backlog", "unstarted", "started", "completed", "cancelled", "triage")
#: The distance between the last state and a new one (seen on every tried release).
STATE_STEP = 15000.0
#: A new project's settings without an effect here, with the values seen on Plane 1.2.2.
PROJECT_DEFAULTS: dict[str, Any] = {
    "description_text": None,
    "description_html": None,
    "emoji": None,
    "icon_prop": None,
    "module_view": False,
    "cycle_view": False,
    "issue_views_view": False,
    "page_view": True,
    "intake_view": False,
    "is_time_tracking_enabled": False,
    "guest_view_all_features": False,
    "cover_image": None,
    "archive_in": 0,
    "close_in": 0,
    "logo_props": {},
    "timezone": "UTC",
    "external_source": None,
    "external_id": None,
    "cover_image_asset": None,
    "estimate": None,
    "default_state": None,
}


def is_email(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", text) is not None


def add_user(state: PlaneState, email: str, password_hash: str, **names: Any) -> models.User:
    names.setdefault("display_name", email.partition("@")[0])
    user = models.User(email=email, password_hash=password_hash, **names)
    state.users[user.id] = user
    return user


def add_workspace(state: PlaneState, owner: models.User, name: str, slug: str, size: str | None) -> models.Workspace:
    workspace = models.Workspace(name=name, slug=slug, owner=owner.id, organization_size=size, created_by=owner.id)
    state.workspaces[workspace.id] = workspace
    join_workspace(state, workspace.id, owner, ADMIN, company_role="")
    give_default_type(state, workspace)
    return workspace


def seed_workspace(state: PlaneState, workspace: models.Workspace, name: str) -> None:
    """Add the rows of Plane's worker to a new workspace: a bot, and a demo project with the workspace's first name."""
    bot = add_user(
        state,
        f"bot_user_{workspace.id}@plane.so",
        "!",
        first_name="Plane",
        display_name="Plane",
        is_bot=True,
    )
    membership = models.WorkspaceMember(
        workspace=workspace.id, member=bot.id, role=ADMIN, company_role="", created_by=None
    )
    state.workspace_members[membership.id] = membership
    identifier = re.sub(r"[^A-Z0-9]", "", name.upper())[:5] or "DEMO"
    fields: dict[str, Any] = {"name": name, "identifier": identifier, "description": "A demo that is made by itself."}
    fields |= dict.fromkeys(("module_view", "cycle_view", "issue_views_view"), True)
    # The first project with the name keeps it: Plane's worker stops then.
    if taken_project_field(state, workspace.id, fields) is None:
        add_project(state, workspace, workspace.owner, fields)


def join_workspace(
    state: PlaneState, workspace: str, user: models.User, role: int, company_role: str | None = None
) -> None:
    """Add a member, or reactivate a removed one."""
    row = state.workspace_member(workspace, user.id)
    if row is None:
        row = models.WorkspaceMember(
            workspace=workspace, member=user.id, role=role, company_role=company_role, created_by=user.id
        )
        state.workspace_members[row.id] = row
    else:
        row.role, row.is_active = role, True


def remove_from_workspace(state: PlaneState, membership: models.WorkspaceMember, by: str) -> None:
    """End a membership and those in the workspace's projects; a new membership does not restore the latter."""
    membership.is_active = False
    membership.touch(by)
    for project in state.projects_in(membership.workspace):
        row = state.project_member(project.id, membership.member)
        if row is not None and row.is_active:
            row.is_active = False
            row.touch(by)


def invite(
    state: PlaneState, workspace: models.Workspace, email: str, role: int, by: str | None, message: str | None
) -> models.Invitation:
    """Invite an address, or return its open invitation."""
    for row in state.invitations_to(workspace.id):
        if row.email == email:
            return row
    row = models.Invitation(
        workspace=workspace.id,
        email=email,
        role=role,
        token=_invitation_token(email),
        message=message,
        created_by=by,
    )
    state.invitations[row.id] = row
    return row


def accept(state: PlaneState, invitation: models.Invitation, user: models.User) -> None:
    join_workspace(state, invitation.workspace, user, invitation.role)
    del state.invitations[invitation.id]


def delete_workspace(state: PlaneState, workspace: models.Workspace) -> None:
    for project in state.projects_in(workspace.id):
        delete_project(state, project)
    tables = (state.workspace_members, state.invitations, state.stickies, state.work_item_types)
    for table in (*tables, state.work_item_properties):
        for row in table.where(workspace=workspace.id):
            del table[row.id]
    del state.workspaces[workspace.id]


def taken_project_field(state: PlaneState, workspace: str, fields: Mapping[str, Any], but: str = "") -> str | None:
    """The field that must be unique in a workspace and that another project has."""
    others = [project for project in state.projects_in(workspace) if project.id != but]
    for name in ("name", "identifier"):
        if name in fields and any(getattr(project, name) == fields[name] for project in others):
            return name
    return None


def add_project(
    state: PlaneState, workspace: models.Workspace, by: str, fields: Mapping[str, Any], *, with_states: bool = True
) -> models.Project:
    project = models.Project(
        workspace=workspace.id,
        name=fields["name"],
        identifier=fields["identifier"],
        sort_order=workspace.next_sort_order,
        extra=dict(PROJECT_DEFAULTS),
        created_by=by,
    )
    # Plane puts a new project on top of a list that it sorts by this, and counts deleted ones too (seen on 1.2.2).
    workspace.next_sort_order -= 10000.0
    state.projects[project.id] = project
    set_project_fields(state, project, fields)
    for member in {by, project.project_lead} - {None}:
        join_project(state, project, str(member), ADMIN, by)
    for place, (name, group, color) in enumerate(FIRST_STATES if with_states else ()):
        row = models.State(
            project=project.id,
            name=name,
            color=color,
            group=group,
            sequence=15000.0 + 10000.0 * place,
            default=place == 0,
            created_by=by,
        )
        state.states[row.id] = row
    return project


def change_workspace_role(state: PlaneState, membership: models.WorkspaceMember, role: int, by: str) -> None:
    """Change a role. A new guest becomes a guest in every project; no other change affects the projects."""
    membership.role = role
    membership.touch(by)
    if role == GUEST:
        for project in state.projects_in(membership.workspace):
            row = state.project_member(project.id, membership.member)
            if row is not None:
                row.role = GUEST


def deactivate(state: PlaneState, user: models.User) -> None:
    """Close an account: its memberships and sessions end, its password is removed, its keys and rows stay."""
    user.is_active = False
    user.password_hash = "!"
    for membership in state.workspace_members.where(member=user.id):
        membership.is_active = False
    for row in state.project_members.where(member=user.id):
        row.is_active = False
    for key in [key for key, session in state.sessions.items() if session.user == user.id]:
        del state.sessions[key]


def set_project_fields(state: PlaneState, project: models.Project, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if name in PROJECT_DEFAULTS:
            project.extra[name] = value
        else:
            setattr(project, name, value)
    appears = state.has_types and state.makes_default_type and not state.workspaces_own_types
    if appears and project.is_issue_type_enabled and not state.work_item_types_in(project.id):
        default = models.WorkItemType(project=project.id, name="Task", is_default=True, created_by=project.created_by)
        state.work_item_types[default.id] = default


def give_default_type(state: PlaneState, workspace: models.Workspace) -> None:
    """Add the type that every workspace that owns its types begins with (product documentation, not recorded)."""
    if state.workspaces_own_types and state.makes_default_type:
        row = models.WorkItemType(workspace=workspace.id, name="Task", is_default=True, created_by=workspace.owner)
        state.work_item_types[row.id] = row


def refuse_triage(fields: Mapping[str, Any]) -> None:
    """Refuse this group: it is reserved for intake's state, which no list shows."""
    if fields.get("group") == "triage":
        raise ApiError(400, {"non_field_errors": ["Cannot create triage state"]})


def add_state(state: PlaneState, project: models.Project, fields: Mapping[str, Any], by: str) -> models.State:
    """Add a state at the end, regardless of the requested position."""
    last = max((row.sequence for row in state.states_in(project.id)), default=0.0)
    row = models.State(
        project=project.id,
        **{"group": STATE_GROUPS[0], **fields, "sequence": last + STATE_STEP},
        slug=slug_of(fields["name"]),
        created_by=by,
    )
    state.states[row.id] = row
    return row


def set_state_fields(row: models.State, fields: Mapping[str, Any], by: str) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.slug = slug_of(row.name)
    row.touch(by)


def slug_of(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain)).strip("-_")


def clear_default_state(state: PlaneState, project: models.Project) -> None:
    for row in state.states_in(project.id):
        row.default = False


def delete_state(state: PlaneState, row: models.State) -> None:
    if row.default:
        raise ApiError(400, {"error": "Default state cannot be deleted"})
    if any(item.state == row.id for item in state.work_items_in(row.project)):
        raise ApiError(400, {"error": "The state is not empty, only empty states can be deleted"})
    del state.states[row.id]


def make_intake(state: PlaneState, project: models.Project, by: str) -> None:
    """Add the rows that Plane adds if a change finds intake on; creating a project with intake adds none."""
    if project.extra["intake_view"] and state.intake_of(project.id) is None:
        intake = models.Intake(project=project.id, name=f"{project.name} Intake", created_by=by)
        state.intakes[intake.id] = intake


def delete_estimate(state: PlaneState, estimate: models.Estimate) -> None:
    """Delete an estimate, and turn it off in projects."""
    for project in state.projects.values():
        if project.extra["estimate"] == estimate.id:
            project.extra["estimate"] = None
    for point in state.points_of(estimate.id):
        del state.estimate_points[point.id]
    del state.estimates[estimate.id]


def delete_label(state: PlaneState, label: models.Label) -> None:
    """Delete a label, its sub-labels and its uses, as a worker does a moment later (seen on every tried release)."""
    del state.labels[label.id]
    for item in state.work_items.where(project=label.project):
        item.labels = [used for used in item.labels if used != label.id]
    for child in [row for row in state.labels_in(label.project) if row.parent == label.id]:
        delete_label(state, child)


def join_project(state: PlaneState, project: models.Project, user: str, role: int, by: str) -> models.ProjectMember:
    """Add a member, reactivate a removed one, or change a role."""
    row = state.project_member(project.id, user)
    if row is None:
        row = models.ProjectMember(project=project.id, member=user, role=role)
        state.project_members[row.id] = row
    elif not row.is_active or row.role != role:
        row.role, row.is_active = role, True
        row.touch(by)
    return row


def delete_project(state: PlaneState, project: models.Project) -> None:
    for table in (
        state.project_members,
        state.states,
        state.labels,
        state.intakes,
        state.estimates,
        state.estimate_points,
        state.work_items,
        state.comments,
        state.links,
        state.activities,
        state.attachments,
        state.intake_items,
        state.work_item_types,
        state.work_item_properties,
        state.property_values,
    ):
        for row in table.where(project=project.id):
            del table[row.id]
    for kind in state.work_item_types.values():
        kind.project_ids = [key for key in kind.project_ids if key != project.id]
    del state.projects[project.id]


def _invitation_token(email: str) -> str:
    """A token of three parts, like the signed tokens in Plane's mail; nothing here reads it again."""
    parts = (json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps({"email": email}), secrets.token_hex(16))
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
