"""Custom fields, in the editions that have them; and Plane's own client reads what the deploy made."""

from __future__ import annotations

import warnings

import pytest

from tests.deploy.conftest import NewTarget
from tests.deploy.target import Target

FIELDS = ["agent_id (text)", "cost_estimate (number)", "confidence_score (number)", "session_id (text)"]


@pytest.fixture
def commercial(new_target: NewTarget) -> Target:
    return new_target("commercial")


def properties(target: Target) -> dict[str, str]:
    return {row.display_name: row.property_type for row in target.plane.work_item_properties.values()}


def test_the_four_fields_arrive_and_stay(commercial: Target) -> None:
    run = commercial.deploy()
    assert run.code == 0, run.output
    assert "~ project ONBOARD: work item types on" in run.plan
    assert [line for line in run.plan if "custom field" in line] == [
        f"+ custom field {field} of ONBOARD" for field in FIELDS
    ]
    assert properties(commercial) == {
        "agent_id": "TEXT",
        "cost_estimate": "DECIMAL",
        "confidence_score": "DECIMAL",
        "session_id": "TEXT",
    }
    again = commercial.deploy()
    assert again.changed == [] and again.writes == [], again.output


def test_a_missing_field_is_named_and_made(commercial: Target) -> None:
    assert commercial.deploy().code == 0
    rows = commercial.plane.work_item_properties
    for row in [row for row in rows.values() if row.display_name == "session_id"]:
        del rows[row.id]
    assert commercial.deploy("--dry").plan == ["+ custom field session_id (text) of ONBOARD"]
    assert commercial.deploy().code == 0
    assert properties(commercial)["session_id"] == "TEXT"


def test_a_field_of_another_type_is_reported_and_left(commercial: Target) -> None:
    assert commercial.deploy().code == 0
    fields = [{"name": "agent_id", "type": "number"}]
    project = {"name": "Onboarding", "identifier": "ONBOARD", "custom_fields": fields}
    run = commercial.deploy(data={"plane_projects": [project]})
    assert run.code == 0, run.output
    assert any("agent_id of ONBOARD is TEXT, not DECIMAL" in note for note in run.notes)
    assert properties(commercial)["agent_id"] == "TEXT"


def test_a_work_item_type_by_name_is_made_and_gets_the_fields(commercial: Target) -> None:
    project = {
        "name": "Onboarding",
        "identifier": "ONBOARD",
        "work_item_type": "Report",
        "custom_fields": [{"name": "agent_id", "type": "text"}],
    }
    run = commercial.deploy(data={"plane_projects": [project]})
    assert run.code == 0, run.output
    assert "+ work item type Report in ONBOARD" in run.plan
    [row] = commercial.plane.work_item_properties.values()
    assert commercial.plane.work_item_types[row.issue_type].name == "Report"
    assert commercial.deploy(data={"plane_projects": [project]}).changed == []


def test_planes_own_client_reads_what_the_deploy_made(target: Target) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from plane import PlaneClient  # type: ignore[attr-defined, unused-ignore]

    assert target.deploy().code == 0
    client = PlaneClient(base_url=f"http://127.0.0.1:{target.host.plane_port}", api_key=target.tokens["thot"])
    assert client.users.get_me().email == "thot@javisi.local"
    listed = client.projects.list("javisi").results
    assert "ONBOARD" in [project.identifier for project in listed]
