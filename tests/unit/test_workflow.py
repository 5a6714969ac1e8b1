"""The workflow is sound YAML, asks for what is there, and can do no more than read."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parent.parent.parent

# It comes with plane-compose.
yaml = pytest.importorskip("yaml")


@pytest.fixture
def workflow() -> dict[Any, Any]:
    loaded = yaml.safe_load((CHECKOUT / ".github/workflows/ci.yml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_every_command_is_there(workflow: dict[Any, Any]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.M))
    commands = [step["run"] for step in steps(workflow) if "run" in step]
    asked = {target for command in commands if command.startswith("make ") for target in command.split()[1:]}
    assert asked and asked <= targets
    scripts = [word for command in commands for word in command.split() if "/" in word and "=" not in word]
    assert scripts and all(os.access(CHECKOUT / script, os.X_OK) for script in scripts)


def test_actions_are_githubs_own_at_a_major_version_and_nothing_secret_is_asked_for(workflow: dict[Any, Any]) -> None:
    actions = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert actions and all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in actions)
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in str(workflow)


def test_the_oldest_python_that_is_promised_is_tried(workflow: dict[Any, Any]) -> None:
    promised = re.search(r'requires-python = ">=([\d.]+)"', (CHECKOUT / "pyproject.toml").read_text())
    assert promised is not None
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"][0] == promised[1]
