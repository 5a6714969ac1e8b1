"""One run at a time: who has the lock of a host, and that it ends with the run, however that ends."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lock
from target import TargetError
from tests.unit.given import ROOT, Shell

ANOTHER = re.compile(
    r"another run is at work on this host: \S+@\S+ since \d{4}-\d\d-\d\d \d\d:\d\d \(process (\d+)\); "
    r"wait for it, or end it, and run again"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "it's $HOME" / "plane"


@pytest.fixture
def a_host(tmp_path: Path) -> Iterator[Callable[[], Shell]]:
    """Makes hosts, each of which is another run; those that hold a lock let go of it at the end."""
    hosts: list[Shell] = []

    def make() -> Shell:
        own = tmp_path / f"host{len(hosts)}"
        own.mkdir()
        hosts.append(Shell(own))
        return hosts[-1]

    yield make
    for host in hosts:
        let_go(host)


def let_go(host: Shell) -> None:
    """What the end of a run does: its end of the holder's standard input is closed."""
    holder: Any = lock._held.pop(host, None)
    if holder is not None:
        holder.stdin.close()
        holder.stdout.close()
        holder.wait(10)


def one_line(error: pytest.ExceptionInfo[TargetError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def holder_of(folder: Path, host: Shell) -> int:
    """The process that a host which wants the lock too is told of."""
    with pytest.raises(TargetError) as caught:
        lock.hold(host, str(folder))
    assert not lock.is_held(host)
    found = ANOTHER.fullmatch(one_line(caught))
    assert found is not None, one_line(caught)
    return int(found[1])


def until_free(folder: Path) -> None:
    """Wait for the lock itself; whoever had it has then done all that it does."""
    subprocess.run(["flock", str(folder), "true"], check=True, timeout=20)


@contextlib.contextmanager
def another_run(folder: Path, own: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until its standard input ends."""
    own.mkdir()
    code = "import sys; from tests.unit.test_lock import hold_until_told; hold_until_told(*sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(own)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def hold_until_told(folder: str, own: str) -> None:
    """What :func:`another_run` runs."""
    host = Shell(Path(own))
    lock.hold(host, folder)
    print("held", flush=True)
    sys.stdin.read()


def test_a_lock_is_taken_and_says_who_has_it(a_host: Callable[[], Shell], folder: Path) -> None:
    host = a_host()
    assert not lock.is_held(host)
    lock.hold(host, str(folder))
    assert lock.is_held(host)
    assert host.said == []
    note = folder / lock.NAME
    assert f"(process {os.getpid()})" in note.read_text()
    assert note.stat().st_mode & 0o777 == 0o600
    assert subprocess.run(["flock", "-n", str(folder), "true"]).returncode == 1


def test_a_run_that_has_the_lock_keeps_it(a_host: Callable[[], Shell], folder: Path) -> None:
    host = a_host()
    lock.hold(host, str(folder))
    holder = lock._held[host]
    lock.hold(host, str(folder))
    assert lock._held[host] is holder


def test_another_host_of_the_same_folder_is_told_who_has_it(a_host: Callable[[], Shell], folder: Path) -> None:
    first, second = a_host(), a_host()
    lock.hold(first, str(folder))
    note = (folder / lock.NAME).read_text()
    with pytest.raises(TargetError, match=r"^this run holds the host already, for another entry of the inventory; "):
        lock.hold(second, str(folder))
    assert (folder / lock.NAME).read_text() == note
    let_go(first)
    assert list(folder.iterdir()) == []
    lock.hold(second, str(folder))
    assert lock.is_held(second)


def test_another_folder_is_another_lock(a_host: Callable[[], Shell], folder: Path, tmp_path: Path) -> None:
    first, second = a_host(), a_host()
    lock.hold(first, str(folder))
    lock.hold(second, str(tmp_path / "other"))
    assert lock.is_held(first)
    assert lock.is_held(second)


def test_another_process_is_told_of_and_the_lock_is_free_when_it_ends(
    a_host: Callable[[], Shell], folder: Path, tmp_path: Path
) -> None:
    host = a_host()
    with another_run(folder, tmp_path / "run") as process:
        assert holder_of(folder, host) == process.pid
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        assert process.wait(10) == 0
        until_free(folder)
        assert list(folder.iterdir()) == []
        lock.hold(host, str(folder))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP], ids=lambda how: how.name)
def test_a_run_that_is_ended_by_force_leaves_neither_lock_nor_note(
    a_host: Callable[[], Shell], folder: Path, tmp_path: Path, how: signal.Signals
) -> None:
    host = a_host()
    with another_run(folder, tmp_path / "run") as process:
        assert holder_of(folder, host) == process.pid
        process.send_signal(how)
        assert process.wait(10) == -how
        until_free(folder)
        assert list(folder.iterdir()) == []
        lock.hold(host, str(folder))
        assert f"(process {os.getpid()})" in (folder / lock.NAME).read_text()


def test_a_note_that_a_power_cut_left_behind_is_no_lock(a_host: Callable[[], Shell], folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / lock.NAME).write_text("somebody@elsewhere since 2020-01-01 00:00 (process 1)\n")
    lock.hold(a_host(), str(folder))
    assert f"(process {os.getpid()})" in (folder / lock.NAME).read_text()


def test_a_holder_who_cannot_be_named_is_somebody(a_host: Callable[[], Shell], folder: Path) -> None:
    first = a_host()
    lock.hold(first, str(folder))
    (folder / lock.NAME).unlink()
    with pytest.raises(TargetError) as caught:
        lock.hold(a_host(), str(folder))
    assert one_line(caught).startswith("another run is at work on this host: somebody; ")


def test_a_folder_that_cannot_be_made_is_one_line(a_host: Callable[[], Shell], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    host = a_host()
    with pytest.raises(TargetError) as caught:
        lock.hold(host, str(tmp_path / "file" / "plane"))
    assert one_line(caught).startswith(f"cannot lock {tmp_path}/file/plane: ")
    assert not lock.is_held(host)


def test_a_host_without_flock_is_told_so_and_goes_on(
    a_host: Callable[[], Shell], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "mkdir", "cat", "rm"):
        (programs / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(programs))
    host = a_host()
    lock.hold(host, str(folder))
    assert lock.is_held(host)
    assert host.said == ["there is no flock on this host, so nothing keeps two runs apart"]
    assert list(folder.iterdir()) == []


def test_a_host_of_another_kind_cannot_be_locked(a_host: Callable[[], Shell], folder: Path) -> None:
    host = a_host()
    host.connector = object()
    with pytest.raises(TargetError, match=r"^object cannot hold a lock; use SSH, or @local"):
        lock.hold(host, str(folder))
    assert not lock.is_held(host)
