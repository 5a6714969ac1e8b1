"""A sandbox inside a Python program."""

from __future__ import annotations

import asyncio
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

import sandbox
from tests.sandbox_host.client import Client
from tests.sandbox_host.processes import processes_in


def test_a_call_runs_on_the_sandboxs_own_thread(running: sandbox.Sandbox) -> None:
    async def later(value: int) -> int:
        return value * 2

    assert running.call(threading.current_thread).name == "sandbox"
    assert running.call(later, 21) == 42


def test_commands_that_still_run_end_with_it(tmp_path: Path) -> None:
    directory = tmp_path / "made"
    with sandbox.running(directory) as running, Client(running, running.hosts[0]) as client:
        client.run("sleep 601 >/dev/null 2>&1 &")
        client.ssh.exec_command("sleep 602")
        with Client(running, running.hosts[0]) as gone:
            assert gone.ssh.exec_command("echo on; sleep 603")[1].readline() == "on\n"
        # The sandbox goes first, the client after it.
        running.call(running.__aexit__, None, None, None)
    assert processes_in(directory) == []
    assert not directory.exists()


def test_a_command_that_a_test_holds_up_does_not_hold_the_end_up(tmp_path: Path) -> None:
    begun = threading.Event()

    async def hold(command: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    directory = tmp_path / "made"
    with sandbox.running(directory) as running, Client(running, running.hosts[0]) as client:
        running.hosts[0].before_command = hold
        client.ssh.exec_command("true")
        assert begun.wait(10)
    assert not directory.exists()


def test_a_machine_without_bash_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "bash" else which(name))
    directory = tmp_path / "made"
    with pytest.raises(sandbox.SandboxError, match=r"^bash is missing: install it"), sandbox.running(directory):
        pass
    assert not directory.exists()


def test_a_start_that_fails_raises_and_leaves_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "made"
    with (
        sandbox.running(tmp_path / "first") as first,
        pytest.raises(sandbox.SandboxError, match="is not free"),
        sandbox.running(directory, port=first.hosts[0].port),
    ):
        pytest.fail("it started on a port in use")
    assert not directory.exists()


def test_an_interrupted_start_leaves_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "made"

    def interrupt_when_it_starts() -> None:
        deadline = time.monotonic() + 10
        while not (directory / "postgres").exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)

    interrupting = threading.Thread(target=interrupt_when_it_starts)
    interrupting.start()
    with pytest.raises(KeyboardInterrupt), sandbox.running(directory):
        pytest.fail("it started before it was interrupted")
    interrupting.join()
    assert not directory.exists()
    assert processes_in(directory) == []
