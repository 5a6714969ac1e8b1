"""The rows that Plane stores, as plain dataclasses."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

ADMIN, MEMBER, GUEST = 20, 15, 5
ROLES = (ADMIN, MEMBER, GUEST)
SECRET, PUBLIC = 0, 2


def new_id() -> str:
    return str(uuid.uuid4())


def timestamp() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(kw_only=True)
class Row:
    """The columns of every table: an id, and the author and time of each write."""

    id: str = field(default_factory=new_id)
    created_at: str = field(default_factory=timestamp)
    updated_at: str = field(default_factory=timestamp)
    created_by: str | None = None
    updated_by: str | None = None

    def touch(self, by: str | None) -> None:
        self.updated_at = timestamp()
        self.updated_by = by


@dataclass(kw_only=True)
class User(Row):
    """An account; each workspace's bot is one too."""

    email: str
    password_hash: str
    username: str = field(default_factory=lambda: uuid.uuid4().hex)
    first_name: str = ""
    last_name: str = ""
    display_name: str = ""
    is_active: bool = True
    is_bot: bool = False
    is_onboarded: bool = False
    #: The id of the person's profile, a separate row in Plane, and a part of it.
    profile: str = field(default_factory=new_id)
    company_name: str = ""
    avatar: str = ""
    user_timezone: str = "UTC"
    #: The events that Plane mails to the account.
    notifications: dict[str, bool] = field(
        default_factory=lambda: dict.fromkeys(
            ("property_change", "state_change", "comment", "mention", "issue_completed"), True
        )
    )
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    last_login_time: str | None = None
    last_login_ip: str = ""
    last_login_uagent: str = ""


@dataclass(kw_only=True)
class Session:
    """One signed-in browser. Both cookies may hold its key, and each path reads one of them (every tried release)."""

    key: str
    user: str


@dataclass(kw_only=True)
class Instance(Row):
    """The only row about this installation."""

    instance_name: str
    instance_id: str = field(default_factory=lambda: secrets.token_hex(12))
    is_telemetry_enabled: bool = True
    is_setup_done: bool = False
    last_checked_at: str = field(default_factory=timestamp)


@dataclass(kw_only=True)
class Configuration(Row):
    """One instance setting, stored in the database at the instance's first start."""

    key: str
    value: str | None
    category: str
    is_encrypted: bool


@dataclass(kw_only=True)
class Workspace(Row):
    name: str
    slug: str
    owner: str
    organization_size: str | None = None
    background_color: str = "#b5651d"
    next_sort_order: float = 65535.0


@dataclass(kw_only=True)
class WorkspaceMember(Row):
    """A membership; removal only clears `is_active`."""

    workspace: str
    member: str
    role: int
    is_active: bool = True
    company_role: str | None = None


@dataclass(kw_only=True)
class Invitation(Row):
    """An open invitation; it is deleted after it is accepted."""

    workspace: str
    email: str
    role: int
    token: str
    message: str | None = None


@dataclass(kw_only=True)
class Webhook(Row):
    workspace: str
    url: str
    is_active: bool = True
    project: bool = False
    issue: bool = False
    module: bool = False
    cycle: bool = False
    issue_comment: bool = False
    secret_key: str = field(default_factory=lambda: f"plane_wh_{uuid.uuid4().hex}")


@dataclass(kw_only=True)
class Grouping(Row):
    """A module or a cycle."""

    kind: str
    project: str
    name: str
    description: str = ""


@dataclass(kw_only=True)
class ApiToken(Row):
    user: str
    label: str
    description: str
    expired_at: str | None = None
    token: str = field(default_factory=lambda: f"plane_api_{uuid.uuid4().hex}")
    is_active: bool = True
    last_used: str | None = None


@dataclass(kw_only=True)
class Project(Row):
    workspace: str
    name: str
    identifier: str
    description: str = ""
    network: int = PUBLIC
    archived_at: str | None = None
    sort_order: float = 65535.0
    is_issue_type_enabled: bool = False
    project_lead: str | None = None
    default_assignee: str | None = None
    #: The highest number that a work item ever had; Plane uses no number twice.
    last_number: int = 0
    #: Settings without an effect here, by their name in the API.
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class ProjectMember(Row):
    project: str
    member: str
    role: int
    is_active: bool = True


@dataclass(kw_only=True)
class State(Row):
    project: str
    name: str
    color: str
    group: str
    sequence: float
    #: Plane's own first states have none.
    slug: str = ""
    description: str = ""
    default: bool = False
    external_source: str | None = None
    external_id: str | None = None


@dataclass(kw_only=True)
class Label(Row):
    project: str
    name: str
    color: str = ""
    description: str = ""
    sort_order: float = 65535.0
    parent: str | None = None
    external_source: str | None = None
    external_id: str | None = None


@dataclass(kw_only=True)
class Intake(Row):
    """A project's intake of requests; it stays if the setting is turned off again."""

    project: str
    name: str
    #: The id of the state of its work items.
    triage: str = field(default_factory=new_id)


@dataclass(kw_only=True)
class Estimate(Row):
    """A scale; the project's `estimate` names the active one."""

    project: str
    name: str
    type: str = "categories"
    last_used: bool = False


@dataclass(kw_only=True)
class EstimatePoint(Row):
    project: str
    estimate: str
    key: int
    value: str
    description: str = ""


@dataclass(kw_only=True)
class WorkItem(Row):
    project: str
    name: str
    state: str
    sequence_id: int
    description_html: str = "<p></p>"
    priority: str = "none"
    type: str | None = None
    parent: str | None = None
    start_date: str | None = None
    target_date: str | None = None
    completed_at: str | None = None
    sort_order: float = 65535.0
    assignees: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    external_source: str | None = None
    external_id: str | None = None
    #: Waits in the project's intake: its state is in no list, and no list has the work item.
    in_triage: bool = False


@dataclass(kw_only=True)
class Comment(Row):
    project: str
    work_item: str
    actor: str
    comment_html: str = "<p></p>"
    access: str = "INTERNAL"
    #: The id of the text, a separate row in Plane.
    description: str = field(default_factory=new_id)
    external_source: str | None = None
    external_id: str | None = None


@dataclass(kw_only=True)
class Link(Row):
    project: str
    work_item: str
    url: str
    title: str | None = None


@dataclass(kw_only=True)
class Activity(Row):
    """A line of a work item's history."""

    project: str
    work_item: str
    actor: str
    verb: str
    comment: str
    field: str | None = None
    old_value: str | None = None
    new_value: str | None = None
    old_identifier: str | None = None
    new_identifier: str | None = None
    epoch: float = 0.0


@dataclass(kw_only=True)
class Attachment(Row):
    """The metadata of a file; the file itself goes to a storage that does not exist here."""

    workspace: str
    project: str
    work_item: str
    name: str
    type: str
    size: int
    #: The file's key in the storage.
    asset: str
    is_uploaded: bool = False
    external_source: str | None = None
    external_id: str | None = None


@dataclass(kw_only=True)
class IntakeItem(Row):
    """A requested work item, and the decision about it."""

    project: str
    intake: str
    work_item: str
    status: int
    snoozed_till: str | None = None
    duplicate_to: str | None = None
    source: str | None = "IN_APP"
    source_email: str | None = None


@dataclass(kw_only=True)
class Sticky(Row):
    """A note of one person's in a workspace."""

    workspace: str
    owner: str
    name: str | None = None
    description: Any = field(default_factory=dict)
    description_html: str = "<p></p>"
    color: str | None = None
    background_color: str | None = None
    logo_props: Any = field(default_factory=dict)
    sort_order: float = 65535.0


@dataclass(kw_only=True)
class WorkItemType(Row):
    """A commercial edition's work item type; with `workspace`, a type of a whole workspace, without `project`."""

    project: str = ""
    name: str
    description: str = ""
    is_default: bool = False
    is_active: bool = True
    is_epic: bool = False
    level: int = 0
    logo_props: dict[str, Any] = field(default_factory=dict)
    external_source: str | None = None
    external_id: str | None = None
    workspace: str | None = None
    #: Of a workspace's type: the projects that imported it, and the workspace's properties in it.
    project_ids: list[str] = field(default_factory=list)
    properties: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class PropertyOption(Row):
    name: str
    description: str = ""
    is_default: bool = False
    is_active: bool = True
    sort_order: float = 10000.0
    logo_props: dict[str, Any] = field(default_factory=dict)
    parent: str | None = None
    external_source: str | None = None
    external_id: str | None = None


@dataclass(kw_only=True)
class WorkItemProperty(Row):
    """A commercial edition's custom field; `name` is derived from `display_name`.

    With `workspace`, it belongs to a whole workspace, and has no `project` and `issue_type`.
    """

    project: str = ""
    issue_type: str = ""
    workspace: str | None = None
    name: str
    display_name: str
    property_type: str
    description: str = ""
    is_required: bool = False
    is_active: bool = True
    is_multi: bool = False
    relation_type: str | None = None
    default_value: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    validation_rules: dict[str, Any] = field(default_factory=dict)
    sort_order: float = 65535.0
    external_source: str | None = None
    external_id: str | None = None
    options: list[PropertyOption] = field(default_factory=list)


@dataclass(kw_only=True)
class PropertyValue(Row):
    """A work item's value of a custom field; one of several if the field is multiple."""

    work_item: str
    property: str
    project: str
    value: str | float | bool | None = None
    external_source: str | None = None
    external_id: str | None = None
