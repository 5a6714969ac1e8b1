"""Given docs/: the pages lead where they say, and what is made from the code is up to date."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path

import pytest

from docs.reference import PAGE, WRITTEN, entry, operations
from pyinfra_plane.settings import Settings
from pyinfra_plane.settings.table import DEFAULTS
from sandbox.__main__ import parse as sandbox_options
from tests.docs.pages import CHECKOUT, DOCS

PAGES = sorted(DOCS.glob("*.md"))

LINKED = [*PAGES, *(CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]

LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)]*))?\)")

FOR_CONTRIBUTORS = {"upstream.md", "vocabulary.md"}
"""Pages that CONTRIBUTING.md links to, and the README does not."""

SETTING = re.compile(r"`((?:plane|postgres|postgresql|redis)_[a-z_]+|rotate_tokens)\b[^`]*`")

MAY_BE_LONG = re.compile(r"\||    |(- )?`|another run is working")
"""Tables, output, and what must not be broken."""


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_what_is_written_by_make_reference_is_up_to_date(path: Path) -> None:
    assert path.read_text() == WRITTEN[path](), "run: make reference"


def test_a_setting_is_in_the_table_only_and_reaches_the_defaults_and_the_page() -> None:
    assert runpy.run_path(str(CHECKOUT / "group_data" / "all.py")).items() >= DEFAULTS.items()
    assert re.findall(r"(?m)^### `(\w+)`$", (CHECKOUT / "docs" / "settings.md").read_text()) == [*DEFAULTS]


def test_the_reference_has_every_operation() -> None:
    named = set(re.findall(r"^### `(\w+)`$", PAGE.read_text(), re.M))
    sources = [path.read_text() for path in (CHECKOUT / "operations").rglob("*.py")]
    there = {function.name for source in sources for function in operations(source)}
    assert named == there


def test_the_examples_in_the_reference_use_what_is_there() -> None:
    sources = [path.read_text() for path in (CHECKOUT / "operations").rglob("*.py")]
    arguments = {one.name: {a.arg for a in one.args.args} | {"name"} for text in sources for one in operations(text)}
    examples = re.findall(r"Example:\n\n```python\n(.*?)```", PAGE.read_text(), re.S)
    called = 0
    for node in ast.walk(ast.parse("".join(examples))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in arguments:
            called += 1
            assert {keyword.arg for keyword in node.keywords} <= arguments[node.func.attr], node.func.attr
    assert called == len(examples)


def test_an_operation_in_the_reference() -> None:
    source = """
@converging
def one(a: int, b: str = 'x') -> Plan:
    '''
    Do it.

    + a: how ``often``

    **Example:**

    .. code:: python

        one(a=1)
    '''


def helper() -> None: ...
"""
    [function] = operations(source)
    assert entry(function) == (
        '### `one`\n\n```python\none(a: int, b: str = "x")\n```\n\nDo it.\n\n- `a`: how `often`\n\n'
        "Example:\n\n```python\none(a=1)\n```\n"
    )


def anchors(page: str) -> set[str]:
    """What a link to a part of a page may end in, as GitHub makes it of a heading."""
    headings = re.findall(r"(?m)^#+ (.+)$", re.sub(r"(?ms)^ *```.*?^ *```$", "", page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link[0]]
    assert [path for path, _ in links if not (page.parent / path).exists()] == []
    parts = [(path, part) for path, part in links if part and (not path or path.endswith(".md"))]
    missing = [
        f"{path}#{part}"
        for path, part in parts
        if part not in anchors((page.parent / path if path else page).read_text())
    ]
    assert missing == []


def test_the_sandbox_has_the_options_that_the_page_says_and_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        sandbox_options(["--help"])
    there = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    section = (DOCS / "first-deployment.md").read_text().partition("\n## The sandbox\n")[2]
    assert set(re.findall(r"(?m)^\| `(--[a-z-]+)", section)) == there


def test_the_index_has_every_page_for_users() -> None:
    linked = set(re.findall(r"\]\(docs/([\w-]+\.md)", (CHECKOUT / "README.md").read_text()))
    assert linked == {page.name for page in PAGES} - FOR_CONTRIBUTORS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_are_named_are_there(page: Path) -> None:
    known = {*Settings.__dataclass_fields__, "javisi_plane_api"}
    # What the other side calls something, in the left column of a table.
    text = re.sub(r"(?m)^\|[^|]*\|", "", page.read_text()) if page.name == "from-ansible.md" else page.read_text()
    named = {name for name in SETTING.findall(text) if not name.endswith("_")}
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_are_not_long(page: Path) -> None:
    long = [line for line in page.read_text().splitlines() if len(line) > 120 and not MAY_BE_LONG.match(line)]
    assert long == []
