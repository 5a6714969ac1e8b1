"""Given the paths and the releases of Plane: each stands in one place."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pyinfra_plane.api import paths, versions
from pyinfra_plane.api.errors import PlaneBadAnswer

ROOT = Path(paths.__file__).parents[2]
ELSEWHERE = [file for room in ("pyinfra_plane", "operations") for file in (ROOT / room).rglob("*.py")]


def strings(file: Path) -> list[str]:
    """The texts of a module, without docstrings."""
    tree = ast.parse(file.read_text())
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
    ]


def test_no_path_of_plane_is_written_outside_the_list() -> None:
    found = {
        f"{file.relative_to(ROOT)}: {text}"
        for file in ELSEWHERE
        if file.name != "paths.py"
        for text in strings(file)
        if re.match(r"/(api|auth)/[a-z]", text)
    }
    # A pattern that reads the workspace and the project off any path.
    assert {line for line in found if "(?:v1/" not in line} == set()


def test_each_path_is_in_the_list_once() -> None:
    templates = [value.template for value in vars(paths).values() if isinstance(value, paths.Path)]
    assert len(templates) > 30
    assert sorted(set(templates)) == sorted(templates)


def test_an_id_cannot_lead_to_another_path() -> None:
    assert paths.V1_STATES(slug="a/b", project="?x") == "/api/v1/workspaces/a%2Fb/projects/%3Fx/states/"
    assert paths.MEMBERS.one("#1", slug="javisi") == "/api/workspaces/javisi/members/%231/"
    for odd in (".", ".."):
        with pytest.raises(PlaneBadAnswer):
            paths.MEMBERS.one(odd, slug="javisi")


def test_the_tried_releases_are_named_in_one_place() -> None:
    pair = " and ".join(versions.TRIED)
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", *ELSEWHERE]
    assert [str(file) for file in pages if pair in file.read_text() and file.name != "versions.py"] == []


@pytest.mark.parametrize(
    ("version", "first", "expected"),
    [
        ("1.4.0", (1, 4), True),
        ("v1.10", (1, 4), True),
        ("1.3.9", (1, 4), False),
        ("", (1, 4), False),
        ("x", (1,), False),
    ],
)
def test_a_release_is_compared_by_its_numbers(version: str, first: tuple[int, ...], expected: bool) -> None:
    assert versions.is_since(version, first) is expected
