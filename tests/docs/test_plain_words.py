"""The pages and the messages avoid the words in plain_words.txt, outside of code and quoted output."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.messages import messages, product_files
from tests.docs.pages import CHECKOUT, DOCS

PAGES = [
    CHECKOUT / "README.md",
    CHECKOUT / "CONTRIBUTING.md",
    CHECKOUT / "SECURITY.md",
    *sorted(DOCS.glob("*.md")),
]

CODE = re.compile(r"(?ms)^ *```.*?^ *```$|^    [^\n]*$|`[^`]+`|\]\([^)]*\)")
"""Fenced and indented blocks, code spans, and where links lead."""

FINE = re.compile(r"(?i)\b(some|no|any|every)(body|one|thing|where)\s+else\b")


def words() -> dict[str, str]:
    """The patterns of plain_words.txt, each with what to write instead."""
    lines = (Path(__file__).parent / "plain_words.txt").read_text().splitlines()
    return dict(line.split(" -> ", 1) for line in lines if line and not line.startswith("#"))


def prose(page: str) -> str:
    """The text of a page with its lines, without its code, and with one white space between words."""
    text = CODE.sub(lambda code: "\n" * code[0].count("\n") or "`", page)
    return re.sub(r"(?m)^ +| +$|(?<= ) +", "", FINE.sub("", text))


def found(text: str) -> list[str]:
    """What to correct in a text, in the order of the list, each with its line."""
    text, problems = prose(text), []
    for pattern, better in words().items():
        whole = rf"(?<!\w)(?:{pattern})(?!\w)".replace(" ", r"\s")
        for match in re.finditer(whole, text, re.I):
            line = text.count("\n", 0, match.start()) + 1
            problems.append(f"line {line}: {' '.join(match[0].split())} -> {better}")
    return problems


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_in_plain_words(page: Path) -> None:
    problems = found(page.read_text())
    assert not problems, f"write otherwise in {page.name}:\n" + "\n".join(problems)


def test_messages_are_in_plain_words() -> None:
    problems = [f"{line}: {problem}" for line in sorted(messages(product_files())) for problem in found(line)]
    assert not problems, "write otherwise:\n" + "\n".join(problems)


def test_words_are_found_in_prose_only() -> None:
    page = "It is\nMENDED here.\n\n    mend\n\n```text\nmend\n```\n\n`mend` [link](mend.md) recommend, somebody else\n"
    assert found(page) == ["line 2: MENDED -> fix"]
    assert found("A run is\ncut\noff.\n") == ["line 2: cut off -> interrupted; stopped"]
