"""One run at a time on a host: a lock that ends with the connection that holds it.

The lock is ``flock`` on a folder of the target. A command holds it that lives as long as its standard input, which is a
channel of this run's own SSH connection. When a run ends or is killed, its connection ends, and with it the lock;
nothing has to be cleaned up, and nothing depends on the age of a file.

If this machine loses power or network, the host notices only after a TCP timeout. The command sends a byte now and
then; TCP gives up after about 15 minutes without an acknowledgement (Linux's ``tcp_retries2``), and the SSH server ends
the command. Without that byte, nothing would be sent, and the lock would be held for two hours or more. The message
names the process to end.
"""

from __future__ import annotations

import getpass
import os
import posixpath
import re
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from paramiko import Channel
from pyinfra.api import QuoteString, StringCommand
from pyinfra.connectors.local import LocalConnector
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import make_unix_command_for_host

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.commands import LONGEST_READING, Output, TargetError, explained, open_session, rights
from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.text import quote

NAME = ".deploy-lock"
"""The lock's note in the protected folder. It names the holder, and is removed with the lock."""

BEAT = 30
"""Seconds between the bytes that the host sends. This run does not read them: SSH buffers 2 MB.

On this machine, whose connection cannot be lost, the command stops sending when a few hundred are unread.
"""

WAIT = 1
"""Seconds before a second try, because a busy host notices a moment late that another run has ended."""

LONGEST_OUTPUT = 2**16
"""Maximum bytes before the answer: warnings of sudo and of the shell."""

# Prints `held` and its process, or `taken` and the note. The holder writes the note, so it is never a mix of two. A
# shell ignores signals while another program runs in the foreground, so `cat` runs in the background, with its input on
# 3, because background programs have none on 0. Only the shell has 9, so the lock ends with it. The answer begins a
# line: the prompt of su does not end its own.
_SCRIPT = """
umask 022; mkdir -p -- "$1" && exec 9<"$1" || exit 1
command -v flock >/dev/null || { printf '\\nwithout %s\\n' $$; exec cat >/dev/null; }
if flock -n 9 || { sleep "$5"; flock -n 9; }; then
  umask 077; trap 'rm -f -- "$2"; kill $input $beat' EXIT; trap 'exit 1' HUP INT TERM PIPE
  # The name is ours alone; a link there would lead elsewhere, and -C follows none.
  rm -f -- "$2"; set -C; printf '%s\\n' "$3" $$ > "$2"
  exec 2>/dev/null 3<&0
  cat <&3 >/dev/null 3<&- 9<&- & input=$!
  (
    exec 3<&- 9<&-; trap '' PIPE; trap 'kill $!; exit' TERM
    while sleep "$4" >/dev/null & wait $!; do echo || { kill $$; exit; }; done
  ) & beat=$!
  printf '\\nheld %s\\n' $$; wait $input
else
  printf '\\ntaken %s\\n' "$(head -c 1000 -- "$2" 2>/dev/null | tr '\\n' '\\t')"
fi
"""

_ANSWER = re.compile("(held|without) ([1-9][0-9]{0,9})|(taken) ?(.*)")


@dataclass
class Lock:
    """The lock of one host, while this run holds it.

    Args:
        holder: this end of the standard input and output of the command on the host that holds the lock.
        process: the number there of a shell that ends together with that command.
        local: that command, if the host is this machine.
    """

    holder: Channel | socket.socket | None = None
    process: int | None = None
    local: subprocess.Popen[bytes] | None = None


_folders: list[Callable[[Any], str | None]] = []


def use_folder(of: Callable[[Any], str | None]) -> None:
    """Set the function that returns the folder to lock on a host.

    Args:
        of: takes a pyinfra host; returns ``None`` if the host needs no lock.
    """
    _folders[:] = [of]


def folder_of(host: Any) -> str | None:
    """The folder whose lock a run takes before its first change; ``None`` if nothing needs protection."""
    return _folders[0](host) if _folders else None


def _user() -> str:
    """The name of this user; in a container, the user's number may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def is_held(host: Any) -> bool:
    """Whether this run holds the host's lock."""
    return run_of(host).part(Lock).holder is not None


def holding_process(host: Any) -> int | None:
    """The number of the process on the host that lives as long as this run's lock; ``None`` without a lock."""
    return run_of(host).part(Lock).process


def hold(host: Any, directory: str) -> None:
    """Take the host's lock, for as long as this run lasts.

    Args:
        host: a connected pyinfra host.
        directory: the folder on the target that represents the protected data; created if it is missing.

    Raises:
        TargetError: another run holds the lock, the folder cannot be created, or the host does not answer.
    """
    if is_held(host):
        return
    who = f"{_user()}@{socket.gethostname()} since {datetime.now():%Y-%m-%d %H:%M} (process {os.getpid()})"
    words = (_SCRIPT, "sh", directory, posixpath.join(directory, NAME), who, str(BEAT), str(WAIT))
    own = rights(host)
    longest = own.get("_timeout") or LONGEST_READING
    with explained():
        # Not every shell replaces itself with its last command; one that stays may end before the note is removed.
        holder, local = _start(host, StringCommand("exec sh -c", *(QuoteString(word) for word in words)), own)
        try:
            said: list[str] | None = _read_answer(holder, longest)
        except TimeoutError:
            said = None
    answer = _ANSWER.fullmatch(said[-1]) if said else None
    if answer is None or answer[3]:
        with suppress(EOFError):
            holder.close()
        raise TargetError(_broken(said, directory, longest) if answer is None else _taken(answer[4], directory, who))
    if answer[1] == "without":
        host.noop("this host has no flock command, so two runs can overlap")
    kept = run_of(host).part(Lock)
    kept.holder, kept.process, kept.local = holder, int(answer[2]), local


def _broken(said: list[str] | None, directory: str, longest: float) -> str:
    """Explain why the host did not say whether the lock is free, or did not answer within so many seconds."""
    if said is None:
        return (
            f"cannot lock {directory}: the host did not answer within {longest} s; check that the disk or network "
            "folder under it responds"
        )
    if not any(said):
        return "the connection to the host broke while it ran a command; run again"
    return f"cannot lock {directory}: {Output(False, said, []).reason}"


def _taken(note: str, directory: str, who: str) -> str:
    """Name the holder of the lock, from its note, and what to do."""
    other, pid = [*map(quote, note.split("\t")), "", ""][:2]
    if other.startswith(f"{who.partition(' since ')[0]} ") and other.endswith(f"(process {os.getpid()})"):
        return (
            "two entries of the inventory are this host, but a run deploys to all at the same time; choose one with "
            "--limit, then run the other"
        )
    is_known = re.fullmatch("[1-9][0-9]{0,9}", pid)
    path = posixpath.join(directory, NAME)
    return (
        f"another run is working on this host: {other or 'unknown user'}; wait for it or stop it; if its machine is "
        f"off, run on the host: kill {pid if is_known else f'the process that {path} names'}"
    )


def _read_answer(holder: Channel | socket.socket, longest: float) -> list[str]:
    """Read the command's output up to the answer; all that was read if no answer came.

    Warnings of sudo or of the shell may precede the answer.
    """
    end, data = time.monotonic() + longest, b""
    lines: list[str] = []
    while len(data) < LONGEST_OUTPUT:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        holder.settimeout(left)
        more = holder.recv(4096)
        data += more
        lines = [line.strip() for line in data.decode(errors="replace").split("\n")]
        for number, line in enumerate(lines[:-1], 1):
            if _ANSWER.fullmatch(line):
                return lines[:number]
        if not more:
            break
    return lines


def _start(
    host: Any, command: StringCommand, own: dict[str, Any]
) -> tuple[Channel | socket.socket, subprocess.Popen[bytes] | None]:
    """Start a command that keeps running; returns this end of its input and output, and its process if it runs here."""
    not_kept = ("_get_pty", "_timeout", "_stdin", "_success_exit_codes")
    arguments = {key: value for key, value in own.items() if key not in not_kept}
    words = make_unix_command_for_host(host.state, host, command, **arguments).get_raw_value()
    if not own.get("_su_password"):
        # Otherwise a shell might stay for as long as the lock is held, with the password for sudo in its arguments.
        words = f"exec {words}"
    if isinstance(host.connector, LocalConnector):
        ours, theirs = socket.socketpair()
        with theirs:
            end = theirs.fileno()
            return ours, subprocess.Popen(["sh", "-c", words], stdin=end, stdout=end, stderr=subprocess.STDOUT)
    if isinstance(host.connector, SSHConnector):
        channel = open_session(host)
        channel.set_combine_stderr(True)
        channel.exec_command(words)
        return channel, None
    raise TargetError(f"{type(host.connector).__name__} cannot hold a lock; use SSH, or @local on the target itself")
