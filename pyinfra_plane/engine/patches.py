"""Every change that this project makes to pyinfra (3.10) and paramiko (4.0) while they run, and the reason for each.

``pyinfra_plane.configure`` applies them from ``config.py``, which pyinfra reads before the inventory. Each is applied
once in a process. ``docs/upstream.md`` has what pyinfra does, how to reproduce it, and what was proposed there.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from importlib import import_module
from threading import Thread
from traceback import extract_tb
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import click
from paramiko import Channel, Transport
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA
from pyinfra import logger
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.api.hiddenvalue import HiddenValue
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import BaseStateCallback, State, StateStage
from pyinfra.connectors import util
from pyinfra.connectors.ssh import SSHConnector

from pyinfra_plane.engine import interrupt
from pyinfra_plane.text import printable

MOST_RECEIVED = 16 * 2**20
MOST_RECEIVED_LINES = 200_000
"""Bytes and lines that a command may send in all, counted on this side: a target's shell can get around any count
there. pyinfra makes an object of some 300 bytes of each line."""


def _wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Put what `make` returns for the present ``owner.name`` in its place, once."""
    present = getattr(owner, name)
    if not hasattr(present, "is_of_pyinfra_plane"):
        new = make(present)
        new.is_of_pyinfra_plane = True
        setattr(owner, name, new)


def _cli_error(message: str) -> Exception:
    """An error that pyinfra's command line shows as one line; any other names a line of this package as well."""
    # Importing it patches the process, which is for pyinfra's command line to do.
    from pyinfra_cli.exceptions import CliError

    error: Exception = CliError(message)
    return error


# The stages of a run. pyinfra has no hook between the inventory and the first connection, and none at Ctrl-C.


def stages(state: State, before_connecting: Callable[[State], object]) -> None:
    """Call `before_connecting` before the first connection; end the run at a stage's begin if Ctrl-C was pressed.

    Args:
        state: the state of the run.
        before_connecting: raises ``SettingsError`` and the like, which are shown as one line.
    """
    go_on = state.set_stage

    def set_stage(stage: StateStage) -> None:
        if interrupt.is_asked():
            sys.exit(interrupt.CODE)
        if stage == StateStage.Connect:
            try:
                before_connecting(state)
            except PyinfraError as error:
                raise _cli_error(str(error)) from error
            state.add_callback_handler(_AtOnce())
        go_on(stage)

    state.set_stage = set_stage  # type: ignore[method-assign]


class _WithoutPlace(PyinfraError):
    """An error of pyinfra's without its traceback: pyinfra would name a line of this file as if it were a deploy's."""

    # contextlib sets it.
    __traceback__ = property(lambda self: None, lambda self, traceback: None)


def failed_hosts(state: State, without_hosts: Callable[[], object]) -> None:
    """End the run after Ctrl-C, and have `without_hosts` called if no host is left; pyinfra exits with 0 after Ctrl-C,
    and prints no JSON without hosts.

    pyinfra calls ``fail_hosts`` at the end of each operation, when no host is at work.
    """
    fail_hosts = state.fail_hosts

    def fail(hosts: Any, activated_count: int | None = None) -> None:
        if interrupt.is_asked():
            state.failed_hosts.update(hosts)
            sys.exit(interrupt.CODE)
        try:
            fail_hosts(hosts, activated_count)  # type: ignore[no-untyped-call]
        except PyinfraError as error:
            without_hosts()
            raise _WithoutPlace(*error.args) from None

    state.fail_hosts = fail  # type: ignore[method-assign]


# The inventory


def conflicting_data(conflicts: Callable[[Mapping[str, Any]], list[str]]) -> None:
    """Refuse an inventory in which `conflicts` finds problems; pyinfra takes the last entry of a name, whichever group
    ``--limit`` asks for.

    Args:
        conflicts: takes the groups as pyinfra makes them: by name, the hosts and the data.
    """

    def make(made: Any) -> Any:
        def checked(self: Inventory, names: Any, groups: Any) -> None:
            problems = conflicts(groups)
            if problems:
                raise _cli_error("; ".join(problems))
            made(self, names, groups)

        return checked

    _wrap(Inventory, "make_hosts_and_groups", make)


def inventory_mistakes() -> None:
    """Name file and line of a mistake in an inventory or in group data, where pyinfra shows a traceback."""
    module: Any = sys.modules.get("pyinfra_cli.inventory")
    if module is None:
        return
    from pyinfra_cli.exceptions import UnexpectedExternalError

    def make(run: Any) -> Any:
        def explained(filename: Any, *arguments: Any, **options: Any) -> Any:
            try:
                return run(filename, *arguments, **options)
            except SyntaxError as error:
                raise _cli_error(f"{filename}, line {error.lineno}: {error.msg}") from None
            except UnexpectedExternalError as error:
                cause = error.__context__ or error
                lines = [frame.lineno for frame in extract_tb(cause.__traceback__) if frame.filename == str(filename)]
                line = f", line {lines[-1]}" if lines else ""
                raise _cli_error(f"{filename}{line}: {printable(f'{type(cause).__name__}: {cause}')}") from None

        return explained

    _wrap(module, "exec_file", make)


def question_without_terminal() -> None:
    """Say in one line that nobody can answer pyinfra's question (cron, CI, Ctrl-D); pyinfra ends in a traceback.

    Any text on standard input is an answer, as before.
    """
    command_line: Any = sys.modules.get("pyinfra_cli.cli")
    if command_line is None:
        return

    def ask() -> str:
        try:
            return input()
        except EOFError:
            click.echo(err=True)  # the question has no end of its line
            raise _cli_error("there is no terminal to answer on; use -y to go ahead, --dry to only look") from None

    command_line.input = ask


# Connections


def connection_failures(fail: Callable[[SSHConnector, PyinfraError], object]) -> None:
    """Have each failed SSH connection say why in one line, where pyinfra shows paramiko's words or a traceback.

    Args:
        fail: takes the connector and pyinfra's error, and raises one with the line.
    """
    # paramiko would print a traceback as well.
    logging.getLogger("paramiko").addHandler(logging.NullHandler())

    def make(connect: Any) -> Any:
        def explained(self: SSHConnector) -> None:
            try:
                connect(self)
            except PyinfraError as error:
                fail(self, error)
            except OSError as error:  # a key file that cannot be read
                why = error.strerror or error
                raise ConnectError(f"ssh_key {self.data['ssh_key']} cannot be read ({why})") from None

        return explained

    _wrap(SSHConnector, "connect", make)


def wrapped_passwords(resolve: Callable[[Host], Mapping[str, HiddenValue]]) -> None:
    """Let the data of a host's connector be wrapped, and the passwords of sudo and su stay so; pyinfra takes text only.

    Args:
        resolve: gives the wrapped secrets in a host's data with what they stand for.
    """

    def make_init(init: Any) -> Any:
        def unwrapped(self: Host, state: Any) -> None:
            # Only meanwhile: `debug-inventory` shows a host's data.
            given = self.data.override_datas
            before = dict(given)
            given.update({key: value.unmask() for key, value in resolve(self).items()})
            try:
                init(self, state)
            finally:
                given.clear()
                given.update(before)

        return unwrapped

    def make_wrap(wrap: Any) -> Any:
        def wrapped_once(self: HiddenValue, content: Any = "", *masked: str) -> None:
            # pyinfra wraps a password itself when it makes a command of it.
            wrap(self, content.unmask() if isinstance(content, HiddenValue) else content, *masked)

        return wrapped_once

    _wrap(Host, "init", make_init)
    _wrap(HiddenValue, "__init__", make_wrap)


def passwords_for_su_and_sudo() -> None:
    """Have commands behind `su` read their input, and notice at once that no program can give sudo its password.

    pyinfra pipes the password into `su`, and nothing after it: SQL or a file would arrive empty. For `sudo` it makes a
    program that prints the password; if that cannot run, `sudo` would seem to have been given none.
    """
    give = """printf '%s\\n' "${1}"\n"""
    made = 'chmod 755 "$temp"\n'
    util.ASKPASS_COMMAND = util.ASKPASS_COMMAND.replace(
        give, f"{give}[ {{1}} = {util.SUDO_ASKPASS_ENV_VAR} ] || exec cat\n"
    ).replace(made, made + '"$temp" </dev/null >/dev/null || {{ rm -f "$temp"; exit 1; }}\n')


class _AtOnce(BaseStateCallback):
    """Sets TCP_NODELAY on each connection, which neither pyinfra nor paramiko does.

    Without it, a small packet that follows another waits until the first is acknowledged, which the other side may put
    off for 40 ms: every third request or command of this deploy.
    """

    @staticmethod
    def host_connect(state: State, host: Any) -> None:
        if not isinstance(host.connector, SSHConnector) or host.connector.client is None:
            return
        transport = host.connector.client.get_transport()
        # A proxy command's is no socket, and has nothing to set.
        if transport is not None and isinstance(transport.sock, socket.socket):
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


_room: WeakKeyDictionary[Channel, tuple[int, int]] = WeakKeyDictionary()
"""By channel of a command, the bytes and the lines that it may still send."""

_overflown: WeakSet[Any] = WeakSet()
"""The transports on which a command sent more than it may."""


def received_output() -> None:
    """Close the channel of a command that sends more than :data:`MOST_RECEIVED`, on standard output or error.

    pyinfra keeps all of it in memory; `yes` in a `.bashrc` would fill it.
    """
    transports: Any = Transport
    # paramiko keeps its receivers in this table; replacing the methods does nothing.
    receivers = transports._channel_handler_table
    if any(hasattr(receiver, "is_bounded") for receiver in receivers.values()):
        return

    def make(open_channel: Any) -> Any:
        def open_bounded(self: Transport, *arguments: Any, **options: Any) -> Channel:
            channel: Channel = open_channel(self, *arguments, **options)
            _room[channel] = MOST_RECEIVED, MOST_RECEIVED_LINES
            return channel

        return open_bounded

    _wrap(Transport, "open_session", make)
    for kind in (MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA):
        receivers[kind] = _bounded(receivers[kind])


def _bounded(feed: Callable[[Channel, Any], None]) -> Callable[[Channel, Any], None]:
    def receive(self: Channel, message: Any) -> None:
        left = _room.get(self)
        if left is not None:
            data = message if isinstance(message, bytes) else message.asbytes()
            left = _room[self] = left[0] - len(data), left[1] - data.count(b"\n")
        if left is None or min(left) >= 0:
            feed(self, message)
        elif self.get_transport() not in _overflown:
            _overflown.add(self.get_transport())
            # Not from here: paramiko reads what comes in this very thread.
            Thread(target=self.close, daemon=True).start()

    receive.is_bounded = True  # type: ignore[attr-defined]
    return receive


def leave_unbounded(channel: Channel) -> None:
    """Do not count what a channel receives: its reader bounds it."""
    _room.pop(channel, None)


def has_overflown(host: Any) -> bool:
    """Whether a command of this host sent too much since the last call."""
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client is not None else None
    if transport is None or transport not in _overflown:
        return False
    _overflown.discard(transport)
    return True


# What is printed


def json_output(hosts: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
    """Add `hosts` to pyinfra's JSON, which has no word of what this project's operations did."""

    def make(print_json: Any) -> Any:
        def with_hosts(payload: Any) -> None:
            print_json(
                {**payload, "hosts": list(hosts())} if isinstance(payload, dict) and "plan" in payload else payload
            )

        return with_hosts

    _wrap(import_module("pyinfra_cli.prints"), "print_json", make)


def no_colours() -> None:
    """Print no colours if the environment has NO_COLOR (https://no-color.org), which pyinfra does not know."""
    context = click.get_current_context(silent=True)
    if context is not None and os.environ.get("NO_COLOR"):
        context.color = False
        for handler in logger.handlers:
            handler.setFormatter(_Uncoloured(handler.formatter))


class _Uncoloured(logging.Formatter):
    """What another formatter gives, without its colours."""

    def __init__(self, other: logging.Formatter | None) -> None:
        super().__init__()
        self._other = other or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        return click.unstyle(str(self._other.format(record)))


def paramikos_last_words() -> None:
    """Hide one traceback of paramiko 4: a command whose connection broke complains again when it is deleted
    (``BufferedFile.__del__``), beside the line that says what happened."""

    def make(hook: Any) -> Any:
        @wraps(hook)
        def shown(unraisable: Any) -> None:
            # From Python 3.14 on, the object that complains is not named.
            trace = unraisable.exc_traceback
            module = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
            if not (module.startswith("paramiko.") and isinstance(unraisable.exc_value, (EOFError, OSError))):
                hook(unraisable)

        return shown

    _wrap(sys, "unraisablehook", make)
