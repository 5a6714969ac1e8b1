"""The picture of a terminal: the text and the colours of what was shown, as wide as a terminal, in sound XML."""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sandbox.recording import COLUMNS, LINE, RECORDED, record, render

CHECKOUT = Path(__file__).parent.parent.parent

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(picture).iter(f"{SVG}text"))


def test_text_and_colours_are_those_of_the_terminal() -> None:
    sample = "    \x1b[0m[\x1b[1mhost\x1b[0m] \x1b[32m+ <role> & \x1b[1;91mplane\x1b[39m\x1b[0m \x1b[Kdone\r"
    [line] = texts(render([(0.1, sample)]))
    assert "".join(line.itertext()) == "    [host] + <role> & plane done"
    assert [(span.get("class"), span.text) for span in line] == [("B", "host"), ("g", "+ <role> & "), ("B r", "plane")]


def test_a_long_line_takes_as_many_rows_as_on_a_terminal() -> None:
    rows = texts(render([(0.0, "\x1b[33m" + "x" * (2 * COLUMNS) + "\x1b[0my"), (0.0, ""), (0.0, "last")]))
    assert ["".join(row.itertext()) for row in rows] == ["x" * COLUMNS, "x" * COLUMNS, "y", "last"]
    heights = [int(row.attrib["y"]) for row in rows]
    assert [below - above for above, below in itertools.pairwise(heights)] == [LINE, LINE, 2 * LINE]


def test_a_rewritten_line_is_shown_as_it_was_at_last() -> None:
    [line] = texts(render([(0.0, "waiting: 1 s\rwaiting: 2 s\r")]))
    assert "".join(line.itertext()) == "waiting: 2 s"


def test_what_runs_is_told_that_it_is_on_a_terminal() -> None:
    program = f"import os, sys; print(sys.stdout.isatty(), os.get_terminal_size().columns == {COLUMNS}); sys.exit(3)"
    code, lines = record([sys.executable, "-c", program])
    assert (code, [line.strip() for _, line in lines]) == (3, ["True True"])


LAST_HEADINGS = {"demo.svg": "### A token at work: thot", "drift.svg": "### Nothing is left to change"}


@pytest.mark.parametrize("target", RECORDED, ids=lambda target: target.name)
def test_the_picture_that_is_kept_is_small_sound_and_of_no_machine(target: Path) -> None:
    picture = (CHECKOUT / target).read_text(encoding="utf-8")
    assert len(picture.encode()) < 150_000
    shown = ["".join(row.itertext()) for row in texts(picture)]
    # To its end.
    assert [line for line in shown if line.startswith("### ")][-1].startswith(LAST_HEADINGS[target.name])
    # Neither a path from the root, nor anything as long and mixed as a token.
    assert not [line for line in shown if re.search(r"(^|[\s='])/\w|plane_api_\w{8}|[0-9a-f]{24}", line)]
