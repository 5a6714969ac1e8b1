"""examples/lab/ does what it shows, against a Plane that somebody set up; from this machine, without any host."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from tests.deploy.settled import Settled
from tests.deploy.target import SECRETS, Run, Target, environment_with, run_pyinfra

PLAN = [
    "+ workspace lab (Lab)",
    "+ account ada@example.com (admin)",
    "+ account grace@example.com (member)",
    "+ token agent-ada",
    "+ token agent-grace",
    "+ project NOTE (Notebook): secret, pages on",
    "+ members of NOTE: ada, grace",
]


def lab(target: Target, folder: Path, *arguments: str) -> Run:
    """Run the example as it stands, with another address and folder than it names."""
    data = {"plane_api_url": f"http://127.0.0.1:{target.host.plane_port}", "plane_config_dir": folder}
    words = ["examples/lab/inventory.py", "examples/lab/lab.py", *arguments]
    words += [word for name, value in data.items() for word in ("--data", f"{name}={value}")]
    # No PostgreSQL, so its password is not asked for either.
    secrets = {name: value for name, value in SECRETS.items() if name.startswith("PLANE_")}
    before = len(target.host.plane.requests)
    done = run_pyinfra(words, environment_with(secrets))
    requests = [(entry.method, entry.path) for entry in list(target.host.plane.requests)[before:]]
    return Run(done.returncode, done.stdout, requests)


@pytest.fixture
def set_up(settled: Settled) -> Target:
    """A Plane that has an admin, and nothing else."""
    return settled(operation=["operations.plane.instance_admin", "email=admin@example.com"])


def test_a_preview_a_run_and_then_nothing_changes(set_up: Target, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    before = set_up.snapshot()
    preview = lab(set_up, folder, "--dry")
    assert (preview.code, preview.plan, preview.writes) == (0, PLAN, []), preview.output
    assert set_up.snapshot() == before and not folder.exists()

    run = lab(set_up, folder, "-y")
    # Ada makes the project, so she is in it from the start.
    assert (run.code, run.plan) == (0, PLAN), run.output
    assert set_up.project("NOTE").name == "Notebook"
    assert [row.slug for row in set_up.plane.workspaces.values()] == ["lab"]
    tokens = folder / "agent-tokens.env"
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
    assert re.findall(r"^(PLANE_TOKEN_\w+)=", tokens.read_text(), re.M) == ["PLANE_TOKEN_ADA", "PLANE_TOKEN_GRACE"]

    finished = set_up.snapshot(), tokens.read_bytes()
    for mode in ("-y", "--dry"):
        again = lab(set_up, folder, mode)
        assert (again.code, again.plan, again.changed, again.writes) == (0, [], [], []), again.output
    assert (set_up.snapshot(), tokens.read_bytes()) == finished
    # The database, the containers and the environment file are others' business.
    assert not list(set_up.host.root.rglob("plane.env"))


def test_what_a_person_changed_is_put_right(set_up: Target, tmp_path: Path) -> None:
    assert lab(set_up, tmp_path, "-y").code == 0
    user = set_up.plane.user_by_email("grace@example.com")
    assert user is not None and user.display_name == "Grace"
    user.display_name = "G."
    assert lab(set_up, tmp_path, "--dry").plan == ["~ display name of grace@example.com: G. → Grace"]
    assert lab(set_up, tmp_path, "-y").changed == ["People"]
    assert user.display_name == "Grace"


def test_a_password_that_is_missing_is_asked_for_before_anything_is_made(
    set_up: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(SECRETS, "PLANE_AGENT_PASSWORD_SEED")
    run = lab(set_up, tmp_path, "-y")
    assert (run.code, run.writes) == (1, [])
    assert "missing: plane_agent_password_seed" in run.output
