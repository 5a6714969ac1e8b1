"""The JSON of projects and their contents."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from . import models
from .shapes_accounts import member_summary, stamps
from .state import PlaneState
from .work_items import next_number

Json = dict[str, Any]


def _project(row: models.Project) -> Json:
    return (
        stamps(row)
        | row.extra
        | {
            "name": row.name,
            "description": row.description,
            "network": row.network,
            "identifier": row.identifier,
            "is_issue_type_enabled": row.is_issue_type_enabled,
            "archived_at": row.archived_at,
            "cover_image_url": None,
            "workspace": row.workspace,
            "project_lead": row.project_lead,
            "default_assignee": row.default_assignee,
        }
    )


def short_workspace(state: PlaneState, workspace: str) -> Json:
    row = state.workspaces[workspace]
    return {"name": row.name, "slug": row.slug, "id": row.id}


def _short_project(row: models.Project) -> Json:
    return {
        "id": row.id,
        "identifier": row.identifier,
        "name": row.name,
        "cover_image": None,
        "cover_image_url": None,
        "logo_props": row.extra["logo_props"],
        "description": row.description,
    }


def expanded(state: PlaneState, shape: Json, expand: str) -> Json:
    """A v1 answer with its workspace in place of the workspace's id, if `?expand=` requests it."""
    if "workspace" in expand.split(","):
        shape["workspace"] = short_workspace(state, shape["workspace"])
    return shape


def v1_project(state: PlaneState, row: models.Project, viewer: models.User) -> Json:
    role = state.project_role(row.id, viewer.id)
    return _project(row) | {
        "total_members": len(state.members_of_project(row.id)),
        "total_cycles": 0,
        "total_modules": 0,
        "is_member": role is not None,
        "member_role": role,
        "is_deployed": False,
    }


def v1_listed_project(state: PlaneState, row: models.Project, viewer: models.User) -> Json:
    """A project in a list, with the viewer's position for it: the same one until the viewer moves it."""
    is_member = state.project_role(row.id, viewer.id) is not None
    return v1_project(state, row, viewer) | {"sort_order": 65535.0 if is_member else None}


def app_project(state: PlaneState, row: models.Project, viewer: models.User) -> Json:
    role = state.project_role(row.id, viewer.id)
    return _project(row) | {
        "is_favorite": False,
        "sort_order": None if role is None else row.sort_order,
        "member_role": role,
        "anchor": None,
        "members": [member.member for member in state.members_of_project(row.id)],
        "inbox_view": row.extra["intake_view"],
        "next_work_item_sequence": next_number(state, row),
    }


def project_member(row: models.ProjectMember) -> Json:
    return {
        "id": row.id,
        "role": row.role,
        "member": row.member,
        "project": row.project,
        "original_role": row.role,
        "created_at": row.created_at,
    }


def whole_project_member(state: PlaneState, row: models.ProjectMember, *, with_address: bool) -> Json:
    """A membership for readers who are more than guests; display preferences are omitted."""
    project = state.projects[row.project]
    user = state.users[row.member]
    shape = stamps(row) | {
        "workspace": short_workspace(state, project.workspace) | {"logo_url": None},
        "project": _short_project(project),
        "member": member_summary(user),
        "comment": None,
        "role": row.role,
        "sort_order": 65535.0,
        "is_active": row.is_active,
    }
    if with_address:
        shape["member"] |= {"email": user.email, "last_login_medium": "email"}
    return shape


def state_row(state: PlaneState, row: models.State) -> Json:
    return stamps(row) | {
        "name": row.name,
        "description": row.description,
        "color": row.color,
        "slug": row.slug,
        "sequence": row.sequence,
        "group": row.group,
        "is_triage": False,
        "default": row.default,
        "external_source": row.external_source,
        "external_id": row.external_id,
        "project": row.project,
        "workspace": state.projects[row.project].workspace,
    }


def label(state: PlaneState, row: models.Label) -> Json:
    return stamps(row) | {
        "name": row.name,
        "description": row.description,
        "color": row.color,
        "sort_order": row.sort_order,
        "external_source": row.external_source,
        "external_id": row.external_id,
        "workspace": state.projects[row.project].workspace,
        "project": row.project,
        "parent": row.parent,
    }


def app_state(row: models.State, workspace: str) -> Json:
    """A state as the app reads it, without unnecessary fields."""
    return {
        "id": row.id,
        "project_id": row.project,
        "workspace_id": workspace,
        "name": row.name,
        "color": row.color,
        "group": row.group,
        "default": row.default,
        "description": row.description,
        "sequence": row.sequence,
    }


def intake(state: PlaneState, row: models.Intake | None) -> Json:
    """An intake; without one, an empty form."""
    empty = {"deleted_at": None, "description": "", "logo_props": None, "created_by": None, "updated_by": None}
    if row is None:
        return empty | {"name": "", "is_default": False}
    project = state.projects[row.project]
    return (
        empty
        | stamps(row)
        | {
            "name": row.name,
            "is_default": True,
            "logo_props": {},
            "project_detail": _short_project(project),
            "pending_issue_count": 0,
            "project": row.project,
            "workspace": project.workspace,
        }
    )


def estimate_point(state: PlaneState, row: models.EstimatePoint) -> Json:
    return stamps(row) | {
        "key": row.key,
        "description": row.description,
        "value": row.value,
        "project": row.project,
        "workspace": state.projects[row.project].workspace,
        "estimate": row.estimate,
    }


def estimate(state: PlaneState, row: models.Estimate) -> Json:
    return stamps(row) | {
        "points": [estimate_point(state, point) for point in state.points_of(row.id)],
        "name": row.name,
        "description": "",
        "type": row.type,
        "last_used": row.last_used,
        "project": row.project,
        "workspace": state.projects[row.project].workspace,
    }


def work_item_type(state: PlaneState, row: models.WorkItemType) -> Json:
    """A type with `project` as in the reference's overview, and `project_ids` as in its answers.

    To plane-compose, a type without `project` belongs to the whole workspace.
    """
    shape = asdict(row) | {"deleted_at": None}
    del shape["properties"]
    if row.workspace:
        del shape["project"]
        return shape
    return shape | {"project_ids": [row.project], "workspace": state.projects[row.project].workspace}


def work_item_property(state: PlaneState, row: models.WorkItemProperty) -> Json:
    shape = asdict(row) | {"deleted_at": None, "logo_props": {}} | _place(state, row)
    shape["issue_type"] = row.issue_type or None
    shape["options"] = [property_option(state, row, option) for option in row.options]
    return shape


def property_option(state: PlaneState, row: models.WorkItemProperty, option: models.PropertyOption) -> Json:
    return asdict(option) | {"deleted_at": None, "property": row.id} | _place(state, row)


def _place(state: PlaneState, row: models.WorkItemProperty) -> Json:
    """The project and workspace of a property; no project if it is the workspace's own."""
    workspace = row.workspace or state.projects[row.project].workspace
    return {"project": row.project or None, "workspace": workspace}


def property_value(row: models.WorkItemProperty, value: models.PropertyValue) -> Json:
    """A value as in the API reference, which does not say what `value_type` contains."""
    return {
        "id": value.id,
        "property_id": row.id,
        "issue_id": value.work_item,
        "value": value.value,
        "value_type": row.property_type,
        "external_id": value.external_id,
        "external_source": value.external_source,
        "created_at": value.created_at,
        "updated_at": value.updated_at,
    }
