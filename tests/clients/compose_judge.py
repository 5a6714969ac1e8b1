"""plane-compose, Plane's project-as-code tool, clones what a deploy made; its files must hold what was asked for.

Written against plane-compose 0.5. Its `diff` asks for work item types first and gives up where there are none, so in
Community Edition `status`, which compares the clone with what it fetched, has the last word. A field of type
option or member is written by `clone` as its own reader refuses it (without the options; relation type
`relationtype.user`): 0.5.2 with plane-sdk 0.3 cannot judge a project that has one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.clients.expected import Expected
from tests.deploy.forks import Forks

COMMAND = Path(sys.executable).parent / "plane"
MISSING = f"no plane-compose: {COMMAND.name} is not beside python; make test installs it"
CONNECTION = "judge"
#: Plane itself says both.
NETWORKS = {"public": "public", "secret": "private"}
#: What plane-compose writes for a custom field's type in the settings.
FIELD_TYPES = {
    "text": ("text",),
    "number": ("decimal", "number"),
    "boolean": ("boolean",),
    "date": ("datetime", "date"),
    "url": ("url",),
    "email": ("email",),
}


def differences(url: str, expected: Expected, token: str, directory: Path, *, commercial: bool) -> list[str]:
    """What plane-compose finds that is not as expected.

    Args:
        url: where Plane's API answers.
        expected: what the deploy was asked for.
        token: of anybody who is in the projects.
        directory: an empty one, for the clones and for the tool's own files.
        commercial: whether the edition has custom fields.
    """
    return list(_Judge(url, expected, token, directory, commercial).all())


@dataclass
class _Judge:
    url: str
    expected: Expected
    token: str
    directory: Path
    commercial: bool

    def all(self) -> Iterator[str]:
        self.directory.mkdir(exist_ok=True)
        login = self.run(
            *("auth", "login", "--server-url", self.url, "--auth-type", "pat", "--token", self.token),
            *("--workspace", self.expected.slug, "--connection", CONNECTION),
        )
        if login.returncode:
            yield f"auth login: {login.stdout}"
            return
        for wanted in self.expected.projects:
            yield from self.project(wanted)

    def project(self, wanted: Mapping[str, Any]) -> Iterator[str]:
        where = str(wanted["identifier"])
        clone = self.run("clone", f"{self.expected.slug}/{where}", "--directory", where)
        if clone.returncode:
            yield f"clone {where}: {clone.stdout}"
            return
        yield from self.files(wanted)
        status = json.loads(self.run("status", where, "--json").stdout)
        for part, counted in status["schema"].items():
            if counted["local"] != counted["synced"]:
                yield f"{where}: status says of {part} {counted}"
        if self.commercial:
            # Without --skip workitems, which makes it take the agents' work items for deleted ones.
            diff = self.run("diff", where, "--exit-code")
            if diff.returncode or "Schema in sync!" not in diff.stdout:
                yield f"{where}: diff: {diff.stdout}"

    def files(self, wanted: Mapping[str, Any]) -> Iterator[str]:
        """The clone's files against the settings; what is not named may be as it is."""
        where = str(wanted["identifier"])
        project = self.read(where, "plane.yaml")["project"]
        for name in ("name", "description", "timezone"):
            if wanted.get(name) is not None and project[name] != wanted[name]:
                yield f"{where}: {name} is {project[name]!r}"
        if wanted.get("network") is not None and project["network"] != NETWORKS[wanted["network"]]:
            yield f"{where}: network is {project['network']!r}"
        states = self.read(where, "schema/states.yaml")["states"]
        if not states:
            yield f"{where}: no states"
        yield from _unlike(f"{where}: state", states, wanted.get("states", []), ("group", "color"))
        labels = {label["name"]: label for label in self.read(where, "schema/labels.yaml")["labels"]}
        yield from _unlike(f"{where}: label", labels, wanted.get("labels", []), ("color",))
        members = {member["email"] for member in self.read(where, "schema/members.yaml")["members"]}
        for agent in self.expected.agents:
            if self.expected.email(agent) not in members:
                yield f"{where}: {self.expected.email(agent)} is no member"
        if self.commercial and wanted.get("custom_fields"):
            yield from self.fields(where, wanted)

    def fields(self, where: str, wanted: Mapping[str, Any]) -> Iterator[str]:
        kinds = self.read(where, "schema/types.yaml")["work_item_types"]
        name = wanted.get("work_item_type") or next((each for each in kinds if kinds[each].get("is_default")), None)
        if name not in kinds:
            yield f"{where}: no work item type {name or '(default)'}"
            return
        found = {field["name"]: field for field in kinds[name].get("properties", [])}
        for field in wanted["custom_fields"]:
            has = found.get(field["name"])
            if has is None:
                yield f"{where}: no custom field {field['name']}"
            elif has["type"] not in FIELD_TYPES[field["type"]]:
                yield f"{where}: custom field {field['name']} is {has['type']}"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The `plane` command, in this directory."""
        return run(self.directory, *arguments)

    def read(self, project: str, path: str) -> dict[str, Any]:
        import yaml

        found: dict[str, Any] = yaml.safe_load((self.directory / project / path).read_text())
        return found


@cache
def _forks() -> Forks:
    return Forks("plane")


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The `plane` command, with nothing of the caller's but its PATH, and a home of its own."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "PLANE_CONFIG_DIR": str(directory / "config"),
        # Its own brake, for Plane's cloud; Plane tells by itself what is too much.
        "PLANE_RATE_LIMIT_PER_MINUTE": "1000",
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }
    return _forks().run(arguments, environment, folder=directory, timeout=180)


def _unlike(
    what: str, found: Mapping[str, Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], names: tuple[str, ...]
) -> Iterator[str]:
    for each in wanted:
        has = found.get(each["name"])
        if has is None:
            yield f"{what} {each['name']} is missing"
            continue
        for name in names:
            if each.get(name) is not None and has.get(name) != each[name]:
                yield f"{what} {each['name']}: {name} is {has.get(name)!r}"
