"""The operations one by one, as they are typed: `pyinfra inventory.py operations.plane.workspace slug=lab …`."""

from __future__ import annotations

from tests.deploy.conftest import NewTarget
from tests.deploy.target import Run, Target

LAB = "slug=lab"

TWO = [{"name": "ada", "role": "admin"}, {"name": "grace", "role": "member"}]

# In an order in which each finds what it needs.
STEPS: list[tuple[list[str], list[str]]] = [
    (["instance_admin"], ["+ instance admin admin@javisi.local"]),
    (["workspace", LAB, "workspace_name=Lab"], ["+ workspace lab (Lab)"]),
    (["workspace_members", LAB], ["+ account ada@javisi.local (admin)", "+ account grace@javisi.local (member)"]),
    (["api_tokens", LAB], ["+ token agent-ada", "+ token agent-grace"]),
    (
        ["project", LAB, "project_name=Notebook", "identifier=NOTE", "pages=True"],
        ["+ project NOTE (Notebook): pages on"],
    ),
    (["project_members", LAB, "identifier=NOTE"], ["+ members of NOTE: grace"]),
    (["project_estimates", LAB, "identifier=NOTE", "enabled=True"], ["~ project NOTE: estimates on"]),
]


def one(target: Target, step: list[str], *arguments: str) -> Run:
    return target.deploy(*step[1:], *arguments, operation=f"operations.plane.{step[0]}")


def test_each_operation_is_previewed_done_and_then_done_with(new_target: NewTarget) -> None:
    target = new_target(plane_agents=TWO)
    for step, plan in STEPS:
        preview = one(target, step, "--dry")
        assert (preview.code, preview.writes) == (0, []), preview.output
        run = one(target, step)
        assert (run.code, run.plan) == (0, plan), run.output
    for step, _ in STEPS:
        again = one(target, step)
        assert (again.code, again.changed, again.writes) == (0, [], []), again.output
    assert [row.slug for row in target.plane.workspaces.values()] == ["lab"]


def test_what_is_missing_is_said_in_one_line(new_target: NewTarget) -> None:
    target = new_target(plane_agents=TWO)
    assert one(target, ["instance_admin"]).code == 0
    for step in (
        ["project", LAB, "project_name=Notebook", "identifier=NOTE"],
        ["workspace", "slug=l/b", "workspace_name=x"],
    ):
        run = one(target, step)
        assert run.code == 1
        assert "Traceback" not in run.output, run.output
