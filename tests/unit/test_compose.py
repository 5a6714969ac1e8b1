"""What Docker Compose says of a project and its containers, in the words of real ones: what of it is understood."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import StringCommand

import sandbox
from pyinfra_plane.engine.readings import read_fact
from pyinfra_plane.facts.compose import (
    ComposeConfig,
    Composed,
    ComposeFile,
    ComposeProject,
    ComposeServices,
    PlaneCode,
    PlaneImage,
    Service,
    digest,
    full_name,
)
from pyinfra_plane.facts.plane_schema import PlaneSchema, Schema
from pyinfra_plane.facts.postgres import Server
from sandbox.containers import POSTGRESQL
from tests.unit.given import Shell
from tests.unit.test_facts import HOSTILE

SECRET = "hunter2/Tr0ub4dor"


@pytest.fixture
def host(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def shown(value: Any) -> str:
    """All that anybody could come to print of what a fact returns."""
    return f"{value!r} {value} {dataclasses.asdict(value)}"


# The containers


def inspected(service: str = "api", folder: object = "/opt/plane", **changes: Any) -> str:
    """A line as docker inspect prints it (engine 20.10.24, Compose 2.26.1)."""
    seen = {
        "id": "1",
        "service": service,
        "oneoff": "False",
        "project": "plane",
        "folder": str(folder),
        "files": f"{folder}/docker-compose.yml",
        "env_files": "",
        "name": f"/plane-{service}-1",
        "status": "running",
        "networks": {},
        "host": "plane_default",
        "exit_code": 0,
        "image": "makeplane/plane-backend:stable",
        "image_id": "sha256:aa11",
        "environment": [f"SECRET_KEY={SECRET}", "EMPTY=", "PATH=/usr/bin"],
    }
    return json.dumps({**seen, **changes})


def row(number: object, folder: object, state: str = "running", command: str = "sleep 1") -> str:
    """A line as docker ps prints it."""
    return f'{number}\t{state}\t{folder}\t"{command}"'


def docker(host: Shell, rows: list[str], containers: list[str], images: str = "", code: str = "") -> None:
    """Have docker tell of containers and images; `asked.*` is what it was called with."""
    for name, text in {"rows": "\n".join(rows), "containers": "\n".join(containers), "images": images}.items():
        (host.folder / name).write_text(f"{text}\n" if text else "")
    host.replace(
        "docker",
        f'cd "{host.folder}"; printf "%s\\0" "$@" > "asked.$1"; '
        f"case $1 in ps) cat rows;; inspect) cat containers;; image) cat images;; exec) {code or 'true'};; esac",
    )


def asked(host: Shell, word: str) -> list[str]:
    return (host.folder / f"asked.{word}").read_text().split("\0")[:-1]


def composed(host: Shell, folder: object) -> Composed:
    return read_fact(host, ComposeServices, stdin="", directory=str(folder))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_folder_of_any_name_reached_through_a_link_finds_its_containers(host: Shell, name: str) -> None:
    folder, link = host.folder / "projects" / name, host.folder / "links" / name
    folder.mkdir(parents=True)
    link.parent.mkdir()
    link.symlink_to(folder)
    rows = [row("1a", folder), row("2b", link), row("3c", f"{folder}/../{name}/")]
    docker(host, rows, [inspected("api", folder), inspected("worker", link)])
    for directory in (folder, link):
        found = composed(host, directory)
        assert [container.service for container in found.containers] == ["api", "worker"]
        assert asked(host, "inspect")[3:] == ["1a", "2b", "3c"]
        assert found.folder == str(host.folder)
    assert not (host.folder / "made").exists()


def test_only_the_containers_of_the_folder_are_asked_for(host: Shell) -> None:
    folder, other = host.folder / "plane", host.folder / "plane2"
    folder.mkdir()
    other.mkdir()
    (host.folder / "link").symlink_to(other)
    rows = [row(1, other), row(2, host.folder / "link"), row(3, folder), row(4, folder / "sub"), row(5, host.folder),
            row(6, ""), row(7, "/there/is/none")]  # fmt: skip
    docker(host, rows, [inspected("api", folder)])
    assert len(composed(host, folder).containers) == 1
    assert asked(host, "inspect")[3:] == ["3"]


def test_a_folder_without_containers_is_empty(host: Shell) -> None:
    docker(host, [row(1, "/opt/other")], ["not asked for"])
    assert composed(host, host.folder) == Composed(folder=str(host.folder))
    assert not (host.folder / "asked.inspect").exists()


def test_a_dotenv_in_the_folder_is_told(host: Shell) -> None:
    docker(host, [], [])
    assert not composed(host, host.folder).has_dotenv
    (host.folder / ".env").touch()
    assert composed(host, host.folder).has_dotenv


def test_what_a_container_runs_with_is_told_without_its_values(host: Shell) -> None:
    docker(host, [row(1, host.folder)], [inspected("api", host.folder, status="exited", exit_code=3)])
    found = composed(host, host.folder)
    [container] = found.containers
    assert (container.name, container.status, container.has_failed) == ("plane-api-1", "exited", True)
    assert container.environment == {"SECRET_KEY": digest(SECRET), "EMPTY": digest(""), "PATH": digest("/usr/bin")}
    assert SECRET not in shown(found)
    assert digest(SECRET) != digest(SECRET + " ") and SECRET not in digest(SECRET)


def test_what_compose_run_made_is_left_out(host: Shell) -> None:
    lines = [inspected("api", host.folder), inspected("api", host.folder, name="/api-migrate", oneoff="True")]
    docker(host, [row(1, host.folder), row(2, host.folder)], lines)
    assert [container.name for container in composed(host, host.folder).containers] == ["plane-api-1"]


def test_what_a_project_was_started_with_is_told(host: Shell) -> None:
    line = inspected("api", host.folder, project="lab", files="/srv/a.yml,/srv/b.yml", env_files="/srv/vars.env")
    docker(host, [row(1, host.folder)], [line])
    [container] = composed(host, host.folder).containers
    assert container.project == ComposeProject(
        "lab", str(host.folder), ("/srv/a.yml", "/srv/b.yml"), ("/srv/vars.env",)
    )


@pytest.mark.parametrize(
    ("label", "files"),
    [
        ("/srv/one, two/a.yml,/srv/b.yml", ("/srv/one, two/a.yml", "/srv/b.yml")),
        ("a.yml,b.yml", ("a.yml", "b.yml")),
    ],
)
def test_a_list_of_files_is_split_between_paths(host: Shell, label: str, files: tuple[str, ...]) -> None:
    [container] = ComposeServices().process([inspected("api", host.folder, files=label)]).containers
    assert container.project.files == files


@pytest.mark.parametrize(
    ("files", "env_files", "wanted"),
    [
        (["/srv/plane/docker-compose.yml"], [], "-p lab"),
        (["docker-compose.yml"], ["/srv/plane/.env"], "-p lab"),
        (["/srv/plane/compose.yaml", "/srv/plane/compose.override.yaml"], [], "-p lab"),
        (["/srv/plane.yml"], [], "-p lab -f /srv/plane.yml"),
        (["/srv/docker-compose.yml"], ["/srv/vars.env"], "-p lab -f /srv/docker-compose.yml --env-file /srv/vars.env"),
        (
            ["/srv/plane/docker-compose.yml", "/srv/plane/my prod.yml"],
            ["vars.env"],
            "-p lab -f /srv/plane/docker-compose.yml -f '/srv/plane/my prod.yml' --env-file /srv/plane/vars.env",
        ),
        ([], ["/srv/plane/.env", "/srv/plane.env"], "-p lab --env-file /srv/plane/.env --env-file /srv/plane.env"),
    ],
)
def test_options_of_compose_lead_to_the_project_that_exists(
    files: list[str], env_files: list[str], wanted: str
) -> None:
    project = ComposeProject("lab", "/srv/plane", tuple(files), tuple(env_files))
    assert shlex.join(project.options) == wanted


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("makeplane/plane-backend", "docker.io/makeplane/plane-backend:latest"),
        ("makeplane/plane-backend:stable", "docker.io/makeplane/plane-backend:stable"),
        ("redis:7", "docker.io/library/redis:7"),
        ("plane", "localhost/plane:latest"),
        ("registry:5000/plane", "registry:5000/plane:latest"),
    ],
)
def test_an_image_has_one_name_as_docker_and_as_podman_write_it(written: str, same: str) -> None:
    assert full_name(written) == full_name(same)


def test_images_with_another_registry_or_tag_differ() -> None:
    names = ["plane", "plane:1", "example.com/plane", "example.com:5000/plane", "makeplane/plane"]
    assert len({full_name(name) for name in names}) == len(names)


@pytest.mark.parametrize("prefix", ["sha256:", ""], ids=["docker", "podman"])
def test_the_image_that_a_name_leads_to_now_is_told(host: Shell, prefix: str) -> None:
    line = inspected("api", host.folder, image_id=f"{prefix}aa11")
    images = "image sha256:bb22 docker.io/makeplane/plane-backend:stable\nimage sha256:cc33 <none>:<none>"
    docker(host, [row(1, host.folder)], [line], images)
    found = composed(host, host.folder)
    assert (found.containers[0].image_id, found.image_id("makeplane/plane-backend:stable")) == ("aa11", "bb22")
    assert found.image_id("makeplane/plane-backend:1.3.1") is None


CODE = """printf '%s\\n' 'migration db 0001_initial.py' 'migration db 0121_later.pyc' 'migration license 0006_x.py' \
'migration db [0-9]*.py*' '  "version": "1.3.1",'"""


@pytest.mark.parametrize("command", ["gunicorn plane.wsgi", "./bin/docker-entrypoint-api.sh", "uvicorn plane.asgi"])
def test_the_migrations_and_version_of_a_running_api_are_read(host: Shell, command: str) -> None:
    rows = [row(1, host.folder, "exited", command), row(2, host.folder, command="celery"),
            row(3, host.folder, command=command)]  # fmt: skip
    docker(host, rows, [inspected("api", host.folder, id="3"), inspected("other", host.folder)], code=CODE)
    api, other = composed(host, host.folder).containers
    assert api.code == PlaneCode(frozenset({"db 0001_initial", "db 0121_later", "license 0006_x"}), "1.3.1")
    assert other.code is None
    assert asked(host, "exec")[1:3] == ["3", "sh"]


def test_a_neighbours_server_in_the_folder_is_not_taken_for_planes(host: Shell) -> None:
    rows = [row(number, host.folder, command="gunicorn app") for number in (1, 2)]
    only_second = f'[ "$2" != 2 ] || {CODE}'
    docker(host, rows, [inspected("site", host.folder), inspected("api", host.folder, id="2")], code=only_second)
    site, api = composed(host, host.folder).containers
    assert (site.code, api.code and api.code.version) == (None, "1.3.1")


def test_the_migrations_of_an_image_without_a_container_are_read(host: Shell) -> None:
    host.replace("docker", f'printf "%s\\0" "$@" > "{host.folder}/asked.run"; {CODE}')
    code = read_fact(host, PlaneImage, stdin="", image="makeplane/plane-backend:v1.3.1")
    assert code == PlaneCode(frozenset({"db 0001_initial", "db 0121_later", "license 0006_x"}), "1.3.1")
    words = asked(host, "run")
    assert words[words.index("sh") + 1] == "makeplane/plane-backend:v1.3.1"
    assert {"--rm", "never", "none"} <= set(words)
    host.replace("docker", "echo 'No such image' >&2; exit 125")
    assert read_fact(host, PlaneImage, stdin="", image="nothing") is None


@pytest.mark.parametrize("code", ["true", "echo 'OCI runtime exec failed: no sh'; exit 126", 'echo \'"version": "1"\''])
def test_an_image_that_is_not_planes_tells_nothing(host: Shell, code: str) -> None:
    docker(host, [row(1, host.folder, command="gunicorn x")], [inspected("api", host.folder)], code=code)
    found = composed(host, host.folder)
    assert (found.containers[0].code, found.unavailable, len(found.containers)) == (None, None, 1)


def test_a_version_that_a_container_is_given_is_told(host: Shell) -> None:
    docker(host, [row(1, host.folder)], [inspected("api", host.folder, environment=["APP_VERSION=1.4.0"])])
    assert composed(host, host.folder).containers[0].app_version == "1.4.0"


@pytest.mark.parametrize("word", ["ps", "inspect", "image"])
def test_a_docker_that_cannot_be_asked_is_an_answer(host: Shell, word: str) -> None:
    docker(host, [row(1, host.folder)], [inspected("api", host.folder)])
    script = (host.programs / "docker").read_text()
    complaint = f'[ "$1" = {word} ] && {{ echo permission denied >&2; exit 1; }}\n'
    (host.programs / "docker").write_text(script.replace("\n", f"\n{complaint}", 1))
    assert composed(host, host.folder).unavailable == "permission denied"


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "{}",
        inspected(exit_code="x"),
        inspected(environment=5),
        inspected(image=None),
        inspected(networks=[1]),
        inspected(folder={}, files=1),
    ],
)
def test_a_garbled_container_is_an_answer_and_shows_no_value(host: Shell, line: str) -> None:
    docker(host, [row(1, host.folder)], [line])
    found = composed(host, host.folder)
    assert (found.unavailable or "").startswith("docker on this host printed an unexpected answer: {")
    assert SECRET not in shown(found)


# The project


def config(host: Shell, raw: object, resolved: object = None, says: str = "") -> ComposeFile:
    """What is understood of Compose's two answers; `says` is what it prints to standard error of each."""
    for name, answer in {"raw": raw, "resolved": raw if resolved is None else resolved}.items():
        # Compose ends its JSON without a line break.
        (host.folder / name).write_text(answer if isinstance(answer, str) else json.dumps(answer, indent=2))
    (host.folder / "says").write_text(says)
    fail = 'grep -q "^{" $file || { cat $file >&2; exit 14; }; cat $file'
    host.replace(
        "docker",
        f'cd "{host.folder}"; cat says >&2; '
        f'case "$*" in *--no-interpolate*) file=raw;; *) file=resolved;; esac; {fail}',
    )
    return read_fact(host, ComposeConfig, stdin="", command_words=StringCommand("docker compose"))


def project(**services: Any) -> dict[str, Any]:
    return {"name": "plane", "networks": {"default": {"name": "plane_default"}}, "services": services}


WARNINGS = (
    'time="2026-11-27T10:00:00Z" level=warning msg="The \\"CERT_EMAIL\\" variable is not set. Defaulting to a blank '
    'string."\ntime="2026-11-27T10:00:00Z" level=warning msg="/opt/plane/docker-compose.yml: `version` is obsolete"\n'
)

ROLE_RAW = project(
    **{
        "plane-api": {
            "image": "makeplane/plane-backend:${PLANE_VERSION:-stable}",
            "container_name": "javisi_plane_api",
            "command": "gunicorn plane.wsgi --workers 2 --bind 0.0.0.0:8000",
            "env_file": [{"path": "/opt/javisi/configs/plane/plane.env", "required": True}],
            "depends_on": {
                "plane-minio": {"condition": "service_healthy", "required": True},
                "redis": {"condition": "service_started", "required": True},
            },
        },
        "plane-minio": {"image": "minio/minio", "command": "server /export"},
        "redis": {"image": "redis:7"},
    }
)
ROLE_RESOLVED = project(
    **{
        "plane-api": {
            "image": "makeplane/plane-backend:stable",
            "container_name": "javisi_plane_api",
            "entrypoint": None,
            "command": ["gunicorn", "plane.wsgi", "--workers", "2", "--bind", "0.0.0.0:8000"],
            "environment": {"SECRET_KEY": SECRET, "DATABASE_URL": f"postgresql://plane:{SECRET}@db/plane"},
        },
        "plane-minio": {"image": "minio/minio", "entrypoint": None, "command": ["server", "/export"]},
        "redis": {"image": "redis:7", "entrypoint": None, "command": None},
    }
)


@pytest.mark.parametrize("says", ["", WARNINGS], ids=["alone", "after warnings"])
def test_what_the_services_are_and_get_is_told_without_values(host: Shell, says: str) -> None:
    found = config(host, ROLE_RAW, ROLE_RESOLVED, says)
    assert (found.unavailable, found.unresolved) == (None, None)
    assert list(found.services) == ["plane-api", "plane-minio", "redis"]
    assert found.services["plane-api"] == Service(
        "plane-api",
        "makeplane/plane-backend:stable",
        ("gunicorn", "plane.wsgi", "--workers", "2", "--bind", "0.0.0.0:8000"),
        ("/opt/javisi/configs/plane/plane.env",),
        depends_on=frozenset({"plane-minio", "redis"}),
        awaits_health=frozenset({"plane-minio"}),
        environment={"SECRET_KEY": digest(SECRET), "DATABASE_URL": digest(f"postgresql://plane:{SECRET}@db/plane")},
    )
    assert SECRET not in shown(found)


def test_a_missing_env_file_leaves_what_is_written(host: Shell) -> None:
    complaint = "env file /opt/plane.env not found: stat /opt/plane.env: no such file or directory\n"
    found = config(host, ROLE_RAW, complaint)
    assert (found.unavailable, found.unresolved) == (None, complaint.strip())
    api = found.services["plane-api"]
    assert (api.environment, api.env_files) == (None, ("/opt/javisi/configs/plane/plane.env",))
    assert api.command == ("gunicorn plane.wsgi --workers 2 --bind 0.0.0.0:8000",)


def test_services_of_a_profile_that_is_off_are_left_out(host: Shell) -> None:
    raw = project(api={"image": "x"}, tools={"image": "y", "profiles": ["tools"]})
    assert list(config(host, raw, project(api={"image": "x"})).services) == ["api"]
    assert list(config(host, raw, "env file /x not found").services) == ["api"]


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        ("a.env", ("a.env",)),
        (["/srv/a.env", "/srv/b.env"], ("/srv/a.env", "/srv/b.env")),
        ({"path": "/srv/a.env"}, ("/srv/a.env",)),
        ([{"path": "/srv/${DIR}/a.env", "required": False}], ("/srv/${DIR}/a.env",)),
        (None, ()),
    ],
)
def test_env_file_is_a_path_a_list_or_a_map(host: Shell, written: object, paths: tuple[str, ...]) -> None:
    assert config(host, project(api={"image": "x", "env_file": written})).services["api"].env_files == paths


def test_a_compose_that_does_not_tell_of_env_files_is_understood(host: Shell) -> None:
    merged = project(api={"image": "x", "environment": {"SECRET_KEY": SECRET}})
    api = config(host, merged, merged).services["api"]
    assert (api.env_files, api.environment) == ((), {"SECRET_KEY": digest(SECRET)})


@pytest.mark.parametrize(
    "written",
    [
        {"A": "x", "N": None, "W": 1, "B": True, "R": "${URL:-redis://r}", "D": "a$$b", "P": "pre${X}$Y", "Q": "$URL"},
        ["A=x", "N", "W=1", "B=true", "R=${URL:-redis://r}", "D=a$$b", "P=pre${X}$Y", "Q=$URL"],
    ],
    ids=["map", "list"],
)
def test_environment_is_a_map_or_a_list(host: Shell, written: object) -> None:
    raw = project(api={"image": "x", "environment": written})
    got = {"A": "x", "N": None, "W": "1", "B": "true", "R": "redis://u", "D": "a$$b", "P": "pre12", "Q": "redis://u"}
    api = config(host, raw, project(api={"image": "x", "environment": got})).services["api"]
    assert api.literals == {
        name: digest(value) for name, value in {"A": "x", "W": "1", "B": "true", "D": "a$b"}.items()
    }
    assert api.references == {"R": {"URL"}, "P": {"X", "Y"}, "Q": {"URL"}}
    assert api.copies == {"R": "URL", "Q": "URL"}
    assert api.environment is not None
    assert (api.environment["D"], "N" in api.environment) == (digest("a$b"), False)


def test_a_project_that_compose_cannot_read_says_why(host: Shell) -> None:
    assert config(host, "no configuration file provided: not found\n").unavailable == (
        "no configuration file provided: not found"
    )


@pytest.mark.parametrize(
    ("complaint", "told"),
    [
        # Each as Compose 2.26.1 says it.
        (f'line 2: unexpected character "/" in variable name "{SECRET}"', 'line 2: unexpected character "…" in'),
        (f'line 4: unterminated quoted value "{SECRET}', "line 4: unterminated quoted value"),
        (f'Invalid template: "abc${{x-{SECRET}"', "Invalid template:"),
        (f'invalid interpolation format for services.api.environment.A: "\\"{SECRET}"', "services.api.environment.A"),
        (f"yaml: unmarshal errors: cannot unmarshal !!str `{SECRET}` into int", "cannot unmarshal !!str"),
    ],
)
def test_a_complaint_that_quotes_a_value_is_told_without_it(host: Shell, complaint: str, told: str) -> None:
    for found in (config(host, ROLE_RAW, f"{complaint}\n"), config(host, f"{complaint}\n")):
        said = found.unresolved or found.unavailable or ""
        assert told in said
        assert SECRET not in said


def test_a_complaint_keeps_the_names_of_services(host: Shell) -> None:
    complaint = 'service "web" refers to undefined network backend: invalid compose project'
    assert config(host, complaint).unavailable == complaint


@pytest.mark.parametrize("raw", ['{"services": {"api": 5}}', '{"services": {"api": ', "[]"])
def test_a_garbled_project_is_an_answer(host: Shell, raw: str) -> None:
    assert config(host, raw).unavailable


def test_what_compose_and_docker_say_is_never_printed(host: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []
    monkeypatch.setattr("pyinfra_plane.engine.commands.echo", lambda line, **_: printed.append(line))
    host.state.print_output = True
    config(host, ROLE_RAW, ROLE_RESOLVED)
    docker(host, [row(1, host.folder)], [inspected("api", host.folder)])
    composed(host, host.folder)
    assert [*printed, *host.said] == []
    # It is with an empty standard input that a fact's output is kept from being shown.
    read_fact(host, ComposeServices, directory=str(host.folder))
    assert SECRET in "".join(printed)


# Plane's tables, in the sandbox's PostgreSQL


@pytest.fixture(scope="module")
def sandboxed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandbox.Host]:
    with sandbox.running(tmp_path_factory.mktemp("schema"), hosts=1) as running:
        yield running.hosts[0]


STEPS = [
    ("", Schema()),
    ("CREATE TABLE django_migrations (id serial, app text, name text)", Schema(frozenset())),
    (
        "INSERT INTO django_migrations (app, name) VALUES ('db', '0001_initial'), ('license', '0006_x'), ('auth', '1')",
        Schema(frozenset({"db 0001_initial", "license 0006_x"})),
    ),
    ("CREATE TABLE instances (current_version text, created_at timestamptz DEFAULT now())", None),
    (
        "INSERT INTO instances VALUES ('1.3.1', now()), ('1.2.0', now() - interval '1 day')",
        Schema(frozenset({"db 0001_initial", "license 0006_x"}), True, "1.3.1"),
    ),
    ("CREATE TABLE instance_configurations (key text)", None),
    (
        "INSERT INTO instance_configurations VALUES ('ENABLE_SIGNUP')",
        Schema(frozenset({"db 0001_initial", "license 0006_x"}), True, "1.3.1", True),
    ),
]


def test_what_planes_tables_tell_is_read_step_by_step(host: Shell, sandboxed: sandbox.Host) -> None:
    host.replace("docker", f'exec "{sandboxed.commands_path / "docker"}" "$@"')
    database = 'plane "it\'s"'

    def read() -> Schema:
        return read_fact(host, PlaneSchema, server=Server(POSTGRESQL), database=database)

    assert read() == Schema()
    sandboxed.psql('CREATE DATABASE "plane ""it\'s"""')
    before = Schema()
    for sql, wanted in STEPS:
        if sql:
            sandboxed.psql(sql, database)
        found = read()
        assert found == (wanted or before)
        before = found


def test_a_server_that_does_not_answer_is_no_empty_database(host: Shell, sandboxed: sandbox.Host) -> None:
    host.replace("docker", f'exec "{sandboxed.commands_path / "docker"}" "$@"')
    found = read_fact(host, PlaneSchema, server=Server("no_such"), database="plane")
    assert found.unavailable == "Error response from daemon: No such container: no_such"
    found = read_fact(host, PlaneSchema, server=Server(POSTGRESQL, "nobody_such"), database="plane")
    assert 'role "nobody_such" does not exist' in (found.unavailable or "")
