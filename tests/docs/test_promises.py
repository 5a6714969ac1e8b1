"""What docs/promises.md promises is in tests/promises.py, with tests that exist."""

from __future__ import annotations

import ast

from tests.docs.pages import CHECKOUT, DOCS
from tests.docs.test_figures import rows
from tests.promises import HELD_BY


def promised() -> list[str]:
    """The first cells of the page's first table."""
    return [row[0] for row in rows((DOCS / "promises.md").read_text(), "what can go wrong")]


def names_in(path: str) -> set[str]:
    """The names of the tests in a file; none if there is no such file."""
    file = CHECKOUT / path
    body = ast.parse(file.read_text()).body if file.is_file() else []
    return {item.name for item in body if isinstance(item, ast.FunctionDef) and item.name.startswith("test_")}


def test_each_row_has_an_entry_and_each_entry_a_row() -> None:
    assert sorted(promised()) == sorted(HELD_BY)


def test_each_entry_names_tests_that_exist() -> None:
    assert all(HELD_BY.values())
    named = {test for tests in HELD_BY.values() for test in tests}
    absent = sorted(test for test in named if test.partition("::")[2] not in names_in(test.partition("::")[0]))
    assert not absent, "no such test:\n" + "\n".join(absent)
