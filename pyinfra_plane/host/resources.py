"""Kinds of resources: compare Plane's resources of a kind with the settings, field by field, and reconcile them.

A kind is a class that names its class in the API (:class:`~pyinfra_plane.api.rows.Row`), its class in the settings, and
its differences from the rule. ``operations/plane/webhooks.py`` is the example.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.collection import Collection
from pyinfra_plane.api.errors import PlaneRefused, PlaneSettings
from pyinfra_plane.api.models import Project
from pyinfra_plane.api.rows import Difference, R
from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.converge import Change, Note, Plan, Unchanged
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.host.planning import as_instances, plan_in_new_project, project_to_read, refuse_missing_project

W = TypeVar("W")


class Home(Protocol):
    """The project or workspace that has the resources of a kind."""

    def __str__(self) -> str:
        """Its name in a plan."""

    @property
    def exists(self) -> bool:
        """Whether it exists, so that its resources can be listed; otherwise an earlier change creates it."""

    def reading(self, kind: type[R]) -> Collection[R]:
        """The resources, for reading."""

    def writing(self, kind: type[R]) -> Collection[R]:
        """The resources, for changing."""


class Kind(Generic[W, R]):
    """One kind of resource. Subclasses name it, and override the methods in which it differs from the rule."""

    row: type[R]
    """The class of a resource in Plane's answers."""
    wanted: type[W]
    """The class in the settings. Fields of the same name are compared. ``None`` leaves a field unchanged."""
    noun: ClassVar[str]
    """The noun for one of them in a plan."""
    setting: ClassVar[str]
    """The setting, or the key of a setting, that lists them."""
    may_be_the_workspaces: ClassVar[bool] = False
    """Whether a workspace of a commercial edition may own them instead of its projects."""

    def plan(self, home: Home, wanted: Sequence[W], prune: bool = False) -> Plan:
        """Compare Plane's resources with the desired ones.

        Args:
            prune: delete resources that the settings do not name, unless they name none.
        """
        present = self.present(home)
        for one in wanted:
            has = present.get(self.identity(one))
            if has is None:
                line = f"+ {self.creation_line(home, one)}"
                yield Change((line,), partial(self.create, home, one))
            else:
                yield from self.reconcile(home, one, has, present)
        yield from self.afterwards(home, wanted, present)
        if prune and wanted:
            yield from self.prune(home, wanted, present)

    def present(self, home: Home) -> Mapping[str, R]:
        """Plane's resources by identity."""
        return home.reading(self.row).by_name() if home.exists else {}

    # Text in a plan

    def identity(self, one: W) -> str:
        """The value that identifies it, in Plane's form."""
        return str(getattr(one, self.row.IDENTITY))

    def title(self, identity: str) -> str:
        """The name in a plan of the resource with this identity."""
        return identity

    def called(self, home: Home, one: W) -> str:
        """The name of a desired resource in a plan."""
        return f"{self.noun} {self.title(self.identity(one))} of {home}"

    def creation_line(self, home: Home, one: W) -> str:
        """The plan's line for one to create."""
        return self.called(home, one)

    # The rule

    def given(self, one: W) -> dict[str, Any]:
        """The fields with a desired value, by name."""
        ours = {field.name for field in fields(self.row)} - {self.row.IDENTITY, "id"}
        values = {field.name: getattr(one, field.name) for field in fields(self.wanted)}  # type: ignore[arg-type]
        return {name: value for name, value in values.items() if name in ours and value is not None}

    def differences(self, home: Home, one: W, has: R, present: Mapping[str, R]) -> list[Difference]:
        """The fields that differ."""
        found = (has.difference(name, value) for name, value in self.given(one).items())
        return [difference for difference in found if difference is not None]

    def reconcile(self, home: Home, one: W, has: R, present: Mapping[str, R]) -> Plan:
        """Change the fields that differ."""
        differing = self.differences(home, one, has, present)
        if differing:
            yield self.change(home, has, differing)
        else:
            yield Unchanged(self.called(home, one))

    def change(self, home: Home, has: R, differing: Sequence[Difference]) -> Change:
        """A change of some fields."""

        def apply() -> None:
            home.writing(self.row).change(has, **{one.key: one.value() for one in differing})

        words = ", ".join(one.words for one in differing)
        return Change((f"~ {self._listed(home, has)}: {words}",), apply)

    def _listed(self, home: Home, has: R) -> str:
        return f"{self.noun} {self.title(str(getattr(has, self.row.IDENTITY)))} of {home}"

    def body(self, home: Home, one: W) -> dict[str, Any]:
        """The body of the request that creates one."""
        given = {self.row.IDENTITY: self.identity(one), **self.given(one)}
        return {self.row.key_of(name): self.row.sent(name, value) for name, value in given.items()}

    def create(self, home: Home, one: W) -> None:
        """Create one."""
        home.writing(self.row).create(**self.body(home, one))

    def afterwards(self, home: Home, wanted: Sequence[W], present: Mapping[str, R]) -> Plan:
        """Plan the changes that follow from the others."""
        return iter(())

    def prune(self, home: Home, wanted: Sequence[W], present: Mapping[str, R]) -> Plan:
        """Delete the resources that the settings do not name."""
        named = {self.identity(one) for one in wanted}
        yield from (self.removal(home, has) for name, has in present.items() if name not in named)

    def removal(self, home: Home, has: R, further: str = "") -> Change:
        """The deletion of one."""
        what = self._listed(home, has)
        return Change((f"- {what}{further}",), lambda: self.delete(home, has, f"the {what}"))

    def delete(self, home: Home, has: R, what: str) -> None:
        """Delete one. The message calls it `what`."""
        home.writing(self.row).delete(has, what)


@dataclass(frozen=True)
class InProject:
    """A project, and a key that reads it; no key if the project is still to be created."""

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
        key = self.at.project_admin_key(self.project)
        return self.at.plane.collection(kind, key, slug=self.at.slug, project=self.project.id)

    def advised(self, plan: Plan, kind: Kind[Any, Any]) -> Plan:
        """Say which changes the workspace's own resources (commercial editions) leave out, or explain a refusal."""
        if self.key is None:
            yield from plan_in_new_project(self.at.slug, self.project.identifier, plan)
            return
        items = list(plan)
        changes = [item for item in items if isinstance(item, Change)]
        plane, slug = self.at.plane, self.at.slug
        may_be = kind.may_be_the_workspaces and not plane.instance().is_community
        if changes and may_be and plane.workspace_owns_states(slug, self.key):
            items = [item for item in items if not isinstance(item, Change)]
            yield Note(
                f"! {kind.setting} of {self}: the workspace {slug} owns them, so {len(changes)} of the "
                f"settings have no effect; {self._in_plane(kind)}",
                is_unavailable=True,
            )
        for item in items:
            yield replace(item, apply=self._advised(item, kind)) if isinstance(item, Change) else item

    def _in_plane(self, kind: Kind[Any, Any]) -> str:
        return f"change them in Plane (Workspace settings), and remove {kind.setting} from plane_projects"

    def _advised(self, change: Change, kind: Kind[Any, Any]) -> Any:
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
                        f"{error}; the workspace {slug} manages these for its projects: {self._in_plane(kind)}"
                    ) from error
                raise

        return apply


@dataclass(frozen=True)
class InWorkspace:
    """A workspace, as a signed-in admin sees it."""

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
    """Keep the resources of one kind in a project; a preview that cannot read the project only names them."""
    at, items = current_workspace(slug), as_instances(kind.wanted, wanted)
    identifier = identifier.upper()
    found = project_to_read(at, identifier)
    if found is None:
        names = ", ".join(kind.identity(one) for one in items)
        if names:
            line = f"? {kind.row.WHAT} of {identifier}: {names}"
            yield Change((line,), lambda: refuse_missing_project(slug, identifier))
        return
    home = InProject(at, *found)
    yield from home.advised(kind.plan(home, items, prune), kind)
