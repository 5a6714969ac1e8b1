"""What can go wrong between the deploy and Plane: one tree, raised where the answer is understood.

The message of each is one line: what was tried, what came back, what to do. What Plane said in it is made
printable by :class:`pyinfra_plane.errors.ExpectedError`.
"""

from __future__ import annotations

from pyinfra_plane.errors import ExpectedError


class PlaneError(ExpectedError):
    """Anything that Plane, or the way to it, did not do as asked."""


class PlaneUnreachable(PlaneError):
    """No answer came: refused, reset, timed out, or the name is unknown on the target."""

    @property
    def cause(self) -> str:
        """The reason without the request, which differs from one operation to the next."""
        return str(self).partition(": ")[2]


class PlaneBadAnswer(PlaneError):
    """An answer came that this code does not understand: not JSON, another shape, a redirect, a 5xx."""


MANAGED_ELSEWHERE = frozenset(
    ("workspace_managed", "work_item_types_managed_at_workspace", "states_managed_at_workspace")
)
"""Codes of a write in a project whose workspace owns what is written (plane-sdk 0.3, public API reference)."""

MIGRATING = "governance_migration_in_progress"
"""The code of a write while Plane moves what projects own to their workspace (plane-sdk 0.3)."""


class PlaneElsewhere(PlaneBadAnswer):
    """What answers is not Plane's API: a redirect, a page of HTML."""


class PlaneRefused(PlaneError):
    """Plane understood and said no. `status` is the HTTP status, `detail` its own words, `code` its name for why."""

    def __init__(self, message: str, status: int, detail: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail
        self.code = code

    @property
    def is_beyond_plan(self) -> bool:
        """Whether a commercial edition's plan lacks what was asked for: 402, 404, or 400 with advice to upgrade."""
        return self.status in (402, 404) or (self.status == 400 and "upgrade" in f"{self.code} {self.detail}".lower())

    @property
    def is_managed_elsewhere(self) -> bool:
        """Whether the workspace owns what was to be written in a project."""
        return bool(MANAGED_ELSEWHERE & {self.code, self.detail})

    @property
    def is_migrating(self) -> bool:
        """Whether Plane is moving what projects own to their workspace."""
        return MIGRATING in (self.code, self.detail)


class PlaneKeyInvalid(PlaneRefused):
    """The API key is wrong, revoked or expired (403 `Given API token is not valid`, every tried release)."""


class PlaneForbidden(PlaneRefused):
    """The caller may not: no member, too low a role, or no such workspace (Plane answers 403 to all three)."""


class PlaneFormRefused(PlaneError):
    """A sign-in, sign-up or set-up form was refused; `code` is Plane's name for why, such as ``USER_ALREADY_EXIST``."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class PlaneSettings(PlaneError):
    """What is asked for cannot be had with the settings as they are."""

    is_certain = True


class PlaneWrongPassword(PlaneSettings):
    """The password of an account is wrong or not given; `advice` names the setting."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


class PlaneNoAccount(PlaneSettings):
    """Somebody was to sign in whom Plane does not know."""


class PlaneNobody(PlaneSettings):
    """Nobody who could do it can sign in."""
