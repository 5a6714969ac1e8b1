"""What Plane answers, as far as the deploy reads it: one dataclass for each kind of answer.

Each is made from JSON by ``of``, which refuses an answer of another shape as :class:`PlaneBadAnswer`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from plane_api.errors import PlaneBadAnswer

T = TypeVar("T")

COMMUNITY = "PLANE_COMMUNITY"


def listed(answer: Any, of: Callable[[dict[str, Any]], T], what: str) -> list[T]:
    """Each item of a JSON list, made by `of`."""
    if not isinstance(answer, list):
        raise PlaneBadAnswer(f"{what}: wanted a list, Plane answered {type(answer).__name__}")
    return [of(_dict(item, what)) for item in answer]


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


@dataclass(frozen=True)
class Instance:
    """``GET /api/instances/``. Before the instance is registered, only `is_setup_done` is there."""

    registered: bool
    is_setup_done: bool
    edition: str
    version: str
    workspaces_exist: bool

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
        )

    @property
    def is_community(self) -> bool:
        """Whether this is the edition without custom fields."""
        return self.edition == COMMUNITY


@dataclass(frozen=True)
class Workspace:
    """A workspace, as its members see it."""

    id: str
    slug: str
    name: str

    @classmethod
    def of(cls, item: dict[str, Any]) -> Workspace:
        """From JSON."""
        return cls(_text(item, "id", "workspace"), _text(item, "slug", "workspace"), _text(item, "name", "workspace"))


@dataclass(frozen=True)
class WorkspaceMember:
    """A member of a workspace. `membership_id` and `is_active` are known to a session alone, not to an API key."""

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
    """An open invitation into a workspace."""

    id: str
    email: str
    role: int

    @classmethod
    def of(cls, item: dict[str, Any]) -> Invitation:
        """From JSON, of a session or of v1."""
        what = "invitations"
        return cls(_text(item, "id", what), _text(item, "email", what).lower(), _role(item, "role", what))


@dataclass(frozen=True)
class Token:
    """An API token without its value."""

    id: str
    label: str

    @classmethod
    def of(cls, item: dict[str, Any]) -> Token:
        """From JSON."""
        return cls(_text(item, "id", "API tokens"), _text(item, "label", "API tokens"))


@dataclass(frozen=True)
class Project:
    """A project, as the caller sees it: `is_member` and `member_role` are the caller's own."""

    id: str
    name: str
    identifier: str
    description: str
    is_archived: bool
    is_member: bool
    member_role: int | None
    is_issue_type_enabled: bool
    workspace_name: str | None

    @classmethod
    def of(cls, item: dict[str, Any]) -> Project:
        """From an item of ``GET /api/v1/workspaces/{slug}/projects/?expand=workspace``."""
        what = "projects"
        workspace = item.get("workspace")
        return cls(
            _text(item, "id", what),
            _text(item, "name", what),
            _text(item, "identifier", what),
            str(item.get("description") or ""),
            item.get("archived_at") is not None,
            bool(item.get("is_member")),
            item.get("member_role"),
            bool(item.get("is_issue_type_enabled")),
            workspace.get("name") if isinstance(workspace, dict) else None,
        )


@dataclass(frozen=True)
class WorkItemType:
    """A work item type of a project (commercial editions)."""

    id: str
    name: str
    is_default: bool

    @classmethod
    def of(cls, item: dict[str, Any]) -> WorkItemType:
        """From JSON."""
        what = "work item types"
        return cls(_text(item, "id", what), _text(item, "name", what), bool(item.get("is_default")))


@dataclass(frozen=True)
class WorkItemProperty:
    """A custom field of a work item type (commercial editions); recognised by `display_name`."""

    id: str
    display_name: str
    property_type: str

    @classmethod
    def of(cls, item: dict[str, Any]) -> WorkItemProperty:
        """From JSON."""
        what = "work item properties"
        return cls(_text(item, "id", what), _text(item, "display_name", what), str(item.get("property_type")))
