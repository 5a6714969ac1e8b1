"""Given docs/errors.md: it has every message about a failure that is in the code, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.messages import messages, of_source, product_files
from tests.docs.pages import DOCS

ENTRY = re.compile(r"^- (`(?:(?!\n\n).)+?`)\n((?:  - [^\n]*\n(?:    [^\n]*\n)*)+)", re.M | re.S)


def entries(page: str) -> list[tuple[str, str]]:
    """The messages of the page, each with what is said of it; several may share an entry."""
    found = []
    for match in re.finditer(ENTRY, page):
        # A code span may be broken over lines.
        found += [(" ".join(message.split()), match[2]) for message in re.findall(r"`(.+?)`", match[1], re.S)]
    return found


def test_every_message_is_on_the_page() -> None:
    there = {message for message, _ in entries((DOCS / "errors.md").read_text())}
    absent = messages(product_files()) - there
    assert not absent, "add to docs/errors.md:\n" + "\n".join(sorted(absent))


def test_every_message_on_the_page_is_in_the_code() -> None:
    there = {message for message, _ in entries((DOCS / "errors.md").read_text())}
    gone = there - messages(product_files())
    assert not gone, "no longer in the code:\n" + "\n".join(sorted(gone))


def test_each_is_there_once_with_one_cause_and_one_cure() -> None:
    found = entries((DOCS / "errors.md").read_text())
    names = [message for message, _ in found]
    assert sorted(set(names)) == sorted(names)
    for message, text in found:
        assert text.count("  - Why: ") == text.count("  - Do: ") == 1, message
        assert "As above" not in text, message  # a search leads here, and what is above is not seen


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
    page = "- `one\n  two …`\n  - Why: `a`\n    c\n  - Do: b\n\n- no entry\n\n- `no cause`\n\n"
    page += "- `three`,\n  `four`\n  - Why: d\n"
    assert entries(page) == [
        ("one two …", "  - Why: `a`\n    c\n  - Do: b\n"),
        ("three", "  - Why: d\n"),
        ("four", "  - Why: d\n"),
    ]
