"""Given a machine on which no environment can be made: make says why in one line, and starts anew the next time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements-dev.txt"):
        shutil.copy(CHECKOUT / name, tmp_path)
    return tmp_path


def demo(checkout: Path, python: Path | str = sys.executable, **environment: str) -> str:
    """Run `make demo`, which has to fail; return the one line that says why."""
    # What the outer make says to this one is not meant for it.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PIP_"))}
    done = subprocess.run(
        ["make", "demo", f"PYTHON={python}"],
        cwd=checkout,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    said, makes_own = done.stderr.splitlines()
    assert makes_own.startswith("make: ***")
    assert said.endswith("; then run: make demo")
    return said


def python_with(tmp_path: Path, module: str, code: str) -> Path:
    """Return this Python, but with a module of its own."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / f"{module}.py").write_text(code)
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nPYTHONPATH="{modules}" exec "{sys.executable}" "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def test_without_python(checkout: Path) -> None:
    assert "/nowhere/python3 is missing; install Python 3.10 or later" in demo(checkout, "/nowhere/python3")


def test_with_an_older_python(checkout: Path) -> None:
    older = python_with(checkout, "sitecustomize", "import sys; sys.version_info = (3, 9, 2)")
    assert "is Python 3.9; install Python 3.10 or later" in demo(checkout, older)


def test_without_the_package_that_debian_splits_off(checkout: Path) -> None:
    bare = python_with(checkout, "ensurepip", "raise ImportError")
    assert "apt install python3-venv" in demo(checkout, bare)
    assert not (checkout / ".venv-dev").exists()


def test_in_a_folder_that_takes_no_environment(checkout: Path) -> None:
    (checkout / ".venv-dev").touch()
    assert "cannot make .venv-dev: " in demo(checkout)


def test_without_a_package_index_and_after_a_start_that_was_interrupted(checkout: Path) -> None:
    left = checkout / ".venv-dev/lib/left"
    left.parent.mkdir(parents=True)
    left.touch()
    said = demo(checkout, PIP_NO_INDEX="1", PIP_CONFIG_FILE=os.devnull)
    assert "pip cannot install requirements-dev.txt: No matching distribution found for " in said
    assert "check that this machine reaches its package index" in said
    assert not left.exists()
