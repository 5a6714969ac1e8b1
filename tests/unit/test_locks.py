"""The two locks fit pyproject.toml and one another, so that `make lock` is not forgotten."""

from __future__ import annotations

import re

from packaging.requirements import Requirement
from packaging.version import Version

from tests.unit.given import ROOT


def pins(name: str) -> dict[str, set[str]]:
    """The versions of each package in a lock; one that differs by Python has several."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"(?m)^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / name).read_text()):
        found.setdefault(package, set()).add(version)
    return found


def wanted(table: str) -> list[Requirement]:
    """The requirements of a list in pyproject.toml. (Python 3.10 has no reader of TOML.)"""
    text = (ROOT / "pyproject.toml").read_text()
    match = re.search(rf"(?ms)^{table} = \[\n(.*?)^\]", text)
    assert match is not None
    return [Requirement(one) for one in re.findall(r'(?m)^    "([^"]+)",', match[1])]


def test_what_is_wanted_is_locked_in_a_version_that_fits() -> None:
    runtime, development = pins("requirements.txt"), pins("requirements-dev.txt")
    for requirements, lock in ((wanted("dependencies"), runtime), (wanted("dev"), development)):
        assert requirements
        for requirement in requirements:
            assert any(Version(one) in requirement.specifier for one in lock.get(requirement.name, ())), requirement


def test_what_deploys_is_what_was_tested() -> None:
    runtime, development = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: versions for name, versions in runtime.items() if not versions <= development.get(name, set())} == {}
    assert len(runtime) < 40


def test_the_locks_hold_hashes_and_no_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert not re.search(r"://|^-", text, re.M)
        assert len(re.findall(r"(?m)^[a-z].*==.* \\$", text)) == len(re.findall(r"(?m)^[a-z]", text))
