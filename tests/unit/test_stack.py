"""Plane's services in a Compose project: which they are, what they get, what their containers run with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pyinfra.api import StringCommand

from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.facts.compose import (
    Composed,
    ComposeFile,
    ComposeProject,
    Service,
    ServiceContainer,
    _service,
    digest,
)
from pyinfra_plane.host.env_values import EnvFile
from pyinfra_plane.host.stack import Named, Stack, find, interpolates, is_plane

FOLDER = "/opt/javisi"
ENV_FILE = f"{FOLDER}/configs/plane/plane.env"

VALUES = {
    "SECRET_KEY": "a-key",
    "DATABASE_URL": "postgresql://plane:pw@db/plane",
    "REDIS_URL": "redis://redis/4",
    "WEB_URL": "https://work.example.com",
    "GUNICORN_WORKERS": "2",
    "AWS_ACCESS_KEY_ID": "access",
}
BACKEND = "makeplane/plane-backend:stable"


def digests(values: Mapping[str, str]) -> dict[str, str]:
    return {name: digest(value) for name, value in values.items()}


def env_file(values: Mapping[str, str] = VALUES, coming: Mapping[str, str] | None = None) -> EnvFile:
    names = frozenset({*values, *(coming or {})})
    return EnvFile(ENV_FILE, ENV_FILE, digests(values), names, None if coming is None else digests(coming))


def service(name: str, raw: dict[str, Any], got: Mapping[str, str] | None) -> Service:
    """A service as Compose tells of it, written like `raw`; without `got`, what it gets is not known."""
    return _service(name, raw, None if got is None else {**raw, "environment": got})


def role(got: Mapping[str, str] | None = VALUES, **environment: Any) -> dict[str, Service]:
    """Services that have the env file, with commands of their own; `environment` is the API's."""
    own = {name: value for name, value in environment.items() if value is not None}
    reads = {"image": BACKEND, "env_file": ENV_FILE}
    commands = {
        "plane-api": "gunicorn plane.wsgi --workers 2",
        "plane-beat": "celery -A plane beat -l info",
        "plane-worker": "celery -A plane worker -l info",
    }
    found = {name: service(name, {**reads, "command": command}, got) for name, command in commands.items()}
    depends_on = {"plane-minio": {"condition": "service_healthy"}}
    api = {**reads, "command": commands["plane-api"], "environment": own, "depends_on": depends_on}
    found["plane-api"] = service("plane-api", api, None if got is None else {**got, **own})
    found["plane-minio"] = service("plane-minio", {"image": "minio/minio", "env_file": f"{FOLDER}/minio.env"}, {})
    found["caddy"] = service("caddy", {"image": "caddy", "depends_on": ["plane-web"]}, {})
    found["plane-web"] = service("plane-web", {"image": "makeplane/plane-frontend", "depends_on": ["plane-api"]}, {})
    return found


DEFAULTS = {
    "SECRET_KEY": "a-key-that-everybody-knows",
    "DATABASE_URL": "postgresql://plane:plane@plane-db/plane",
    "REDIS_URL": "redis://plane-redis:6379/",
    "WEB_URL": "http://localhost",
    "AWS_ACCESS_KEY_ID": "access-key",
}


def plane(values: Mapping[str, str] | None = VALUES) -> dict[str, Service]:
    """Plane's own shape, a part of it: interpolated, with start scripts; `values` is what --env-file holds."""
    known = {**DEFAULTS, **(values or {})}

    def one(name: str, names: Sequence[str], image: str = BACKEND, **raw: Any) -> Service:
        environment = {key: f"${{{key}:-{DEFAULTS[key]}}}" for key in names}
        got = {key: known[key] for key in names}
        if "AWS_ACCESS_KEY_ID" in names:
            environment["MINIO_ROOT_USER"] = "${AWS_ACCESS_KEY_ID:-access-key}"
            got["MINIO_ROOT_USER"] = known["AWS_ACCESS_KEY_ID"]
        if "SECRET_KEY" in names:
            environment["GUNICORN_WORKERS"] = got["GUNICORN_WORKERS"] = "1"
        return service(name, {"image": image, "environment": environment, **raw}, None if values is None else got)

    def backend(name: str, script: str, *depends_on: str) -> Service:
        command = f"./bin/docker-entrypoint-{script}.sh"
        return one(name, list(DEFAULTS), command=command, depends_on=list(depends_on))

    return {
        "admin": one("admin", [], "makeplane/plane-admin:stable", depends_on=["api", "web"]),
        "api": backend("api", "api", "plane-redis", "plane-mq"),
        "beat-worker": backend("beat-worker", "beat", "api", "plane-mq"),
        "live": one("live", ["REDIS_URL"], "makeplane/plane-live:stable", depends_on=["api", "web"]),
        "migrator": backend("migrator", "migrator", "plane-redis"),
        "plane-minio": one("plane-minio", ["AWS_ACCESS_KEY_ID"], "minio/minio"),
        "plane-mq": one("plane-mq", [], "rabbitmq:3.13"),
        "plane-redis": one("plane-redis", [], "valkey/valkey"),
        "web": one("web", [], "makeplane/plane-frontend:stable", depends_on=["api", "worker"]),
        "worker": backend("worker", "worker", "api", "plane-mq"),
    }


NEIGHBOUR = {
    "image": "example/shop",
    "command": "gunicorn shop.wsgi",
    "environment": {"SECRET_KEY": "its-own", "DATABASE_URL": "postgresql://shop:pw@db/shop"},
}


def container(name: str, environment: Mapping[str, str] = VALUES, **changes: Any) -> ServiceContainer:
    project = ComposeProject("plane", FOLDER)
    made = ServiceContainer(name, f"plane-{name}-1", "running", 0, project, BACKEND, "aa11", digests(environment))
    return replace(made, **changes)


def stack(
    services: dict[str, Service],
    *containers: ServiceContainer,
    file: EnvFile | None = None,
    unresolved: str | None = None,
    images: Mapping[str, str] | None = None,
    named: Sequence[str] | None = None,
    migrator: str | None = None,
    api: str | None = None,
) -> Stack:
    config = ComposeFile(services, unresolved)
    composed, chosen = Composed(containers, images or {}), Named(named, migrator, api)
    return find(FOLDER, file or env_file(), config, composed, chosen, StringCommand())


# Which services are Plane's

ROLES_NAMES = ("plane-api", "plane-beat", "plane-worker")
PLANES_NAMES = ("api", "beat-worker", "live", "plane-minio", "worker")


def with_neighbour(services: dict[str, Service], **changes: Any) -> dict[str, Service]:
    raw = {**NEIGHBOUR, **changes}
    return {"shop": service("shop", raw, raw["environment"]), **services}


def hybrid(name: str = "migrator") -> dict[str, Service]:
    """Services with the env file and start scripts."""
    reads = {"image": BACKEND, "env_file": ENV_FILE}
    return {
        "api": service("api", {**reads, "command": "./bin/docker-entrypoint-api.sh"}, VALUES),
        name: service(name, {**reads, "command": ["./bin/docker-entrypoint-migrator.sh"]}, VALUES),
        "worker": service("worker", {**reads, "entrypoint": ["sh", "-c", "celery -A plane worker"]}, VALUES),
    }


@pytest.mark.parametrize(
    ("services", "names", "api", "migrator"),
    [
        (role(), ROLES_NAMES, "plane-api", None),
        (role(None), ROLES_NAMES, "plane-api", None),
        (plane(), PLANES_NAMES, "api", "migrator"),
        (plane(None), PLANES_NAMES, "api", "migrator"),
        (hybrid(), ("api", "worker"), "api", "migrator"),
        (hybrid("schema"), ("api", "worker"), "api", "schema"),
        (with_neighbour(role()), ROLES_NAMES, "plane-api", None),
        (with_neighbour(plane()), PLANES_NAMES, "api", "migrator"),
        (with_neighbour(role(), env_file="/opt/shop/.env"), ROLES_NAMES, "plane-api", None),
    ],
    ids=["the role's", "the role's, before the env file", "Plane's own", "Plane's own, before the env file",
         "env_file and start scripts", "a migrator of another name", "the role's beside a neighbour",
         "Plane's own beside a neighbour", "a neighbour with an env file"],
)  # fmt: skip
def test_planes_services_are_found(
    services: dict[str, Service], names: tuple[str, ...], api: str, migrator: str | None
) -> None:
    found = stack(services)
    assert (found.names, found.api, found.migrator) == (names, api, migrator)
    assert is_plane(services, env_file(), None)


def test_a_project_without_plane_is_refused_and_told_apart() -> None:
    neighbour = with_neighbour({}, env_file="/opt/shop/.env")
    assert not is_plane(neighbour, env_file(), None)
    with pytest.raises(PlaneSettings) as caught:
        stack(neighbour)
    assert str(caught.value) == (
        f"no service in {FOLDER} reads {ENV_FILE} (they read /opt/shop/.env); give Plane's services env_file: "
        f"{ENV_FILE} in the Compose file, or set plane_env_path to the file that they read"
    )


@pytest.mark.parametrize(
    ("path", "environment", "is_of"),
    [
        (ENV_FILE, None, True),
        (f"{FOLDER}/${{CONFIGS:-configs}}/plane/plane.env", VALUES, True),
        # Compose puts the project's folder before what a variable holds.
        ("/opt/elsewhere/${PLANE_CONFIGS}/plane.env", VALUES, True),
        ("/opt/elsewhere/$PLANE_CONFIGS/plane.env", None, True),
        ("/opt/elsewhere/${PLANE_CONFIGS}/plane.env", {"SECRET_KEY": "x"}, False),
        (f"{FOLDER}/${{CONFIGS}}/shop.env", VALUES, False),
        (f"{FOLDER}/plane.env", VALUES, False),
    ],
)
def test_an_env_file_is_known_by_its_path(path: str, environment: dict[str, str] | None, is_of: bool) -> None:
    assert env_file().is_of(service("api", {"env_file": path}, environment)) is is_of


@pytest.mark.parametrize(("services", "expected"), [(role(), False), (hybrid(), False), (plane(), True)])
def test_a_file_that_interpolates_is_told_from_one_with_env_file(services: dict[str, Service], expected: bool) -> None:
    assert interpolates(services, env_file()) is expected


def test_services_that_are_named_are_taken() -> None:
    services = with_neighbour(role())
    found = stack(services, named=["plane-api", "plane-web"], migrator="caddy", api="plane-web")
    assert (found.names, found.migrator, found.api) == (("plane-web", "plane-api"), "caddy", "plane-web")
    # The migrator is found all the same.
    assert stack(plane(), named=["api", "worker"]).migrator == "migrator"
    assert is_plane(services, env_file(), ["shop"]) and not is_plane(services, env_file(), ["other"])


@pytest.mark.parametrize("named", [{"named": ["plane-api", "nobody"]}, {"migrator": "nobody"}, {"api": "nobody"}])
def test_a_service_that_the_project_does_not_have_is_named(named: dict[str, Any]) -> None:
    with pytest.raises(PlaneSettings) as caught:
        stack(role(), **named)
    assert str(caught.value) == (
        f"the Compose project in {FOLDER} has no service nobody; correct plane_compose_services, or set it to None "
        "(the project has: caddy, plane-api, plane-beat, plane-minio, plane-web, plane-worker)"
    )


@pytest.mark.parametrize(
    ("commands", "api"),
    [
        ({"a": "gunicorn plane.wsgi", "b": "celery"}, "a"),
        ({"a": "uvicorn plane.asgi:application", "b": "celery"}, "a"),
        ({"a": "./bin/docker-entrypoint-api.sh", "b": ""}, "a"),
        ({"plane-api": "", "plane-worker": ""}, "plane-api"),
        ({"api": "gunicorn plane.wsgi", "live": "uvicorn live"}, "api"),
    ],
)
def test_the_api_is_known_by_what_it_runs_or_else_by_its_name(commands: dict[str, str], api: str) -> None:
    services = {name: service(name, {"env_file": ENV_FILE, "command": run}, VALUES) for name, run in commands.items()}
    assert stack(services).api == api


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        (
            {"one": "gunicorn a", "two": "gunicorn b"},
            "one and two in /opt/javisi could each be Plane's API; name the right one",
        ),
        ({"one": "celery", "two": ""}, "none of one, two in /opt/javisi looks like Plane's API; name it"),
    ],
)
def test_an_api_that_cannot_be_told_is_asked_for(commands: dict[str, str], said: str) -> None:
    services = {name: service(name, {"env_file": ENV_FILE, "command": run}, VALUES) for name, run in commands.items()}
    with pytest.raises(PlaneSettings, match=f"^{said} .*plane_compose_api$|^{said} in plane_compose_api$"):
        stack(services)


@pytest.mark.parametrize(
    ("command", "name", "expected"),
    [
        ("python manage.py migrate", "setup", True),
        ("", "plane-migrate", True),
        ("", "migrations", True),
        ("gunicorn plane.wsgi", "migrator", False),
        ("python manage.py migrate_storage", "setup", False),
    ],
)
def test_the_migrator_is_known_by_what_it_runs_or_else_by_its_name(command: str, name: str, expected: bool) -> None:
    services = role() | {name: service(name, {"env_file": ENV_FILE, "command": command}, VALUES)}
    assert stack(services, api="plane-api").migrator == (name if expected else None)


def test_whether_the_start_script_runs_is_known() -> None:
    assert [stack(services).skips_start_script for services in (role(), plane(), hybrid())] == [True, False, False]
    # The image's own command is the start script.
    assert not stack({"api": service("api", {"env_file": ENV_FILE}, VALUES)}).skips_start_script


# What the services get


@pytest.mark.parametrize(
    "services",
    [role(), role(None), role(WEB_URL=VALUES["WEB_URL"]), plane(), plane(None), hybrid(), with_neighbour(role())],
)
def test_services_that_get_what_the_file_holds_are_fine(services: dict[str, Service]) -> None:
    stack(services).check()


def test_planes_own_file_may_fix_the_number_of_workers() -> None:
    assert plane()["api"].literals["GUNICORN_WORKERS"] != digest(VALUES["GUNICORN_WORKERS"])
    stack(plane()).check()
    assert "GUNICORN_WORKERS" in refused(role(GUNICORN_WORKERS="1"))


def refused(services: dict[str, Service], **changes: Any) -> str:
    with pytest.raises(PlaneSettings) as error:
        stack(services, **changes).check()
    line = str(error.value)
    assert not any(value in line for value in (*VALUES.values(), *DEFAULTS.values()) if len(value) > 1)
    return line


OTHER = "postgresql://plane:plane@plane-db/plane"
API_GETS_ANOTHER = (
    f"in {FOLDER}, plane-api would run with another DATABASE_URL than {ENV_FILE} holds: its environment: sets "
    "DATABASE_URL too, and takes precedence; remove it there"
)


def test_a_value_beside_env_file_is_refused_with_service_variable_and_cure() -> None:
    assert refused(role(DATABASE_URL=OTHER)) == API_GETS_ANOTHER


def test_a_value_beside_env_file_is_refused_before_the_file_exists() -> None:
    assert refused(role(None, DATABASE_URL=OTHER), unresolved="no such file") == API_GETS_ANOTHER


def test_a_value_beside_env_file_is_refused_in_a_preview_of_what_the_file_will_hold() -> None:
    coming = env_file({}, {**VALUES, "SENTRY_DSN": "https://new"})
    services = role({}, SENTRY_DSN="https://the-compose-files-own")
    said = refused(services, file=coming)
    assert said == (
        f"in {FOLDER}, plane-api would run with another SENTRY_DSN than {ENV_FILE} holds: its environment: sets "
        "SENTRY_DSN too, and takes precedence; remove it there"
    )
    stack(role({}, SENTRY_DSN="https://new"), file=coming).check()


def test_an_env_file_that_need_not_exist_and_does_not_yet_is_no_lack_of_variables() -> None:
    # With `required: false`, Compose leaves out what the file will hold.
    stack(role({}), file=env_file({}, VALUES)).check()


def test_an_interpolated_default_beside_env_file_is_refused() -> None:
    services = role()
    raw = {"env_file": ENV_FILE, "command": "gunicorn", "environment": {"DATABASE_URL": f"${{DATABASE_URL:-{OTHER}}}"}}
    services["plane-api"] = service("plane-api", raw, {**VALUES, "DATABASE_URL": OTHER})
    assert refused(services) == API_GETS_ANOTHER


def test_another_env_file_of_a_service_is_refused() -> None:
    services = role()
    raw = {"env_file": [ENV_FILE, "/opt/other.env"], "command": "gunicorn"}
    services["plane-api"] = service("plane-api", raw, {**VALUES, "REDIS_URL": "redis://x", "WEB_URL": "http://x"})
    assert refused(services).endswith(
        f"would run with another REDIS_URL, WEB_URL than {ENV_FILE} holds: another file under its env_file: sets it; "
        "remove it there"
    )


def test_a_value_in_a_file_that_interpolates_is_refused() -> None:
    services = plane()
    raw = {
        "image": services["api"].image,
        "environment": {name: f"${{{name}}}" for name in VALUES} | {"DATABASE_URL": OTHER},
    }
    services["worker"] = service("worker", raw, {**VALUES, "DATABASE_URL": OTHER})
    assert refused(services) == (
        f"in {FOLDER}, worker would run with another DATABASE_URL than {ENV_FILE} holds: its environment: sets it; "
        "write DATABASE_URL: ${DATABASE_URL} there"
    )


def test_the_ssh_users_own_environment_is_refused_where_it_wins() -> None:
    line = refused(plane({**VALUES, "WEB_URL": "http://shell"}))
    assert line == (
        f"in {FOLDER}, migrator, api, beat-worker, worker would run with another WEB_URL than {ENV_FILE} holds: the "
        "SSH user's environment or another env file sets it; remove it there"
    )


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL"])
def test_an_api_that_does_not_get_what_it_needs_is_refused(name: str) -> None:
    services = plane()
    environment = {other: f"${{{other}}}" for other in VALUES if other != name}
    raw = {"environment": environment, "command": "./bin/docker-entrypoint-api.sh"}
    got = {other: value for other, value in VALUES.items() if other != name}
    services["api"] = service("api", raw, got)
    found = refused(services, named=["api", "worker"])
    assert found == f"in {FOLDER}, api would run without {name}; give it env_file: {ENV_FILE}"


def test_a_neighbour_that_interpolates_the_same_names_is_left_alone() -> None:
    values = {"REDIS_URL": "redis://neighbour", "SECRET_KEY": "own", "DATABASE_URL": "own"}
    neighbours = {
        "n8n": service("n8n", {"image": "n8n", "environment": {"REDIS_URL": "${REDIS_URL}"}}, values),
        "paperless-api": service(
            "paperless-api",
            {"image": "paperless", "command": "gunicorn", "environment": {name: f"${{{name}}}" for name in values}},
            values,
        ),
    }
    found = stack(plane() | neighbours)
    assert not {"n8n", "paperless-api"} & set(found.names) and found.api == "api"
    with pytest.raises(PlaneSettings, match="no service in"):
        stack(neighbours)


def test_what_no_service_gets_from_the_file_is_named() -> None:
    file = env_file({**VALUES, "SESSION_COOKIE_AGE": "60", "ENABLE_SIGNUP": "0"})
    assert stack(plane(), file=file).unused_variables() == ["ENABLE_SIGNUP", "SESSION_COOKIE_AGE"]
    assert stack(role(), file=file).unused_variables() == []
    assert stack(plane(None), file=file, unresolved="the file does not exist yet").unused_variables() == []
    # Under another name it is read.
    raw = {"depends_on": ["api"], "environment": {"AGE": "${SESSION_COOKIE_AGE}", "SIGNUP": "${ENABLE_SIGNUP:-1}"}}
    services = plane() | {"live": service("live", raw, {"AGE": "60", "SIGNUP": "0"})}
    assert stack(services, file=file).unused_variables() == []


# What the containers run with


def differing(found: Stack, name: str) -> list[str]:
    return found.differing(found.of(name)[0])


PLANES_API = {name: VALUES[name] for name in DEFAULTS} | {"MINIO_ROOT_USER": "access", "GUNICORN_WORKERS": "1"}


@pytest.mark.parametrize(
    ("services", "name", "runs_with", "wanted"),
    [
        (role(), "plane-api", {**VALUES, "PATH": "/usr/bin", "APP_VERSION": "x"}, []),
        (role(), "plane-api", {**VALUES, "WEB_URL": "http://x", "SECRET_KEY": "x"}, ["SECRET_KEY", "WEB_URL"]),
        (role(), "plane-api", {}, list(VALUES)),
        (role(PORT="8000"), "plane-api", {**VALUES, "PORT": "9000"}, []),
        (plane(), "api", PLANES_API, []),
        (plane(), "api", {**PLANES_API, "DATABASE_URL": OTHER}, ["DATABASE_URL"]),
        (plane(), "api", {**PLANES_API, "MINIO_ROOT_USER": "x"}, ["MINIO_ROOT_USER"]),
        (plane(), "live", {"REDIS_URL": "redis://redis/4", "OTHER": "x"}, []),
    ],
    ids=["as it should", "two others, in the file's order", "nothing", "what is not of the file is nobody's business",
         "Plane's own", "Plane's own, a default", "another name of the same", "one that gets a part"],
)  # fmt: skip
def test_what_a_container_runs_with_is_compared_with_what_it_would_get(
    services: dict[str, Service], name: str, runs_with: dict[str, str], wanted: list[str]
) -> None:
    assert differing(stack(services, container(name, runs_with)), name) == wanted


CHANGED = {**VALUES, "WEB_URL": "https://new", "AWS_ACCESS_KEY_ID": "new", "DEBUG": "1"}
del CHANGED["REDIS_URL"]


def test_a_file_that_is_still_to_be_written_counts_in_a_preview() -> None:
    file = env_file(coming=CHANGED)
    by_file = stack(role(), container("plane-api"), file=file)
    assert differing(by_file, "plane-api") == ["WEB_URL", "AWS_ACCESS_KEY_ID", "DEBUG"]
    by_name = stack(plane(), container("api", PLANES_API), file=file)
    assert differing(by_name, "api") == ["WEB_URL", "AWS_ACCESS_KEY_ID", "MINIO_ROOT_USER"]


@pytest.mark.parametrize(("services", "name"), [(role, "plane-api"), (plane, "api")])
def test_a_preview_names_the_variables_that_the_run_names(services: Any, name: str) -> None:
    runs_with = VALUES if name == "plane-api" else PLANES_API
    before = stack(services(), container(name, runs_with), file=env_file(coming=CHANGED))
    got = {**CHANGED} if name == "plane-api" else {**CHANGED, "REDIS_URL": VALUES["REDIS_URL"]}
    after = stack(services(got), container(name, runs_with), file=env_file(CHANGED))
    assert differing(before, name) == differing(after, name) != []


@pytest.mark.parametrize(("services", "name"), [(role(None), "plane-api"), (plane(None), "api")])
def test_a_first_preview_compares_with_the_file_to_come(services: dict[str, Service], name: str) -> None:
    file = env_file(VALUES, coming=VALUES)
    theirs = {**DEFAULTS, "MINIO_ROOT_USER": "access-key", "GUNICORN_WORKERS": "1"}
    found = differing(stack(services, container(name, theirs), file=file, unresolved="no such file"), name)
    expected = list(VALUES) if name == "plane-api" else [*DEFAULTS, "MINIO_ROOT_USER"]
    assert sorted(found) == sorted(expected)
    assert found[:2] == ["SECRET_KEY", "DATABASE_URL"]


def test_what_a_service_sets_itself_a_coming_file_does_not_change() -> None:
    file = env_file(VALUES, coming={**VALUES, "WEB_URL": "https://new"})
    found = stack(role(WEB_URL=VALUES["WEB_URL"]), container("plane-api"), file=file)
    assert differing(found, "plane-api") == []


@pytest.mark.parametrize(
    ("image", "images", "changes", "expected"),
    [
        (BACKEND, {}, {}, None),
        (BACKEND, {BACKEND: "aa11"}, {}, None),
        (BACKEND, {BACKEND: "bb22"}, {}, f"{BACKEND} was pulled again"),
        (BACKEND, {BACKEND: "aa11"}, {"image": f"docker.io/{BACKEND}"}, None),
        ("makeplane/plane-backend:1.3.1", {BACKEND: "aa11"}, {}, f"{BACKEND} → makeplane/plane-backend:1.3.1"),
        # Not filled in, it is no name.
        ("makeplane/plane-backend:${VERSION}", {BACKEND: "aa11"}, {}, None),
    ],
)
def test_another_image_is_seen(
    image: str, images: dict[str, str], changes: dict[str, Any], expected: str | None
) -> None:
    services = role()
    services["plane-api"] = replace(services["plane-api"], image=image)
    found = stack(services, container("plane-api", **changes), images=images)
    assert found.exchanged(found.of("plane-api")[0]) == expected


# What they depend on


def test_storage_stands_apart_from_planes_own_programs() -> None:
    found = stack(plane())
    assert [name for name in found.names if found.is_backing_service(name)] == ["plane-minio"]
    found = stack(role())
    assert not any(found.is_backing_service(name) for name in found.names)


def test_what_planes_services_need_and_what_needs_them_is_started_too() -> None:
    assert stack(role()).missing_around() == (["plane-minio"], ["caddy", "plane-web"])
    assert stack(plane()).missing_around() == (["plane-mq", "plane-redis"], ["admin", "web"])


def test_what_has_a_container_is_not_started() -> None:
    there = [container(name, {}) for name in ("plane-minio", "plane-web")]
    assert stack(role(), *there).missing_around() == ([], ["caddy"])


def test_a_neighbour_is_not_started() -> None:
    first, last = stack(with_neighbour(role())).missing_around()
    assert "shop" not in (*first, *last)


def test_services_that_depend_on_each_other_are_no_endless_matter() -> None:
    raw = {"depends_on": ["b", "plane-api"]}
    services = role() | {"a": service("a", raw, {}), "b": service("b", {"depends_on": ["a", "gone"]}, {})}
    assert stack(services).missing_around()[1] == ["a", "b", "caddy", "plane-web"]
