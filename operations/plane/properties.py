"""Custom fields ("work item properties"), in the editions that have them, and what labels can stand in for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.errors import (
    PlaneBadAnswer,
    PlaneError,
    PlaneForbidden,
    PlaneRefused,
    PlaneSettings,
    PlaneUnreachable,
)
from pyinfra_plane.api.models import Project as SeenProject
from pyinfra_plane.api.models import WorkItemProperty, WorkItemType
from pyinfra_plane.api.plane import Plane
from pyinfra_plane.api.properties import definition, field_type
from pyinfra_plane.engine.converge import Change, InPlace, Kept, Note, Plan, converging
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.host_plane import current_plane, current_workspace
from pyinfra_plane.host.planning import needs_project, once_made, project_to_read, typed
from pyinfra_plane.settings import CustomField, labels_for

from .states_labels import labels_plan

DEFAULT_TYPE = "Task"
"""What Plane calls the type that work items have by default (product documentation), and so does the deploy."""


@converging
def custom_fields_available(identifiers: Sequence[str]) -> Plan:
    """
    Stop, before anything is written, where the edition has no custom fields.

    + identifiers: the projects that are to have some, for the message

    A Plane that does not answer yet is passed over: ask again once it does.
    """
    at = current_plane()
    try:
        instance = at.plane.instance()
    except (PlaneUnreachable, PlaneBadAnswer):  # without tables it answers everything with 500
        yield Note("! custom fields: Plane does not answer yet, so its edition is checked once it does")
        return
    if instance.registered and instance.is_community:
        raise PlaneSettings(
            f"Plane Community Edition {instance.version} has no custom fields ({', '.join(identifiers)}), and "
            'plane_custom_fields_unsupported is "fail"; set it to "warn" or "labels", take the fields out of '
            "plane_projects, or use a commercial edition"
        )
    yield Kept("the edition has custom fields")


@converging
def work_item_properties(
    slug: str,
    identifier: str,
    fields: Sequence[CustomField],
    work_item_type: str | None = None,
    unsupported: str = "warn",
    prune: bool = False,
) -> Plan:
    """
    Have custom fields ("work item properties") on a work item type of a project, in the editions that have them.

    + slug: the workspace
    + identifier: the project's identifier
    + fields: name, type and where wanted description, required, options, multiple, default of each
    + work_item_type: the type's name, made when missing; the default one when not given, or ``Task`` if there is none
    + unsupported: ``warn``, ``fail`` or ``labels`` if the edition, its plan or the workspace has no custom fields for
      this project, whether Plane says so when it is asked or when it is to write
    + prune: delete fields and options that are not named, and with them what work items hold in them; not in a
      workspace that owns them, where other projects may use them

    If the workspace owns work item types and their properties, the type and the fields are made in the workspace, and
    the project imports the type.

    A field whose type differs is reported and left: Plane cannot change a type in place.

    **Example:**

    .. code:: python

        from pyinfra_plane.settings import CustomField

        plane.work_item_properties(
            name="Custom fields",
            slug="javisi",
            identifier="ONBOARD",
            fields=[CustomField("session_id", "text"), CustomField("risk", "option", options=("low", "high"))],
        )
    """
    at, fields = current_workspace(slug), typed(CustomField, fields)
    plane = at.plane
    identifier = identifier.upper()
    names = ", ".join(field.name for field in fields)
    if not fields:
        yield Kept(f"no custom fields asked for in {identifier}")
        return
    instance = plane.instance()
    if not instance.edition:  # a preview of a Plane that cannot answer yet
        yield Change((f"? custom fields of {identifier}: {names} (if the edition has them)",), lambda: None)
        return
    if instance.is_community:
        yield from _unsupported(at, identifier, fields, unsupported, f"Plane Community Edition {instance.version}")
        return
    found = project_to_read(at, identifier)
    key = found and (found[1] or at.manager() or at.reader())
    if found is None or key is None:
        yield Change((f"? custom fields of {identifier}: {names}",), lambda: needs_project(slug, identifier))
        return
    home = _Home(at, found[0], work_item_type, plane.workspace_owns_types(slug, key))
    in_place = partial(_unsupported, at, identifier, fields, unsupported)
    attempted = _attempted(home, key, fields, prune, in_place)
    yield from once_made(slug, identifier, attempted) if found[1] is None else attempted


def _attempted(
    home: _Home, key: ApiKey, fields: Sequence[CustomField], prune: bool, in_place: Callable[[str], Plan]
) -> Plan:
    """What is to be done about the fields, or `in_place` of them if Plane does not have them."""
    owned = _once(home, _in_workspace(home, key, fields, prune))
    try:
        # All of it before the first line: what follows may be what Plane does not have.
        plan = list(owned if home.is_workspace else _in_project(home, key, fields, prune))
    except PlaneRefused as error:
        where = _lacking(error, home)
        if where is None:
            raise
        yield from in_place(where)
        return
    attempt = _Attempt(home, in_place)
    for item in plan:
        yield attempt.at(item) if isinstance(item, Change) else item


def _lacking(error: PlaneRefused, home: _Home) -> str | None:
    """What does not have the fields, as a refusal tells it; ``None`` when it is about something else."""
    if error.is_migrating:
        return f"the workspace {home.slug} while Plane migrates it ({error.detail}); run again once that is done"
    if error.is_managed_elsewhere:
        return f"projects of {home.slug}, because the workspace manages them ({error.detail})"
    if home.is_workspace and isinstance(error, PlaneForbidden):
        return (
            f"the workspace {home.slug}, which owns its work item types: the account that asked may not change them "
            f"({error.detail}); make it an admin of the workspace (Workspace settings, Members), or make them in Plane "
            "as one"
        )
    return f"this Plane's plan ({error.detail})" if error.is_beyond_plan else None


class _Attempt:
    """The changes of one project's fields; the first that Plane does not have ends them, and is told once."""

    def __init__(self, home: _Home, in_place: Callable[[str], Plan]) -> None:
        self._home = home
        self._in_place = in_place
        self._is_over = False

    def at(self, change: Change) -> Change:
        """The change, as far as none before it was refused."""
        return replace(change, apply=lambda: self._try(change))

    def _try(self, change: Change) -> None:
        if self._is_over:
            raise InPlace(iter(()))
        try:
            change.apply()
        except PlaneRefused as error:
            where = _lacking(error, self._home)
            # What was there when it was read and is not found any more, somebody has just deleted.
            is_gone = error.status == 404 and not change.lines[0].startswith("+")
            if where is None or is_gone:
                raise
            self._is_over = True
            raise InPlace(self._in_place(where)) from error


def _in_project(home: _Home, key: ApiKey, fields: Sequence[CustomField], prune: bool) -> Plan:
    """A project that owns its work item types."""
    plane, identifier = home.plane, home.project.identifier
    kind = None
    if not home.project.is_issue_type_enabled:
        yield Change((f"~ project {identifier}: work item types on",), home.enable)
    else:
        kind = home.kind(key)
    if kind is None and (home.project.is_issue_type_enabled or home.type_name is not None):
        yield Change((f"+ work item type {home.new_name} in {identifier}",), home.make_type)
    listed = plane.work_item_properties(home.slug, key, home.project, kind) if kind else []
    present = {one.display_name: one for one in listed}
    for field in fields:
        place = _Place(home, field)
        has = present.get(field.name)
        if has is None:
            yield Change((f"+ custom field {field.name} ({field.type}) of {identifier}",), place.make)
        else:
            yield from place.bring_in_line(key, has, prune)
    if prune:
        named = {field.name for field in fields}
        for name, has in present.items():
            if name not in named:
                place = _Place(home, CustomField(name, "text"))
                yield Change((f"- custom field {name} of {identifier}",), place.deletes(has))


def _in_workspace(home: _Home, key: ApiKey, fields: Sequence[CustomField], prune: bool) -> Plan:
    """A workspace that owns work item types and properties: made there, then the type is imported by the project."""
    plane, slug, identifier = home.plane, home.slug, home.project.identifier
    kind = home.kind(key)
    name = home.new_name if kind is None else kind.name
    if kind is None:
        yield Change((f"+ work item type {name} in the workspace {slug}",), home.make_type)
    listed = plane.workspace_properties(slug, key)
    linked = plane.linked_properties(slug, key, kind) if kind else frozenset()
    present = {one.display_name: one for one in listed}
    for field in fields:
        place = _Place(home, field)
        has = present.get(field.name)
        if has is None:
            yield Change((f"+ custom field {field.name} ({field.type}) of {identifier}",), place.make)
            continue
        if has.id not in linked and place.is_of_type(has):
            yield Change((f"~ {place}: into the work item type {name}",), place.links(has))
        yield from place.bring_in_line(key, has, prune=False)
    if kind is None or not home.project.id or not plane.has_imported(slug, key, home.project, kind):
        yield Change((f"~ project {identifier}: work item type {name} of the workspace {slug}",), home.import_type)
    further = {one.display_name for one in listed if one.id in linked} - {field.name for field in fields}
    if prune and further:
        names = ", ".join(sorted(further))
        yield Note(f"! custom fields of {identifier} not in plane_projects ({names}): kept, because {slug} owns them")


def _once(home: _Home, plan: Plan) -> Plan:
    """What is planned in a workspace, without what a preview has said of another project, which shares it."""
    for item in plan:
        if isinstance(item, Change) and not is_executing():
            told = home.slug, item.lines[0].replace(f" of {home.project.identifier}", "")
            if told in home.at.state.foreseen:
                continue
            home.at.state.foreseen.add(told)
        yield item


@dataclass(frozen=True)
class _Home:
    """The work item type that a project's fields are in: the project's own, or its workspace's."""

    at: Access
    project: SeenProject
    type_name: str | None
    is_workspace: bool

    @property
    def slug(self) -> str:
        """The workspace."""
        return self.at.slug

    @property
    def plane(self) -> Plane:
        """Plane as the host reaches it."""
        return self.at.plane

    @property
    def owner(self) -> SeenProject | None:
        """The project that owns the type; ``None``: the workspace."""
        return None if self.is_workspace else self.project

    @property
    def new_name(self) -> str:
        """What the type is called when it is made."""
        return self.type_name or DEFAULT_TYPE

    def key(self) -> ApiKey:
        """A key that may change it."""
        return self.at.key_inside(self.project)

    def kind(self, key: ApiKey) -> WorkItemType | None:
        """The type that has the fields; ``None`` when it is missing."""
        kinds = self.plane.work_item_types(self.slug, key, self.owner)
        named = next((kind for kind in kinds if kind.name == self.new_name), None)
        if self.type_name is not None:
            return named
        # One that this deploy made is not marked: v1 takes no default.
        return next((kind for kind in kinds if kind.is_default), named)

    def needed_kind(self, key: ApiKey) -> WorkItemType:
        """As :meth:`kind`.

        Raises:
            PlaneError: it is missing.
        """
        kind = self.kind(key)
        if kind is None:
            raise PlaneError(
                f"the project {self.project.identifier} has no {self.type_name or 'default'} work item type"
            )
        return kind

    def enable(self) -> None:
        """Switch types on in the project, and make the default one if none appears."""
        self.plane.enable_work_item_types(self.slug, self.key(), self.project)
        if self.type_name is None:
            self.make_type()

    def make_type(self) -> None:
        """Make the type, unless it appeared since."""
        key = self.key()
        if self.kind(key) is None:
            self.plane.create_work_item_type(self.slug, key, self.owner, self.new_name)

    def import_type(self) -> None:
        """Have the project use the workspace's type."""
        key = self.key()
        self.plane.import_work_item_type(self.slug, key, self.project, self.needed_kind(key))


@dataclass(frozen=True)
class _Place:
    """One field and where it belongs."""

    home: _Home
    field: CustomField

    def __str__(self) -> str:
        return f"custom field {self.field.name} of {self.home.project.identifier}"

    def _default(self, key: ApiKey) -> list[str] | None:
        """As Plane keeps it; an option that is the default is marked instead."""
        if self.field.default is None or self.field.type == "option":
            return None
        if self.field.type != "member":
            return list(self.field.default)
        ids = {member.email: member.user_id for member in self.home.plane.members(self.home.slug, key)}
        unknown = [address for address in self.field.default if address not in ids]
        if unknown:
            raise PlaneSettings(f"{self}: {', '.join(unknown)} is not in the workspace {self.home.slug}")
        return [ids[address] for address in self.field.default]

    def make(self) -> None:
        """Make it with all that is asked for."""
        field, home, key = self.field, self.home, self.home.key()
        further: dict[str, Any] = {
            "description": field.description,
            "is_required": field.required,
            "is_multi": field.multiple,
            "default_value": self._default(key),
        }
        if field.options:
            chosen = field.default or ()
            further["options"] = [{"name": name, "is_default": name in chosen} for name in field.options]
        body = definition(field.name, field.type, **{k: v for k, v in further.items() if v is not None})
        home.plane.create_work_item_property(home.slug, key, home.owner, home.needed_kind(key), body)

    def is_of_type(self, has: WorkItemProperty) -> bool:
        """Whether one that is there has the type that is asked for."""
        return field_type(has.property_type, has.relation_type) == self.field.type

    def links(self, has: WorkItemProperty) -> Callable[[], None]:
        """What puts a property of the workspace into the type."""

        def link() -> None:
            key = self.home.key()
            self.home.plane.link_property(self.home.slug, key, self.home.needed_kind(key), has.id)

        return link

    def bring_in_line(self, key: ApiKey, has: WorkItemProperty, prune: bool) -> Plan:
        """What differs in one that is there."""
        field = self.field
        theirs = field_type(has.property_type, has.relation_type)
        if theirs != field.type:
            yield Note(f"! {self} is of type {theirs}, not {field.type}; Plane cannot change a type, so it is left")
            return
        if field.multiple is not None and field.multiple != has.is_multi:
            held = "several values" if has.is_multi else "one value"
            yield Note(f"! {self} holds {held}; Plane cannot change that in place, so it is left")
        fields: dict[str, Any] = {}
        words = []
        if field.description is not None and field.description != has.description:
            fields["description"] = field.description
            words.append("description")
        if field.required is not None and field.required != has.is_required:
            fields["is_required"] = field.required
            words.append("required" if field.required else "not required")
        # Plane keeps no default for a required field (public API reference).
        default = None if has.is_required and field.required is not False else self._default(key)
        if default is not None and default != list(has.default_value):
            fields["default_value"] = default
            words.append(f"default {', '.join(field.default or ())}")
        if fields:
            yield Change((f"~ {self}: {', '.join(words)}",), lambda: self._change(has, fields))
        same = not fields
        for change in self._options(key, has, prune):
            same = False
            yield change
        if same:
            yield Kept(str(self))

    def _change(self, has: WorkItemProperty, fields: dict[str, Any]) -> None:
        home, key = self.home, self.home.key()
        home.plane.change_work_item_property(home.slug, key, home.owner, home.needed_kind(key), has, **fields)

    def _options(self, key: ApiKey, has: WorkItemProperty, prune: bool) -> Plan:
        field, home = self.field, self.home
        if field.type != "option":
            return
        present = home.plane.property_options(home.slug, key, home.owner, has)
        for name in field.options:
            chosen = name in (field.default or ())
            option = present.get(name)
            if option is None:
                yield Change((f"+ option {name} of {self}",), self._adds(has, name, chosen))
            elif field.default is not None and option.is_default != chosen:
                words = "the default" if chosen else "no longer the default"
                yield Change((f"~ option {name} of {self}: {words}",), self._marks(has, name, chosen))
        if prune:
            for name in present:
                if name not in field.options:
                    yield Change((f"- option {name} of {self}",), self._drops(has, name))

    # What the changes do

    def _adds(self, has: WorkItemProperty, name: str, chosen: bool) -> Any:
        return lambda: self.home.plane.create_property_option(*self._at(has), name, chosen)

    def _marks(self, has: WorkItemProperty, name: str, chosen: bool) -> Any:
        def mark() -> None:
            at = self._at(has)
            option = self.home.plane.property_options(*at)[name]
            self.home.plane.change_property_option(*at, option, chosen)

        return mark

    def _drops(self, has: WorkItemProperty, name: str) -> Any:
        def drop() -> None:
            at = self._at(has)
            self.home.plane.delete_property_option(*at, self.home.plane.property_options(*at)[name])

        return drop

    def deletes(self, has: WorkItemProperty) -> Any:
        """What deletes a field that is there."""

        def delete() -> None:
            home, key = self.home, self.home.key()
            home.plane.delete_work_item_property(home.slug, key, home.project, home.needed_kind(key), has)

        return delete

    def _at(self, has: WorkItemProperty) -> tuple[str, ApiKey, SeenProject | None, WorkItemProperty]:
        return self.home.slug, self.home.key(), self.home.owner, has


def _unsupported(at: Access, identifier: str, fields: Sequence[CustomField], mode: str, where: str) -> Plan:
    names = ", ".join(field.name for field in fields)
    if mode == "fail":
        raise PlaneSettings(
            f"custom fields of {identifier} ({names}): not available in {where}; take them out of plane_projects, or "
            'set plane_custom_fields_unsupported to "warn" or "labels"'
        )
    labels = labels_for(fields, at.state.agents) if mode == "labels" else []
    groups = {label.name for label in labels if label.parent is None}
    without = ", ".join(field.name for field in fields if field.name not in groups)
    if without:
        advice = "labels cannot stand in for them" if mode == "labels" else "see plane_custom_fields_unsupported"
        yield Note(f"! custom fields of {identifier} ({without}): not available in {where}; {advice}", True)
    if not labels:
        return
    found = project_to_read(at, identifier)
    if found is None:
        line = f"? labels of {identifier} in place of custom fields: {', '.join(sorted(groups))}"
        yield Change((line,), lambda: needs_project(at.slug, identifier))
        return
    yield from labels_plan(at, *found, labels)
