"""A target to deploy to for real: an sshd, a Docker engine, PostgreSQL, Plane's containers, and TLS in front of them.

Every name carries the lab's own, so that labs can run side by side. What a lab made is removed when it stops; what
one that was killed left behind is removed when the next one starts.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import pickle
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sandbox.containers import PLANE_IMAGE, model
from sandbox.plane import PlaneState
from sandbox.plane_image import write_image
from tests.deploy.target import environment_with, run_pyinfra
from tests.docker import target
from tests.docker.certificates import Authority
from tests.docker.engine import IMAGES, LABEL, LABS, PREFIX, alone, docker, remove, remove_dead

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent

# Each with what an address, a shell, SQL and a template could trip over. Plane's env file refuses quotes, $ and #.
SECRETS = {
    "POSTGRESQL_PASSWORD": "pg/Sekret@1:%x&y;z",
    "PLANE_ADMIN_PASSWORD": "adm1n-Correct-Horse-9",
    "PLANE_CONCIERGE_PASSWORD": "c0ncierge-Battery-Staple-7",
    "PLANE_AGENT_PASSWORD_SEED": "seed-of-all-the-agents-5",
}
SUPERUSER_PASSWORD = "superuser-Passw0rd-3"

TLS_NAME, WRONG_NAME = "plane.lab.test", "other.lab.test"
"""Names that the target alone resolves; the certificate is for the first."""

SERVICES = ("migrator", "api", "worker", "beat-worker")

STACKS: dict[str, dict[str, str]] = {
    "scripts": {name: name for name in SERVICES},
    "role": {"plane-minio": "minio", "plane-api": "api", "plane-worker": "worker", "plane-beat": "beat-worker"},
    "plane": {name: name for name in SERVICES},
}
"""By Compose file (see sandbox/containers.py), its services, each with the end of its container's name."""

_SERVICE = r"""
SELECT rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolconnlimit, rolpassword IS NOT NULL
FROM pg_authid WHERE rolname = 'plane';
SELECT datname, pg_get_userbyid(datdba), acl.* FROM pg_database,
LATERAL (SELECT string_agg(grantee::regrole || ' ' || privilege_type, ', ' ORDER BY 1)
FROM (SELECT grantee, privilege_type FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))
ORDER BY grantee::regrole::text, privilege_type) e) acl WHERE datname = 'plane_production';
\connect plane_production
SELECT nspname, pg_get_userbyid(nspowner), grantee::regrole, privilege_type
FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
WHERE nspname = 'public' ORDER BY 3, 4
"""

_DATABASES = "== databases"
_DUMP_OTHERS = f"""
set -e
pg_dumpall -U postgres --globals-only
echo '{_DATABASES}'
for name in postgres n8n litellm; do pg_dump -U postgres --create "$name"; done
"""


class Lab:
    """The target, and what a person would deploy to it with."""

    def __init__(self) -> None:
        with alone():
            remove_dead()
            self.directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=LABS))
            self._lock = (self.directory / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.directory.chmod(0o755)  # the target's users go through it
        self.name = f"lab-{secrets.token_hex(3)}"
        (self.directory / "name").write_text(self.name)
        self.postgres = f"{self.name}_postgresql"
        self.api = f"{self.name}_plane_api"
        self.redis = f"{self.name}_redis"
        self.config_dir = self.directory / "target/configs/plane"
        self.compose_dir = self.directory / "target/plane"
        self.env_path = self.config_dir / "plane.env"
        self.tokens_path = self.config_dir / "agent-tokens.env"
        self.ca, self.unknown_ca = self.directory / "tls/ca.pem", self.directory / "tls/unknown.pem"
        self.root_home = target.home(self.directory / "ssh", "root")
        self._plane_data = self.directory / "plane-data"
        self._code = self.directory / "code"
        self.release_image = f"{self.name}/plane:stable"
        self.stack = "scripts"
        self._sshd: target.SSHServer | None = None
        self._strict_sshd: target.SSHServer | None = None
        self._finished: dict[str, object] | None = None

    # The lab itself

    def start(self) -> None:
        """Start everything but Plane's containers, which the first deploy starts."""
        # A copy: a file that is edited meanwhile would be another one in the next container.
        shutil.copytree(CHECKOUT / "sandbox/plane", self.directory / "stand-in")
        self.docker("network", "create", "--label", self._label, self.name)
        self.run_postgres("postgresql", "-c", "log_statement=all", "-c", "log_min_duration_statement=0")
        self.psql((HERE / "others.sql").read_text())
        self._run("redis", IMAGES["redis:7"], options=["--network-alias", "redis"])
        tls = self._start_tls()
        ssh = self.directory / "ssh"
        ssh.mkdir()
        target.prepare(ssh, {TLS_NAME: self.address(tls), WRONG_NAME: self.address(tls)})
        self._sshd = target.start(ssh, "sshd")
        self._strict_sshd = target.start(
            ssh, "sshd-without-forwarding", target.NO_FORWARDING, target.FEW_SESSIONS, target.NO_PROGRAMS
        )

    def stop(self) -> None:
        """Remove everything that the lab made."""
        for server in (self._sshd, self._strict_sshd):
            if server is not None:
                server.stop()
        remove(self.directory)
        self._lock.close()

    @property
    def _label(self) -> str:
        return f"{LABEL}={self.name}"

    def _run(self, role: str, image: str, *command: str, options: list[str]) -> str:
        name = f"{self.name}_{role}"
        self.docker(
            *("run", "-d", "--name", name, "--label", self._label, "--network", self.name),
            *(*options, image, *command),
        )
        return name

    def run_postgres(self, role: str, *command: str, options: tuple[str, ...] = (), port: int = 5432) -> str:
        """Start a PostgreSQL container on an empty data directory, wait until it is up, and give its name."""
        password = ["-e", f"POSTGRES_PASSWORD={SUPERUSER_PASSWORD}"]
        command = ("-p", str(port), *command)
        name = self._run(role, IMAGES["postgres:15"], *command, options=[*password, *options])
        self.wait_for_postgres(name, port)
        return name

    def wait_for_postgres(self, name: str, port: int = 5432) -> None:
        """Wait until a PostgreSQL container takes connections over TCP: while it is being made, it does not."""
        deadline = time.monotonic() + 60
        while docker("exec", name, "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), check=False).returncode:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not start: {self.logs(name)[-2000:]}")
            time.sleep(0.1)

    def _start_tls(self) -> str:
        directory = self.ca.parent
        directory.mkdir()
        authority = Authority("Lab CA")
        authority.write(self.ca)
        authority.issue(TLS_NAME, directory / "server.pem", directory / "server.key")
        Authority("Another CA").write(self.unknown_ca)
        (directory / "nginx.conf").write_text((HERE / "images/nginx/tls.conf").read_text().replace("API", self.api))
        mounts = ["-v", f"{directory}:/tls:ro", "-v", f"{directory}/nginx.conf:/etc/nginx/nginx.conf:ro"]
        return self._run("tls", IMAGES["nginx:1"], options=mounts)

    # A target that nothing was ever deployed to

    def reset(self, owner: str = "root", stack: str = "scripts") -> None:
        """Take back what deploys did: Plane's containers and data, its files, its role and its database.

        Args:
            owner: the user of the target whose the folders are.
            stack: the Compose file.
        """
        names = {f"{self.name}_plane_{end}" for services in STACKS.values() for end in services.values()}
        self.docker("rm", "-f", "-v", *sorted(names))
        self.stack = stack
        self.docker("start", self.postgres)
        self.wait_for_postgres(self.postgres)
        self.psql("DROP DATABASE IF EXISTS plane_production WITH (FORCE); DROP ROLE IF EXISTS plane;")
        for directory in (self._plane_data, self.config_dir.parent, self.compose_dir):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            if owner != "root":
                shutil.chown(directory, target.USERS[owner], target.USERS[owner])
        self.storage.mkdir()
        self.install_release("1.2.2")
        # JSON is YAML, and needs no library.
        (self.compose_dir / "docker-compose.yml").write_text(json.dumps(self._compose(), indent=2))

    def install_release(self, version: str) -> None:
        """Have Plane's image of a release; containers that run keep theirs."""
        shutil.rmtree(self._code, ignore_errors=True)
        write_image(self._code, version)
        # Of nothing but a label: an image with an id of its own.
        recipe = f"FROM {IMAGES['plane:1']}\nLABEL {self._label} release={version}\n"
        build = ["docker", "build", "-q", "-t", self.release_image, "-"]
        subprocess.run(
            build, input=recipe, text=True, check=True, capture_output=True, env={**os.environ, "DOCKER_BUILDKIT": "0"}
        )

    def finish(self) -> None:
        """Have a target that was deployed to: the one that is there, if it still is as it was left, else a new one."""
        with contextlib.suppress(RuntimeError, OSError):  # something is stopped or gone
            if self._finished is not None and self.snapshot() == self._finished:
                return
        self.reset(stack=self.stack)
        done = self.deploy()
        if done.returncode:
            raise RuntimeError(f"the deploy failed: {done.stdout}\n{self.logs(self.api)[-4000:]}")
        self._finished = self.snapshot()

    @property
    def services(self) -> dict[str, str]:
        """The services of the Compose file, each with its container's name."""
        return {service: f"{self.name}_plane_{end}" for service, end in STACKS[self.stack].items()}

    def _compose(self) -> dict[str, Any]:
        project = model(self.stack)
        for service, definition in project.items():
            definition |= {
                "container_name": self.services[service],
                "networks": ["lab"],
                "labels": {LABEL: self.name},
                # Plane's own take their work from the queue; these have none.
                "stop_signal": "SIGKILL" if self.services[service] != self.api else "SIGTERM",
            }
            if "env_file" in definition:
                definition["env_file"] = str(self.env_path)
            if definition["image"] == PLANE_IMAGE:
                definition |= {"image": self.release_image, "volumes": self._mounts()}
                definition.setdefault("environment", {}).update(SANDBOX_S3="/data/storage", BUCKET_TRIES="0")
            else:
                definition |= {"image": IMAGES["plane:1"], "command": "sleep infinity"}
                definition["healthcheck"] = {"test": ["CMD", "true"], "interval": "1s"}
        return {
            "name": self.name,
            "services": project,
            "networks": {"lab": {"external": True, "name": self.name}},
        }

    def _mounts(self) -> list[str]:
        # Only what the stand-in needs: the rest of the sandbox is none of the container's business.
        mounts = {
            self._code: "/code",
            self.directory / "stand-in": "/lab/sandbox/plane",
            HERE / "plane_server.py": "/lab/plane_server.py",
            **{package: f"/lab/packages/{package.name}" for package in _packages()},
        }
        return [f"{self._plane_data}:/data", *(f"{source}:{path}:ro" for source, path in mounts.items())]

    # Deploying

    def deploy(
        self,
        *arguments: str,
        user: str = "root",
        data: Mapping[str, Any] | None = None,
        env: Mapping[str, str | None] | None = None,
        operation: tuple[str, ...] = ("deploy.py",),
        forwarding: bool = True,
        in_fork: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run the real `pyinfra` command; standard output holds standard error too.

        Args:
            arguments: to `pyinfra`, such as ``--dry`` (else ``-y`` is added) and ``-vvv``.
            user: whom to sign in as.
            data: host data beside what the lab needs.
            env: environment beside the secrets; ``None`` takes one away.
            operation: what to run.
            forwarding: whether to use the SSH server that allows it; no programs can be executed in /tmp of the other.
            in_fork: as in :func:`tests.deploy.target.run_pyinfra`; :meth:`runs` finds none of those.
        """
        server = self._sshd if forwarding else self._strict_sshd
        assert server is not None
        ssh = self.directory / "ssh"
        host: dict[str, Any] = {
            "ssh_hostname": "127.0.0.1",
            "ssh_port": server.port,
            "ssh_user": user,
            "ssh_key": str(ssh / "key"),
            "ssh_known_hosts_file": str(ssh / "known_hosts"),
            "ssh_strict_host_key_checking": "yes",
            "postgres_container": self.postgres,
            "postgres_wait_seconds": 2,
            "redis_container": self.redis,
            "plane_config_dir": str(self.config_dir),
            "plane_compose_dir": str(self.compose_dir),
            "plane_secrets_dir": str(self.directory / "no-secrets"),
            "plane_health_retries": 10,
            "plane_health_delay": 1,
            **(data or {}),
        }
        inventory = self.directory / "inventory.py"
        inventory.write_text(f"lab = {[('target', host)]!r}\n")
        mode = [] if "--dry" in arguments else ["-y"]
        # An address has 30 requests a minute without a key, which a person's deploys do not come near.
        self.signal_api("USR1")
        return run_pyinfra(
            [str(inventory), *operation, *mode, *arguments],
            environment_with({**SECRETS, **(env or {})}),
            in_fork=in_fork,
            timeout=180,
        )

    def runs(self) -> list[int]:
        """The processes of the `pyinfra` commands that are under way, but for forks."""
        inventory = str(self.directory / "inventory.py").encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                if inventory in (process / "cmdline").read_bytes().split(b"\0"):
                    found.append(int(process.name))
        return found

    # What is there

    def docker(self, *arguments: str, stdin: str | None = None) -> str:
        """What a docker command prints.

        Raises:
            RuntimeError: it failed.
        """
        return docker(*arguments, stdin=stdin).stdout

    def psql(self, sql: str, database: str = "postgres", container: str | None = None) -> str:
        """What SQL prints, run as the superuser."""
        command = ("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database)
        password = f"PGPASSWORD={SUPERUSER_PASSWORD}"
        return self.docker("exec", "-i", "-e", password, container or self.postgres, *command, stdin=sql)

    def can_log_in(self, role: str, password: str, database: str, container: str | None = None) -> bool:
        """Whether PostgreSQL takes the password over TCP, where it asks for one."""
        name = container or self.postgres
        command = ("psql", "-X", "-w", "-h", self.address(name), "-U", role, "-d", database, "-c", "SELECT")
        return not docker("exec", "-e", f"PGPASSWORD={password}", name, *command, check=False).returncode

    def dump_others(self) -> str:
        """All that is not Plane's in the shared server: roles, settings, databases and what is in them."""
        roles, databases = self.docker("exec", self.postgres, "sh", "-c", _DUMP_OTHERS).split(_DATABASES)
        lines = [line for line in roles.splitlines() if not re.search(r" ROLE plane\b", line)]
        lines += databases.splitlines()
        # A key against injection, new in each dump.
        return "\n".join(line for line in lines if not line.startswith(("\\restrict", "\\unrestrict")))

    def service(self, container: str | None = None) -> str:
        """Plane's role, database, owners and privileges, as PostgreSQL holds them."""
        return self.psql(_SERVICE, container=container)

    def address(self, container: str) -> str:
        """A container's address in the lab's network."""
        network = f'{{{{(index .NetworkSettings.Networks "{self.name}").IPAddress}}}}'
        return self.docker("inspect", "-f", network, container).strip()

    def logs(self, container: str) -> str:
        """All that a container printed."""
        done = docker("logs", container, check=False)
        return done.stdout + done.stderr

    def container_ids(self) -> dict[str, str]:
        """The ids of Plane's containers, by service; a container that was recreated has another one."""
        # It prints those that there are, and fails if there are not all.
        found = docker("inspect", "-f", "{{.Name}} {{.Id}}", *self.services.values(), check=False).stdout.split()
        ids = dict(zip(found[::2], found[1::2], strict=True))
        return {service: ids[f"/{name}"] for service, name in self.services.items() if f"/{name}" in ids}

    @property
    def storage(self) -> Path:
        """The folder whose folders are the buckets."""
        return self._plane_data / "storage"

    def compose_of(self, service: str) -> dict[str, Any]:
        """What the Compose file says of a service."""
        project = json.loads((self.compose_dir / "docker-compose.yml").read_text())
        definition: dict[str, Any] = project["services"][service]
        return definition

    def wait_until(self, happened: Callable[[], bool]) -> None:
        """Wait for something that a container does by itself.

        Raises:
            RuntimeError: it did not happen.
        """
        deadline = time.monotonic() + 60
        while not happened():
            if time.monotonic() > deadline:
                raise RuntimeError(f"it did not happen: {self.logs(self.api)[-2000:]}")
            time.sleep(0.1)

    @contextlib.contextmanager
    def compose_changed(self, service: str, **keys: Any) -> Iterator[None]:
        """Plane's Compose file with other keys of a service, for a while."""
        file = self.compose_dir / "docker-compose.yml"
        before = file.read_text()
        project = json.loads(before)
        project["services"][service].update(keys)
        file.write_text(json.dumps(project))
        try:
            yield
        finally:
            file.write_text(before)

    def signal_api(self, name: str) -> bool:
        """Send a signal to the API's container; whether it runs."""
        return not docker("kill", "--signal", name, self.api, check=False).returncode

    def plane(self) -> PlaneState:
        """What Plane holds."""
        file = self._plane_data / "state"
        file.unlink(missing_ok=True)
        if not self.signal_api("USR2"):
            raise RuntimeError(f"{self.api} does not run")
        deadline = time.monotonic() + 10
        while not file.exists():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.api} did not write its state: {self.logs(self.api)[-2000:]}")
            time.sleep(0.02)
        state: PlaneState = pickle.loads(file.read_bytes())
        return state

    def tokens(self) -> dict[str, str]:
        """The saved tokens, by variable."""
        lines = (line.partition("=") for line in self.tokens_path.read_text().splitlines() if line[:1] != "#")
        return {name: value for name, _, value in lines}

    def snapshot(self) -> dict[str, object]:
        """All that a deploy could change: equal snapshots mean that nothing was changed in between."""
        files = sorted(path for path in self.directory.joinpath("target").rglob("*"))
        return {
            "files": {str(path): _described(path) for path in files},
            "containers": self.container_ids(),
            "plane": self.plane().snapshot(),
            "service": self.psql(f"SELECT rolpassword FROM pg_authid WHERE rolname = 'plane'; {_SERVICE}"),
            "others": self.dump_others(),
        }


def _described(path: Path) -> tuple[object, ...]:
    stat = path.stat()
    return stat.st_mode, stat.st_uid, stat.st_gid, stat.st_mtime_ns, path.read_bytes() if path.is_file() else b""


# aiohttp, what it needs in turn, and zxcvbn.
_STAND_IN_IMPORTS = (
    *("aiohttp", "aiohappyeyeballs", "aiosignal", "async_timeout", "attr", "attrs", "frozenlist", "idna"),
    *("multidict", "propcache", "typing_extensions", "yarl", "zxcvbn"),
)


def _packages() -> list[Path]:
    """Where the packages are that the stand-in imports. Their compiled parts are optional."""
    found = []
    for name in _STAND_IN_IMPORTS:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            found.append(origin.parent if origin.name == "__init__.py" else origin)
    return found
