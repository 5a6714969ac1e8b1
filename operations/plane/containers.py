"""Plane's containers: prepared, started, and recreated if they run with other values than the env file holds."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra_plane.engine.converge import Change, Note, Plan, Unchanged, converging_with, current_host
from pyinfra_plane.engine.files import file_reading
from pyinfra_plane.engine.readings import Reading, fact_reading
from pyinfra_plane.facts.compose import ComposeConfig, ComposeServices
from pyinfra_plane.facts.plane_schema import PlaneSchema
from pyinfra_plane.host.compose_project import Project, compose_command, found_on, schema_arguments
from pyinfra_plane.host.container_steps import ContainerSteps
from pyinfra_plane.host.stack import Named, Stack
from pyinfra_plane.settings import Settings, settings_of


def _reads(directory: str, env_path: str, **_: object) -> list[Reading]:
    return [
        file_reading(env_path),
        fact_reading(ComposeServices, stdin="", directory=directory),
        fact_reading(ComposeConfig, stdin="", command_words=compose_command(directory, ())),
        fact_reading(PlaneSchema, **schema_arguments(settings_of(current_host()))),
    ]


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
    + services: the services that read the env file; found in the Compose file by default
    + migrator: the service that migrates the database and exits; found by default; if there is none, the deploy runs
      the image's ``manage.py migrate`` in the API's service
    + api: the service of Plane's API; found by default

    The values that a container runs with are compared with those that the Compose file gives it now, variable by
    variable, so it does not matter who started the container, or when. If a service gets another value than the env
    file holds, the operation fails and changes nothing. If the Compose file interpolates the variables
    (``${DATABASE_URL}``), as Plane's own does, ``docker compose`` is called with ``--env-file``.

    If Plane's tables are missing or older than the image, they are migrated. If the Compose file has a command of its
    own for the API, so that the image's start script does not run, the instance is registered and configured as well.
    If the env file has storage, the bucket is created if missing, and a test file is written to it, when the API's
    container is created or recreated. The setting ``plane_management_commands`` turns these commands off.

    **Example:**

    .. code:: python

        plane.containers(directory="/opt/javisi/plane", env_path="/opt/javisi/configs/plane/plane.env")
    """
    return _containers(Project(current_host(), directory, env_path, Named(services, migrator, api)))


def _containers(project: Project) -> Plan:
    settings, stack = settings_of(project.host), project.read()
    stack.check()
    steps = ContainerSteps(project, settings, stack)
    yield from _advice(project, settings, stack)
    yield from steps.stopped()
    changes = list(steps.changes())
    yield from changes
    directory, env_path = project.directory, project.env_path
    is_changed = any(isinstance(change, Change) for change in changes)
    found_on(project.host).reached = None if is_changed else next((one.reached for one in stack.of(stack.api)), None)
    if not is_changed:
        yield Unchanged(f"{', '.join(stack.names)} run with {env_path} as it is")
    elif stack.needs_env_file:
        yield Note(
            f"! the Compose file in {directory} uses the variables in {env_path}: run docker compose there with "
            f"--env-file {env_path}, or it starts Plane with other values; or set plane_env_path to {directory}/.env"
        )


def _advice(project: Project, settings: Settings, stack: Stack) -> Iterator[Note]:
    """Warn about things in the Compose file and the env file that this operation does not change."""
    directory, env_path = project.directory, project.env_path
    unread = [name for name in stack.unused_variables() if name in settings.plane_env_extra]
    if unread:
        yield Note(
            f"! no service in {directory} gets {', '.join(unread)} from {env_path}; add it under environment: of the "
            "services that need it"
        )
    values = stack.file.values
    if values.get("CELERY_BROKER_URL") not in (None, values.get("AMQP_URL")):
        yield Note(
            f"! CELERY_BROKER_URL in {env_path} overrides AMQP_URL in Plane's workers (Celery reads it itself); remove "
            "it there and in plane_env_extra, or give it the same value in plane_env_extra"
        )
    left_out = stack.unlisted_services() if project.named.services is None else []
    if left_out:
        yield Note(
            f"! in {directory}, {', '.join(left_out)} uses the image of Plane's API but does not read {env_path}; give "
            f"it env_file: {stack.file.location}"
        )
