"""Directories for sandboxes, in memory if this machine has enough: a database is copied ten times as fast there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")

ROOM = 2**30
"""Bytes that must be free for each process that runs tests, in memory too; they use about half of that."""

PREFIX = "plane-tests-"

NewDirectory = Callable[[], Path]


@pytest.fixture(scope="session")
def new_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewDirectory]:
    """Makes empty directories that stay until the end."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if not has_room(MEMORY, processes * ROOM):
        yield lambda: tmp_path_factory.mktemp("sandbox")
        return
    remove_leftovers(MEMORY)
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY) as made:
        yield lambda: Path(tempfile.mkdtemp(dir=made))


def has_room(memory: Path, size: int) -> bool:
    """Whether this many bytes are free in a folder that is in memory."""
    try:
        free = shutil.disk_usage(memory).free
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return False
    return os.access(memory, os.W_OK) and min(free, available) >= size


def remove_leftovers(memory: Path) -> None:
    """Remove the directories of processes that were killed."""
    for path in memory.glob(f"{PREFIX}*"):
        try:
            os.kill(int(path.name.removeprefix(PREFIX).partition("-")[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(path, ignore_errors=True)
        except (PermissionError, ValueError):
            pass  # another user's
