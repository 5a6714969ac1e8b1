"""Given a plane.env that a person or a role wrote: the preview names what differs, the run changes that alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.deploy.target import ENV_FILE, Target, environment_with, run_pyinfra

# As the role writes it that this deploy replaces; what the web container and the broker read stands between.
ROLES = """\
# Plane Environment Configuration
SECRET_KEY=a-key-of-the-vaults

DATABASE_URL=postgresql://plane:pg@postgresql:5432/plane_production
REDIS_URL=redis://:r3dis-Sekret@redis:6379/0
AMQP_URL=redis://:r3dis-Sekret@redis:6379/1
CELERY_BROKER_URL=redis://:r3dis-Sekret@redis:6379/1
# Web
WEB_URL=https://old.example.com
CORS_ALLOWED_ORIGINS=https://old.example.com
NEXT_PUBLIC_API_BASE_URL=https://old.example.com
NEXT_PUBLIC_ENABLE_OAUTH=0
ENABLE_SIGNUP=1
PLANE_WEBHOOK_SECRET=hook
WEB_URL=https://older.example.com
"""

FOREIGN = "CELERY_BROKER_URL, NEXT_PUBLIC_API_BASE_URL, NEXT_PUBLIC_ENABLE_OAUTH, ENABLE_SIGNUP, PLANE_WEBHOOK_SECRET"


@pytest.fixture
def taken_over(target: Target) -> Target:
    """A host with the file that the role wrote."""
    path = target.host.root / ENV_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(ROLES)
    path.chmod(0o640)
    secrets = target.directory / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "all.env").write_text(
        "PLANE_REDIS_URL=redis://:r3dis-Sekret@redis:6379/0\nPLANE_AMQP_URL=redis://:r3dis-Sekret@redis:6379/1\n"
    )
    (secrets / "all.env").chmod(0o600)
    # The containers that read the file migrate the database first.
    assert target.deploy(operation="deploy.database").code == 0
    return target


def test_a_run_changes_its_own_variables_in_place_and_leaves_the_others(taken_over: Target) -> None:
    target, before = taken_over, taken_over.snapshot()
    preview = target.deploy("--dry", operation="deploy.environment")
    assert preview.code == 0, preview.output
    assert [line for line in preview.plan if ENV_FILE in line] == [
        f"~ {ENV_FILE}: DATABASE_URL, WEB_URL, CORS_ALLOWED_ORIGINS, GUNICORN_WORKERS",
        f"~ {ENV_FILE}: WEB_URL: duplicate lines removed",
    ]
    assert not [line for line in preview.notes if "plane_env_extra" in line or ENV_FILE in line]
    assert target.snapshot() == before

    run = target.deploy(operation="deploy.environment")
    assert run.code == 0, run.output
    old, new = ROLES.splitlines(), target.file(ENV_FILE).splitlines()
    ours = ("DATABASE_URL=", "WEB_URL=", "CORS_ALLOWED_ORIGINS=", "GUNICORN_WORKERS=")
    assert [line for line in new if not line.startswith(ours)] == [line for line in old if not line.startswith(ours)]
    assert new[-2:] == ["WEB_URL=https://work.example.com", "GUNICORN_WORKERS=2"]
    environment = target.host.containers["javisi_plane_api"].environment
    assert (environment["SECRET_KEY"], environment["NEXT_PUBLIC_ENABLE_OAUTH"]) == ("a-key-of-the-vaults", "0")

    again = target.deploy("-v", operation="deploy.environment")
    assert again.plan == [] and again.changed == [], again.output
    assert f"{ENV_FILE}: not managed and not changed: {FOREIGN}" in again.output


def test_pruning_is_shown_name_by_name_and_done(taken_over: Target) -> None:
    target, data = taken_over, {"plane_env_prune": True}
    preview = target.deploy("--dry", operation="deploy.environment", data=data)
    assert f"- {ENV_FILE}: {FOREIGN}" in preview.plan, preview.output
    run = target.deploy(operation="deploy.environment", data=data)
    assert run.code == 0, run.output
    assert set(target.variables(ENV_FILE)) == {
        "SECRET_KEY", "DATABASE_URL", "REDIS_URL", "AMQP_URL", "WEB_URL", "CORS_ALLOWED_ORIGINS", "GUNICORN_WORKERS",
    }  # fmt: skip
    assert target.variables(ENV_FILE)["SECRET_KEY"] == "a-key-of-the-vaults"
    assert target.deploy(operation="deploy.environment", data=data).changed == []


def test_each_way_to_give_a_secret_arrives_and_none_is_shown(taken_over: Target) -> None:
    target = taken_over
    secrets = target.directory / "secrets" / "all.env"
    secrets.write_text(f"{secrets.read_text()}LLM_API_KEY=llm-Sekret-1\nOWN_NAME=own-Sekret-2\n")
    extra = '{"LLM_API_KEY": None, "SCOUT_KEY": secret_variable("OWN_NAME"), "PORT": "8000"}'
    inventory = target.write_inventory()
    folder = inventory.parent / "group_data"
    folder.mkdir()
    (folder / "sandbox.py").write_text(
        f"from pyinfra_plane.settings import secret_variable\nplane_env_extra = {extra}\n"
    )
    runs: list[Any] = [
        ["debug-inventory"], ["debug-inventory", "--json"], ["deploy.environment", "--dry", "--debug-all", "-vvv"],
        ["deploy.environment", "-y", "--debug-all", "-vvv"], ["deploy.environment", "-y", "--json"],
    ]  # fmt: skip
    for words in runs:
        done = run_pyinfra([str(inventory), *words], environment_with(target.secrets), separate=True)
        assert done.returncode == 0, done.stderr
        assert "Sekret-" not in done.stdout + done.stderr and "r3dis-Sekret" not in done.stdout + done.stderr
    found = target.variables(ENV_FILE)
    assert (found["LLM_API_KEY"], found["SCOUT_KEY"], found["PORT"]) == ("llm-Sekret-1", "own-Sekret-2", "8000")
    assert found["REDIS_URL"] == "redis://:r3dis-Sekret@redis:6379/0"
    assert Path(target.host.root / ENV_FILE).stat().st_mode & 0o777 == 0o600


WRAPPED = 'secret_variable("PLANE_REDIS_URL")'
OTHER = '"redis://other:6379/9"'


def preview_with(target: Target, host: str | None, *groups: str) -> str:
    """What a preview says of the file, with these values of plane_redis_url in the data of the host and its groups."""
    inventory = target.write_inventory()
    names = [f"group{number}" for number in range(len(groups))]
    entry = f"{{**sandbox[0][1], 'plane_redis_url': {host}}}" if host else "sandbox[0][1]"
    inventory.write_text(
        "from pyinfra_plane.settings import secret_variable\n"
        f"{inventory.read_text()}sandbox = [(sandbox[0][0], {entry})]\n"
        + "".join(f"{name} = [{target.host.name!r}]\n" for name in names)
    )
    (inventory.parent / "group_data").mkdir(exist_ok=True)
    for name, value in zip(names, groups, strict=True):
        (inventory.parent / f"group_data/{name}.py").write_text(
            f"from pyinfra_plane.settings import secret_variable\nplane_redis_url = {value}\n"
        )
    done = run_pyinfra([str(inventory), "deploy.environment", "--dry"], environment_with(target.secrets))
    assert done.returncode == 0 and "r3dis-Sekret" not in done.stdout, done.stdout
    return next(line for line in done.stdout.splitlines() if f"~ {ENV_FILE}: DATABASE_URL" in line)


def test_an_address_in_the_secrets_file_is_used_whatever_the_data_of_host_and_groups_say_of_it(
    taken_over: Target,
) -> None:
    # The file on the host has the value of the secrets file, so the line names REDIS_URL only for another.
    for host, groups in [
        (None, []), ("None", []), (WRAPPED, []), (None, ["None"]), (None, [WRAPPED]), (None, [WRAPPED, WRAPPED]),
        ("None", [OTHER]), (WRAPPED, [OTHER]), (WRAPPED, ["None", "None"]),
    ]:  # fmt: skip
        assert "REDIS_URL" not in preview_with(taken_over, host, *groups), (host, groups)
    for host, groups in [(OTHER, [WRAPPED]), (None, [OTHER]), (OTHER, ["None"])]:
        assert "REDIS_URL" in preview_with(taken_over, host, *groups), (host, groups)
