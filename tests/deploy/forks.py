"""Runs of the `pyinfra` command in forks of a process that has imported it already.

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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import IO, NoReturn

CHECKOUT = Path(__file__).parent.parent.parent

NUMBER = Struct("q")
"""How the process id and then the status of a run are sent."""


class Forks:
    """A process that forks for each run; it ends with this one, or with :meth:`close`."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
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
        stdin: str | None = None,
        separate: bool = False,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run `pyinfra` in the checkout.

        Args:
            arguments: after the command.
            environment: all of the run's environment.
            stdin: its standard input; without one, it is empty.
            separate: keep standard error apart; else it is in the output.
            timeout: seconds after which the run is killed, and :class:`subprocess.TimeoutExpired` raised.
        """
        request = json.dumps({"arguments": list(arguments), "environment": dict(environment)})
        read, write = os.pipe()
        with (
            os.fdopen(read, "rb", buffering=0) as ended,
            _file(request) as asked,
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
            command, printed, failures = ["pyinfra", *arguments], _content(output), _content(errors)
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


def _serve(control: socket.socket) -> NoReturn:
    # gevent, which pyinfra imports, replaces these by ones that need its loop.
    fork, waitpid, read_fds = os.fork, os.waitpid, socket.recv_fds
    _import_all()
    import gevent

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
                gevent.reinit()
                control.close()
                os.close(ended)
                _run(request, streams)
            os.write(ended, NUMBER.pack(pid))
            os.write(ended, NUMBER.pack(waitpid(pid, 0)[1]))
            os._exit(0)
        for file in files:
            os.close(file)
        while waitpid(-1, os.WNOHANG)[0]:
            pass


def _run(request: int, streams: Sequence[int]) -> NoReturn:
    from pyinfra_cli.main import main

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    with os.fdopen(request) as file:
        asked = json.load(file)
    os.environ.clear()
    os.environ.update(asked["environment"])
    # Python keeps the folder that it found first.
    tempfile.tempdir = None
    sys.argv = ["pyinfra", *asked["arguments"]]
    try:
        sys.exit(main())
    except SystemExit as ended:
        assert isinstance(ended.code, int), "click always gives a number"
        code = ended.code
    # As Python ends, but for what frees its memory: in a fork, that copies all of it first, which takes 40 ms.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _import_all() -> None:
    """Import all that a run imports, and compile what it compiles."""
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


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
