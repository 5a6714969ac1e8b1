"""What plane-compose made of a workspace, `python -m pyinfra_plane.adopt` prints; deploying that changes nothing.

plane-compose 0.5 asks for work item types before it writes states and labels, so a project has to have them enabled,
and the Community Edition gets the project only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.clients.compose_judge import COMMAND, CONNECTION, MISSING, run
from tests.contract.browser import v1
from tests.deploy.conftest import NewTarget
from tests.deploy.test_adopt import adopt, changes_nothing, settings
from tests.deploy.test_takeover import alone, set_up, url

pytestmark = pytest.mark.skipif(not COMMAND.exists(), reason=MISSING)

TYPES = """work_item_types:
  Report:
    description: What is to be done
    properties:
      - name: Cost
        type: decimal
      - name: Seen
        type: boolean
"""


def test_a_workspace_that_plane_compose_made(new_target: NewTarget, tmp_path: Path) -> None:
    target = new_target("commercial", plane_workspace_slug="acme")
    owner = set_up(target, workspace=None)
    owner.make_workspace_with_demo("acme")
    key = owner.make_key()

    def plane(*words: str) -> str:
        target.host.plane.forget_throttles()
        return run(tmp_path, *words).stdout

    login = ("--auth-type", "pat", "--token", key, "--workspace", "acme", "--connection", CONNECTION)
    plane("auth", "login", "--server-url", url(target), *login)
    plane("init", "MOON", "-w", "acme", "-c", CONNECTION)
    plane("schema", "push", "moon", "--force")
    project = target.project("MOON")
    path = f"/workspaces/acme/projects/{project.id}/features/"
    assert v1(url(target), key, "PATCH", path, json={"work_item_types": True}).ok
    schema = tmp_path / "moon/schema"
    features = schema / "features.yaml"
    features.write_text(features.read_text().replace("work_item_types: false", "work_item_types: true"))
    (schema / "types.yaml").write_text(TYPES)
    pushed = plane("schema", "push", "moon", "--force")
    assert "Schema push complete" in pushed, pushed

    code, printed, errors = adopt(target, secrets=alone(key))
    assert (code, errors) == (0, "")
    by_name: dict[str, Any] = {one["identifier"]: one for one in settings(printed)["plane_projects"]}
    moon = by_name["MOON"]
    assert {one["name"] for one in moon["states"]} >= {"Icebox", "Ready", "In Review", "Testing"}
    assert {"name": "Backend", "color": "#10b981"} in moon["labels"]
    assert moon["work_item_type"] == "Report"
    assert moon["custom_fields"] == [{"name": "Cost", "type": "number"}, {"name": "Seen", "type": "boolean"}]
    changes_nothing(target, printed, secrets=alone(key))


def test_a_project_that_plane_compose_made_in_the_community_edition(new_target: NewTarget, tmp_path: Path) -> None:
    target = new_target(plane_workspace_slug="acme")
    owner = set_up(target, workspace=None)
    owner.make_workspace_with_demo("acme")
    key = owner.make_key()
    login = ("--auth-type", "pat", "--token", key, "--workspace", "acme", "--connection", CONNECTION)
    run(tmp_path, "auth", "login", "--server-url", url(target), *login)
    run(tmp_path, "init", "MOON", "-w", "acme", "-c", CONNECTION)
    run(tmp_path, "schema", "push", "moon", "--force")
    target.host.plane.forget_throttles()
    _, printed, _ = adopt(target, secrets=alone(key))
    moon = {"name": "Moon", "identifier": "MOON", "description": "Created via plane-compose"}
    assert moon in settings(printed)["plane_projects"]
    changes_nothing(target, printed, secrets=alone(key))
