"""Plane's containers: prepared, started, and recreated where they run with something else than the env file holds."""

from __future__ import annotations

import json
import posixpath
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from pyinfra.api import QuoteString, StringCommand

from facts.compose import ComposeConfig, Composed, ComposeServices, PlaneCode, PlaneImage, ServiceContainer, digest
from facts.docker_errors import explain_docker
from facts.plane_schema import PlaneSchema, Schema
from operations.converge import Change, Kept, Note, Plan, converging_with, current_host
from operations.env_text import variables
from operations.environment import pending_variables, removed_variables
from operations.plane.stack import EnvFile, Stack, find, interpolates, is_plane
from operations.report import is_executing
from plain import quote
from plane_api import paths
from plane_api.errors import PlaneSettings
from settings import Settings, settings_of
from settings.carried import is_carried
from target import LONGEST_COMMAND, Output, Reading, TargetError, fact_reading, read_fact, read_file, run

LONGEST_MIGRATION = 1800
"""Seconds to wait for Plane's migrations. On an empty database there are more than a hundred (1.3.1)."""

LONGEST_START = LONGEST_COMMAND
"""Seconds for Compose to start services, and for any other management command: images may have to be fetched first."""

_TEMPLATES = Path(__file__).parents[2] / "templates"

CONNECTIONS = {
    "DATABASE_URL": "plane_db_host, plane_db_port and postgresql_password",
    "REDIS_URL": "plane_redis_url",
    "AMQP_URL": "plane_amqp_url",
    "CELERY_BROKER_URL": "CELERY_BROKER_URL in plane_env_extra",
}
"""By variable, the settings that say what Plane connects to."""

SHOWN = 3
"""How many variables a line names."""

_api_containers: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""By host, the name of the API's container, once it is known."""


_unregistered: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
"""By host, whether this preview found that Plane's instance is still to be registered."""


_to_start: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
"""By host, whether the API had no container when its Compose project was read last."""


def is_to_start(host: Any) -> bool:
    """Whether this is a preview of a run that will start the API's container."""
    return not is_executing() and _to_start.get(host, False)


def is_new(host: Any) -> bool:
    """Whether this is a preview of a Plane that is not registered yet, so that what it would answer is known."""
    return not is_executing() and _unregistered.get(host, False)


# --- Reading ---


def _reads(directory: str, env_path: str, **_: object) -> list[Reading]:
    return [
        fact_reading(ComposeServices, stdin="", directory=directory),
        fact_reading(ComposeConfig, stdin="", command_words=_compose(directory, ())),
        fact_reading(PlaneSchema, **_schema_arguments(settings_of(current_host()))),
    ]


def _schema_arguments(settings: Settings) -> dict[str, Any]:
    password = settings.postgres_superuser_password
    return {
        "stdin": None if password is None else f"{password.unmask()}\n",
        "container": settings.postgres_container,
        "database": settings.plane_db_name,
        "superuser": settings.postgres_superuser,
        "with_password": password is not None,
        "container_user": settings.postgres_container_user,
        "port": settings.postgres_port,
        "maintenance_db": settings.postgres_maintenance_db,
    }


def _compose(directory: str, options: Sequence[str]) -> StringCommand:
    return StringCommand("docker compose --project-directory", QuoteString(directory), *map(QuoteString, options))


def _projects_own(
    host: Any, directory: str, composed: Composed, file: EnvFile, services: Sequence[str] | None
) -> tuple[Composed, tuple[str, ...]]:
    """Plane's project among those in a folder: its containers, and the options of `docker compose` that lead to it.

    Raises:
        TargetError: there are several with Plane's services.
    """
    # The newest container of a project tells what the project was last started with.
    projects = {container.project.name: container.project for container in reversed(composed.containers)}
    if len(projects) > 1:
        # Other projects in the folder are left alone.
        configs = {name: _config(host, directory, project.options) for name, project in projects.items()}
        plane = [name for name, config in configs.items() if is_plane(config.services, file, services)]
        if len(plane) != 1:
            raise TargetError(
                f"there are containers of several Compose projects in {directory}: "
                f"{', '.join(sorted(plane or projects))}; remove those of all but one (docker compose -p NAME down, in "
                f"{directory}), and run again"
            )
        projects = {plane[0]: projects[plane[0]]}
    own = tuple(container for container in composed.containers if container.project.name in projects)
    return replace(composed, containers=own), next((project.options for project in projects.values()), ())


def read_composed(host: Any, directory: str) -> Composed:
    """The containers of the Compose project in a folder.

    Raises:
        TargetError: docker could not be asked.
    """
    composed = read_fact(host, ComposeServices, stdin="", directory=directory)
    if composed.unavailable is not None:
        raise TargetError(
            _explained(composed.unavailable)
            or f"docker could not be asked for the services in {directory}: {composed.unavailable}"
        )
    return composed


def read_stack(
    host: Any, directory: str, env_path: str, services: Sequence[str] | None, migrator: str | None, api: str | None
) -> tuple[Stack, StringCommand]:
    """Plane's services in a Compose project, and the words of `docker compose` that lead to it.

    Raises:
        TargetError: docker or Compose could not be asked.
        PlaneSettings: the project does not fit the settings.
    """
    composed = read_composed(host, directory)
    text = read_file(host, env_path)
    coming = None if is_executing() else pending_variables(host, env_path)
    found = variables(text.text) if text is not None else coming or {}
    location = posixpath.normpath(posixpath.join(composed.folder, env_path))
    file = EnvFile(
        env_path,
        location,
        {name: digest(value) for name, value in found.items() if is_carried(value)},
        frozenset({**found, **(coming or {})}),
        None if coming is None else {name: digest(value) for name, value in coming.items() if is_carried(value)},
        removed_variables(host, env_path),
    )
    composed, options = _projects_own(host, directory, composed, file, services)
    # A project that Compose finds by itself was read ahead, without its name.
    is_found = options[:1] == ("-p",) and len(options) == 2
    config = _config(host, directory, () if is_found else options)
    if is_found and config.name != options[1]:
        config = _config(host, directory, options)
    dotenv = posixpath.normpath(posixpath.join(composed.folder, directory, ".env"))
    if interpolates(config.services, file) and location not in (*options, dotenv):
        if text is None:
            # Compose refuses an --env-file that does not exist yet, and without it would tell of its defaults.
            bare = {name: replace(service, environment=None) for name, service in config.services.items()}
            config = replace(config, services=bare, unresolved=f"there is no {env_path} yet")
        else:
            has_own = composed.has_dotenv and "--env-file" not in options
            own = ("--env-file", dotenv) if has_own else ()
            options = (*options, *own, "--env-file", location)
            config = _config(host, directory, options)
    if config.unresolved is not None and text is not None:
        raise TargetError(f"docker compose cannot tell what the services in {directory} get: {config.unresolved}")
    needs_env_file = interpolates(config.services, file) and location != dotenv
    stack = find(directory, file, config, composed, services, migrator, api, needs_env_file)
    for container in stack.of(stack.api)[:1]:
        _api_containers[host] = container.name
    return stack, _compose(directory, options)


def _explained(said: str) -> str | None:
    failure = explain_docker(said)
    return None if failure is None else failure.line


def _config(host: Any, directory: str, options: Sequence[str]) -> Any:
    config = read_fact(host, ComposeConfig, stdin="", command_words=_compose(directory, options))
    if config.unavailable is None:
        return config
    explained = _explained(config.unavailable)
    if explained is not None:
        raise TargetError(explained)
    if "no configuration file" in config.unavailable:
        raise PlaneSettings(
            f"there is no Compose file in {directory}; put Plane's there, or correct plane_compose_dir (None, if Plane "
            "is started otherwise)"
        )
    raise PlaneSettings(f"docker compose cannot read the project in {directory}: {config.unavailable}")


def known_api_container(host: Any, settings: Settings) -> str | None:
    """The name of the API's container: the setting's, or what was found in the Compose project before."""
    if settings.plane_api_container is not None:
        return settings.plane_api_container
    return _api_containers.get(host) if settings.plane_compose_dir is not None else DEFAULT_API_CONTAINER


def find_api_container(host: Any, settings: Settings) -> str | None:
    """The name of the API's container in the Compose project; ``None`` if it has none yet.

    Raises:
        TargetError: docker or Compose could not be asked.
        PlaneSettings: the project does not fit the settings.
    """
    if settings.plane_compose_dir is not None:
        read_stack(host, settings.plane_compose_dir, settings.plane_env_path, *named_services(settings))
    return known_api_container(host, settings)


DEFAULT_API_CONTAINER = "javisi_plane_api"


def named_services(settings: Settings) -> tuple[tuple[str, ...] | None, str | None, str | None]:
    """The services that the settings name: those that read the env file, the migrator, the API."""
    return settings.plane_compose_services, settings.plane_compose_migrator, settings.plane_compose_api


# --- The operation ---


@converging_with(_reads)
def containers(
    directory: str,
    env_path: str,
    services: list[str] | None = None,
    migrator: str | None = None,
    api: str | None = None,
) -> Plan:
    """
    Prepare and start Plane's containers, and recreate those that run with other values than the env file holds.

    + directory: the host's folder with the Compose file
    + env_path: Plane's env file
    + services: the services that read it; found in the Compose file when not given
    + migrator: the service that migrates the database and ends; found when not given; without one, the image's own
      ``manage.py migrate`` is run in the API's service
    + api: the service of Plane's API; found when not given

    What a container runs with is compared with what the Compose file gives it now, variable by variable, so it does
    not matter who started it, or when. A service that gets another value than the env file holds is an error, and then
    nothing is changed. If the Compose file interpolates the variables (``${DATABASE_URL}``), as Plane's own does,
    ``docker compose`` is called with ``--env-file``.

    If Plane's tables are missing or older than the image, they are migrated. If the Compose file has a command of its
    own for the API, so that the image's start script does not run, the instance is registered and configured as well.
    With storage in the env file, the bucket is created if it is missing, and written to, when the API's container is
    created or recreated. The setting ``plane_management_commands`` switches these off.

    **Example:**

    .. code:: python

        from operations import plane

        plane.containers(
            name="Plane's containers",
            directory="/opt/javisi/plane",
            env_path="/opt/javisi/configs/plane/plane.env",
        )
    """
    host = current_host()
    settings = settings_of(host)
    stack, compose = read_stack(host, directory, env_path, services, migrator, api)
    stack.check()
    steps = _Steps(host, settings, stack, compose, (services, migrator, api))
    unread = [name for name in stack.not_read() if name in settings.plane_env_extra]
    if unread:
        yield Note(
            f"! no service in {directory} gets {', '.join(unread)} from {env_path}; name it under environment: of the "
            "services that need it"
        )
    broker = stack.file.values.get("CELERY_BROKER_URL")
    if broker not in (None, stack.file.values.get("AMQP_URL")):
        yield Note(
            f"! CELERY_BROKER_URL in {env_path} wins over AMQP_URL in Plane's workers (Celery reads it itself); remove "
            "it there and in plane_env_extra, or give it the same value in plane_env_extra"
        )
    left_out = stack.left_out() if services is None else []
    if left_out:
        yield Note(
            f"! in {directory}, {', '.join(left_out)} has the image of Plane's API and does not read {env_path}; give "
            f"it env_file: {stack.file.location}"
        )
    yield from steps.stopped()
    changes = list(steps.changes())
    yield from changes
    if not any(isinstance(change, Change) for change in changes):
        yield Kept(f"{', '.join(stack.names)} run with {env_path} as it is")
    elif stack.needs_env_file:
        yield Note(
            f"! the Compose file in {directory} interpolates what {env_path} holds: call docker compose there with "
            f"--env-file {env_path}, or it starts Plane with other values; or set plane_env_path to {directory}/.env"
        )


class _Steps:
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
        _unregistered[self.host] = not schema.is_registered
        _to_start[self.host] = not stack.of(api)
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
        found = read_fact(self.host, PlaneSchema, **_schema_arguments(self.settings))
        if found.unavailable is not None:
            # It may have been read ahead, before the server had started.
            found = read_fact(self.host, PlaneSchema, **_schema_arguments(self.settings))
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
