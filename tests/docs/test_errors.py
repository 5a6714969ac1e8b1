"""Given docs/errors.md: it has every message about a failure that is in the code, and no other; `make reference` copies
the messages from the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.errors import PAGE, Entry, entries, page, resembling, updated
from docs.messages import messages, of_source
from docs.reference import main

EMPTY = re.compile(r"Do: ([\w ]+ that )?(as |what )?the (message|line) (says|names|lists)\.$", re.I | re.M)
"""A cure that only refers to the message."""


def test_every_message_is_on_the_page() -> None:
    assert not page().missing, "add to docs/errors.md:\n" + "\n".join(page().missing)


def test_every_message_on_the_page_is_in_the_code() -> None:
    assert not page().outdated, "no longer in the code:\n" + "\n".join(page().outdated)


def test_each_message_is_on_the_page_once_with_at_most_one_cause_and_one_cure() -> None:
    found = entries(PAGE.read_text())
    names = [message for entry in found for message in entry.messages]
    assert sorted(set(names)) == sorted(names)
    for entry in found:
        labels = re.findall(r"(?m)^  - (\w+): ", entry.text)
        assert labels == [label for label in ("Why", "Do") if label in labels], entry.messages
        assert "As above" not in entry.text, entry.messages  # a search leads here, and what is above is not seen
        assert not EMPTY.search(entry.text), entry.messages


def test_a_changed_message_is_changed_on_the_page() -> None:
    before = "# Errors\n\n- `the host … is down; start it`\n  - Why: a\n\n- `no such …`,\n  `no … here`\n  - Do: b\n"
    after = updated(before, {"the host … does not run; start it", "no such …", "no … in this place"})
    assert after.text == before.replace("is down", "does not run").replace("here", "in this place")
    assert not after.missing and not after.outdated
    assert updated(after.text, {"the host … does not run; start it", "no such …", "no … in this place"}) == after


def test_a_long_message_is_broken_at_the_pages_width() -> None:
    after = updated("- `a b c d`\n  - Why: e\n", {" ".join(["a b c d"] + ["word"] * 3)})
    assert after.text == "- `a b c d word word word`\n  - Why: e\n"
    words = " ".join(["longer"] * 40)
    text = updated(f"- `{words} end`\n\n", {f"{words} now"}).text
    assert max(map(len, text.splitlines())) <= 120 and entries(text) == [Entry((f"{words} now",), "")]


def test_a_new_message_is_reported() -> None:
    after = updated("- `the host … is down`\n  - Why: a\n", {"the host … is down", "the moon is full"})
    assert after.missing == ("the moon is full",) and not after.outdated
    assert "needs an entry" in next(after.problems())


def test_a_message_that_was_removed_is_reported() -> None:
    after = updated("- `the host … is down`\n  - Why: a\n", {"the moon is full"})
    assert after.outdated == ("the host … is down",) and after.missing == ("the moon is full",)


def test_an_ambiguous_change_is_left_to_a_person() -> None:
    assert resembling({"the file … is old"}, {"the file … is new", "the file … is big"}) == {}
    assert resembling({"the file … is old", "the file … is bad"}, {"the file … is new"}) == {}
    # The best pairs first: what is left over after them may be clear.
    former = {"one two three four five six", "one two three four seven eight"}
    new = {"one two three four five nine", "one two three seven seven eight"}
    assert resembling(former, new) == {
        "one two three four five six": "one two three four five nine",
        "one two three four seven eight": "one two three seven seven eight",
    }


def test_make_reference_fails_if_the_page_needs_an_entry(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "errors.md"
    written.write_text("- `the moon is full`\n")
    monkeypatch.setattr("docs.errors.PAGE", written)
    monkeypatch.setattr("docs.reference.WRITTEN", {})
    assert main() == 1
    assert "remove it: the moon is full" in capsys.readouterr().err


def test_what_is_read_off_a_module(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        'ADVICE = "; run again"\n'
        "def do(values, host, name, count):\n"
        '    reason = "gone" if count else "late"\n'
        '    after = f" ({count} s)" if count else ""\n'
        '    if count: raise PlaneError(f"{name} is {reason}{after}{ADVICE}")\n'
        '    if count > 1: raise ValueError("never shown")\n'
        "    if count > 2: raise TargetError(explain(name))\n"
        '    given.must_be(f"at least {count}")\n'
        '    given.must("not be taken")\n'
        '    given.must("not be seen", shown=False)\n'
        '    given.refuse(f"missing; set {count}")\n'
        '    also(check, "begin with a letter", good)\n'
        '    values.problems.append(f"{name}: unknown")\n'
        '    yield Note(f"! mind {name}")\n'
        '    yield Change((f"? {name} cannot be told",), do)\n'
        '    yield Change((f"+ made {name}",), do)\n'
        "def explain(name):\n"
        '    """? no line"""\n'
        '    return {"a": "first advice"}.get(name, "other advice")\n'
    )
    assert messages([module]) == {
        "… is gone…; run again",
        "… is late…; run again",
        "first advice",
        "other advice",
        "… must be … (got …)",
        "… must not be taken (got …)",
        "… must not be seen",
        "…: missing; set …",
        "… must begin with a letter (got …)",
        "…: unknown",
        "! mind …",
        "? … cannot be told",
    }


def test_a_message_that_nobody_wrote_down_is_seen() -> None:
    assert of_source('def do():\n    raise PlaneError("the moon is full")\n') == {"the moon is full"}


def test_what_counts_as_an_entry() -> None:
    text = "- `one\n  two …`\n  - Why: `a`\n    c\n  - Do: b\n\n- no entry\n\n- `no cause`\n\n- `code` and more\n"
    text += "- `three`,\n  `four`\n  - Why: d\n"
    assert entries(text) == [
        Entry(("one two …",), "  - Why: `a`\n    c\n  - Do: b\n"),
        Entry(("no cause",), ""),
        Entry(("three", "four"), "  - Why: d\n"),
    ]
