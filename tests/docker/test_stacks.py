"""Given the Compose files that people have, on a real engine: each from nothing, and each again when it is finished."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.docker.lab import Lab
from tests.docker.test_deploy import changed_nothing, complaint, plan, succeeded

STORAGE = {"plane_minio_endpoint": "http://plane-minio:9000", "plane_minio_bucket": "uploads"}
KEYS = {"PLANE_MINIO_ACCESS_KEY": "an-access-key", "PLANE_MINIO_SECRET_KEY": "a-secret-Key-8"}
ENVIRONMENT = ("deploy.environment",)

PREPARED = {
    "role": [
        "+ start plane-minio",
        "? bucket: created if missing, then tested with one write",
        "~ migrate the database (manage.py migrate in plane-api)",
        "+ register the instance (manage.py register_instance in plane-api)",
        "+ configure the instance (manage.py configure_instance in plane-api)",
        "+ start plane-api",
        "+ start plane-beat",
        "+ start plane-worker",
    ],
    "plane": [
        "? bucket: created if missing, then tested with one write",
        "~ run migrator",
        "+ start api",
        "+ start beat-worker",
        "+ start worker",
    ],
}


@pytest.fixture(scope="module", params=["role", "plane"])
def stack(request: pytest.FixtureRequest, started: Lab) -> Iterator[str]:
    """A Compose file, and a target on which nothing of Plane was ever started."""
    started.reset(stack=request.param)
    yield request.param
    started.reset()


@pytest.fixture
def lab(started: Lab, stack: str) -> Lab:
    """A target with this Compose file that was deployed to."""
    if not started.tokens_path.exists():
        succeeded(started.deploy(data=STORAGE, env=KEYS))
    return started


def about_containers(lines: list[str]) -> list[str]:
    """The lines of a plan between the env file's and the instance's."""
    first = next(number for number, line in enumerate(lines) if "plane.env: " in line)
    last = next(number for number, line in enumerate(lines) if line.startswith(("? Plane answers", "+ instance admin")))
    return lines[first + 1 : last]


def test_from_nothing_every_agent_works_and_a_second_run_changes_nothing(started: Lab, stack: str) -> None:
    lab = started
    lab.reset(stack=stack)
    preview = lab.deploy("--dry", data=STORAGE, env=KEYS)
    assert about_containers(plan(preview)) == PREPARED[stack]
    assert lab.container_ids() == {}
    done = succeeded(lab.deploy(data=STORAGE, env=KEYS))
    assert about_containers([*plan(done), "+ instance admin"]) == [
        line.replace("? bucket: created if missing, then tested with one write", "~ bucket") for line in PREPARED[stack]
    ]
    assert len(lab.tokens()) == 10
    assert changed_nothing(lab.deploy(data=STORAGE, env=KEYS))
    assert plan(lab.deploy("--dry", data=STORAGE, env=KEYS)) == []


def test_an_image_that_was_upgraded_is_migrated_before_its_containers_are_exchanged(lab: Lab, stack: str) -> None:
    lab.install_release("1.3.1")
    migrations = "SELECT name FROM django_migrations WHERE name = '0121_later'"
    versions = "SELECT current_version FROM instances"
    assert lab.psql(migrations, "plane_production") == ""
    preview = plan(lab.deploy("--dry", operation=ENVIRONMENT, data=STORAGE, env=KEYS))
    done = succeeded(lab.deploy(operation=ENVIRONMENT, data=STORAGE, env=KEYS))
    api = "plane-api" if stack == "role" else "api"
    [recreated] = [line for line in preview if line.startswith(f"~ recreate {api}: ")]
    assert recreated.startswith(f"~ recreate {api}: image ") and recreated.endswith(" was pulled again")
    migrated = "~ migrate the database (manage.py migrate in plane-api)" if stack == "role" else "~ run migrator"
    assert preview.index(migrated) < preview.index(recreated)
    assert [line for line in plan(done) if line != "~ bucket"] == [line for line in preview if "bucket" not in line]
    assert lab.psql(migrations, "plane_production") == "0121_later\n"
    # The start script registers the instance, a moment after its container has started.
    lab.wait_until(lambda: lab.psql(versions, "plane_production") == "1.3.1\n")
    assert changed_nothing(lab.deploy(data=STORAGE, env=KEYS))


def test_a_value_that_the_compose_file_sets_itself_is_refused_and_nothing_is_recreated(lab: Lab, stack: str) -> None:
    api = "plane-api" if stack == "role" else "api"
    before = lab.container_ids()
    other = "postgresql://plane:a-Password-of-somebody@elsewhere/plane"
    variables = lab.compose_of(api).get("environment", {})
    with lab.compose_changed(api, environment={**variables, "DATABASE_URL": other}):
        for arguments in (("--dry",), ()):
            done = lab.deploy(*arguments, operation=ENVIRONMENT, data=STORAGE, env=KEYS)
            assert f"{api} would run with another DATABASE_URL than {lab.env_path} holds" in done.stdout
            assert "a-Password-of-somebody" not in done.stdout
        assert complaint(done).endswith("there")
    assert lab.container_ids() == before
    assert changed_nothing(lab.deploy(operation=ENVIRONMENT, data=STORAGE, env=KEYS))


def test_plane_that_somebody_started_with_other_values_is_seen_and_put_right(lab: Lab, stack: str) -> None:
    """As `docker compose up` does without the env file, or with an older one."""
    api = "plane-api" if stack == "role" else "api"
    text = lab.env_path.read_text()
    try:
        lab.env_path.write_text(text.replace("WEB_URL=https://work", "WEB_URL=https://older"))
        options = ["--project-directory", str(lab.compose_dir)]
        lab.docker("compose", *options, "up", "-d", "--force-recreate", "--no-deps", api)
    finally:
        lab.env_path.write_text(text)
    preview = plan(lab.deploy("--dry", operation=ENVIRONMENT, data=STORAGE, env=KEYS))
    [line] = [line for line in preview if line.startswith(f"~ recreate {api}: runs with another ")]
    assert "WEB_URL" in line or " and " in line
    succeeded(lab.deploy(operation=ENVIRONMENT, data=STORAGE, env=KEYS))
    variables = json.loads(lab.docker("inspect", "-f", "{{json .Config.Env}}", lab.api))
    assert "WEB_URL=https://work.example.com" in variables
    assert changed_nothing(lab.deploy(data=STORAGE, env=KEYS))


def test_a_bucket_that_cannot_be_written_is_no_success(lab: Lab, stack: str) -> None:
    (lab.storage / "second.read-only").touch()
    before = lab.container_ids()
    data = {**STORAGE, "plane_minio_bucket": "second"}
    said = complaint(lab.deploy(operation=ENVIRONMENT, data=data, env=KEYS))
    assert said.startswith("cannot use Plane's bucket: ClientError: ") and "AccessDenied" in said
    api = "plane-api" if stack == "role" else "api"
    assert lab.container_ids()[api] == before[api]
    (lab.storage / "second.read-only").unlink()
    succeeded(lab.deploy(operation=ENVIRONMENT, data=data, env=KEYS))
    assert (lab.storage / "second").is_dir()
    assert changed_nothing(lab.deploy(operation=ENVIRONMENT, data=data, env=KEYS))
