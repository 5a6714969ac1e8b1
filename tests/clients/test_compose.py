"""After a deploy, plane-compose clones the projects and finds nothing amiss; what is amiss, it tells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import requests

from tests.clients.compose_judge import COMMAND, MISSING, differences
from tests.clients.conftest import Finished
from tests.clients.expected import Expected
from tests.deploy.conftest import NewTarget
from tests.deploy.target import Target

pytestmark = pytest.mark.skipif(not COMMAND.exists(), reason=MISSING)


def judged(target: Target, directory: Path, *, commercial: bool, data: Mapping[str, object] | None = None) -> list[str]:
    url = f"http://127.0.0.1:{target.host.plane_port}"
    return differences(url, Expected.of(data), target.tokens["thot"], directory, commercial=commercial)


@pytest.mark.parametrize("edition", ["community", "commercial"])
def test_a_clone_holds_what_the_deploy_made(finished: Finished, tmp_path: Path, edition: str) -> None:
    target = finished(edition)
    before = target.host.plane.snapshot()
    assert judged(target, tmp_path / "clone", commercial=edition == "commercial") == []
    # A judge changes nothing, and leaves nothing outside its directory.
    assert target.host.plane.snapshot() == before
    assert {path.name for path in (tmp_path / "clone").iterdir()} == {"config", "ONBOARD"}


def test_states_labels_and_fields_that_are_named(new_target: NewTarget, tmp_path: Path) -> None:
    project = {
        "name": "Onboarding",
        "identifier": "ONBOARD",
        "network": "secret",
        "timezone": "Europe/Berlin",
        "cycles": True,
        "states": [{"name": "Review", "group": "started", "color": "#3f76ff"}],
        "labels": [{"name": "area", "color": "#112233"}, {"name": "docs", "parent": "area"}],
        "custom_fields": [
            {"name": "seen", "type": "boolean"},
            {"name": "due", "type": "date"},
            {"name": "source", "type": "url"},
            {"name": "contact", "type": "email"},
        ],
    }
    data = {"plane_projects": [project]}
    target = new_target("commercial", **data)
    run = target.deploy()
    assert run.code == 0, run.output
    target.host.plane.forget_throttles()
    assert judged(target, tmp_path / "clone", commercial=True, data=data) == []


def test_an_agents_work_item_is_cloned_with_its_fields(finished: Finished, tmp_path: Path) -> None:
    target = finished("commercial")
    url = f"http://127.0.0.1:{target.host.plane_port}/api/v1/workspaces/javisi/projects/{target.project().id}"
    headers = {"X-API-Key": target.tokens["thot"]}
    item = requests.post(f"{url}/work-items/", json={"name": "Report"}, headers=headers, timeout=10).json()
    for name, value in (("agent_id", "thot"), ("cost_estimate", 1.5)):
        [row] = [row for row in target.plane.work_item_properties.values() if row.display_name == name]
        values = f"{url}/work-items/{item['id']}/work-item-properties/{row.id}/values/"
        assert requests.post(values, json={"value": value}, headers=headers, timeout=10).status_code == 200
    assert judged(target, tmp_path / "clone", commercial=True) == []
    text = tmp_path.joinpath("clone", "ONBOARD", "work", "workitems.yaml").read_text()
    found = [line.strip() for line in text.splitlines() if not line.startswith("#")]
    assert "title: Report" in " ".join(found) and "agent_id: thot" in found and "cost_estimate: 1.5" in found, text


def test_what_is_amiss_is_told(finished: Finished, tmp_path: Path) -> None:
    target = finished("commercial")
    rows = target.plane.work_item_properties
    for row in [row for row in rows.values() if row.display_name == "session_id"]:
        del rows[row.id]
    target.project().description = "Something else."
    told = judged(target, tmp_path / "clone", commercial=True)
    assert told == ["ONBOARD: description is 'Something else.'", "ONBOARD: no custom field session_id"]


def test_a_token_that_was_revoked_is_told(finished: Finished, tmp_path: Path) -> None:
    target = finished("community")
    for token in target.plane.api_tokens.values():
        token.is_active = False
    [line] = judged(target, tmp_path / "clone", commercial=False)
    assert line.startswith("auth login:") and target.tokens["thot"] not in line
