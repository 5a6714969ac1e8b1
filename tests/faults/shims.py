"""Programs of a host that stand before the real ones and do wrong where a certain file is written."""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Callable

from sandbox.host import Host

# `write_file` writes `.name.new` beside the file: with `cat`, whose output it is, then `sync`, whose argument it is.
_SCRIPT = """#!/bin/sh
case "$(readlink /proc/$$/fd/1) $*" in
*/.{name}.new*|*" -- "*.{name}.new*)
    echo >> {count}
    if [ "$(wc -l < {count})" -ge {first} ] && [ "$(wc -l < {count})" -le {last} ]; then
        {wrong}
    fi ;;
esac
exec {real} "$@"
"""

FULL = "No space left on device"


def hold_program(host: Host, program: str, path: str, nth: int) -> Callable[[], bool]:
    """Hold the program the nth time that it has to do with a file; says whether it is held.

    `cat` has written half of what it was given by then.
    """
    mark = host.commands_path / f"{program}.held"
    begin = "head -c 60; " if program == "cat" else ""
    _install(host, program, path, nth, nth, f"{begin}mkfifo {mark}; : < {mark}")
    return mark.exists


def let_go_on(host: Host, program: str) -> None:
    """Let a program that is held do what it was to."""
    (host.commands_path / f"{program}.held").write_text("")


def fill_disk(host: Host, path: str, first: int = 1, last: int = 1_000_000) -> None:
    """Let there be no space for a file, from the first to the last time that it is written."""
    _install(host, "cat", path, first, last, f"head -c 10; echo 'cat: write error: {FULL}' >&2; exit 1")


def mend(host: Host, program: str = "cat") -> None:
    """Let the program do right again."""
    (host.commands_path / program).unlink()


def _install(host: Host, program: str, path: str, first: int, last: int, wrong: str) -> None:
    script = host.commands_path / program
    count = host.commands_path / f"{program}.count"
    count.unlink(missing_ok=True)
    text = _SCRIPT.format(
        name=posixpath.basename(path), count=count, first=first, last=last, wrong=wrong, real=shutil.which(program)
    )
    script.write_text(text)
    script.chmod(0o755)
