"""A sandbox host to deploy to with the real `pyinfra` command, and all that a run could have changed on it."""

from __future__ import annotations

import asyncio
import importlib
import io
import os
import re
import stat
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from pyinfra_plane.engine.lock import NAME as LOCK_NOTE
from sandbox.host import Host
from sandbox.plane import models
from sandbox.plane.state import PlaneState
from sandbox.server import Sandbox
from tests import measured
from tests.deploy.forks import Forks

CHECKOUT = Path(__file__).parent.parent.parent

AGENTS = ("concierge", "imhotep", "thot", "basquiat", "r2d2", "shuri", "piccolo", "cfo", "maintainer", "hermes")

ENV_FILE = "opt/javisi/configs/plane/plane.env"
TOKEN_FILE = "opt/javisi/configs/plane/agent-tokens.env"

SECRETS = {
    "POSTGRESQL_PASSWORD": "pg/Sekret@1:%x",
    "PLANE_ADMIN_PASSWORD": "adm1n-Correct-Horse-9",
    "PLANE_CONCIERGE_PASSWORD": "c0ncierge-Battery-Staple-7",
    "PLANE_AGENT_PASSWORD_SEED": "seed-of-all-the-agents-5",
}

# Reads and the probe; what is not in here writes.
READS = ("GET", "HEAD")

# What a preview says it cannot tell, and the changes of a run that may come of it.
UNTOLD = {
    "? bucket:": r"~ bucket",
    "? instance settings:": r"~ instance setting .*",
    "? workspace ": r"\+ workspace .*",
    "? member ": r"\+ (account|member again:) .*",
    "? project ": r"[+~] project .*",
    "? members of": r"\+ members of .*",
    "? custom fields of": r". (custom field .*|(option|work item type) .*|project \w+: work item types? .*)",
}

_DATABASE_STATE = """
SELECT 'role', rolname, rolcanlogin::text, coalesce(rolpassword, '') FROM pg_authid WHERE rolname !~ '^pg_'
UNION ALL SELECT 'database', datname, pg_get_userbyid(datdba), coalesce(datacl::text, '') FROM pg_database
ORDER BY 1, 2
"""


def environment_with(settings: Mapping[str, str | None]) -> dict[str, str]:
    """This process's environment, of settings only those given, and without progress bars."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("PLANE_", "POSTGRES"))}
    given = {name: value for name, value in settings.items() if value is not None}
    return {**others, **given, "PYINFRA_PROGRESS": "off"}


def _for_python(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


FOR_PYTHON = _for_python(os.environ)
"""What Python reads as it starts, so that a fork cannot have it otherwise."""


@cache
def _forks() -> Forks:
    return Forks()


def run_pyinfra(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: str | None = None,
    separate: bool = False,
    in_fork: bool = True,
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run `pyinfra` in the checkout, as :meth:`Forks.run` does; not `in_fork`, as a process of its own."""
    if in_fork and _for_python(environment) == FOR_PYTHON and not measured.IS_WANTED:
        return _forks().run(arguments, environment, stdin=stdin, separate=separate, timeout=timeout)
    return subprocess.run(
        [sys.executable, "-m", "pyinfra", *arguments],
        cwd=CHECKOUT,
        env=environment,
        input=stdin or "",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if separate else subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )


def run_command(
    name: str, arguments: Sequence[str], environment: Mapping[str, str], *, in_process: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run `python -m NAME …`, a command of this project that starts `pyinfra`, in the checkout.

    `in_process`, it runs in this process and its `pyinfra` in a fork, which takes a fifth of the time.
    """
    if not in_process or measured.IS_WANTED:
        command = [sys.executable, "-m", name, *arguments]
        return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=120)
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{name}.__main__")

    def start(command: Sequence[str], env: Mapping[str, str] = environment, **how: bool) -> object:
        assert command[:3] == [sys.executable, "-m", "pyinfra"] and how == {"capture_output": True, "text": True}
        return run_pyinfra(command[3:], env, separate=True)

    printed, errors = io.StringIO(), io.StringIO()
    with (
        redirect_stdout(printed),
        redirect_stderr(errors),
        # In this module alone: the sandbox starts processes, too.
        patch.object(module, "subprocess", SimpleNamespace(run=start)),
        patch.object(module, "os", SimpleNamespace(environ=environment), create=True),
    ):
        code = module.main(list(arguments))
    return subprocess.CompletedProcess([name, *arguments], code, printed.getvalue(), errors.getvalue())


@dataclass
class Run:
    """A finished `pyinfra` command."""

    code: int
    output: str
    requests: list[tuple[str, str]] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The lines about a host, without its name; not those of the summary, which says some of them again."""
        told = self.output.partition("--> Summary:")[0]
        return [match[1].strip() for match in re.finditer(r"^ +\[[^]]+\] (.*)$", told, re.M)]

    @property
    def plan(self) -> list[str]:
        """The lines that say what is made, changed, removed or cannot be told."""
        return [line for line in self.lines if line[:2] in ("+ ", "~ ", "- ", "? ")]

    @property
    def notes(self) -> list[str]:
        """The lines that say what a person should know."""
        return [line for line in self.lines if line.startswith("! ")]

    @property
    def results(self) -> dict[str, tuple[int, int, int]]:
        """By operation: on how many hosts it succeeded with a change, failed, changed nothing."""
        _, _, table = self.output.partition("--> Results:")
        found = {}
        for match in re.finditer(r"^ {4}(\S.*?) {2,}\d+ +(\d+|-) +(\d+|-) +(\d+|-) *$", table, re.M):
            if match[1] != "Grand total":
                changed, failed, same = (0 if value == "-" else int(value) for value in match.groups()[1:])
                found[match[1]] = (changed, failed, same)
        return found

    @property
    def changed(self) -> list[str]:
        """The operations that changed something."""
        return [name for name, (changed, _, _) in self.results.items() if changed]

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The requests to Plane that can write."""
        return [request for request in self.requests if request[0] not in READS]


@dataclass
class Target:
    """One sandbox host, with the data and the environment that a person would deploy to it with."""

    sandbox: Sandbox
    host: Host
    directory: Path
    data: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    kind: tuple[str, str, str] = ("community", "scripts", "1.2.2")
    """Edition, stack and release of its Plane."""
    in_fork: bool = True
    """Whether runs are forks; not for a test of the process itself, its command line or its environment."""

    def drop_database_in_the_end(self) -> None:
        """Remove its PostgreSQL once no test can use it again; all of them together would take some 30 GB."""
        loop, cluster = self.host.loop, self.host.cluster

        def drop() -> None:
            # Not waited for: any thread may come here, the sandbox's own one too. At the end of the tests, the sandbox
            # removes what is left.
            if not loop.is_closed():
                asyncio.run_coroutine_threadsafe(cluster.drop(), loop)

        weakref.finalize(self, drop).atexit = False

    def inventory(self) -> tuple[str, dict[str, Any]]:
        """The host as it stands in an inventory."""
        return self.host.name, {
            "ssh_port": self.host.port,
            "ssh_key": str(self.sandbox.key_path),
            "ssh_known_hosts_file": str(self.sandbox.known_hosts_path),
            "plane_secrets_dir": str(self.directory / "secrets"),
            # Nothing here takes that long; a test that waits would only be slower.
            "postgres_wait_seconds": 0,
            "plane_health_retries": 2,
            "plane_health_delay": 0,
            **self.data,
        }

    def write_inventory(self, data: Mapping[str, Any] | None = None, others: Sequence[Target] = ()) -> Path:
        """An inventory of this host, with further data, and of others."""
        hosts = [self.inventory(), *(other.inventory() for other in others)]
        hosts[0][1].update(data or {})
        self.directory.mkdir(exist_ok=True)
        path = self.directory / "inventory.py"
        path.write_text(f"sandbox = {hosts!r}\n")
        return path

    def deploy(
        self,
        *arguments: str,
        operation: str | list[str] = "deploy.py",
        data: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str | None] | None = None,
        others: tuple[Target, ...] = (),
        stdin: str | None = None,
    ) -> Run:
        """Run `pyinfra inventory.py deploy.py …`; with -y unless the arguments say --dry."""
        inventory = self.write_inventory(data, others)
        before = len(self.host.plane.requests)
        operation = [operation] if isinstance(operation, str) else operation
        mode = [] if {"--dry", "debug-inventory"} & {*arguments, *operation} or stdin is not None else ["-y"]
        environment = environment_with({**self.secrets, **(secrets or {})})
        done = run_pyinfra(
            [str(inventory), *operation, *mode, *arguments], environment, stdin=stdin, in_fork=self.in_fork
        )
        requests = [(entry.method, entry.path) for entry in list(self.host.plane.requests)[before:]]
        return Run(done.returncode, done.stdout, requests)

    def deploy_as_previewed(self, **given: Any) -> Run:
        """A run, as :meth:`deploy` does it, whose preview named its changes line for line."""
        self.host.plane.forget_throttles()
        preview = self.deploy("--dry", **given)
        self.host.plane.forget_throttles()
        run = self.deploy(**given)
        self.host.plane.forget_throttles()
        assert (preview.code, run.code) == (0, 0), (preview.output, run.output)
        unsure = [line for line in preview.plan if line.startswith("? ")]
        untold = [lines for sign, lines in UNTOLD.items() if any(line.startswith(sign) for line in unsure)]
        certain = [line for line in preview.plan if line not in unsure]
        told = [line for line in run.plan if line in certain or not any(re.fullmatch(each, line) for each in untold)]
        assert certain == told, (preview.output, run.output)
        return run

    # What is there

    @property
    def plane(self) -> PlaneState:
        """What the stand-in for Plane holds."""
        return self.host.plane.state

    def file(self, path: str) -> str:
        """A file on the host."""
        return (self.host.root / path).read_text()

    def variables(self, path: str) -> dict[str, str]:
        """The variables of an env file on the host."""
        lines = [line for line in self.file(path).splitlines() if line and not line.startswith("#")]
        return dict(line.split("=", 1) for line in lines)

    @property
    def tokens(self) -> dict[str, str]:
        """The saved tokens by the agent's name."""
        return {name[len("PLANE_TOKEN_") :].lower(): value for name, value in self.variables(TOKEN_FILE).items()}

    def wait_until_unlocked(self) -> None:
        """Wait until the lock's note is gone. It is removed when the connection ends, a moment after the run."""
        note = (self.host.root / TOKEN_FILE).parent / LOCK_NOTE
        until = time.monotonic() + 60
        while note.exists() and time.monotonic() < until:
            time.sleep(0.01)

    def snapshot(self) -> dict[str, Any]:
        """Everything that a run could have changed: files, database, Plane."""
        files = {}
        for path in sorted(self.host.root.rglob("*")):
            # It is removed a moment after the run has ended.
            if path.name != LOCK_NOTE and path.is_file():
                info = path.stat()
                mode = stat.S_IMODE(info.st_mode)
                files[str(path.relative_to(self.host.root))] = (mode, info.st_mtime_ns, path.read_bytes())
        containers = {name: container.id for name, container in self.host.containers.items()}
        return {
            "files": files,
            "database": self.host.psql(_DATABASE_STATE),
            "plane": self.host.plane.snapshot(),
            "containers": containers,
        }

    # What a person would do to it

    def user(self, name: str) -> models.User:
        """An agent's account."""
        user = self.plane.user_by_email(f"{name}@javisi.local")
        assert user is not None
        return user

    def project(self, identifier: str = "ONBOARD") -> models.Project:
        """A project by its identifier."""
        return next(row for row in self.plane.projects.values() if row.identifier == identifier)

    def workspace(self, slug: str = "javisi") -> models.Workspace:
        """A workspace by its slug."""
        workspace = self.plane.workspace_by_slug(slug)
        assert workspace is not None
        return workspace

    def membership(self, name: str) -> models.WorkspaceMember:
        """An agent's membership in the workspace."""
        row = self.plane.workspace_member(self.workspace().id, self.user(name).id)
        assert row is not None
        return row

    def project_membership(self, name: str, identifier: str = "ONBOARD") -> models.ProjectMember:
        """An agent's membership in a project."""
        row = self.plane.project_member(self.project(identifier).id, self.user(name).id)
        assert row is not None
        return row
