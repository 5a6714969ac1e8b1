"""The table of figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import median

HEADINGS = ("what", "against", "measured", "against measured", "ratio", "wanted", "met")


@dataclass(frozen=True)
class Row:
    """A figure, the figure that it is compared with, and its limit, if it has one."""

    what: str
    against: str
    measured: str
    against_measured: str
    ratio: str
    wanted: str
    met: bool

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        cells = (self.what, self.against, self.measured, self.against_measured, self.ratio, self.wanted)
        return (*cells, ("yes" if self.met else "**no**") if self.wanted else "")

    @property
    def unrated(self) -> Row:
        """The row without a limit."""
        return replace(self, wanted="")


def at_most(what: str, against: str, measured: float, other: float, limit: float) -> Row:
    """A time with a limit: a multiple of another time."""
    ratio = measured / other
    return Row(what, against, seconds(measured), seconds(other), f"{ratio:.2f}", f"at most {limit:g}", ratio <= limit)


def times_faster(what: str, against: str, measured: float, other: float, least: float) -> Row:
    """A time with a limit: a fraction of another time."""
    ratio = other / measured
    met = ratio >= least
    wanted = f"at least {least:g} times faster"
    return Row(what, against, seconds(measured), seconds(other), f"{ratio:.1f} times faster", wanted, met)


def flat(what: str, against: str, measured: float, other: float, unit: str, slack: float = 0.2) -> Row:
    """A cost for each one that may exceed another by `slack` at most."""
    met = measured <= (1 + slack) * other
    ratio = f"{measured / other:.2f}" if other > 0 else ""
    return Row(what, against, f"{measured:.2f} {unit}", f"{other:.2f} {unit}", ratio, f"at most {1 + slack:g}", met)


def counted(what: str, rule: str, measured: Iterable[int], wanted: Iterable[int]) -> Row:
    """Counts with limits."""
    found, due = list(measured), list(wanted)
    text = ", ".join(map(str, found))
    return Row(
        what,
        "counted by the stand-in",
        text,
        ", ".join(map(str, due)),
        "",
        rule,
        all(n <= most for n, most in zip(found, due, strict=True)),
    )


def seconds(value: float) -> str:
    """A time with three digits."""
    return f"{value:.2f} s" if value < 100 else f"{value:.0f} s"


def middle(values: Iterable[float]) -> float:
    """The median."""
    return median(values)


def render(rows: Iterable[Row]) -> str:
    """The table in Markdown, with padded columns, so that its source is readable."""
    lines = [HEADINGS, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    padded = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    rule = " | ".join("-" * width for width in widths)
    return "".join(f"| {line} |\n" for line in (padded[0], rule, *padded[1:]))
