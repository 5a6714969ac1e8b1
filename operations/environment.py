"""Plane's environment file, and the containers that read it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from jinja2 import Environment, StrictUndefined, Template
from pyinfra.api import HiddenValue, QuoteString, StringCommand

from facts.docker import ComposeServiceNames, ComposeServices, ServiceContainer
from operations.converge import Change, Kept, Note, Plan, converging, converging_with, current_host
from operations.report import is_executing
from settings import Settings, SettingsError
from settings.carried import is_carried, not_carried, refusals
from target import (
    TargetError,
    change_access,
    differing_access,
    fact_reading,
    file_reading,
    read_fact,
    read_file,
    run,
    write_file,
)

TEMPLATE = Path(__file__).parent.parent / "templates" / "plane.env.j2"

MODE = "600"

READ_BY_PLANE = re.compile(
    # Read off the settings and the start script of Plane 1.2.2's API image.
    "SECRET_KEY|DATABASE_URL|POSTGRES_(USER|PASSWORD|HOST|PORT|DB)|REDIS_(URL|HOST|PORT)|AMQP_URL"
    "|RABBITMQ_(HOST|PORT|USER|PASSWORD|VHOST)|WEB_URL|CORS_ALLOWED_ORIGINS|GUNICORN_WORKERS|USE_MINIO"
    "|AWS_(REGION|ACCESS_KEY_ID|SECRET_ACCESS_KEY|S3_ENDPOINT_URL|S3_BUCKET_NAME)|MINIO_ENDPOINT_(URL|SSL)"
    "|FILE_SIZE_LIMIT|SIGNED_URL_EXPIRATION|API_KEY_RATE_LIMIT|ALLOWED_HOSTS|COOKIE_DOMAIN"
    "|(ADMIN_)?SESSION_COOKIE_AGE|SESSION_COOKIE_NAME|DEBUG|HARD_DELETE_AFTER_DAYS"
    "|(APP|ADMIN|SPACE|LIVE)_BASE_(URL|PATH)|ENABLE_(SIGNUP|EMAIL_PASSWORD|MAGIC_LINK_LOGIN|SMTP)"
    "|DISABLE_WORKSPACE_CREATION|(EMAIL|GOOGLE|GITHUB|GITLAB|GITEA|LLM)_[A-Z_]+|UNSPLASH_ACCESS_KEY|SKIP_ENV_VAR"
)
"""The variables that Plane's API, worker and beat containers read; any other does nothing there."""

SHOWN = re.compile("[A-Z_][A-Z0-9_]*|[a-z_][a-z0-9_]*")
"""Names that are told of where they are surplus. Any other may be a part of a value, such as a key of several lines."""

LONGEST_MIGRATION = 1800
"""Seconds to wait for Plane's migrations. On an empty database there are more than a hundred (1.3.1)."""

# Files that this run changes, or would, by host: a preview of the containers has no newer file to look at.
_pending: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


def render(settings: Settings, template: Path = TEMPLATE) -> HiddenValue:
    """Plane's environment file for these settings, as text.

    ``SECRET_KEY`` is empty when the settings have none: :func:`env_file` fills it in on the host.

    Raises:
        SettingsError: a value cannot be carried by an env file unchanged; it is named, not shown.
    """
    values = {
        "secret_key": settings.plane_secret_key,
        "db_user": settings.plane_db_user,
        "db_password": settings.postgresql_password,
        "db_host": f"[{settings.plane_db_host}]" if ":" in settings.plane_db_host else settings.plane_db_host,
        "db_port": settings.plane_db_port,
        "db_name": settings.plane_db_name,
        "redis_url": settings.plane_redis_url,
        "amqp_url": settings.plane_amqp_url,
        "web_url": settings.plane_web_url,
        "gunicorn_workers": settings.plane_gunicorn_workers,
        "minio_endpoint": settings.plane_minio_endpoint,
        "minio_bucket": settings.plane_minio_bucket,
        "minio_access_key": settings.plane_minio_access_key,
        "minio_secret_key": settings.plane_minio_secret_key,
    }
    shown = {name: _unmasked(value) for name, value in values.items()}
    source = _compiled(template.read_text(encoding="utf-8"))
    known = parse(source.render(shown, extra={}))
    further = {name: value for name, value in settings.plane_env_extra.items() if name not in known}
    text = source.render(shown, extra=further)
    for name in settings.plane_env_extra.keys() - further.keys():
        # One of the template's own: in its place, since a name that stands twice is read differently by each reader.
        text = _with(text, name, settings.plane_env_extra[name])
    # What was to stand in the file is looked at first, since a line break would make two variables of one; then what
    # stands in it, where a template of one's own may have put more.
    refused = list(not_carried(settings)) or [name for name, value in parse(text).items() if not is_carried(value)]
    if refused:
        raise SettingsError(refusals(refused))
    return HiddenValue(text)


@cache  # it takes some 5 ms, which each host would pay
def _compiled(source: str) -> Template:
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no HTML
    )
    # Jinja's own urlencode leaves "/" as it is, which ends a password in a URL.
    environment.filters["percent"] = lambda value: quote(value, safe="")
    return environment.from_string(source)


def _unmasked(value: object) -> object:
    if isinstance(value, HiddenValue):
        return value.unmask()
    return "" if value is None else value


def parse(text: str) -> dict[str, str]:
    """The variables of an env file; of a name that stands twice, the last."""
    found = {}
    for line in _lines(text):
        name, equals, value = line.partition("=")
        if equals:
            found[name.strip()] = value
    return found


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]


def _value_of(name: str, text: str) -> str | None:
    """What a variable is in an env file that a person may have written, in any form that Docker Compose 2 reads."""
    found: list[str] = re.findall(rf"(?m)^\ufeff?\s*(?:export\s+)?{re.escape(name)}\s*(?:=|:[ \t]*)(.*?)\r?$", text)
    return found[-1] if found else None


@converging_with(lambda path, **_: [file_reading(path)])
def env_file(
    path: str,
    text: HiddenValue,
    made_when_empty: Iterable[str] = ("SECRET_KEY",),
    user: str | None = None,
    group: str | None = None,
) -> Plan:
    """
    Keep an env file, readable by its owner alone, with exactly the variables of a text.

    + path: where the file is
    + text: the whole file, for example what ``render`` gives
    + made_when_empty: variables that are empty in the text keep the value that they have in the file; without one, a
      new random value is made
    + user: who the file belongs to; whoever writes it when not given
    + group: its group

    Comments do not count: the file is written when a variable differs. Values are never shown.

    **Example:**

    .. code:: python

        from operations import environment

        environment.env_file(
            name="Environment file",
            path="/opt/javisi/configs/plane/plane.env",
            text=environment.render(settings_of(host)),
        )
    """
    host = current_host()
    file = read_file(host, path)
    present = parse(file.text) if file else {}
    wanted, content = _filled(text.unmask(), file.text if file else "", made_when_empty)
    differing = [name for name in wanted if present.get(name) != wanted[name]]
    surplus = [name for name in present if name not in wanted and SHOWN.fullmatch(name)]
    known = {*wanted, *surplus}
    others = sum(line.partition("=")[0].strip() not in known for line in _lines(file.text if file else ""))
    _pending.setdefault(host, set()).discard(path)
    for name in wanted:
        if not READ_BY_PLANE.fullmatch(name):
            yield Note(f"! {path}: Plane reads no variable {name}; is it spelt right in plane_env_extra?")
    if file is None:
        lines = [f"+ {path}: {', '.join(wanted)}"]
    elif differing or surplus or others:
        lines = [f"~ {path}: {', '.join(differing)}"] if differing else []
        lines += [f"- {path}: {', '.join(surplus)} (to keep, put into plane_env_extra)"] if surplus else []
        lines += [f"- {path}: lines that are not NAME=value: {others}"] if others else []
    else:
        access = differing_access(file, MODE, user, group)
        if access is None:
            yield Kept(path)
        else:
            yield Change((f"~ {path}: {access}",), lambda: change_access(host, path, MODE, user, group))
        return

    def apply() -> None:
        write_file(host, path, content, MODE, user, group)
        _pending[host].add(path)

    if not is_executing():
        _pending[host].add(path)
    yield Change(tuple(lines), apply)


def _filled(text: str, present: str, made_when_empty: Iterable[str]) -> tuple[dict[str, str], str]:
    wanted = parse(text)
    for name in made_when_empty:
        if wanted.get(name) == "":
            wanted[name] = _value_of(name, present) or secrets.token_urlsafe(50)
            text = _with(text, name, wanted[name])
    return wanted, text


def _with(text: str, name: str, value: str) -> str:
    return re.sub(rf"(?m)^{re.escape(name)}=.*$", lambda match: f"{name}={value}", text)


@converging_with(
    lambda directory, env_path, **_: [fact_reading(ComposeServices, directory=directory, env_path=env_path)]
)
def compose_services(directory: str, services: list[str], env_path: str, migrator: str | None = None) -> Plan:
    """
    Recreate those services of a Compose project whose containers are older than the env file that they read.

    + directory: the host's folder with the Compose file
    + services: the services that read the env file
    + env_path: the env file
    + migrator: the service that migrates the database and ends; run and waited for before the others are made, where
      the project has it

    A container keeps the environment that it was made with. Comparing times, rather than remembering that the file
    was just written, also recreates what an interrupted run did not get to. The project's name, Compose files and
    ``--env-file`` are those that its containers were started with.
    """
    host = current_host()
    found = read_fact(host, ComposeServices, directory=directory, env_path=env_path)
    if found.unavailable:
        raise TargetError(f"docker could not be asked for the services in {directory}: {found.unavailable}")
    services = [name for name in services if name != migrator]
    ours = [container for container in found.containers if container.service in (*services, migrator)]
    compose = _compose(directory, ours)
    is_pending = env_path in _pending.get(host, ())

    def of(service: str | None) -> list[ServiceContainer]:
        return [container for container in ours if container.service == service]

    def is_stale(container: ServiceContainer) -> bool:
        # One that was made and never started is what a failed `up` leaves.
        return is_pending or container.created < found.env_modified or container.status == "created"

    stale = [name for name in services if not of(name) or any(is_stale(container) for container in of(name))]
    for name in services:
        status = next((container.status for container in of(name) if container.status != "running"), None)
        if status is not None and name not in stale:
            yield Note(_not_running(name, directory, status))
    is_to_migrate = bool(stale) or any(is_stale(one) or one.has_failed for one in of(migrator))
    if not is_to_migrate:
        yield Kept(f"{', '.join(services)} read {env_path} as it is")
        return
    known, unknown = read_fact(host, ComposeServiceNames, command_words=compose)
    if unknown is not None:
        raise TargetError(f"docker compose cannot read the project in {directory}: {unknown}")
    absent = [name for name in services if name not in known]
    if absent:
        raise TargetError(
            f"the Compose project in {directory} has no service {', '.join(absent)}; name its services in "
            f"plane_compose_services (it has: {', '.join(sorted(known))})"
        )
    lines = [f"~ recreate {name}" if of(name) else f"+ start {name}" for name in stale]
    if migrator in known:
        lines.insert(0, f"~ run {migrator}")

    def apply() -> None:
        if migrator in known:
            _migrate(host, directory, compose, migrator)
        if stale:
            _up(host, directory, compose, stale)

    if lines:
        yield Change(tuple(lines), apply)
    else:
        yield Kept(f"{', '.join(services)} read {env_path} as it is")


def _compose(directory: str, containers: Sequence[ServiceContainer]) -> StringCommand:
    """The words of `docker compose` that lead to the project that these containers are of.

    Raises:
        TargetError: they are of several.
    """
    projects = {
        container.project.name: container.project for container in sorted(containers, key=lambda one: one.created)
    }
    if len(projects) > 1:
        names = ", ".join(sorted(projects))
        raise TargetError(
            f"there are containers of several Compose projects in {directory}: {names}; remove those of all but one "
            f"(docker compose -p NAME down, in {directory}), and run again"
        )
    options = [option for project in projects.values() for option in project.options]
    return StringCommand("docker compose --project-directory", QuoteString(directory), *options)


def _not_running(service: str, directory: str, status: str) -> str:
    if status == "restarting":
        return f"! the service {service} in {directory} keeps restarting; see docker compose logs {service}"
    said = {"exited": "stopped"}.get(status, status)
    return f"! the service {service} in {directory} is {said}, and left so; start it with docker compose"


def _up(host: Any, directory: str, compose: StringCommand, services: Sequence[str]) -> None:
    output = run(
        host,
        compose, "up -d --force-recreate --no-deps", *(QuoteString(name) for name in services),
        show_output=True,
    )  # fmt: skip
    if not output.ok:
        raise TargetError(f"docker compose up {' '.join(services)} in {directory} failed: {output.reason}")


def _migrate(host: Any, directory: str, compose: StringCommand, service: str) -> None:
    """Run the service that migrates the database, and wait until it ended well."""
    # One that is at it already is let finish: a migration is not cut off.
    listed = StringCommand(compose, "ps -aq", QuoteString(service))
    wait = StringCommand("ids=$(", listed, ') && { [ -z "$ids" ] || docker wait $ids; }')
    host.log(f"running the service {service}, which migrates the database")
    output = run(host, wait, longest=LONGEST_MIGRATION)
    if output.ok:
        _up(host, directory, compose, [service])
        output = run(host, wait, longest=LONGEST_MIGRATION)
    if not output.ok:
        raise TargetError(f"docker could not wait for the service {service} in {directory}: {output.reason}")
    codes = {line for line in output.stdout if line.isdigit()}
    if codes != {"0"}:
        raise TargetError(
            f"the service {service} in {directory}, which migrates the database, ended with exit code "
            f"{', '.join(sorted(codes)) or 'unknown'}; see docker compose logs {service}, and run again"
        )


@converging
def recreate_reminder(env_path: str) -> Plan:
    """
    Say that the containers that read an env file must be recreated, where this deploy is not told how to.

    + env_path: the env file
    """
    host = current_host()
    if env_path in _pending.get(host, ()):
        yield Note(
            f"! recreate the containers that read {env_path}: they keep the environment that they were made with"
        )
    else:
        yield Kept("no container has to be recreated")
