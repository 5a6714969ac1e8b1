"""Finds what runs in a directory, to see that nothing is left there."""

from __future__ import annotations

import os
from pathlib import Path


def processes_in(directory: Path) -> list[str]:
    """The command lines of the processes that name this directory or work in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            cwd = str((process / "cwd").readlink())
        except OSError:
            # It ended meanwhile, or is a zombie, or another user's.
            continue
        if process.name != str(os.getpid()) and (str(directory) in command or cwd.startswith(str(directory))):
            found.append(command)
    return found
