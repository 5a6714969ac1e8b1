"""Ctrl-C: a run stops at the next safe point, when what is being written is whole.

pyinfra 3.10 ends with exit code 0 at any point, while what its hosts are at goes on unseen.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import State, StateStage

CODE = 128 + signal.SIGINT
"""The exit code, as shells have it."""

_SLICE = 0.1

_is_asked = False


class _WithoutPlace(PyinfraError):
    """An error of pyinfra's, without the place: its command line would tell of this file as of a deploy's own."""

    # contextlib sets it.
    __traceback__ = property(lambda self: None, lambda self, traceback: None)


class Interrupted(Exception):
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
        raise Interrupted("interrupted: nothing further is changed")


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


def take_over(state: State, without_hosts: Callable[[], object] = lambda: None) -> None:
    """Take Ctrl-C over from pyinfra's command line; ``config.py`` asks for it.

    Args:
        state: the state of the run, as ``config.py`` sees it.
        without_hosts: called when the run ends because no host is left.
    """
    fail_hosts, set_stage = state.fail_hosts, state.set_stage

    def interrupt(number: int, frame: FrameType | None) -> None:
        global _is_asked
        is_first, _is_asked = not _is_asked, True
        if is_first and state.current_stage == StateStage.Execute:
            # Not with print, which may be what was interrupted.
            os.write(2, b"\n    interrupted: what is under way is finished first; Ctrl-C again ends it at once\n")
            return
        # Else the end waits for its turn behind what the hosts are at.
        if getattr(state, "pool", None) is not None:
            state.pool.kill(block=False)
        sys.exit(CODE)

    # pyinfra calls it at the end of each operation, when no host is at anything; without hosts left, or without -y, it
    # would end the run in its own way there.
    def fail(hosts: Any, activated_count: int | None = None) -> None:
        if _is_asked:
            state.failed_hosts.update(hosts)
            sys.exit(CODE)
        try:
            fail_hosts(hosts, activated_count)  # type: ignore[no-untyped-call]
        except PyinfraError as error:
            without_hosts()
            raise _WithoutPlace(*error.args) from None

    def go_on(stage: StateStage) -> None:
        if _is_asked:
            sys.exit(CODE)
        set_stage(stage)

    state.fail_hosts = fail  # type: ignore[method-assign]
    state.set_stage = go_on  # type: ignore[method-assign]
    signal.signal(signal.SIGINT, interrupt)
