"""Ctrl-C: what is being written is finished, nothing further is begun, and the same command goes on."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from sandbox.plane.faults import proxy_page
from sandbox.plane.http import Handler
from tests.deploy.conftest import NewTarget
from tests.deploy.target import CHECKOUT, Target, environment_with


class Running:
    """A `pyinfra` command that can be interrupted.

    Args:
        target: the host that it is about.
        arguments: after ``deploy.py``.
        others: further hosts of the inventory.
        data: further data of the first host.
    """

    def __init__(
        self, target: Target, *arguments: str, others: tuple[Target, ...] = (), data: dict[str, Any] | None = None
    ) -> None:
        inventory = target.write_inventory(data, others)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pyinfra", str(inventory), "deploy.py", *arguments],
            cwd=CHECKOUT,
            env=environment_with(target.secrets),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while part := self.process.stdout.read(1):
            self.output += part

    def wait_until(self, shown: str) -> None:
        """Wait for a text of the output."""
        until = time.monotonic() + 60
        while shown not in self.output:
            assert time.monotonic() < until, self.output
            time.sleep(0.02)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str, float]:
        """Wait for the end: the exit code, what was said, how long it took."""
        begun = time.monotonic()
        code = self.process.wait(60)
        self._reader.join(10)
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert "Traceback" not in self.output and "exception" not in self.output, self.output
        return code, self.output, time.monotonic() - begun


def interrupted_at(path: str, running: Callable[[], Running], *targets: Target, seconds: float = 1.0) -> Running:
    """A run that is interrupted while Plane takes its time for the first POST to a path, on whichever host that is."""
    begun = threading.Event()

    async def slowly(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun.set()
        await asyncio.sleep(seconds)
        return await handler(request)

    for target in targets:
        target.host.plane.faults.add(slowly, method="POST", path=path, nth=1)
    run = running()
    assert begun.wait(60), run.output
    run.interrupt()
    return run


def test_a_wait_for_plane_ends_at_once_with_how_to_go_on(target: Target) -> None:
    target.host.plane.faults.add(proxy_page(503), path="^/")
    run = Running(
        target, "-y", "--limit", target.host.name, data={"plane_health_retries": 12, "plane_health_delay": 10}
    )
    run.wait_until("waiting for Plane")
    run.interrupt()
    code, output, seconds = run.end()
    assert code == 130
    assert seconds < 5
    summary = output.partition("--> Summary:")[2].splitlines()
    assert re.match(rf" +\[{target.host.name}\] interrupted; 4 created, 4 changed, .*; ", summary[1]), output
    assert re.fullmatch(rf" +to continue, run: pyinfra \S+ deploy.py -y --limit {target.host.name}", summary[2])
    assert "once it is mended" not in output


@pytest.mark.parametrize("mode", [["-y"], ["-y", "--serial"]])
def test_what_is_being_written_is_finished_and_nothing_further_is_begun(new_target: NewTarget, mode: list[str]) -> None:
    target, other = new_target(), new_target()
    # pyinfra takes hosts in no fixed order with --serial, so either one may be the first.
    run = interrupted_at("^/api/workspaces/$", lambda: Running(target, *mode, others=(other,)), target, other)
    code, output, _ = run.end()
    assert code == 130, output
    assert "+ workspace javisi (Javisi)" in output
    assert "+ account" not in output
    assert not target.plane.api_tokens and not other.plane.api_tokens
    assert "to continue, run: pyinfra " in output
    again = target.deploy(others=(other,))
    assert again.code == 0, again.output
    assert len(target.tokens) == len(other.tokens) == 10


def test_without_y_nobody_is_asked_whether_to_go_on(new_target: NewTarget) -> None:
    target, other = new_target(), new_target()

    def running() -> Running:
        run = Running(target, others=(other,))
        run.wait_until("Press enter")
        assert run.process.stdin is not None
        run.process.stdin.write("\n")
        run.process.stdin.flush()
        return run

    code, output, _ = interrupted_at("^/api/workspaces/$", running, target).end()
    assert code == 130
    assert "continue?" not in output
    assert len(re.findall(r"\] +interrupted; ", output)) == 2


def test_a_second_one_ends_what_is_under_way(target: Target) -> None:
    run = interrupted_at("^/api/workspaces/$", lambda: Running(target, "-y"), target, seconds=15.0)
    run.wait_until("press Ctrl-C again to stop now")
    run.interrupt()
    code, output, seconds = run.end()
    assert code == 130, output
    assert seconds < 10
    assert "] interrupted; " in output


def test_while_nothing_was_changed_yet_it_ends_at_once(target: Target) -> None:
    before = target.snapshot()
    run = Running(target)
    run.wait_until("Press enter")
    run.interrupt()
    code, output, seconds = run.end()
    assert (code, seconds < 5) == (130, True)
    assert "Summary" not in output
    assert target.snapshot() == before
