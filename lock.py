"""One run at a time on a host: a lock that ends with the connection that holds it.

The lock is ``flock`` on a folder of the target, held by a command that lives as long as its standard input, which is a
channel of this run's own SSH connection. A run that dies, however it dies, takes its connection along, and with it the
lock; nothing has to be cleaned up, and nothing is guessed from the age of a file.
"""

from __future__ import annotations

import getpass
import os
import posixpath
import socket
import subprocess
from collections.abc import Callable
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from paramiko import SSHException
from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS, pop_global_arguments
from pyinfra.connectors.local import LocalConnector
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import make_unix_command_for_host

from target import TargetError

NAME = ".deploy-lock"
"""Beside the files that the lock protects; says who holds it, and is gone when nobody does."""

# Says `held`, or `taken` and by whom. The note is written by who holds the lock, so it is never of two.
_SCRIPT = """
umask 022; mkdir -p -- "$1" && exec 9<"$1" || exit 1
command -v flock >/dev/null || { echo without; exec cat >/dev/null; }
if flock -n 9; then
  umask 077; trap 'rm -f -- "$2"' EXIT; trap 'exit 1' HUP INT TERM PIPE
  printf '%s\\n' "$3" > "$2"; echo held; cat >/dev/null
else
  echo taken; cat -- "$2" 2>/dev/null
fi
"""

_held: WeakKeyDictionary[Any, object] = WeakKeyDictionary()


def is_held(host: Any) -> bool:
    """Whether this run holds the host's lock."""
    return host in _held


def hold(host: Any, directory: str) -> None:
    """Take the host's lock, for as long as this run lasts.

    Args:
        host: a connected pyinfra host.
        directory: the folder on the target that stands for what is protected; made where it is missing.

    Raises:
        TargetError: another run holds it, or the folder cannot be made.
    """
    if host in _held:
        return
    who = f"{getpass.getuser()}@{socket.gethostname()} since {datetime.now():%Y-%m-%d %H:%M} (process {os.getpid()})"
    note = posixpath.join(directory, NAME)
    command = StringCommand("sh -c", *(QuoteString(word) for word in (_SCRIPT, "sh", directory, note, who)))
    holder, said = _start(host, command)
    if said[:1] == ["taken"]:
        other = said[1] if len(said) > 1 else "somebody"
        if other.startswith(f"{who.partition(' since ')[0]} ") and other.endswith(f"(process {os.getpid()})"):
            raise TargetError(
                "this run holds the host already, for another entry of the inventory; name one of them with --limit, "
                "and run the other after it"
            )
        raise TargetError(f"another run is at work on this host: {other}; wait for it, or end it, and run again")
    if not said:
        raise TargetError("the connection to the host broke while it ran a command; run again")
    if said not in (["held"], ["without"]):
        raise TargetError(f"cannot lock {directory}: {said[-1]}")
    if said == ["without"]:
        host.noop("there is no flock on this host, so nothing keeps two runs apart")
    _held[host] = holder


def _said(readline: Callable[[], str]) -> list[str]:
    """What the command said, from the word that counts on; all of it when the word never came.

    Anything may come before that word: a warning of sudo's or of the shell's.
    """
    lines: list[str] = []
    while line := readline():
        line = line.strip()
        if line in ("held", "without"):
            return [line]
        lines = [line] if line == "taken" else [*lines, line]
    return lines


def _start(host: Any, command: StringCommand) -> tuple[object, list[str]]:
    """Start a command that keeps running, and read what it says first."""
    arguments = host.current_op_global_arguments
    if arguments is None:
        arguments, _ = pop_global_arguments(host.state, host, {})
    kept = ("_get_pty", "_timeout", "_stdin", "_success_exit_codes")
    arguments = {key: value for key, value in arguments.items() if key in CONNECTOR_ARGUMENT_KEYS and key not in kept}
    words = make_unix_command_for_host(host.state, host, command, **arguments).get_raw_value()
    if isinstance(host.connector, LocalConnector):
        process = subprocess.Popen(
            ["sh", "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        return process, _said(process.stdout.readline)
    if isinstance(host.connector, SSHConnector):
        try:
            client: Any = host.connector.client
            channel = client.get_transport().open_session(timeout=10)
            channel.set_combine_stderr(True)
            channel.exec_command(words)
            return channel, _said(channel.makefile("r").readline)
        except (SSHException, EOFError, OSError, AttributeError) as error:
            raise TargetError(f"the connection to the host broke ({str(error) or type(error).__name__})") from error
    raise TargetError(f"{type(host.connector).__name__} cannot hold a lock; use SSH, or @local on the target itself")
