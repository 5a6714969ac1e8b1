"""Plane's containers: what is done about them, in which order, and what is said if it cannot be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import HiddenValue

from operations import environment
from operations.plane.containers import containers
from pyinfra_plane.api.errors import PlaneError, PlaneSettings
from pyinfra_plane.engine.commands import TargetError
from pyinfra_plane.engine.converge import Change, Note, Unchanged
from pyinfra_plane.host.compose_project import found_on
from pyinfra_plane.host.host_plane import current_plane
from tests.unit.given import Shell, data
from tests.unit.test_environment import apply, changes, plan, running_for

VALUES = {"SECRET_KEY": "a-secret-key-1", "DATABASE_URL": "postgresql://plane:hunter2@db/plane", "DEBUG": "0"}
BACKEND = "makeplane/plane-backend:stable"

MADE = {"migrations": ["db 0001_initial"]}
AT_1_2 = {**MADE, "is_registered": True, "version": "1.2.0"}
REGISTERED = {**AT_1_2, "is_configured": True}


class Data(dict[str, Any]):
    """Host data, as pyinfra gives them."""

    def dict(self) -> dict[str, Any]:
        return dict(self)


class Docker:
    """A docker that knows one Compose project, and keeps what it was asked to do.

    Attributes:
        up, run, exec, ps, config, image: scripts of what these do; the last three for what only looks.
        image_code: script of what is read of the image without a container.
        connections: script of what Plane's image finds of its servers.
        migrated: what `docker wait` prints.
    """

    def __init__(self, host: Shell) -> None:
        self.host = host
        self.folder = host.folder / "my plane"
        self.folder.mkdir()
        self.env = host.folder / "plane.env"
        self.env.write_text("".join(f"{name}={value}\n" for name, value in VALUES.items()))
        self.services: dict[str, dict[str, Any]] = {}
        self.up = self.run = self.exec = "true"
        self.connections = "echo '{}'"
        self.ps = self.config = self.image = self.image_code = ""
        self.migrated = "0"
        self.containers: list[dict[str, Any]] = []
        self.schema(**REGISTERED)
        host.data = Data(data(postgres_wait_seconds=0))

    def schema(self, **found: object) -> None:
        """Have Plane's tables tell this."""
        self.write("schema", "".join(f"{json.dumps({name: found[name]})}\n" for name in found) or "{}\n")

    def service(self, name: str, command: str, **raw: Any) -> None:
        """Have the project have a service that reads the env file."""
        self.services[name] = {"image": BACKEND, "command": command, "env_file": [{"path": str(self.env)}], **raw}

    def container(self, name: str, environment: Mapping[str, str] = VALUES, **changes: Any) -> dict[str, Any]:
        """Have a service have a container."""
        made = {
            "id": f"{len(self.containers)}a", "service": name, "oneoff": "False", "project": "plane",
            "folder": str(self.folder), "files": "", "env_files": "",
            "name": f"/plane-{name}-1", "status": "running", "networks": {}, "host": "bridge", "exit_code": 0,
            "image": BACKEND, "image_id": "sha256:aa11",
            "environment": [f"{key}={value}" for key, value in environment.items()],
            **changes,
        }  # fmt: skip
        self.containers.append(made)
        return made

    def write(self, name: str, text: str) -> None:
        (self.host.folder / name).write_text(text)

    def ready(self) -> Docker:
        """Put it on the host."""
        raw = {"services": self.services}
        got = dict(line.split("=", 1) for line in self.env.read_text().splitlines()) if self.env.exists() else {}
        resolved = {
            name: {
                **{key: value for key, value in service.items() if key != "env_file"},
                "command": service["command"].split(),
                "environment": {**(got if "env_file" in service else {}), **service.get("got", {})},
            }
            for name, service in self.services.items()
        }
        self.write("raw", json.dumps(raw))
        self.write("resolved", json.dumps({"services": resolved}))
        rows = [
            f'{number}a\t{one["status"]}\t{one["folder"]}\t"{self.services[one["service"]]["command"]}"'
            for number, one in enumerate(self.containers)
        ]
        self.write("rows", "".join(f"{line}\n" for line in rows))
        self.write("containers", "".join(f"{json.dumps(one)}\n" for one in self.containers))
        config = f"case $* in *--no-interpolate*) cat raw;; *) {self.config or 'cat resolved'};; esac"
        compose = (
            f'for word in "$@"; do case $word in config) echo "$*" >> configs; {config}; exit;; '
            f'up) echo "$*" >> asked; {self.up}; exit;; ps) echo 2b; exit;; '
            f'run) case $* in *-connections*) echo "$*" >> connected; {self.connections}; exit;; esac; '
            f'echo "$*" >> asked; {self.run}; exit;; esac; done; exit 7'
        )
        self.host.replace(
            "docker",
            f'cd "{self.host.folder}"; case $1 in ps) {self.ps or "cat rows"};; inspect) cat containers;; '
            f"image) {self.image};; run) {self.image_code};; "
            f"exec) case $* in *psql*) cat schema;; *) {self.exec};; esac;; "
            f"wait) case $2 in 2b) echo {self.migrated};; *) exit 1;; esac;; rm) exit 1;; compose) {compose};; "
            "*) exit 8;; esac",
        )
        return self

    def plan(self, executing: bool = True, **arguments: Any) -> list[Change | Unchanged | Note]:
        """What there is to do."""
        given = {"directory": str(self.folder), "env_path": str(self.env), **arguments}
        return plan(containers, self.host, executing=executing, **given)

    def asked(self, file: str = "asked") -> list[str]:
        """What `docker compose` was asked to do, without the folder."""
        path = self.host.folder / file
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.removeprefix(f"compose --project-directory {self.folder} ") for line in lines]


@pytest.fixture
def docker(tmp_path: Path) -> Docker:
    """A project with an API and a worker that start by themselves, both running."""
    docker = Docker(Shell(tmp_path))
    docker.service("api", "./bin/docker-entrypoint-api.sh")
    docker.service("worker", "celery -A plane worker")
    docker.exec = "printf '%s\\n' 'migration db 0001_initial.py' '\"version\": \"1.2.0\",'"
    return docker


def running(docker: Docker, api: Mapping[str, str] = VALUES, worker: Mapping[str, str] = VALUES, **both: Any) -> Docker:
    docker.container("api", api, **both)
    docker.container("worker", worker, **both)
    return docker


OLD = {**VALUES, "DEBUG": "1"}


def test_containers_that_run_with_the_file_are_kept(docker: Docker) -> None:
    [kept] = running(docker).ready().plan()
    assert isinstance(kept, Unchanged)


def test_containers_that_run_with_other_values_are_recreated_and_missing_ones_started(docker: Docker) -> None:
    docker.container("api", OLD)
    docker.up = "sed 's/DEBUG=1/DEBUG=0/' containers > new; mv new containers"
    items = docker.ready().plan()
    assert changes(items) == ["~ recreate api: runs with another DEBUG", "+ start worker"]
    assert docker.asked() == []
    apply(items)
    assert docker.asked() == ["-p plane up -d --force-recreate --no-deps api worker"]


def test_of_several_containers_of_a_service_one_that_differs_counts(docker: Docker) -> None:
    running(docker).container("api", OLD)
    assert changes(docker.ready().plan()) == ["~ recreate api: runs with another DEBUG"]


def test_a_container_that_was_never_started_is_recreated(docker: Docker) -> None:
    docker.container("api", status="created")
    docker.container("worker")
    assert changes(docker.ready().plan()) == ["~ recreate api"]


def test_a_container_that_still_differs_afterwards_is_a_failure(docker: Docker) -> None:
    with pytest.raises(TargetError) as caught:
        apply(running(docker, OLD).ready().plan())
    assert str(caught.value) == (
        f"plane-api-1 was recreated but still runs with another DEBUG than {docker.env} holds; see docker compose "
        "config api "
        f"in {docker.folder}"
    )


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("exited", "is stopped and was not restarted; run on the host: {} start worker"),
        ("paused", "is paused and was not restarted; run on the host: {} unpause worker"),
        ("restarting", "keeps restarting; see docker compose logs worker"),
    ],
)
def test_a_service_that_does_not_run_is_noted_and_not_restarted(docker: Docker, status: str, said: str) -> None:
    docker.container("api")
    docker.container("worker", status=status)
    docker.service("web", "nginx", env_file=[])
    docker.container("web", status=status)
    *_, note, kept = docker.ready().plan()
    assert isinstance(note, Note)
    compose = f"docker compose --project-directory '{docker.folder}' -p plane"
    assert note.line == f"! the service worker in {docker.folder} {said.format(compose)}"
    assert isinstance(kept, Unchanged)


def test_a_service_that_is_stopped_and_differs_is_recreated_and_not_noted(docker: Docker) -> None:
    docker.container("api")
    docker.container("worker", OLD, status="exited")
    [change] = docker.ready().plan()
    assert isinstance(change, Change)
    assert change.lines == ("~ recreate worker: runs with another DEBUG",)


def test_a_one_off_container_is_not_counted(docker: Docker) -> None:
    running(docker).container("api", OLD, oneoff="True")
    assert changes(docker.ready().plan()) == []


def test_the_folder_may_be_a_link(docker: Docker) -> None:
    (docker.host.folder / "link").symlink_to(docker.folder)
    running(docker).ready()
    assert changes(docker.plan(directory=str(docker.host.folder / "link"))) == []


# The project


def test_a_project_is_reached_again_with_what_it_was_started_with(docker: Docker) -> None:
    started: dict[str, Any] = {"project": "lab", "files": "/srv/plane.yml,/srv/prod.yml", "env_files": "/srv/vars.env"}
    docker.up = "sed 's/DEBUG=1/DEBUG=0/' containers > new; mv new containers"
    apply(running(docker, OLD, **started).ready().plan())
    options = "-p lab -f /srv/plane.yml -f /srv/prod.yml --env-file /srv/vars.env"
    assert docker.asked() == [f"{options} up -d --force-recreate --no-deps api"]
    assert set(docker.asked("configs")) == {
        f"{options} config --no-interpolate --format json",
        f"{options} config --format json",
    }


def test_two_projects_with_planes_services_in_a_folder_are_refused(docker: Docker) -> None:
    running(docker).container("api", project="other")
    with pytest.raises(
        TargetError,
        match=r"several Compose projects have containers in .*: other, plane; remove the containers of all but one",
    ):
        docker.ready().plan()


def test_another_project_in_the_folder_is_left_alone(docker: Docker) -> None:
    running(docker).container("api", OLD, project="other", files="/srv/other.yml")
    docker.write("other", json.dumps({"services": {"api": {"image": "other", "command": "gunicorn other"}}}))
    docker.ready()
    script = (docker.host.programs / "docker").read_text()
    (docker.host.programs / "docker").write_text(
        script.replace("case $1 in", "case $* in *other.yml*config*) cat other; exit;; esac; case $1 in", 1)
    )
    [kept] = docker.plan()
    assert isinstance(kept, Unchanged)


def test_a_service_that_the_project_does_not_have_is_named_before_anything_is_done(docker: Docker) -> None:
    with pytest.raises(PlaneSettings, match=r"has no service beat; correct .* \(the project has: api, worker\)$"):
        running(docker, OLD).ready().plan(services=["api", "beat"])
    assert docker.asked() == []


def interpolating(docker: Docker, **got: str) -> Docker:
    """A project as Plane's own, with these values in place of the file's."""
    for name in docker.services:
        docker.services[name] |= {
            "environment": {key: f"${{{key}:-default}}" for key in VALUES},
            "got": {**VALUES, **got},
        }
        del docker.services[name]["env_file"]
    return running(docker)


def test_a_file_that_interpolates_is_given_the_env_file(docker: Docker) -> None:
    [kept] = interpolating(docker).ready().plan()
    assert isinstance(kept, Unchanged)
    assert docker.asked("configs")[-1] == f"-p plane --env-file {docker.env} config --format json"


def test_a_dotenv_beside_it_is_read_too_and_the_env_file_wins(docker: Docker) -> None:
    (docker.folder / ".env").write_text("TAG=1\n")
    interpolating(
        docker,
    ).ready().plan()
    assert docker.asked("configs")[-1] == (
        f"-p plane --env-file {docker.folder}/.env --env-file {docker.env} config --format json"
    )


def test_an_env_file_that_the_project_was_started_with_is_not_given_twice(docker: Docker) -> None:
    interpolating(docker)
    for container in docker.containers:
        container["env_files"] = str(docker.env)
    docker.ready().plan()
    assert set(docker.asked("configs")) == {
        f"-p plane --env-file {docker.env} config --no-interpolate --format json",
        f"-p plane --env-file {docker.env} config --format json",
    }


@pytest.mark.parametrize("executing", [False, True])
def test_an_override_is_refused_before_anything_is_done(docker: Docker, executing: bool) -> None:
    override = {"environment": {"SECRET_KEY": "another-secret-2"}, "got": {"SECRET_KEY": "another-secret-2"}}
    docker.service("worker", "celery -A plane worker", **override)
    with pytest.raises(
        PlaneSettings, match=r"^in .*, worker would run with another SECRET_KEY .*; remove it"
    ) as caught:
        running(docker, OLD).ready().plan(executing)
    assert "secret-" not in str(caught.value)
    assert docker.asked() == []


def test_an_env_file_that_compose_cannot_read_is_one_line_without_its_values(docker: Docker) -> None:
    complaint = f'line 2: unexpected character "/" in variable name "{VALUES["DATABASE_URL"]}"'
    docker.config = f"echo '{complaint}' >&2; exit 15"
    with pytest.raises(TargetError) as caught:
        running(docker, OLD).ready().plan()
    assert str(caught.value) == (
        f"docker compose cannot resolve the services in {docker.folder}: line 2: unexpected character "
        '"…" in variable name "…"'
    )
    assert docker.asked() == []


def test_a_docker_that_cannot_be_asked_is_one_line(docker: Docker) -> None:
    docker.ps = "echo permission denied >&2; exit 1"
    with pytest.raises(TargetError, match=r"^cannot list the services in .*: permission denied$"):
        docker.ready().plan()


def test_a_compose_that_fails_is_one_line(docker: Docker) -> None:
    docker.up = "echo pulling >&2; echo no space left on device >&2; exit 1"
    with pytest.raises(TargetError) as caught:
        apply(running(docker, OLD).ready().plan())
    assert str(caught.value) == f"docker compose up api in {docker.folder} failed: no space left on device"


def test_values_of_compose_and_docker_are_not_printed(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []
    monkeypatch.setattr("pyinfra_plane.engine.commands.echo", lambda line, **_: printed.append(line))
    docker.host.state.print_output = docker.host.state.print_input = True
    docker.up = "sed 's/DEBUG=1/DEBUG=0/' containers > new; mv new containers"
    apply(running(docker, OLD).ready().plan())
    shown = f"{printed}{docker.host.said}{docker.host.commands}"
    assert VALUES["SECRET_KEY"] not in shown and "hunter2" not in shown
    # Where output is shown, it is of `up` alone.
    assert [call["print_output"] for call in docker.host.arguments].count(True) <= 1


@pytest.mark.parametrize("executing", [False, True])
def test_an_env_file_that_changes_concerns_its_containers(docker: Docker, executing: bool) -> None:
    docker.exec = "true"
    text = HiddenValue("".join(f"{name}={value}\n" for name, value in {**VALUES, "DEBUG": "2"}.items()))
    items = plan(environment.env_file, docker.host, executing=executing, path=str(docker.env), text=text)
    if executing:
        apply(items)
    running(docker).ready()
    assert changes(docker.plan(executing)) == [
        "~ recreate api: runs with another DEBUG",
        "~ recreate worker: runs with another DEBUG",
    ]


# The database and the instance


def test_the_migrator_is_run_and_waited_for_before_the_others_start(docker: Docker) -> None:
    docker.service("migrator", "./bin/docker-entrypoint-migrator.sh")
    docker.up = "sed 's/DEBUG=1/DEBUG=0/' containers > new; mv new containers"
    items = running(docker, OLD).ready().plan()
    assert changes(items) == ["~ run migrator", "~ recreate api: runs with another DEBUG"]
    apply(items)
    assert docker.asked() == [
        "-p plane up -d --force-recreate --no-deps migrator",
        "-p plane up -d --force-recreate --no-deps api",
    ]


def test_a_migrator_that_fails_ends_the_run_there(docker: Docker) -> None:
    docker.service("migrator", "./bin/docker-entrypoint-migrator.sh")
    docker.migrated = "1"
    with pytest.raises(TargetError, match=r"migrator in .* ended with exit code 1; see docker compose logs migrator"):
        apply(running(docker, OLD).ready().plan())
    assert docker.asked() == ["-p plane up -d --force-recreate --no-deps migrator"]


@pytest.mark.parametrize(
    ("migrator", "wanted"),
    [
        ({"status": "exited"}, []),
        ({"status": "exited", "exit_code": 1}, ["~ run migrator"]),
        ({"status": "created"}, ["~ run migrator"]),
        ({"status": "exited", "environment": {}}, ["~ run migrator"]),
        (None, []),
    ],
)
def test_a_migration_that_was_done_is_not_done_again(
    docker: Docker, migrator: dict[str, Any] | None, wanted: list[str]
) -> None:
    docker.service("migrator", "./bin/docker-entrypoint-migrator.sh")
    if migrator is not None:
        docker.container("migrator", **migrator)
    items = running(docker).ready().plan()
    assert changes(items) == wanted
    assert not any(isinstance(item, Note) for item in items)


@pytest.fixture
def bare(docker: Docker) -> Docker:
    """A project whose API has a command of its own, and no migrator."""
    docker.service("api", "gunicorn plane.wsgi")
    return docker


BY_COMMANDS = [
    "~ migrate the database (manage.py migrate in api)",
    "+ register the instance (manage.py register_instance in api)",
    "+ configure the instance (manage.py configure_instance in api)",
]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, BY_COMMANDS),
        (MADE, BY_COMMANDS[1:]),
        (AT_1_2, BY_COMMANDS[2:]),
        (REGISTERED, []),
        (
            {**REGISTERED, "version": "1.1.0"},
            [
                "~ register the instance (manage.py register_instance in api)",
                "~ configure the instance (manage.py configure_instance in api)",
            ],
        ),
    ],
    ids=["no tables", "migrated", "registered", "configured", "registered by an older version"],
)
def test_what_a_start_script_would_do_is_done(bare: Docker, schema: dict[str, Any], expected: list[str]) -> None:
    bare.schema(**schema)
    bare.exec = "printf '%s\\n' 'migration db 0001_initial.py' '\"version\": \"1.2.0\",'"
    running(bare)
    assert changes(bare.ready().plan()) == changes(bare.plan(False)) == expected


@pytest.mark.parametrize(
    ("there", "said"), [("'migration db 0001_initial.py'", None), ("'migration db 0002_x.pyc'", 1)]
)
def test_tables_that_are_behind_the_running_image_are_migrated(bare: Docker, there: str, said: int | None) -> None:
    bare.exec = f"printf '%s\\n' {there}"
    expected = ["~ migrate the database (manage.py migrate in api): 1 migration"] if said else []
    assert changes(running(bare).ready().plan())[:1] == expected


def ran(docker: Docker) -> list[str]:
    start = "-p plane run --rm --no-deps -T --name "
    return [line.removeprefix(start) for line in docker.asked()]


def test_management_commands_run_in_a_container_of_their_own(bare: Docker) -> None:
    bare.schema()
    bare.run = f"echo '{json.dumps(MADE)}' > schema"
    apply(running(bare).ready().plan())
    migrate, register, cleared, configure = ran(bare)
    assert migrate == "api-migrate --entrypoint python api manage.py migrate"
    assert register.startswith("api-register_instance --entrypoint python api manage.py register_instance ")
    assert cleared == "api-clear_cache --entrypoint python api manage.py clear_cache --key /api/instances/"
    assert configure == "api-configure_instance --entrypoint python api manage.py configure_instance"


def test_a_management_command_that_fails_ends_the_run_there(bare: Docker) -> None:
    bare.schema()
    bare.run = "echo 'Traceback (most recent call last):' >&2; echo 'OperationalError: no such host db' >&2; exit 1"
    with pytest.raises(TargetError) as caught:
        apply(running(bare).ready().plan())
    assert str(caught.value) == (
        f"manage.py migrate in the service api in {bare.folder} failed: OperationalError: no such host db; run again "
        "once that is fixed"
    )
    assert len(bare.asked()) == 1


def test_migrations_that_went_to_another_server_are_a_failure(bare: Docker) -> None:
    bare.schema()
    with pytest.raises(TargetError, match=r"succeeded, but plane_production in javisi_postgresql has no tables: Plane"):
        apply(running(bare).ready().plan())


def test_a_postgresql_that_cannot_be_asked_is_one_line(docker: Docker) -> None:
    docker.write("schema", "FATAL:  the database system is starting up\n##FAILED##\n")
    with pytest.raises(TargetError, match=r"^cannot check PostgreSQL in javisi_postgresql for Plane's tables: "):
        running(docker).ready().plan()


BY_HAND = (
    "docker compose --project-directory '{folder}' -p plane run --rm --no-deps --entrypoint sh api -c 'python "
    "manage.py migrate && python manage.py register_instance signature && python manage.py configure_instance && "
    "python manage.py clear_cache --key /api/instances/'"
)


@pytest.mark.parametrize("executing", [False, True])
def test_without_management_commands_missing_tables_are_an_error_with_the_command(
    bare: Docker, executing: bool
) -> None:
    bare.host.data = Data(data(plane_management_commands=False))
    bare.schema()
    with pytest.raises(PlaneSettings) as caught:
        running(bare).ready().plan(executing)
    assert str(caught.value) == (
        "plane_production has none of Plane's tables, and plane_management_commands is False; run on the host: "
        f"{BY_HAND.format(folder=bare.folder)}, and run again"
    )


@pytest.mark.parametrize(
    ("schema", "due"),
    [
        (
            {"migrations": ["db 0000_x"]},
            ["migrate", "register_instance signature", "configure_instance", "clear_cache --key /api/instances/"],
        ),
        (MADE, ["register_instance signature", "configure_instance", "clear_cache --key /api/instances/"]),
        (AT_1_2, ["configure_instance"]),
        (REGISTERED, []),
    ],
)
def test_without_management_commands_a_line_says_what_to_run(
    bare: Docker, schema: dict[str, Any], due: list[str]
) -> None:
    bare.host.data = Data(data(plane_management_commands=False))
    bare.schema(**schema)
    running(bare)
    if "migrate" in due:
        bare.image = f"echo image bb22 {BACKEND}"
    bare.ready()
    items = bare.plan()
    notes = [item.line for item in items if isinstance(item, Note)]
    script = " && ".join(f"python manage.py {command}" for command in due)
    said = (
        "! plane_management_commands is False; run on the host: docker compose --project-directory "
        f"'{bare.folder}' -p plane run --rm --no-deps --entrypoint sh api -c '{script}'"
    )
    assert notes == ([said] if due else [])
    assert not any("manage.py" in line for line in changes(items))


def test_without_management_commands_a_migrator_is_still_run(docker: Docker) -> None:
    docker.host.data = Data(data(plane_management_commands=False))
    docker.service("migrator", "./bin/docker-entrypoint-migrator.sh")
    items = running(docker, OLD).ready().plan()
    assert changes(items) == ["~ run migrator", "~ recreate api: runs with another DEBUG"]
    assert not any(isinstance(item, Note) for item in items)


# The bucket


@pytest.fixture
def stored(docker: Docker) -> Docker:
    """A project with storage whose API is to be recreated."""
    with docker.env.open("a") as file:
        file.write("AWS_S3_BUCKET_NAME=plane\n")
    docker.up = 'sed \'s/"DEBUG=1"/"DEBUG=0", "AWS_S3_BUCKET_NAME=plane"/\' containers > new; mv new containers'
    return running(docker, OLD, {**VALUES, "AWS_S3_BUCKET_NAME": "plane"})


def test_a_bucket_is_seen_to_before_the_api_is_recreated(stored: Docker) -> None:
    stored.run = 'cat > script; echo "{\\"created\\": true}"'
    bucket, recreate = stored.ready().plan()
    assert isinstance(bucket, Change) and isinstance(recreate, Change)
    assert (bucket.lines, bucket.done) == (("? bucket: created if missing, then tested with one write",), ("~ bucket",))
    apply([bucket, recreate])
    assert ran(stored)[0] == "api-bucket --entrypoint python api -"
    assert "head_bucket" in (stored.host.folder / "script").read_text()


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ('echo "{\\"error\\": \\"ClientError: Access Denied.\\"}"', "ClientError: Access Denied."),
        ("echo boto3 is missing >&2; exit 1", "boto3 is missing"),
        ("echo something", "something"),
        ("echo '[]'", "it printed an unexpected answer"),
        ("true", ""),
    ],
)
def test_a_bucket_that_cannot_be_used_is_one_line_and_ends_the_run_there(stored: Docker, run: str, said: str) -> None:
    stored.run = f"cat > /dev/null; {run}"
    with pytest.raises(TargetError) as caught:
        apply(stored.ready().plan())
    assert str(caught.value) == (
        f"cannot use Plane's bucket: {said}; check the storage settings, and that the storage runs"
    )
    assert [line for line in stored.asked() if " up " in line] == []


def test_a_finished_host_is_not_asked_for_its_bucket(stored: Docker) -> None:
    stored.containers.clear()
    stored_values = {**VALUES, "AWS_S3_BUCKET_NAME": "plane"}
    [kept] = running(stored, stored_values, stored_values).ready().plan()
    assert isinstance(kept, Unchanged)


def test_storage_of_the_project_is_started_before_its_bucket_is_made(stored: Docker) -> None:
    stored.service("minio", "server /export", image="minio/minio")
    assert changes(stored.ready().plan())[:2] == [
        "+ start minio",
        "? bucket: created if missing, then tested with one write",
    ]


# Where Plane's API is


def test_the_api_is_reached_in_the_container_that_was_found(docker: Docker) -> None:
    docker.host.data = Data(data(plane_compose_dir=str(docker.folder), plane_env_path=str(docker.env)))
    running(docker).ready()
    with running_for(docker.host, True):
        reach = current_plane().reach
        assert reach.api_container() == "plane-api-1"
        assert reach.logs == "docker logs plane-api-1"


def test_the_api_is_found_again_after_a_change(docker: Docker) -> None:
    docker.host.data = Data(data(plane_compose_dir=str(docker.folder), plane_env_path=str(docker.env)))
    address = {"plane_default": {"IPAddress": "172.20.0.7"}}
    docker.container("api", networks=address)
    docker.container("worker")
    assert changes(docker.ready().plan()) == []
    reached = found_on(docker.host).reached
    assert reached is not None and reached.addresses == {"plane_default": "172.20.0.7"}
    docker.containers.clear()
    assert changes(running(docker, OLD).ready().plan()) != []
    assert found_on(docker.host).reached is None


@pytest.mark.parametrize(("setting", "address"), [(None, "172.20.0.7"), ("another", "172.20.0.9")])
def test_the_address_of_the_project_is_only_its_own_apis(docker: Docker, setting: str | None, address: str) -> None:
    given = data(plane_compose_dir=str(docker.folder), plane_env_path=str(docker.env), plane_api_container=setting)
    docker.host.data = Data(given)
    docker.container("api", networks={"plane_default": {"IPAddress": "172.20.0.7"}})
    docker.container("worker")
    assert changes(docker.ready().plan()) == []
    other = {"status": "running", "networks": {"plane_default": {"IPAddress": "172.20.0.9"}}, "host": "plane_default"}
    docker.host.replace("docker", f"echo '{json.dumps(other)}'")
    with running_for(docker.host, True):
        assert current_plane().plane.http.base_url == f"http://{address}:8000"


def test_an_api_without_a_container_is_one_line(docker: Docker) -> None:
    docker.host.data = Data(data(plane_compose_dir=str(docker.folder), plane_env_path=str(docker.env)))
    docker.ready()
    with running_for(docker.host, True), pytest.raises(PlaneError) as caught:
        assert current_plane().plane
    assert str(caught.value) == (
        f"Plane's API has no container in {docker.folder} yet; run deploy.environment to start one, or set "
        "plane_api_container or plane_api_url"
    )


# What Plane will connect to


@pytest.mark.parametrize(
    ("variable", "settings"),
    [
        ("DATABASE_URL", "plane_db_host, plane_db_port and postgresql_password"),
        ("REDIS_URL", "plane_redis_url"),
        ("AMQP_URL", "plane_amqp_url"),
    ],
)
def test_a_server_that_refuses_plane_is_named_before_anything_is_recreated(
    docker: Docker, variable: str, settings: str
) -> None:
    answer = json.dumps({"variable": variable, "error": "AuthenticationError: invalid password"})
    docker.connections = f"echo '{answer}'"
    items = running(docker, OLD).ready().plan()
    with pytest.raises(TargetError) as caught:
        apply(items)
    assert str(caught.value) == (
        f"Plane cannot connect with {variable} of {docker.env}: AuthenticationError: invalid password; check "
        f"{settings}; its containers were not changed"
    )
    assert docker.asked() == []


def test_connections_are_tried_once_and_only_if_the_api_is_to_change(docker: Docker) -> None:
    docker.service("migrator", "./bin/docker-entrypoint-migrator.sh")
    items = running(docker, OLD, OLD).ready().plan()
    with pytest.raises(TargetError, match="was recreated but still runs with another DEBUG"):
        apply(items)
    assert len(docker.asked("connected")) == 1
    [ran] = docker.asked("connected")
    assert ran.endswith("--name api-connections --entrypoint python api -")


def test_connections_are_not_tried_for_a_worker(docker: Docker) -> None:
    items = running(docker, worker=OLD).ready().plan()
    with pytest.raises(TargetError, match="was recreated but still runs with another DEBUG"):
        apply(items)
    assert docker.asked("connected") == []


def test_an_api_with_a_fixed_address_is_explained(docker: Docker) -> None:
    docker.connections = "echo 'Error response from daemon: Address already in use' >&2; exit 1"
    items = running(docker, OLD).ready().plan()
    with pytest.raises(TargetError, match="api has a fixed ipv4_address, so no second container of it can be started"):
        apply(items)


# What Compose files may hold


def test_a_service_that_is_scaled_to_none_is_left_off(docker: Docker) -> None:
    docker.service("beat", "celery -A plane beat", deploy={"replicas": 0})
    docker.service("other-beat", "celery -A plane beat", scale=0)
    [kept] = running(docker).ready().plan()
    assert isinstance(kept, Unchanged)


SHORT = "invalid spec: ${DATA:-/x}:/data:ro: too many colons"


def test_a_file_that_compose_reads_only_with_interpolation_names_the_cure(docker: Docker) -> None:
    running(docker).ready()
    script = (docker.host.programs / "docker").read_text()
    (docker.host.programs / "docker").write_text(script.replace("cat raw;;", f"echo '{SHORT}' >&2; exit 1;;"))
    with pytest.raises(PlaneSettings) as caught:
        docker.plan()
    assert f"its env_file: entries are unknown ({SHORT}); correct that line" in str(caught.value)
    assert "name Plane's services in plane_compose_services" in str(caught.value)
    [kept] = docker.plan(services=["api", "worker"], api="api")
    assert isinstance(kept, Unchanged)


@pytest.mark.parametrize("executing", [False, True])
def test_a_broken_or_missing_compose_file_is_an_error_of_the_settings(docker: Docker, executing: bool) -> None:
    for said, told in (
        ("yaml: line 3: did not find expected key", "docker compose cannot read the project in {}: yaml: line 3"),
        ("no configuration file provided: not found", "{} has no Compose file; put Plane's file there, or correct"),
    ):
        docker.ready()
        script = (docker.host.programs / "docker").read_text()
        failing = script.replace("cat raw;;", f"echo '{said}' >&2; exit 14;;").replace("cat resolved", "exit 14")
        (docker.host.programs / "docker").write_text(failing)
        with pytest.raises(PlaneSettings) as caught:
            docker.plan(executing)
        assert told.format(docker.folder) in str(caught.value)


def test_the_newest_container_tells_how_the_project_was_started(docker: Docker) -> None:
    docker.container("worker", env_files=f"{docker.folder}/new.env")
    docker.container("api", env_files=f"{docker.folder}/old.env")
    docker.ready().plan()
    assert all("--env-file" in line and "old.env" not in line for line in docker.asked("configs")[1:])


def test_an_app_version_that_the_next_container_gets_is_what_the_instance_is_registered_with(docker: Docker) -> None:
    docker.services["api"]["command"] = "gunicorn plane.wsgi"
    docker.env.write_text(docker.env.read_text() + "APP_VERSION=9.9.9\n")
    items = running(docker).ready().plan()
    assert "~ register the instance (manage.py register_instance in api)" in changes(items)
    docker.schema(**{**REGISTERED, "version": "9.9.9"})
    items = docker.plan()
    assert "~ register the instance (manage.py register_instance in api)" not in changes(items)


def test_a_removed_container_of_a_finished_plane_is_started_and_nothing_else(docker: Docker) -> None:
    docker.services["api"]["command"] = "gunicorn plane.wsgi"
    docker.container("worker")
    docker.image = f"echo 'image sha256:aa11 {BACKEND}'"
    docker.image_code = "printf '%s\\n' 'migration db 0001_initial.py' '\"version\": \"1.2.0\",'"
    assert changes(docker.ready().plan()) == ["+ start api"]
