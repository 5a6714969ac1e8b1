"""Given a table of cases, when a run takes a sample or a part of it, then no kind and no case is left out."""

from __future__ import annotations

import itertools

import pytest

from tests import sampled
from tests.sampled import Part, chosen, dealt, shares

CASES = list(itertools.product("abcdefgh", range(12)))


@pytest.fixture(autouse=True)
def own_tally(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampled, "TRIED", {})
    monkeypatch.delenv("DEEP", raising=False)


@pytest.mark.parametrize("seed", range(20))
def test_a_sample_has_every_kind_and_enough_cases(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED", str(seed))
    taken = chosen("unit: x", CASES, 25, lambda case: case)
    assert {letter for letter, _ in taken} == set("abcdefgh")
    assert {number for _, number in taken} == set(range(12))
    assert 25 <= len(taken) <= 27 and taken == sorted(taken)
    assert taken == chosen("unit: x", CASES, 25, lambda case: case)
    assert sampled.summary(sampled.TRIED) == [
        f"tests/unit: {len(taken)} of 96 cases, seed {seed}; make test-deep runs them all"
    ]


def test_another_seed_and_another_table_are_other_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for seed, table in itertools.product("12", ("unit: x", "unit: y")):
        monkeypatch.setenv("SEED", seed)
        found.add(tuple(chosen(table, CASES, 20)))
    assert len(found) == 4


def test_all_parts_are_the_whole_whatever_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for number in range(1, 8):
        monkeypatch.setenv("SEED", str(number))
        monkeypatch.setenv("DEEP", f"{number}/7")
        part = chosen("unit: x", CASES, 50)
        assert [case for share in shares(10) for case in dealt(part, share, shares(10))] != []
        assert sorted(case for share in shares(10) for case in dealt(part, share, shares(10))) == part
        found += part
    assert sorted(found) == CASES
    monkeypatch.setenv("DEEP", "1/1")
    assert chosen("unit: x", CASES, 1) == CASES and len(shares(10)) == 10


def test_no_part_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for number in range(1, 11):
        monkeypatch.setenv("DEEP", f"{number}/10")
        part = chosen("unit: x", "abc")
        assert part and all(dealt(part, share, shares(30)) for share in shares(30))
        found |= set(part)
    assert found == set("abc")


@pytest.mark.parametrize("text", ["3", "0/10", "11/10", "1/0", "a/b", "-1/2"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it like 3/10"):
        Part.parse(text)


def test_without_a_number_the_commit_gives_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEED", raising=False)
    assert sampled.seed() == sampled.seed() >= 0
    monkeypatch.setattr(sampled, "CHECKOUT", "/")
    assert sampled.seed() == sampled.WITHOUT_A_COMMIT
