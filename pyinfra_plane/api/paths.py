"""Every path of Plane's API that this client uses, once, with the first release that has it.

Paths under ``/api/v1/`` require an API key, the others a session. Without ``since``, every tried release has the path
(:data:`pyinfra_plane.api.versions.TRIED`). The paths under ``/api/v1/`` of work item types, properties, estimates and
of a member's removal are those of the commercial editions, from Plane's public API reference and ``plane-sdk`` 0.3.
"""

from __future__ import annotations

from urllib.parse import quote

from pyinfra_plane.api.errors import PlaneBadAnswer
from pyinfra_plane.api.versions import LITE_LISTS, Number
from pyinfra_plane.dataclass import dataclass


def part(text: str) -> str:
    """Quote a part of a path.

    Raises:
        PlaneBadAnswer: the part would change the path; only an answer that is not Plane's has such an id.
    """
    if text in (".", ".."):
        raise PlaneBadAnswer(f"{text!r} is not an id; use the address of Plane's API")
    return quote(text, safe="")


@dataclass(frozen=True)
class Path:
    """A path.

    Args:
        template: with the names of its parts in braces.
        since: the first release of the Community Edition that has it.
    """

    template: str
    since: Number = ()

    def __call__(self, **parts: str) -> str:
        """The path with its parts filled in."""
        return self.template.format(**{name: part(text) for name, text in parts.items()})

    def one(self, id: str, **parts: str) -> str:
        """The path of one resource in a list."""
        return f"{self(**parts)}{part(id)}/"


_V1 = "/api/v1/workspaces/{slug}/"
_V1_PROJECT = f"{_V1}projects/{{project}}/"
_APP = "/api/workspaces/{slug}/"
_APP_PROJECT = f"{_APP}projects/{{project}}/"

HEALTH = Path("/")

INSTANCE = Path("/api/instances/")
INSTANCE_SIGN_UP = Path("/api/instances/admins/sign-up/")
INSTANCE_SIGN_IN = Path("/api/instances/admins/sign-in/")
INSTANCE_CONFIGURATIONS = Path("/api/instances/configurations/")
INSTANCE_WORKSPACES = Path("/api/instances/workspaces/")

CSRF = Path("/auth/get-csrf-token/")
SIGN_IN = Path("/auth/sign-in/")
SIGN_UP = Path("/auth/sign-up/")
CHANGE_PASSWORD = Path("/auth/change-password/")

ME = Path("/api/users/me/")
MY_ONBOARDING = Path("/api/users/me/onboard/")
MY_NOTIFICATIONS = Path("/api/users/me/notification-preferences/")
MY_WORKSPACES = Path("/api/users/me/workspaces/")
MY_INVITATIONS = Path("/api/users/me/workspaces/invitations/")
MY_PROJECTS = Path("/api/users/me/workspaces/{slug}/projects/invitations/")
MY_TOKENS = Path("/api/users/api-tokens/")
OWNER_OF_KEY = Path("/api/v1/users/me/")

WORKSPACES = Path("/api/workspaces/")
MEMBERS = Path(f"{_APP}members/")
V1_MEMBERS = Path(f"{_V1}members/")
V1_MEMBERS_LITE = Path(f"{_V1}members-lite/", since=LITE_LISTS)
V1_REMOVE_MEMBER = Path(f"{_V1}members/remove/")
INVITATIONS = Path(f"{_APP}invitations/")
WEBHOOKS = Path(f"{_APP}webhooks/")
WEBHOOK_SECRET = Path(f"{_APP}webhooks/{{webhook}}/regenerate/")
V1_INVITATIONS = Path(f"{_V1}invitations/")

PROJECTS = Path(f"{_APP}projects/")
V1_PROJECTS = Path(f"{_V1}projects/")
V1_ARCHIVE = Path(f"{_V1_PROJECT}archive/")
PROJECT_MEMBERS = Path(f"{_APP_PROJECT}members/")
V1_PROJECT_MEMBERS = Path(f"{_V1_PROJECT}members/")
V1_STATES = Path(f"{_V1_PROJECT}states/")
V1_MODULES = Path(f"{_V1_PROJECT}modules/")
V1_CYCLES = Path(f"{_V1_PROJECT}cycles/")
V1_LABELS = Path(f"{_V1_PROJECT}labels/")
ESTIMATES = Path(f"{_APP_PROJECT}estimates/")

V1_WORK_ITEM_TYPES = Path(f"{_V1_PROJECT}work-item-types/")
V1_PROPERTIES = Path(f"{_V1_PROJECT}work-item-types/{{kind}}/work-item-properties/")
V1_OPTIONS = Path(f"{_V1_PROJECT}work-item-properties/{{prop}}/options/")

V1_ESTIMATES = Path(f"{_V1_PROJECT}estimates/")
V1_ESTIMATE_POINTS = Path(f"{_V1_PROJECT}estimates/{{estimate}}/estimate-points/")

V1_FEATURES = Path(f"{_V1}features/")
V1_PROJECT_FEATURES = Path(f"{_V1_PROJECT}features/")
V1_WORKSPACE_TYPES = Path(f"{_V1}work-item-types/")
V1_WORKSPACE_PROPERTIES = Path(f"{_V1}work-item-properties/")
V1_TYPE_PROPERTIES = Path(f"{_V1}work-item-types/{{kind}}/properties/")
V1_WORKSPACE_OPTIONS = Path(f"{_V1}work-item-properties/{{prop}}/options/")
V1_IMPORT_TYPES = Path(f"{_V1_PROJECT}import-work-item-types/")
