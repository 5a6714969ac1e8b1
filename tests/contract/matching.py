"""Compares a recorded answer with a real one: placeholders, lists in any order, and what is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

#: Keys that are not compared, wherever they stand, and why.
LEFT_OUT = {
    "view_props": "a person's display preferences: bulky, and no deploy reads them",
    "default_props": "as view_props",
    "issue_props": "as view_props",
    "preferences": "as view_props",
    "last_login_ip": "says where the player stands, not what Plane does",
}

PLACEHOLDERS = {
    "<uuid>": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)",
    "<token>": r"\S+",
    "<hex>": r"[0-9a-f]+",
    "<int>": r"\d+",
    "<csrf>": r"[0-9A-Za-z]{32,}",
    "<jwt>": r"[\w-]+\.[\w-]+\.[\w-]+",
    "<text>": r"[\s\S]+",
    "<any>": r"[\s\S]*",
}
LONGEST_SHOWN = 120


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


#: Stands for a key, item or header that is not there.
NOTHING = _Nothing()


class Mismatch(NamedTuple):
    """Where an answer is not as recorded."""

    where: str
    expected: object
    got: object


def mismatches(expected: Any, got: Any, where: str = "json", *, any_order: bool = False) -> Iterator[Mismatch]:
    """Everything in which `got` is not `expected`; `any_order` is for the outermost list."""
    if isinstance(expected, dict) and isinstance(got, dict):
        yield from _in_objects(expected, got, where)
    elif isinstance(expected, list) and isinstance(got, list):
        yield from _in_lists(expected, got, where, any_order)
    elif not _same(expected, got):
        yield Mismatch(where, expected, got)


def shown(value: object) -> str:
    """A value on one line, short enough to read."""
    text = repr(value) if value is NOTHING else json.dumps(value, default=repr)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _in_objects(expected: dict[str, Any], got: dict[str, Any], where: str) -> Iterator[Mismatch]:
    for key, value in expected.items():
        here = f"{where}/{key}"
        if key in LEFT_OUT:
            continue
        if key not in got:
            yield Mismatch(here, value, NOTHING)
        elif key == "results":
            yield from _in_results(value, got[key], here)
        else:
            yield from mismatches(value, got[key], here, any_order=key == "members")
    for key in got.keys() - expected.keys() - LEFT_OUT.keys():
        yield Mismatch(f"{where}/{key}", NOTHING, got[key])


def _in_results(expected: list[dict[str, Any]], got: Any, where: str) -> Iterator[Mismatch]:
    """The recordings hold a few keys of each result; the others are free."""
    if isinstance(got, list) and all(isinstance(item, dict) for item in got):
        named = {key for item in expected for key in item}
        got = [{key: value for key, value in item.items() if key in named} for item in got]
    yield from mismatches(expected, got, where)


def _in_lists(expected: list[Any], got: list[Any], where: str, any_order: bool) -> Iterator[Mismatch]:
    if len(expected) != len(got):
        yield Mismatch(f"{where}/length", len(expected), len(got))
        return
    left = list(got)
    for place, item in enumerate(expected):
        candidates = left if any_order else left[:1]
        found = [list(mismatches(item, candidate, f"{where}/{place}")) for candidate in candidates]
        best = min(range(len(found)), key=lambda index: len(found[index]))
        yield from found[best]
        del left[best]


def _same(expected: Any, got: Any) -> bool:
    if expected == "<any>":
        return True
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if not isinstance(expected, str):
        return bool(expected == got)
    if expected == "<int>" and isinstance(got, int):
        return True
    return isinstance(got, str) and re.fullmatch(_pattern(expected), got) is not None


def _pattern(text: str) -> str:
    parts = re.split(f"({'|'.join(PLACEHOLDERS)})", text)
    return "".join(PLACEHOLDERS.get(part) or re.escape(part) for part in parts)
