"""The figures that docs/figures.md quotes are those that the benchmarks wrote."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the table that begins with a heading."""
    table = text[text.index(f"| {heading}") :].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_the_page_quotes_what_was_measured() -> None:
    written = rows((ROOT / "benchmarks/results.md").read_text(), "what")
    measured = {(what, got, f"{other}, {against}") for what, against, got, other, *_ in written}
    quoted = rows((ROOT / "docs/figures.md").read_text(), "what")
    assert len(quoted) >= 5
    wrong = [row for row in quoted if tuple(row) not in measured]
    assert not wrong, "not in benchmarks/results.md"
