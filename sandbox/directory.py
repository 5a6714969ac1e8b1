"""The directory that holds all of a running sandbox: only one can claim it, and it is empty again afterwards."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

LOCK = "sandbox.lock"
OWN = ("id_ed25519", "known_hosts", "inventory.json", "secrets", "hosts", "bin", "postgres", "run")

# The address of a Unix socket has 104 bytes on macOS, 108 on Linux, with a terminating zero.
LONGEST_SOCKET_PATH = 103


class SandboxError(Exception):
    """The sandbox cannot start; the message is one line."""


@dataclass
class Directory:
    """A claimed directory. The files of a killed sandbox stay until `clear`."""

    path: Path
    sockets: Path
    _lock: int
    _created: bool
    _mode: int

    @classmethod
    def claim(cls, path: Path | str) -> Directory:
        path = Path(path).resolve()
        try:
            created = _make(path)
            lock = _lock(path)
        except OSError as error:
            raise SandboxError(f"cannot use the directory {path}: {error.strerror}") from error
        previous = _read_state(lock)
        mode = path.stat().st_mode & 0o777
        directory = cls(
            path=path,
            sockets=path / "run",
            _lock=lock,
            _created=created or bool(previous.get("created")),
            _mode=int(str(previous.get("mode", mode))),
        )
        if "sockets" in previous:
            directory.sockets = Path(str(previous["sockets"]))
        path.chmod(0o700)
        directory._write_state()
        return directory

    def clear(self) -> None:
        """Remove everything that a sandbox created, and nothing else."""
        if self.sockets.parent != self.path:
            shutil.rmtree(self.sockets, ignore_errors=True)
            self.sockets = self.path / "run"
        for name in OWN:
            entry = self.path / name
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    def make_sockets(self) -> None:
        """Create the directory for sockets, elsewhere if the path of a socket in this one would be too long."""
        if _takes_sockets(self.sockets):
            self.sockets.mkdir(mode=0o700)
            return
        # TMPDIR may have a path as long as this directory's.
        places = [place for place in (tempfile.gettempdir(), "/tmp") if _takes_sockets(Path(place, "sandbox-12345678"))]
        self.sockets = Path(tempfile.mkdtemp(prefix="sandbox-", dir=places[0]))
        self._write_state()

    def release(self) -> None:
        self.clear()
        (self.path / LOCK).unlink(missing_ok=True)
        if self._created and not any(self.path.iterdir()):
            self.path.rmdir()
        else:
            self.path.chmod(self._mode)
        os.close(self._lock)

    def _write_state(self) -> None:
        state = {
            "pid": os.getpid(),
            "created": self._created,
            "mode": self._mode,
            "sockets": str(self.sockets),
        }
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, json.dumps(state).encode(), 0)


def _takes_sockets(path: Path) -> bool:
    """Whether a host's sockets fit below this path. psql treats a comma as the end of an address."""
    socket = path / "sandbox-99" / ".s.PGSQL.5432"
    return len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH and not set(str(socket)) & set(',"')


def _make(path: Path) -> bool:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if any(path.iterdir()) and not (path / LOCK).exists():
            raise SandboxError(
                f"the directory {path} holds files that are not the sandbox's: name another with --directory"
            ) from None
        return False
    return True


def _lock(path: Path) -> int:
    lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _read_state(lock).get("pid", "unknown")
        os.close(lock)
        raise SandboxError(
            f"another sandbox (process {holder}) uses the directory {path}: name another with --directory"
        ) from None
    return lock


def _read_state(lock: int) -> dict[str, object]:
    try:
        state = json.loads(os.pread(lock, 65536, 0))
    except ValueError:
        # The sandbox was killed between creating the file and filling it.
        return {}
    return state if isinstance(state, dict) else {}
