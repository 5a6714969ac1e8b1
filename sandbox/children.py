"""Wait for the sandbox's processes without a thread for each, as Python does from 3.12 on."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any


def wait_without_threads() -> None:
    """Use pidfd (Linux 5.3) to wait for processes that asyncio starts, in whichever loop starts them."""
    if sys.version_info < (3, 12) and _has_pidfd():
        asyncio.set_child_watcher(_Watcher())


def _has_pidfd() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):  # another system, an old one, or one that forbids it
        return False
    return True


if sys.version_info < (3, 12):

    class _Watcher(asyncio.PidfdChildWatcher):
        """Python 3.11's belongs to one loop; each sandbox has its own."""

        def is_active(self) -> bool:
            return True

        def add_child_handler(self, pid: int, callback: Callable[..., object], *args: Any) -> None:  # type: ignore[override]
            loop, pidfd = asyncio.get_running_loop(), os.pidfd_open(pid)

            def ended() -> None:
                loop.remove_reader(pidfd)
                os.close(pidfd)
                callback(pid, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), *args)

            loop.add_reader(pidfd, ended)
