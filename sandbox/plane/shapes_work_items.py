"""The JSON of work items and their parts."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

from . import models
from .shapes_accounts import stamps, v1_user
from .shapes_projects import label, short_workspace
from .state import PlaneState

Json = dict[str, Any]


def work_item(state: PlaneState, row: models.WorkItem, expand: str = "") -> Json:
    shape = _fields(row) | {
        "type_id": row.type,
        "workspace": state.projects[row.project].workspace,
        "state": row.state,
        "assignees": row.assignees,
        "labels": row.labels,
    }
    return expanded(state, shape, expand)


def _fields(row: models.WorkItem) -> Json:
    """The fields of every shape of a work item."""
    return stamps(row) | {
        "point": None,
        "name": row.name,
        "description_html": row.description_html,
        "description_binary": None,
        "priority": row.priority,
        "start_date": row.start_date,
        "target_date": row.target_date,
        "sequence_id": row.sequence_id,
        "sort_order": row.sort_order,
        "completed_at": row.completed_at,
        "archived_at": None,
        "is_draft": False,
        "external_source": row.external_source,
        "external_id": row.external_id,
        "project": row.project,
        "parent": row.parent,
        "estimate_point": None,
        "type": row.type,
    }


def found(state: PlaneState, row: models.WorkItem) -> Json:
    """A work item in a search result."""
    project = state.projects[row.project]
    return {
        "name": row.name,
        "id": row.id,
        "sequence_id": row.sequence_id,
        "project__identifier": project.identifier,
        "project_id": project.id,
        "workspace__slug": state.workspaces[project.workspace].slug,
    }


def comment(state: PlaneState, row: models.Comment, expand: str = "") -> Json:
    """A comment in the answer to its author; other readers see `is_member` too."""
    shape = (
        stamps(row)
        | _place(state, row)
        | {
            "comment_html": row.comment_html,
            "attachments": [],
            "access": row.access,
            "external_source": row.external_source,
            "external_id": row.external_id,
            "edited_at": None,
            "description": row.description,
            "actor": row.actor,
            "parent": None,
        }
    )
    return expanded(state, shape, expand)


def read_comment(state: PlaneState, row: models.Comment, expand: str = "") -> Json:
    return comment(state, row, expand) | {"is_member": True}


def link(state: PlaneState, row: models.Link, expand: str = "") -> Json:
    shape = stamps(row) | _place(state, row) | {"title": row.title, "url": row.url, "metadata": {}}
    return expanded(state, shape, expand)


def activity(state: PlaneState, row: models.Activity, expand: str = "") -> Json:
    shape = _place(state, row) | {
        "id": row.id,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "deleted_at": None,
        "verb": row.verb,
        "field": row.field,
        "old_value": row.old_value,
        "new_value": row.new_value,
        "comment": row.comment,
        "attachments": [],
        "old_identifier": row.old_identifier,
        "new_identifier": row.new_identifier,
        "epoch": row.epoch,
        "issue_comment": None,
        "actor": row.actor,
    }
    return expanded(state, shape, expand)


def attachment(state: PlaneState, row: models.Attachment) -> Json:
    return (
        stamps(row)
        | _place(state, row)
        | {
            "attributes": {"name": row.name, "type": row.type, "size": row.size},
            "asset": row.asset,
            "entity_type": "ISSUE_ATTACHMENT",
            "entity_identifier": None,
            "is_deleted": False,
            "is_archived": False,
            "external_id": row.external_id,
            "external_source": row.external_source,
            "size": float(row.size),
            "is_uploaded": row.is_uploaded,
            "storage_metadata": None,
            "user": None,
            "draft_issue": None,
            "comment": None,
            "page": None,
        }
    )


def intake_item(state: PlaneState, row: models.IntakeItem) -> Json:
    """A request with its work item, whose state is included in full."""
    asked = state.work_items[row.work_item]
    detail = _fields(asked) | {
        "workspace": state.projects[row.project].workspace,
        "labels": asked.labels,
        "assignees": asked.assignees,
        "state": _short_state(state, asked.state),
        "description": {},
        "description_json": {},
        "description_stripped": stripped(asked.description_html),
    }
    return (
        stamps(row)
        | _place(state, row)
        | {
            "issue_detail": detail,
            "inbox": row.intake,
            "intake": row.intake,
            "status": row.status,
            "snoozed_till": row.snoozed_till,
            "source": row.source,
            "source_email": row.source_email,
            "external_source": None,
            "external_id": None,
            "extra": {},
            "duplicate_to": row.duplicate_to,
        }
    )


def sticky(row: models.Sticky) -> Json:
    return stamps(row) | {
        "name": row.name,
        "description": row.description,
        "description_html": row.description_html,
        "description_stripped": stripped(row.description_html),
        "description_binary": None,
        "logo_props": row.logo_props,
        "color": row.color,
        "background_color": row.background_color,
        "sort_order": row.sort_order,
        "workspace": row.workspace,
        "owner": row.owner,
    }


def stripped(text: str) -> str | None:
    """The words of a text without its tags."""
    return html.unescape(re.sub(r"<[^>]*>", "", text)) if text else None


def expanded(state: PlaneState, shape: Json, expand: str) -> Json:
    """A v1 answer with whole rows in place of the ids that `?expand=` names."""
    shapes: dict[str, Callable[[str], Json]] = {
        "workspace": lambda key: short_workspace(state, key),
        "project": lambda key: _expanded_project(state.projects[key]),
        "state": lambda key: _short_state(state, key),
        "created_by": lambda key: v1_user(state.users[key]),
        "updated_by": lambda key: v1_user(state.users[key]),
        "actor": lambda key: v1_user(state.users[key]),
        "assignees": lambda key: v1_user(state.users[key]),
        "labels": lambda key: label(state, state.labels[key]),
    }
    for name in shapes.keys() & expand.split(",") & shape.keys():
        value = shape[name]
        if value is not None:
            shape[name] = [shapes[name](one) for one in value] if isinstance(value, list) else shapes[name](value)
    return shape


def _place(state: PlaneState, row: Any) -> Json:
    """The workspace and project of a row."""
    return {"project": row.project, "workspace": state.projects[row.project].workspace, "issue": row.work_item}


def _expanded_project(row: models.Project) -> Json:
    return {
        "id": row.id,
        "identifier": row.identifier,
        "name": row.name,
        "cover_image": None,
        "icon_prop": None,
        "emoji": None,
        "description": row.description,
        "cover_image_url": None,
    }


def _short_state(state: PlaneState, key: str) -> Json:
    """A state in short form, including intake's, which no list has."""
    row = state.states.get(key)
    if row is None:
        return {"id": key, "name": "Triage", "color": "#4E5355", "group": "triage"}
    return {"id": row.id, "name": row.name, "color": row.color, "group": row.group}
