"""A model of a host's containers: the data for `docker inspect` and `docker ps`, and the ports that listen."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

NEVER = "0001-01-01T00:00:00Z"

PLANE_IMAGE = "makeplane/plane-backend:stable"

POSTGRESQL = "javisi_postgresql"
REDIS = "javisi_redis"
API = "javisi_plane_api"
WORKER = "javisi_plane_worker"
BEAT = "javisi_plane_beat"
MIGRATOR = "javisi_plane_migrator"
STORAGE = "javisi_plane_minio"


ENV_FILE = "opt/javisi/configs/plane/plane.env"

START_SCRIPT = "./bin/docker-entrypoint-{}.sh"

STACKS = ("role", "scripts", "plane")
"""The Compose files that a host may have.

One has `env_file:` and commands of its own instead of the image's start scripts, and no migrator; one has `env_file:`,
start scripts and a migrator; and one is Plane's own, which interpolates.
"""


@dataclass
class Project:
    """A Compose project, with the content of its file, which a test may rewrite. The file is JSON, which is YAML."""

    name: str
    directory: Path
    stack: str

    @property
    def file(self) -> Path:
        return self.directory / "docker-compose.yml"

    @property
    def model(self) -> dict[str, Any]:
        model: dict[str, Any] = json.loads(self.file.read_text())
        return model

    @property
    def services(self) -> dict[str, str]:
        """The name of each service's container."""
        return {name: service["container_name"] for name, service in self.model["services"].items()}

    def write(self) -> None:
        self.directory.mkdir(parents=True)
        project = {"name": self.name, "services": model(self.stack)}
        self.file.write_text(json.dumps(project, indent=2) + "\n")


def _service(container: str, command: str, **further: object) -> dict[str, Any]:
    return {"image": PLANE_IMAGE, "container_name": container, "command": command, **further}


def _role() -> dict[str, Any]:
    reads = {"env_file": f"../../{ENV_FILE}"}
    return {
        "plane-minio": {"image": "minio/minio:latest", "container_name": STORAGE, "command": "server /export"},
        "plane-api": _service(
            API,
            "gunicorn plane.wsgi --workers 2 --bind 0.0.0.0:8000",
            depends_on={"plane-minio": {"condition": "service_healthy"}},
            **reads,
        ),
        "plane-worker": _service(WORKER, "celery -A plane worker -l info", **reads),
        "plane-beat": _service(BEAT, "celery -A plane beat -l info", **reads),
    }


def _scripts() -> dict[str, Any]:
    reads = {"env_file": f"../../{ENV_FILE}"}
    return _with_scripts(**reads)


def _plane() -> dict[str, Any]:
    defaults = {
        "WEB_URL": "http://localhost",
        "CORS_ALLOWED_ORIGINS": "",
        "DATABASE_URL": "postgresql://plane:plane@plane-db/plane",
        "SECRET_KEY": "a-key-that-everybody-knows",
        "REDIS_URL": "redis://plane-redis:6379/",
        "AMQP_URL": "amqp://plane:plane@plane-mq:5672/plane",
        "API_KEY_RATE_LIMIT": "60/minute",
        "USE_MINIO": "1",
        "AWS_REGION": "",
        "AWS_ACCESS_KEY_ID": "access-key",
        "AWS_SECRET_ACCESS_KEY": "secret-key",
        "AWS_S3_ENDPOINT_URL": "http://plane-minio:9000",
        "AWS_S3_BUCKET_NAME": "uploads",
    }
    environment = {name: f"${{{name}:-{value}}}" for name, value in defaults.items()} | {"GUNICORN_WORKERS": "1"}
    return _with_scripts(environment=environment)


def _with_scripts(**reads: Any) -> dict[str, Any]:
    return {
        "migrator": _service(MIGRATOR, START_SCRIPT.format("migrator"), **reads),
        "api": _service(API, START_SCRIPT.format("api"), **reads),
        "worker": _service(WORKER, START_SCRIPT.format("worker"), depends_on=["api"], **reads),
        "beat-worker": _service(BEAT, START_SCRIPT.format("beat"), depends_on=["api"], **reads),
    }


def model(stack: str) -> dict[str, dict[str, Any]]:
    """The services of one of the Compose files in :data:`STACKS`."""
    return {"role": _role, "scripts": _scripts, "plane": _plane}[stack]()


@dataclass
class Container:
    """A container. Tests call `stop` and `start`."""

    name: str
    image: str
    address: str
    image_id: str = field(default_factory=lambda: f"sha256:{secrets.token_hex(32)}")
    network: str = "javisi"
    # By port in the container: the loopback port on which the real server listens.
    ports: dict[int, int] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    # Containers that do not exist: `compose up` has not created them yet, or `docker run --rm` has removed them.
    exists: bool = True
    environment: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: secrets.token_hex(32))
    running: bool = True
    health: str | None = None
    created_at: str = field(default_factory=lambda: _now())
    started_at: str = field(default_factory=lambda: _now())
    finished_at: str = NEVER
    # Of a container that exits at once.
    ends: bool = False
    exit_code: int = 0

    def stop(self) -> None:
        self.running = False
        self.finished_at = _now()

    def start(self, health: str | None = None) -> None:
        """Start it; `health="starting"` is a container that runs and does not listen yet."""
        self.running = True
        self.health = health
        self.started_at = _now()
        if self.ends:
            self.stop()

    def recreate(self, environment: dict[str, str]) -> None:
        self.exists = True
        self.id = secrets.token_hex(32)
        self.environment = dict(environment)
        self.created_at = _now()
        self.finished_at = NEVER
        self.start()

    @property
    def listens(self) -> bool:
        return self.running and self.health != "starting"

    @property
    def status(self) -> str:
        return "running" if self.running else "exited"

    def inspect(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "Status": self.status,
            "Running": self.running,
            "Paused": False,
            "Restarting": False,
            "Dead": False,
            "ExitCode": self.exit_code,
            "StartedAt": self.started_at,
            "FinishedAt": self.finished_at,
        }
        if self.health is not None:
            state["Health"] = {"Status": self.health, "FailingStreak": 0, "Log": []}
        # A container on a network of its own has its address there and none at the top; a stopped one has neither.
        address = self.address if self.running else ""
        published = {
            f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(loopback)}] for port, loopback in self.ports.items()
        }
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "Created": self.created_at,
            "State": state,
            "Image": self.image_id,
            "HostConfig": {"NetworkMode": self.network},
            "Config": {
                "Image": self.image,
                "Entrypoint": None,
                "Cmd": self.command,
                "Env": [f"{name}={value}" for name, value in self.environment.items()],
                "Labels": dict(self.labels),
            },
            "NetworkSettings": {
                "IPAddress": "",
                "Networks": {self.network: {"IPAddress": address}},
                "Ports": published if self.running else {},
            },
        }

    def summary(self) -> dict[str, str]:
        """The container as `docker ps` prints it."""
        up = "Up Less than a second"
        status = up + (f" ({self.health})" if self.health else "") if self.running else f"Exited ({self.exit_code})"
        return {
            "ID": self.id[:12],
            "Names": self.name,
            "Image": self.image,
            "Command": f'"{" ".join(self.command)}"',
            "State": self.status,
            "Status": status,
            "Labels": ",".join(f"{key}={value}" for key, value in sorted(self.labels.items())),
            "Networks": self.network,
            "Ports": ", ".join(f"127.0.0.1:{to}->{port}/tcp" for port, to in self.ports.items())
            if self.running
            else "",
        }


def plane_project(root: Path, stack: str) -> Project:
    return Project("plane", root / "opt/plane", stack)


def javisi(number: int, project: Project, api_port: int) -> dict[str, Container]:
    """The containers of a new host with this number: Plane's only with start scripts."""
    made = [
        Container(POSTGRESQL, "postgres:18-alpine", f"172.20.{number}.2"),
        Container(API, PLANE_IMAGE, f"172.20.{number}.3", ports={8000: api_port}),
        Container(WORKER, PLANE_IMAGE, f"172.20.{number}.4"),
        Container(BEAT, PLANE_IMAGE, f"172.20.{number}.5"),
        Container(REDIS, "redis:8-alpine", f"172.20.{number}.6"),
        Container(MIGRATOR, PLANE_IMAGE, f"172.20.{number}.7", running=False, ends=True),
        Container(STORAGE, "minio/minio:latest", f"172.20.{number}.8"),
    ]
    containers = {container.name: container for container in made}
    image_id = containers[API].image_id
    is_started = project.stack == "scripts"
    for service, definition in project.model["services"].items():
        container = containers[definition["container_name"]]
        container.command = str(definition["command"]).split()
        container.image_id = image_id if container.image == PLANE_IMAGE else container.image_id
        container.exists, container.running = is_started, is_started and container.running
        container.labels = {
            "com.docker.compose.project": project.name,
            "com.docker.compose.project.config_files": str(project.file),
            "com.docker.compose.project.working_dir": str(project.directory),
            "com.docker.compose.service": service,
        }
    return {name: each for name, each in containers.items() if each.labels or name in (POSTGRESQL, REDIS)}


def _now() -> str:
    # Docker prints nanoseconds.
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
