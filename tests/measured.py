"""Which code the tests reach: `make coverage` asks for it, with MEASURED in the environment.

Measured is what the tests of the parts call in their own process, and the processes of `pyinfra` that the tests of
whole deploys start. Measuring a process doubles its time, so the others, which reach nothing more, are not; and what
runs in threads of the tests' process, such as the sandbox, has been seen to stop for ever where gevent was measured.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import coverage

ROOT = Path(__file__).parent.parent
IS_WANTED = bool(os.environ.get("MEASURED"))


@contextmanager
def in_process() -> Iterator[None]:
    """Measure what this process does meanwhile."""
    if not IS_WANTED:
        yield
        return
    measuring = coverage.Coverage(str(ROOT / ".coverage"), data_suffix=True, config_file=str(ROOT / "pyproject.toml"))
    measuring.start()
    try:
        yield
    finally:
        measuring.stop()
        measuring.save()


def in_runs() -> dict[str, str]:
    """The environment in which a Python process is measured; the tests' own must not be."""
    if not IS_WANTED:
        return {}
    return {"COVERAGE_PROCESS_START": str(Path(__file__).with_name("measured.ini")), "MEASURED_INTO": str(ROOT)}
