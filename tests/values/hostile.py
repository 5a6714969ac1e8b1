"""Values that somebody might mean harm with, or that something on the way might change; and more of their kind.

``make test`` tries some hundreds, by the seed of `tests/sampled.py`; ``make test-deep`` well over ten thousand. What
was tried is counted: see ``conftest.py``.
"""

from __future__ import annotations

import hypothesis
from hypothesis import HealthCheck
from hypothesis import strategies as st

from tests.sampled import chosen, part

CANARY = "canary"
"""The file that would be there, in the folder where a command ran, had a value been run as one."""

HOSTILE: dict[str, str] = {
    # Shells
    "command": f"$(touch {CANARY})",
    "backticks": f"`touch {CANARY}`",
    "semicolon": f"x; touch {CANARY}",
    "and": f"x && touch {CANARY}",
    "pipe": f"x | touch {CANARY}",
    "background": f"x & touch {CANARY} &",
    "out of single quotes": f"'; touch {CANARY}; '",
    "out of double quotes": f'"; touch {CANARY}; "',
    "second line": f"x\ntouch {CANARY}",
    "redirection": f"x > {CANARY}",
    "here document": f"x\nSQL\ntouch {CANARY}",
    "variable": "$HOME ${PATH} $1 $$",
    "history": "!! !$",
    "glob": "* ? [a-z] {a,b} ~",
    "option": "-rf",
    "long option": "--help",
    "dash": "-",
    "end of options": "--",
    # SQL and psql
    "single quote": "o'brien",
    "double quote": 'the "one"',
    "backslash": "back\\slash\\",
    "escaped quote": "\\'; DROP ROLE postgres; --",
    "statement": "x'; DROP DATABASE postgres; --",
    "identifier": 'x"; DROP DATABASE postgres; --',
    "dollar quotes": "$$; DROP ROLE postgres; $$",
    "comment": "x -- not",
    "block comment": "x /* not */",
    "keyword": "select",
    "reserved word": "user",
    "current user": "current_user",
    "upper case": "PLANE Production",
    "public": "public",
    "none": "none",
    "system role": "pg_monitor",
    "template": "template1",
    "psql variable": ":role :'role' :\"role\"",
    "psql command": "\\connect postgres",
    "psql shell": f"\\! touch {CANARY}",
    "connection string": "dbname=postgres user=postgres",
    "connection address": "postgresql://postgres@/postgres",
    # Templates and formats
    "jinja": "{{ 7 * 7 }}{% if x %}{# #}",
    "jinja classes": "{{ ''.__class__.__mro__ }}",
    "format": "{0} {plane_config_dir} {x!r}",
    "percents": "100% %s %(x)s %n %25 %00",
    "go template": "{{.Names}}",
    # Addresses, headers, files
    "address parts": "a@b:c/d?e=f&g#h",
    "userinfo": "me:pw@host:5432/db?sslmode=disable",
    "up": "../../../etc/passwd",
    "dots": "..",
    "slashes": "a//b/./c",
    "backslashes": "..\\..\\x",
    "home": "~root/x",
    "header": "x\r\nX-Injected: yes",
    "assignment": "x=y",
    "hash": "x # not a comment",
    "json": '{"a": ["b", null]}',
    "markup": "<script>alert(1)</script>&amp;",
    "url": "https://evil.example.com/x",
    "host": "see www.example.com",
    # Blanks and control characters
    "empty": "",
    "blank": " ",
    "blanks around": "  x  ",
    "tab": "a\tb",
    "line break at the end": "x\n",
    "line breaks": "one\r\ntwo\rthree",
    "nul": "a\0b",
    "escape": "\x1b[2J\x1b]0;title\x07",
    "c1": "a\x9b2Jb",
    "next line": "a\x85b",
    "separators": "a\u2028b\u2029c",
    "no-break": "a\u00a0b",
    "no-break around": "\u00a0x\u2003",
    "byte order mark": "\ufeffx",
    # Writing
    "right to left": "שלום עולם",
    "arabic": "مرحبا",
    "override": "\u202egnp.exe\u202c",
    "isolate": "\u2066x\u2069",
    "combining": "A\u030angstro\u0308m",
    "composed": "\u00c5ngstr\u00f6m",
    "stacked": "Z\u0351\u036b\u0343\u036aa\u0302\u033fl\u034a",
    "zero width": "a\u200bb\u200dc",
    "emoji": "\U0001f600",
    "emoji sequence": "\U0001f469\u200d\U0001f4bb\U0001f3fd",
    "ligature": "ﬁ Ⅷ ① ß \u017f İ \u0131",
    "fullwidth": "\uff46\uff55\u3000\uff07\uff02\uff1b",
    "hangul": "ᄒ\u1161\u11ab 한",
    "astral": "\U00020000\U000e0041",
    "not a character": "a\ufffe\uffff\ufdd0",
    "half of a pair": "a\ud800b",
    "undecodable": "a\udcffb",
    # Lengths
    "63 letters": "x" * 63,
    "64 letters": "x" * 64,
    "63 bytes": "ü" * 31 + "x",
    "80 letters": "x" * 80,
    "255 letters": "x" * 255,
    "256 letters": "x" * 256,
    "255 of four bytes": "\U0001f600" * 255,
    "very long": "long " * 14_000 + "end",
}
"""By what is hostile about each."""

FAMILIES = {
    "command": "shells", "single quote": "SQL", "jinja": "templates", "address parts": "addresses",
    "empty": "blanks", "right to left": "writing", "63 letters": "lengths",
}  # fmt: skip
"""By the first value of each, the families in the order of the table."""


def some(table: str, at_least: int) -> list[str]:
    """The names of the values that a test tries: at least one of each family, and all in ``make test-deep``."""
    names = list(HOSTILE)
    starts = [names.index(first) for first in FAMILIES]
    families = {name: sum(start <= index for start in starts) for index, name in enumerate(names)}
    return chosen(f"values: {table}", names, at_least, lambda name: [families[name]])


SHORT = {name: value for name, value in HOSTILE.items() if len(value) < 1000}

_pieces = st.sampled_from([value for value in SHORT.values() if value])
_letters = st.text(st.characters(), min_size=1, max_size=12)
_plain = st.text("abcXYZ019_-. ", min_size=1, max_size=8)
_at_limits = st.sampled_from((20, 48, 63, 64, 80, 254, 255, 256)).flatmap(
    lambda size: st.sampled_from("xü\U0001f600 ").map(lambda one: one * size)
)

hostile = st.one_of(
    st.sampled_from(list(HOSTILE.values())),
    st.lists(st.one_of(_pieces, _letters, _plain), min_size=1, max_size=4).map("".join),
    st.text(max_size=70),
    _at_limits,
)
"""Values of the table, alone and mixed with one another and with any text."""

mild = st.lists(st.one_of(_pieces, _letters, _plain), min_size=1, max_size=3).map(
    lambda parts: "".join(char for part in parts for char in part if not "\ud800" <= char <= "\udfff")
)
"""As :data:`hostile`, of what is text at all."""


def times(few: int, many: int) -> hypothesis.settings:
    """How many examples a test tries: `few` in ``make test``, `many` in ``make test-deep``, or a part of those."""
    part_of_all = part()
    return hypothesis.settings(
        max_examples=few if part_of_all is None else max(few, many // part_of_all.of),
        deadline=None,
        # The seed says which; what failed once is shown by pytest, and kept nowhere.
        database=None,
        # A failing one is shown by pytest; the text to run it again with is as long as the value.
        print_blob=False,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


class Tally:
    """Counts the examples that were tried; a value that goes to one place is one."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, count: int = 1) -> None:
        """That many more were tried."""
        self.count += count


TALLY = Tally()
