"""One run at a time: who has the lock of a host, and that it ends with the run, however that ends."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paramiko import ChannelException, SSHException
from pyinfra.api import QuoteString, StringCommand
from pyinfra.connectors.util import make_unix_command_for_host

from pyinfra_plane.engine import commands, files, lock
from pyinfra_plane.engine.commands import TargetError
from pyinfra_plane.engine.host_run import run_of
from tests.unit.given import ROOT, Shell
from tests.unit.ssh import FakeTransport, connected

ANOTHER = re.compile(
    r"another run is working on this host: \S+@\S+ since \d{4}-\d\d-\d\d \d\d:\d\d \(process (\d+)\); "
    r"wait for it or stop it; if its machine is off, run on the host: kill ([1-9]\d*)"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "it's $HOME" / "plane"


@pytest.fixture
def a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Shell]]:
    """Makes hosts, each of which is another run; those that hold a lock let go of it at the end."""
    monkeypatch.setattr(lock, "WAIT", 0)
    hosts: list[Shell] = []

    def make() -> Shell:
        own = tmp_path / f"host{len(hosts)}"
        own.mkdir()
        hosts.append(Shell(own))
        return hosts[-1]

    yield make
    for host in hosts:
        let_go(host)


def held(host: Any) -> Any:
    """What holds the lock of a host."""
    return run_of(host).part(lock.Lock).holder


def command_of(host: Any) -> subprocess.Popen[bytes]:
    """The command that holds the lock of a host which is this machine."""
    command = run_of(host).part(lock.Lock).local
    assert command is not None
    return command


def let_go(host: Shell) -> None:
    """What the end of a run does: its end of the holder's standard input is closed."""
    kept = run_of(host).part(lock.Lock)
    holder, kept.holder = kept.holder, None
    if holder is not None:
        holder.close()
        command_of(host).wait(10)


def one_line(error: pytest.ExceptionInfo[TargetError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def holders_of(folder: Path, host: Shell) -> tuple[int, int]:
    """The two processes, the other run's and the host's, that a host which wants the lock too is told of."""
    with pytest.raises(TargetError) as caught:
        lock.hold(host, str(folder))
    assert not lock.is_held(host)
    found = ANOTHER.fullmatch(one_line(caught))
    assert found is not None, one_line(caught)
    return int(found[1]), int(found[2])


def holder_of(folder: Path, host: Shell) -> int:
    """The other run's process."""
    return holders_of(folder, host)[0]


MARK = "STARTED_BY_THIS_TEST"


@pytest.fixture
def none_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Waits until nothing runs any more that the test's runs have started on the host."""
    mark = f"{MARK}={tmp_path}".encode()
    monkeypatch.setenv(MARK, str(tmp_path))

    def left() -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes().split(b"\0") and process.name != str(os.getpid()):
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    def wait() -> None:
        # A shell may lose the signal for a `sleep` that it is just starting; that one ends by itself.
        until = time.monotonic() + lock.BEAT + 10
        while there := left():
            assert time.monotonic() < until, there
            time.sleep(0.01)

    return wait


SHELLS = [name for name in ("dash", "bash", "busybox") if shutil.which(name)]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What `sh` is on the host."""
    programs = tmp_path / "shell"
    programs.mkdir()
    (programs / "sh").symlink_to(shutil.which(request.param) or "")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return str(request.param)


@pytest.fixture
def over_ssh(tmp_path: Path) -> Iterator[tuple[Shell, FakeTransport]]:
    """A host over SSH, and its connection."""
    own = tmp_path / "over-ssh"
    own.mkdir()
    host, transport = Shell(own), FakeTransport()
    host.connector = connected(transport)
    yield host, transport
    run_of(host).part(lock.Lock).holder = None
    for channel in transport.channels:
        channel.close()


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
    holder = held(host)
    lock.hold(host, str(folder))
    assert held(host) is holder


def test_a_user_without_a_name_is_named_by_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr("pyinfra_plane.engine.lock.getpass.getuser", nameless)
    assert lock._user() == f"user {os.getuid()}"


def test_another_host_of_the_same_folder_is_told_who_has_it(a_host: Callable[[], Shell], folder: Path) -> None:
    first, second = a_host(), a_host()
    lock.hold(first, str(folder))
    note = (folder / lock.NAME).read_text()
    with pytest.raises(TargetError, match=r"^two entries of the inventory are this host, but a run deploys to all "):
        lock.hold(second, str(folder))
    assert (folder / lock.NAME).read_text() == note
    let_go(first)
    assert list(folder.iterdir()) == []
    lock.hold(second, str(folder))
    assert lock.is_held(second)


def test_a_lock_that_is_let_go_of_a_moment_later_is_taken(
    a_host: Callable[[], Shell], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = a_host()
    ended = tmp_path / "ended"
    os.mkfifo(ended)
    # The other run ends while this one waits for its second try.
    host.replace("sleep", f"echo ended > {ended}; exec flock {shlex.quote(str(folder))} true")
    with another_run(folder, tmp_path / "run") as process:
        monkeypatch.setenv("PATH", f"{host.programs}:{os.environ['PATH']}")
        ending = subprocess.Popen(["sh", "-c", f"read ended <{shlex.quote(str(ended))}; kill {process.pid}"])
        try:
            lock.hold(host, str(folder))
        finally:
            ending.kill()
            ending.wait()
    assert lock.is_held(host)


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
def test_a_run_that_is_ended_by_force_leaves_neither_lock_nor_note_nor_process(
    a_host: Callable[[], Shell],
    folder: Path,
    tmp_path: Path,
    how: signal.Signals,
    shell: str,
    none_left: Callable[[], None],
) -> None:
    host = a_host()
    with another_run(folder, tmp_path / "run") as process:
        assert holder_of(folder, host) == process.pid
        process.send_signal(how)
        assert process.wait(10) == -how
        until_free(folder)
        none_left()
        assert list(folder.iterdir()) == []
        lock.hold(host, str(folder))
        assert f"(process {os.getpid()})" in (folder / lock.NAME).read_text()


def test_a_run_that_ends_leaves_no_process(
    a_host: Callable[[], Shell], folder: Path, shell: str, none_left: Callable[[], None]
) -> None:
    host = a_host()
    lock.hold(host, str(folder))
    let_go(host)
    none_left()
    assert list(folder.iterdir()) == []


def test_the_process_that_is_told_of_can_be_ended_while_the_connection_seems_to_live(
    a_host: Callable[[], Shell], folder: Path, tmp_path: Path, shell: str, none_left: Callable[[], None]
) -> None:
    gone = a_host()
    lock.hold(gone, str(folder))
    # As another run, of another process, is told.
    note = folder / lock.NAME
    note.write_text(note.read_text().replace(f"(process {os.getpid()})", "(process 4711)"))
    next_one = a_host()
    assert holders_of(folder, next_one)[0] == 4711
    os.kill(holders_of(folder, next_one)[1], signal.SIGTERM)
    until_free(folder)
    none_left()
    assert list(folder.iterdir()) == []
    lock.hold(next_one, str(folder))


def test_the_holder_sends_something_now_and_then_so_that_a_dead_connection_is_noticed(
    a_host: Callable[[], Shell], folder: Path, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    monkeypatch.setattr(lock, "BEAT", 0.05)
    host = a_host()
    lock.hold(host, str(folder))
    held(host).settimeout(10)
    assert [held(host).recv(1) for _ in range(3)] == [b"\n"] * 3


PATCHED = """
from gevent import monkey
monkey.patch_all()
import sys, time
from pathlib import Path
from pyinfra_plane.engine import lock
from pyinfra_plane.engine.host_run import run_of
from tests.unit.given import Shell
host, folder = Shell(Path(sys.argv[1])), sys.argv[2]
lock.hold(host, folder)
kept = run_of(host).part(lock.Lock)
print(kept.local.poll(), flush=True)
sys.stdin.readline()
print(kept.local.poll())
"""


def test_pyinfras_patched_sockets_hold_the_lock_of_this_machine_too(
    a_host: Callable[[], Shell], folder: Path, tmp_path: Path, none_left: Callable[[], None]
) -> None:
    (tmp_path / "own").mkdir()
    words = [sys.executable, "-c", PATCHED, str(tmp_path / "own"), str(folder)]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "None\n"
        assert holder_of(folder, a_host()) == process.pid
        said, _ = process.communicate("\n", timeout=10)
    assert said == "None\n"
    none_left()
    lock.hold(a_host(), str(folder))


def test_a_holder_that_can_send_nothing_any_more_ends(
    a_host: Callable[[], Shell],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    shell: str,
    none_left: Callable[[], None],
) -> None:
    monkeypatch.setattr(lock, "BEAT", 0.05)
    host = a_host()
    lock.hold(host, str(folder))
    held(host).shutdown(socket.SHUT_RD)
    assert command_of(host).wait(10) == 1
    none_left()
    assert list(folder.iterdir()) == []


def test_a_lock_is_held_by_a_session_of_the_ssh_connection(
    over_ssh: tuple[Shell, FakeTransport], a_host: Callable[[], Shell], folder: Path, none_left: Callable[[], None]
) -> None:
    host, transport = over_ssh
    transport.full = 2
    lock.hold(host, str(folder))
    assert transport.asked == ["session"] * 3
    assert lock.is_held(host)
    assert subprocess.run(["flock", "-n", str(folder), "true"]).returncode == 1
    transport.channels[0].close()
    none_left()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ChannelException(2, "Connect failed"),
            "the SSH server refused to run a command (Connect failed); see MaxSessions in its sshd_config",
        ),
        (SSHException("gone"), "the connection to the host broke (gone); run again"),
        (EOFError(), "the connection to the host broke (EOFError); run again"),
    ],
)
def test_a_lock_for_which_no_session_can_be_opened_is_one_line(
    over_ssh: tuple[Shell, FakeTransport], folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    monkeypatch.setattr(commands, "WHEN_REFUSED", (0.0,))
    host, transport = over_ssh
    transport.session = error
    with pytest.raises(TargetError) as caught:
        lock.hold(host, str(folder))
    assert one_line(caught) == said
    assert not lock.is_held(host)


def test_a_session_that_breaks_off_is_told_so(
    over_ssh: tuple[Shell, FakeTransport], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _ = over_ssh
    host.replace("mkdir", "kill -9 0")
    monkeypatch.setenv("PATH", f"{host.programs}:{os.environ['PATH']}")
    with pytest.raises(TargetError) as caught:
        lock.hold(host, str(folder))
    assert one_line(caught) == "the connection to the host broke while it ran a command; run again"


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
    assert one_line(caught) == (
        "another run is working on this host: unknown user; wait for it or stop it; if its machine is off, run on the "
        f"host: kill the process that {folder}/{lock.NAME} names"
    )


def test_a_link_in_the_place_of_the_note_is_not_followed(a_host: Callable[[], Shell], folder: Path) -> None:
    folder.mkdir(parents=True)
    other = folder.parent / "other"
    other.write_text("theirs\n")
    (folder / lock.NAME).symlink_to(other)
    lock.hold(a_host(), str(folder))
    assert other.read_text() == "theirs\n"
    assert f"(process {os.getpid()})" in (folder / lock.NAME).read_text()


def test_what_stands_before_the_word_that_counts_does_not_hide_it(
    a_host: Callable[[], Shell], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_unix_command_for_host

    def prompting(*given: Any, **arguments: Any) -> StringCommand:
        return StringCommand(
            "sh -c", QuoteString("printf 'Password: ' >&2; exec \"$@\""), "sh", made(*given, **arguments)
        )

    monkeypatch.setattr(lock, "make_unix_command_for_host", prompting)
    host = a_host()
    lock.hold(host, str(folder))
    assert lock.is_held(host)


def test_a_write_whose_run_has_ended_replaces_nothing(a_host: Callable[[], Shell], folder: Path, shell: str) -> None:
    host, file = a_host(), folder / "file"
    lock.hold(host, str(folder))
    files.write_file(host, str(file), "one\n")
    held(host).close()
    command_of(host).wait(10)
    with pytest.raises(TargetError) as caught:
        files.write_file(host, str(file), "another\n")
    assert one_line(caught) == (f"cannot write {file}: the run that began this has ended; the file was not changed")
    assert [path.name for path in folder.iterdir()] == ["file"] and file.read_text() == "one\n"


def test_a_password_for_sudo_is_in_no_list_of_processes(
    a_host: Callable[[], Shell], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_unix_command_for_host

    def with_password(*given: Any, **arguments: Any) -> StringCommand:
        return StringCommand("env ASKED=hunter2", made(*given, **arguments))

    monkeypatch.setattr(lock, "make_unix_command_for_host", with_password)
    # A shell that stays in front of its last command; dash and bash let it take their place.
    own = folder.parent / "shell"
    own.mkdir(parents=True)
    (own / "sh").write_text('#!/bin/bash\ncommand=$2; shift 2; [ $# = 0 ] || shift; eval "$command"\nexit\n')
    (own / "sh").chmod(0o755)
    host = a_host()
    monkeypatch.setenv("PATH", f"{own}:{os.environ['PATH']}")
    lock.hold(host, str(folder))
    monkeypatch.undo()
    process = Path("/proc") / str(command_of(host).pid)
    assert b"hunter2" in (process / "environ").read_bytes()
    assert b"hunter2" not in (process / "cmdline").read_bytes()


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
    for name in ("sh", "mkdir", "cat"):
        (programs / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(programs))
    host = a_host()
    lock.hold(host, str(folder))
    assert lock.is_held(host)
    assert host.said == ["this host has no flock command, so two runs can overlap"]
    assert list(folder.iterdir()) == []


def test_a_host_of_another_kind_cannot_be_locked(a_host: Callable[[], Shell], folder: Path) -> None:
    host = a_host()
    host.connector = object()
    with pytest.raises(TargetError, match=r"^object cannot hold a lock; use SSH, or @local"):
        lock.hold(host, str(folder))
    assert not lock.is_held(host)
