"""Every change that this project makes to pyinfra (3.10) and paramiko (4.0) at run time, and the reason for each.

``pyinfra_plane.configure`` applies them from ``config.py``, which pyinfra reads before the inventory. Each is applied
once per process. ``docs/upstream.md`` has pyinfra's behaviour, how to reproduce it, and the upstream proposal.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from hmac import compare_digest
from importlib import import_module
from itertools import dropwhile
from threading import Thread
from traceback import extract_tb
from types import SimpleNamespace
from typing import Any, cast
from weakref import WeakKeyDictionary, WeakSet

import click
import paramiko.file
import paramiko.util
from paramiko import Channel, Transport
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA
from pyinfra import logger
from pyinfra.api import arguments, connectors, inventory
from pyinfra.api import util as api_util
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
"""Maximum bytes and lines of a command's output, counted on this side, because a target's shell can evade any count
there.

pyinfra creates an object of about 300 bytes for each line.
"""


def _replacing(owner: Any, name: str) -> Callable[[Callable[..., Any]], None]:
    """Call the decorated function in place of ``owner.name``, which it gets as its first argument."""
    return lambda function: setattr(owner, name, _around(getattr(owner, name), function))


def _around(present: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls `function` with `present` first.

    `present` itself if it is such a function already.
    """
    if hasattr(present, "is_of_pyinfra_plane"):
        return present

    @wraps(present)
    def call(*arguments: Any, **options: Any) -> Any:
        return function(present, *arguments, **options)

    call.is_of_pyinfra_plane = True  # type: ignore[attr-defined]
    return call


def cli_error(message: str) -> Exception:
    """An error that pyinfra's command line shows as one line; for any other, it also names a line of this package."""
    # Importing it patches the process, which only pyinfra's command line should do.
    from pyinfra_cli.exceptions import CliError

    error: Exception = CliError(message)
    return error


# The stages of a run. pyinfra has no hook between the inventory and the first connection, and none at Ctrl-C.


def stages(state: State, before_connecting: Callable[[State], object], before_operations: Callable[[], object]) -> None:
    """Call a function before two stages of the run; end the run at the start of a stage after Ctrl-C.

    Args:
        state: the state of the run.
        before_connecting: raises ``SettingsError`` and similar errors, which are shown as one line.
        before_operations: is called when pyinfra begins to run the operations; not in a preview.
    """

    @_replacing(state, "set_stage")
    def set_stage(go_on: Any, stage: StateStage) -> None:
        if interrupt.is_requested():
            sys.exit(interrupt.CODE)
        if stage == StateStage.Connect:
            try:
                before_connecting(state)
            except PyinfraError as error:
                raise cli_error(str(error)) from error
            state.add_callback_handler(_Connected())
        if stage == StateStage.Execute:
            before_operations()
        go_on(stage)


class _WithoutTraceback(PyinfraError):
    """An error of pyinfra's without its traceback, in which pyinfra would name a line of this file like a deploy's."""

    # contextlib sets the traceback.
    __traceback__ = property(lambda self: None, lambda self, traceback: None)


def failed_hosts(state: State, without_hosts: Callable[[], object]) -> None:
    """End the run after Ctrl-C, and call `without_hosts` if no host is left.

    pyinfra exits with 0 after Ctrl-C, and prints no JSON without hosts. It calls ``fail_hosts`` at the end of each
    operation, when no host is at work.
    """

    @_replacing(state, "fail_hosts")
    def fail(fail_hosts: Any, hosts: Any, activated_count: int | None = None) -> None:
        if interrupt.is_requested():
            state.failed_hosts.update(hosts)
            sys.exit(interrupt.CODE)
        try:
            fail_hosts(hosts, activated_count)
        except PyinfraError as error:
            without_hosts()
            raise _WithoutTraceback(*error.args) from None


# The inventory


def conflicting_data(conflicts: Callable[[Mapping[str, Any]], list[str]]) -> None:
    """Refuse an inventory in which `conflicts` finds problems.

    pyinfra uses the last entry of a name, whichever group ``--limit`` selects.

    Args:
        conflicts: takes pyinfra's groups: by name, the hosts and the data.
    """

    @_replacing(Inventory, "make_hosts_and_groups")
    def checked(made: Any, self: Inventory, names: Any, groups: Any) -> None:
        problems = conflicts(groups)
        if problems:
            raise cli_error("; ".join(problems))
        made(self, names, groups)


def inventory_mistakes() -> None:
    """Name file and line of a mistake in an inventory or in group data; pyinfra shows a traceback."""
    module: Any = sys.modules.get("pyinfra_cli.inventory")
    if module is None:
        return
    from pyinfra_cli.exceptions import UnexpectedExternalError

    @_replacing(module, "exec_file")
    def explained(run: Any, filename: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return run(filename, *arguments, **options)
        except SyntaxError as error:
            raise cli_error(f"{filename}, line {error.lineno}: {error.msg}") from None
        except UnexpectedExternalError as error:
            cause = error.__context__ or error
            lines = [frame.lineno for frame in extract_tb(cause.__traceback__) if frame.filename == str(filename)]
            line = f", line {lines[-1]}" if lines else ""
            raise cli_error(f"{filename}{line}: {printable(f'{type(cause).__name__}: {cause}')}") from None


def group_data_parsed_once() -> None:
    """Find out once what a file of group data imports; pyinfra parses the file again for each name in it."""
    module: Any = import_module("pyinfra_cli.inventory")
    module._get_imported_names = cache(module._get_imported_names)


def connectors_found_once() -> None:
    """Look for connectors once; pyinfra looks through all installed packages again for each host of the inventory."""
    if not hasattr(connectors.get_all_connectors, "cache_info"):
        found = cache(connectors.get_all_connectors)
        connectors.get_all_connectors = inventory.get_all_connectors = found


def question_without_terminal() -> None:
    """Report in one line that nobody can answer pyinfra's question (cron, CI, Ctrl-D); pyinfra ends in a traceback.

    Any text on standard input is an answer, as before.
    """
    command_line: Any = sys.modules.get("pyinfra_cli.cli")
    if command_line is None:
        return

    def ask() -> str:
        try:
            return input()
        except EOFError:
            click.echo(err=True)  # the question does not end its line
            raise cli_error(
                "no terminal to confirm on; use -y to apply the changes, or --dry to preview them"
            ) from None

    command_line.input = ask


# The cost of each operation on each host


class _WithMergedData:
    """A host whose data is in one place, in the order in which pyinfra would find it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.data = SimpleNamespace(**host.data.dict())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)


def cheap_operations() -> None:
    """Spare pyinfra most of its own work for an operation: its place in the deploy, and its global arguments.

    pyinfra reads the source around each frame of the stack, but uses only the frame's file and line. It evaluates the
    types of the arguments again for each operation, and looks for each argument in each of the host's dictionaries.
    """

    @_replacing(import_module("pyinfra.api.operation"), "get_operation_order_from_stack")
    def order(present: Any, state: State) -> list[int]:
        places, frame = [], sys._getframe(2)
        while frame is not None:
            places.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back  # type: ignore[assignment]
        places.reverse()
        deploy = state.current_deploy_filename
        if deploy:
            places = list(dropwhile(lambda place: place[0] != deploy, places))
        own = [line for file, line in places if not file.startswith(api_util.PYINFRA_INSTALL_DIR)]
        return [cast(int, state.current_op_file_number), *own]

    if not hasattr(arguments.all_global_arguments, "cache_info"):
        arguments.all_global_arguments = cache(arguments.all_global_arguments)
    for module in ("pyinfra.api.operation", "pyinfra.api.deploy", "pyinfra_plane.engine.commands"):

        @_replacing(import_module(module), "pop_global_arguments")
        def popped(pop: Any, state: State, host: Host, given: dict[str, Any]) -> Any:
            return pop(state, _WithMergedData(host), given)


# Connections


def cheap_packets() -> None:
    """Compare the checksum of each packet in C; paramiko does it in Python, byte by byte."""
    paramiko.util.constant_time_bytes_eq = cast(Any, compare_digest)


def connection_failures(fail: Callable[[SSHConnector, PyinfraError], object]) -> None:
    """Report each failed SSH connection in one line; pyinfra shows paramiko's words or a traceback.

    Args:
        fail: takes the connector and pyinfra's error, and raises one with the line.
    """
    # paramiko would print a traceback as well.
    logging.getLogger("paramiko").addHandler(logging.NullHandler())

    @_replacing(SSHConnector, "connect")
    def explained(connect: Any, self: SSHConnector) -> None:
        try:
            connect(self)
        except PyinfraError as error:
            fail(self, error)
        except OSError as error:  # a key file that cannot be read
            why = error.strerror or error
            raise ConnectError(f"ssh_key {self.data['ssh_key']} cannot be read ({why})") from None


def wrapped_passwords(resolve: Callable[[Host], Mapping[str, HiddenValue]]) -> None:
    """Accept wrapped data for a host's connector, and keep the passwords of sudo and su wrapped.

    Pyinfra accepts text only.

    Args:
        resolve: returns the wrapped secrets in a host's data with their values.
    """

    @_replacing(Host, "init")
    def unwrapped(init: Any, self: Host, state: Any) -> None:
        # Only during the connection: `debug-inventory` shows a host's data.
        given = self.data.override_datas
        before = dict(given)
        given.update({key: value.unmask() for key, value in resolve(self).items()})
        try:
            init(self, state)
        finally:
            given.clear()
            given.update(before)

    @_replacing(HiddenValue, "__init__")
    def wrapped_once(wrap: Any, self: HiddenValue, content: Any = "", *masked: str) -> None:
        # pyinfra wraps a password itself when it puts the password into a command.
        wrap(self, content.unmask() if isinstance(content, HiddenValue) else content, *masked)


def passwords_for_su_and_sudo() -> None:
    """Let commands behind `su` read their input, and report at once if sudo's password program cannot run.

    pyinfra pipes the password into `su`, and nothing after it: SQL or a file would arrive empty. For `sudo` it creates
    a program that prints the password; if that cannot run, `sudo` would report a missing password.
    """
    give = """printf '%s\\n' "${1}"\n"""
    made = 'chmod 755 "$temp"\n'
    util.ASKPASS_COMMAND = util.ASKPASS_COMMAND.replace(
        give, f"{give}[ {{1}} = {util.SUDO_ASKPASS_ENV_VAR} ] || exec cat\n"
    ).replace(made, made + '"$temp" </dev/null >/dev/null || {{ rm -f "$temp"; exit 1; }}\n')


def immediate_packets() -> None:
    """Send each packet of an SSH connection at once (TCP_NODELAY), from the handshake on.

    Otherwise a small packet that follows another waits until the first is acknowledged, which the other side may delay
    for 40 ms: once in each handshake, and at every third request or command of this deploy.
    """

    @_replacing(Transport, "start_client")
    def start(present: Any, self: Transport, *arguments: Any, **options: Any) -> None:
        # The connection of a proxy command is no socket, and has no such option.
        if isinstance(self.sock, socket.socket):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        present(self, *arguments, **options)


IDLE = 10.0
"""Seconds for which paramiko waits for data before it checks a connection."""


class _Connected(BaseStateCallback):
    """Let paramiko wait longer for data after the handshake.

    It looks at each idle connection ten times a second. With 300 hosts, that takes an eighth of the CPU. What arrives,
    a connection that breaks, and the end of the run interrupt the wait.
    """

    @staticmethod
    def host_connect(state: State, host: Any) -> None:
        transport = transport_of(host)
        if transport is not None and isinstance(transport.sock, socket.socket):
            transport.sock.settimeout(IDLE)


_room: WeakKeyDictionary[Channel, tuple[int, int]] = WeakKeyDictionary()
"""By a command's channel, the bytes and lines that it may still send."""

_overflown: WeakSet[Any] = WeakSet()
"""The transports on which a command sent more than the maximum."""


def received_output() -> None:
    """Close the channel of a command that sends more than :data:`MOST_RECEIVED`, on standard output or error.

    pyinfra keeps all of it in memory; `yes` in a `.bashrc` would fill it.
    """

    @_replacing(Transport, "open_session")
    def open_bounded(open_channel: Any, self: Transport, *arguments: Any, **options: Any) -> Channel:
        channel: Channel = open_channel(self, *arguments, **options)
        _room[channel] = MOST_RECEIVED, MOST_RECEIVED_LINES
        return channel

    # paramiko stores its receivers in this table; replacing the methods has no effect.
    receivers = cast(Any, Transport)._channel_handler_table
    for kind in (MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA):
        receivers[kind] = _around(receivers[kind], _receive)


def _receive(feed: Callable[[Channel, Any], None], channel: Channel, message: Any) -> None:
    left = _room.get(channel)
    if left is not None:
        data = message if isinstance(message, bytes) else message.asbytes()
        left = _room[channel] = left[0] - len(data), left[1] - data.count(b"\n")
    if left is None or min(left) >= 0:
        feed(channel, message)
    elif channel.get_transport() not in _overflown:
        _overflown.add(channel.get_transport())
        # Not from here: paramiko receives in this very thread.
        Thread(target=channel.close, daemon=True).start()


def any_bytes() -> None:
    """Show a byte that is not UTF-8 as a replacement character; pyinfra ends the command with a traceback.

    This holds for commands over SSH and for those on this machine.
    """
    cast(Any, paramiko.file).u = lambda line: line.decode(errors="replace")

    @_replacing(util, "read_buffer")
    def read_text(read: Any, name: str, io: Iterable[str | bytes], *arguments: Any, **options: Any) -> None:
        lines = (line if isinstance(line, str) else line.decode(errors="replace") for line in io)
        read(name, lines, *arguments, **options)


def leave_unbounded(channel: Channel) -> None:
    """Do not count a channel's output: its reader limits it."""
    _room.pop(channel, None)


def has_overflown(host: Any) -> bool:
    """Whether a command of this host sent too much since the last call."""
    transport = transport_of(host)
    if transport is None or transport not in _overflown:
        return False
    _overflown.discard(transport)
    return True


def transport_of(host: Any) -> Transport | None:
    """The transport of the host's SSH connection; ``None`` for a connector without one."""
    client = getattr(host.connector, "client", None)
    return client.get_transport() if client is not None else None


# What is printed


def json_output(hosts: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
    """Add `hosts` to pyinfra's JSON, which says nothing about this project's operations."""

    @_replacing(import_module("pyinfra_cli.prints"), "print_json")
    def with_hosts(print_json: Any, payload: Any) -> None:
        is_of_a_run = isinstance(payload, dict) and "plan" in payload
        print_json({**payload, "hosts": list(hosts())} if is_of_a_run else payload)


def no_colours() -> None:
    """Print no colours if the environment has NO_COLOR (https://no-color.org), which pyinfra does not know."""
    context = click.get_current_context(silent=True)
    if context is not None and os.environ.get("NO_COLOR"):
        context.color = False
        for handler in logger.handlers:

            @_replacing(handler.formatter, "format")
            def uncoloured(coloured: Any, record: logging.LogRecord) -> str:
                return click.unstyle(coloured(record))


def hide_deletion_errors() -> None:
    """Hide one traceback of paramiko 4, which follows the line about a broken connection.

    A command whose connection broke raises again when it is deleted (``BufferedFile.__del__``).
    """

    @_replacing(sys, "unraisablehook")
    def shown(hook: Any, unraisable: Any) -> None:
        # From Python 3.14 on, the object that raised is not named.
        trace = unraisable.exc_traceback
        module = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
        if not (module.startswith("paramiko.") and isinstance(unraisable.exc_value, (EOFError, OSError))):
            hook(unraisable)
