"""Runs of a command, such as `pyinfra`, in forks of a process that has imported it already.

Importing pyinfra and this project takes half of a short run's time, and a fork need not do it again. Otherwise a fork
is a process like any other, with its own arguments, environment, folder, output and exit code. Tests that send signals
to a run, and `make coverage`, start the command itself.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import IO, NoReturn

CHECKOUT = Path(__file__).parent.parent.parent

NUMBER = Struct("q")
"""How the process id and then the status of a run are sent."""


class Forks:
    """A process that forks for each run of a command; it ends with this one, or with :meth:`close`.

    Args:
        command: one of :data:`COMMANDS`.
    """

    def __init__(self, command: str = "pyinfra") -> None:
        self._command = command
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, command, str(theirs.fileno())],
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def close(self) -> None:
        """End the process; a run that goes on is not ended."""
        self._control.close()
        self._process.wait()

    def run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        folder: Path = CHECKOUT,
        stdin: str | None = None,
        separate: bool = False,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run the command.

        Args:
            arguments: after the command.
            environment: all of the run's environment.
            folder: where it runs.
            stdin: its standard input; without one, it is empty.
            separate: keep standard error apart; else it is in the output.
            timeout: seconds after which the run is killed, and :class:`subprocess.TimeoutExpired` raised.
        """
        request = {"arguments": list(arguments), "environment": dict(environment), "folder": str(folder)}
        read, write = os.pipe()
        with (
            os.fdopen(read, "rb", buffering=0) as ended,
            _file(json.dumps(request)) as asked,
            _file(stdin or "") as given,
            _file("") as output,
            _file("") as errors,
        ):
            streams = [given, output, errors if separate else output]
            try:
                socket.send_fds(self._control, [b"x"], [asked.fileno(), *(each.fileno() for each in streams), write])
            finally:
                os.close(write)
            [pid] = NUMBER.unpack(ended.read(NUMBER.size))
            # Not select.select, which takes no number above 1,023.
            waiting = select.poll()
            waiting.register(ended, select.POLLIN)
            is_over = waiting.poll(timeout * 1000)
            if not is_over:
                os.kill(pid, signal.SIGKILL)
            [status] = NUMBER.unpack(ended.read(NUMBER.size))
            command, printed, failures = [self._command, *arguments], _content(output), _content(errors)
            if not is_over:
                raise subprocess.TimeoutExpired(command, timeout, printed, failures)
            return subprocess.CompletedProcess(command, os.waitstatus_to_exitcode(status), printed, failures)


def _file(text: str) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(text.encode())
    file.seek(0)
    return file


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _serve(command: str, control: socket.socket) -> NoReturn:
    # gevent, which pyinfra imports, replaces these by ones that need its loop.
    fork, waitpid, read_fds = os.fork, os.waitpid, socket.recv_fds
    COMMANDS[command].prepare()

    # A search for unreachable objects in a fork would copy the memory of all that is here.
    gc.freeze()

    while True:
        _, files, _, _ = read_fds(control, 1, 5)
        if not files:
            sys.exit()
        if fork() == 0:
            request, *streams, ended = files
            pid = fork()
            if pid == 0:
                control.close()
                os.close(ended)
                _run(command, request, streams)
            os.write(ended, NUMBER.pack(pid))
            os.write(ended, NUMBER.pack(waitpid(pid, 0)[1]))
            os._exit(0)
        for file in files:
            os.close(file)
        while waitpid(-1, os.WNOHANG)[0]:
            pass


def _run(command: str, request: int, streams: Sequence[int]) -> NoReturn:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    with os.fdopen(request) as file:
        asked = json.load(file)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    # Python keeps the folder that it found first.
    tempfile.tempdir = None
    sys.argv = [command, *asked["arguments"]]
    code: object = 0
    try:
        COMMANDS[command].main()
    except SystemExit as ended:
        code = ended.code
    assert isinstance(code, int), "click always gives a number"
    # As Python ends, but for what frees its memory: in a fork, that copies all of it first, which takes 40 ms.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _pyinfra() -> object:
    import gevent
    from pyinfra_cli.main import main

    gevent.reinit()
    return main()


def _plane() -> object:
    # Imported here, because it reads its settings from the environment as it is imported.
    return importlib.import_module("planecompose.main").app()


def _import_for_plane() -> None:
    """Import what plane-compose uses, but for itself."""
    for name in ("httpx", "plane", "pydantic_settings", "requests", "rich.console", "rich.table", "typer", "yaml"):
        importlib.import_module(name)


def _import_for_pyinfra() -> None:
    """Import all that a deploy imports, and compile what it compiles."""
    importlib.import_module("pyinfra_cli.main")
    # Runs with a password that does not look random import it: a tenth of a second.
    importlib.import_module("zxcvbn")
    for name in ("pyinfra_plane", "operations"):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    from pyinfra.api import connectors

    from pyinfra_plane.engine import patches

    patches.connectors_found_once()
    connectors.get_all_connectors()
    from pyinfra_plane.host import plane_env
    from pyinfra_plane.settings import SettingsError
    from pyinfra_plane.settings.reader import read_settings

    plane_env._compiled(plane_env.TEMPLATE.read_text(encoding="utf-8"))
    with suppress(SettingsError):
        read_settings({})


@dataclass(frozen=True)
class Command:
    """How a command is prepared for all of its runs, and what each of them calls."""

    prepare: Callable[[], None]
    main: Callable[[], object]


COMMANDS = {
    "pyinfra": Command(_import_for_pyinfra, _pyinfra),
    # plane-compose's.
    "plane": Command(_import_for_plane, _plane),
}

if __name__ == "__main__":
    _serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
