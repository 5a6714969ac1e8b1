"""Programs of a sandbox host that note what they are started with, and go on as the real ones.

A process that lasts less than the watcher's interval may not be seen by it; these notes have every one of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from sandbox.host import Host

PROGRAMS = ("base64", "cat", "chmod", "chown", "flock", "mkdir", "mv", "rm", "stat", "sync", "wc")

_MARK = "@@STARTED@@"

# Only what the shell has built in, but for `stat`: the program's output may be a file that the shell has just made.
_SCRIPT = """#!/bin/sh
out=$(readlink /proc/$$/fd/1)
{{
    printf '{mark}%s\\n' {name}
    printf '%s\\n' "$@"
    echo {mark}
    export -p
    echo {mark}
    case "$out" in {root}/*) {stat} -L -c "%a %s $out" "$out" ;; esac
    for word in "$@"; do case "$word" in *.new.*) {stat} -c '%a %s %n' -- "$word" 2>/dev/null ;; esac; done
}} >> {notes}/{name}-$PPID-$$
exec {real} "$@"
"""


def record_programs(host: Host) -> None:
    """From now on, note how programs are started on the host."""
    real = {name: shutil.which(name) for name in PROGRAMS}
    docker = host.commands_path / "docker"
    real["docker"] = str(docker.rename(docker.with_name("real-docker")))
    notes = host.commands_path / "notes"
    notes.mkdir()
    for name, path in real.items():
        if path is not None:
            script = host.commands_path / name
            script.write_text(
                _SCRIPT.format(mark=_MARK, name=name, root=host.root, stat=real["stat"], notes=notes, real=path)
            )
            script.chmod(0o755)


def recorded(host: Host) -> Iterator[tuple[str, str, str]]:
    """Of each program that was started: its name, its arguments, and its environment as a shell writes it."""
    for name, words, exported, _ in _notes(host):
        yield name, words, exported


def written(host: Host) -> list[tuple[str, str, int, str]]:
    """The program, and mode, size and name of the file that it was about to write, count or rename."""
    found = []
    for name, _, _, files in _notes(host):
        for line in files.splitlines():
            mode, size, path = line.split(" ", 2)
            found.append((name, mode, int(size), path.rpartition("/")[2]))
    return found


def _notes(host: Host) -> Iterator[tuple[str, str, str, str]]:
    # A file for each process: two at once would write into each other's lines.
    for note in sorted((host.commands_path / "notes").iterdir(), key=lambda note: note.stat().st_mtime_ns):
        # One that was ended while it was noted down has less.
        _, begun, exported, files, *_ = [*note.read_text().split(_MARK), "", "", ""]
        name, _, words = begun.partition("\n")
        yield name, words, exported.strip("\n"), files.strip("\n")
