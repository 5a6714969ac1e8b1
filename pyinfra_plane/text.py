"""Make text from others safe to show: it cannot steer a terminal, imitate a line of output, or fill a screen.

Text from a server or a target may contain anything: escape sequences that repaint the screen or set its title
(ECMA-48), line breaks that imitate lines of this deploy, marks that change the direction of writing.
"""

from __future__ import annotations

import re

LONGEST = 2000
"""Maximum characters of a whole line. This project's longest line names every instance setting, about 1,500."""

LONGEST_QUOTE = 200
"""Maximum characters of quoted text within a line."""

LARGE = 10**100
"""Whole numbers from here on are refused; Python prints none of more than 4,300 digits."""

# A control sequence, a string (such as a window's title), any other escape: ECMA-48, sections 5.3 to 5.6.
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*|\x1b[ -~]?"
)


def printable(text: str, longest: int = LONGEST) -> str:
    """Return the text as one line of printable characters, shortened if it is too long."""
    # The input is limited as well; escapes may be many times as long as the remaining text.
    text = _ESCAPE.sub("", text[: 10 * longest])
    # isprintable() refuses control and format characters (which change the direction), surrogates, unusual spaces.
    text = "".join(char if char.isprintable() else " " for char in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def quote(text: str, longest: int = LONGEST_QUOTE) -> str:
    """Quote text from others within a line: as :func:`printable`, with runs of blanks collapsed."""
    return " ".join(printable(text, 4 * longest).split())[:longest]


def may_hold_password(text: str) -> bool:
    """Whether it looks like an address with a user and a password, or like a query, which may contain one too."""
    return re.search(r":.*@|://.*\?", text, re.DOTALL) is not None


def as_text(value: object) -> str | None:
    """Return a text, or a whole number as text; ``None`` for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGE:
        return str(value)
    return None
