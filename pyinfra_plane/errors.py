"""The base of every error that a person, the network or a server can cause: it ends in one line."""

from __future__ import annotations

from pyinfra_plane.text import printable


class ExpectedError(Exception):
    """An error whose message is one line that says what failed, why, and what to do.

    A message may quote a server or a host, so it is made printable here, the one place that every message passes.
    """

    is_certain = False
    """Whether a preview that meets the error knows that the run would fail; otherwise an earlier step of the run may
    help."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))

    @property
    def cause(self) -> str:
        """The part of the message that is the same for every request that failed for this reason; may be empty."""
        return ""
