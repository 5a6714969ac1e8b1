"""The figures that `make bench` writes and docs/figures.md quotes: those that do not depend on the machine."""

from __future__ import annotations

from benchmarks.figures import QUICK, requests
from benchmarks.table import at_most, render


def _quiet(line: str) -> None:
    """Say nothing."""


def test_so_many_requests_reach_plane_as_was_wanted() -> None:
    rows = list(requests(QUICK, _quiet))
    assert [row.wanted for row in rows] == ["14 + 5 an agent", "at most 2 + 1 an agent"]
    assert all(row.met for row in rows), render(rows)


def test_a_figure_that_falls_short_says_so() -> None:
    rows = [at_most("a", "b", seconds, 1.0, 1.6) for seconds in (1.6, 2.0)]
    assert [row.met for row in rows] == [True, False]
    assert "| 2.00  | at most 1.6 | **no** |" in render(rows)
