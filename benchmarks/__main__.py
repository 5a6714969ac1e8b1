"""`make bench`: take every figure, print its table, and write it to its section of `benchmarks/results.md`."""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from importlib.metadata import version

from benchmarks.bed import ANSIBLE, HERE, BenchmarkError
from benchmarks.figures import FIGURES, FULL, QUICK, Size
from benchmarks.table import render

RESULTS = HERE / "results.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the figures. Returns 1 if a measured command failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How long it takes, against what.")
    parser.add_argument("--quick", action="store_true", help="once, and little of it; writes no file")
    parser.add_argument("--repeats", type=int, metavar="N", help=f"how many times (default: {FULL.repeats})")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(FIGURES)} (default: all)")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.figures if name not in FIGURES]
    if unknown:
        parser.error(f"there is no figure {', '.join(unknown)}; there are: {', '.join(FIGURES)}")
    size = QUICK if options.quick else FULL
    if options.repeats:
        size = replace(size, repeats=options.repeats)
    if not ANSIBLE.exists():
        say("Without .venv-ansible (`make bench` makes it) nothing is held against Ansible.")
    for name in options.figures or FIGURES:
        say(f"{name}: {(FIGURES[name].__doc__ or '').strip()}")
        begun = time.monotonic()
        try:
            table = render(FIGURES[name](size, say))
        except BenchmarkError as error:
            say(str(error))
            return 1
        minutes = (time.monotonic() - begun) / 60
        print(table)
        if not options.quick:
            # After each figure, because all of them take long and may be interrupted.
            _write(name, f"{table}\n{date.today().isoformat()}, {minutes:.0f} minutes.\n", size)
    if not options.quick:
        say(f"Written to {RESULTS.relative_to(HERE.parent)}.")
    return 0


def say(line: str) -> None:
    """Report progress."""
    print(line, file=sys.stderr, flush=True)


def _write(name: str, text: str, size: Size) -> None:
    """Replace one figure's section of the results; figures that were taken before keep theirs."""
    present = RESULTS.read_text() if RESULTS.exists() else ""
    sections = dict(re.findall(r"^## (\S+)\n\n(.*?)(?=^## |\Z)", present, re.M | re.S))
    sections[name] = text
    kept = (f"\n## {each}\n\n{sections[each].strip()}\n" for each in FIGURES if each in sections)
    RESULTS.write_text(_heading(size) + "".join(kept))


def _heading(size: Size) -> str:
    versions = [f"Python {platform.python_version()}", f"pyinfra {version('pyinfra')}"]
    if ANSIBLE.exists():
        words = [str(ANSIBLE.with_name("python")), "-c", "import ansible; print(ansible.__version__)"]
        found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
        versions.append(f"ansible-core {found}")
    return (
        "# What it costs\n\n"
        f"Written by `make bench`. Medians of {size.repeats} or more, pairs taken in turn in one run, against the "
        f"sandbox on the same machine: {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"{', '.join(versions)}.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
