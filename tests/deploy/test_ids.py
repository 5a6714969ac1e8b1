"""The ids that programs need: by name, kept in line, and without many requests."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest

from tests.deploy.conftest import NewTarget
from tests.deploy.target import Target

PATH = "opt/javisi/configs/plane/plane-ids.json"
PROJECT: dict[str, Any] = {
    "name": "Onboarding",
    "identifier": "ONBOARD",
    "states": [{"name": "Review", "group": "started"}],
    "labels": [{"name": "mail"}],
    "custom_fields": [{"name": "agent_id", "type": "text"}, {"name": "size", "type": "option", "options": ["S"]}],
}
BARE = {"name": "Reports", "identifier": "REPORT"}
DATA: dict[str, Any] = {
    "plane_ids_path": "{plane_config_dir}/plane-ids.json",
    "plane_agents": [{"name": "concierge", "role": "admin"}, {"name": "thot", "role": "member"}],
    "plane_projects": [PROJECT, BARE],
}


def ids(target: Target) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(target.file(PATH))
    return found


@pytest.fixture(scope="module")
def listed(new_target: NewTarget) -> Target:
    """A host with the file; a test that changes it leaves it finished again."""
    target = new_target(**DATA)
    run = target.deploy_as_previewed()
    assert run.plan.count(f"+ {PATH}") == 1
    return target


def of_project(target: Target, identifier: str) -> dict[str, Any]:
    """What the stand-in holds of a project."""
    project, plane = target.project(identifier), target.plane
    kinds: dict[str, dict[str, Any]] = {
        "states": plane.states,
        "labels": plane.labels,
    }
    found = {
        name: {row.name: row.id for row in rows.values() if row.project == project.id} for name, rows in kinds.items()
    }
    return {"id": project.id, "name": project.name, **found}


def test_each_name_has_its_id(listed: Target) -> None:
    found = ids(listed)
    assert found["workspace"] == {"slug": "javisi", "id": listed.workspace().id}
    admin = listed.plane.user_by_email("admin@javisi.local")
    assert admin is not None
    agents = {name: listed.user(name).id for name in ("concierge", "thot")}
    assert found["members"] == {**agents, "admin": admin.id}
    for identifier in ("ONBOARD", "REPORT"):
        expected = of_project(listed, identifier)
        assert found["projects"][identifier] == {**expected, "types": {}, "fields": {}}
    assert {"Review", "Backlog"} <= found["projects"]["ONBOARD"]["states"].keys()
    assert found["projects"]["ONBOARD"]["labels"].keys() == {"mail"}
    # Everybody on the host may read it, and it holds no secret.
    assert stat.S_IMODE((listed.host.root / PATH).stat().st_mode) == 0o644
    assert not [token for token in listed.tokens.values() if token in listed.file(PATH)]


def test_a_run_that_changes_nothing_asks_for_little_more(listed: Target) -> None:
    without = listed.deploy(data={"plane_ids_path": None})
    run = listed.deploy()
    assert (run.code, run.changed, run.writes) == (0, [], []), run.output
    further = list(run.requests)
    for request in without.requests:
        further.remove(request)
    # The workspace's id, and what no operation reads of the project without states and labels.
    assert len(further) == 3 and all(method == "GET" for method, _ in further), further


def test_what_was_made_and_what_somebody_renamed_is_one_line(listed: Target) -> None:
    more = {**PROJECT, "labels": [{"name": "mail"}, {"name": "post"}]}
    run = listed.deploy_as_previewed(data={"plane_projects": [more, BARE]})
    assert run.plan == ["+ label post of ONBOARD", f"~ {PATH}"]
    assert ids(listed)["projects"]["ONBOARD"]["labels"].keys() == {"mail", "post"}
    [row] = [row for row in listed.plane.labels.values() if row.name == "post"]
    row.name = "letters"
    assert listed.deploy_as_previewed().plan == [f"~ {PATH}"]
    assert ids(listed)["projects"]["ONBOARD"]["labels"]["letters"] == row.id
    pruned = {**PROJECT, "states": [], "prune": True}
    run = listed.deploy_as_previewed(data={"plane_projects": [pruned, BARE]})
    assert run.plan == ["- label letters of ONBOARD", f"~ {PATH}"]
    assert listed.deploy().changed == []


def test_a_file_that_somebody_spoilt_is_written_anew(listed: Target) -> None:
    path = listed.host.root / PATH
    right = path.read_text()
    path.write_text("{")
    assert listed.deploy_as_previewed().plan == [f"~ {PATH}"]
    assert path.read_text() == right
    path.chmod(0o600)
    assert listed.deploy_as_previewed().plan == [f"~ {PATH}: mode 600 → 644"]
    assert listed.deploy().changed == []


@pytest.mark.parametrize("edition", ["commercial", "governed"])
def test_types_and_fields_are_in_it_where_there_are_some(new_target: NewTarget, edition: str) -> None:
    target = new_target(edition, **DATA)
    run = target.deploy()
    assert run.code == 0, run.output
    found = ids(target)["projects"]
    rows = {row.display_name: row.id for row in target.plane.work_item_properties.values()}
    assert found["ONBOARD"]["fields"] == rows and rows.keys() == {"agent_id", "size"}
    kinds = {row.name: row.id for row in target.plane.work_item_types.values()}
    assert found["ONBOARD"]["types"] and found["ONBOARD"]["types"].items() <= kinds.items()
    assert found["REPORT"]["fields"] == {}
    again = target.deploy("--dry")
    assert again.plan == [], again.output
    [row] = [row for row in target.plane.work_item_properties.values() if row.display_name == "size"]
    del target.plane.work_item_properties[row.id]
    run = target.deploy_as_previewed()
    assert run.plan[-1] == f"~ {PATH}" and len(run.plan) > 1
    assert target.deploy().changed == []
