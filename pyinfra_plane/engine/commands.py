"""Commands on the host that never show secrets.

pyinfra prints the output of facts and commands at ``-vvv``. The output of commands run here is printed only if the
caller says that it holds no secret; secrets are sent on standard input.

The host is not trusted: its output is limited in bytes and seconds, and made printable before it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine import patches
from pyinfra_plane.engine.docker_errors import explain_no_compose
from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.errors import ExpectedError
from pyinfra_plane.text import printable, quote

T = TypeVar("T")

WHEN_REFUSED = (0.0, 0.1, 0.5, 2.0)
"""Seconds after which to retry a command that an SSH server refused: the server still counts a command that has just
ended here."""

LONGEST_OPENING = 10.0
"""Maximum seconds in which an SSH server says whether it will run a command."""

LONGEST_READING = 300
LONGEST_COMMAND = 3600
"""Maximum seconds for a reading or any other command. ``docker compose up`` may pull images."""


class TargetError(ExpectedError):
    """A command or file on the target failed; the message is one line that says what to do."""


class _TooManyAtOnce(TargetError):
    """The SSH server refused to run one more command."""


class TargetTooMuch(TargetError):
    """A command printed far more than expected."""


@dataclass(frozen=True)
class Output:
    """The result of a command."""

    ok: bool
    stdout: list[str]
    stderr: list[str]

    @property
    def reason(self) -> str:
        """The last line of its complaint, without hints about help and without the help text itself."""
        # The prompt of su does not end its line.
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
"""Advice for complaints that stop every command, by words in the complaint."""

LONGEST_HELP = 200
"""Maximum number of last lines that are searched for a reason. Docker 20.10 prints about 70 lines of help."""

_ADVICE = re.compile(r"(Run|See|Try) '.*--help.*|BusyBox v.* multi-call binary\.?", re.I)


def run(
    host: Any,
    *bits: object,
    stdin: str | None = None,
    show_output: bool = False,
    longest: int = LONGEST_COMMAND,
) -> Output:
    """Run a shell command on the target with the rights (sudo and so on) of the current operation.

    Args:
        host: the pyinfra host.
        bits: as for pyinfra's ``StringCommand``; shown at ``-vv``, so never a secret.
        stdin: the command's standard input; never shown.
        show_output: whether ``-vvv`` may show the command's output.
        longest: maximum seconds, if the operation has no ``_timeout``.

    Raises:
        TargetError: the connection to the host broke, or the command did not end.
    """
    command, own = StringCommand(*bits), rights(host)
    return _retry_when_full(host, lambda: run_with(host, command, own, stdin, longest, show_output))


def open_session(host: Any) -> Channel:
    """Open a channel of the host's SSH connection, for a command that :func:`run` cannot run: one that keeps running.

    Raises:
        TargetError: the connection to the host broke, or the SSH server runs its maximum number of commands.
    """

    def attempt() -> Channel:
        with explained():
            transport = patches.transport_of(host)
            if transport is None:
                raise EOFError
            channel: Channel = transport.open_session(timeout=LONGEST_OPENING)
            patches.leave_unbounded(channel)
            return channel

    return _retry_when_full(host, attempt)


def _retry_when_full(host: Any, attempt: Callable[[], T]) -> T:
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
    """As :func:`run`, once, with rights that were determined before."""
    arguments = {**own, "_timeout": own.get("_timeout") or longest}
    if stdin is not None:
        arguments["_stdin"] = stdin
        # A terminal would echo the input and change it: the length of lines, and their ends.
        arguments.pop("_get_pty", None)
    ok, output = _run_shell_command(host, command, arguments)
    if patches.has_overflown(host):
        raise TargetTooMuch(
            f"the host sent more than {patches.MOST_RECEIVED / 2**20:.3g} MiB or {patches.MOST_RECEIVED_LINES} lines "
            "during a command; the SSH user's shell must print only a command's output: check .bashrc and similar files"
        )
    transport = patches.transport_of(host)
    is_connected = transport is None or transport.is_active()
    if not (ok or output.stdout_lines or output.stderr_lines or is_connected):
        raise TargetError("the connection to the host broke while it ran a command; run again")
    # A terminal (_get_pty) ends lines with CRLF.
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
                "the connection to the host broke, or sudo requires a password; run again, with _sudo_password in "
                "host data or --same-sudo-password"
            ) from error
        except TimeoutError as error:
            raise TargetError(
                f"a command on the host did not end within {arguments['_timeout']} s; run with -vv to see it, and "
                "check what it waits for"
            ) from error
    return ok, output


def show(host: Any, lines: Iterable[str]) -> None:
    """Show a command's output, if ``-vvv`` was given."""
    if host.state.print_output:
        for line in lines:
            echo(f"{host.print_prefix}{printable(line)}", err=True)


@contextmanager
def explained() -> Iterator[None]:
    """Convert paramiko's exceptions into a :class:`TargetError`."""
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
    """The rights of commands that run on a host outside an operation."""

    arguments: AllArguments | None = None


def rights(host: Any) -> dict[str, Any]:
    """The rights (sudo and so on) of the current operation; outside an operation, those in the host's data."""
    arguments = host.current_op_global_arguments
    if arguments is None:
        kept = run_of(host).part(_OutsideOperations)
        if kept.arguments is None:
            # pyinfra evaluates the type of each argument for this, every time.
            kept.arguments = pop_global_arguments(host.state, host, {})[0]
        arguments = kept.arguments
    return {key: value for key, value in arguments.items() if key in CONNECTOR_ARGUMENT_KEYS}


def run_in_parallel(host: Any, function: Callable[[], T]) -> gevent.Greenlet:
    """Start a function that runs commands, in parallel with other commands."""
    return run_of(host).part(Group).spawn(function)


def wait_for_others(host: Any) -> None:
    """Wait until every function that was started has ended, requested or not."""
    run_of(host).part(Group).join()


def is_ssh_user(host: Any) -> bool:
    """Whether commands outside an operation run as the SSH user, so that no further password is requested."""
    return not any(rights(host).get(key) for key in ("_sudo", "_su_user", "_doas"))
