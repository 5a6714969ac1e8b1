"""Parse an environment file as Docker Compose does for a service: with quotes, comments and interpolation.

Compose expands `$` even here, so a secret with a `$` in it arrives changed unless it is in single quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Lookup = Callable[[str], "str | None"]

_KEY = re.compile(r"(?:export[ \t]+)?([\w.\-\[\]]+)[ \t\r]*(=|:|\n|\Z)")
_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_REFERENCE = re.compile(r"\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-+])([^}]*))?\}|(\{))", re.ASCII)
_ESCAPE = re.compile(r'\\([abfnrtv$"\\])')
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "$": "$$"}


class EnvFileError(Exception):
    """Compose would refuse the file."""


def parse(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a container gets from the file; `environment` is the command's."""
    variables: dict[str, str] = {}

    def lookup(name: str) -> str | None:
        return environment.get(name, variables.get(name))

    # Some editors begin a file with a byte order mark, which Compose skips.
    position = 1 if text.startswith("\ufeff") else 0
    while (position := _skip_blanks(text, position)) < len(text):
        line = text.count("\n", 0, position) + 1
        key = _KEY.match(text, position)
        if key is None:
            raise EnvFileError(f"line {line}: unexpected character in variable name")
        position = key.end()
        if key[2] in ("\n", ""):
            # A bare name is passed on from the command's environment.
            if key[1] in environment:
                variables[key[1]] = environment[key[1]]
            continue
        while text[position : position + 1] in (" ", "\t"):
            position += 1
        variables[key[1]], position = _value(text, position, lookup, line)
    return {name: value for name, value in variables.items() if not name[0].isdigit()}


def interpolate(value: str, variables: Mapping[str, str]) -> str:
    """Fill in the `${…}` of a value in a Compose file."""
    return _expand(value, variables.get, 0)


def _skip_blanks(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _value(text: str, position: int, lookup: Lookup, line: int) -> tuple[str, int]:
    quote = text[position : position + 1]
    if quote not in ("'", '"'):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        return _expand(text[position:end].partition(" #")[0].rstrip(), lookup, line), end
    quoted = re.compile(rf"{quote}((?:\\.|[^{quote}\\])*){quote}", re.DOTALL).match(text, position)
    if quoted is None:
        raise EnvFileError(f"line {line}: unterminated quoted value")
    value = quoted[1].replace(f"\\{quote}", quote)
    if quote == '"':
        value = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), value)
        value = _expand(value, lookup, line)
    return value, quoted.end()


def _expand(value: str, lookup: Lookup, line: int) -> str:
    def replacement(found: re.Match[str]) -> str:
        escaped, bare, braced, operator, word, invalid = found.groups()
        if invalid:
            raise EnvFileError(f"line {line}: invalid template")
        if escaped:
            return "$"
        held = lookup(bare or braced)
        missing = not held if operator and operator.startswith(":") else held is None
        if operator and operator.endswith("-"):
            return str(word) if missing else held or ""
        if operator and operator.endswith("+"):
            return "" if missing else str(word)
        return held or ""

    return _REFERENCE.sub(replacement, value)
