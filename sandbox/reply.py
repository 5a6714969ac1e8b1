"""The `docker` command's own answers, the commands that replace it, and its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Reply:
    stdout: str = ""
    stderr: str = ""
    code: int = 0


@dataclass
class Run:
    """A command that replaces the client."""

    words: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    stdin: bool


@dataclass
class FromInput:
    """An answer to what the client has on standard input, in text."""

    answer: Callable[[str], Reply]


def table(rows: Iterable[Mapping[str, str]], columns: Mapping[str, str]) -> list[str]:
    """The lines of a table as docker prints it; `columns` maps a heading to a key of the rows."""
    cells = [list(columns), *([row[key] for key in columns.values()] for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    padded = ["   ".join(map(str.ljust, line, widths)) for line in cells]
    return [line.rstrip() for line in padded]
