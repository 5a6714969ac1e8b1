"""The containers of a host as a model: what `docker inspect` and `docker ps` tell of them, and what listens in them."""

from __future__ import annotations

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


@dataclass
class Project:
    """A Compose project: its services, each with its container, and the environment file that they share."""

    name: str
    directory: Path
    env_file: Path
    services: dict[str, str]

    @property
    def file(self) -> Path:
        return self.directory / "docker-compose.yml"

    def write(self) -> None:
        self.directory.mkdir(parents=True)
        lines = [f"name: {self.name}", "services:"]
        for service, container in self.services.items():
            lines += [
                f"  {service}:",
                f"    image: {PLANE_IMAGE}",
                f"    container_name: {container}",
                "    env_file: ../javisi/configs/plane/plane.env",
            ]
        self.file.write_text("\n".join(lines) + "\n")


@dataclass
class Container:
    """A container; `stop` and `start` are what a test does to it."""

    name: str
    image: str
    address: str
    network: str = "javisi"
    # Port in the container: loopback port where the real thing listens.
    ports: dict[int, int] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: secrets.token_hex(32))
    running: bool = True
    health: str | None = None
    created_at: str = field(default_factory=lambda: _now())
    started_at: str = field(default_factory=lambda: _now())
    finished_at: str = NEVER
    # Of one whose work is done at once.
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
        # A container on a network of its own making has its address there and none at the top;
        # a stopped one has neither.
        address = self.address if self.running else ""
        published = {
            f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(loopback)}] for port, loopback in self.ports.items()
        }
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "Created": self.created_at,
            "State": state,
            "HostConfig": {"NetworkMode": self.network},
            "Config": {
                "Image": self.image,
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
            "State": self.status,
            "Status": status,
            "Labels": ",".join(f"{key}={value}" for key, value in sorted(self.labels.items())),
            "Networks": self.network,
            "Ports": ", ".join(f"127.0.0.1:{to}->{port}/tcp" for port, to in self.ports.items())
            if self.running
            else "",
        }


def plane_project(root: Path) -> Project:
    return Project(
        name="plane",
        directory=root / "opt/plane",
        env_file=root / "opt/javisi/configs/plane/plane.env",
        services={"migrator": MIGRATOR, "api": API, "worker": WORKER, "beat-worker": BEAT},
    )


def javisi(number: int, project: Project, api_port: int) -> dict[str, Container]:
    """The containers of the host with this number, as they are when it is made."""
    made = [
        Container(POSTGRESQL, "postgres:18-alpine", f"172.20.{number}.2"),
        Container(API, PLANE_IMAGE, f"172.20.{number}.3", ports={8000: api_port}),
        Container(WORKER, PLANE_IMAGE, f"172.20.{number}.4"),
        Container(BEAT, PLANE_IMAGE, f"172.20.{number}.5"),
        Container(REDIS, "redis:8-alpine", f"172.20.{number}.6"),
        Container(MIGRATOR, PLANE_IMAGE, f"172.20.{number}.7", running=False, ends=True),
    ]
    containers = {container.name: container for container in made}
    for service, name in project.services.items():
        containers[name].labels = {
            "com.docker.compose.project": project.name,
            "com.docker.compose.project.config_files": str(project.file),
            "com.docker.compose.project.working_dir": str(project.directory),
            "com.docker.compose.service": service,
        }
    return containers


def _now() -> str:
    # Docker prints nanoseconds.
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
