"""Text that others wrote, made fit to be shown: it cannot steer a terminal, pretend to be a line, or fill a screen.

What a server or a target says may hold anything: escape sequences that repaint the screen or set its title (ECMA-48),
line breaks that look like lines of this deploy, marks that turn the direction of writing around.
"""

from __future__ import annotations

import re

LONGEST = 2000
"""Characters of a whole line that are shown. The longest one that is ours names every instance setting, some 1,500."""

LONGEST_QUOTE = 200
"""Characters of somebody else's words within a line."""

LARGE = 10**100
"""Whole numbers from here on are refused; Python spells none out of more than 4,300 digits."""

# A control sequence, a string (such as a window's title), any other escape: ECMA-48, sections 5.3 to 5.6.
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*|\x1b[ -~]?"
)


def printable(text: str, longest: int = LONGEST) -> str:
    """The text as one line of printable characters, cut where it is too long."""
    # What is looked at is bounded as well; escapes may be many times as long as what they leave.
    text = _ESCAPE.sub("", text[: 10 * longest])
    # isprintable() refuses control and format characters (which turn the direction), surrogates, odd blanks.
    text = "".join(char if char.isprintable() else " " for char in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def quote(text: str, longest: int = LONGEST_QUOTE) -> str:
    """Somebody else's words within a line: as :func:`printable`, with blanks drawn together."""
    return " ".join(printable(text, 4 * longest).split())[:longest]


def may_hold_password(text: str) -> bool:
    """Whether it looks like an address with a user and a password in it; or like a query, which may hold one too."""
    return re.search(r":.*@|://.*\?", text, re.DOTALL) is not None


def as_text(value: object) -> str | None:
    """A text, or a whole number as one; ``None`` for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGE:
        return str(value)
    return None
