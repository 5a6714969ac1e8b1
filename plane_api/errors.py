"""What can go wrong between the deploy and Plane: one tree, raised where the answer is understood.

The message of each is one line: what was tried, what came back, what to do. What Plane said in it is made plain
here, in the one place that all of them pass.
"""

from __future__ import annotations

from plain import plain


class PlaneError(Exception):
    """Anything that Plane, or the way to it, did not do as asked."""

    def __init__(self, message: str = "") -> None:
        super().__init__(plain(message))


class PlaneUnreachable(PlaneError):
    """No answer came: refused, reset, timed out, or the name is unknown on the target."""


class PlaneBadAnswer(PlaneError):
    """An answer came that this code does not understand: not JSON, another shape, a redirect, a 5xx."""


class PlaneRefused(PlaneError):
    """Plane understood and said no. `status` is the HTTP status, `detail` its own words."""

    def __init__(self, message: str, status: int, detail: str) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail


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


class PlaneWrongPassword(PlaneSettings):
    """The password of an account is wrong or not given; `advice` names the setting."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


class PlaneNoAccount(PlaneSettings):
    """Somebody was to sign in whom Plane does not know."""


class PlaneNobody(PlaneSettings):
    """Nobody who could do it can sign in."""
