"""The figures that docs/figures.md quotes are those that the benchmarks wrote."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the tables that begin with a heading."""
    tables = re.findall(rf"^\| {heading} .*\n\|.*\n((?:\|.*\n)+)", text, re.M)
    lines = [line for table in tables for line in table.splitlines()]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_quotes_what_was_measured() -> None:
    written = rows((ROOT / "benchmarks/results.md").read_text(), "what")
    measured = {(what, got, f"{other}, {against}") for what, against, got, other, *_ in written}
    quoted = rows((ROOT / "docs/figures.md").read_text(), "what")
    assert len(quoted) >= 5
    wrong = [row for row in quoted if tuple(row) not in measured]
    assert not wrong, "not in benchmarks/results.md"
