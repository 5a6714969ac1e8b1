"""Environment files as Docker Compose reads them."""

from __future__ import annotations

import pytest

from sandbox.env_file import EnvFileError, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=plain", "plain"),
        ("A = spaced ", "spaced"),
        ("export A=exported", "exported"),
        ("A: yaml", "yaml"),
        ("A=", ""),
        ("A=x # note", "x"),
        ("A=x#y", "x#y"),
        ("A=a=b", "a=b"),
        ("A='single $B # kept'", "single $B # kept"),
        ('A="double\\n"', "double\n"),
        ('A="two\nlines"', "two\nlines"),
        ("A=pa$B", "pa"),
        ("A=pa$$B", "pa$B"),
        ('A="\\$B"', "$B"),
        ("A=$1", "$1"),
        ("A=${B:-none}", "none"),
        ("A=$HELD", "held"),
        ("HELD=inner\nA=${HELD}", "held"),
        ("C=one\nA=$C", "one"),
        ("# A=no\n\nA=yes", "yes"),
        ("A=x\r\nB=y\r\n", "x"),
        ("\ufeffA=marked", "marked"),
        ("A=first\nA=last", "last"),
    ],
)
def test_a_value(text: str, value: str) -> None:
    assert parse(text, {"HELD": "held"})["A"] == value


def test_a_bare_name_is_passed_on_from_the_command() -> None:
    assert parse("HELD\nABSENT\n", {"HELD": "held"}) == {"HELD": "held"}


@pytest.mark.parametrize("text", ["A B=x", "A='open", "A=${", "A!=x"])
def test_what_compose_refuses(text: str) -> None:
    with pytest.raises(EnvFileError, match="line 1"):
        parse(text, {})
