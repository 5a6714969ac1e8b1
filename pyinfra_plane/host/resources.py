"""Kinds of resources: what Plane lists of a kind is compared with what is wanted, field by field, and brought in line.

A kind is a class: what it is in the API (:class:`~pyinfra_plane.api.rows.Row`), what it is in the settings, and where
it differs from the rule. ``operations/plane/webhooks.py`` is the example.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.collection import Collection
from pyinfra_plane.api.errors import PlaneRefused, PlaneSettings
from pyinfra_plane.api.models import Project
from pyinfra_plane.api.rows import Difference, R
from pyinfra_plane.engine.converge import Change, Kept, Plan
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.host.planning import needs_project, once_made, project_to_read, typed

W = TypeVar("W")


class Home(Protocol):
    """Where the resources of a kind are."""

    def __str__(self) -> str:
        """What a plan calls it."""

    @property
    def exists(self) -> bool:
        """Whether there is anything to list; otherwise an earlier change creates it."""

    def reading(self, kind: type[R]) -> Collection[R]:
        """The resources, for who may read them."""

    def writing(self, kind: type[R]) -> Collection[R]:
        """The resources, for who may change them."""


class Kind(Generic[W, R]):
    """One kind of resource. Subclasses name it, and replace the methods in which it differs from the rule."""

    row: type[R]
    """As Plane lists it."""
    wanted: type[W]
    """As the settings have it: the fields that have the same name are compared. ``None`` leaves a field as it is."""
    noun: ClassVar[str]
    """What a plan calls one of them."""
    setting: ClassVar[str]
    """The setting, or the key of a setting, that lists them."""

    def plan(self, home: Home, wanted: Sequence[W], prune: bool = False) -> Plan:
        """Compare what is listed with what is wanted.

        Args:
            prune: delete what is not wanted, unless nothing is.
        """
        present = self.present(home)
        for one in wanted:
            has = present.get(self.identity(one))
            if has is None:
                line = f"+ {self.line_of_new(home, one)}"
                yield Change((line,), partial(self.create, home, one))
            else:
                yield from self.bring_in_line(home, one, has, present)
        yield from self.afterwards(home, wanted, present)
        if prune and wanted:
            yield from self.prune(home, wanted, present)

    def present(self, home: Home) -> Mapping[str, R]:
        """What Plane lists, by what tells one from another."""
        return home.reading(self.row).by_name() if home.exists else {}

    # What a plan says

    def identity(self, one: W) -> str:
        """What tells it from others, as Plane has it."""
        return str(getattr(one, self.row.IDENTITY))

    def title(self, identity: str) -> str:
        """What a plan calls the one with this identity."""
        return identity

    def called(self, home: Home, one: W) -> str:
        """What a plan calls a wanted one."""
        return f"{self.noun} {self.title(self.identity(one))} of {home}"

    def line_of_new(self, home: Home, one: W) -> str:
        """What a plan says of one to create."""
        return self.called(home, one)

    # The rule

    def given(self, one: W) -> dict[str, Any]:
        """The fields that are wanted, by name."""
        ours = {field.name for field in fields(self.row)} - {self.row.IDENTITY, "id"}
        values = {field.name: getattr(one, field.name) for field in fields(self.wanted)}  # type: ignore[arg-type]
        return {name: value for name, value in values.items() if name in ours and value is not None}

    def differences(self, home: Home, one: W, has: R, present: Mapping[str, R]) -> list[Difference]:
        """The fields that differ."""
        found = (has.difference(name, value) for name, value in self.given(one).items())
        return [difference for difference in found if difference is not None]

    def bring_in_line(self, home: Home, one: W, has: R, present: Mapping[str, R]) -> Plan:
        """Change the fields that differ."""
        differing = self.differences(home, one, has, present)
        if differing:
            yield self.change(home, has, differing)
        else:
            yield Kept(self.called(home, one))

    def change(self, home: Home, has: R, differing: Sequence[Difference]) -> Change:
        """The change of some fields."""

        def apply() -> None:
            home.writing(self.row).change(has, **{one.key: one.value() for one in differing})

        words = ", ".join(one.words for one in differing)
        return Change((f"~ {self._listed(home, has)}: {words}",), apply)

    def _listed(self, home: Home, has: R) -> str:
        return f"{self.noun} {self.title(str(getattr(has, self.row.IDENTITY)))} of {home}"

    def body(self, home: Home, one: W) -> dict[str, Any]:
        """What Plane is sent to create one."""
        given = {self.row.IDENTITY: self.identity(one), **self.given(one)}
        return {self.row.key_of(name): self.row.sent(name, value) for name, value in given.items()}

    def create(self, home: Home, one: W) -> None:
        """Create one."""
        home.writing(self.row).create(**self.body(home, one))

    def afterwards(self, home: Home, wanted: Sequence[W], present: Mapping[str, R]) -> Plan:
        """What follows from the changes."""
        return iter(())

    def prune(self, home: Home, wanted: Sequence[W], present: Mapping[str, R]) -> Plan:
        """Delete what is not wanted."""
        named = {self.identity(one) for one in wanted}
        yield from (self.removal(home, has) for name, has in present.items() if name not in named)

    def removal(self, home: Home, has: R, further: str = "") -> Change:
        """The deletion of one."""
        what = self._listed(home, has)
        return Change((f"- {what}{further}",), lambda: self.delete(home, has, f"the {what}"))

    def delete(self, home: Home, has: R, what: str) -> None:
        """Delete one; `what` it is, for the message."""
        home.writing(self.row).delete(has, what)


@dataclass(frozen=True)
class InProject:
    """A project, and a key that sees into it; no key if the project is still to be created."""

    at: Access
    project: Project
    key: ApiKey | None

    def __str__(self) -> str:
        return self.project.identifier

    @property
    def exists(self) -> bool:
        return self.key is not None

    def reading(self, kind: type[R]) -> Collection[R]:
        assert self.key is not None
        return self.at.plane.collection(kind, self.key, slug=self.at.slug, project=self.project.id)

    def writing(self, kind: type[R]) -> Collection[R]:
        key = self.at.key_inside(self.project)
        return self.at.plane.collection(kind, key, slug=self.at.slug, project=self.project.id)

    def advised(self, plan: Plan, setting: str) -> Plan:
        """The plan, with advice for the case that the workspace owns what it changes (commercial editions)."""
        if self.key is None:
            yield from once_made(self.at.slug, self.project.identifier, plan)
            return
        for item in plan:
            yield replace(item, apply=self._advised(item, setting)) if isinstance(item, Change) else item

    def _advised(self, change: Change, setting: str) -> Any:
        slug = self.at.slug

        def apply() -> None:
            try:
                change.apply()
            except PlaneRefused as error:
                if error.is_migrating:
                    raise PlaneSettings(
                        f"{error}; Plane is migrating the workspace {slug}: run again once that is done"
                    ) from error
                if error.is_managed_elsewhere:
                    raise PlaneSettings(
                        f"{error}; the workspace {slug} manages these for its projects: change them in Plane "
                        f"(Workspace settings), and remove {setting} from plane_projects"
                    ) from error
                raise

        return apply


@dataclass(frozen=True)
class InWorkspace:
    """A workspace, as an admin who is signed in sees it."""

    at: Access
    exists: bool = True

    def __str__(self) -> str:
        return self.at.slug

    def reading(self, kind: type[R]) -> Collection[R]:
        return self.at.plane.collection(kind, self.at.admin_session(), slug=self.at.slug)

    def writing(self, kind: type[R]) -> Collection[R]:
        return self.reading(kind)


def in_project(
    kind: Kind[W, R], slug: str, identifier: str, wanted: Iterable[W | Mapping[str, Any]], prune: bool = False
) -> Plan:
    """Have the resources of one kind in a project; a preview that cannot see into it only names them."""
    at, items = current_workspace(slug), typed(kind.wanted, wanted)
    identifier = identifier.upper()
    found = project_to_read(at, identifier)
    if found is None:
        names = ", ".join(kind.identity(one) for one in items)
        if names:
            line = f"? {kind.row.WHAT} of {identifier}: {names}"
            yield Change((line,), lambda: needs_project(slug, identifier))
        return
    home = InProject(at, *found)
    yield from home.advised(kind.plan(home, items, prune), kind.setting)
