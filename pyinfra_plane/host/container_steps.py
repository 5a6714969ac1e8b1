"""What brings Plane's containers in line: migrations, the instance, the bucket, starting, recreating."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pyinfra.api import QuoteString, StringCommand

from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.engine.converge import Change, Note
from pyinfra_plane.engine.readings import read_fact
from pyinfra_plane.facts.compose import PlaneCode, PlaneImage, ServiceContainer, digest
from pyinfra_plane.facts.plane_schema import Schema
from pyinfra_plane.host.compose_project import found_on
from pyinfra_plane.host.container_commands import ContainerCommands
from pyinfra_plane.host.stack import Stack
from pyinfra_plane.settings import Settings

SHOWN = 3
"""How many variables a line names."""


def runs_with(container: ServiceContainer, differing: Sequence[str]) -> str:
    """How a container's variables differ from what its service gets, in words."""
    more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
    is_without = not any(name in container.environment for name in differing)
    return f"runs {'without' if is_without else 'with another'} {', '.join(differing[:SHOWN])}{more}"


class ContainerSteps(ContainerCommands):
    """What brings Plane's containers in line, in order."""

    def __init__(
        self, host: Any, settings: Settings, stack: Stack, compose: StringCommand, named: tuple[Any, Any, Any]
    ) -> None:
        super().__init__(host, settings, stack, compose, named)
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
            return f": {runs_with(container, differing)}"
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

    def _migrator_is_due(self, is_to_migrate: bool) -> bool:
        own = self.stack.of(self.stack.migrator)
        return is_to_migrate or bool(self.stale) or any(self._why(one) is not None or one.has_failed for one in own)
