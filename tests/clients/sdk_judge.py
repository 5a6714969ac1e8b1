"""plane-sdk reads back what a deploy made, and works with every token as an agent would.

`differences` gives a line for each thing that is not as it was asked for. Written against plane-sdk 0.3.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from plane.client import PlaneClient
from plane.errors import HttpError
from plane.models.projects import Project
from plane.models.work_item_properties import CreateWorkItemPropertyValue, WorkItemProperty
from plane.models.work_items import CreateWorkItem

from tests.clients.expected import Expected, is_commercial

T = TypeVar("T")

ROLES = {"admin": 20, "member": 15, "guest": 5}
PROPERTY_TYPES = {
    "text": "TEXT",
    "number": "DECIMAL",
    "boolean": "BOOLEAN",
    "date": "DATETIME",
    "option": "OPTION",
    "url": "URL",
    "email": "EMAIL",
    "member": "RELATION",
}
STATE_GROUPS = {"backlog", "unstarted", "started", "completed", "cancelled"}
#: How long a key may have to wait for its next minute, in seconds.
PATIENCE = 70.0


def differences(url: str, expected: Expected, tokens: Mapping[str, str]) -> list[str]:
    """What plane-sdk finds that is not as expected.

    Args:
        url: where Plane's API answers.
        expected: what the deploy was asked for.
        tokens: each agent's token by its name in the token file: lower case, with an underscore for what is no letter.
    """
    return list(_Judge(url, expected, tokens).all())


@dataclass
class _Judge:
    url: str
    expected: Expected
    tokens: Mapping[str, str]

    def all(self) -> Iterator[str]:
        admin = PlaneClient(base_url=self.url, api_key=self.tokens[self.expected.admin])
        commercial = is_commercial(self.url)
        yield from self.members(admin)
        projects = {project.identifier: project for project in self._projects(admin)}
        for wanted in self.expected.projects:
            project = projects.get(wanted["identifier"])
            if project is None:
                yield f"no project {wanted['identifier']}"
                continue
            yield from self.project(admin, project, wanted)
            fields: dict[str, WorkItemProperty] = {}
            kind = None
            if commercial and wanted.get("custom_fields"):
                kind, fields, lines = self.fields(admin, project, wanted)
                yield from lines
            for agent in self.expected.agents:
                yield from self.work(agent, project, kind, fields)

    # What is there

    def members(self, admin: PlaneClient) -> Iterator[str]:
        """Everybody is in the workspace, with the role that was asked for."""
        found = {member.email: member.role for member in _patiently(lambda: admin.workspaces.get_members(self.slug))}
        for agent in self.expected.agents:
            email, role = self.expected.email(agent), ROLES[agent.get("role", "member")]
            if found.get(email) != role:
                yield f"{email} is to have the role {role} in the workspace, and has {found.get(email, 'none')}"

    def project(self, admin: PlaneClient, project: Project, wanted: Mapping[str, Any]) -> Iterator[str]:
        """Its name, its members, its states and its labels; what is not named may be as it is."""
        where, key = wanted["identifier"], str(project.id)
        for name in ("name", "description"):
            if wanted.get(name) is not None and getattr(project, name) != wanted[name]:
                yield f"{where}: {name} is {getattr(project, name)!r}"
        # The client's own method called `list` hides the type from a type checker.
        members: Any = _patiently(lambda: admin.projects.get_members(self.slug, key))
        inside = {one.email for one in members}
        for agent in self.expected.agents:
            if self.expected.email(agent) not in inside:
                yield f"{where}: {self.expected.email(agent)} is no member"
        states = {one.name: one for one in _patiently(lambda: admin.states.list(self.slug, key)).results}
        if not {one.group for one in states.values()} >= STATE_GROUPS:
            yield f"{where}: no state for each group: {sorted(states)}"
        if sum(bool(one.default) for one in states.values()) != 1:
            yield f"{where}: not one default state"
        yield from _unlike(f"{where}: state", states, wanted.get("states", []), ("group", "color", "description"))
        labels = {one.name: one for one in _patiently(lambda: admin.labels.list(self.slug, key)).results}
        yield from _unlike(f"{where}: label", labels, wanted.get("labels", []), ("color", "description"))

    def fields(
        self, admin: PlaneClient, project: Project, wanted: Mapping[str, Any]
    ) -> tuple[str | None, dict[str, WorkItemProperty], list[str]]:
        """The type that has the custom fields, these by what they display, and what is wrong with them."""
        where, key, name = wanted["identifier"], str(project.id), wanted.get("work_item_type")
        kinds = _patiently(lambda: admin.work_item_types.list(self.slug, key))
        kind = next((one for one in kinds if (one.is_default if name is None else one.name == name)), None)
        if kind is None:
            return None, {}, [f"{where}: no work item type {name or '(default)'}"]
        listed = _patiently(lambda: admin.work_item_properties.list(self.slug, key, str(kind.id)))
        found = {one.display_name: one for one in listed}
        lines = []
        for field in wanted["custom_fields"]:
            has = found.get(field["name"])
            if has is None:
                lines.append(f"{where}: no custom field {field['name']}")
                continue
            if has.property_type.value != PROPERTY_TYPES[field["type"]]:
                lines.append(f"{where}: custom field {field['name']} is {has.property_type.value}")
            if missing := set(field.get("options", [])) - {one.name for one in has.options or []}:
                lines.append(f"{where}: custom field {field['name']} lacks the options {sorted(missing)}")
            for setting, attribute in (("required", "is_required"), ("multiple", "is_multi")):
                if field.get(setting) is not None and getattr(has, attribute) != field[setting]:
                    lines.append(f"{where}: custom field {field['name']}: {setting} is {getattr(has, attribute)}")
        wanted_fields = {field["name"] for field in wanted["custom_fields"]}
        return str(kind.id), {name: one for name, one in found.items() if name in wanted_fields}, lines

    # What an agent does with its token

    def work(
        self, agent: Mapping[str, Any], project: Project, kind: str | None, fields: Mapping[str, WorkItemProperty]
    ) -> Iterator[str]:
        """A work item is made, read, filled and deleted; a guest reads alone."""
        name, where, key = agent["name"], project.identifier, str(project.id)
        token = self.tokens.get("".join(letter if letter.isalnum() else "_" for letter in name.lower()))
        if token is None:
            yield f"{name} has no token"
            return
        client = PlaneClient(base_url=self.url, api_key=token)
        try:
            me = _patiently(client.users.get_me)
            if me.email != self.expected.email(agent):
                yield f"the token of {name} belongs to {me.email}"
            _patiently(lambda: client.work_items.list(self.slug, key))
            if agent.get("role") == "guest":
                return
            body = CreateWorkItem(name=f"Report of {name}", description_html="<p>Here.</p>", type_id=kind)
            made = str(_patiently(lambda: client.work_items.create(self.slug, key, body)).id)
            try:
                read = _patiently(lambda: client.work_items.retrieve(self.slug, key, made))
                if read.name != body.name:
                    yield f"{where}: {name} made {body.name!r} and read {read.name!r}"
                for field, has in fields.items():
                    yield from self._fill(client, project, made, field, has, str(me.id))
            finally:
                _patiently(lambda: client.work_items.delete(self.slug, key, made))
            try:
                _patiently(lambda: client.work_items.retrieve(self.slug, key, made))
                yield f"{where}: {name} deleted a work item that is still there"
            except HttpError as error:
                if error.status_code != 404:
                    raise
        except HttpError as error:
            yield f"{where}: {name} was refused: {error.status_code} {error.response}"

    def _fill(
        self, client: PlaneClient, project: Project, item: str, field: str, has: WorkItemProperty, me: str
    ) -> Iterator[str]:
        values, key, number = client.work_item_properties.values, str(project.id), str(has.id)
        option = str(has.options[0].id) if has.options else ""
        value: Any = {
            "TEXT": f"{field} of {me}",
            "DECIMAL": 0.75,
            "BOOLEAN": True,
            "DATETIME": "2026-01-31",
            "OPTION": option,
            "URL": "https://example.com/",
            "EMAIL": "thot@javisi.local",
            "RELATION": me,
        }[has.property_type.value]
        data = CreateWorkItemPropertyValue.model_validate({"value": [value] if has.is_multi else value})
        _patiently(lambda: values.create(self.slug, key, item, number, data))
        read = _patiently(lambda: values.retrieve(self.slug, key, item, number))
        found = read[0].value if isinstance(read, list) else read.value
        if found != value:
            yield f"{project.identifier}: {field} was set to {value!r} and reads {found!r}"

    def _projects(self, client: PlaneClient) -> list[Project]:
        return list(_patiently(lambda: client.projects.list(self.slug)).results)

    @property
    def slug(self) -> str:
        return self.expected.slug


def _unlike(
    what: str, found: Mapping[str, object], wanted: list[Mapping[str, Any]], names: tuple[str, ...]
) -> Iterator[str]:
    for each in wanted:
        has = found.get(each["name"])
        if has is None:
            yield f"{what} {each['name']} is missing"
            continue
        for name in names:
            if each.get(name) is not None and getattr(has, name) != each[name]:
                yield f"{what} {each['name']}: {name} is {getattr(has, name)!r}"


def _patiently(call: Callable[[], T]) -> T:
    """The answer, once the key has requests left: a deploy may just have spent them."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except HttpError as error:
            if error.status_code != 429 or time.monotonic() > until:
                raise
            time.sleep(2)
