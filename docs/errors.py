"""`make reference`: keep the messages in docs/errors.md equal to those in the code.

The page's entries are written by hand, their messages are not. If a message changes in the code, this module finds the
entry that has the former text and writes the new text there, as msgmerge does for translations.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from docs.messages import messages, product_files

CHECKOUT = Path(__file__).parent.parent

PAGE = CHECKOUT / "docs" / "errors.md"

ENTRY = re.compile(
    r"^- (?P<messages>`[^`]+`(?:,\n  `[^`]+`)*)\n(?P<text>(?:  - [^\n]*\n(?:    [^\n]*\n)*)*)(?=\n|\Z)", re.M
)
"""An entry: one or more messages in code spans, and below them what a person needs to know beyond the messages."""

WIDTH = 120

LEAST = 0.5
"""How much a new message must resemble a former one to be taken as its new text; 1 is the same text."""

MARGIN = 1.5
"""How many times as much it must differ from any other."""


@dataclass(frozen=True)
class Entry:
    """An entry of the page."""

    messages: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Updated:
    """The page with the code's messages.

    Args:
        text: the page.
        missing: messages in the code that have no entry.
        outdated: messages on the page that are not in the code.
    """

    text: str
    missing: tuple[str, ...]
    outdated: tuple[str, ...]

    def problems(self) -> Iterator[str]:
        """What to edit by hand, one line for each message."""
        yield from (f"docs/errors.md needs an entry (the message, and what it does not say): {m}" for m in self.missing)
        yield from (f"docs/errors.md has a message that is not in the code; remove it: {m}" for m in self.outdated)


def entries(page: str) -> list[Entry]:
    """The entries of a page, in order."""
    return [Entry(tuple(_spans(match["messages"])), match["text"]) for match in ENTRY.finditer(page)]


def updated(page: str, current: Iterable[str]) -> Updated:
    """Put the current messages into a page."""
    known = {message for entry in entries(page) for message in entry.messages}
    current = set(current)
    new_texts = resembling(known - current, current - known)

    def entry(match: re.Match[str]) -> str:
        spans = list(_spans(match["messages"]))
        if not any(span in new_texts for span in spans):
            return match[0]
        lines = (_wrapped(new_texts.get(span, span)) for span in spans)
        return "- " + ",\n  ".join(lines) + "\n" + match["text"]

    missing = current - known - set(new_texts.values())
    outdated = known - current - set(new_texts)
    return Updated(ENTRY.sub(entry, page), tuple(sorted(missing)), tuple(sorted(outdated)))


def resembling(former: Iterable[str], new: Iterable[str]) -> dict[str, str]:
    """The new text of each former message, if exactly one resembles it clearly; the best pairs first."""
    pairs = sorted(((_likeness(one, other), one, other) for one in former for other in new), reverse=True)
    found: dict[str, str] = {}
    while pairs:
        likeness, one, other = pairs[0]
        if likeness < LEAST:
            break
        near = 1 - MARGIN * (1 - likeness)
        rivals = [pair for pair in pairs[1:] if pair[0] > near and (pair[1] == one) != (pair[2] == other)]
        if not rivals:
            found[one] = other
        # An ambiguous pair is left to a person, and so are its rivals.
        spent = {one, other, *(text for pair in rivals for text in pair[1:])}
        pairs = [pair for pair in pairs if not spent & {*pair[1:]}]
    return found


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one.split(), other.split(), autojunk=False).ratio()


def _spans(text: str) -> Iterator[str]:
    """The code spans in a text, each on one line."""
    return (" ".join(span.split()) for span in re.findall(r"`(.+?)`", text, re.S))


def _wrapped(message: str) -> str:
    return "\n  ".join(textwrap.wrap(f"`{message}`", WIDTH - 2, break_long_words=False, break_on_hyphens=False))


def page() -> Updated:
    """docs/errors.md with the messages of the code."""
    return updated(PAGE.read_text(encoding="utf-8"), messages(product_files()))
