"""The steps for Plane's containers, in order: migrations, the instance, the bucket, starting, recreating."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyinfra.api import QuoteString, StringCommand

from pyinfra_plane.api import paths
from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.converge import Change, Note
from pyinfra_plane.engine.readings import read_fact
from pyinfra_plane.facts.compose import PlaneCode, PlaneImage, ServiceContainer, digest
from pyinfra_plane.facts.plane_schema import Schema
from pyinfra_plane.host.compose_project import Project, found_on
from pyinfra_plane.host.container_commands import ContainerCommands
from pyinfra_plane.host.stack import Stack
from pyinfra_plane.settings import Settings

SHOWN = 3
"""Maximum number of variables that a line names."""


@dataclass(frozen=True)
class _Due:
    """Pending changes to the database and the instance.

    Args:
        behind: how many of the image's migrations have not run.
    """

    migrate: bool
    behind: int
    register: bool
    configure: bool
    bucket: bool


def runs_with(container: ServiceContainer, differing: Sequence[str]) -> str:
    """Describe how a container's variables differ from those of its service."""
    more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
    is_without = not any(name in container.environment for name in differing)
    return f"runs {'without' if is_without else 'with another'} {', '.join(differing[:SHOWN])}{more}"


class ContainerSteps:
    """The steps for Plane's containers, in order."""

    def __init__(self, project: Project, settings: Settings, stack: Stack) -> None:
        self.host = project.host
        self.settings = settings
        self.stack = stack
        self.do = ContainerCommands(project, settings, stack)
        # The reason to recreate each service; services without a container are not in it.
        self.stale: dict[str, str] = {}
        for name in stack.names:
            reasons = [reason for one in stack.of(name) if (reason := self._why(one)) is not None]
            if reasons or not stack.of(name):
                self.stale[name] = next(iter(reasons), "")

    def _why(self, container: ServiceContainer) -> str | None:
        """The reason to recreate a container; ``None`` if it stays."""
        if differing := self.stack.differing(container):
            return f": {runs_with(container, differing)}"
        if left_over := self.stack.stale_variables(container):
            return f": still has {', '.join(left_over)}"
        if exchanged := self.stack.exchanged(container):
            return f": image {exchanged}"
        # A failed `up` leaves a container that was created and never started.
        return "" if container.status == "created" else None

    def stopped(self) -> Iterator[Note]:
        """Name the services that are stopped and are not recreated either."""
        for name in self.stack.names:
            status = next((one.status for one in self.stack.of(name) if one.status != "running"), None)
            if status is None or name in self.stale:
                continue
            if status == "restarting":
                how = f"keeps restarting; see docker compose logs {name}"
            else:
                said = "stopped" if status == "exited" else status
                verb = "unpause" if status == "paused" else "start"
                words = StringCommand(self.stack.compose, verb, QuoteString(name)).get_raw_value()
                how = f"is {said} and was not restarted; run on the host: {words}"
            yield Note(f"! the service {name} in {self.stack.directory} {how}")

    def changes(self) -> Iterator[Change | Note]:
        """All changes, in order."""
        first, last = self.stack.missing_around()
        yield from self._started(first)
        # Storage starts before its bucket is created.
        apart = [name for name in self.stale if self.stack.is_backing_service(name)]
        yield from self._recreated(apart)
        yield from self._prepared()
        yield from self._recreated([name for name in self.stale if name not in apart])
        # If the API has a container, a person may have started only some services by hand, so no others are started.
        if not self.stack.of(self.stack.api):
            yield from self._started(last)

    def _started(self, names: Sequence[str]) -> Iterator[Change]:
        if names:
            yield Change(tuple(f"+ start {name}" for name in names), lambda: self.do.start(names))

    def _recreated(self, names: Sequence[str]) -> Iterator[Change]:
        lines = [f"~ recreate {name}{self.stale[name]}" if self.stack.of(name) else f"+ start {name}" for name in names]
        if lines:
            yield Change(tuple(lines), lambda: self.do.recreate(names))

    def _prepared(self) -> Iterator[Change | Note]:
        api, migrator, schema = self.stack.api, self.stack.migrator, self.do.schema()
        found_on(self.host).is_unregistered = not schema.is_registered
        found_on(self.host).needs_start = not self.stack.of(api)
        due, by_hand = self._due(schema), not self.settings.plane_management_commands
        if due.bucket and not by_hand:
            yield Change(
                ("? bucket: created if missing, then tested with one write",), self.do.bucket, done=("~ bucket",)
            )
        if migrator is not None and self._migrator_is_due(migrator, due.migrate and not by_hand):
            yield Change((f"~ run {migrator}",), self.do.run_migrator)
        if by_hand:
            yield from self._by_hand(schema, due)
            return
        if migrator is None and due.migrate:
            what = f": {due.behind} migration{'s' * (due.behind > 1)}" if due.behind else ""
            yield Change((f"~ migrate the database (manage.py migrate in {api}){what}",), self.do.migrate)
        if due.register:
            sign = "~" if schema.is_registered else "+"
            line = f"{sign} register the instance (manage.py register_instance in {api})"
            yield Change((line,), self.do.register_instance)
        if due.configure:
            sign = "~" if schema.is_configured else "+"
            line = f"{sign} configure the instance (manage.py configure_instance in {api})"
            yield Change((line,), self.do.configure_instance)

    def _by_hand(self, schema: Schema, due: _Due) -> Iterator[Note]:
        """Name the commands for a person to run if this deploy may not run them.

        Raises:
            PlaneSettings: Plane cannot start without them.
        """
        stack = self.stack
        is_due = {
            "migrate": due.migrate and stack.migrator is None,
            "register_instance signature": due.register,
            "configure_instance": due.configure,
            f"clear_cache --key {paths.INSTANCE()}": due.register,
            "create_bucket": due.bucket and stack.skips_start_script,
        }
        script = " && ".join(f"python manage.py {command}" for command in is_due if is_due[command])
        if not script:
            return
        run = StringCommand(stack.compose, "run --rm --no-deps --entrypoint sh", QuoteString(stack.api), "-c")
        line = f"run on the host: {StringCommand(run, QuoteString(script)).get_raw_value()}"
        if schema.migrations is None and stack.migrator is None:
            raise PlaneSettings(
                f"{self.settings.plane_db_name} has none of Plane's tables, and plane_management_commands is False; "
                f"{line}, and run again"
            )
        yield Note(f"! plane_management_commands is False; {line}")

    def _due(self, schema: Schema) -> _Due:
        stack, code = self.stack, self._code()
        containers = stack.of(stack.api)
        behind = code.migrations - schema.migrations if code is not None and schema.migrations else ()
        # Nothing is known about an image that is still to be pulled.
        is_unknown = code is None and (not containers or any(stack.exchanged(one) for one in containers))
        migrate = not schema.migrations or bool(behind) or is_unknown
        version = self._version(code)
        is_other = schema.is_registered and version is not None and version != digest(schema.version or "")
        # The image's start script registers and configures the instance, if it runs (every tried release).
        is_outdated, bare = migrate or is_other, stack.skips_start_script
        has_storage = stack.file.reaches(stack.api_service, "AWS_S3_BUCKET_NAME")
        return _Due(
            migrate,
            len(behind),
            register=bare and (not schema.is_registered or is_outdated),
            configure=bare and (not schema.is_configured or is_outdated),
            bucket=has_storage and (stack.api in self.stale or not schema.is_registered),
        )

    def _code(self) -> PlaneCode | None:
        """The code in the image that the API's next container will run; ``None`` if it is not known."""
        stack = self.stack
        running = [one.code for one in stack.of(stack.api) if one.code is not None and stack.exchanged(one) is None]
        if running:
            return running[0]
        image = stack.image(stack.api)
        if image is None or stack.composed.image_id(image) is None:
            return None
        code: PlaneCode | None = read_fact(self.host, PlaneImage, stdin="", image=image)
        return code

    def _version(self, code: PlaneCode | None) -> str | None:
        """The digest of the version that Plane will register: its ``APP_VERSION``, otherwise its image's."""
        stack = self.stack
        given = stack.file.wanted(stack.api_service).get("APP_VERSION")
        if given is not None:
            return given
        current = [one for one in stack.of(stack.api) if one.app_version and stack.exchanged(one) is None]
        if current and "APP_VERSION" not in self.settings.plane_env_extra:
            return digest(current[0].app_version or "")
        return digest(code.version) if code is not None and code.version is not None else None

    def _migrator_is_due(self, migrator: str, is_to_migrate: bool) -> bool:
        own = self.stack.of(migrator)
        return is_to_migrate or bool(self.stale) or any(self._why(one) is not None or one.has_failed for one in own)
