"""What tests are given: settings to start from, a host that is this machine's shell, a way to check properties."""

from __future__ import annotations

import contextlib
import os
import runpy
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import hypothesis
from pyinfra.api import Config, StringCommand
from pyinfra.connectors.local import LocalConnector

from pyinfra_plane.settings import Settings, read_settings

ROOT = Path(__file__).parent.parent.parent

MOST_RECEIVED = 4 * 2**20
"""Bytes; over SSH, it is :data:`pyinfra_plane.engine.patches.MOST_RECEIVED`."""

PROPERTY = hypothesis.settings(max_examples=100, deadline=None, derandomize=True)


def data(**changes: Any) -> dict[str, Any]:
    """The defaults of ``group_data/all.py`` with some of them changed, and no secrets file."""
    names = runpy.run_path(str(ROOT / "group_data" / "all.py"))
    defaults = {name: value for name, value in names.items() if not name.startswith("_")}
    return {**defaults, "plane_secrets_dir": "there-is-no-such-folder", **changes}


def checked(**changes: Any) -> Settings:
    """The settings that :func:`data` makes."""
    return read_settings(data(**changes))


@dataclass
class Lines:
    """What pyinfra gives of a command's output."""

    stdout_lines: list[str]
    stderr_lines: list[str]


@dataclass
class State:
    """As much of pyinfra's state as a command asks for."""

    print_input: bool = False
    print_output: bool = False
    config: Config = field(default_factory=Config)


class Shell:
    """A stand-in for a pyinfra host: commands run in ``sh`` on this machine, in a folder of their own.

    Args:
        folder: where commands run, and where :meth:`replace` puts programs.
        arrives: how many bytes of standard input get through; all of them when ``None``.
    """

    def __init__(self, folder: Path, arrives: int | None = None) -> None:
        self.name = "host"
        self.folder = folder
        self.arrives = arrives
        self.state = State()
        self.data: dict[str, Any] = {}
        self.connector: object = LocalConnector.__new__(LocalConnector)
        self.current_op_global_arguments: dict[str, Any] | None = {}
        self.current_op_hash: str | None = None
        self.current_deploy_kwargs: dict[str, Any] | None = None
        self.commands: list[str] = []
        self.arguments: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.print_prefix = "[host] "
        self.programs = folder / ".programs"
        self.programs.mkdir()

    def log(self, line: str) -> None:
        """What pyinfra prints of a host."""
        self.said.append(line)

    def replace(self, program: str, script: str) -> None:
        """Put a script in front of a program on the PATH."""
        path = self.programs / program
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def run_shell_command(self, command: StringCommand, **arguments: Any) -> tuple[bool, Lines]:
        self.commands.append(str(command))
        self.arguments.append(arguments)
        sent = str(arguments.get("_stdin", "")).encode()[: self.arrives]
        process = subprocess.Popen(
            ["sh", "-c", command.get_raw_value()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}", "LC_ALL": "C"},
            umask=0,
        )
        with process, ThreadPoolExecutor(2) as readers:
            stdout, stderr = (readers.submit(_received, stream) for stream in (process.stdout, process.stderr))
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
                stdin.write(sent)
            output = Lines(_lines(stdout.result()), _lines(stderr.result()))
        return process.returncode == 0, output

    def log_styled(self, line: str, **style: Any) -> None:
        self.said.append(line)

    def noop(self, line: str) -> None:
        self.said.append(line)


def _received(stream: IO[bytes] | None) -> bytes:
    """What a connection takes of an output; then it is closed, which ends a command that goes on."""
    assert stream is not None
    with stream:
        return stream.read(MOST_RECEIVED)


def _lines(output: bytes) -> list[str]:
    lines = output.decode(errors="replace").split("\n")
    return lines[:-1] if lines[-1] == "" else lines
