"""Files on the host: read, written whole, given to an owner."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

from pyinfra.api import QuoteString, StringCommand

from pyinfra_plane.engine.commands import TargetError, TargetTooMuch, run
from pyinfra_plane.engine.lock import holding_process
from pyinfra_plane.engine.readings import Reading, read
from pyinfra_plane.text import quote


@dataclass(frozen=True)
class RemoteFile:
    """A file on the target: text, mode (such as ``600``), owner and group, these by name and by number."""

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
    # A name may hold blanks, where it comes from a directory service.
    access = re.fullmatch(r"([0-7]{1,4}) ([0-9]+) ([0-9]+) ([^/]+)/([^/]+)", access_line)
    if access is None:
        said = quote(access_line, 80)
        raise TargetError(
            f"cannot read {path}: the host printed '{said}' first; its shell must not print anything by itself"
        )
    mode, uid, gid, user, group = access.groups()
    try:
        # In base64, because pyinfra's reading of lines is not exact for every byte.
        text = base64.b64decode("".join(encoded), validate=True).decode()
    except ValueError as error:
        raise TargetError(f"{path} is not UTF-8 text; fix it or move it away") from error
    return RemoteFile(text, mode, user, group, uid, gid)


@dataclass(frozen=True)
class RemoteFolder:
    """A folder on the target, with those of its files that were asked for, by name."""

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
    """The text files of a folder on the target, in one command; ``None`` when there is no folder.

    Args:
        endings: of the names of those files; names with other characters than letters, digits and ``._-`` are not seen.

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
    """Make a folder with this mode, or give it to one that exists.

    Raises:
        TargetError: it could not be made.
    """
    quoted = QuoteString(path)
    output = run(host, "umask 022; mkdir -p --", quoted, "&& chmod --", mode, quoted)
    if not output.ok:
        raise TargetError(f"cannot create {path}: {output.reason}; {RIGHTS}")


def remove_file(host: Any, path: str) -> None:
    """Remove a file; one that is gone already is no error.

    Raises:
        TargetError: it could not be removed.
    """
    output = run(host, "rm -f --", QuoteString(path))
    if not output.ok:
        raise TargetError(f"cannot remove {path}: {output.reason}; {RIGHTS}")


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
    output = run(host, *_write_command(host, path, len(text.encode()), mode, user, group), stdin=text)
    if not output.ok:
        reason = output.reason if output.stderr else "it did not arrive whole"
        advice = f"; {RIGHTS}" if "ermission denied" in reason else ""
        raise TargetError(f"cannot write {path}: {reason}; the file was not changed{advice}")


def _write_command(
    host: Any, path: str, size: int, mode: str, user: str | None, group: str | None
) -> tuple[object, ...]:
    return (
        "umask 022;", *_file_at(path), 'mkdir -p -- "${file%/*}/" && umask 077 && new="${file%/*}/.${file##*/}.new.$$"',
        '&& for old in "${file%/*}/.${file##*/}.new"*; do rm -f -- "$old" || exit 1; done',
        # Without PIPE, a shell would end at a complaint that nobody reads, and leave the file.
        """&& trap 'rm -f -- "$new"' EXIT && trap '' PIPE""",
        # noclobber: the file is made, never followed or reused.
        '&& set -C && cat >"$new" && [ $(wc -c <"$new"', f') -eq {size} ] && chmod -- {mode} "$new"',
        *_chown(user, group, '"$new"'),
        '&& { sync -- "$new" 2>/dev/null || sync; }', _if_run_lives(host), '&& mv -fT -- "$new" "$file"',
    )  # fmt: skip


def _if_run_lives(host: Any) -> str:
    """Ends a command whose run does not hold its lock any more.

    OpenSSH does not end a command whose run was killed: a write that was held up goes on, maybe after the next run. In
    words, since ``kill`` also fails for a process of another user.
    """
    process = holding_process(host)
    if process is None:
        return ""
    return (
        f"&& case $(LC_ALL=C kill -0 {process} 2>&1) in *'o such process'*) "
        "echo 'the run that began this has ended' >&2; exit 1;; esac"
    )


_FOLLOW_LINK = (
    # The dot keeps line breaks that a name may end in.
    '; file=$1; [ ! -L "$1" ] || { file=$(readlink -nf -- "$1" && echo .) && file=${file%.}; } || '
    '{ echo "it is a link that leads nowhere" >&2; exit 1; }; '
    '[ "$file" = "$1" ] || for one in "$1" "${1%/*}/" "${file%/*}/"; do '
    'owner=$(LC_ALL=C stat -c %u -- "$one") && [ "$owner" = "$(id -u)" ] || '
    '{ echo "it is a link, and another user owns $one; set the path of the file that it leads to" >&2; '
    "exit 1; }; done;"
)


def _file_at(path: str) -> list[object]:
    """Sets ``$file`` to the file that is meant by a path: where that is a link, what it leads to.

    If somebody else put the link there, that file is not written, nor given to anybody, and the command ends.
    """
    return ["set --", QuoteString(path if "/" in path else f"./{path}"), _FOLLOW_LINK]


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
    output = run(host, *_file_at(path), "chmod --", mode, '"$file"', *_chown(user, group, '"$file"'))
    if not output.ok:
        raise TargetError(f"cannot set mode and owner of {path}: {output.reason}; {RIGHTS}")
