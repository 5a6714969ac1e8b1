"""`make lint`: find words of plain_words.txt in pages, messages, docstrings and comments."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from docs.messages import messages, product_files

CHECKOUT = Path(__file__).parent.parent

PAGES = [
    *(CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((CHECKOUT / "docs").glob("*.md")),
]

SOURCES = sorted(
    [
        *CHECKOUT.glob("*.py"),
        *(
            path
            for folder in ("docs", "operations", "pyinfra_plane", "sandbox", "benchmarks", "examples", "group_data")
            for path in (CHECKOUT / folder).rglob("*.py")
        ),
    ]
)
"""The code whose docstrings and comments are searched."""

CODE = re.compile(r"(?ms)^ *```.*?^ *```$|^    [^\n]*$|``[^`]+``|`[^`]+`|\]\([^)]*\)")
"""Fenced and indented blocks, code spans, and where links lead."""

FINE = re.compile(r"(?i)\b(some|no|any|every)(body|one|thing|where)\s+else\b")


@cache
def words() -> dict[re.Pattern[str], str]:
    """The patterns of plain_words.txt, each with what to write instead."""
    lines = (CHECKOUT / "docs" / "plain_words.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(" -> ", 1) for line in lines if line and not line.startswith("#"))
    return {re.compile(rf"(?<!\w)(?:{pattern})(?!\w)".replace(" ", r"\s"), re.I): better for pattern, better in pairs}


def prose(page: str) -> str:
    """The text of a page with its lines, without its code, and with one white space between words."""
    text = CODE.sub(lambda code: "\n" * code[0].count("\n") or "`", page)
    return re.sub(r"(?m)^ +| +$|(?<= ) +", "", FINE.sub("", text))


def found(text: str, first: int = 1) -> list[str]:
    """What to correct in a text, in the order of the list, each with its line; `first` is the number of the first."""
    text, problems = prose(text), []
    for pattern, better in words().items():
        for match in pattern.finditer(text):
            line = first + text.count("\n", 0, match.start())
            problems.append(f"line {line}: {' '.join(match[0].split())} -> {better}")
    return problems


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Each docstring and each block of comments in a module's text, with the number of its first line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            # Indentation marks no code here, and the name of an argument is one of the code's.
            yield node.lineno, re.sub(r"(?m)^ +(\w+:)?", "", node.value.value)
    block: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if block and token.start[0] != last + 1:
            yield last - len(block) + 1, "\n".join(block)
            block = []
        block.append(token.string.lstrip("# "))
        last = token.start[0]
    if block:
        yield last - len(block) + 1, "\n".join(block)


def in_source(source: str) -> list[str]:
    """What to correct in the docstrings and comments of a module's text."""
    return [problem for line, text in comments(source) for problem in found(text, line)]


def problems() -> Iterator[str]:
    """What to correct in the whole checkout, one line each."""
    for path in PAGES:
        yield from (f"{path.relative_to(CHECKOUT)}: {problem}" for problem in found(path.read_text(encoding="utf-8")))
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        yield from (f"{path.relative_to(CHECKOUT)}: {problem}" for problem in in_source(text))
    for line in sorted(messages(product_files())):
        yield from (f"{line}: {problem}" for problem in found(line))


if __name__ == "__main__":
    lines = [*problems()]
    print(*lines, sep="\n", end="\n" if lines else "")
    sys.exit(bool(lines))
