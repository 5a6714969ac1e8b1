"""Commands and files on the target, without showing what must not be shown.

pyinfra prints the output of facts and commands at ``-vvv``. What goes through here is printed only when the caller
says that it holds no secret; secrets go in on standard input.
"""

from __future__ import annotations

import base64
import posixpath
from dataclasses import dataclass
from typing import Any, TypeVar

from paramiko import SSHException
from pyinfra.api import FactBase, QuoteString, StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS, pop_global_arguments


class TargetError(Exception):
    """A command or file on the target did not do as asked; the message is one line that says what to do."""


@dataclass(frozen=True)
class Output:
    """What a command did."""

    ok: bool
    stdout: list[str]
    stderr: list[str]

    @property
    def reason(self) -> str:
        """The last line that it complained with."""
        lines = [line.strip() for line in self.stderr or self.stdout if line.strip()]
        return lines[-1][:300] if lines else "it said nothing"


def run(host: Any, *bits: object, stdin: str | None = None, show_output: bool = False) -> Output:
    """Run a shell command on the target with the rights (sudo and so on) of the operation that is running.

    Args:
        host: the pyinfra host.
        bits: as for pyinfra's ``StringCommand``; shown at ``-vv``, so never a secret.
        stdin: what the command reads; never shown.
        show_output: whether ``-vvv`` may show what the command prints.

    Raises:
        TargetError: the connection to the host broke.
    """
    arguments = host.current_op_global_arguments
    if arguments is None:
        arguments, _ = pop_global_arguments(host.state, host, {})
    arguments = {key: value for key, value in arguments.items() if key in CONNECTOR_ARGUMENT_KEYS}
    if stdin is not None:
        arguments["_stdin"] = stdin
    try:
        ok, output = host.run_shell_command(
            StringCommand(*bits),
            print_input=host.state.print_input,
            print_output=show_output and host.state.print_output,
            **arguments,
        )
    except EOFError as error:
        raise TargetError(
            "the connection to the host broke, or sudo asked for a password and nobody could answer; run again, with "
            "_sudo_password in host data or --same-sudo-password"
        ) from error
    except (OSError, SSHException) as error:
        raise TargetError(
            f"the connection to the host broke ({str(error) or type(error).__name__}); run again"
        ) from error
    if not (ok or output.stdout_lines or output.stderr_lines or _is_connected(host)):
        raise TargetError("the connection to the host broke while it ran a command; run again")
    return Output(ok, list(output.stdout_lines), list(output.stderr_lines))


def _is_connected(host: Any) -> bool:
    """Whether the SSH connection is up; ``True`` for connectors that have none."""
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client is not None else None
    return transport is None or bool(transport.is_active())


T = TypeVar("T")


def read_fact(host: Any, fact: type[FactBase[T]], stdin: str | None = None, **arguments: Any) -> T:
    """What a fact reads from the host.

    Not ``host.get_fact``: where a command cannot be run at all (a wrong sudo password, say), that ends the whole run
    with a traceback when the host is the last one.

    Args:
        stdin: what the fact's command reads; never shown.
        arguments: the fact's own.

    Raises:
        TargetError: the host did not run the command.
    """
    # FactBase leaves command to its subclasses, each with arguments of its own.
    command: Any = fact().command
    output = run(host, command(**arguments), stdin=stdin, show_output=True)
    if not output.ok:
        raise TargetError(
            f"the host did not run a command: {output.reason}; check the SSH user's rights, --sudo and its password"
        )
    return fact().process(output.stdout) if output.stdout else fact.default()


@dataclass(frozen=True)
class RemoteFile:
    """A file on the target: text, mode (such as ``600``), owner and group."""

    text: str
    mode: str
    user: str
    group: str


RIGHTS = "give the SSH user the right to, or use --sudo"

_ABSENT = "absent"


def read_file(host: Any, path: str) -> RemoteFile | None:
    """A text file on the target, ``None`` when there is none. What it holds is never printed.

    Raises:
        TargetError: it is there and cannot be read.
    """
    quoted = QuoteString(path)
    output = run(
        host,
        "if [ -e", quoted, "]; then stat -c '%a %U %G' --", quoted, "&& base64 --", quoted,
        "; else echo", _ABSENT, "; fi",
    )  # fmt: skip
    if not output.ok or not output.stdout:
        raise TargetError(f"cannot read {path}: {output.reason}; {RIGHTS}")
    if output.stdout[0] == _ABSENT:
        return None
    mode, user, group = output.stdout[0].split(" ", 2)
    try:
        # In base64, because pyinfra's reading of lines is not exact for every byte.
        text = base64.b64decode("".join(output.stdout[1:])).decode()
    except ValueError as error:
        raise TargetError(f"{path} is not UTF-8 text; mend it or move it away") from error
    return RemoteFile(text, mode, user, group)


def write_file(
    host: Any, path: str, text: str, mode: str = "600", user: str | None = None, group: str | None = None
) -> None:
    """Write a file on the target whole and rename it into place; nobody else can read it for an instant.

    What arrives is counted before the rename, so that a connection that drops cannot leave half a file. The folder is
    made where it is missing. Readers keep the old file until the new one is complete and on the disk.

    Args:
        text: must end in a newline; goes in on standard input.
        mode: octal digits.
        user, group: who it is to belong to; whoever writes it when ``None``.

    Raises:
        TargetError: it could not be written; what was there is untouched.
    """
    folder, name = posixpath.split(path)
    new = QuoteString(posixpath.join(folder, f".{name}.new"))
    size = len(text.encode())
    output = run(
        host,
        "umask 022; mkdir -p --", QuoteString(folder or "."), "&& umask 077 && rm -f --", new,
        "&& trap", QuoteString(StringCommand("rm -f --", new)), "EXIT",
        # noclobber: the file is made, never followed or reused.
        "&& set -C && cat >", new, "&& [ $(wc -c <", new, f") -eq {size} ] && chmod {mode} --", new,
        *_chown(user, group, new), "&& { sync --", new, "2>/dev/null || sync; } && mv -fT --", new, QuoteString(path),
        stdin=text,
    )  # fmt: skip
    if not output.ok:
        reason = output.reason if output.stderr else "it did not arrive whole"
        advice = f"; {RIGHTS}" if "ermission denied" in reason else ""
        raise TargetError(f"cannot write {path}: {reason}; what was there is untouched{advice}")


def _chown(user: str | None, group: str | None, file: QuoteString) -> list[object]:
    owner = f"{user or ''}:{group}" if group else user
    return ["&& chown", QuoteString(owner), "--", file] if owner else []


def differing_access(file: RemoteFile, mode: str, user: str | None = None, group: str | None = None) -> str | None:
    """How a file's mode and owner differ from what is wanted, in words; ``None`` when they do not."""
    wanted = {"mode": (file.mode, mode), "user": (file.user, user), "group": (file.group, group)}
    lines = [f"{what} {now} → {then}" for what, (now, then) in wanted.items() if then is not None and now != then]
    return ", ".join(lines) or None


def change_access(host: Any, path: str, mode: str, user: str | None = None, group: str | None = None) -> None:
    """Set a file's mode and owner.

    Raises:
        TargetError: they could not be set.
    """
    file = QuoteString(path)
    output = run(host, "chmod", mode, "--", file, *_chown(user, group, file))
    if not output.ok:
        raise TargetError(f"cannot set mode and owner of {path}: {output.reason}; {RIGHTS}")
