"""The pages of docs/: the files and commands in them, and a place to run them in.

A page's fenced blocks mean:

- ``console``: lines after ``$ `` are commands, what follows each is what it shows; ``…`` stands for anything, in a line
  or in place of lines.
- ``sh``: every line is a command.
- ``python <path>``: a file of the checkout, written before the commands that come after it.
- any other: neither run nor written.

``fails`` after ``console`` says that its last command is to fail.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox.host import Host
from sandbox.server import Sandbox

CHECKOUT = Path(__file__).parent.parent.parent

DOCS = CHECKOUT / "docs"

HOST_NAMES = ("sese.example.com", "thebes.example.com")
"""What the pages call their hosts. Each is a host of the sandbox here, through an SSH configuration file."""

ABSOLUTE, RELATIVE = "/opt/", "opt/"
"""A command on a sandbox host starts in that host's own directory, so the folders of the pages are looked for there."""

EXAMPLE, OWN = re.compile(r"https://(\w+)\.example\.com"), r"https://\1.javisi.test"
"""The address that a page writes, which is refused, and the one that its reader writes instead."""

LEFT_OUT = (".*", "__pycache__", "*.log", "secrets", "tests", "docs", "benchmarks")
"""What no page needs, and what other tests make and remove meanwhile."""

MARK = "@@ command"


@dataclass(frozen=True)
class File:
    """A file that the page has the reader write."""

    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command, what the page shows of its output, and whether it is to fail."""

    words: str
    shown: tuple[str, ...] = ()
    fails: bool = False


def steps(page: str) -> list[File | Command]:
    """What a page has its reader do, in order."""
    found: list[File | Command] = []
    for match in re.finditer(r"^( *)```(\w+)(?: ([^\n]+))?\n(.*?)^\1```$", page, re.M | re.S):
        kind, further, text = match[2], match[3], re.sub(f"(?m)^{match[1]}", "", match[4])
        if kind == "python" and further:
            found.append(File(further, text))
        elif kind == "sh":
            found += [Command(line) for line in text.splitlines() if line and not line.startswith("#")]
        elif kind == "console":
            parts = re.split(r"^\$ ", text, flags=re.M)[1:]
            for number, part in enumerate(parts, 1):
                words, *shown = part.splitlines()
                fails = further == "fails" and number == len(parts)
                found.append(Command(words, tuple(line for line in shown if line), fails))
    return found


def is_shown(shown: tuple[str, ...], output: str) -> str | None:
    """Which of the lines that a page shows the output does not have, in this order; ``None`` when it has all."""
    lines = iter(line.strip() for line in output.splitlines())
    for line in shown:
        wanted = ".*".join(map(re.escape, line.strip().replace(ABSOLUTE, RELATIVE).split("…")))
        if line.strip() != "…" and not any(re.fullmatch(wanted, got) for got in lines):
            return line
    return None


def own(text: str) -> str:
    """A file of a page, as its reader has it here."""
    return EXAMPLE.sub(OWN, text.replace(ABSOLUTE, RELATIVE))


class Place:
    """A copy of the checkout, from which the page's hosts are those of a sandbox.

    Args:
        directory: an empty one.
        running: the sandbox.
        hosts: as many of it as the page has names for.
    """

    def __init__(self, directory: Path, running: Sandbox, hosts: list[Host]) -> None:
        self.checkout = directory / "checkout"
        self._home = directory / "home"
        shutil.copytree(CHECKOUT, self.checkout, ignore=shutil.ignore_patterns(*LEFT_OUT))
        self._environment()
        for path in self.checkout.glob("group_data/*.py"):
            path.write_text(own(path.read_text()))
        (self._home / ".ssh").mkdir(parents=True)
        (self._home / ".ssh" / "config").write_text(
            "".join(
                f"Host {name}\n  HostName 127.0.0.1\n  Port {host.port}\n  IdentityFile {running.key_path}\n"
                f"  UserKnownHostsFile {running.known_hosts_path}\n  StrictHostKeyChecking yes\n"
                for name, host in zip(HOST_NAMES, hosts, strict=True)
            )
        )

    def _environment(self) -> None:
        """The virtual environment of this checkout, as one of the copy that is up to date."""
        venv = self.checkout / ".venv"
        venv.mkdir()
        for entry in Path(sys.prefix).iterdir():
            if entry.name != ".made":
                (venv / entry.name).symlink_to(entry)
        (venv / ".made").touch()

    def follow(self, page: str) -> list[tuple[Command, int, str]]:
        """Do what a page says, in one shell; for each command how it ended and what it printed."""
        script = ["exec 2>&1"]
        commands: list[Command] = []
        for step in steps(page):
            if isinstance(step, File):
                path = self.checkout / step.path
                new = path.with_name(f".{len(script)}.new")
                new.parent.mkdir(parents=True, exist_ok=True)
                new.write_text(own(step.text))
                script.append(f"mv {new} {path}")
            else:
                commands.append(step)
                script += [f"printf '\\n{MARK}\\n'", step.words.replace(ABSOLUTE, RELATIVE), "printf '\\n@@ %s\\n' $?"]
        environment = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        done = subprocess.run(
            # pyinfra asks whether to go on; Enter says yes.
            ["bash", "-c", "exec < <(yes ''); " + "\n".join(script)],
            cwd=self.checkout,
            env={**environment, "HOME": str(self._home), "PYINFRA_PROGRESS": "off", "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        outputs = done.stdout.split(f"\n{MARK}\n")[1:]
        found = []
        for command, output in zip(commands, outputs, strict=True):
            output, _, code = output.rpartition("\n@@ ")
            found.append((command, int(code), output))
        return found
