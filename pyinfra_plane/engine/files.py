"""Files on the host: read, written as a whole, and given an owner."""

from __future__ import annotations

import base64
import re
from typing import Any

from pyinfra.api import QuoteString, StringCommand

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.commands import TargetError, TargetTooMuch, run
from pyinfra_plane.engine.lock import holding_process
from pyinfra_plane.engine.readings import Reading, read
from pyinfra_plane.text import quote


@dataclass(frozen=True)
class RemoteFile:
    """A file on the target: text, mode (such as ``600``), owner and group, both by name and by number."""

    text: str
    mode: str
    user: str
    group: str
    uid: str = ""
    gid: str = ""


RIGHTS = "give the SSH user that right, or use --sudo"

_ABSENT = "absent"
_ODD = "odd"


def file_reading(path: str) -> Reading:
    """The command that :func:`read_file` runs."""
    quoted = QuoteString(path)
    command = StringCommand(
        "if [ -f", quoted, "]; then LC_ALL=C stat -L -c '%a %u %g %U/%G' --", quoted, "&& base64 --", quoted,
        "; elif [ -e", quoted, "] || [ -L", quoted, "]; then echo", _ODD, "&& LC_ALL=C stat -c %F --", quoted,
        "; else echo", _ABSENT, "; fi",
    )  # fmt: skip
    return Reading(command.get_raw_value())


def read_file(host: Any, path: str) -> RemoteFile | None:
    """Read a text file on the target; ``None`` if it does not exist. Its content is never printed.

    Raises:
        TargetError: it cannot be read, or is no regular file: reading a pipe would block, and a device has no end.
    """
    try:
        output = read(host, file_reading(path))
    except TargetTooMuch as error:
        raise TargetError(f"cannot read {path}: {error}; fix it or move it away") from error
    if not output.ok or not output.stdout:
        raise TargetError(f"cannot read {path}: {output.reason}; {RIGHTS}")
    if output.stdout[0] == _ABSENT:
        return None
    if output.stdout[0] == _ODD:
        kind = quote(output.stdout[-1])
        kind = "link that leads nowhere" if kind == "symbolic link" else kind
        raise TargetError(f"cannot read {path}: it is a {kind}, not a file; move it away")
    return _parsed(path, output.stdout[0], output.stdout[1:])


def _parsed(path: str, access_line: str, encoded: list[str]) -> RemoteFile:
    # A name from a directory service may contain blanks.
    access = re.fullmatch(r"([0-7]{1,4}) ([0-9]+) ([0-9]+) ([^/]+)/([^/]+)", access_line)
    if access is None:
        said = quote(access_line, 80)
        raise TargetError(
            f"cannot read {path}: the host printed '{said}' first; the SSH user's shell must print only a command's "
            "output"
        )
    mode, uid, gid, user, group = access.groups()
    try:
        # In base64, because pyinfra does not preserve every byte of a line.
        text = base64.b64decode("".join(encoded), validate=True).decode()
    except ValueError as error:
        raise TargetError(f"{path} is not UTF-8 text; fix it or move it away") from error
    return RemoteFile(text, mode, user, group, uid, gid)


@dataclass(frozen=True)
class RemoteFolder:
    """A folder on the target, with the requested files in it, by name."""

    mode: str
    files: dict[str, RemoteFile]


_LIST = """
[ -d "$1" ] || { [ -e "$1" ] && echo odd || echo absent; exit; }
cd -- "$1" || exit 1
LC_ALL=C stat -c %a . || exit 1
shift
for ending; do for file in *"$ending"; do
  case $file in *[!A-Za-z0-9._-]*) continue ;; esac
  [ -f "$file" ] || continue
  echo "$file" && LC_ALL=C stat -L -c '%a %u %g %U/%G' -- "./$file" && base64 -- "./$file" | tr -d '\\n' || exit 1
  echo
done; done
"""


def read_folder(host: Any, path: str, *endings: str) -> RemoteFolder | None:
    """Read the text files of a folder on the target, in one command; ``None`` if the folder does not exist.

    Args:
        endings: endings of the files' names; names with other characters than letters, digits and ``._-`` are ignored.

    Raises:
        TargetError: the folder or a file in it cannot be read.
    """
    words = ["sh -c", QuoteString(_LIST), "sh", *map(QuoteString, (path, *endings))]
    output = read(host, Reading(StringCommand(*words).get_raw_value()))
    if not output.ok or not output.stdout:
        raise TargetError(f"cannot read {path}: {output.reason}; {RIGHTS}")
    mode, *lines = output.stdout
    if mode == _ABSENT:
        return None
    if mode == _ODD:
        raise TargetError(f"cannot read {path}: it is not a folder; move it away")
    files = {}
    for name, access, text in zip(lines[::3], lines[1::3], lines[2::3], strict=False):
        files[name] = _parsed(f"{path}/{name}", access, [text])
    return RemoteFolder(mode, files)


def make_folder(host: Any, path: str, mode: str) -> None:
    """Create a folder with this mode, or set the mode of an existing one.

    Raises:
        TargetError: it could not be created.
    """
    quoted = QuoteString(path)
    output = run(host, "umask 022; mkdir -p --", quoted, "&& chmod --", mode, quoted)
    if not output.ok:
        raise TargetError(f"cannot create {path}: {output.reason}; {RIGHTS}")


def remove_file(host: Any, path: str) -> None:
    """Remove a file. A file that does not exist is no error.

    Raises:
        TargetError: it could not be removed.
    """
    output = run(host, "rm -f --", QuoteString(path))
    if not output.ok:
        raise TargetError(f"cannot remove {path}: {output.reason}; {RIGHTS}")


def write_file(
    host: Any, path: str, text: str, mode: str = "600", user: str | None = None, group: str | None = None
) -> None:
    """Write a whole file on the target and rename it into place. No other user can read it at any moment.

    The received bytes are counted before the rename, so that an interrupted connection cannot leave half a file. The
    folder is created if it is missing. Readers keep the old file until the new one is complete and on the disk.

    If the path is a link, its target is written, and the new file is created next to that target: the target is the
    file that was read and compared. A new file in place of the link would leave the old one, with its secrets, where
    nobody looks, and programs that read that one would get outdated values. A user who can create a link in the folder
    could create a file there as well.

    Args:
        text: must end in a newline; sent on standard input.
        mode: octal digits.
        user, group: owner and group of the file; the user that writes it if ``None``.

    Raises:
        TargetError: it could not be written; the old file is unchanged.
    """
    output = run(host, *_write_command(host, path, len(text.encode()), mode, user, group), stdin=text)
    if not output.ok:
        reason = output.reason if output.stderr else "it did not arrive whole"
        advice = f"; {RIGHTS}" if "ermission denied" in reason else ""
        raise TargetError(f"cannot write {path}: {reason}; the file was not changed{advice}")


def _write_command(
    host: Any, path: str, size: int, mode: str, user: str | None, group: str | None
) -> tuple[object, ...]:
    return (
        "umask 022;", *_file_at(path),
        '{ [ -d "${file%/*}/" ] || mkdir -p -- "${file%/*}/"; } && umask 077 && new="${file%/*}/.${file##*/}.new.$$"',
        '&& for old in "${file%/*}/.${file##*/}.new"*; do',
        'if [ -e "$old" ] || [ -L "$old" ]; then rm -f -- "$old" || exit 1; fi; done',
        # Without PIPE, a shell would end at a complaint that nobody reads, and leave the file.
        """&& trap 'rm -f -- "$new"' EXIT && trap '' PIPE""",
        # noclobber: the file is created; an existing file or link is never used.
        '&& set -C && cat >"$new" && [ $(wc -c <"$new"', f') -eq {size} ] && chmod -- {mode} "$new"',
        *_chown(user, group, '"$new"'),
        '&& { sync -- "$new" 2>/dev/null || sync; }', _if_run_lives(host), '&& mv -fT -- "$new" "$file" && trap - EXIT',
    )  # fmt: skip


def _if_run_lives(host: Any) -> str:
    """Return shell code that ends a command whose run no longer holds its lock.

    OpenSSH does not end the command of a killed run: a delayed write continues, maybe after the next run. The check
    compares words, because ``kill`` also fails for a process of another user.
    """
    process = holding_process(host)
    if process is None:
        return ""
    return (
        f"&& case $(LC_ALL=C kill -0 {process} 2>&1) in *'o such process'*) "
        "echo 'the run that began this has ended' >&2; exit 1;; esac"
    )


_FOLLOW_LINK = (
    # The dot preserves line breaks at the end of a name.
    '; file=$1; [ ! -L "$1" ] || { file=$(readlink -nf -- "$1" && echo .) && file=${file%.}; } || '
    '{ echo "it is a link that leads nowhere" >&2; exit 1; }; '
    '[ "$file" = "$1" ] || for one in "$1" "${1%/*}/" "${file%/*}/"; do '
    'owner=$(LC_ALL=C stat -c %u -- "$one") && [ "$owner" = "$(id -u)" ] || '
    '{ echo "it is a link, and another user owns $one; set the path of the file that it leads to" >&2; '
    "exit 1; }; done;"
)


def _file_at(path: str) -> list[object]:
    """Return shell code that sets ``$file`` to the file at a path, or to the target of a link at that path.

    If another user created the link, the target is neither written nor given to anybody, and the command ends.
    """
    return ["set --", QuoteString(path if "/" in path else f"./{path}"), _FOLLOW_LINK]


def _chown(user: str | None, group: str | None, file: str | QuoteString) -> list[object]:
    owner = f"{user or ''}:{group}" if group else user
    return ["&& chown --", QuoteString(owner), file] if owner else []


def differing_access(file: RemoteFile, mode: str, user: str | None = None, group: str | None = None) -> str | None:
    """Describe how a file's mode and owner differ from the desired ones; ``None`` if they do not.

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
    output = run(host, *_file_at(path), "chmod --", mode, '"$file"', *_chown(user, group, '"$file"'))
    if not output.ok:
        raise TargetError(f"cannot set mode and owner of {path}: {output.reason}; {RIGHTS}")
