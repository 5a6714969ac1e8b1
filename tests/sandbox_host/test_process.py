"""`python -m sandbox` from start to end: what it says, what it refuses, what it leaves."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox_host.processes import processes_in

COMMAND = (sys.executable, "-m", "sandbox")
PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")


LAST = "Ctrl-C removes it.\n"


@contextmanager
def started(directory: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A sandbox in a process of its own that has said it is ready."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--directory", str(directory), *words],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            # A line that is empty is the end: it did not start.
            greeting = "".join(takewhile(lambda line: line not in ("", LAST), iter(process.stdout.readline, None)))
            assert "pyinfra inventory.py deploy.py" in greeting
            yield process
        finally:
            process.terminate()


def refused(directory: Path, *words: str) -> str:
    """What a sandbox that cannot start says, on one line."""
    command = [*COMMAND, "--directory", str(directory), *words]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("sandbox: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def postmaster(directory: Path) -> Path:
    return Path("/proc") / (directory / "postgres/sandbox-1/data/postmaster.pid").read_text().split()[0]


def inventory(directory: Path) -> dict[str, Any]:
    held: dict[str, Any] = json.loads((directory / "inventory.json").read_text())
    return held


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    directory = tmp_path / "made"
    with started(directory, "--hosts", "2") as process:
        assert [host["name"] for host in inventory(directory)["hosts"]] == ["sandbox-1", "sandbox-2"]
        assert any("postgres" in command for command in processes_in(directory))
        process.send_signal(number)
        assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0
    assert not directory.exists()
    assert processes_in(directory) == []


def test_a_signal_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "made"
    with subprocess.Popen([*COMMAND, "--port", "0", "--directory", str(directory)], cwd=PROJECT) as process:
        while not (directory / "postgres").exists():
            assert process.poll() is None
        process.terminate()
        assert process.wait(timeout=30) == 0
    assert not directory.exists()
    assert processes_in(directory) == []


def test_a_directory_that_was_there_stays_as_it_was(tmp_path: Path) -> None:
    directory = tmp_path / "there"
    directory.mkdir()
    directory.chmod(0o755)
    with started(directory) as process:
        assert directory.stat().st_mode & 0o777 == 0o700
        process.terminate()
        process.wait(timeout=30)
    assert list(directory.iterdir()) == []
    assert directory.stat().st_mode & 0o777 == 0o755


def test_the_next_start_cleans_up_after_one_that_was_killed(tmp_path: Path) -> None:
    directory = tmp_path / "made"
    with started(directory) as process:
        (directory / "hosts" / "sandbox-1" / "left").touch()
        process.kill()
        process.wait(timeout=30)
    orphan = postmaster(directory)
    assert (orphan / "cwd").exists()
    with started(directory) as process:
        # What is left of it at most is an entry that init has yet to collect.
        assert not (orphan / "cwd").exists()
        assert not (directory / "hosts" / "sandbox-1" / "left").exists()
        process.terminate()
        process.wait(timeout=30)
    assert not directory.exists()
    assert processes_in(directory) == []


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} is not free" in refused(tmp_path / "made", "--port", port)
    assert not (tmp_path / "made").exists()


def test_a_directory_that_another_sandbox_uses_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "made"
    with started(directory) as process:
        assert f"another sandbox (process {process.pid}) uses" in refused(directory, "--port", "0")
        assert inventory(directory)["hosts"]


def test_a_directory_with_files_of_its_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    assert "holds files that are not the sandbox's" in refused(tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot use the directory" in refused(tmp_path / "file" / "below")
    assert "cannot use the directory" in refused(tmp_path / "file")
