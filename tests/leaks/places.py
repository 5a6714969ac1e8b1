"""Where a run could leave a secret: process lists, environments, and files new since it began."""

from __future__ import annotations

import marshal
import os
import stat
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.deploy.target import CHECKOUT
from tests.leaks import watch

TEMPORARY = (Path("/tmp"), Path("/var/tmp"))

BIGGEST = 64_000_000


@dataclass(frozen=True)
class Process:
    """A process as it was seen once."""

    id: int
    user: int
    command: bytes
    environment: bytes
    group: bytes

    @property
    def is_planes(self) -> bool:
        """Whether it runs in a container of Plane's, which has what its env file holds."""
        return b"SANDBOX_S3=" in self.environment


@dataclass(frozen=True)
class File:
    """A new file as it was seen once."""

    path: str
    mode: int
    user: int
    data: bytes

    @property
    def is_roots_alone(self) -> bool:
        """Whether nobody but root could read it."""
        return self.user == 0 and not self.mode & 0o077


@dataclass
class Sighted:
    """All that was seen while something ran."""

    processes: list[Process] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    look: Callable[[], None] = lambda: None
    """Waits until all that there is now has been seen."""

    def ran(self, *words: str) -> bool:
        """Whether a process with these words in its command line was seen."""
        return any(all(word.encode() in each.command for word in words) for each in self.processes)

    def command_lines(self) -> Iterator[tuple[str, bytes]]:
        """Everybody's."""
        return ((f"the command line of a {each.command[:20]!r}", each.command) for each in self.processes)

    def environments(self, may_hold: Callable[[Process], bool]) -> Iterator[tuple[str, bytes]]:
        """Those of the processes that may not hold secrets."""
        for each in self.processes:
            if not may_hold(each):
                yield f"the environment of a {each.command[:80]!r}", each.environment


@contextmanager
def watched(*directories: Path) -> Iterator[Sighted]:
    """Watch every process of this machine and these directories; what was seen is there when the block ends."""
    command = [sys.executable, "-IS", watch.__file__, *map(str, directories)]
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def look() -> None:
        assert watcher.stdin is not None
        watcher.stdin.write(b"\n")
        watcher.stdin.flush()
        wait()

    def wait() -> None:
        assert watcher.stderr is not None
        said = watcher.stderr.readline()
        assert said == b"looked\n", said.decode() + watcher.stderr.read().decode()

    sighted = Sighted(look=look)
    try:
        wait()
        yield sighted
    finally:
        told, complaint = watcher.communicate()
    assert watcher.returncode == 0, complaint.decode()
    parts: dict[tuple[int, int, bytes], dict[str, bytes]] = {}
    for kind, process, user, command_or_path, seen in marshal.loads(told):
        if kind == "file":
            sighted.files.append(File(os.fsdecode(command_or_path), process, user, seen))
        else:
            parts.setdefault((process, user, command_or_path), {})[kind] = seen
    for key, of_process in parts.items():
        sighted.processes.append(Process(*key, of_process.get("environment", b""), of_process.get("group", b"")))


def now() -> float:
    """The time as the file system has it, which may be a tick behind."""
    return time.time() - 0.05


def changed_files(since: float, *directories: Path, but: tuple[Path, ...] = ()) -> Iterator[tuple[str, bytes]]:
    """The files below these directories that were made or changed, without those that are named."""
    passed_over = {str(path) for path in but}
    for directory in directories:
        for folder, inner, names in os.walk(directory):
            inner[:] = [
                name
                for name in inner
                if not (
                    name.startswith("pytest-of-")
                    or f"{folder}/{name}" in passed_over
                    or os.path.ismount(f"{folder}/{name}")
                )
            ]
            for path in (f"{folder}/{name}" for name in names):
                try:
                    info = os.lstat(path)
                    if max(info.st_mtime, info.st_ctime) < since or path in passed_over:
                        continue
                    if stat.S_ISREG(info.st_mode) and info.st_size <= BIGGEST:
                        yield path, _whole(Path(path))
                except OSError:
                    continue  # it was somebody else's, and is gone


def _whole(path: Path) -> bytes:
    data = path.read_bytes()
    try:
        return zlib.decompress(data) if "objects" in path.parts else data
    except zlib.error:
        return data


def left_on_this_machine(since: float, *directories: Path) -> Iterator[tuple[str, bytes]]:
    """What is new in these, in temporary directories, in the checkout and its `.git`, and in what shells remember."""
    yield from changed_files(since, *directories, *TEMPORARY)
    yield from changed_files(since, CHECKOUT, but=(CHECKOUT / ".venv", CHECKOUT / ".venv-dev"))
    for path in Path.home().glob(".*history*"):
        if path.is_file():
            yield str(path), path.read_bytes()
