"""The sandbox: a directory, and for each host its SSH server, containers, PostgreSQL and Plane."""

from __future__ import annotations

import asyncio
import inspect
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import asyncssh

from sandbox import docker, ssh
from sandbox.children import wait_without_threads
from sandbox.containers import API, STACKS, javisi, plane_project
from sandbox.directory import Directory, SandboxError
from sandbox.host import LOOPBACK, Host
from sandbox.plane import DEFAULT_VERSION, PlaneServer
from sandbox.plane.database import Progress
from sandbox.postgres import Cluster, EmptyData, stop_leftover

SECRETS = ("POSTGRESQL_PASSWORD", "PLANE_ADMIN_PASSWORD", "PLANE_CONCIERGE_PASSWORD", "PLANE_AGENT_PASSWORD_SEED")


class Sandbox:
    """A running sandbox, for `async with`; `sandbox.running` is the same for a program without a loop."""

    def __init__(
        self,
        directory: Path | str,
        *,
        hosts: int = 1,
        port: int = 2222,
        edition: str = "community",
        version: str | None = None,
        hash_iterations: int | None = None,
        log_statement: str = "none",
        stack: str = "scripts",
    ) -> None:
        if stack not in STACKS:
            raise ValueError(f"stack is {stack!r}; it is one of {', '.join(STACKS)}.")
        self._stack = stack
        self._version = version or DEFAULT_VERSION
        self.directory = Path(directory).resolve()
        self.hosts: list[Host] = []
        self._host_count = hosts
        self._first_port = port
        plane_options: dict[str, Any] = {"version": version, "hash_iterations": hash_iterations}
        # A missing value is the stand-in's own default.
        self._plane_options = {name: value for name, value in plane_options.items() if value is not None}
        self._plane_options["edition"] = edition
        self._log_statement = log_statement
        self._running = AsyncExitStack()

    @property
    def key_path(self) -> Path:
        return self.directory / "id_ed25519"

    @property
    def secrets_path(self) -> Path:
        return self.directory / "secrets" / "all.env"

    @property
    def known_hosts_path(self) -> Path:
        return self.directory / "known_hosts"

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on the sandbox's own thread and wait for its result, from any other thread."""

        async def called() -> Any:
            result = function(*arguments)
            return await result if inspect.isawaitable(result) else result

        return asyncio.run_coroutine_threadsafe(called(), self.hosts[0].loop).result()

    async def __aenter__(self) -> Sandbox:
        try:
            await self._start()
        except BaseException:
            await self._running.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._running.aclose()

    async def _start(self) -> None:
        wait_without_threads()
        directory = Directory.claim(self.directory)
        self._running.callback(directory.release)
        for data in sorted(self.directory.glob("postgres/*/data")):
            stop_leftover(data, directory.sockets / data.parent.name)
        directory.clear()
        directory.make_sockets()

        empty = EmptyData(self.directory / "postgres" / "empty", log_statement=self._log_statement)
        self._running.push_async_callback(empty.stop)
        clusters = [self._cluster(directory, f"sandbox-{number + 1}", empty) for number in range(self._host_count)]
        # The slowest part; the other parts start in parallel.
        first = asyncio.create_task(clusters[0].ready())
        self._running.push_async_callback(_cancelled, first)

        client_key = asyncssh.generate_private_key("ssh-ed25519")
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        for number, cluster in enumerate(clusters):
            host = await self._host(number + 1, cluster)
            await self._listen(number, ssh.Server(host, host_key, client_key))
            self.hosts.append(host)
        await first
        self._write_keys(client_key, host_key)
        self._write_secrets()
        self._write_inventory()

    def _cluster(self, directory: Directory, name: str, empty: EmptyData) -> Cluster:
        sockets = directory.sockets / name
        sockets.mkdir()
        cluster = Cluster(self.directory / "postgres" / name, sockets, empty)
        self._running.push_async_callback(cluster.stop)
        return cluster

    async def _host(self, number: int, cluster: Cluster) -> Host:
        name = f"sandbox-{number}"
        root = self.directory / "hosts" / name
        commands = self.directory / "bin" / name
        for made in (root / "tmp", commands):
            made.mkdir(parents=True)
        project = plane_project(root, self._stack)
        project.write()

        plane = PlaneServer(**self._plane_options, read_progress=_progress_of(lambda: host, self._stack))
        plane_port = await plane.start(LOOPBACK, 0)
        self._running.push_async_callback(plane.stop)

        def set_environment(container: str, environment: Mapping[str, str]) -> None:
            if container == API:
                plane.set_environment(environment)

        host = Host(
            name=name,
            root=root,
            commands_path=commands,
            loop=asyncio.get_running_loop(),
            containers=javisi(number, project, plane_port),
            project=project,
            cluster=cluster,
            plane=plane,
            plane_port=plane_port,
            on_recreate=set_environment,
        )
        host.add_image(self._version)
        if self._stack == "scripts":
            # As if the host's storage were in a container that is not Plane's.
            host.storage.mkdir()
        for container in host.containers.values():
            container.image_id = host.images.get(container.image, container.image_id)
        server = await docker.serve(host)
        self._running.callback(server.close)
        return host

    async def _listen(self, number: int, server: ssh.Server) -> None:
        port = self._first_port + number if self._first_port else 0
        try:
            server.host.port = await server.listen(port)
        except (OSError, OverflowError) as error:
            raise SandboxError(f"port {port} is not free: choose another with --port, or 0 for any") from error
        self._running.push_async_callback(server.close)

    def _write_keys(self, client_key: asyncssh.SSHKey, host_key: asyncssh.SSHKey) -> None:
        self.key_path.touch(mode=0o600)
        self.key_path.write_bytes(client_key.export_private_key())
        public = host_key.export_public_key().decode().strip()
        lines = [f"[{LOOPBACK}]:{host.port} {public}\n" for host in self.hosts]
        self.known_hosts_path.write_text("".join(lines))

    def _write_secrets(self) -> None:
        """Write the secrets for a deploy, new at each start, where `plane_secrets_dir` finds them."""
        self.secrets_path.parent.mkdir(mode=0o700)
        self.secrets_path.touch(mode=0o600)
        self.secrets_path.write_text("".join(f"{name}={secrets.token_urlsafe(24)}\n" for name in SECRETS))

    def _write_inventory(self) -> None:
        hosts = [
            {"name": host.name, "port": host.port, "root": str(host.root), "plane_port": host.plane_port}
            for host in self.hosts
        ]
        inventory = {"key": str(self.key_path), "known_hosts": str(self.known_hosts_path), "hosts": hosts}
        (self.directory / "inventory.json").write_text(json.dumps(inventory, indent=2) + "\n")


def _progress_of(host: Callable[[], Host], stack: str) -> Callable[[], Awaitable[Progress]] | None:
    """The function with which Plane's API reads the state of its database.

    With start scripts, it is always complete.
    """
    return None if stack == "scripts" else lambda: host().read_progress()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
