"""The answers of Plane that the deploy reads: one dataclass for each kind."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from pyinfra_plane.api import paths
from pyinfra_plane.api.errors import PlaneBadAnswer
from pyinfra_plane.api.rows import Row, answered, arrow, as_dict, as_text, either, maybe, only, switched, text
from pyinfra_plane.api.versions import Number, is_since, is_untried
from pyinfra_plane.dataclass import dataclass

COMMUNITY = "PLANE_COMMUNITY"

PUBLIC_CONFIG: Mapping[str, str] = {
    "ENABLE_SIGNUP": "enable_signup",
    "DISABLE_WORKSPACE_CREATION": "is_workspace_creation_disabled",
    "ENABLE_MAGIC_LINK_LOGIN": "is_magic_login_enabled",
    "ENABLE_EMAIL_PASSWORD": "is_email_password_enabled",
    "IS_GITEA_ENABLED": "is_gitea_enabled",
}
"""The instance settings whose state ``GET /api/instances/`` shows without a sign-in (every tried release)."""

NETWORK_NUMBERS: Mapping[str, int] = {"secret": 0, "public": 2}
"""Plane's numbers for the visibility of a project (every tried release)."""


@dataclass(frozen=True)
class Instance:
    """``GET /api/instances/``. Before the instance is registered, the answer has only `is_setup_done`."""

    registered: bool
    is_setup_done: bool
    edition: str
    version: str
    workspaces_exist: bool
    config: Mapping[str, bool] = field(default_factory=dict)
    """The settings of :data:`PUBLIC_CONFIG` that are on."""

    @classmethod
    def of(cls, answer: Any) -> Instance:
        """Parse the answer's JSON."""
        answer = as_dict(answer, "the instance")
        instance = answer.get("instance")
        if not isinstance(instance, dict):
            if "is_setup_done" not in answer:
                raise PlaneBadAnswer("the instance: neither instance nor is_setup_done in Plane's answer")
            return cls(False, False, "", "", False)
        return cls(
            True,
            bool(instance.get("is_setup_done")),
            text(instance, "edition", "the instance"),
            text(instance, "current_version", "the instance"),
            # A missing value means "not known", and then a workspace may exist.
            bool(instance.get("workspaces_exist", True)),
            _public_config(answer.get("config")),
        )

    @property
    def is_community(self) -> bool:
        """Whether this is the Community Edition, which has no custom fields."""
        return self.edition == COMMUNITY

    @property
    def is_untried(self) -> bool:
        """Whether this is the Community Edition in a release that this code was never tested with."""
        return self.is_community and is_untried(self.version)

    def has(self, since: Number) -> bool:
        """Whether the Community Edition has a feature, by its release in :mod:`pyinfra_plane.api.versions`.

        The other editions number their releases differently.
        """
        return self.is_community and is_since(self.version, since)


def _public_config(config: Any) -> dict[str, bool]:
    found = {key: config.get(name) for key, name in PUBLIC_CONFIG.items()} if isinstance(config, dict) else {}
    return {key: value for key, value in found.items() if isinstance(value, bool)}


@dataclass(frozen=True)
class Configuration(Row):
    """An instance setting, as an instance admin sees it. `value` is plain text even if Plane stores it encrypted."""

    WHAT = "instance settings"

    key: str
    value: str = field(
        repr=False,
        metadata={"read": lambda row, key, what: "" if row.get(key) is None else as_text(row[key], what)},
    )


@dataclass(frozen=True)
class Workspace(Row):
    """A workspace, as its members see it; `role` is the caller's."""

    WHAT = "workspace"

    id: str
    slug: str
    name: str
    role: int | None = None


BOT = "bot_user_"
"""The start of the address of the account that Plane gives each workspace (every tried release)."""


def _lower(row: Mapping[str, Any], key: str, what: str) -> str:
    return text(row, key, what).lower()


@dataclass(frozen=True)
class WorkspaceMember(Row):
    """A member of a workspace.

    Only a session knows `membership_id`. An API key knows `is_active` only if Plane has the short list of members.
    """

    WHAT = "workspace members"

    user_id: str = answered("id")
    email: str = answered(read=_lower)
    display_name: str = answered(says=lambda has, wants: f"display name: {has} → {wants}")
    role: int = answered()
    membership_id: str | None = None
    is_active: bool | None = answered(default=None, read=lambda row, key, what: _switch_or_none(row, key))
    avatar: str | None = answered(default=None, says=only("avatar"))
    """``None`` if the list does not say."""

    @classmethod
    def of_v1(cls, item: dict[str, Any]) -> WorkspaceMember:
        """Parse ``GET /api/v1/workspaces/{slug}/members/``, which lists removed members without a mark."""
        return replace(cls.of(item), is_active=None)

    @classmethod
    def of_lite(cls, item: dict[str, Any]) -> WorkspaceMember:
        """Parse ``GET /api/v1/workspaces/{slug}/members-lite/``, which marks removed members."""
        return cls.of(item)

    @classmethod
    def of_session(cls, item: dict[str, Any]) -> WorkspaceMember:
        """Parse ``GET /api/workspaces/{slug}/members/``."""
        member = as_dict(item.get("member"), cls.WHAT)
        return replace(
            cls.of({**member, "role": item.get("role")}),
            membership_id=text(item, "id", cls.WHAT),
            is_active=bool(item.get("is_active", True)),
        )


def _switch_or_none(row: Mapping[str, Any], key: str) -> bool | None:
    value = row.get(key)
    return value if isinstance(value, bool) else None


@dataclass(frozen=True)
class Invitation(Row):
    """An open invitation to a workspace, for the address as it was typed."""

    WHAT = "invitations"

    id: str
    email: str
    role: int = answered()


@dataclass(frozen=True)
class Token(Row):
    """An API token without its value; `is_active` is false once it has expired."""

    WHAT = "API tokens"

    id: str
    label: str
    description: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class Project(Row):
    """A project, as the caller sees it: `is_member` and `member_role` are the caller's own.

    `lead` and `default_assignee` are user ids; `estimate` is the id of the estimates in use. A field that the deploy
    manages is declared here once: its name here and Plane's key, which is the same in a request.
    """

    WHAT = "projects"
    PATH = paths.V1_PROJECTS
    SESSION_PATH = paths.PROJECTS

    id: str
    name: str
    identifier: str
    description: str = answered(default="", says=only("description"))
    is_archived: bool = answered("archived_at", False, lambda row, key, what: row.get(key) is not None)
    is_member: bool = False
    member_role: int | None = None
    is_issue_type_enabled: bool = False
    workspace_name: str | None = answered(
        "workspace",
        None,
        lambda row, key, what: maybe(str)(row[key], "name", what) if isinstance(row.get(key), dict) else None,
    )
    # v1 ignores both (every tried release).
    network: int | None = answered(
        default=None, says=lambda has, wants: str(wants), sent=NETWORK_NUMBERS.__getitem__, by_session=True
    )
    emoji: str | None = answered(
        "logo_props",
        None,
        lambda row, key, what: _emoji(row.get(key)),
        sent=lambda wants: _logo(wants),
        by_session=True,
    )
    timezone: str | None = answered(default=None, says=lambda has, wants: _time_zone(has, wants))
    lead: str | None = answered("project_lead", None, says=lambda has, wants: f"lead {wants}")
    default_assignee: str | None = answered(default=None, says=lambda has, wants: f"default assignee {wants}")
    estimate: str | None = None
    cycles: bool | None = answered("cycle_view", None, says=switched("cycles"))
    modules: bool | None = answered("module_view", None, says=switched("modules"))
    views: bool | None = answered("issue_views_view", None, says=switched("views"))
    pages: bool | None = answered("page_view", None, says=switched("pages"))
    intake: bool | None = answered("intake_view", None, says=switched("intake"))
    guest_view_all_features: bool | None = answered(default=None, says=switched("guests see everything"))
    archive_in: int | None = answered(default=None, says=lambda has, wants: _months("archived", wants))
    close_in: int | None = answered(default=None, says=lambda has, wants: _months("closed", wants))
    cover: str | None = answered("cover_image", None, says=only("cover"))


def _months(what: str, months: int) -> str:
    return f"work items are {what} after {months} months" if months else f"work items are not {what} by themselves"


def _emoji(logo: Any) -> str | None:
    """The emoji in a project's logo, which Plane stores as decimal code points."""
    emoji = logo.get("emoji") if isinstance(logo, dict) and logo.get("in_use") == "emoji" else None
    value = emoji.get("value") if isinstance(emoji, dict) else None
    numbers = re.fullmatch(r"\d{1,7}(-\d{1,7})*", value, re.ASCII) if isinstance(value, str) else None
    codes = [int(one) for one in numbers[0].split("-")] if numbers else []
    return "".join(map(chr, codes)) if codes and max(codes) < sys.maxunicode else None


def _logo(emoji: str) -> dict[str, Any]:
    return {"in_use": "emoji", "emoji": {"value": "-".join(str(ord(char)) for char in emoji)}}


def _time_zone(has: str | None, wants: str) -> str:
    return wants if has is None else f"time zone {has} → {wants}"


@dataclass(frozen=True)
class State(Row):
    """A state of a project."""

    WHAT = "states"
    PATH = paths.V1_STATES
    IS_INDEPENDENT = False  # a new default state takes the mark from the other

    id: str
    name: str
    group: str = answered(says=arrow("group"))
    color: str = answered(default="", says=arrow("colour"))
    description: str = answered(default="", says=only("description"))
    default: bool = answered(default=False, says=either("the default", "no longer the default"))


def new_project(identifier: str) -> Project:
    """Return a placeholder for a project that a run will create, for a preview of the changes in it."""
    return Project("", "", identifier)


FIRST_STATES = {
    name: State("", name, group, color, "", name == "Backlog")
    for name, group, color in (
        ("Backlog", "backlog", "#60646C"),
        ("Todo", "unstarted", "#60646C"),
        ("In Progress", "started", "#F59E0B"),
        ("Done", "completed", "#46A758"),
        ("Cancelled", "cancelled", "#9AA4BC"),
    )
}
"""The states that Plane creates with a project (every tried release)."""


@dataclass(frozen=True)
class Label(Row):
    """A label of a project; `parent` is the id of the label that groups it."""

    WHAT = "labels"
    PATH = paths.V1_LABELS

    id: str
    name: str
    color: str = answered(default="", says=arrow("colour"))
    description: str = answered(default="", says=only("description"))
    parent: str | None = None


@dataclass(frozen=True)
class Module(Row):
    """A module of a project."""

    WHAT = "modules"
    PATH = paths.V1_MODULES

    id: str
    name: str


@dataclass(frozen=True)
class Cycle(Row):
    """A cycle of a project."""

    WHAT = "cycles"
    PATH = paths.V1_CYCLES

    id: str
    name: str


@dataclass(frozen=True)
class Estimate(Row):
    """Estimates of a project; `last_used` marks those that were used last."""

    WHAT = "estimates"
    PATH = paths.V1_ESTIMATES
    SESSION_PATH = paths.ESTIMATES

    id: str
    last_used: bool = False


@dataclass(frozen=True)
class WorkItemType(Row):
    """A work item type of a project, or of a workspace that owns them (commercial editions).

    `project_ids` are the projects that have it.
    """

    WHAT = "work item types"
    PATH = paths.V1_WORK_ITEM_TYPES

    id: str
    name: str
    is_default: bool = False
    project_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class PropertyOption(Row):
    """An option of a custom field (commercial editions)."""

    WHAT = "options"
    PATH = paths.V1_OPTIONS

    id: str
    name: str
    is_default: bool = answered(default=False, says=either("the default", "no longer the default"))


@dataclass(frozen=True)
class WorkItemProperty(Row):
    """A custom field of a work item type (commercial editions), identified by `display_name`."""

    WHAT = "work item properties"
    PATH = paths.V1_PROPERTIES
    IDENTITY = "display_name"

    id: str
    display_name: str = answered()
    property_type: str = answered(read=lambda row, key, what: str(maybe(str)(row, key, what)))
    relation_type: str | None = None
    description: str = answered(default="", says=only("description"))
    is_required: bool = answered(default=False, says=either("required", "not required"))
    is_multi: bool = False
    default_value: tuple[str, ...] = ()


@dataclass(frozen=True)
class Webhook(Row):
    """A webhook of a workspace; no two have the same address. Each event that it receives is on or off.

    Plane shows the signing secret when the webhook is created and when the secret is regenerated, never in a list
    (every tried release, from Plane's source).
    """

    WHAT = "webhooks"
    SESSION_PATH = paths.WEBHOOKS
    IDENTITY = "url"

    id: str
    url: str = answered(says=only("url"))
    is_active: bool = answered(default=True, says=either("active", "not active"))
    project: bool = answered(default=False, says=switched("projects"))
    issue: bool = answered(default=False, says=switched("work items"))
    issue_comment: bool = answered(default=False, says=switched("comments"))
    cycle: bool = answered(default=False, says=switched("cycles"))
    module: bool = answered(default=False, says=switched("modules"))
