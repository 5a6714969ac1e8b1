"""The layers that pyinfra_plane's docstring draws: a module imports only from its own layer and those below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.given import ROOT

BELOW = {
    "dataclass": frozenset[str](),
    "text": frozenset[str](),
    "errors": {"text"},
    "engine": {"text", "errors"},
    "facts": {"text", "errors", "engine"},
    "api": {"text", "errors"},
    "settings": {"text", "errors", "engine"},
    "host": {"text", "errors", "engine", "facts", "api", "settings"},
    "configure": {"text", "errors", "engine", "settings"},
    "drift": frozenset[str](),
    "make_secrets": {"settings"},
    "facts/plane": {"text", "errors", "engine", "api", "settings", "host"},
    "adopt": {"text", "errors", "api", "settings", "drift"},
}
"""By layer, the others that it may import."""

ON_TOP = {"facts/plane.py": "facts/plane"}
"""Modules that stand higher than those beside them: where pyinfra's users look for a fact is not where it belongs."""

PACKAGE = ROOT / "pyinfra_plane"


def imported(source: str) -> Iterator[str]:
    """The modules that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def layer_of(path: Path) -> str:
    within = path.relative_to(PACKAGE)
    return ON_TOP.get(within.as_posix()) or within.parts[0].removesuffix(".py")


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if layer_of(path) not in ("__init__", "templates"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_layer_and_those_below(path: Path) -> None:
    layer = layer_of(path)
    names = list(imported(path.read_text(encoding="utf-8")))
    ours = {name.split(".")[1] for name in names if name.startswith("pyinfra_plane.")}
    assert ours - {layer, "dataclass"} <= BELOW[layer]
    # Python's own takes half a millisecond at each start, for each class.
    assert layer == "dataclass" or "dataclasses.dataclass" not in names
    # Operations are on top, and what they are imported as differs in a checkout and in a wheel.
    assert not [name for name in names if name.split(".")[0] == "operations"]


def test_the_client_of_planes_api_does_not_know_pyinfra() -> None:
    names = [name for path in (PACKAGE / "api").glob("*.py") for name in imported(path.read_text(encoding="utf-8"))]
    assert not [name for name in names if name.split(".")[0] in ("pyinfra", "pyinfra_cli", "gevent", "click")]


def test_nothing_stands_on_a_module_that_is_above_those_beside_it() -> None:
    above = {f"pyinfra_plane.{path.removesuffix('.py').replace('/', '.')}" for path in ON_TOP}
    names = {name for path in MODULES for name in imported(path.read_text(encoding="utf-8"))}
    assert not [name for name in names for one in above if name == one or name.startswith(f"{one}.")]
