"""Our dataclass is the standard library's: the same classes behave the same in both."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import field, fields, replace
from typing import Any

import pytest

from pyinfra_plane.dataclass import dataclass

Decorator = Callable[..., Any]
BOTH = pytest.mark.parametrize("decorate", [dataclass, dataclasses.dataclass], ids=["ours", "Python's"])


class Point:
    """Two numbers, and three fields with options."""

    x: int
    y: int = 2
    note: str = field(default="", compare=False)
    secret: str = field(default="hunter2", repr=False)
    tags: list[str] = field(default_factory=list, compare=False)


class Nothing:
    """A class without fields."""


class Own:
    """A class with methods of its own."""

    name: str

    def __eq__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "***"


class Hashed:
    """A class with a hash of its own."""

    name: str

    def __hash__(self) -> int:
        return 7


def made(decorate: Decorator, cls: type, **options: Any) -> Any:
    return decorate(**options)(type(cls.__name__, cls.__bases__, dict(vars(cls))))


@BOTH
def test_objects_are_made_and_shown(decorate: Decorator) -> None:
    point = made(decorate, Point)
    assert repr(point(1, note="a", tags=["b"])) == "Point(x=1, y=2, note='a', tags=['b'])"
    assert [each.name for each in fields(point)] == ["x", "y", "note", "secret", "tags"]
    assert replace(point(1), y=5).y == 5
    assert point(1).tags is not point(1).tags
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        point()


@BOTH
def test_objects_are_equal_by_the_fields_that_count(decorate: Decorator) -> None:
    point = made(decorate, Point)
    assert point(1) == point(1, note="other")
    assert point(1) != point(1, secret="other")
    assert point(1) != (1, 2, "hunter2")
    nothing = made(decorate, Nothing)
    assert nothing() == nothing()
    with pytest.raises(TypeError, match="unhashable"):
        hash(point(1))


@BOTH
def test_a_frozen_object_has_the_hash_of_its_equals(decorate: Decorator) -> None:
    point = made(decorate, Point, frozen=True)
    assert len({point(1), point(1, note="other"), point(2)}) == 2
    nothing = made(decorate, Nothing, frozen=True)
    assert len({nothing(), nothing()}) == 1


@BOTH
def test_a_class_keeps_the_methods_that_it_has(decorate: Decorator) -> None:
    own = made(decorate, Own)
    assert repr(own("a")) == "***"
    assert own("a") == own("b")
    with pytest.raises(TypeError, match="unhashable"):
        hash(own("a"))
    assert hash(made(decorate, Hashed, frozen=True)("a")) == 7


@BOTH
def test_a_subclass_has_the_fields_of_both(decorate: Decorator) -> None:
    point = made(decorate, Point, frozen=True)

    namespace = {"__annotations__": {"name": "str"}, "name": ""}
    named: Any = decorate(frozen=True)(type("Named", (point,), namespace))
    assert named(1, name="a") != named(1, name="b")
    assert named(1) != point(1)
    assert named(1) == named(1)


@BOTH
def test_arguments_can_be_required_to_be_named(decorate: Decorator) -> None:
    with pytest.raises(TypeError, match="keyword-only"):
        made(decorate, Point, kw_only=True)(1)
