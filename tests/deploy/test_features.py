"""The table of features in docs/editions.md: each cell is what a deploy to that edition and version comes to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sandbox
from tests.deploy.target import AGENTS, CHECKOUT, Run, Target
from tests.deploy.test_project_settings import SETTINGS

COLUMNS = {
    "Community 1.2.2": ("community", "1.2.2"),
    "Community 1.3.1": ("community", "1.3.1"),
    "commercial": ("commercial", None),
}

DATA = {
    "plane_projects": [
        {
            **SETTINGS,
            "work_item_type": "Report",
            "custom_fields": [{"name": "agent_id", "type": "text"}, {"name": "cost", "type": "number"}],
        }
    ],
    "plane_custom_fields_unsupported": "labels",
    "plane_instance_config": {"ENABLE_SIGNUP": "0", "EMAIL_HOST": "smtp.example.com"},
}


def _fields(target: Target) -> set[str]:
    return {row.display_name for row in target.plane.work_item_properties.values()}


def _grouped(target: Target) -> set[str]:
    rows = target.plane.labels_in(target.project().id)
    group = next((row.id for row in rows if row.name == "agent_id"), None)
    return {row.name for row in rows if group is not None and row.parent == group}


def _states(target: Target) -> dict[str, bool]:
    return {row.name: row.default for row in target.plane.states_in(target.project().id)}


CHECKS: dict[str, Callable[[Target], bool]] = {
    "set-up, workspace, accounts, roles": lambda t: (
        t.plane.workspace_by_slug("javisi") is not None and {t.membership(name).role for name in AGENTS} == {15, 20}
    ),
    "API tokens": lambda t: set(t.tokens) == set(AGENTS),
    "projects, their members, description, time zone": lambda t: (
        t.project().extra["timezone"] == "Europe/Berlin"
        and all(t.project_membership(name).is_active for name in AGENTS)
    ),
    "secret projects": lambda t: t.project().network == 0,
    "lead, default assignee": lambda t: (
        t.project().project_lead == t.user("concierge").id and t.project().default_assignee == t.user("thot").id
    ),
    "cycles, modules, views, pages, intake": lambda t: (
        [t.project().extra[f"{name}_view"] for name in ("cycle", "module", "issue_views", "page", "intake")]
        == [True, True, True, False, True]
    ),
    "states": lambda t: _states(t).get("Todo") is True and "Review" in _states(t),
    "labels": lambda t: {row.name for row in t.plane.labels_in(t.project().id)} >= {"kind", "bug"},
    "estimates": lambda t: t.project().extra["estimate"] is not None,
    "instance settings": lambda t: t.plane.configurations["EMAIL_HOST"].value == "smtp.example.com",
    "work item types": lambda t: "Report" in {row.name for row in t.plane.work_item_types.values()},
    "custom fields": lambda t: _fields(t) == {"agent_id", "cost"},
    "labels in place of `agent_id` and of options": lambda t: _grouped(t) == set(AGENTS),
}


@pytest.fixture(scope="module", params=COLUMNS)
def column(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Target, Run]]:
    edition, version = COLUMNS[request.param]
    directory: Path = tmp_path_factory.mktemp("features")
    with sandbox.running(directory / "sandbox", edition=edition, version=version) as running:
        target = Target(running, running.hosts[0], directory / "inventory", dict(DATA))
        run = target.deploy()
        assert run.code == 0, run.output
        yield request.param, target, run


def table() -> dict[str, dict[str, str]]:
    """The cells of docs/editions.md by feature and column."""
    text = (CHECKOUT / "docs" / "editions.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in re.findall(r"^\|.*\|$", text[text.index("| feature |") :].split("\n\n")[0], re.M)
    ]
    return {row[0]: dict(zip(rows[0][1:], row[1:], strict=True)) for row in rows[2:]}


def test_the_table_is_whole() -> None:
    assert set(table()) == set(CHECKS)
    for cells in table().values():
        assert set(cells) == set(COLUMNS)
        assert set(cells.values()) <= {"yes", "no"}


def test_each_cell_is_what_a_deploy_comes_to(column: tuple[str, Target, Run]) -> None:
    name, target, _ = column
    found = {feature: "yes" if check(target) else "no" for feature, check in CHECKS.items()}
    assert found == {feature: cells[name] for feature, cells in table().items()}


def test_a_second_run_changes_nothing(column: tuple[str, Target, Run]) -> None:
    again = column[1].deploy()
    # A setting that Plane does not show to everybody takes a sign-in to compare.
    assert again.changed == [] and [path for _, path in again.writes] == ["/api/instances/admins/sign-in/"], (
        again.output
    )
