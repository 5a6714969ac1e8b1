"""Commands for Plane's containers: management commands in the API's image, and ``docker compose``."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyinfra.api import QuoteString, StringCommand

from pyinfra_plane.api import paths
from pyinfra_plane.engine.commands import LONGEST_COMMAND, Output, TargetError, run
from pyinfra_plane.engine.docker_errors import explain_docker
from pyinfra_plane.engine.readings import read_fact
from pyinfra_plane.facts.plane_schema import PlaneSchema, Schema
from pyinfra_plane.host.compose_project import Project, schema_arguments
from pyinfra_plane.host.stack import Stack
from pyinfra_plane.settings import Settings
from pyinfra_plane.text import quote

LONGEST_MIGRATION = 1800
"""Seconds to wait for Plane's migrations. An empty database needs more than a hundred migrations (1.3.1)."""

_TEMPLATES = Path(__file__).parents[1] / "templates"

CONNECTIONS = {
    "DATABASE_URL": "plane_db_host, plane_db_port and postgresql_password",
    "REDIS_URL": "plane_redis_url",
    "AMQP_URL": "plane_amqp_url",
    "CELERY_BROKER_URL": "CELERY_BROKER_URL in plane_env_extra",
}
"""By variable, the settings that say which server Plane connects to."""


class ContainerCommands:
    """The commands that prepare, start and recreate Plane's containers."""

    def __init__(self, project: Project, settings: Settings, stack: Stack) -> None:
        self.project = project
        self.host = project.host
        self.settings = settings
        self.stack = stack
        self.is_connected = False

    def schema(self) -> Schema:
        """Read the state of Plane's tables.

        Raises:
            TargetError: PostgreSQL did not answer.
        """
        arguments = schema_arguments(self.settings)
        found: Schema = read_fact(self.host, PlaneSchema, **arguments)
        if found.unavailable is not None:
            # It may have been read ahead, before the server had started.
            found = read_fact(self.host, PlaneSchema, **arguments)
        if found.unavailable is not None:
            container = self.settings.postgres_container
            failure = explain_docker(found.unavailable, container, "postgres_container")
            asked = f"cannot check PostgreSQL in {container} for Plane's tables: {found.unavailable}"
            raise TargetError(asked if failure is None else failure.line)
        return found

    def _connect(self) -> None:
        """Try Plane's connections once, before its containers are changed.

        Raises:
            TargetError: a server does not answer, or refuses Plane.
        """
        if self.is_connected or not self.settings.plane_management_commands:
            return
        self.is_connected = True
        answer = self._ask_script("connections")
        variable, error = answer.get("variable"), str(answer.get("error"))
        if variable in CONNECTIONS:
            raise TargetError(
                f"Plane cannot connect with {variable} of {self.stack.file.path}: {quote(error.rstrip('.'), 300)}; "
                f"check {CONNECTIONS[variable]}; its containers were not changed"
            )
        if answer:
            raise TargetError(
                f"no container of {self.stack.api} can be started to check Plane's connections: {error}"
                f"{self._advice(error)}"
            )

    def run_migrator(self) -> None:
        """Run the service that migrates the database, and wait until it exits with success."""
        self._connect()
        service, directory = self.stack.migrator, self.stack.directory
        assert service is not None
        # If it runs already, wait for it: a migration is never interrupted.
        listed = StringCommand(self.stack.compose, "ps -aq", QuoteString(service))
        wait = StringCommand("ids=$(", listed, ') && { [ -z "$ids" ] || docker wait $ids; }')
        self.host.log(f"running the service {service}, which migrates the database")
        output = run(self.host, wait, longest=LONGEST_MIGRATION)
        if output.ok:
            self._up([service], "--force-recreate --no-deps")
            output = run(self.host, wait, longest=LONGEST_MIGRATION)
        if not output.ok:
            raise TargetError(f"cannot wait for the service {service} in {directory}: {output.reason}")
        codes = {line for line in output.stdout if line.isdigit()}
        if codes != {"0"}:
            raise TargetError(
                f"the service {service} in {directory}, which migrates the database, ended with exit code "
                f"{', '.join(sorted(codes)) or 'unknown'}; see docker compose logs {service}, and run again"
            )

    def migrate(self) -> None:
        """Migrate the database in the API's image."""
        self._connect()
        self.host.log(f"running manage.py migrate in {self.stack.api}; on an empty database this takes some minutes")
        self._manage("migrate", longest=LONGEST_MIGRATION)
        if self.schema().migrations is None:
            raise TargetError(
                f"manage.py migrate succeeded, but {self.settings.plane_db_name} in {self.settings.postgres_container} "
                "has no tables: Plane uses another server; check plane_db_host and plane_db_port"
            )

    def register_instance(self) -> None:
        """Register the instance in the API's image."""
        # Plane requires a signature of the machine, and does not store it (every tried release).
        self._manage("register_instance", secrets.token_hex(32))
        # Plane caches for two hours that it is not registered. Without a key, a neighbour's cached keys would be
        # deleted too.
        self._manage("clear_cache", "--key", paths.INSTANCE())

    def configure_instance(self) -> None:
        """Configure the instance in the API's image."""
        self._manage("configure_instance")

    def _manage(self, *words: str, longest: int = LONGEST_COMMAND) -> None:
        """Run a management command of Plane's image in a container of the API's service.

        Raises:
            TargetError: the command failed.
        """
        output = self._run_once(words[0], ("manage.py", *words), longest=longest)
        if not output.ok:
            raise TargetError(
                f"manage.py {words[0]} in the service {self.stack.api} in {self.stack.directory} failed: "
                f"{output.reason}{self._advice(output.reason)}"
            )

    def _advice(self, reason: str) -> str:
        if "Address already in use" in reason:
            # Engine 20.10.24: a container of `compose run` gets the service's address as well.
            return (
                f"; {self.stack.api} has a fixed ipv4_address, so no second container of it can be started: remove the "
                "address in the Compose file, or stop the container for this run"
            )
        return "; run again once that is fixed"

    def _run_once(
        self, label: str, words: Sequence[str], stdin: str | None = None, longest: int = LONGEST_COMMAND
    ) -> Output:
        # The container has a name, so that a later run waits for an interrupted one, and two migrations never run at
        # once.
        name = "-".join(filter(None, (self.stack.config.name, self.stack.api, label)))
        # Another project may have a service of the same name.
        own = StringCommand(
            "docker ps -aq --filter", QuoteString(f"name=^/?{name}$"), "--filter label=com.docker.compose.oneoff=True"
        )
        return run(
            self.host,
            "ids=$(", own, '); [ -z "$ids" ] || { docker wait $ids; docker rm $ids; } >/dev/null 2>&1;',
            self.stack.compose, "run --rm --no-deps -T --name", QuoteString(name), "--entrypoint python",
            QuoteString(self.stack.api), *(QuoteString(word) for word in words),
            stdin=stdin,
            longest=longest,
        )  # fmt: skip

    def bucket(self) -> None:
        """Create the storage's bucket if it is missing, and write a test file to it."""
        error = self._ask_script("bucket").get("error")
        if error is not None:
            raise TargetError(
                f"cannot use Plane's bucket: {quote(str(error), 300)}; check the storage settings, and that the "
                "storage runs"
            )

    def _ask_script(self, label: str) -> dict[str, Any]:
        """Run a script of ``templates`` by Python in a container of the API's service, and return its answer."""
        output = self._run_once(label, ("-",), stdin=(_TEMPLATES / f"{label}.py").read_text(encoding="utf-8"))
        if not output.ok:
            return {"error": output.reason}
        said = output.stdout[-1] if output.stdout else ""
        try:
            answer = json.loads(said)
        except ValueError:
            return {"error": quote(said)}
        return answer if isinstance(answer, dict) else {"error": "it printed an unexpected answer"}

    def _up(self, services: Sequence[str], options: str, longest: int = LONGEST_COMMAND) -> None:
        names = [QuoteString(name) for name in services]
        output = run(self.host, self.stack.compose, "up -d", options, *names, show_output=True, longest=longest)
        if not output.ok:
            raise TargetError(
                f"docker compose up {' '.join(services)} in {self.stack.directory} failed: {output.reason}"
            )

    def start(self, services: Sequence[str]) -> None:
        """Start services that have no container. Running services stay unchanged."""
        self._up(services, "--no-recreate")
        awaited = {name for service in self.stack.services for name in service.awaits_health}
        healthy = [name for name in services if name in awaited]
        if healthy:
            self._up(healthy, "--no-recreate --wait")

    def recreate(self, names: Sequence[str]) -> None:
        """Recreate services, or start them, and check that they run with the values of the env file."""
        if self.stack.api in names:
            self._connect()
        self._up(names, "--force-recreate --no-deps")
        stack = self.project.read()
        for container in (one for name in names for one in stack.of(name)):
            if differing := stack.differing(container):
                raise TargetError(
                    f"{container.name} was recreated but still runs with another {', '.join(differing)} than "
                    f"{stack.file.path} holds; see docker compose config {container.service} in {stack.directory}"
                )
