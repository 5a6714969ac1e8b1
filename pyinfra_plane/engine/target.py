"""Commands and files on the target, without showing what must not be shown.

pyinfra prints the output of facts and commands at ``-vvv``. What goes through here is printed only when the caller
says that it holds no secret; secrets go in on standard input.

The target is not trusted with this machine: what is read from it is bounded in bytes and seconds, and what it says is
made plain before it is shown.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, TypeVar

import gevent
from gevent.lock import BoundedSemaphore
from gevent.monkey import is_module_patched
from paramiko import Channel, ChannelException, SSHException
from pyinfra.api import FactBase, QuoteString, StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS, AllArguments, pop_global_arguments
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.output import echo

from pyinfra_plane.engine import patches
from pyinfra_plane.engine.docker_errors import explain_no_compose
from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.errors import ExpectedError
from pyinfra_plane.text import printable, quote

WHEN_REFUSED = (0.0, 0.1, 0.5, 2.0)
"""Seconds after which to ask an SSH server again that refused a command: one that ended here counts for a moment more
there."""

LARGEST_OUTPUT = 4 * 2**20
"""Bytes that a file or a fact's command may come to; a file in base64. What is read here are a few KB."""

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
        reason = said[-1] if said else "it said nothing"
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
    return _once_there_is_room(host, lambda: _run(host, command, own, stdin, show_output, longest))


def open_session(host: Any) -> Channel:
    """A channel of the host's SSH connection, for a command that :func:`run` cannot run: one that keeps running.

    Raises:
        TargetError: the connection to the host broke, or the SSH server runs as many commands as it will.
    """

    def attempt() -> Channel:
        with explained():
            client = host.connector.client
            transport = client.get_transport() if client is not None else None
            if transport is None:
                raise EOFError
            channel: Channel = transport.open_session(timeout=LONGEST_OPENING)
            patches.leave_unbounded(channel)
            return channel

    return _once_there_is_room(host, attempt)


T = TypeVar("T")


def _once_there_is_room(host: Any, attempt: Callable[[], T]) -> T:
    for pause in WHEN_REFUSED:
        try:
            return attempt()
        except _TooManyAtOnce:
            wait_for_readings(host)
            gevent.sleep(pause)
    return attempt()


def _run(
    host: Any, command: StringCommand, own: dict[str, Any], stdin: str | None, show_output: bool, longest: int
) -> Output:
    arguments = dict(own)
    if stdin is not None:
        arguments["_stdin"] = stdin
        # A terminal would repeat what goes in, and change it: the line's length, its ends.
        arguments.pop("_get_pty", None)
    arguments["_timeout"] = arguments.get("_timeout") or longest
    with explained():
        try:
            ok, output = host.run_shell_command(
                command,
                print_input=host.state.print_input,
                print_output=False,
                **arguments,
            )
        except EOFError as error:
            raise TargetError(
                "the connection to the host broke, or sudo asked for a password and nobody could answer; run again, "
                "with _sudo_password in host data or --same-sudo-password"
            ) from error
        except TimeoutError as error:
            raise TargetError(
                f"a command on the host did not end within {arguments['_timeout']} s; -vv shows it, see what it waits "
                "for"
            ) from error
    if patches.has_overflown(host):
        raise TargetTooMuch(
            f"more than {patches.MOST_RECEIVED / 2**20:.3g} MiB or {patches.MOST_RECEIVED_LINES} lines came from the "
            "host while it ran a command; its shell must not print anything itself: see .bashrc and the like of the "
            "SSH user"
        )
    if not (ok or output.stdout_lines or output.stderr_lines or _is_connected(host)):
        raise TargetError("the connection to the host broke while it ran a command; run again")
    # A terminal (_get_pty) ends lines as a typewriter does.
    stdout, stderr = ([line.rstrip("\r") for line in lines] for lines in (output.stdout_lines, output.stderr_lines))
    if show_output:
        _show(host, (*stdout, *stderr))
    return Output(ok, stdout, stderr)


def _show(host: Any, lines: Iterable[str]) -> None:
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
        raise TargetError(f"the host cannot hand a password to sudo or su: {reason}") from error
    except (OSError, EOFError, SSHException) as error:
        raise TargetError(
            f"the connection to the host broke ({str(error) or type(error).__name__}); run again"
        ) from error


def rights(host: Any) -> dict[str, Any]:
    """How the operation that is running has its commands run: sudo and so on; outside one, as the host's data say."""
    arguments = host.current_op_global_arguments
    if arguments is None:
        kept = run_of(host).part(_Readings)
        if kept.arguments is None:
            # pyinfra evaluates the type of each argument for it, every time.
            kept.arguments = pop_global_arguments(host.state, host, {})[0]
        arguments = kept.arguments
    return {key: value for key, value in arguments.items() if key in CONNECTOR_ARGUMENT_KEYS}


@dataclass(frozen=True)
class Reading:
    """A command that reads something.

    Args:
        command: the shell command, as it is run.
        through: what its output goes through on its way.
        stdin: what it reads; never shown.
    """

    command: str
    through: str = "cat"
    stdin: str | None = None


AT_ONCE = 3
"""Commands that are under way ahead of their time. OpenSSH allows ten in a connection (``MaxSessions``)."""

LONGEST_AHEAD = 30.0
"""Seconds after which what was read ahead of its time is read again: the other hosts may have taken long."""


@dataclass
class _Readings:
    """What is read on one host ahead of its time.

    Args:
        arguments: how commands outside an operation are run there.
        under_way: all that may not have ended yet, what is forgotten as well.
    """

    arguments: AllArguments | None = None
    begun: dict[tuple[Reading, str], tuple[float, gevent.Greenlet]] = field(default_factory=dict)
    under_way: list[gevent.Greenlet] = field(default_factory=list)
    turns: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(AT_ONCE))


def begin_readings(host: Any, readings: Iterable[Reading]) -> None:
    """Start what will be read next, some at the same time; it is waited for when it is asked for.

    For what nothing changes until then; see :func:`forget_readings`. Where sudo is used, not before a command was run
    with it: it may have to ask a person for a password, once.
    """
    readings = list(readings)
    if not (readings and is_module_patched("socket")):
        return  # else nothing would take turns
    own, kept = rights(host), run_of(host).part(_Readings)

    def read(reading: Reading) -> Output | None:
        with kept.turns:
            # What fails is tried again when it is asked for, and then told.
            try:
                output = _run(host, _bounded(reading), own, reading.stdin, False, LONGEST_READING)
            except TargetError:
                return None
            return output if output.ok else None

    for reading in readings:
        if (reading, repr(own)) not in kept.begun:
            greenlet = gevent.spawn(read, reading)
            kept.begun[reading, repr(own)] = time.monotonic(), greenlet
            kept.under_way.append(greenlet)


def is_ssh_user(host: Any) -> bool:
    """Whether commands outside an operation run as the SSH user, so that nobody is asked for another password."""
    return not any(rights(host).get(key) for key in ("_sudo", "_su_user", "_doas"))


def take_turns(host: Any) -> None:
    """Let what is under way go on, while this process has other things to do."""
    if run_of(host).part(_Readings).under_way:
        gevent.idle()


def forget_readings(host: Any) -> None:
    """Have everything read anew that is asked for from now on. What is under way ends by itself."""
    run_of(host).part(_Readings).begun.clear()


def wait_for_readings(host: Any) -> None:
    """Wait until nothing is under way any more, asked for or not."""
    kept = run_of(host).part(_Readings)
    under_way, kept.under_way = kept.under_way, []
    gevent.joinall(under_way)


def _read(host: Any, reading: Reading) -> Output:
    """What a command prints, as begun before or else as it is now.

    Raises:
        TargetError: as :func:`run`.
        TargetTooMuch: it printed half of :data:`LARGEST_OUTPUT` or more.
    """
    begun, greenlet = run_of(host).part(_Readings).begun.pop((reading, repr(rights(host))), (0.0, None))
    output: Output | None = None
    if greenlet is not None and time.monotonic() - begun < LONGEST_AHEAD:
        output = greenlet.get()
    if output is None:
        output = run(host, _bounded(reading), stdin=reading.stdin, longest=LONGEST_READING)
    # Line breaks are not counted, and what had been printed when the rest was cut off may count as a good end.
    if sum(map(len, output.stdout)) >= LARGEST_OUTPUT // 2:
        raise TargetTooMuch(f"more than {LARGEST_OUTPUT / 2**21:.3g} MiB came from the host, where a few KB should")
    return output


def _bounded(reading: Reading) -> StringCommand:
    # POSIX sh keeps the status of a pipe's last command alone, so the first one's goes around it, on 3.
    return StringCommand(
        f"exec 4>&1; {{ {{ (\n{reading.command}\n); echo $? >&3; }} | head -c {LARGEST_OUTPUT} | "
        f'{reading.through} >&4; }} 3>&1 | {{ read -r status; exit "${{status:-1}}"; }}'
    )


def _is_connected(host: Any) -> bool:
    """Whether the SSH connection is up; ``True`` for connectors that have none."""
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client is not None else None
    return transport is None or bool(transport.is_active())


def fact_reading(fact: type[FactBase[Any]], stdin: str | None = None, **arguments: Any) -> Reading:
    """What :func:`read_fact` runs."""
    # FactBase leaves command to its subclasses, each with arguments of its own.
    command: Any = fact().command
    # In base64, because a byte that is no UTF-8 would end the reading, with a traceback of pyinfra's.
    return Reading(StringCommand(command(**arguments)).get_raw_value(), "base64", stdin)


def read_fact(host: Any, fact: type[FactBase[T]], stdin: str | None = None, **arguments: Any) -> T:
    """What a fact reads from the host.

    Not ``host.get_fact``: where a command cannot be run at all (a wrong sudo password, say), that ends the whole run
    with a traceback when the host is the last one.

    Args:
        stdin: what the fact's command reads; never shown, nor is what it prints then, which may repeat it.
        arguments: the fact's own.

    Raises:
        TargetError: the host did not run the command, or answered what the fact does not understand.
    """
    output = _read(host, fact_reading(fact, stdin, **arguments))
    try:
        text = base64.b64decode("".join(output.stdout), validate=True).decode(errors="replace")
    except ValueError as error:
        said = quote(output.stdout[0], 80)
        raise TargetError(f"the host said '{said}' of itself; its shell must not print anything itself") from error
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []
    if stdin is None:
        _show(host, lines)
    if not output.ok:
        reason = Output(False, lines, output.stderr).reason
        raise TargetError(
            f"the host did not run a command: {reason}; check the SSH user's rights, --sudo and its password"
        )
    return fact().process(lines) if lines else fact.default()


@dataclass(frozen=True)
class RemoteFile:
    """A file on the target: text, mode (such as ``600``), owner and group, these by name and by number."""

    text: str
    mode: str
    user: str
    group: str
    uid: str = ""
    gid: str = ""


RIGHTS = "give the SSH user the right to, or use --sudo"

_ABSENT = "absent"
_ODD = "odd"


def file_reading(path: str) -> Reading:
    """What :func:`read_file` runs."""
    quoted = QuoteString(path)
    command = StringCommand(
        "if [ -f", quoted, "]; then LC_ALL=C stat -L -c '%a %u %g %U/%G' --", quoted, "&& base64 --", quoted,
        "; elif [ -e", quoted, "] || [ -L", quoted, "]; then echo", _ODD, "&& LC_ALL=C stat -c %F --", quoted,
        "; else echo", _ABSENT, "; fi",
    )  # fmt: skip
    return Reading(command.get_raw_value())


def read_file(host: Any, path: str) -> RemoteFile | None:
    """A text file on the target, ``None`` when there is none. What it holds is never printed.

    Raises:
        TargetError: it is there and cannot be read, or is no file: a pipe would be waited for, a device has no end.
    """
    try:
        output = _read(host, file_reading(path))
    except TargetTooMuch as error:
        raise TargetError(f"cannot read {path}: {error}; mend it or move it away") from error
    if not output.ok or not output.stdout:
        raise TargetError(f"cannot read {path}: {output.reason}; {RIGHTS}")
    if output.stdout[0] == _ABSENT:
        return None
    if output.stdout[0] == _ODD:
        kind = quote(output.stdout[-1])
        kind = "link that leads nowhere" if kind == "symbolic link" else kind
        raise TargetError(f"cannot read {path}: it is a {kind}, not a file; move it away")
    # A name may hold blanks, where it comes from a directory service.
    access = re.fullmatch(r"([0-7]{1,4}) ([0-9]+) ([0-9]+) ([^/]+)/([^/]+)", output.stdout[0])
    if access is None:
        said = quote(output.stdout[0], 80)
        raise TargetError(f"cannot read {path}: the host said '{said}' first; its shell must not print anything itself")
    mode, uid, gid, user, group = access.groups()
    try:
        # In base64, because pyinfra's reading of lines is not exact for every byte.
        text = base64.b64decode("".join(output.stdout[1:]), validate=True).decode()
    except ValueError as error:
        raise TargetError(f"{path} is not UTF-8 text; mend it or move it away") from error
    return RemoteFile(text, mode, user, group, uid, gid)


def write_file(
    host: Any, path: str, text: str, mode: str = "600", user: str | None = None, group: str | None = None
) -> None:
    """Write a file on the target whole and rename it into place; nobody else can read it for an instant.

    What arrives is counted before the rename, so that a connection that drops cannot leave half a file. The folder is
    made where it is missing. Readers keep the old file until the new one is complete and on the disk.

    Where the path is a link, the file that it leads to is written, beside which the new one is made: that is the file
    that was read and compared. In the link's place, a new file would leave the old one with its secrets where nobody
    looks, and whoever reads that one with what is no longer true. Who can put a link into the folder could put a file
    there as well.

    Args:
        text: must end in a newline; goes in on standard input.
        mode: octal digits.
        user, group: who it is to belong to; whoever writes it when ``None``.

    Raises:
        TargetError: it could not be written; what was there is untouched.
    """
    size = len(text.encode())
    output = run(
        host,
        "umask 022; set --", QuoteString(path if "/" in path else f"./{path}"), "; file=$1;",
        # The dot keeps line breaks that a name may end in.
        '[ ! -L "$1" ] || { file=$(readlink -nf -- "$1" && echo .) && file=${file%.}; }',
        '|| { echo "it is a link that leads nowhere" >&2; exit 1; };', _REFUSE_LINK,
        'mkdir -p -- "${file%/*}/" && umask 077 && new="${file%/*}/.${file##*/}.new.$$"',
        '&& for old in "${file%/*}/.${file##*/}.new"*; do rm -f -- "$old" || exit 1; done',
        # Without PIPE, a shell would end at a complaint that nobody reads, and leave the file.
        """&& trap 'rm -f -- "$new"' EXIT && trap '' PIPE""",
        # noclobber: the file is made, never followed or reused.
        '&& set -C && cat >"$new" && [ $(wc -c <"$new"', f') -eq {size} ] && chmod -- {mode} "$new"',
        *_chown(user, group, '"$new"'),
        '&& { sync -- "$new" 2>/dev/null || sync; }', _if_run_lives(host), '&& mv -fT -- "$new" "$file"',
        stdin=text,
    )  # fmt: skip
    if not output.ok:
        reason = output.reason if output.stderr else "it did not arrive whole"
        advice = f"; {RIGHTS}" if "ermission denied" in reason else ""
        raise TargetError(f"cannot write {path}: {reason}; what was there is untouched{advice}")


@dataclass
class _Holder:
    """The process on a host that holds this run's lock, once it does."""

    process: int | None = None


def write_only_while_runs(host: Any, process: int) -> None:
    """Have writes of this host replace nothing once a process there has ended: the one that holds this run's lock.

    OpenSSH does not end a command whose run was killed: a write that was held up goes on, maybe after the next run.
    """
    run_of(host).part(_Holder).process = process


def _if_run_lives(host: Any) -> str:
    """Ends a command whose run does not hold its lock any more.

    In words, since ``kill`` also fails for a process of another user.
    """
    process = run_of(host).part(_Holder).process
    if process is None:
        return ""
    return (
        f"&& case $(LC_ALL=C kill -0 {process} 2>&1) in *'o such process'*) "
        "echo 'the run that began this has ended' >&2; exit 1;; esac"
    )


_REFUSE_LINK = (
    '[ "$file" = "$1" ] || for one in "$1" "${1%/*}/" "${file%/*}/"; do '
    'owner=$(LC_ALL=C stat -c %u -- "$one") && [ "$owner" = "$(id -u)" ] || '
    '{ echo "it is a link, and $one is not of who writes it; name the file that it leads to in the setting" >&2; '
    "exit 1; }; done;"
)
"""Of a link that somebody else put there, the file that it leads to is not written, nor given to anybody."""


def _chown(user: str | None, group: str | None, file: str | QuoteString) -> list[object]:
    owner = f"{user or ''}:{group}" if group else user
    return ["&& chown --", QuoteString(owner), file] if owner else []


def differing_access(file: RemoteFile, mode: str, user: str | None = None, group: str | None = None) -> str | None:
    """How a file's mode and owner differ from what is wanted, in words; ``None`` when they do not.

    Args:
        user, group: a name or a number.
    """
    wanted = {
        "mode": (file.mode, mode),
        "user": (file.uid if user and user.isdecimal() else file.user, user),
        "group": (file.gid if group and group.isdecimal() else file.group, group),
    }
    lines = [f"{what} {now} → {then}" for what, (now, then) in wanted.items() if then is not None and now != then]
    return ", ".join(lines) or None


def change_access(host: Any, path: str, mode: str, user: str | None = None, group: str | None = None) -> None:
    """Set a file's mode and owner.

    Raises:
        TargetError: they could not be set.
    """
    output = run(
        host,
        "set --", QuoteString(path if "/" in path else f"./{path}"), '; file=$(readlink -nf -- "$1" && echo .);',
        'file=${file%.};', '[ -L "$1" ] || file=$1;', _REFUSE_LINK,
        "chmod --", mode, '"$file"', *_chown(user, group, '"$file"'),
    )  # fmt: skip
    if not output.ok:
        raise TargetError(f"cannot set mode and owner of {path}: {output.reason}; {RIGHTS}")
