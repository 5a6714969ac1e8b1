"""Commands on the host, without showing what must not be shown.

pyinfra prints the output of facts and commands at ``-vvv``. What goes through here is printed only when the caller
says that it holds no secret; secrets go in on standard input.

The host is not trusted with this machine: what is read from it is bounded in bytes and seconds, and what it says is
made printable before it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, TypeVar

import gevent
from gevent.pool import Group
from paramiko import Channel, ChannelException, SSHException
from pyinfra.api import StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS, AllArguments, pop_global_arguments
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.output import echo
from pyinfra.connectors.util import CommandOutput

from pyinfra_plane.engine import patches
from pyinfra_plane.engine.docker_errors import explain_no_compose
from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.errors import ExpectedError
from pyinfra_plane.text import printable, quote

T = TypeVar("T")

WHEN_REFUSED = (0.0, 0.1, 0.5, 2.0)
"""Seconds after which to ask an SSH server again that refused a command: one that ended here counts for a moment more
there."""

LONGEST_OPENING = 10.0
"""Seconds within which an SSH server says whether it will run a command."""

LONGEST_READING = 300
LONGEST_COMMAND = 3600
"""Seconds after which reading, and any other command, is given up. ``docker compose up`` may fetch images."""


class TargetError(ExpectedError):
    """A command or file on the target did not do as asked; the message is one line that says what to do."""


class _TooManyAtOnce(TargetError):
    """The SSH server would not run one command more."""


class TargetTooMuch(TargetError):
    """A command printed far more than it should."""


@dataclass(frozen=True)
class Output:
    """What a command did."""

    ok: bool
    stdout: list[str]
    stderr: list[str]

    @property
    def reason(self) -> str:
        """The last line that it complained with; not where help is to be had, nor the help itself."""
        # The prompt of su's does not end its line.
        lines = [quote(line.removeprefix("Password: "), 300) for line in (self.stderr or self.stdout)[-LONGEST_HELP:]]
        complaints = takewhile(lambda line: not line.startswith("Usage:"), lines)
        said = [line for line in complaints if line and not _ADVICE.fullmatch(line)] or [line for line in lines if line]
        reason = said[-1] if said else "it printed nothing"
        no_compose = explain_no_compose(reason)
        if no_compose is not None:
            return no_compose.line
        cures = [cure for words, cure in _CURES.items() if any(re.search(words, line) for line in said)]
        return "; ".join([reason, *cures[:1]])


_CURES = {
    "^Unmatched '|: Command not found[.]$": "the SSH user's shell is csh or tcsh; give it another: chsh -s /bin/sh",
    "must have a tty to run sudo": "put into sudoers, with the user's name: Defaults:NAME !requiretty",
    "askpass-[^ ]+: Permission denied": "set _temp_dir in host data to a folder in which programs can be executed",
}
"""By words of what refuses every command, what to do."""

LONGEST_HELP = 200
"""Lines that a command may end with and that are looked at for a reason. Docker 20.10 has some 70 of help."""

_ADVICE = re.compile(r"(Run|See|Try) '.*--help.*|BusyBox v.* multi-call binary\.?", re.I)


def run(
    host: Any,
    *bits: object,
    stdin: str | None = None,
    show_output: bool = False,
    longest: int = LONGEST_COMMAND,
) -> Output:
    """Run a shell command on the target with the rights (sudo and so on) of the operation that is running.

    Args:
        host: the pyinfra host.
        bits: as for pyinfra's ``StringCommand``; shown at ``-vv``, so never a secret.
        stdin: what the command reads; never shown.
        show_output: whether ``-vvv`` may show what the command prints.
        longest: seconds that it may take, where the operation has no ``_timeout``.

    Raises:
        TargetError: the connection to the host broke, or the command did not end.
    """
    command, own = StringCommand(*bits), rights(host)
    return _once_there_is_room(host, lambda: run_with(host, command, own, stdin, longest, show_output))


def open_session(host: Any) -> Channel:
    """A channel of the host's SSH connection, for a command that :func:`run` cannot run: one that keeps running.

    Raises:
        TargetError: the connection to the host broke, or the SSH server runs as many commands as it will.
    """

    def attempt() -> Channel:
        with explained():
            transport = patches.transport_of(host)
            if transport is None:
                raise EOFError
            channel: Channel = transport.open_session(timeout=LONGEST_OPENING)
            patches.leave_unbounded(channel)
            return channel

    return _once_there_is_room(host, attempt)


def _once_there_is_room(host: Any, attempt: Callable[[], T]) -> T:
    for pause in WHEN_REFUSED:
        try:
            return attempt()
        except _TooManyAtOnce:
            wait_for_others(host)
            gevent.sleep(pause)
    return attempt()


def run_with(
    host: Any,
    command: StringCommand,
    own: dict[str, Any],
    stdin: str | None = None,
    longest: int = LONGEST_COMMAND,
    show_output: bool = False,
) -> Output:
    """As :func:`run`, once, with rights that were looked up before."""
    arguments = {**own, "_timeout": own.get("_timeout") or longest}
    if stdin is not None:
        arguments["_stdin"] = stdin
        # A terminal would repeat what goes in, and change it: the line's length, its ends.
        arguments.pop("_get_pty", None)
    ok, output = _run_shell_command(host, command, arguments)
    if patches.has_overflown(host):
        raise TargetTooMuch(
            f"more than {patches.MOST_RECEIVED / 2**20:.3g} MiB or {patches.MOST_RECEIVED_LINES} lines came from the "
            "host during a command; the SSH user's shell must not print anything by itself: check .bashrc and similar "
            "files"
        )
    transport = patches.transport_of(host)
    is_connected = transport is None or transport.is_active()
    if not (ok or output.stdout_lines or output.stderr_lines or is_connected):
        raise TargetError("the connection to the host broke while it ran a command; run again")
    # A terminal (_get_pty) ends lines as a typewriter does.
    stdout, stderr = ([line.rstrip("\r") for line in lines] for lines in (output.stdout_lines, output.stderr_lines))
    if show_output:
        show(host, (*stdout, *stderr))
    return Output(ok, stdout, stderr)


def _run_shell_command(host: Any, command: StringCommand, arguments: dict[str, Any]) -> tuple[bool, CommandOutput]:
    with explained():
        try:
            ok, output = host.run_shell_command(
                command, print_input=host.state.print_input, print_output=False, **arguments
            )
        except EOFError as error:
            raise TargetError(
                "the connection to the host broke, or sudo asked for a password; run again, with _sudo_password in "
                "host data or --same-sudo-password"
            ) from error
        except TimeoutError as error:
            raise TargetError(
                f"a command on the host did not end within {arguments['_timeout']} s; run with -vv to see it, and "
                "check what it waits for"
            ) from error
    return ok, output


def show(host: Any, lines: Iterable[str]) -> None:
    """Show what a command printed, if pyinfra was asked for output (``-vvv``)."""
    if host.state.print_output:
        for line in lines:
            echo(f"{host.print_prefix}{printable(line)}", err=True)


@contextmanager
def explained() -> Iterator[None]:
    """Turns what paramiko raises into a :class:`TargetError`."""
    try:
        yield
    except ChannelException as error:
        raise _TooManyAtOnce(
            f"the SSH server refused to run a command ({error.text or error.code}); see MaxSessions in its sshd_config"
        ) from error
    except PyinfraError as error:
        reason = Output(False, [], str(error).partition(": ")[2].splitlines()).reason
        raise TargetError(f"the host cannot pass a password to sudo or su: {reason}") from error
    except (OSError, EOFError, SSHException) as error:
        raise TargetError(
            f"the connection to the host broke ({str(error) or type(error).__name__}); run again"
        ) from error


@dataclass
class _OutsideOperations:
    """How commands outside an operation are run on a host."""

    arguments: AllArguments | None = None


def rights(host: Any) -> dict[str, Any]:
    """How the operation that is running has its commands run: sudo and so on; outside one, as the host's data say."""
    arguments = host.current_op_global_arguments
    if arguments is None:
        kept = run_of(host).part(_OutsideOperations)
        if kept.arguments is None:
            # pyinfra evaluates the type of each argument for it, every time.
            kept.arguments = pop_global_arguments(host.state, host, {})[0]
        arguments = kept.arguments
    return {key: value for key, value in arguments.items() if key in CONNECTOR_ARGUMENT_KEYS}


def run_beside(host: Any, function: Callable[[], T]) -> gevent.Greenlet:
    """Begin something that runs commands, while others are run."""
    return run_of(host).part(Group).spawn(function)


def wait_for_others(host: Any) -> None:
    """Wait until nothing that was begun is under way any more, asked for or not."""
    run_of(host).part(Group).join()


def is_ssh_user(host: Any) -> bool:
    """Whether commands outside an operation run as the SSH user, so that nobody is asked for another password."""
    return not any(rights(host).get(key) for key in ("_sudo", "_su_user", "_doas"))
