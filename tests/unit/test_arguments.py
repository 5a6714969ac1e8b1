"""What operations are called with: one line where it does not fit, wrapped where it is secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationTypeError
from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.engine.arguments import checked

SECRET = "hunter2"


def workspace(slug: str, workspace_name: str, size: str = "2-10") -> None: ...


def settings(values: Mapping[str, HiddenValue]) -> None: ...


def databases(urls: Sequence[HiddenValue]) -> None: ...


def role(name: str, password: HiddenValue | None = None) -> None: ...


@pytest.mark.parametrize(
    ("args", "kwargs", "told"),
    [
        ((), {"slug": "lab", "name": "Lab"}, "unknown argument name"),
        ((), {"slug": "lab"}, "missing argument workspace_name"),
        ((), {}, "missing argument slug, workspace_name"),
        (("lab", "Lab", "2-10", "x"), {}, "an argument appears twice, or there is one too many"),
        (("lab", "Lab"), {"slug": "lab"}, "an argument appears twice, or there is one too many"),
    ],
)
def test_arguments_that_do_not_fit_are_one_line(args: tuple[Any, ...], kwargs: dict[str, Any], told: str) -> None:
    with pytest.raises(OperationTypeError) as caught:
        checked("workspace", signature(workspace), args, kwargs)
    assert str(caught.value) == f"workspace: {told}; the arguments are: slug, workspace_name, size"


def test_what_fits_is_left_as_it_is() -> None:
    assert checked("workspace", signature(workspace), ("lab",), {"workspace_name": "Lab"}) == (
        ("lab",),
        {"workspace_name": "Lab"},
    )


def test_plain_texts_are_wrapped_where_they_may_be_secret() -> None:
    given = {"A": SECRET, "B": 5, "C": True, "D": HiddenValue(SECRET)}
    for args, kwargs in (((given,), {}), ((), {"values": given})):
        positional, named = checked("settings", signature(settings), args, kwargs)
        [found] = [*positional, *named.values()]
        assert {name: value.unmask() for name, value in found.items()} == {"A": SECRET, "B": "5", "C": "1", "D": SECRET}
        assert SECRET not in str(found)
    _, named = checked("role", signature(role), (), {"name": "plane", "password": 4711})
    assert (named["name"], named["password"].unmask()) == ("plane", "4711")
    assert checked("role", signature(role), (), {"name": "plane", "password": None})[1]["password"] is None


def test_the_texts_of_a_list_are_wrapped_too() -> None:
    _, named = checked("databases", signature(databases), (), {"urls": [SECRET, HiddenValue(SECRET)]})
    assert [value.unmask() for value in named["urls"]] == [SECRET, SECRET] and SECRET not in str(named)
    for value, told in (
        (SECRET, "urls must be a list "),
        ([True], r"urls\[0\] must be text"),
    ):
        with pytest.raises(OperationTypeError, match=rf"^databases\.{told}") as caught:
            checked("databases", signature(databases), (), {"urls": value})
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (SECRET, "settings.values must be a dict (on a command line as JSON)"),
        ({"A": [SECRET]}, "settings.values.A must be text"),
    ],
)
def test_what_cannot_be_wrapped_is_refused_and_not_shown(value: object, told: str) -> None:
    with pytest.raises(OperationTypeError) as caught:
        checked("settings", signature(settings), (), {"values": value})
    assert str(caught.value) == told
