"""One host of the sandbox: its directory, its containers, its PostgreSQL and its Plane."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.containers import API, PLANE_IMAGE, Container, Project
from sandbox.directory import SandboxError
from sandbox.plane import PlaneServer
from sandbox.plane.database import Progress, read_progress
from sandbox.plane_image import write_image
from sandbox.postgres import Cluster, programs

LOOPBACK = "127.0.0.1"


OnRecreate = Callable[[str, dict[str, str]], "Awaitable[object] | object"]


class UnknownHost(Exception):
    """No container has this name or address."""


class NotListening(Exception):
    """Nothing listens on this port."""


@dataclass
class Host:
    name: str
    root: Path
    commands_path: Path
    loop: asyncio.AbstractEventLoop
    containers: dict[str, Container]
    project: Project
    cluster: Cluster
    plane: PlaneServer
    plane_port: int
    on_recreate: OnRecreate
    port: int = 0
    allow_tcp_forwarding: bool = True
    # Called with each command line before it is run.
    before_command: Callable[[str], Awaitable[None]] | None = None
    # Command lines in the order in which the client sent them.
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    # By an image's name, its current id; by its id, the folder with its content.
    images: dict[str, str] = field(default_factory=dict)
    image_folders: dict[str, Path] = field(default_factory=dict)
    # The keys in Redis, by database.
    redis_keys: dict[int, list[str]] = field(default_factory=dict)
    # The password that Redis requires from Plane; none at first.
    redis_password: str = ""

    @property
    def storage(self) -> Path:
        """The folder with the storage's buckets as folders; without the folder, no storage answers."""
        return self.root / "storage"

    def add_service(self, service: str, **definition: object) -> Container:
        """Add a service that is not Plane's to the Compose project, with a container that never ran."""
        name = f"javisi_{service}"
        model = self.project.model
        given = {"image": f"example/{service}:1", "container_name": name, "command": "run", **definition}
        model["services"][service] = given
        self.project.file.write_text(json.dumps(model, indent=2) + "\n")
        labels = {
            "com.docker.compose.project": self.project.name,
            "com.docker.compose.project.config_files": str(self.project.file),
            "com.docker.compose.project.working_dir": str(self.project.directory),
            "com.docker.compose.service": service,
        }
        made = Container(name, str(given["image"]), "172.20.255.9", labels=labels, exists=False, running=False)
        self.containers[name] = made
        return made

    def add_image(self, version: str) -> None:
        """Release a new version of Plane's image; containers keep theirs until they are recreated."""
        image_id = f"sha256:{secrets.token_hex(32)}"
        folder = self.commands_path.parent / "images" / image_id[7:19]
        write_image(folder, version)
        self.image_folders[image_id] = folder
        self.images[PLANE_IMAGE] = image_id

    def image_of(self, container: Container) -> Path:
        """The content of the working directory of a container's image."""
        return self.image_folders.get(container.image_id, self.root)

    def image_environment(self) -> dict[str, str]:
        """Further variables of containers of Plane's image, with which they find the sandbox's PostgreSQL."""
        return {
            "PATH": f"{programs()}:/usr/local/bin:/usr/bin:/bin",
            "SANDBOX_PGHOST": str(self.cluster.sockets),
            "SANDBOX_S3": str(self.storage),
            "SANDBOX_REDIS_PASSWORD": self.redis_password,
            "BUCKET_TRIES": "0",
            "CONNECTION_TRIES": "0",
        }

    async def read_progress(self) -> Progress:
        """Return the state of Plane's database, as its API reads it."""
        await self.cluster.settle()
        address = self.containers[API].environment.get("DATABASE_URL", "")
        return await read_progress(str(programs() / "psql"), address, str(self.cluster.sockets))

    @property
    def postgres_log(self) -> Path:
        return self.cluster.log

    def psql(self, sql: str, dbname: str = "postgres") -> str:
        """Run SQL as the superuser, from any thread but the sandbox's own."""
        asyncio.run_coroutine_threadsafe(self.cluster.ready(), self.loop).result()
        return self.cluster.psql(sql, dbname)

    def environment(self, user: str) -> dict[str, str]:
        """The environment of a command on the host, without the sandbox's own variables."""
        path = os.environ.get("PATH", os.defpath)
        return {
            "PATH": f"{self.commands_path}:{path}",
            "HOME": str(self.root),
            "TMPDIR": str(self.root / "tmp"),
            "LANG": "C.UTF-8",
            "USER": user,
            "LOGNAME": user,
            "SHELL": "/bin/sh",
        }

    def destination(self, address: str, port: int) -> int:
        """The loopback port behind an address and port, as seen from the host."""
        if address in (LOOPBACK, "localhost"):
            candidates = [(each, to) for each in self.containers.values() for to in each.ports.values()]
        else:
            named = [each for each in self.containers.values() if address in (each.name, each.address)]
            if not named:
                raise UnknownHost(address)
            candidates = [(named[0], to) for inside, to in named[0].ports.items() if inside == port]
            port = candidates[0][1] if candidates else port
        for container, to in candidates:
            if to == port and container.listens:
                return to
        raise NotListening(f"{address}:{port}")

    def install_docker(self, port: int, word: str) -> None:
        """Write the `docker` command, which asks the sandbox at a port, with a word that only its user can read."""
        bash = shutil.which("bash")
        if bash is None:
            raise SandboxError("bash is missing: install it, for the sandbox's docker command")
        client = Path(__file__).with_name("docker_client.sh").read_text()
        script = self.commands_path / "docker"
        script.touch(mode=0o700)
        script.write_text(f"#!{bash}\n_port={port}\n_word={word}\n{client}")
