"""Which cases of a table a run tries: a sample in `make test`; in `make test-deep`, all of them or a part.

A table is a list of cases: the places where a run is killed, the faults by request, the hostile values. The sample is
by SEED, which is the commit's own unless the environment has one, and holds a case of every kind. The whole can be
had in parts, as in `make test-deep PART=3/10`. A test of a table is marked `sampled`.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Case = TypeVar("Case")

CHECKOUT = Path(__file__).parent.parent

WITHOUT_A_COMMIT = 20240229
"""The seed outside git."""


@dataclass(frozen=True)
class Part:
    """One of so many parts of every table."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Part:
        """Of such as `3/10`; the whole is `1/1`."""
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise ValueError(f"PART is {text!r}; write it like 3/10, for the third of ten parts")
        return cls(int(found[1]), int(found[2]))


def part() -> Part | None:
    """The part of the tables that this run tries; `None` for a sample."""
    text = os.environ.get("DEEP")
    return Part.parse(text) if text else None


def seed() -> int:
    """The number that samples are drawn by."""
    given = os.environ.get("SEED")
    if given:
        if not given.isdecimal():
            raise ValueError(f"SEED is {given!r}; it must be a whole number")
        return int(given)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True)
    return int(head.stdout[:7], 16) if head.returncode == 0 else WITHOUT_A_COMMIT


TRIED: dict[str, tuple[int, int]] = {}
"""By table: how many cases this process was given, and how many there are."""


def chosen(
    table: str, cases: Sequence[Case], at_least: int = 0, kinds: Callable[[Case], Sequence[Hashable]] = lambda case: ()
) -> list[Case]:
    """The cases that this run tries, in their order.

    Args:
        table: its name, which begins with the folder of its tests, as in `faults: crash places`.
        cases: all of them.
        at_least: how many a sample has, where there are so many.
        kinds: what a case is an example of; a sample has a case for each.
    """
    part_of_all = part()
    order = list(range(len(cases)))
    if part_of_all is None:
        random.Random(f"{seed()} {table}").shuffle(order)
        taken = _sample(order, [set(kinds(case)) for case in cases], at_least)
    else:
        # The same on every run, so that all parts together are the whole.
        random.Random(table).shuffle(order)
        start = part_of_all.number - 1
        # A table with fewer cases than there are parts gives some of its cases more than once.
        taken = order[start :: part_of_all.of] or [order[start % len(order)]]
    TRIED[table] = (len(taken), len(cases))
    return [cases[index] for index in sorted(taken)]


def _sample(order: Sequence[int], kinds: Sequence[set[Hashable]], at_least: int) -> list[int]:
    """The first in this order that show each kind, then others until there are enough."""
    seen: set[Hashable] = set()
    taken: list[int] = []
    for index in order:
        if not kinds[index] <= seen:
            taken.append(index)
            seen |= kinds[index]
    others = [index for index in order if index not in taken]
    return taken + others[: max(0, at_least - len(taken))]


def shares(count: int, of_sample: int = 1) -> range:
    """The numbers of the tests that a table is dealt out to: so many for all of it, fewer for a part or a sample.

    For :func:`dealt`, where the cases are known only while the tests run.
    """
    part_of_all = part()
    return range(of_sample if part_of_all is None else -(-count // part_of_all.of))


def dealt(cases: Sequence[Case], share: int, of: range) -> list[Case]:
    """The cases of one of :func:`shares`; never none."""
    return list(cases[share :: len(of)] or cases[:1])


def summary(tried: dict[str, tuple[int, int]]) -> list[str]:
    """What to say at the end of a run, a line for each folder."""
    folders: dict[str, tuple[int, int]] = {}
    for table, (taken, there) in tried.items():
        folder = table.partition(":")[0]
        before = folders.get(folder, (0, 0))
        folders[folder] = before[0] + taken, before[1] + there
    return [
        f"tests/{folder}: {taken:,} of {there:,} cases, seed {seed()}"
        + ("" if taken == there else "; make test-deep runs them all")
        for folder, (taken, there) in sorted(folders.items())
    ]
