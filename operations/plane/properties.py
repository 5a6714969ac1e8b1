"""Custom fields ("work item properties"), in the editions that have them, and what labels can stand in for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.collection import Collection
from pyinfra_plane.api.errors import (
    PlaneBadAnswer,
    PlaneError,
    PlaneForbidden,
    PlaneRefused,
    PlaneSettings,
    PlaneUnreachable,
)
from pyinfra_plane.api.models import Project as SeenProject
from pyinfra_plane.api.models import PropertyOption, WorkItemProperty, WorkItemType
from pyinfra_plane.api.plane import Plane
from pyinfra_plane.api.properties import definition, field_type
from pyinfra_plane.api.rows import Difference, R
from pyinfra_plane.engine.converge import Change, InPlace, Kept, Note, Plan, converging
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.host_plane import current_plane, current_workspace
from pyinfra_plane.host.planning import needs_project, once_made, project_to_read, typed
from pyinfra_plane.host.resources import Home, InProject, Kind
from pyinfra_plane.settings import CustomField, labels_for

from .labels import Labels

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
            'plane_custom_fields_unsupported is "fail"; set it to "warn" or "labels", remove the fields from '
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
        yield Kept(f"no custom fields in plane_projects for {identifier}")
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
    home = _Home(at, found[0], key, work_item_type, plane.workspace_owns_types(slug, key))
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
            f"({error.detail}); make it an admin of the workspace (Workspace settings, Members), or create them in "
            "Plane as an admin"
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
    identifier = home.project.identifier
    if not home.project.is_issue_type_enabled:
        yield Change((f"~ project {identifier}: work item types on",), home.enable)
    if home.kind is None and (home.project.is_issue_type_enabled or home.type_name is not None):
        yield Change((f"+ work item type {home.new_name} in {identifier}",), home.make_type)
    yield from _Fields(prune).plan(home, fields, prune)


def _in_workspace(home: _Home, key: ApiKey, fields: Sequence[CustomField], prune: bool) -> Plan:
    """A workspace that owns work item types and properties: made there, then the type is imported by the project."""
    plane, slug, identifier, kind = home.plane, home.slug, home.project.identifier, home.kind
    name = home.new_name if kind is None else kind.name
    if kind is None:
        yield Change((f"+ work item type {name} in the workspace {slug}",), home.make_type)
    linked = plane.linked_properties(slug, key, kind) if kind else frozenset()
    yield from _Fields(False, name, linked).plan(home, fields)
    if kind is None or not home.project.id or not plane.has_imported(slug, key, home.project, kind):
        yield Change((f"~ project {identifier}: work item type {name} of the workspace {slug}",), home.import_type)
    listed = home.reading(WorkItemProperty).rows() if prune else []
    further = {one.display_name for one in listed if one.id in linked} - {field.name for field in fields}
    if further:
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
    key: ApiKey
    type_name: str | None
    is_workspace: bool

    def __str__(self) -> str:
        return self.project.identifier

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

    @property
    def kind(self) -> WorkItemType | None:
        """The type that has the fields; ``None`` when it is missing."""
        has_types = self.is_workspace or self.project.is_issue_type_enabled
        return self._kind(self.key) if has_types else None

    def _kind(self, key: ApiKey) -> WorkItemType | None:
        kinds = self.plane.work_item_types(self.slug, key, self.owner).rows()
        named = next((kind for kind in kinds if kind.name == self.new_name), None)
        if self.type_name is not None:
            return named
        # One that this deploy made is not marked: v1 takes no default.
        return next((kind for kind in kinds if kind.is_default), named)

    def inside(self) -> tuple[ApiKey, WorkItemType]:
        """A key that may change the type, and the type.

        Raises:
            PlaneError: the type is missing.
        """
        key = self.at.key_inside(self.project)
        kind = self._kind(key)
        if kind is None:
            raise PlaneError(
                f"the project {self.project.identifier} has no {self.type_name or 'default'} work item type"
            )
        return key, kind

    @property
    def exists(self) -> bool:
        return self.is_workspace or self.kind is not None

    def reading(self, kind: type[R]) -> Collection[R]:
        return cast(
            "Collection[R]",
            self.plane.work_item_properties(self.slug, self.key, self.owner, cast("WorkItemType", self.kind)),
        )

    def writing(self, kind: type[R]) -> Collection[R]:
        key, of = self.inside()
        return cast("Collection[R]", self.plane.work_item_properties(self.slug, key, self.owner, of))

    def enable(self) -> None:
        """Switch types on in the project, and make the default one if none appears."""
        self.plane.enable_work_item_types(self.slug, self.at.key_inside(self.project), self.project)
        if self.type_name is None:
            self.make_type()

    def make_type(self) -> None:
        """Make the type, unless it appeared since."""
        key = self.at.key_inside(self.project)
        if self._kind(key) is None:
            types = self.plane.work_item_types(self.slug, key, self.owner)
            types.create(name=self.new_name, is_active=True)

    def import_type(self) -> None:
        """Have the project use the workspace's type."""
        key, kind = self.inside()
        self.plane.import_work_item_type(self.slug, key, self.project, kind)


class _Fields(Kind[CustomField, WorkItemProperty]):
    """Custom fields: Plane changes neither a field's type in place nor how many values it holds.

    Args:
        prune: delete options that are not named.
        type_name: the work item type of a workspace that owns its fields.
        linked: the ids of the fields in that type.
    """

    row, wanted = WorkItemProperty, CustomField
    noun, setting = "custom field", "custom_fields"

    def __init__(self, prune: bool, type_name: str | None = None, linked: frozenset[str] = frozenset()) -> None:
        self._prune = prune
        self._type_name = type_name
        self._linked = linked

    def identity(self, one: CustomField) -> str:
        return one.name

    def line_of_new(self, home: Any, one: CustomField) -> str:
        return f"custom field {one.name} ({one.type}) of {home}"

    def given(self, one: CustomField) -> dict[str, Any]:
        given = {"description": one.description, "is_required": one.required}
        return {name: value for name, value in given.items() if value is not None}

    def differences(
        self, home: Any, one: CustomField, has: WorkItemProperty, present: Mapping[str, WorkItemProperty]
    ) -> list[Difference]:
        found = super().differences(home, one, has, present)
        # Plane keeps no default for a required field (public API reference).
        default = None if has.is_required and one.required is not False else self._default(home, home.key, one)
        if default is not None and default != list(has.default_value):
            words = f"default {', '.join(one.default or ())}"
            found.append(Difference("default_value", lambda: default, words))
        return found

    def bring_in_line(
        self, home: Any, one: CustomField, has: WorkItemProperty, present: Mapping[str, WorkItemProperty]
    ) -> Plan:
        called, theirs = self.called(home, one), field_type(has.property_type, has.relation_type)
        is_linked = self._type_name is None or has.id in self._linked
        if theirs != one.type:
            yield Note(
                f"! {called} is of type {theirs}, not {one.type}; Plane cannot change a type, so the field stays "
                "unchanged"
            )
            return
        if not is_linked:
            line = f"~ {called}: into the work item type {self._type_name}"
            yield Change((line,), lambda: self._link(home, has))
        if one.multiple is not None and one.multiple != has.is_multi:
            held = "several values" if has.is_multi else "one value"
            yield Note(f"! {called} holds {held}; Plane cannot change that, so the field stays unchanged")
        options = self._options(home, one, has) if one.type == "option" else []
        kept_or_changed = list(super().bring_in_line(home, one, has, present))
        yield from (item for item in kept_or_changed if isinstance(item, Change) or not options)
        yield from options

    @staticmethod
    def _link(home: _Home, has: WorkItemProperty) -> None:
        key, kind = home.inside()
        home.plane.link_property(home.slug, key, kind, has.id)

    def _options(self, home: _Home, one: CustomField, has: WorkItemProperty) -> list[Change]:
        asked = None if one.default is None else set(one.default)
        wanted = [_Option(name, None if asked is None else name in asked) for name in one.options]
        plan = _Options().plan(_InField(home, self.called(home, one), has), wanted, self._prune)
        return [item for item in plan if isinstance(item, Change)]

    def create(self, home: Any, one: CustomField) -> None:
        key, kind = home.inside()
        further = {
            **self.given(one),
            "is_multi": one.multiple,
            "default_value": self._default(home, key, one),
            "options": [{"name": name, "is_default": name in (one.default or ())} for name in one.options] or None,
        }
        body = definition(one.name, one.type, **{name: value for name, value in further.items() if value is not None})
        home.plane.create_work_item_property(home.slug, key, home.owner, kind, body)

    def _default(self, home: _Home, key: ApiKey, one: CustomField) -> list[str] | None:
        """As Plane keeps it; an option that is the default is marked instead."""
        if one.default is None or one.type == "option":
            return None
        if one.type != "member":
            return list(one.default)
        ids = {member.email: member.user_id for member in home.plane.members(home.slug, key)}
        unknown = [address for address in one.default if address not in ids]
        if unknown:
            raise PlaneSettings(f"{self.called(home, one)}: {', '.join(unknown)} is not in the workspace {home.slug}")
        return [ids[address] for address in one.default]


@dataclass(frozen=True)
class _Option:
    """An option as it is wanted; `is_default` is ``None`` if the settings name no default."""

    name: str
    is_default: bool | None


@dataclass(frozen=True)
class _InField:
    """The custom field that options are in."""

    home: _Home
    called: str
    has: WorkItemProperty
    exists: bool = True

    def __str__(self) -> str:
        return self.called

    def reading(self, kind: type[R]) -> Collection[R]:
        home = self.home
        return cast("Collection[R]", home.plane.property_options(home.slug, home.key, home.owner, self.has))

    def writing(self, kind: type[R]) -> Collection[R]:
        home = self.home
        key = home.at.key_inside(home.project)
        return cast("Collection[R]", home.plane.property_options(home.slug, key, home.owner, self.has))


class _Options(Kind[_Option, PropertyOption]):
    """The options of a custom field."""

    row, wanted = PropertyOption, _Option
    noun, setting = "option", "options"

    def body(self, home: Home, one: _Option) -> dict[str, Any]:
        return {"name": one.name, "is_default": bool(one.is_default)}


def _unsupported(at: Access, identifier: str, fields: Sequence[CustomField], mode: str, where: str) -> Plan:
    names = ", ".join(field.name for field in fields)
    if mode == "fail":
        raise PlaneSettings(
            f"custom fields of {identifier} ({names}): not available in {where}; remove them from plane_projects, or "
            'set plane_custom_fields_unsupported to "warn" or "labels"'
        )
    labels = labels_for(fields, at.state.agents) if mode == "labels" else []
    groups = {label.name for label in labels if label.parent is None}
    without = ", ".join(field.name for field in fields if field.name not in groups)
    if without:
        advice = "labels cannot replace them" if mode == "labels" else "see plane_custom_fields_unsupported"
        yield Note(f"! custom fields of {identifier} ({without}): not available in {where}; {advice}", True)
    if not labels:
        return
    found = project_to_read(at, identifier)
    if found is None:
        line = f"? labels of {identifier} in place of custom fields: {', '.join(sorted(groups))}"
        yield Change((line,), lambda: needs_project(at.slug, identifier))
        return
    home = InProject(at, *found)
    plan = Labels().plan(home, labels)
    yield from once_made(at.slug, identifier, plan) if found[1] is None else plan
