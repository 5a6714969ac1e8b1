"""A place among the commands on a host where a run is held: before one begins, or once it is done and nobody knows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from sandbox import ssh
from sandbox.host import Host

if TYPE_CHECKING:
    from sandbox.ssh import Process

LOCKS = "flock -n"
"""In the command that holds the lock, and so does not end by itself."""


@dataclass
class Hold:
    """The nth command from now on, held before or after it ran."""

    nth: int
    after: bool
    seen: int = 0
    reached: threading.Event = field(default_factory=threading.Event)


class Unanswered:
    """A command's process, as its client has it, that never tells how it ended."""

    def __init__(self, process: Process, ended: threading.Event) -> None:
        self._process = process
        self._ended = ended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._process, name)

    def exit(self, code: int) -> None:
        self._ended.set()

    def exit_with_signal(self, *arguments: Any) -> None:
        self._ended.set()


class CommandCuts:
    """The holds of all hosts, by SSH port."""

    def __init__(self) -> None:
        self._holds: dict[int, Hold] = {}

    def hold(self, host: Host, nth: int, after: bool) -> Callable[[], bool]:
        """Hold the host's nth command from now on; says whether it is held."""
        hold = self._holds[host.port] = Hold(nth, after)
        return hold.reached.is_set

    def release(self, host: Host) -> None:
        """Hold nothing there any more."""
        self._holds.pop(host.port, None)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """For as long as the block lasts, the sandboxes of this process mind the holds."""
        run_command = ssh.run_command

        async def run_or_hold(host: Host, process: Process) -> None:
            hold = self._holds.get(host.port)
            if hold is not None:
                hold.seen += 1
            if hold is None or hold.seen != hold.nth:
                await run_command(host, process)
            elif hold.after:
                await run_command(host, cast("Process", Unanswered(process, hold.reached)))
            else:
                hold.reached.set()
                await process.wait_closed()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ssh, "run_command", run_or_hold)
            yield
