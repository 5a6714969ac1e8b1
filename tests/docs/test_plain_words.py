"""The pages, the messages, and the code's docstrings and comments avoid the words in docs/plain_words.txt."""

from __future__ import annotations

from docs.plain_words import comments, found, in_source, problems


def test_everything_is_in_plain_words() -> None:
    lines = [*problems()]
    assert not lines, "write otherwise:\n" + "\n".join(lines)


def test_words_are_found_in_prose_only() -> None:
    page = "It is\nMENDED here.\n\n    mend\n\n```text\nmend\n```\n\n`mend` [link](mend.md) recommend, somebody else\n"
    assert found(page) == ["line 2: MENDED -> fix"]
    assert found("A run is\ncut\noff.\n") == ["line 2: cut off -> interrupted; stopped"]


def test_words_are_found_in_docstrings_and_comments_with_their_line() -> None:
    source = '"""Mend it."""\nmend = "mend"  # ``mend``, or mended\n\n# Cut\n# off.\n'
    source += 'class One:\n    two: int\n    """Whoever."""\n'
    assert [problem.partition(" -> ")[0] for problem in in_source(source)] == [
        "line 1: Mend",
        "line 8: Whoever",
        "line 2: mended",
        "line 4: Cut off",
    ]


def test_the_name_of_an_argument_is_no_prose() -> None:
    source = (
        'def do(wanted: int) -> None:\n    """Do it.\n\n    Args:\n        wanted: how often it is wanted.\n    """\n'
    )
    assert in_source(source) == ["line 5: wanted -> must be; optional; asked in the settings"]


def test_a_block_of_comments_is_one_text() -> None:
    assert [*comments("# one\n# two\nx = 1\n\n# three\n")] == [(1, "one\ntwo"), (5, "three")]
