"""Watches what any user of this machine could: every process's command line and environment, and temporary directories.

A program of its own, run by path until its standard input ends: in the tests' process it would take the time that the
sandbox needs. It is told no secret. What it saw goes to standard output.
"""

from __future__ import annotations

import marshal
import os
import stat
import sys
import time

INTERVAL = 0.01
BIGGEST = 4_000_000

Seen = list[tuple[str, int, int, bytes, bytes]]
"""What it is, the process or the file's mode, whose it is, its command line or path, and what was seen."""


def main(directories: list[str]) -> None:
    seen: Seen = []
    commands: dict[str, bytes] = {}
    # Folders that were there before are looked through once it is over: there may be thousands.
    folders = {directory: _changed_at(directory) for directory in directories}
    known = {path for folder in folders for path in _folders(folder)}
    old = {path for folder in folders for path in _files(folder)}
    fresh: dict[str, tuple[int, int]] = {}
    os.set_blocking(0, False)
    asked: bytes | None = b"\n"
    while asked != b"":
        begun = time.monotonic()
        _look_at_processes(seen, commands)
        _look_at_files(seen, folders, fresh, old, known)
        if asked:
            print("looked", file=sys.stderr, flush=True)
        asked = _asked()
        time.sleep(0 if asked else max(0.0, INTERVAL - (time.monotonic() - begun)))
    marshal.dump(seen, sys.stdout.buffer)


def _asked() -> bytes | None:
    """A line where somebody waits for everything to be looked at, nothing at the end."""
    try:
        return os.read(0, 1)
    except BlockingIOError:
        return None


def _look_at_processes(seen: Seen, commands: dict[str, bytes]) -> None:
    for process in os.listdir("/proc"):  # noqa: PTH208 - a hundred times a second
        if not process.isdecimal() or process == str(os.getpid()):
            continue
        try:
            command = _read(f"/proc/{process}/cmdline")
            # A process gets another environment only with another program.
            if commands.get(process) == command:
                continue
            user = os.stat(f"/proc/{process}").st_uid  # noqa: PTH116
            environment = _read(f"/proc/{process}/environ")
            # While a program is being started there is an environment already, and no command line or the former one.
            if _read(f"/proc/{process}/cmdline") != command:
                continue
            commands[process] = command
            seen.append(("command line", int(process), user, command, command))
            seen.append(("environment", int(process), user, command, environment))
            seen.append(("group", int(process), user, command, _read(f"/proc/{process}/cgroup")))
        except OSError:
            continue  # it ended meanwhile


def _look_at_files(
    seen: Seen, folders: dict[str, int], fresh: dict[str, tuple[int, int]], old: set[str], known: set[str]
) -> None:
    for folder, before in list(folders.items()):
        changed = _changed_at(folder)
        if changed == before:
            continue
        folders[folder] = changed
        for path in _files(folder):
            if path not in old:
                fresh.setdefault(path, (0, 0))
        for inner in _folders(folder):
            if inner not in known:
                folders.setdefault(inner, 0)
    for path, as_seen in list(fresh.items()):
        try:
            info = os.lstat(path)
            now = (info.st_mtime_ns, info.st_size)
            if now != as_seen and stat.S_ISREG(info.st_mode) and info.st_size <= BIGGEST:
                seen.append(("file", stat.S_IMODE(info.st_mode), info.st_uid, os.fsencode(path), _read(path)))
                fresh[path] = now
        except OSError:
            del fresh[path]


def _read(path: str) -> bytes:
    with open(path, "rb") as opened:  # noqa: PTH123
        return opened.read(BIGGEST)


def _changed_at(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116
    except OSError:
        return 0


def _files(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.is_file(follow_symlinks=False)]
    except OSError:
        return []


def _folders(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            inner = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    # What pytest keeps for tests is looked at by the tests themselves.
    return [path for path in inner if not os.path.basename(path).startswith("pytest-of-")]  # noqa: PTH119


if __name__ == "__main__":
    main(sys.argv[1:])
