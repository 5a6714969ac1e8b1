"""A file for each agent: its own token and no other's, for those who may read it, and gone with the agent."""

from __future__ import annotations

import json
import os
import pwd
import stat
from typing import Any

import pytest

from tests.deploy.conftest import NewTarget
from tests.deploy.target import TOKEN_FILE, Target
from tests.deploy.test_tokens import answers

FOLDER = "opt/javisi/configs/plane/agents"
ADMIN = {"name": "concierge", "role": "admin"}
TWO: list[dict[str, Any]] = [ADMIN, {"name": "thot", "role": "member"}]
FILES: dict[str, Any] = {"plane_agents": TWO, "plane_agent_files_dir": "{plane_config_dir}/agents"}


def own(target: Target, name: str) -> dict[str, str]:
    """The variables of an agent's file."""
    return target.variables(f"{FOLDER}/{name}.env")


def names(target: Target) -> list[str]:
    return sorted(path.name for path in (target.host.root / FOLDER).iterdir())


@pytest.fixture(scope="module")
def filed(new_target: NewTarget) -> Target:
    """A host with a file for each of two agents; a test that changes it leaves it so again."""
    target = new_target(**FILES)
    run = target.deploy_as_previewed()
    assert [line for line in run.plan if "agents/" in line] == [
        f"+ {FOLDER}/",
        f"+ {FOLDER}/concierge.env",
        f"+ {FOLDER}/thot.env",
    ]
    again = target.deploy()
    assert (again.code, again.changed, again.writes) == (0, [], []), again.output
    return target


def test_each_file_has_the_agents_own_token_and_no_others(filed: Target) -> None:
    for name in ("concierge", "thot"):
        token = filed.tokens[name]
        assert own(filed, name) == {
            "PLANE_API_KEY": token,
            "PLANE_BASE_URL": "https://work.example.com",
            "PLANE_WORKSPACE_SLUG": "javisi",
            f"PLANE_TOKEN_{name.upper()}": token,
            "PLANE_PROJECT_ONBOARD": filed.project().id,
        }
        assert answers(filed, token)
        path = filed.host.root / FOLDER / f"{name}.env"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # Each agent's user can open their own file, and list nobody's.
    assert stat.S_IMODE((filed.host.root / FOLDER).stat().st_mode) == 0o711
    assert filed.tokens["concierge"] not in filed.file(f"{FOLDER}/thot.env")


def test_what_somebody_changed_is_put_right_and_named(filed: Target) -> None:
    path = filed.host.root / FOLDER / "thot.env"
    right = path.read_text()
    path.write_text(right.replace("PLANE_BASE_URL=https://work", "PLANE_BASE_URL=https://else") + "MORE=1\n")
    (filed.host.root / FOLDER / "concierge.env").chmod(0o644)
    (filed.host.root / FOLDER).chmod(0o700)
    run = filed.deploy_as_previewed()
    assert run.plan == [
        f"~ {FOLDER}/: mode 700 → 711",
        f"~ {FOLDER}/concierge.env: mode 644 → 600",
        f"~ {FOLDER}/thot.env: PLANE_BASE_URL, MORE",
    ]
    assert path.read_text() == right and run.writes == []
    assert filed.deploy().changed == []


def test_a_rotation_changes_the_agents_file_and_no_other(filed: Target) -> None:
    before = {name: filed.file(f"{FOLDER}/{name}.env") for name in ("concierge", "thot")}
    old = filed.tokens["thot"]
    data = {"rotate_tokens": "thot"}
    run = filed.deploy_as_previewed(data=data)
    assert run.plan == [
        "~ token agent-thot: rotated, as asked; every other token with this label is revoked",
        f"~ {FOLDER}/thot.env: PLANE_API_KEY, PLANE_TOKEN_THOT",
    ]
    assert own(filed, "thot")["PLANE_API_KEY"] == filed.tokens["thot"] != old
    assert filed.file(f"{FOLDER}/concierge.env") == before["concierge"]
    assert answers(filed, filed.tokens["thot"]) and not answers(filed, old)
    assert "keeps" not in filed.file(TOKEN_FILE)
    assert filed.deploy().changed == []


def test_an_agents_user_owns_the_file(filed: Target) -> None:
    user = pwd.getpwuid(os.getuid()).pw_name
    data = {"plane_agents": [ADMIN, {"name": "thot", "user": "nobody" if user == "root" else user}]}
    run = filed.deploy_as_previewed(data=data)
    path = filed.host.root / FOLDER / "thot.env"
    assert pwd.getpwuid(path.stat().st_uid).pw_name == data["plane_agents"][1]["user"]
    if user == "root":
        assert run.plan == [f"~ {FOLDER}/thot.env: user root → nobody"]
        assert filed.deploy(data=data).changed == []
        assert pwd.getpwuid((filed.host.root / FOLDER / "concierge.env").stat().st_uid).pw_name == "root"
        os.chown(path, os.getuid(), os.getgid())


def test_as_json_the_other_file_goes(filed: Target) -> None:
    data = {"plane_agent_files_format": "json", "plane_agent_base_url": "http://plane-api:8000"}
    run = filed.deploy_as_previewed(data=data)
    assert run.plan == [
        f"+ {FOLDER}/concierge.json",
        f"+ {FOLDER}/thot.json",
        f"- {FOLDER}/concierge.env",
        f"- {FOLDER}/thot.env",
    ]
    found = json.loads(filed.file(f"{FOLDER}/thot.json"))
    assert found["PLANE_API_KEY"] == filed.tokens["thot"]
    assert found["PLANE_BASE_URL"] == "http://plane-api:8000"
    assert found["PLANE_PROJECT_ONBOARD"] == filed.project().id
    assert filed.deploy(data=data).changed == []
    assert filed.deploy().code == 0
    assert names(filed) == ["concierge.env", "thot.env"]


def test_a_file_of_somebody_else_and_an_agent_that_is_not_named_are_left_alone_and_pruned(filed: Target) -> None:
    theirs = filed.host.root / FOLDER / "shop.env"
    theirs.write_text("PLANE_API_KEY=theirs\nPLANE_WORKSPACE_SLUG=shop\n")
    alone = {"plane_agents": [ADMIN]}
    assert filed.deploy_as_previewed(data=alone).plan == []
    assert "thot.env" in names(filed)
    run = filed.deploy_as_previewed(data={**alone, "plane_prune": True})
    assert run.plan == ["- member thot@javisi.local, every token agent-thot", f"- {FOLDER}/thot.env"]
    assert names(filed) == ["concierge.env", "shop.env"]
    # And back, and away by name.
    assert filed.deploy().code == 0 and answers(filed, own(filed, "thot")["PLANE_API_KEY"])
    gone = {"plane_agents": [ADMIN, {"name": "thot", "present": False}]}
    run = filed.deploy_as_previewed(data=gone)
    assert run.plan == ["- member thot@javisi.local, every token agent-thot", f"- {FOLDER}/thot.env"]
    assert filed.deploy(data=gone).changed == []
    theirs.unlink()
    assert filed.deploy().code == 0


def test_a_project_that_is_new_is_in_each_file(filed: Target) -> None:
    onboarding = {"name": "Onboarding", "identifier": "ONBOARD"}
    data = {"plane_projects": [onboarding, {"name": "Reports", "identifier": "report"}]}
    run = filed.deploy_as_previewed(data=data)
    assert f"~ {FOLDER}/thot.env: PLANE_PROJECT_REPORT" in run.plan
    assert own(filed, "thot")["PLANE_PROJECT_REPORT"] == filed.project("REPORT").id
    assert filed.deploy(data=data).changed == []
    back = filed.deploy_as_previewed(data={"plane_projects": [onboarding]})
    assert f"~ {FOLDER}/thot.env: PLANE_PROJECT_REPORT" in back.plan
    assert "PLANE_PROJECT_REPORT" not in own(filed, "thot")


def test_no_token_is_shown(filed: Target) -> None:
    (filed.host.root / FOLDER / "thot.env").unlink()
    for arguments in (("--dry",), ()):
        run = filed.deploy("-vvv", "--debug", *arguments)
        assert run.code == 0, run.output
        assert [name for name, token in filed.tokens.items() if token in run.output] == []
