"""What brings Plane's containers in line: migrations, the instance, the bucket, starting, recreating."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pyinfra.api import QuoteString, StringCommand

from pyinfra_plane.api import paths
from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.engine.commands import LONGEST_COMMAND, Output, TargetError, run
from pyinfra_plane.engine.converge import Change, Note
from pyinfra_plane.engine.docker_errors import explain_docker
from pyinfra_plane.engine.readings import read_fact
from pyinfra_plane.facts.compose import PlaneCode, PlaneImage, ServiceContainer, digest
from pyinfra_plane.facts.plane_schema import PlaneSchema, Schema
from pyinfra_plane.host.compose_project import found_on, read_stack, schema_arguments
from pyinfra_plane.host.stack import Stack
from pyinfra_plane.settings import Settings
from pyinfra_plane.text import quote

LONGEST_MIGRATION = 1800
"""Seconds to wait for Plane's migrations. On an empty database there are more than a hundred (1.3.1)."""

LONGEST_START = LONGEST_COMMAND
"""Seconds for Compose to start services, and for any other management command: images may have to be fetched first."""

_TEMPLATES = Path(__file__).parents[1] / "templates"

CONNECTIONS = {
    "DATABASE_URL": "plane_db_host, plane_db_port and postgresql_password",
    "REDIS_URL": "plane_redis_url",
    "AMQP_URL": "plane_amqp_url",
    "CELERY_BROKER_URL": "CELERY_BROKER_URL in plane_env_extra",
}
"""By variable, the settings that say what Plane connects to."""

SHOWN = 3
"""How many variables a line names."""


class ContainerSteps:
    """What brings Plane's containers in line, in order."""

    def __init__(
        self, host: Any, settings: Settings, stack: Stack, compose: StringCommand, named: tuple[Any, Any, Any]
    ) -> None:
        self.host = host
        self.settings = settings
        self.stack = stack
        self.compose = compose
        self.named = named
        self.is_connected = False
        self.stale = {
            name: why
            for name in stack.names
            if (why := "" if not stack.of(name) else self._why_any(stack.of(name))) is not None
        }

    def _why_any(self, containers: Sequence[ServiceContainer]) -> str | None:
        return next((why for one in containers if (why := self._why(one)) is not None), None)

    def _why(self, container: ServiceContainer) -> str | None:
        """Why a container is to be recreated, ``None`` if it is not."""
        differing = self.stack.differing(container)
        if differing:
            more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
            is_without = not any(name in container.environment for name in differing)
            how = "without" if is_without else "with another"
            return f": runs {how} {', '.join(differing[:SHOWN])}{more}"
        left_over = self.stack.left_over(container)
        if left_over:
            return f": still has {', '.join(left_over)}"
        exchanged = self.stack.exchanged(container)
        if exchanged is not None:
            return f": image {exchanged}"
        # One that was made and never started is what a failed `up` leaves.
        return "" if container.status == "created" else None

    def stopped(self) -> Iterator[Note]:
        """Services that do not run, and are not recreated either."""
        for name in self.stack.names:
            status = next((one.status for one in self.stack.of(name) if one.status != "running"), None)
            if status is None or name in self.stale:
                continue
            if status == "restarting":
                how = f"keeps restarting; see docker compose logs {name}"
            else:
                said = {"exited": "stopped"}.get(status, status)
                verb = "unpause" if status == "paused" else "start"
                words = StringCommand(self.compose, verb, QuoteString(name)).get_raw_value()
                how = f"is {said} and was not restarted; run on the host: {words}"
            yield Note(f"! the service {name} in {self.stack.directory} {how}")

    def changes(self) -> Iterator[Change | Note]:
        """All that is to be done."""
        first, last = self.stack.missing_around()
        if first:
            yield Change(tuple(f"+ start {name}" for name in first), lambda: self._start(first))
        # Storage is there before its bucket is.
        apart = [name for name in self.stale if self.stack.is_apart(name)]
        yield from self._recreated(apart)
        yield from self._prepare()
        yield from self._recreated([name for name in self.stale if name not in apart])
        # What a person starts by hand need not be all that the file has.
        if last and not self.stack.of(self.stack.api):
            yield Change(tuple(f"+ start {name}" for name in last), lambda: self._start(last))

    def _recreated(self, names: Sequence[str]) -> Iterator[Change]:
        lines = [f"~ recreate {name}{self.stale[name]}" if self.stack.of(name) else f"+ start {name}" for name in names]
        if lines:
            yield Change(tuple(lines), lambda: self._recreate(names))

    # Plane's database, instance and bucket

    def _prepare(self) -> Iterator[Change | Note]:
        api, stack = self.stack.api, self.stack
        schema = self._schema()
        found_on(self.host).is_unregistered = not schema.is_registered
        found_on(self.host).is_to_start = not stack.of(api)
        code = self._code()
        behind = code.migrations - schema.migrations if code is not None and schema.migrations else frozenset()
        # Of an image that is still to be fetched, nothing is known.
        is_unknown = code is None and (not stack.of(api) or any(stack.exchanged(one) for one in stack.of(api)))
        is_to_migrate = not schema.migrations or bool(behind) or is_unknown
        if not self.settings.plane_management_commands:
            yield from self._by_hand(schema, is_to_migrate, code)
            return
        if self._bucket_is_due(schema):
            yield Change(("? bucket: created if it is missing, and written to",), self._bucket, done=("~ bucket",))
        if stack.migrator is not None:
            if self._migrator_is_due(is_to_migrate):
                yield Change((f"~ run {stack.migrator}",), self._run_migrator)
        elif is_to_migrate:
            what = f": {len(behind)} migration{'s' * (len(behind) > 1)}" if behind else ""
            yield Change((f"~ migrate the database (manage.py migrate in {api}){what}",), self._migrate)
        to_register, to_configure = self._is_due(schema, is_to_migrate, code)
        if to_register:
            sign = "~" if schema.is_registered else "+"
            yield Change(
                (f"{sign} register the instance (manage.py register_instance in {api})",), self._register_instance
            )
        if to_configure:
            sign = "~" if schema.is_configured else "+"
            line = f"{sign} configure the instance (manage.py configure_instance in {api})"
            yield Change((line,), self._configure_instance)

    def _by_hand(self, schema: Schema, is_to_migrate: bool, code: PlaneCode | None) -> Iterator[Change | Note]:
        """The migrator of the Compose file, and what a person is to run.

        Raises:
            PlaneSettings: without that, Plane cannot start.
        """
        stack = self.stack
        if stack.migrator is not None and self._migrator_is_due(False):
            yield Change((f"~ run {stack.migrator}",), self._run_migrator)
        to_register, to_configure = self._is_due(schema, is_to_migrate, code)
        commands = ["migrate"] if is_to_migrate and stack.migrator is None else []
        commands += ["register_instance signature"] if to_register else []
        commands += ["configure_instance"] if to_configure else []
        commands += ["clear_cache --key /api/instances/"] if to_register else []
        commands += ["create_bucket"] if stack.starts_bare and self._bucket_is_due(schema) else []
        if not commands:
            return
        script = " && ".join(f"python manage.py {command}" for command in commands)
        words = StringCommand(
            self.compose, "run --rm --no-deps --entrypoint sh", QuoteString(stack.api), "-c", QuoteString(script)
        )
        line = f"run on the host: {words.get_raw_value()}"
        if schema.migrations is None and stack.migrator is None:
            raise PlaneSettings(
                f"{self.settings.plane_db_name} has none of Plane's tables, and plane_management_commands is False; "
                f"{line}, and run again"
            )
        yield Note(f"! plane_management_commands is False; {line}")

    def _code(self) -> PlaneCode | None:
        """What the image holds that the API's next container will run; ``None`` if that is not known."""
        stack = self.stack
        running = [one.code for one in stack.of(stack.api) if one.code is not None and stack.exchanged(one) is None]
        if running:
            return running[0]
        image = stack.image(stack.api)
        if image is None or not stack.has_image(stack.api):
            return None
        code: PlaneCode | None = read_fact(self.host, PlaneImage, stdin="", image=image)
        return code

    def _bucket_is_due(self, schema: Schema) -> bool:
        """Whether there is storage, and the API gets a container, or its instance is new."""
        api = self.stack.api
        return self.stack.gets(api, "AWS_S3_BUCKET_NAME") and (api in self.stale or not schema.is_registered)

    def _is_due(self, schema: Schema, is_migrated: bool, code: PlaneCode | None) -> tuple[bool, bool]:
        """Whether the instance is to be registered and to be configured, which the image's start script does where it
        runs (every tried release)."""
        if not self.stack.starts_bare:
            return False, False
        version = self._version(code)
        is_other = schema.is_registered and version is not None and version != digest(schema.version or "")
        is_outdated = is_migrated or is_other
        return not schema.is_registered or is_outdated, not schema.is_configured or is_outdated

    def _version(self, code: PlaneCode | None) -> str | None:
        """The digest of the version that Plane will register: its ``APP_VERSION``, or else its image's."""
        stack = self.stack
        given = stack.given(stack.api, "APP_VERSION")
        if given is not None:
            return given
        current = [one for one in stack.of(stack.api) if one.app_version and stack.exchanged(one) is None]
        if current and "APP_VERSION" not in self.settings.plane_env_extra:
            return digest(current[0].app_version or "")
        return digest(code.version) if code is not None and code.version is not None else None

    def _schema(self) -> Schema:
        found = read_fact(self.host, PlaneSchema, **schema_arguments(self.settings))
        if found.unavailable is not None:
            # It may have been read ahead, before the server had started.
            found = read_fact(self.host, PlaneSchema, **schema_arguments(self.settings))
        if found.unavailable is not None:
            container = self.settings.postgres_container
            failure = explain_docker(found.unavailable, container, "postgres_container")
            raise TargetError(
                f"PostgreSQL in {container} could not be asked for Plane's tables: {found.unavailable}"
                if failure is None
                else failure.line
            )
        return found

    def _migrator_is_due(self, is_to_migrate: bool) -> bool:
        own = self.stack.of(self.stack.migrator)
        return is_to_migrate or bool(self.stale) or any(self._why(one) is not None or one.has_failed for one in own)

    def _connect(self) -> None:
        """Try what Plane will connect to, once, while its containers still run as they did.

        Raises:
            TargetError: a server does not answer, or refuses Plane.
        """
        if self.is_connected or not self.settings.plane_management_commands:
            return
        self.is_connected = True
        answer = self._ask_script("connections")
        variable, error = answer.get("variable"), answer.get("error")
        if variable is None and error is None:
            return
        if variable not in CONNECTIONS:
            raise TargetError(
                f"no container of {self.stack.api} can be started to check Plane's connections: {error}"
                f"{self._advice(str(error))}"
            )
        raise TargetError(
            f"Plane could not connect with {variable} of {self.stack.file.path}: "
            f"{quote(str(error).rstrip('.'), 300)}; check {CONNECTIONS[variable]}; its containers were left as they are"
        )

    def _run_migrator(self) -> None:
        """Run the service that migrates the database, and wait until it ended well."""
        self._connect()
        service, directory = self.stack.migrator, self.stack.directory
        assert service is not None
        # One that runs already is waited for: a migration is not interrupted.
        listed = StringCommand(self.compose, "ps -aq", QuoteString(service))
        wait = StringCommand("ids=$(", listed, ') && { [ -z "$ids" ] || docker wait $ids; }')
        self.host.log(f"running the service {service}, which migrates the database")
        output = run(self.host, wait, longest=LONGEST_MIGRATION)
        if output.ok:
            self._up([service], "--force-recreate --no-deps")
            output = run(self.host, wait, longest=LONGEST_MIGRATION)
        if not output.ok:
            raise TargetError(f"docker could not wait for the service {service} in {directory}: {output.reason}")
        codes = {line for line in output.stdout if line.isdigit()}
        if codes != {"0"}:
            raise TargetError(
                f"the service {service} in {directory}, which migrates the database, ended with exit code "
                f"{', '.join(sorted(codes)) or 'unknown'}; see docker compose logs {service}, and run again"
            )

    def _migrate(self) -> None:
        self._connect()
        self.host.log(f"running manage.py migrate in {self.stack.api}; on an empty database this takes some minutes")
        self._manage("migrate", longest=LONGEST_MIGRATION)
        if self._schema().migrations is None:
            raise TargetError(
                f"manage.py migrate went well, but {self.settings.plane_db_name} in {self.settings.postgres_container} "
                "has no tables: Plane uses another server; check plane_db_host and plane_db_port"
            )

    def _register_instance(self) -> None:
        # Plane asks for a signature of the machine, and keeps it nowhere (every tried release).
        self._manage("register_instance", secrets.token_hex(32))
        # That it is not registered is remembered for two hours. Without a key, a neighbour's keys would go as well.
        self._manage("clear_cache", "--key", paths.INSTANCE())

    def _configure_instance(self) -> None:
        self._manage("configure_instance")

    def _manage(self, *words: str, longest: int = LONGEST_START) -> None:
        """Run a management command of Plane's image in a container of the API's service.

        Raises:
            TargetError: it failed.
        """
        output = self._run_once(words[0], ("manage.py", *words), longest=longest)
        if not output.ok:
            raise TargetError(
                f"manage.py {words[0]} in the service {self.stack.api} in {self.stack.directory} failed: "
                f"{output.reason}{self._advice(output.reason)}"
            )

    def _advice(self, reason: str) -> str:
        if "Address already in use" in reason:
            # Engine 20.10.24: a container that `compose run` makes is given the service's address as well.
            return (
                f"; {self.stack.api} has a fixed ipv4_address, so no second container of it can be started: remove the "
                "address in the Compose file, or stop the container for this run"
            )
        return "; run again once that is fixed"

    def _run_once(
        self, label: str, words: Sequence[str], stdin: str | None = None, longest: int = LONGEST_START
    ) -> Output:
        # Under a name, so that a run that was interrupted is waited for, and nothing is migrated by two at a time.
        name = "-".join(filter(None, (self.stack.config.name, self.stack.api, label)))
        # A service of somebody's may have the same name.
        own = StringCommand(
            "docker ps -aq --filter", QuoteString(f"name=^/?{name}$"), "--filter label=com.docker.compose.oneoff=True"
        )
        return run(
            self.host,
            "ids=$(", own, '); [ -z "$ids" ] || { docker wait $ids; docker rm $ids; } >/dev/null 2>&1;',
            self.compose, "run --rm --no-deps -T --name", QuoteString(name), "--entrypoint python",
            QuoteString(self.stack.api), *(QuoteString(word) for word in words),
            stdin=stdin,
            longest=longest,
        )  # fmt: skip

    def _bucket(self) -> None:
        error = self._ask_script("bucket").get("error")
        if error is not None:
            raise TargetError(
                f"Plane's bucket cannot be used: {quote(str(error), 300)}; check the storage settings, and that the "
                "storage runs"
            )

    def _ask_script(self, label: str) -> dict[str, Any]:
        """Run one of the scripts in ``templates`` by Python in a container of the API's service; its answer."""
        output = self._run_once(label, ("-",), stdin=(_TEMPLATES / f"{label}.py").read_text(encoding="utf-8"))
        if not output.ok:
            return {"error": output.reason}
        said = output.stdout[-1] if output.stdout else ""
        try:
            answer = json.loads(said)
        except ValueError:
            return {"error": quote(said)}
        return answer if isinstance(answer, dict) else {"error": "its answer cannot be understood"}

    # Compose

    def _up(self, services: Sequence[str], options: str, longest: int = LONGEST_START) -> None:
        names = [QuoteString(name) for name in services]
        output = run(self.host, self.compose, "up -d", options, *names, show_output=True, longest=longest)
        if not output.ok:
            raise TargetError(
                f"docker compose up {' '.join(services)} in {self.stack.directory} failed: {output.reason}"
            )

    def _start(self, services: Sequence[str]) -> None:
        """Start services that have no container. What runs is left alone."""
        self._up(services, "--no-recreate")
        awaited = {name for service in self.stack.services for name in service.awaits_health}
        healthy = [name for name in services if name in awaited]
        if healthy:
            self._up(healthy, "--no-recreate --wait")

    def _recreate(self, names: Sequence[str]) -> None:
        if self.stack.api in names:
            self._connect()
        self._up(names, "--force-recreate --no-deps")
        stack, _ = read_stack(self.host, self.stack.directory, self.stack.file.path, *self.named)
        for name in names:
            for container in stack.of(name):
                differing = stack.differing(container)
                if differing:
                    raise TargetError(
                        f"{container.name} was recreated and runs with another {', '.join(differing)} than "
                        f"{self.stack.file.path} holds; see docker compose config {name} in {self.stack.directory}"
                    )
