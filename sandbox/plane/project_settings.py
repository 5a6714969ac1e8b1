"""The settings of a project that a caller may set, checked like the two APIs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from . import models
from .fields import Check, anything, checked, flag, id_in, one_of, text, whole
from .http import ApiError, invalid_detail
from .state import PlaneState

LONGEST_IDENTIFIER = 12
MOST_MONTHS = 12
FLAGS = (
    "module_view",
    "cycle_view",
    "issue_views_view",
    "page_view",
    "intake_view",
    "guest_view_all_features",
    "is_issue_type_enabled",
    "is_time_tracking_enabled",
)
NEEDED = ("name", "identifier")
PEOPLE = {"project_lead": "Project lead", "default_assignee": "Default assignee"}


def v1_new_project(state: PlaneState, workspace: models.Workspace, body: Mapping[str, Any]) -> dict[str, Any]:
    """v1 ignores `network`, `logo_props` and the settings below (seen on every tried release)."""
    fields = _with_identifier(checked(body, _checks(state), NEEDED))
    _refuse_non_members(state, workspace, fields)
    return fields


def v1_changed_project(state: PlaneState, project: models.Project, body: Mapping[str, Any]) -> dict[str, Any]:
    """Also accepts `estimate`, and `default_state`, which v1 can only clear (seen on every tried release)."""
    fields = _with_identifier(checked(body, _checks(state) | _parts(state)))
    _refuse_non_members(state, state.workspaces[project.workspace], fields)
    if fields.get("default_state"):
        raise invalid_detail()
    if fields.get("estimate") and state.estimates[fields["estimate"]].project != project.id:
        # The words are Plane's own.
        raise ApiError(409, {"identifier": "The project identifier is already taken"})
    return fields


def app_new_project(state: PlaneState, body: Mapping[str, Any]) -> dict[str, Any]:
    return _with_identifier(checked(body, _app_checks(state), NEEDED))


def app_changed_project(state: PlaneState, body: Mapping[str, Any]) -> dict[str, Any]:
    """The app names `intake_view` `inbox_view`, and accepts people and estimates of others (like v1)."""
    fields = _with_identifier(checked(body, _app_checks(state)))
    fields.pop("intake_view", None)
    return fields | checked({"intake_view": body["inbox_view"]} if "inbox_view" in body else {}, {"intake_view": flag})


def _app_checks(state: PlaneState) -> dict[str, Check]:
    return _checks(state) | _parts(state) | {"network": one_of((models.SECRET, models.PUBLIC)), "logo_props": anything}


def _checks(state: PlaneState) -> dict[str, Check]:
    return {
        "name": text(),
        "description": text(None, blank=True),
        "project_lead": id_in(state.users),
        "default_assignee": id_in(state.users),
        "identifier": text(LONGEST_IDENTIFIER),
        **dict.fromkeys(("icon_prop", "emoji", "cover_image"), anything),
        **dict.fromkeys(FLAGS, flag),
        **dict.fromkeys(("archive_in", "close_in"), whole(0, MOST_MONTHS)),
        "timezone": one_of(_timezones()),
        **dict.fromkeys(("external_source", "external_id"), anything),
    }


def _parts(state: PlaneState) -> dict[str, Check]:
    return {"default_state": id_in(state.states), "estimate": id_in(state.estimates)}


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _with_identifier(fields: dict[str, Any]) -> dict[str, Any]:
    if "identifier" in fields:
        fields["identifier"] = fields["identifier"].upper()
        if re.search(r"[^\w ]|_", fields["identifier"]):
            raise ApiError(400, {"non_field_errors": ["Project identifier cannot contain special characters."]})
    return fields


def _refuse_non_members(state: PlaneState, workspace: models.Workspace, fields: Mapping[str, Any]) -> None:
    """Refuse people who were never in the workspace.

    Guests and removed members are accepted (seen on every tried release).
    """
    for name, title in PEOPLE.items():
        if fields.get(name) and state.workspace_member(workspace.id, fields[name]) is None:
            raise ApiError(400, {"non_field_errors": [f"{title} should be a user in the workspace"]})
