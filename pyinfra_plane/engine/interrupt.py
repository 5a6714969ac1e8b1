"""Ctrl-C: a run stops at the next safe point, when what is being written is whole.

pyinfra 3.10 ends with exit code 0 at any point, while what its hosts are at goes on unseen.
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
"""The exit code, as shells have it."""

_SLICE = 0.1

_is_asked = False


class Interrupted(ExpectedError):
    """A person asked the run to end."""


def is_asked() -> bool:
    """Whether a person asked the run to end."""
    return _is_asked


def check() -> None:
    """A safe point: nothing is under way on the host.

    Raises:
        Interrupted: the run is to end.
    """
    if _is_asked:
        raise Interrupted("interrupted: the run makes no further changes")


def pause(seconds: float) -> None:
    """Wait, unless the run is to end.

    Raises:
        Interrupted: the run is to end.
    """
    until = time.monotonic() + seconds
    check()
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(_SLICE, left))
        check()


def take_signal(state: State) -> None:
    """Have Ctrl-C stop a run where it is safe, in place of pyinfra's own handling.

    Args:
        state: the state of the run.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        global _is_asked
        is_first, _is_asked = not _is_asked, True
        if is_first and state.current_stage == StateStage.Execute:
            # Not with print, which may be what was interrupted.
            os.write(2, b"\n    interrupted: finishing the current change; press Ctrl-C again to stop now\n")
            return
        # Else the end waits for its turn behind what the hosts are at.
        if getattr(state, "pool", None) is not None:
            state.pool.kill(block=False)
        sys.exit(CODE)

    signal.signal(signal.SIGINT, interrupt)
