"""Custom fields ("work item properties"), in editions that have them, and the labels that can replace them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
from pyinfra_plane.api.work_item_types import DEFAULT_TYPE, chosen_type
from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.converge import Change, Note, Plan, Unchanged, Unsupported, converging
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.host_plane import current_plane, current_workspace
from pyinfra_plane.host.planning import as_instances, plan_in_new_project, project_to_read, refuse_missing_project
from pyinfra_plane.host.resources import Home, InProject, Kind
from pyinfra_plane.settings import CustomField, labels_for
from pyinfra_plane.settings.table import DEFAULTS

from .labels import Labels


@converging
def custom_fields_available(identifiers: Sequence[str]) -> Plan:
    """
    Stop before any change if the edition has no custom fields.

    + identifiers: the projects with custom fields, for the message

    If Plane does not answer yet, the operation passes; call it again later.
    """
    at = current_plane()
    try:
        instance = at.plane.instance()
    except (PlaneUnreachable, PlaneBadAnswer):  # without tables, Plane answers every request with 500
        yield Note("! custom fields: Plane does not answer yet; the run checks its edition later")
        return
    if instance.registered and instance.is_community:
        raise PlaneSettings(
            f"Plane Community Edition {instance.version} has no custom fields ({', '.join(identifiers)}), and "
            'plane_custom_fields_unsupported is "fail"; set it to "warn" or "labels", remove the fields from '
            "plane_projects, or use a commercial edition"
        )
    yield Unchanged("the edition has custom fields")


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
    Keep custom fields ("work item properties") on a work item type of a project, in editions that have them.

    + slug: the workspace
    + identifier: the project's identifier
    + fields: name, type and, optionally, description, required, options, multiple and default of each field
    + work_item_type: the type's name, created if missing; by default the project's default type, or ``Task`` if it has
      none
    + unsupported: ``warn``, ``fail`` or ``labels`` if the edition, its plan or the workspace has no custom fields for
      this project, whether Plane reports that on reading or on writing
    + prune: delete fields and options that are not named, together with their values in work items; not in a workspace
      that owns them, where other projects may use them

    If the workspace owns work item types and their properties, the type and the fields are created in the workspace,
    and the project imports the type.

    A field with another type is reported and stays unchanged: Plane cannot change the type of a field.

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
    at, fields = current_workspace(slug), as_instances(CustomField, fields)
    plane = at.plane
    identifier = identifier.upper()
    names = ", ".join(field.name for field in fields)
    if not fields:
        yield Unchanged(f"no custom fields in plane_projects for {identifier}")
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
        yield Change((f"? custom fields of {identifier}: {names}",), lambda: refuse_missing_project(slug, identifier))
        return
    home = _Home(at, found[0], key, work_item_type, plane.workspace_owns_types(slug, key))
    fallback = partial(_unsupported, at, identifier, fields, unsupported)
    attempted = _attempted(home, key, fields, prune, fallback)
    yield from plan_in_new_project(slug, identifier, attempted) if found[1] is None else attempted


def _attempted(
    home: _Home, key: ApiKey, fields: Sequence[CustomField], prune: bool, fallback: Callable[[str], Plan]
) -> Plan:
    """Plan the changes of the fields; call `fallback` if Plane does not support them."""
    owned = _once(home, _in_workspace(home, key, fields, prune))
    try:
        # The whole plan is built before the first line is shown: a later part may be unsupported.
        plan = list(owned if home.is_workspace else _in_project(home, key, fields, prune))
    except PlaneRefused as error:
        where = _unsupported_by(error, home)
        if where is None:
            raise
        yield from fallback(where)
        return
    attempt = _Attempt(home, fallback)
    for item in plan:
        yield attempt.at(item) if isinstance(item, Change) else item


def _unsupported_by(error: PlaneRefused, home: _Home) -> str | None:
    """What does not support the fields, from Plane's refusal; ``None`` if the refusal has another reason."""
    if error.is_migrating:
        return f"the workspace {home.slug} while Plane migrates it ({error.detail}); run again once that is done"
    if error.is_managed_elsewhere:
        return f"projects of {home.slug}, because the workspace manages them ({error.detail})"
    if home.is_workspace and isinstance(error, PlaneForbidden):
        return (
            f"the workspace {home.slug}, which owns its work item types: the account of the deploy may not change them "
            f"({error.detail}); make it an admin of the workspace (Workspace settings, Members), or create them in "
            "Plane as an admin"
        )
    return f"this Plane's plan ({error.detail})" if error.is_beyond_plan else None


class _Attempt:
    """The changes of one project's fields. The first unsupported one ends them, and is reported once."""

    def __init__(self, home: _Home, fallback: Callable[[str], Plan]) -> None:
        self._home = home
        self._fallback = fallback
        self._is_over = False

    def at(self, change: Change) -> Change:
        """The change, skipped if Plane refused an earlier one as unsupported."""
        return replace(change, apply=lambda: self._try(change))

    def _try(self, change: Change) -> None:
        if self._is_over:
            raise Unsupported(iter(()))
        try:
            change.apply()
        except PlaneRefused as error:
            where = _unsupported_by(error, self._home)
            # The resource existed when it was read, so somebody has just deleted it.
            is_gone = error.status == 404 and not change.lines[0].startswith("+")
            if where is None or is_gone:
                raise
            self._is_over = True
            raise Unsupported(self._fallback(where)) from error


def _in_project(home: _Home, key: ApiKey, fields: Sequence[CustomField], prune: bool) -> Plan:
    """Plan for a project that owns its work item types."""
    identifier = home.project.identifier
    if not home.project.is_issue_type_enabled:
        yield Change((f"~ project {identifier}: work item types on",), home.enable)
    if home.kind is None and (home.project.is_issue_type_enabled or home.type_name is not None):
        yield Change((f"+ work item type {home.new_name} in {identifier}",), home.make_type)
    yield from _Fields(prune).plan(home, fields, prune)


def _in_workspace(home: _Home, key: ApiKey, fields: Sequence[CustomField], prune: bool) -> Plan:
    """Plan for a workspace that owns work item types and properties: create them there, then import the type."""
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
    """The plan for a workspace, without lines that a preview showed for another project in it."""
    for item in plan:
        if isinstance(item, Change) and not is_executing():
            announcement = home.slug, item.lines[0].replace(f" of {home.project.identifier}", "")
            if announcement in home.at.state.announced:
                continue
            home.at.state.announced.add(announcement)
        yield item


@dataclass(frozen=True)
class _Home:
    """The work item type that has a project's fields: the project's own type, or its workspace's."""

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
        """The project that owns the type; ``None`` if the workspace owns it."""
        return None if self.is_workspace else self.project

    @property
    def new_name(self) -> str:
        """The type's name if it is created."""
        return self.type_name or DEFAULT_TYPE

    @property
    def kind(self) -> WorkItemType | None:
        """The type that has the fields; ``None`` if it is missing."""
        has_types = self.is_workspace or self.project.is_issue_type_enabled
        return self._kind(self.key) if has_types else None

    def _kind(self, key: ApiKey) -> WorkItemType | None:
        return chosen_type(self.plane.work_item_types(self.slug, key, self.owner).rows(), self.type_name)

    def inside(self) -> tuple[ApiKey, WorkItemType]:
        """A key that may change the type, and the type.

        Raises:
            PlaneError: the type is missing.
        """
        key = self.at.project_admin_key(self.project)
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
        """Turn types on in the project, and create the default type if none appears."""
        self.plane.enable_work_item_types(self.slug, self.at.project_admin_key(self.project), self.project)
        if self.type_name is None:
            self.make_type()

    def make_type(self) -> None:
        """Create the type unless it has appeared since."""
        key = self.at.project_admin_key(self.project)
        if self._kind(key) is None:
            types = self.plane.work_item_types(self.slug, key, self.owner)
            types.create(name=self.new_name, is_active=True)

    def import_type(self) -> None:
        """Import the workspace's type into the project."""
        key, kind = self.inside()
        self.plane.import_work_item_type(self.slug, key, self.project, kind)


class _Fields(Kind[CustomField, WorkItemProperty]):
    """Custom fields. Plane changes neither a field's type nor whether it holds one or several values.

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

    def creation_line(self, home: Any, one: CustomField) -> str:
        return f"custom field {one.name} ({one.type}) of {home}"

    def given(self, one: CustomField) -> dict[str, Any]:
        given = {"description": one.description, "is_required": one.required}
        return {name: value for name, value in given.items() if value is not None}

    def differences(
        self, home: Any, one: CustomField, has: WorkItemProperty, present: Mapping[str, WorkItemProperty]
    ) -> list[Difference]:
        found = super().differences(home, one, has, present)
        # Plane stores no default for a required field (public API reference).
        default = None if has.is_required and one.required is not False else self._default(home, home.key, one)
        if default is not None and default != list(has.default_value):
            words = f"default {', '.join(one.default or ())}"
            found.append(Difference("default_value", lambda: default, words))
        return found

    def reconcile(
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
        kept_or_changed = list(super().reconcile(home, one, has, present))
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
        """The default in Plane's form; a default option is marked as such instead."""
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
    """An option to create or compare; `is_default` is ``None`` if the settings name no default."""

    name: str
    is_default: bool | None


@dataclass(frozen=True)
class _InField:
    """The custom field that has the options."""

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
        key = home.at.project_admin_key(home.project)
        return cast("Collection[R]", home.plane.property_options(home.slug, key, home.owner, self.has))


class _Options(Kind[_Option, PropertyOption]):
    """The options of a custom field."""

    row, wanted = PropertyOption, _Option
    noun, setting = "option", "options"

    def body(self, home: Home, one: _Option) -> dict[str, Any]:
        return {"name": one.name, "is_default": bool(one.is_default)}


def _is_known(at: Access, identifier: str, fields: Sequence[CustomField]) -> bool:
    """Whether the fields are only the defaults, and an earlier run has reported them."""
    defaults = {one["name"] for project in DEFAULTS["plane_projects"] for one in project["custom_fields"]}
    is_new = identifier in at.state.new_projects or identifier not in (at.projects() or {})
    is_default = at.plane.instance().is_community and {field.name for field in fields} == defaults
    return is_default and not is_new


def _unsupported(at: Access, identifier: str, fields: Sequence[CustomField], mode: str, where: str) -> Plan:
    names = ", ".join(field.name for field in fields)
    if mode == "fail":
        raise PlaneSettings(
            f"custom fields of {identifier} ({names}): not available in {where}; remove them from plane_projects, or "
            'set plane_custom_fields_unsupported to "warn" or "labels"'
        )
    labels = labels_for(fields, at.state.agents)
    groups = {label.name for label in labels if label.parent is None}
    without = [field.name for field in fields if mode != "labels" or field.name not in groups]
    if mode == "labels":
        advice = "labels cannot replace them"
    elif groups:
        replaced = ", ".join(name for name in without if name in groups)
        advice = f'set plane_custom_fields_unsupported = "labels" to use labels for {replaced} instead'
    else:
        advice = "remove them from plane_projects"
    if without:
        yield Note(
            f"! custom fields of {identifier} ({', '.join(without)}): not available in {where}; {advice}",
            is_unavailable=True,
            is_quiet=_is_known(at, identifier, fields),
        )
    if mode != "labels" or not labels:
        return
    found = project_to_read(at, identifier)
    if found is None:
        line = f"? labels of {identifier} in place of custom fields: {', '.join(sorted(groups))}"
        yield Change((line,), lambda: refuse_missing_project(at.slug, identifier))
        return
    home = InProject(at, *found)
    plan = Labels().plan(home, labels)
    yield from plan_in_new_project(at.slug, identifier, plan) if found[1] is None else plan
