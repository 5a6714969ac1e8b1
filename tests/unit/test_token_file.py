"""The file of the agents' tokens: what is remembered beside them, and that nothing else in it is lost."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pyinfra_plane.host.token_file import TokenFile, TokenNote
from tests.unit.given import PROPERTY, Shell

END = date(2027, 1, 1)
NOTES = [
    (TokenNote(), ""),
    (TokenNote(END), "ends 2027-01-01"),
    (TokenNote(rotating=True), "rotating"),
    (TokenNote(removed=True), "removed"),
    (TokenNote(removed=True, role=15), "removed role 15"),
    (TokenNote(END, rotating=True), "ends 2027-01-01 rotating"),
    (TokenNote(END, removed=True), "ends 2027-01-01 removed"),
    (TokenNote(rotating=True, removed=True), "rotating removed"),
    (TokenNote(END, rotating=True, removed=True), "ends 2027-01-01 rotating removed"),
    (TokenNote(keeps="0a-1B"), "keeps 0a-1B"),
    (
        TokenNote(END, owner="x@javisi.local", keeps="0a-1B", only=True),
        "ends 2027-01-01 keeps 0a-1B only of x@javisi.local",
    ),
    (TokenNote(owner="x@javisi.local"), "of x@javisi.local"),
    (TokenNote(END, owner="x@javisi.local"), "ends 2027-01-01 of x@javisi.local"),
    (
        TokenNote(rotating=True, owner="x@new.example", former="x@old.example"),
        "rotating of x@new.example former x@old.example",
    ),
]


ADDRESSES = st.none() | st.sampled_from(["x@javisi.local", "of=x'+y@bücher.example", "former=@a.b", "%3D%25=@a.b"])


@pytest.fixture
def host(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "configs" / "agent-tokens.env"


def below_the_head(path: Path) -> list[str]:
    """The lines of the file without the first one, which is for people."""
    head, *lines = path.read_text().splitlines()
    assert head.startswith("# ")
    return lines


def test_a_file_that_is_not_there_has_no_tokens(host: Shell, path: Path) -> None:
    file = TokenFile(host, str(path))
    assert (file.file, file.tokens, file.note("PLANE_TOKEN_X")) == (None, {}, TokenNote())


def test_tokens_are_saved_for_their_owner_alone_and_in_no_command(host: Shell, path: Path) -> None:
    file = TokenFile(host, str(path))
    file.tokens["PLANE_TOKEN_X"] = "plane_api_hidden"
    file.save()
    assert below_the_head(path) == ["PLANE_TOKEN_X=plane_api_hidden"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert "hidden" not in "".join(host.commands)
    assert file.file is not None
    assert file.file.text == path.read_text()


@pytest.mark.parametrize(("note", "text"), NOTES, ids=[text or "nothing" for _, text in NOTES])
def test_a_note_is_a_comment_and_is_read_back(host: Shell, path: Path, note: TokenNote, text: str) -> None:
    file = TokenFile(host, str(path))
    file.tokens["PLANE_TOKEN_X"] = "plane_api_1"
    file.set_note("PLANE_TOKEN_X", note)
    file.save()
    comments = [f"# agent x: {text}"] if text else []
    assert below_the_head(path) == [*comments, "PLANE_TOKEN_X=plane_api_1"]
    again = TokenFile(host, str(path))
    assert again.note("PLANE_TOKEN_X") == note
    assert again.tokens == {"PLANE_TOKEN_X": "plane_api_1"}


def test_a_note_can_be_changed_where_it_is(host: Shell, path: Path) -> None:
    file = TokenFile(host, str(path))
    file.note("PLANE_TOKEN_X").rotating = True
    file.save()
    assert below_the_head(path) == ["# agent x: rotating"]
    file.note("PLANE_TOKEN_X").rotating = False
    file.save()
    assert below_the_head(path) == []


def test_a_note_outlives_its_token(host: Shell, path: Path) -> None:
    file = TokenFile(host, str(path))
    file.set_note("PLANE_TOKEN_X", TokenNote(removed=True))
    file.save()
    again = TokenFile(host, str(path))
    assert (again.tokens, again.note("PLANE_TOKEN_X")) == ({}, TokenNote(removed=True))


def test_lines_of_other_names_stay_and_the_order_with_them(host: Shell, path: Path) -> None:
    lines = [
        "# agent b: ends 2027-01-01 rotating",
        "# agent a: removed",
        "# agent c: ends 2026-12-31",
        "PLANE_TOKEN_C=plane_api_c",
        'WRITTEN_BY_HAND=two words = "three" # four',
        "PLANE_TOKEN_B=plane_api_b",
        "EMPTY=",
        "export OTHER=x",
    ]
    path.parent.mkdir()
    path.write_text("# by hand\n\n" + "\n".join(lines) + "\nfree text\n")
    file = TokenFile(host, str(path))
    assert file.note("PLANE_TOKEN_B") == TokenNote(END, rotating=True)
    assert file.note("PLANE_TOKEN_D") == TokenNote()
    file.save()
    # What is neither a token nor a note of ours comes first; empty lines go.
    assert below_the_head(path) == ["# by hand", "free text", *lines]
    text = path.read_text()
    TokenFile(host, str(path)).save()
    assert path.read_text() == text
    file.tokens["PLANE_TOKEN_C"] = "plane_api_new"
    file.tokens["PLANE_TOKEN_0"] = "plane_api_0"
    file.set_note("PLANE_TOKEN_B", TokenNote(END))
    file.save()
    lines[0] = "# agent b: ends 2027-01-01"
    lines[3] = "PLANE_TOKEN_C=plane_api_new"
    assert below_the_head(path) == ["# by hand", "free text", *lines, "PLANE_TOKEN_0=plane_api_0"]


OLD = """\
# API tokens of Plane's agents. Written by the deploy, which reads them back, with these comments.
# by hand
# PLANE_TOKEN_X: ends=2027-01-01 rotating of=x=1@new.example former=x@old.example
# PLANE_TOKEN_GONE: removed role=15
PLANE_TOKEN_X=plane_api_1
OTHER=2
"""


def test_the_comments_of_an_earlier_version_are_read_and_written_anew(host: Shell, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(OLD)
    file = TokenFile(host, str(path))
    assert file.has_old_notes
    assert file.note("PLANE_TOKEN_X") == TokenNote(END, rotating=True, owner="x=1@new.example", former="x@old.example")
    assert file.note("PLANE_TOKEN_GONE") == TokenNote(removed=True, role=15)
    file.save()
    assert not file.has_old_notes
    assert below_the_head(path) == [
        "# by hand",
        "# agent x: ends 2027-01-01 rotating of x%3D1@new.example former x@old.example",
        "# agent gone: removed role 15",
        "PLANE_TOKEN_X=plane_api_1",
        "OTHER=2",
    ]
    again = TokenFile(host, str(path))
    assert not again.has_old_notes and again.note("PLANE_TOKEN_X") == file.note("PLANE_TOKEN_X")


def test_a_comment_about_another_variable_stays(host: Shell, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("# OTHER: removed\nOTHER=1\n")
    file = TokenFile(host, str(path))
    assert not file.has_old_notes
    file.save()
    assert below_the_head(path) == ["# OTHER: removed", "OTHER=1"]


def test_a_note_of_a_day_that_there_is_not_is_no_note(host: Shell, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("# agent a: ends 2027-02-30\nPLANE_TOKEN_A=x\n")
    assert TokenFile(host, str(path)).note("PLANE_TOKEN_A") == TokenNote()


@pytest.mark.parametrize(
    "comment",
    [
        "# agent x: rotating soon",
        "# agent X: rotating",
        "#agent x: rotating",
        "# rotating",
        "# PLANE_TOKEN_X: rotating soon",
        "# plane_token_x: rotating",
    ],
)
def test_a_comment_of_a_person_is_no_note_and_no_token(host: Shell, path: Path, comment: str) -> None:
    path.parent.mkdir()
    path.write_text(f"{comment}\n#PLANE_TOKEN_X=old\nPLANE_TOKEN_X=plane_api_1\n")
    file = TokenFile(host, str(path))
    assert file.note("PLANE_TOKEN_X") == TokenNote()
    assert file.tokens == {"PLANE_TOKEN_X": "plane_api_1"}


@examples(PROPERTY, max_examples=25)
@given(
    st.dictionaries(
        st.from_regex(r"PLANE_TOKEN_[A-Z0-9_]{1,10}", fullmatch=True),
        st.builds(
            TokenNote,
            st.none() | st.dates(),
            st.booleans(),
            st.booleans(),
            ADDRESSES,
            ADDRESSES,
            st.none() | st.integers(0, 20),
            untold=st.booleans(),
        ),
        max_size=5,
    )
)
def test_any_notes_are_read_back_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, notes: dict[str, TokenNote]
) -> None:
    host = Shell(tmp_path_factory.mktemp("any"))
    file = TokenFile(host, "tokens.env")
    for name, note in notes.items():
        file.set_note(name, note)
        file.tokens[name] = f"value of {name}"
    file.save()
    assert file.file is not None
    comments = [line for line in file.file.text.split("\n") if line.startswith("#")]
    assert not [line for line in comments if "=" in line or "PLANE_TOKEN_" in line]
    again = TokenFile(host, "tokens.env")
    assert list(again.tokens) == list(notes)
    assert {name: again.note(name) for name in notes} == notes
    again.save()
    assert again.file == file.file


@pytest.mark.parametrize(
    "line",
    ["PLANE_TOKEN_THOT=abc\r", "export PLANE_TOKEN_THOT=abc", "PLANE_TOKEN_THOT='abc'", 'PLANE_TOKEN_THOT="abc" ',
     "PLANE_TOKEN_THOT=abc # of thot", "\ufeffPLANE_TOKEN_THOT=abc", " PLANE_TOKEN_THOT = abc"],
)  # fmt: skip
def test_a_token_that_a_person_wrote_is_read_as_compose_reads_it(host: Shell, path: Path, line: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(f"{line}\nOTHER='x y'\n")
    file = TokenFile(host, str(path))
    assert file.tokens["PLANE_TOKEN_THOT"] == "abc"
    file.tokens["PLANE_TOKEN_THOT"] = "def"
    file.save()
    assert [one for one in below_the_head(path) if "THOT" in one] == ["PLANE_TOKEN_THOT=def"]
    assert "OTHER='x y'" in below_the_head(path)


READERS = {
    "grep and cut": "grep {variable} {path} | cut -d= -f2",
    "the shell": "set -u; . {path}; echo ${variable}",
    "the shell, exported": "set -au; . {path}; printenv {variable}",
    "dotenv": "{python} -m dotenv -f {path} get {variable}",
    "systemd": "grep -v '^[#;]' {path} | sed -n 's/^{variable}=//p'",
}
"""How programs read a token out of the file. Of systemd, what its manual says of comments in an EnvironmentFile."""


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_of_lines_finds_the_token_and_no_comment(host: Shell, path: Path, reader: str) -> None:
    file = TokenFile(host, str(path))
    file.tokens |= {"PLANE_TOKEN_CONCIERGE": "plane_api_1", "PLANE_TOKEN_THOT": "plane_api_2"}
    odd = "plane_token_thot='$(x)`y`@example.org"
    for variable in file.tokens:
        file.set_note(variable, TokenNote(date(2999, 1, 1), rotating=True, owner=odd, former=odd, untold=True))
    file.set_note("PLANE_TOKEN_CFO", TokenNote(removed=True, role=15))
    path.parent.mkdir(parents=True)
    file.save()
    for variable, value in file.tokens.items():
        command = READERS[reader].format(path=path, variable=variable, python=sys.executable)
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
        assert (done.stdout, done.stderr) == (f"{value}\n", ""), path.read_text()
