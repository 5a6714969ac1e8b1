"""Ctrl-C: a run stops at the next safe point, when the current write is complete.

pyinfra 3.10 exits with code 0 at any point, while its hosts' work continues unseen.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType

from pyinfra.api.state import State, StateStage

from pyinfra_plane.errors import ExpectedError

CODE = 128 + signal.SIGINT
"""The exit code that shells use."""

_SLICE = 0.1

_is_requested = False


class Interrupted(ExpectedError):
    """A person asked the run to end."""


def is_requested() -> bool:
    """Whether a person asked the run to end."""
    return _is_requested


def check() -> None:
    """Mark a safe point: no change of the host is in progress.

    Raises:
        Interrupted: a person asked the run to end.
    """
    if _is_requested:
        raise Interrupted("interrupted: the run makes no further changes")


def pause(seconds: float) -> None:
    """Wait, and stop waiting if the run must end.

    Raises:
        Interrupted: a person asked the run to end.
    """
    until = time.monotonic() + seconds
    check()
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(_SLICE, left))
        check()


def take_signal(state: State) -> None:
    """Let Ctrl-C stop a run at a safe point, in place of pyinfra's own handling.

    Args:
        state: the state of the run.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        global _is_requested
        is_first, _is_requested = not _is_requested, True
        if is_first and state.current_stage == StateStage.Execute:
            # Not with print, which may be what was interrupted.
            os.write(2, b"\n    interrupted: finishing the current change; press Ctrl-C again to stop now\n")
            return
        # Otherwise the end would wait until the hosts' current work is done.
        if getattr(state, "pool", None) is not None:
            state.pool.kill(block=False)
        sys.exit(CODE)

    signal.signal(signal.SIGINT, interrupt)
