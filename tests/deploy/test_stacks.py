"""Given a Compose file with its own commands, or Plane's own: each state that a host can be in, previewed and run."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sandbox.containers import API, BEAT, MIGRATOR, STORAGE, WORKER
from tests.contract.browser import PASSWORD
from tests.deploy.conftest import NewTarget
from tests.deploy.target import ENV_FILE, Run, Target
from tests.deploy.test_takeover import ADMIN, set_up
from tests.sandbox_host.client import Client

AGENTS = [{"name": "concierge", "role": "admin"}]

DATABASE = [
    "+ role plane",
    "+ database plane_production, owner plane",
    "+ privileges on schema public of plane_production for plane",
]
WRITTEN = (
    f"+ {ENV_FILE}: SECRET_KEY, DATABASE_URL, REDIS_URL, AMQP_URL, WEB_URL, CORS_ALLOWED_ORIGINS, GUNICORN_WORKERS"
)

SERVICES = {"role": ("plane-api", "plane-beat", "plane-worker"), "plane": ("api", "beat-worker", "worker")}

MIGRATED = {
    "role": ["~ migrate the database (manage.py migrate in plane-api)"],
    "plane": ["~ run migrator"],
}
UPGRADED = {"role": [f"{MIGRATED['role'][0]}: 1 migration"], "plane": MIGRATED["plane"]}
STARTED = {
    "role": [
        "+ register the instance (manage.py register_instance in plane-api)",
        "+ configure the instance (manage.py configure_instance in plane-api)",
    ],
    "plane": [],
}
AGAIN = {"role": [line.replace("+", "~", 1) for line in STARTED["role"]], "plane": []}

PROVISIONED = [
    "+ instance admin admin@javisi.local",
    "+ workspace javisi (Javisi)",
    "+ account concierge@javisi.local (admin)",
    "+ token agent-concierge",
    "+ project ONBOARD (Onboarding)",
    "+ members of ONBOARD: concierge",
]


def recreated(stack: str, why: str) -> list[str]:
    return [f"~ recreate {service}: {why}" for service in SERVICES[stack]]


def started(stack: str) -> list[str]:
    return [f"+ start {service}" for service in SERVICES[stack]]


def brought_up(stack: str) -> list[str]:
    """What is done about a Compose project without containers, on a database without tables."""
    storage = ["+ start plane-minio"] if stack == "role" else []
    return [*storage, *MIGRATED[stack], *STARTED[stack], *started(stack)]


def agrees(preview: Run, run: Run) -> None:
    """A preview names what the run does, line for line, but for what cannot be known before."""
    assert preview.code == run.code == 0, preview.output + run.output
    known = [line for line in preview.plan if not line.startswith("? ")]
    assert known == [line for line in run.plan if not line.startswith("~ bucket")], preview.output + run.output


def state_of(target: Target) -> dict[str, Any]:
    """All that a run could have changed, and Plane's tables."""
    tables = "SELECT string_agg(app || name, ',') FROM django_migrations"
    rows = "SELECT string_agg(current_version, ',') || (SELECT count(*) FROM instance_configurations) FROM instances"
    databases = target.host.psql("SELECT datname FROM pg_database")
    there = "plane_production" in databases and target.host.psql(
        "SELECT to_regclass('django_migrations') IS NOT NULL", "plane_production"
    )
    found = [target.host.psql(sql, "plane_production") for sql in (tables, rows)] if there == "t" else []
    running = {name: (each.environment, each.image_id, each.exists) for name, each in target.host.containers.items()}
    return {**target.snapshot(), "tables": found, "running": running}


def converges(target: Target, expected: list[str], **given: Any) -> Run:
    """Preview, run, and run again: what is expected is named, then done, then nothing is left to do."""
    before = state_of(target)
    preview = target.deploy("--dry", **given)
    assert state_of(target) == before
    run = target.deploy(**given)
    assert run.plan == expected, run.output
    agrees(preview, run)
    after = state_of(target)
    again = target.deploy(**given)
    assert (again.code, again.changed, again.plan) == (0, [], []), again.output
    assert state_of(target) == after
    return run


ONLY_ROLE = pytest.mark.parametrize("stack", ["role"], indirect=True)

Fresh = Callable[..., Target]


@pytest.fixture(scope="module")
def fresh(new_target: NewTarget) -> Fresh:
    """Makes a host with this stack that nothing was deployed to: it has a Compose file and no container of Plane's."""
    return lambda stack, **data: new_target(stack=stack, plane_agents=AGENTS, **data)


@pytest.fixture(scope="module", params=["role", "plane"])
def stack(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def done(fresh: Fresh, stack: str) -> Target:
    """A host with this stack that was deployed to from nothing; a test that changes it leaves it finished again."""
    target = fresh(stack)
    converges(target, [*DATABASE, WRITTEN, *brought_up(stack), *PROVISIONED])
    return target


# From nothing


def test_from_an_empty_host_every_agent_works(done: Target, stack: str) -> None:
    api = done.host.containers[API]
    assert api.environment["DATABASE_URL"] == done.variables(ENV_FILE)["DATABASE_URL"]
    assert done.host.psql("SELECT current_version FROM instances", "plane_production") == "1.2.0"
    assert list(done.tokens) == ["concierge"]
    last = done.deploy()
    assert len(last.requests) <= 6, last.requests
    assert last.notes == []


def test_from_no_containers_at_all_every_agent_works(fresh: Fresh, stack: str) -> None:
    target = fresh(stack)
    for name in {API, WORKER, BEAT, MIGRATOR} & target.host.containers.keys():
        target.host.containers[name].exists = target.host.containers[name].running = False
    storage = ["+ start plane-minio"] if stack == "role" else []
    starts = [f"+ start {service}" for service in SERVICES[stack]]
    converges(target, [*DATABASE, WRITTEN, *storage, *MIGRATED[stack], *STARTED[stack], *starts, *PROVISIONED])


@ONLY_ROLE
def test_a_database_without_tables(fresh: Fresh, stack: str) -> None:
    target = fresh(stack)
    assert target.deploy(operation="deploy.database").code == 0
    converges(target, [WRITTEN, *brought_up(stack), *PROVISIONED])


@ONLY_ROLE
def test_a_database_that_somebody_migrated(fresh: Fresh, stack: str) -> None:
    target = fresh(stack)
    for part in ("deploy.database", "deploy.environment"):
        target.deploy(operation=part, data={"plane_management_commands": False})
    with Client(target.sandbox, target.host) as client:
        command = "docker compose run --rm --no-deps --entrypoint python plane-api manage.py migrate"
        assert client.run(f"cd opt/plane && {command}").code == 0
    converges(target, ["+ start plane-minio", *STARTED[stack], *started(stack), *PROVISIONED])


@ONLY_ROLE
def test_an_instance_that_a_person_set_up(fresh: Fresh, stack: str) -> None:
    target = fresh(stack)
    for part in ("deploy.database", "deploy.environment"):
        run = target.deploy(operation=part)
        assert run.code == 0, run.output
    set_up(target)
    given: dict[str, Any] = {"data": ADMIN, "secrets": {"PLANE_ADMIN_PASSWORD": PASSWORD}}
    preview, run, again = target.deploy("--dry", **given), target.deploy(**given), target.deploy(**given)
    assert (preview.code, run.code) == (0, 0), run.output
    # What a person's workspace holds, a preview without a token cannot tell.
    assert not [line for line in preview.plan if line[2:].startswith(("run ", "recreate ", "migrate ", "register "))]
    assert run.plan == PROVISIONED[2:], run.output
    assert (again.code, again.changed) == (0, []), again.output


def test_custom_fields_that_are_a_must_are_no_obstacle_before_there_are_tables(fresh: Fresh) -> None:
    target = fresh("role", plane_custom_fields_unsupported="fail")
    run = target.deploy()
    # The edition is known once the instance is registered, and then it is said.
    assert run.code == 1 and "Plane Community Edition 1.2.0 has no custom fields" in run.output, run.output
    assert "+ register the instance (manage.py register_instance in plane-api)" in run.plan


# Later


def forget(target: Target, *tables: str) -> None:
    """Have Plane's tables be empty, and Plane look at them again."""
    for table in tables:
        target.host.psql(f"DELETE FROM {table}", "plane_production")
    target.sandbox.call(target.host.plane.set_environment, target.host.containers[API].environment)


@ONLY_ROLE
def test_an_instance_that_was_not_configured(done: Target, stack: str) -> None:
    forget(done, "instance_configurations")
    converges(done, STARTED[stack][1:])


@ONLY_ROLE
def test_a_migration_that_is_missing(done: Target, stack: str) -> None:
    done.host.psql("DELETE FROM django_migrations WHERE name = '0112_auto'", "plane_production")
    converges(done, [f"{MIGRATED[stack][0]}: 1 migration", *AGAIN[stack]])


def test_a_container_that_somebody_started_with_other_values(done: Target, stack: str) -> None:
    done.host.containers[WORKER].environment["WEB_URL"] = "https://another.example.com"
    migrated = ["~ run migrator"] if stack == "plane" else []
    line = f"~ recreate {SERVICES[stack][2]}: runs with another WEB_URL"
    run = converges(done, [*migrated, line])
    assert "another.example.com" not in run.output


@ONLY_ROLE
def test_a_variable_that_is_taken_out_of_the_file_leaves_the_containers_too(done: Target, stack: str) -> None:
    path = done.host.root / ENV_FILE
    path.write_text(path.read_text() + "SENTRY_DSN=https://their-own-address\n")
    for service in SERVICES[stack]:
        name = done.host.project.services[service]
        done.host.containers[name].environment["SENTRY_DSN"] = "https://their-own-address"
    expected = [f"- {ENV_FILE}: SENTRY_DSN", *recreated(stack, "still has SENTRY_DSN")]
    converges(done, expected, data={"plane_env_prune": True})
    assert all("SENTRY_DSN" not in each.environment for each in done.host.containers.values())


@pytest.mark.parametrize("stack", ["plane"], indirect=True)
def test_containers_that_somebody_started_without_the_env_file(done: Target, stack: str) -> None:
    with Client(done.sandbox, done.host) as client:
        assert client.run("cd opt/plane && docker compose up -d api").code == 0
    assert "everybody" in done.host.containers[API].environment["SECRET_KEY"]
    run = converges(done, ["~ run migrator", f"~ recreate api: {ALL_BUT_WORKERS_DIFFER}"])
    assert "everybody" not in run.output
    assert done.host.containers[API].environment["SECRET_KEY"] == done.variables(ENV_FILE)["SECRET_KEY"]


ALL_BUT_WORKERS_DIFFER = "runs with another SECRET_KEY, DATABASE_URL, REDIS_URL and 3 more"


@contextmanager
def composed_with(target: Target, service: str, **environment: str) -> Iterator[None]:
    """Have somebody write variables under a service's `environment:`."""
    file = target.host.project.file
    before = file.read_text()
    model = json.loads(before)
    model["services"][service].setdefault("environment", {}).update(environment)
    file.write_text(json.dumps(model))
    yield
    file.write_text(before)


OVERRIDE = "postgresql://plane:their-own-password@elsewhere/plane"


def test_an_override_of_the_env_file_is_refused_and_nothing_is_recreated(done: Target, stack: str) -> None:
    service = SERVICES[stack][0]
    # Something to do that must not be done.
    done.host.containers[WORKER].environment["WEB_URL"] = "https://another.example.com"
    with composed_with(done, service, DATABASE_URL=OVERRIDE):
        before = state_of(done)
        preview, run = done.deploy("--dry", "-vvv", "--debug"), done.deploy("-vvv", "--debug")
        assert state_of(done) == before
    cure = {
        "role": "its environment: sets DATABASE_URL too, and takes precedence; remove it there",
        "plane": "its environment: sets it; write DATABASE_URL: ${DATABASE_URL} there",
    }[stack]
    said = f"in opt/plane, {service} would run with another DATABASE_URL than {ENV_FILE} holds: {cure}"
    assert (run.code, preview.code) == (1, 1)
    assert f"! would fail: {said}" in preview.output
    assert said in run.output
    for each in (preview, run):
        assert "~ recreate" not in each.output
        assert "their-own-password" not in each.output and "another.example.com" not in each.output
    after = done.deploy()
    assert after.plan[-1] == f"~ recreate {SERVICES[stack][2]}: runs with another WEB_URL", after.output


def test_an_upgraded_image_is_migrated_before_its_containers_are_exchanged(done: Target, stack: str) -> None:
    before = done.host.containers[API].image_id
    done.host.add_image("1.3.1")
    run = converges(
        done,
        [*UPGRADED[stack], *AGAIN[stack], *recreated(stack, "image makeplane/plane-backend:stable was pulled again")],
    )
    assert done.host.containers[API].image_id == done.host.containers[BEAT].image_id != before
    rows = "SELECT count(*) FROM django_migrations WHERE name = '0121_later'"
    assert done.host.psql(rows, "plane_production") == "1"
    assert done.host.psql("SELECT current_version FROM instances", "plane_production") == "1.3.1"
    migrated = next(line for line in run.lines if "migrat" in line)
    assert run.output.index(migrated) < run.output.index("~ recreate")


@ONLY_ROLE
def test_an_api_whose_container_was_removed_is_started_and_nothing_else_is_done(done: Target, stack: str) -> None:
    done.host.containers[API].exists = done.host.containers[API].running = False
    preview = done.deploy("--dry")
    assert preview.plan[:2] == [
        "+ start plane-api",
        "? Plane answers (asked up to 2 times, 0 s apart; now: Plane's API is not started yet)",
    ]
    run = done.deploy()
    assert (run.code, run.plan) == (0, ["+ start plane-api"]), run.output
    assert done.deploy().changed == []


def test_a_redis_that_refuses_plane_is_named_and_plane_runs_on(done: Target, stack: str) -> None:
    running = {name: (each.id, each.environment) for name, each in done.host.containers.items()}
    done.host.redis_password = "the-password-of-redis"
    wrong = {"plane_redis_url": "redis://:not-the-password@redis:6379/4"}
    preview, run = done.deploy("--dry", data=wrong), done.deploy(data=wrong)
    assert {name: (each.id, each.environment) for name, each in done.host.containers.items()} == running
    done.host.redis_password = ""
    assert (preview.code, run.code) == (0, 1)
    assert (
        f"Plane cannot connect with REDIS_URL of {ENV_FILE}: AuthenticationError: invalid username-password pair or "
        "user is disabled; check plane_redis_url; its containers were not changed"
    ) in run.output
    assert "not-the-password" not in run.output
    again = done.deploy()
    assert (again.code, again.plan) == (0, [f"~ {ENV_FILE}: REDIS_URL"]), again.output


# By hand


def test_without_management_commands_the_run_says_what_to_run(fresh: Fresh) -> None:
    target = fresh("role", plane_management_commands=False)
    assert target.deploy(operation="deploy.database").code == 0
    preview, run = target.deploy("--dry"), target.deploy()
    assert (preview.code, run.code) == (1, 1)
    told = re.search(r"has none of Plane's tables, and .* False; run on the host: (.*), and run again", run.output)
    assert told is not None, run.output
    command = told[1]
    assert f"run on the host: {command}, and run again" in preview.output
    assert command == (
        "docker compose --project-directory opt/plane run --rm --no-deps --entrypoint sh plane-api -c "
        "'python manage.py migrate && python manage.py register_instance signature && python manage.py "
        "configure_instance && python manage.py clear_cache --key /api/instances/'"
    )
    with Client(target.sandbox, target.host) as client:
        ran = client.run(command)
    assert ran.code == 0, ran.stderr
    run = target.deploy()
    assert run.code == 0, run.output
    assert run.plan == ["+ start plane-minio", *started("role"), *PROVISIONED]
    assert target.deploy().changed == []
    target.host.psql("DELETE FROM instance_configurations", "plane_production")
    notes = target.deploy("--dry").notes
    assert notes[0].startswith("! plane_management_commands is False; run on the host: docker compose ")
    assert notes[0].endswith("'python manage.py configure_instance'")


# Storage

STORED = {
    "plane_minio_endpoint": "http://plane-minio:9000",
    "plane_minio_bucket": "uploads",
    "plane_minio_access_key": "an-access-key",
    "plane_minio_secret_key": "a-storage-secret",
}
NAMES = (
    "USE_MINIO, MINIO_ENDPOINT_SSL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_S3_ENDPOINT_URL, "
    "AWS_S3_BUCKET_NAME"
)


@contextmanager
def storage(target: Target, *files: str) -> Iterator[None]:
    """Have storage answer, with these files beside its buckets."""
    target.host.storage.mkdir(exist_ok=True)
    for name in files:
        (target.host.storage / name).touch()
    yield
    shutil.rmtree(target.host.storage)


@pytest.fixture
def stored(done: Target, stack: str) -> Iterator[Target]:
    """A finished host; afterwards it is without storage again."""
    yield done
    # A variable that is no longer in the file stays in the containers.
    for container in done.host.containers.values():
        for name in NAMES.split(", "):
            container.environment.pop(name, None)
    run = done.deploy(data={"plane_env_prune": True})
    assert run.code == 0, run.output


@ONLY_ROLE
def test_a_bucket_is_made_and_a_finished_one_is_left_alone(stored: Target, stack: str) -> None:
    with storage(stored):
        preview = stored.deploy("--dry", data=STORED)
        assert "? bucket: created if missing, then tested with one write" in preview.plan, preview.output
        run = converges(stored, [f"~ {ENV_FILE}: {NAMES}", "~ bucket", *recreated(stack, STORAGE_DIFFERS)], data=STORED)
        assert list((stored.host.storage / "uploads").iterdir()) == []
    assert "a-storage-secret" not in run.output
    assert stored.host.containers[STORAGE].exists


@ONLY_ROLE
def test_a_bucket_that_nobody_made_is_made_when_the_api_is_recreated(stored: Target, stack: str) -> None:
    with storage(stored):
        assert stored.deploy(data=STORED).code == 0
        (stored.host.storage / "uploads").rmdir()
        by_hand = {**STORED, "plane_gunicorn_workers": 3, "plane_management_commands": False}
        [told] = [note for note in stored.deploy("--dry", data=by_hand).notes if "plane_management_commands" in note]
        assert told.endswith("--entrypoint sh plane-api -c 'python manage.py create_bucket'")
        run = stored.deploy(data={**STORED, "plane_gunicorn_workers": 3})
        assert run.code == 0 and "~ bucket" in run.plan, run.output
        assert list((stored.host.storage / "uploads").iterdir()) == []
        assert stored.deploy(data={**STORED, "plane_gunicorn_workers": 3}).changed == []


STORAGE_DIFFERS = "runs without USE_MINIO, MINIO_ENDPOINT_SSL, AWS_REGION and 4 more"


@ONLY_ROLE
@pytest.mark.parametrize(
    ("files", "said"),
    [
        (None, 'EndpointConnectionError: Could not connect to the endpoint URL: "http://plane-minio:9000"'),
        (("uploads.read-only",), "ClientError: An error occurred (AccessDenied) when calling the PutObject operation"),
    ],
    ids=["no storage", "read-only"],
)
def test_a_bucket_that_cannot_be_used_is_one_line_and_no_success(
    stored: Target, stack: str, files: tuple[str, ...] | None, said: str
) -> None:
    with storage(stored, *(files or ())):
        if files is None:
            stored.host.storage.rename(stored.host.root / "away")
        runs = [stored.deploy(data=STORED), stored.deploy(data=STORED)]
        if files is None:
            (stored.host.root / "away").rename(stored.host.storage)
        for run in runs:
            assert run.code == 1
            assert f"cannot use Plane's bucket: {said}" in run.output, run.output
            assert "check the storage settings, and that the storage runs" in run.output
            assert "~ recreate" not in run.output and "Traceback" not in run.output
        # Once it can, it is made.
        (stored.host.storage / "uploads.read-only").unlink(missing_ok=True)
        run = stored.deploy(data=STORED)
        assert run.code == 0 and "~ bucket" in run.plan, run.output


# Secrets


def test_no_value_of_a_container_is_shown(done: Target, stack: str) -> None:
    theirs = {"WEB_URL": "https://their-own-web-address", "SECRET_KEY": "their-own-secret-key-of-old"}
    done.host.containers[API].environment.update(theirs)
    runs = [done.deploy("--dry", "-vvv", "--debug-all"), done.deploy("-vvv", "--debug-all"), done.deploy("-vvv")]
    assert [run.code for run in runs] == [0, 0, 0], runs[1].output
    variables = done.variables(ENV_FILE)
    known = {name: variables[name] for name in ("SECRET_KEY", "DATABASE_URL")}
    known |= done.secrets | {f"their {name}": value for name, value in theirs.items()}
    assert [name for name, value in known.items() for run in runs if value in run.output] == []
