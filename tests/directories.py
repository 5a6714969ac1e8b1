"""The directory of all files that tests write, in memory if this machine has enough.

A database is copied ten times as fast there, and a file system on a disk spends half of the time of some tests on
finding room for new files among those that were just removed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.postgres import KEPT

MEMORY = Path("/dev/shm")

ROOM = 2**30
"""Bytes that must be free for each process that runs tests; they use about half of that."""

PREFIX = "plane-tests-"

NewDirectory = Callable[[], Path]


@pytest.fixture(scope="session")
def new_directory(tmp_path_factory: pytest.TempPathFactory) -> NewDirectory:
    """Makes empty directories that stay until the end."""
    return lambda: tmp_path_factory.mktemp("sandbox")


def use_memory(config: pytest.Config) -> None:
    """Have pytest make all directories in memory, if there is room and nobody wants them elsewhere."""
    if config.option.basetemp or "PYTEST_DEBUG_TEMPROOT" in os.environ:
        return
    processes = getattr(config.option, "numprocesses", None) or 1
    if not has_room(MEMORY, processes * ROOM):
        return
    remove_leftovers(MEMORY)
    made = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY)
    config.add_cleanup(lambda: shutil.rmtree(made, ignore_errors=True))
    # The processes of pytest-xdist have it, too.
    os.environ["PYTEST_DEBUG_TEMPROOT"] = made


def keep_empty_data(config: pytest.Config) -> None:
    """Create the data of an empty PostgreSQL once for all processes: half a second of work for each sandbox."""
    if not hasattr(config, "workerinput"):
        made = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))
        config.add_cleanup(lambda: shutil.rmtree(made, ignore_errors=True))
        os.environ[KEPT] = made


def has_room(memory: Path, size: int) -> bool:
    """Whether this many bytes are free in a folder that is in memory, and programs can be run from there."""
    try:
        free = shutil.disk_usage(memory).free
        can_run = not os.statvfs(memory).f_flag & os.ST_NOEXEC
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return False
    return can_run and os.access(memory, os.W_OK) and min(free, available) >= size


def remove_leftovers(memory: Path) -> None:
    """Remove the directories of processes that were killed."""
    for path in memory.glob(f"{PREFIX}*"):
        try:
            os.kill(int(path.name.removeprefix(PREFIX).partition("-")[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(path, ignore_errors=True)
        except (PermissionError, ValueError):
            pass  # another user's
