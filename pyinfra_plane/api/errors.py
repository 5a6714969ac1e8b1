"""The errors of requests to Plane: one tree, raised by the code that understands the answer.

Each message is one line: what was tried, what came back, what to do. Plane's words in it are made printable by
:class:`pyinfra_plane.errors.ExpectedError`.
"""

from __future__ import annotations

from pyinfra_plane.errors import ExpectedError


class PlaneError(ExpectedError):
    """Plane, or the connection to it, did not do what was requested."""


class PlaneUnreachable(PlaneError):
    """No answer came: refused, reset, timed out, or the target does not know the name."""

    @property
    def cause(self) -> str:
        """The reason without the request, which differs between operations."""
        return str(self).partition(": ")[2]


class PlaneBadAnswer(PlaneError):
    """This code does not understand an answer: not JSON, another shape, a redirect, a 5xx."""


MANAGED_ELSEWHERE = frozenset(
    ("workspace_managed", "work_item_types_managed_at_workspace", "states_managed_at_workspace")
)
"""Codes of a refused write in a project, because its workspace owns the resource (plane-sdk 0.3, public API
reference)."""

MIGRATING = "governance_migration_in_progress"
"""The code of a refused write while Plane moves resources from projects to their workspace (plane-sdk 0.3)."""


class PlaneElsewhere(PlaneBadAnswer):
    """The answer does not come from Plane's API: a redirect, or a page of HTML."""


class PlaneRefused(PlaneError):
    """Plane understood and refused. `status` is the HTTP status, `detail` Plane's words, `code` its error code."""

    def __init__(self, message: str, status: int, detail: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail
        self.code = code

    @property
    def is_beyond_plan(self) -> bool:
        """Whether the plan of a commercial edition lacks the feature: 402, 404, or 400 with advice to upgrade."""
        return self.status in (402, 404) or (self.status == 400 and "upgrade" in f"{self.code} {self.detail}".lower())

    @property
    def is_managed_elsewhere(self) -> bool:
        """Whether the workspace owns the resource that the request writes in a project."""
        return bool(MANAGED_ELSEWHERE & {self.code, self.detail})

    @property
    def is_migrating(self) -> bool:
        """Whether Plane is moving resources from projects to their workspace."""
        return MIGRATING in (self.code, self.detail)


class PlaneKeyInvalid(PlaneRefused):
    """The API key is wrong, revoked or expired (403 `Given API token is not valid`, every tried release)."""


class PlaneForbidden(PlaneRefused):
    """The caller is no member, has too low a role, or there is no such workspace (Plane answers 403 to all)."""


class PlaneFormRefused(PlaneError):
    """A sign-in, sign-up or set-up form was refused; `code` is Plane's error code, such as ``USER_ALREADY_EXIST``."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class PlaneSettings(PlaneError):
    """The request is not possible with the current settings."""

    is_certain = True


class PlaneWrongPassword(PlaneSettings):
    """The password of an account is wrong or missing; `advice` names the setting."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


class PlaneNoAccount(PlaneSettings):
    """The account that should sign in does not exist."""


class PlaneNoAccess(PlaneSettings):
    """No account with the necessary role can sign in."""
