"""After a deploy, plane-sdk finds what was asked for, and every token works; what is missing, it tells."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.conftest import Finished
from tests.clients.expected import Expected, is_commercial
from tests.deploy.conftest import NewTarget
from tests.deploy.target import Target


def judged(target: Target, data: dict[str, Any] | None = None) -> list[str]:
    # Not above: each process that collects the tests would import plane-sdk, which takes half a second.
    from tests.clients.sdk_judge import differences

    return differences(f"http://127.0.0.1:{target.host.plane_port}", Expected.of(data), target.tokens)


@pytest.mark.parametrize("edition", ["community", "commercial", "governed"])
def test_what_the_deploy_made_is_what_was_asked_for(finished: Finished, edition: str) -> None:
    target = finished(edition)
    assert is_commercial(f"http://127.0.0.1:{target.host.plane_port}") is (edition != "community")
    assert judged(target) == []
    # The judge takes away what it made, and a next run finds nothing to do.
    assert not target.plane.work_items and not target.plane.property_values
    assert target.deploy().changed == []


RICH = {
    "name": "Onboarding",
    "identifier": "ONBOARD",
    "description": "All that can be asked for.",
    "states": [{"name": "Review", "group": "started", "color": "#3f76ff", "description": "Somebody looks."}],
    "labels": [{"name": "area", "color": "#112233"}, {"name": "docs", "parent": "area", "description": "Words."}],
    "custom_fields": [
        {"name": "agent_id", "type": "text", "required": True},
        {"name": "size", "type": "option", "options": ["S", "L"], "default": "S"},
        {"name": "areas", "type": "option", "options": ["api", "web"], "multiple": True},
        {"name": "reviewer", "type": "member"},
        {"name": "due", "type": "date"},
    ],
}


@pytest.mark.parametrize("edition", ["community", "commercial", "governed"])
def test_states_labels_and_fields_of_every_kind(new_target: NewTarget, edition: str) -> None:
    data = {"plane_projects": [RICH]}
    target = new_target(edition, **data)
    run = target.deploy()
    assert run.code == 0, run.output
    target.host.plane.forget_throttles()
    assert judged(target, data) == []


ROLES: dict[str, Any] = {
    "plane_agents": [
        {"name": "concierge", "role": "admin"},
        {"name": "thot", "role": "guest"},
        {"name": "r-2", "role": "member", "email": "robot@javisi.local"},
    ],
    "plane_projects": [
        {
            "name": "Reports",
            "identifier": "REPORT",
            "work_item_type": "Report",
            "custom_fields": [
                {"name": "agent_id", "type": "text"},
                {"name": "seen", "type": "boolean"},
                {"name": "due", "type": "date"},
                {"name": "source", "type": "url"},
                {"name": "contact", "type": "email"},
            ],
        }
    ],
}


def test_roles_and_a_named_type(new_target: NewTarget) -> None:
    target = new_target("commercial", **ROLES)
    run = target.deploy()
    assert run.code == 0, run.output
    target.host.plane.forget_throttles()
    assert judged(target, ROLES) == []


def test_what_is_amiss_is_told(finished: Finished) -> None:
    target = finished("commercial")
    target.membership("thot").role = 5
    rows = target.plane.work_item_properties
    [lost] = [row for row in rows.values() if row.display_name == "session_id"]
    [other] = [row for row in rows.values() if row.display_name == "agent_id"]
    del rows[lost.id]
    other.property_type = "EMAIL"
    target.project().name = "Offboarding"
    target.project_membership("cfo").is_active = False
    told = judged(target)
    assert "thot@javisi.local is to have the role 15 in the workspace, and has 5" in told
    assert "ONBOARD: no custom field session_id" in told
    assert "ONBOARD: custom field agent_id is EMAIL" in told
    assert "ONBOARD: name is 'Offboarding'" in told
    assert any(line.startswith("ONBOARD: cfo was refused: 403") for line in told)
