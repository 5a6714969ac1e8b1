"""A function fits on a screen, and a class too is short: at most so many lines, without its docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.given import ROOT

LONGEST_FUNCTION, LONGEST_CLASS = 40, 200

FILES = sorted([ROOT / "deploy.py", *(ROOT / "operations").rglob("*.py"), *(ROOT / "pyinfra_plane").rglob("*.py")])


def too_long(source: str) -> Iterator[str]:
    """The functions and classes of a module that have too many lines."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        first = node.body[0]
        docstring = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) is not None else 0
        lines = (node.end_lineno or 0) - node.lineno + 1 - docstring
        if lines > (LONGEST_CLASS if isinstance(node, ast.ClassDef) else LONGEST_FUNCTION):
            yield f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_too_long(path: Path) -> None:
    assert not list(too_long(path.read_text(encoding="utf-8")))


def test_what_is_too_long_is_seen() -> None:
    short = "def short():\n" + '    """Line.\n' + "\n" * 50 + '    """\n' + "    x = 1\n" * 39
    assert list(too_long(short)) == []
    assert list(too_long(short + "    x = 1\n" * 2)) == ["short has 42 lines"]
