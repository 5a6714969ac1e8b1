"""The place of the measurements: sandbox hosts, and the commands that are run against them, each with its cost."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sandbox
from sandbox.host import Host
from sandbox.server import Sandbox

HERE = Path(__file__).parent
CHECKOUT = HERE.parent
RUNTIME = CHECKOUT / ".venv" / "bin" / "python"
ANSIBLE = CHECKOUT / ".venv-ansible" / "bin" / "ansible-playbook"

REAL_HASHING = 600_000
"""Rounds of PBKDF2 in Django 4.2, with which every tried release hashes passwords."""

AGENTS = ("concierge", "imhotep", "thot", "basquiat", "r2d2", "shuri", "piccolo", "cfo", "maintainer", "hermes")

SECRETS = {
    # Long and random, as `make secrets` generates them.
    name: base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).decode()[:32]
    for name in (
        "POSTGRESQL_PASSWORD", "PLANE_ADMIN_PASSWORD", "PLANE_CONCIERGE_PASSWORD", "PLANE_AGENT_PASSWORD_SEED"
    )
}  # fmt: skip


class BenchmarkError(Exception):
    """A measured command failed."""


@dataclass(frozen=True)
class Spent:
    """The cost of a command: seconds, CPU seconds with its children, maximum MB, and requests that reached Plane."""

    seconds: float
    cpu: float
    memory: float
    requests: int = 0


@dataclass
class Bed:
    """A sandbox, and a folder with the files for deploying to its hosts."""

    sandbox: Sandbox
    directory: Path

    @property
    def hosts(self) -> list[Host]:
        """The hosts."""
        return self.sandbox.hosts

    def warm(self, hosts: Sequence[Host]) -> None:
        """Start PostgreSQL on hosts; on a real host it runs already."""
        for host in hosts:
            host.psql("SELECT 1")

    def deploy(
        self,
        hosts: Sequence[Host],
        deploy: str = "deploy.py",
        data: Mapping[str, object] | None = None,
        entries: int = 1,
        python: Path = Path(sys.executable),
        folder: Path = CHECKOUT,
    ) -> Spent:
        """Run pyinfra against hosts, each with this many entries in the inventory, as if they were further hosts.

        Args:
            python: the Python of the environment whose pyinfra is run.
            folder: where pyinfra is run; it reads config.py and group data there.
        """
        inventory = self.directory / "inventory.py"
        named = [self._entry(host, data or {}) for host in hosts]
        every = [(f"{name}-{number}", given) for number in range(1, entries + 1) for name, given in named]
        inventory.write_text(f"sandbox = {every!r}\n")
        return self.run([str(python), "-m", "pyinfra", str(inventory), deploy, "-y"], hosts, folder=folder)

    def empty(self, hosts: Sequence[Host], python: Path = Path(sys.executable)) -> Spent:
        """Run an empty deploy against hosts: only pyinfra, in a folder without this project's config.py and data."""
        login = {"ssh_hostname": "127.0.0.1", "ssh_user": "sandbox", "ssh_strict_host_key_checking": "yes"}
        return self.deploy(hosts, str(HERE / "empty.py"), login, python=python, folder=self.directory)

    def _entry(self, host: Host, data: Mapping[str, object]) -> tuple[str, dict[str, object]]:
        given: dict[str, object] = {
            "ssh_port": host.port,
            "ssh_key": str(self.sandbox.key_path),
            "ssh_known_hosts_file": str(self.sandbox.known_hosts_path),
            "plane_secrets_dir": str(self.directory),
            # Otherwise the measurement would include Plane's limit of 60 requests a minute for each key.
            "plane_env_extra": {"API_KEY_RATE_LIMIT": "1000000/minute"},
        }
        return host.name, {**given, **data}

    def bare(self, host: Host) -> Spent:
        """Run the script with the minimum of requests against a host's Plane."""
        return self.run([sys.executable, "-m", "benchmarks.bare", f"http://127.0.0.1:{host.plane_port}"], [host])

    def ansible(self, host: Host) -> Spent:
        """Run the playbook against a host."""
        inventory = self.directory / "hosts.json"
        inventory.write_text(json.dumps({"all": {"hosts": {host.name: self._variables(host)}}}))
        control = self.directory / "ssh"
        control.mkdir(exist_ok=True)
        environment = {
            "ANSIBLE_CONFIG": str(HERE / "ansible" / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.directory / "ansible"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(control),
        }
        playbook = str(HERE / "ansible" / "playbook.yml")
        return self.run([str(ANSIBLE), "-i", str(inventory), playbook], [host], environment)

    def _variables(self, host: Host) -> dict[str, Any]:
        roles = {name: 20 if name == "concierge" else 15 for name in AGENTS}
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": host.port,
            "ansible_user": "sandbox",
            "ansible_ssh_private_key_file": str(self.sandbox.key_path),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={self.sandbox.known_hosts_path}",
            # Given, so that Ansible does not search for it.
            "ansible_python_interpreter": os.path.realpath(sys.executable),
            # A sandbox host has a folder of its own and no users.
            "ansible_remote_tmp": str(host.root / "tmp" / "ansible"),
            "plane_config_dir": str(host.root / "opt/javisi/configs/plane"),
            "plane_compose_dir": str(host.root / "opt/plane"),
            # The sandbox invents the containers' addresses, so a command on its host cannot reach them.
            "plane_api_url": f"http://127.0.0.1:{host.plane_port}",
            "plane_web_url": "https://work.example.com",
            "plane_api_container": "javisi_plane_api",
            "postgres_container": "javisi_postgresql",
            "postgresql_password": SECRETS["POSTGRESQL_PASSWORD"],
            "plane_db_user": "plane",
            "plane_db_name": "plane_production",
            "plane_admin_email": "admin@javisi.local",
            "plane_admin_password": SECRETS["PLANE_ADMIN_PASSWORD"],
            "plane_workspace_slug": "javisi",
            "plane_workspace_name": "Javisi",
            "plane_project": {
                "name": "Onboarding",
                "identifier": "ONBOARD",
                "description": "Where every agent reports to first.",
            },
            "plane_agents": [
                {"name": name, "email": f"{name}@javisi.local", "role": role, "password": f"{name}-Battery-Staple-7x"}
                for name, role in roles.items()
            ],
        }

    def run(
        self,
        words: Sequence[str],
        hosts: Sequence[Host],
        environment: Mapping[str, str] | None = None,
        folder: Path = CHECKOUT,
    ) -> Spent:
        """Run a command in a folder and return its cost.

        Raises:
            BenchmarkError: it failed; with all of its output.
        """
        before = sum(len(host.plane.requests) for host in hosts)
        for host in hosts:
            self.sandbox.call(host.plane.forget_throttles)
        report = self.directory / "report.json"
        # PYTHONDONTWRITEBYTECODE, for example, would make every run compile this project again.
        others = ("PLANE_", "POSTGRES", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        done = subprocess.run(
            [sys.executable, "-IS", str(HERE / "launch.py"), str(report), *words],
            cwd=folder,
            env={**kept, **SECRETS, "PYINFRA_PROGRESS": "off", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise BenchmarkError(f"{' '.join(words[:4])} … ended with {done.returncode}:\n{done.stdout}")
        figures = json.loads(report.read_text())
        return Spent(**figures, requests=sum(len(host.plane.requests) for host in hosts) - before)


@contextmanager
def bed(hosts: int, hash_iterations: int = 1, edition: str = "community", version: str | None = None) -> Iterator[Bed]:
    """Start this many hosts, for the duration of the block."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        (directory / "run").mkdir()
        running = sandbox.running(
            directory / "sandbox",
            hosts=hosts,
            port=0,
            edition=edition,
            version=version,
            hash_iterations=hash_iterations,
        )
        with running as started:
            yield Bed(started, directory / "run")
