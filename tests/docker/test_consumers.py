"""Given services of other Compose projects that use an agent's token, on a real engine, when it changes."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docker.engine import IMAGES, LABEL
from tests.docker.lab import Lab
from tests.docker.target import USERS
from tests.docker.test_deploy import changed_nothing, plan, succeeded

AGENTS = [{"name": "concierge", "role": "admin"}, {"name": "thot", "role": "member", "user": str(USERS["lab-docker"])}]


@pytest.fixture
def folder(lab: Lab) -> Iterator[Path]:
    """A folder with a Compose file of somebody's: one service has the agent's file, one interpolates the token."""
    own = lab.directory / "target/n8n"
    own.mkdir(parents=True)
    common = {
        "image": IMAGES["plane:1"],
        "command": "sleep infinity",
        "labels": {LABEL: lab.name},
        "stop_signal": "KILL",
    }
    services = {
        "n8n": {**common, "env_file": str(lab.config_dir / "agents/thot.env")},
        "bot": {**common, "environment": {"KEY": "${PLANE_TOKEN_THOT}"}},
    }
    model = {"name": f"{lab.name}-n8n", "services": services, "networks": {"default": {"labels": {LABEL: lab.name}}}}
    (own / "docker-compose.yml").write_text(json.dumps(model))
    yield own
    compose(lab, own, "down", "-t", "0")


def compose(lab: Lab, folder: Path, *words: str) -> str:
    return lab.docker("compose", "--project-directory", str(folder), "--env-file", str(lab.tokens_path), *words)


def inspected(lab: Lab, folder: Path, service: str) -> tuple[str, dict[str, str]]:
    """The id of a service's container, and what it runs with."""
    found = compose(lab, folder, "ps", "-q", service).strip()
    variables = json.loads(lab.docker("inspect", "-f", "{{json .Config.Env}}", found))
    return found, dict(line.split("=", 1) for line in variables)


def answers(lab: Lab, token: str) -> bool:
    url = f"http://{lab.address(lab.api)}:8000/api/v1/users/me/"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"X-API-Key": token}), timeout=10):
            return True
    except urllib.error.HTTPError:
        return False


def test_services_of_another_project_get_the_new_token_before_the_former_is_revoked(lab: Lab, folder: Path) -> None:
    data: dict[str, Any] = {
        "plane_agents": AGENTS,
        "plane_agent_files_dir": "{plane_config_dir}/agents",
        "plane_token_consumers": [
            {"service": "n8n", "directory": str(folder), "agent": "thot"},
            {"service": "bot", "directory": str(folder), "agent": "thot"},
        ],
    }
    succeeded(lab.deploy(data=data))
    file = lab.config_dir / "agents/thot.env"
    compose(lab, folder, "up", "-d")
    assert changed_nothing(lab.deploy(data=data))
    # The agent's user reads its own file and no other.
    mine, other = (["setpriv", f"--reuid={USERS['lab-docker']}", "--clear-groups", "cat", str(file.with_name(name))]
                   for name in ("thot.env", "concierge.env"))  # fmt: skip
    assert "PLANE_API_KEY=" in subprocess.run(mine, capture_output=True, text=True, check=True).stdout
    assert subprocess.run(other, capture_output=True).returncode != 0

    before = {name: inspected(lab, folder, name) for name in ("n8n", "bot")}
    old = before["n8n"][1]["PLANE_API_KEY"]
    assert before["bot"][1]["KEY"] == old and answers(lab, old)
    rotate = {**data, "rotate_tokens": "thot"}
    preview = plan(lab.deploy("--dry", data=rotate))
    done = succeeded(lab.deploy(data=rotate))
    assert plan(done) == preview and old not in done.stdout
    assert preview[-2:] == [
        f"~ recreate n8n in {folder}: runs with another PLANE_API_KEY, PLANE_TOKEN_THOT",
        f"~ recreate bot in {folder}: runs with another KEY",
    ]
    for name, variable in (("n8n", "PLANE_API_KEY"), ("bot", "KEY")):
        now, variables = inspected(lab, folder, name)
        assert now != before[name][0] and variables[variable] != old and answers(lab, variables[variable])
    assert not answers(lab, old)
    assert changed_nothing(lab.deploy(data=data))
