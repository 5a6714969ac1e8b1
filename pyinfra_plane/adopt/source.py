"""Settings as Python source for people: a value on one line if it fits, otherwise one entry per line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.text import printable

WIDTH = 120
STEP = "    "


@dataclass(frozen=True)
class Block:
    """A setting with a comment.

    Args:
        name: of the setting; empty if there is only a comment.
        value: a text, number, switch, ``None``, list or dict.
        comment: sentences before it.
        is_off: whether the setting is a comment too.
    """

    name: str = ""
    value: Any = None
    comment: str = ""
    is_off: bool = False


def source(blocks: Iterable[Block]) -> str:
    """Return the blocks as a Python module."""
    return "\n\n".join(_block(block) for block in blocks) + "\n"


def _block(block: Block) -> str:
    # Plane's text may contain anything, and must not end the comment that contains it.
    lines = [f"# {line}" for line in textwrap.wrap(printable(block.comment), WIDTH - 2)]
    if block.name:
        text = literal(block.value, len(block.name) + 3 + (2 if block.is_off else 0))
        code = f"{block.name} = {text}".split("\n")
        lines += [f"# {line}" for line in code] if block.is_off else code
    return "\n".join(lines)


def literal(value: Any, used: int = 0, indent: str = "") -> str:
    """Return a value as Python source; non-printable characters are escaped.

    Args:
        value: as in :class:`Block`.
        used: the columns that are already used on its first line.
        indent: of the line that it begins on.
    """
    flat = _flat(value)
    if used + len(flat) <= WIDTH - 1 and not _is_deep(value):
        return flat
    inner = indent + STEP
    if isinstance(value, Mapping) and value:
        rows = [f"{text(key)}: {literal(one, len(inner) + len(text(key)) + 2, inner)}" for key, one in value.items()]
        return "{\n" + "".join(f"{inner}{row},\n" for row in rows) + indent + "}"
    if isinstance(value, (list, tuple)) and value:
        return "[\n" + "".join(f"{inner}{literal(one, len(inner), inner)},\n" for one in value) + indent + "]"
    return flat


def _is_deep(value: Any) -> bool:
    """Whether it contains nested values, which are easier to read on separate lines."""
    return isinstance(value, (list, tuple, Mapping)) and any(
        isinstance(one, Mapping) or (isinstance(one, (list, tuple)) and _is_deep(one))
        for one in (value.values() if isinstance(value, Mapping) else value)
    )


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{text(key)}: {_flat(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flat, value)) + "]"
    return text(value) if isinstance(value, str) else repr(value)


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def text(value: str) -> str:
    """Return a text as Python source, in double quotes."""
    return '"' + "".join(_ESCAPES.get(char) or (char if char.isprintable() else _escape(char)) for char in value) + '"'


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
