"""A table finds what a look at every row would, whatever was written before and between."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from sandbox.plane.table import Table


@dataclass(frozen=True)
class Row:
    """A row with two columns to be found by."""

    project: int
    member: int


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from("abcdef"), st.builds(Row, st.integers(0, 2), st.integers(0, 2))),
        st.tuples(st.sampled_from(["delete", "look"]), st.sampled_from("abcdef"), st.none()),
        st.tuples(st.just("clear"), st.just(""), st.none()),
    )
)


@given(_STEPS)
def test_rows_are_found_as_by_looking_at_each(steps: list[tuple[str, str, Row | None]]) -> None:
    table: Table[Row] = Table()
    for what, key, row in [*steps, ("look", "", None)]:
        if what == "set" and row is not None:
            table[key] = row
        elif what == "delete" and key in table:
            del table[key]
        elif what == "clear":
            table.clear()
        if what != "look":
            continue
        for project in range(3):
            of_project = [each for each in table.values() if each.project == project]
            assert table.where(project=project) == of_project
            assert table.newest_where(project=project) == of_project[::-1]
            for member in range(3):
                both = [each for each in of_project if each.member == member]
                assert table.where(project=project, member=member) == both
                assert table.one(project=project, member=member) == (both[0] if both else None)


def test_a_table_reaches_another_process_whole() -> None:
    table: Table[Row] = Table()
    table["a"] = Row(1, 2)
    assert table.where(project=1)
    there = pickle.loads(pickle.dumps(table))
    there["b"] = Row(1, 3)
    assert there.where(project=1) == [Row(1, 2), Row(1, 3)]
