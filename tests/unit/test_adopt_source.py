"""Settings as Python source: what is read back is what was written, whatever is in it."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyinfra_plane.adopt.group_data import AdoptError, blocks
from pyinfra_plane.adopt.projects import entry
from pyinfra_plane.adopt.source import WIDTH, Block, literal, source

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_a_value_is_read_back_as_it_was(value: Any) -> None:
    text = literal(value)
    assert ast.literal_eval(text) == value
    assert all(line.isprintable() for line in text.split("\n"))


@given(VALUES, st.text())
def test_a_comment_holds_no_code(value: Any, words: str) -> None:
    text = source([Block("plane_people", value, words, is_off=True)])
    assert ast.parse(text).body == []
    assert all(line == "" or line.startswith("#") for line in text.split("\n"))


def test_one_line_where_it_fits_and_else_one_entry_a_line() -> None:
    agents = [{"name": "thot", "role": "member"}, {"name": "x" * 60, "role": "y" * 60}]
    assert source([Block("plane_prune", True), Block("plane_agents", agents)]) == (
        "plane_prune = True\n\n"
        "plane_agents = [\n"
        '    {"name": "thot", "role": "member"},\n'
        "    {\n"
        f'        "name": "{"x" * 60}",\n'
        f'        "role": "{"y" * 60}",\n'
        "    },\n"
        "]\n"
    )


def test_comments_are_wrapped() -> None:
    lines = source([Block(comment="word " * 100)]).splitlines()
    assert len(lines) > 1 and all(len(line) <= WIDTH for line in lines)


def seen(**given: Any) -> dict[str, Any]:
    """A workspace with nothing in it, as it is read."""
    found = {"slug": "javisi", "name": "Javisi", "members": {}, "projects": {}, "tokens_without_note": []}
    return {**found, **given}


def test_a_name_that_the_settings_refuse_is_one_line() -> None:
    with pytest.raises(AdoptError, match="the settings cannot describe this workspace: plane_workspace_slug"):
        blocks("sese", seen(slug="a/b"))


def test_a_workspace_without_a_project_shows_no_name() -> None:
    text = source(blocks("sese", seen(name=None)))
    assert "plane_workspace_name = " not in text and "# plane_workspace_name: Plane shows it" in text


def member(**given: Any) -> dict[str, Any]:
    return {"role": "member", "display_name": "x", "avatar": "", "is_active": True, "agent": None, "token_saved": False,
            "is_plane_admin": False, **given}  # fmt: skip


def test_people_and_agents_are_told_apart() -> None:
    members = {
        "thot@javisi.local": member(agent="thot", display_name="Thot", token_saved=True, role="admin"),
        "cfo@javisi.local": member(agent="cfo"),
        "odd@example.org": member(role="7", is_active=None),
    }
    text = source(blocks("sese", seen(members=members)))
    assert '\nplane_agents = [\n    {"name": "thot", "role": "admin", "display_name": "Thot"},\n]\n' in text
    assert '\n# plane_agents = [\n#     {"name": "cfo", "role": "member"},\n# ]\n' in text
    assert '\n# plane_people = [\n#     {"email": "odd@example.org", "role": "role 7"},\n# ]\n' in text
    assert "PLANE_ADMIN_API_TOKEN" not in text


def a_project(**given: Any) -> dict[str, Any]:
    found = {"name": "Lab", "is_archived": False, "agents": {}, "states": [], "labels": [], "custom_fields": []}
    return {**found, "custom_fields_refused": None, **given}


def test_a_setting_is_printed_if_a_new_project_has_another() -> None:
    project = a_project(network="secret", timezone="UTC", pages=False, cycles=False, archive_in=3, close_in=0)
    assert entry("LAB", project, {}) == {
        "name": "Lab",
        "identifier": "LAB",
        "network": "secret",
        "pages": False,
        "archive_in": 3,
    }


def test_a_default_that_the_settings_would_write_otherwise_is_left_out() -> None:
    def default(kind: str, *values: str, **given: Any) -> Any:
        field = {"name": "x", "type": kind, "description": "", "required": False, "multiple": False, "options": []}
        fields = [{**field, "default": [*values], **given}]
        kinds = [{"type": "Task", "is_default": True, "fields": fields}]
        return entry("LAB", a_project(custom_fields=kinds), {"a@b.c": "a"})["custom_fields"][0].get("default")

    assert [default("number", one) for one in ("1", "-2", "1.5", "1.50", "inf", "x")] == [1, -2, 1.5, None, None, None]
    assert [default("boolean", one) for one in ("true", "false", "maybe")] == [True, False, None]
    assert default("member", "a@b.c", "d@e.f", multiple=True) == ["a", "d@e.f"]
    assert default("option", "a", "b") is None and default("text", "a", required=True) is None


def test_a_field_of_another_work_item_type_is_told() -> None:
    fields = [{"name": "risk", "type": "text", "description": "", "required": False, "multiple": False, "options": [],
               "default": []}]  # fmt: skip
    kinds = [
        {"type": "Bug", "is_default": False, "fields": fields},
        {"type": "Task", "is_default": True, "fields": fields},
    ]
    text = source(blocks("sese", seen(projects={"LAB": a_project(custom_fields=kinds)})))
    assert '"custom_fields": [' in text and "work_item_type" not in text
    assert "LAB: only one work item type can be managed; not managed: Bug (risk)." in text.replace("\n# ", " ")
