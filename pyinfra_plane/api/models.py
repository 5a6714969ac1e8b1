"""What Plane answers, as far as the deploy reads it: one dataclass for each kind of answer.

Each is made from JSON by ``of``, which refuses an answer of another shape as :class:`PlaneBadAnswer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pyinfra_plane.api.errors import PlaneBadAnswer
from pyinfra_plane.api.versions import Number, is_since, is_untried

T = TypeVar("T")

COMMUNITY = "PLANE_COMMUNITY"

PUBLIC_CONFIG: Mapping[str, str] = {
    "ENABLE_SIGNUP": "enable_signup",
    "DISABLE_WORKSPACE_CREATION": "is_workspace_creation_disabled",
    "ENABLE_MAGIC_LINK_LOGIN": "is_magic_login_enabled",
    "ENABLE_EMAIL_PASSWORD": "is_email_password_enabled",
    "IS_GITEA_ENABLED": "is_gitea_enabled",
}
"""The instance settings that ``GET /api/instances/`` shows to everybody as on or off (every tried release)."""

PROJECT_SWITCHES: Mapping[str, str] = {
    "cycles": "cycle_view",
    "modules": "module_view",
    "views": "issue_views_view",
    "pages": "page_view",
    "intake": "intake_view",
}
"""What v1 calls the parts of a project that can be on or off (every tried release)."""

NETWORK_NUMBERS: Mapping[str, int] = {"secret": 0, "public": 2}
"""Plane's numbers for who sees a project (every tried release)."""


def listed(answer: Any, of: Callable[[dict[str, Any]], T], what: str) -> list[T]:
    """Each item of a JSON list, made by `of`."""
    if not isinstance(answer, list):
        raise PlaneBadAnswer(f"{what}: wanted a list, Plane answered {type(answer).__name__}")
    return [of(_dict(item, what)) for item in answer]


def listed_ids(answer: Any, what: str) -> frozenset[str]:
    """The ids of a JSON list."""
    if not isinstance(answer, list):
        raise PlaneBadAnswer(f"{what}: wanted a list, Plane answered {type(answer).__name__}")
    return frozenset(_plain(one, what) for one in answer)


def _dict(answer: Any, what: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise PlaneBadAnswer(f"{what}: wanted an object, Plane answered {type(answer).__name__}")
    return answer


def _text(item: dict[str, Any], key: str, what: str) -> str:
    value = item.get(key)
    if not isinstance(value, str):
        raise PlaneBadAnswer(f"{what}: no {key} in Plane's answer")
    return value


def _role(item: dict[str, Any], key: str, what: str) -> int:
    value = item.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise PlaneBadAnswer(f"{what}: no {key} in Plane's answer")
    return value


def _maybe(item: dict[str, Any], key: str, what: str, kind: type[T]) -> T | None:
    """What may be missing or null, and is of one kind where it is there."""
    value = item.get(key)
    if value is None or (isinstance(value, kind) and not isinstance(value, bool)):
        return value
    raise PlaneBadAnswer(f"{what}: {key} is no {kind.__name__} in Plane's answer")


def _maybe_switch(item: dict[str, Any], key: str) -> bool | None:
    value = item.get(key)
    return value if isinstance(value, bool) else None


def _plain(value: Any, what: str) -> str:
    """A text, a number or a switch, as text."""
    if isinstance(value, (str, int, float)):
        return str(value)
    raise PlaneBadAnswer(f"{what}: a value in Plane's answer is {type(value).__name__}")


@dataclass(frozen=True)
class Instance:
    """``GET /api/instances/``. Before the instance is registered, only `is_setup_done` is there."""

    registered: bool
    is_setup_done: bool
    edition: str
    version: str
    workspaces_exist: bool
    config: Mapping[str, bool] = field(default_factory=dict)
    """Which of :data:`PUBLIC_CONFIG` are on."""

    @classmethod
    def of(cls, answer: Any) -> Instance:
        """From the answer's JSON."""
        answer = _dict(answer, "the instance")
        instance = answer.get("instance")
        if not isinstance(instance, dict):
            if "is_setup_done" not in answer:
                raise PlaneBadAnswer("the instance: neither instance nor is_setup_done in Plane's answer")
            return cls(False, False, "", "", False)
        return cls(
            True,
            bool(instance.get("is_setup_done")),
            _text(instance, "edition", "the instance"),
            _text(instance, "current_version", "the instance"),
            # Missing means "cannot tell", and then a workspace may be there.
            bool(instance.get("workspaces_exist", True)),
            _public_config(answer.get("config")),
        )

    @property
    def is_community(self) -> bool:
        """Whether this is the edition without custom fields."""
        return self.edition == COMMUNITY

    @property
    def is_untried(self) -> bool:
        """Whether this is the Community Edition in a release that this code was never run against."""
        return self.is_community and is_untried(self.version)

    def has(self, since: Number) -> bool:
        """Whether the Community Edition has what came with a release of :mod:`pyinfra_plane.api.versions`.

        The other editions number their releases otherwise.
        """
        return self.is_community and is_since(self.version, since)


def _public_config(config: Any) -> dict[str, bool]:
    found = {key: config.get(name) for key, name in PUBLIC_CONFIG.items()} if isinstance(config, dict) else {}
    return {key: value for key, value in found.items() if isinstance(value, bool)}


@dataclass(frozen=True)
class Configuration:
    """An instance setting, as an instance admin sees it; `value` is in clear even when it is kept encrypted."""

    key: str
    value: str = field(repr=False)

    @classmethod
    def of(cls, item: dict[str, Any]) -> Configuration:
        """From an item of ``GET /api/instances/configurations/``."""
        value = item.get("value")
        plain_value = "" if value is None else _plain(value, "instance settings")
        return cls(_text(item, "key", "instance settings"), plain_value)


@dataclass(frozen=True)
class Workspace:
    """A workspace, as its members see it; `role` is that of whoever asked."""

    id: str
    slug: str
    name: str
    role: int | None = None

    @classmethod
    def of(cls, item: dict[str, Any]) -> Workspace:
        """From JSON."""
        what = "workspace"
        return cls(
            _text(item, "id", what),
            _text(item, "slug", what),
            _text(item, "name", what),
            _maybe(item, "role", what, int),
        )


@dataclass(frozen=True)
class WorkspaceMember:
    """A member of a workspace.

    `membership_id` is known to a session alone, `is_active` to an API key only if there is a short list of members.
    """

    user_id: str
    email: str
    display_name: str
    role: int
    membership_id: str | None = None
    is_active: bool | None = None

    @classmethod
    def of_v1(cls, item: dict[str, Any]) -> WorkspaceMember:
        """From ``GET /api/v1/workspaces/{slug}/members/``, which lists removed members without saying so."""
        what = "workspace members"
        return cls(
            _text(item, "id", what),
            _text(item, "email", what).lower(),
            _text(item, "display_name", what),
            _role(item, "role", what),
        )

    @classmethod
    def of_lite(cls, item: dict[str, Any]) -> WorkspaceMember:
        """From ``GET /api/v1/workspaces/{slug}/members-lite/``, which says who was removed."""
        return replace(cls.of_v1(item), is_active=_maybe_switch(item, "is_active"))

    @classmethod
    def of_session(cls, item: dict[str, Any]) -> WorkspaceMember:
        """From ``GET /api/workspaces/{slug}/members/``."""
        what = "workspace members"
        member = _dict(item.get("member"), what)
        return cls(
            _text(member, "id", what),
            _text(member, "email", what).lower(),
            _text(member, "display_name", what),
            _role(item, "role", what),
            _text(item, "id", what),
            bool(item.get("is_active", True)),
        )


@dataclass(frozen=True)
class Invitation:
    """An open invitation into a workspace, for the address as it was written."""

    id: str
    email: str
    role: int

    @classmethod
    def of(cls, item: dict[str, Any]) -> Invitation:
        """From JSON, of a session or of v1."""
        what = "invitations"
        return cls(_text(item, "id", what), _text(item, "email", what), _role(item, "role", what))


@dataclass(frozen=True)
class Token:
    """An API token without its value; `is_active` is false once it has expired."""

    id: str
    label: str
    description: str = ""
    is_active: bool = True

    @classmethod
    def of(cls, item: dict[str, Any]) -> Token:
        """From JSON."""
        what = "API tokens"
        return cls(
            _text(item, "id", what),
            _text(item, "label", what),
            _maybe(item, "description", what, str) or "",
            bool(item.get("is_active", True)),
        )


@dataclass(frozen=True)
class Project:
    """A project, as the caller sees it: `is_member` and `member_role` are the caller's own.

    `lead` and `default_assignee` are user ids, `estimate` is the id of the estimates in use.
    """

    id: str
    name: str
    identifier: str
    description: str
    is_archived: bool
    is_member: bool
    member_role: int | None
    is_issue_type_enabled: bool
    workspace_name: str | None
    network: int | None = None
    timezone: str | None = None
    lead: str | None = None
    default_assignee: str | None = None
    estimate: str | None = None
    switches: Mapping[str, bool] = field(default_factory=dict)
    """Which of :data:`PROJECT_SWITCHES` are on."""

    @classmethod
    def of(cls, item: dict[str, Any]) -> Project:
        """From an item of ``GET /api/v1/workspaces/{slug}/projects/?expand=workspace``."""
        what = "projects"
        workspace = item.get("workspace")
        return cls(
            _text(item, "id", what),
            _text(item, "name", what),
            _text(item, "identifier", what),
            _maybe(item, "description", what, str) or "",
            item.get("archived_at") is not None,
            bool(item.get("is_member")),
            _maybe(item, "member_role", what, int),
            bool(item.get("is_issue_type_enabled")),
            _maybe(workspace, "name", what, str) if isinstance(workspace, dict) else None,
            _maybe(item, "network", what, int),
            _maybe(item, "timezone", what, str),
            _maybe(item, "project_lead", what, str),
            _maybe(item, "default_assignee", what, str),
            _maybe(item, "estimate", what, str),
            {name: bool(item.get(theirs)) for name, theirs in PROJECT_SWITCHES.items() if theirs in item},
        )


@dataclass(frozen=True)
class State:
    """A state of a project."""

    id: str
    name: str
    group: str
    color: str
    description: str
    is_default: bool

    @classmethod
    def of(cls, item: dict[str, Any]) -> State:
        """From JSON of v1."""
        what = "states"
        return cls(
            _text(item, "id", what),
            _text(item, "name", what),
            _text(item, "group", what),
            _maybe(item, "color", what, str) or "",
            _maybe(item, "description", what, str) or "",
            bool(item.get("default")),
        )


def new_project(identifier: str) -> Project:
    """A project that is still to be made, for a preview of what a run will do in it."""
    return Project("", "", identifier, "", False, False, None, False, None)


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
"""The states that Plane makes with a project (every tried release)."""


@dataclass(frozen=True)
class Label:
    """A label of a project; `parent` is the id of the label that groups it."""

    id: str
    name: str
    color: str
    description: str
    parent: str | None

    @classmethod
    def of(cls, item: dict[str, Any]) -> Label:
        """From JSON of v1."""
        what = "labels"
        return cls(
            _text(item, "id", what),
            _text(item, "name", what),
            _maybe(item, "color", what, str) or "",
            _maybe(item, "description", what, str) or "",
            _maybe(item, "parent", what, str),
        )


@dataclass(frozen=True)
class Estimate:
    """Estimates that were made in a project; `last_used` marks those that were in use last."""

    id: str
    last_used: bool

    @classmethod
    def of(cls, item: dict[str, Any]) -> Estimate:
        """From JSON of a session."""
        return cls(_text(item, "id", "estimates"), bool(item.get("last_used")))


@dataclass(frozen=True)
class WorkItemType:
    """A work item type of a project, or of a workspace that owns them (commercial editions)."""

    id: str
    name: str
    is_default: bool
    project_ids: tuple[str, ...] = ()
    """The projects that have it."""

    @classmethod
    def of(cls, item: dict[str, Any]) -> WorkItemType:
        """From JSON."""
        what = "work item types"
        projects = item.get("project_ids")
        return cls(
            _text(item, "id", what),
            _text(item, "name", what),
            bool(item.get("is_default")),
            tuple(_plain(one, what) for one in projects) if isinstance(projects, list) else (),
        )


@dataclass(frozen=True)
class PropertyOption:
    """An option of a custom field (commercial editions)."""

    id: str
    name: str
    is_default: bool

    @classmethod
    def of(cls, item: dict[str, Any]) -> PropertyOption:
        """From JSON."""
        what = "options"
        return cls(_text(item, "id", what), _text(item, "name", what), bool(item.get("is_default")))


@dataclass(frozen=True)
class WorkItemProperty:
    """A custom field of a work item type (commercial editions); recognised by `display_name`."""

    id: str
    display_name: str
    property_type: str
    relation_type: str | None = None
    description: str = ""
    is_required: bool = False
    is_multi: bool = False
    default_value: tuple[str, ...] = ()

    @classmethod
    def of(cls, item: dict[str, Any]) -> WorkItemProperty:
        """From JSON."""
        what = "work item properties"
        default = item.get("default_value")
        return cls(
            _text(item, "id", what),
            _text(item, "display_name", what),
            str(_maybe(item, "property_type", what, str)),
            _maybe(item, "relation_type", what, str),
            _maybe(item, "description", what, str) or "",
            bool(item.get("is_required")),
            bool(item.get("is_multi")),
            tuple(_plain(value, what) for value in default) if isinstance(default, list) else (),
        )
