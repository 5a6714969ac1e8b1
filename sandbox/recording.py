"""`make recording`: run the demo in a terminal, and draw its output as an animated picture, docs/demo.svg.

The picture is one text that scrolls like a terminal; for readers who turned animation off, it shows the end. Colours
follow the reader's light or dark scheme.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

COLUMNS, ROWS = 110, 36
TARGET = Path("docs/demo.svg")

RECORDED = {
    TARGET: ("sandbox.demo", "make demo: the deploy creates everything on a new host, and then changes nothing"),
    Path("docs/drift.svg"): ("sandbox.drift_demo", "drift finds what somebody changed, and the deploy repairs it"),
}
"""By picture: the program that is recorded, and what the picture is about."""

LINE, CHARACTER, MARGIN = 18, 8.4, 14
"""Height of a line and width of a character at 14 px, and the space around all of it."""

SHORTEST, LONGEST, END = 0.06, 1.0, 8.0
"""Minimum and maximum seconds for which a line is the last one, because the program is faster than a reader; the
end."""

COLOURS = {
    # SGR number: class, in a light and in a dark scheme; each at least 4.5:1 on its ground.
    31: ("r", "#b3261e", "#ff8a80"),
    32: ("g", "#1a7f37", "#56d364"),
    33: ("y", "#8a5a00", "#e3b341"),
    34: ("b", "#0550ae", "#79c0ff"),
    36: ("c", "#0a6c74", "#56d4dd"),
}
GROUND, TEXT = ("#f6f8fa", "#0d1117"), ("#1f2328", "#d1d9e0")

_SGR = re.compile(r"\x1b\[([0-9;]*)m")
_OTHER = re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]")

Piece = tuple[str, str]
"""A text and its classes."""


def main() -> int:
    """Record the programs and write the pictures. Returns a program's exit code if it failed."""
    return max(_draw(target, *of) for target, of in RECORDED.items())


def _draw(target: Path, program: str, title: str) -> int:
    code, lines = record([sys.executable, "-m", program])
    text = "\n".join(line for _, line in lines)
    if code:
        print(text, file=sys.stderr)
        return code
    if any(place in text for place in (str(Path.cwd()), str(Path.home()))):
        print("recording: the demo shows a path of this machine; nothing was written", file=sys.stderr)
        return 1
    target.parent.mkdir(exist_ok=True)
    target.write_text(render(lines, title), encoding="utf-8")
    print(f"{target}: {len(lines)} lines, {target.stat().st_size // 1000} kB")
    return 0


def record(command: Sequence[str]) -> tuple[int, list[tuple[float, str]]]:
    """Run a command in a terminal; return its exit code, and each line with the second at which it was complete."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    # Without pyinfra's spinner, the only output that rewrites a line.
    environment |= {"TERM": "xterm-256color", "PYINFRA_PROGRESS": "off", "PYTHONUNBUFFERED": "1"}
    begun, lines, rest = time.monotonic(), [], b""
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        while part := _read(ours):
            *whole, rest = (rest + part).split(b"\n")
            lines += [(time.monotonic() - begun, line.decode(errors="replace")) for line in whole]
    os.close(ours)
    return process.returncode, lines


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the end of a terminal on Linux
        return b""


def render(lines: Sequence[tuple[float, str]], title: str = RECORDED[TARGET][1]) -> str:
    """The picture of lines with escape sequences, each with the second at which it was shown."""
    rows: list[list[Piece]] = []
    steps: list[tuple[float, int]] = []  # at each time, the number of rows in the picture
    now = before = 0.0
    for at, line in lines:
        now += min(max(at - before, SHORTEST), LONGEST)
        before = at
        rows += _wrapped(_pieces(line))
        steps.append((now, len(rows)))
    whole = now + END
    height = ROWS * LINE
    frames = " ".join(
        f"{at / whole:.2%}{{transform:translateY({height - count * LINE}px)}}" for at, count in [(0.0, 0), *steps]
    )
    texts = "\n".join(
        f'<text y="{number * LINE + 13}">{"".join(map(_span, row))}</text>' for number, row in enumerate(rows) if row
    )
    width = round(COLUMNS * CHARACTER)
    box = f"0 0 {width + 2 * MARGIN} {height + 2 * MARGIN}"
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img">
<title>make demo: the deploy sets Plane up on a new host, and then changes nothing</title>
<style>
{_scheme(0)}
@media (prefers-color-scheme: dark) {{ {_scheme(1)} }}
text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }}
.B {{ font-weight: bold }}
#all {{ transform: translateY({height - len(rows) * LINE}px); animation: scroll {whole:.1f}s step-end infinite }}
@keyframes scroll {{ {frames} }}
@media (prefers-reduced-motion: reduce) {{ #all {{ animation: none }} }}
</style>
<rect width="100%" height="100%" rx="8"/>
<svg x="{MARGIN}" y="{MARGIN}" width="{width}" height="{height}" xml:space="preserve"><g id="all">
{texts}
</g></svg>
</svg>
"""


def _scheme(dark: int) -> str:
    fills = {"rect": GROUND[dark], "text": TEXT[dark]}
    fills |= {f".{name}": shades[dark] for name, *shades in COLOURS.values()}
    return " ".join(f"{name} {{ fill: {colour} }}" for name, colour in fills.items())


def _pieces(line: str) -> Iterator[Piece]:
    # A line's final text is the part after its last carriage return.
    line = _OTHER.sub("", line.rstrip("\r")).rpartition("\r")[2].expandtabs()
    bold, colour = "", ""
    for number, part in enumerate(_SGR.split(line)):
        if number % 2 == 0:
            if part:
                yield part, f"{bold} {colour}".strip()
            continue
        for code in map(int, (part or "0").replace(";", " ").split()):
            if code in (0, 22):
                bold = ""
            if code == 1:
                bold = "B"
            if code in (0, 39):
                colour = ""
            # The bright ones, 91 to 96, are drawn like the others.
            colour = COLOURS.get(code % 60 if code > 90 else code, (colour,))[0]


def _wrapped(pieces: Iterator[Piece]) -> list[list[Piece]]:
    """The rows that a line takes on a terminal of this width."""
    rows: list[list[Piece]] = [[]]
    left = COLUMNS
    for text, classes in pieces:
        while text:
            if not left:
                rows.append([])
                left = COLUMNS
            rows[-1].append((text[:left], classes))
            text, left = text[left:], left - len(text[:left])
    return rows


def _span(piece: Piece) -> str:
    text, classes = escape(piece[0]), piece[1]
    return f'<tspan class="{classes}">{text}</tspan>' if classes else text


if __name__ == "__main__":
    sys.exit(main())
