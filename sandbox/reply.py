"""What the `docker` command answers by itself, and how it prints a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass
class Reply:
    stdout: str = ""
    stderr: str = ""
    code: int = 0


def table(rows: Iterable[Mapping[str, str]], columns: Mapping[str, str]) -> list[str]:
    """The lines of a table as docker prints it; `columns` maps a heading to a key of the rows."""
    cells = [list(columns), *([row[key] for key in columns.values()] for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    padded = ["   ".join(map(str.ljust, line, widths)) for line in cells]
    return [line.rstrip() for line in padded]
