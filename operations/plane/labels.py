"""The labels of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra_plane.api.models import Label as SeenLabel
from pyinfra_plane.api.rows import Difference
from pyinfra_plane.engine.converge import Plan, converging
from pyinfra_plane.host.resources import Home, Kind, in_project
from pyinfra_plane.settings import Label


class Labels(Kind[Label, SeenLabel]):
    """Labels. A label can group others; it comes before them in the list.

    Args:
        keep: labels that are not pruned, nor are the labels that they group.
    """

    row, wanted = SeenLabel, Label
    noun, setting = "label", "labels"
    may_be_the_workspaces = True

    def __init__(self, keep: Sequence[str] = ()) -> None:
        self.keep = keep

    def called(self, home: Home, one: Label) -> str:
        return super().called(home, one) + (f" (in {one.parent})" if one.parent else "")

    def given(self, one: Label) -> dict[str, Any]:
        return {name: value for name, value in super().given(one).items() if name != "parent"}

    def differences(self, home: Home, one: Label, has: SeenLabel, present: Mapping[str, SeenLabel]) -> list[Difference]:
        found = super().differences(home, one, has, present)
        if one.parent is not None and (one.parent not in present or has.parent != present[one.parent].id):
            found.append(Difference("parent", lambda: self._parent(home, one), f"into {one.parent}"))
        return found

    def body(self, home: Home, one: Label) -> dict[str, Any]:
        return super().body(home, one) | ({"parent": self._parent(home, one)} if one.parent else {})

    def _parent(self, home: Home, one: Label) -> str:
        return home.writing(self.row).by_name()[str(one.parent)].id

    def prune(self, home: Home, wanted: Sequence[Label], present: Mapping[str, SeenLabel]) -> Plan:
        kept = {present[name].id for name in self.keep if name in present}
        grouped = {one.name for one in wanted if one.parent}
        named = {name for one in wanted for name in (one.name, one.parent) if name} | set(self.keep)
        unlisted = {one.id: one for one in present.values() if one.name not in named and one.parent not in kept}
        for one in present.values():
            # Plane deletes the labels of a group together with the group, and takes them off the work items (every
            # tried release). A label whose group is named has been moved into that group by now.
            if one.id not in unlisted and one.parent in unlisted and one.name not in grouped:
                out = Difference("parent", lambda: None, f"out of {unlisted[one.parent].name}")
                yield self.change(home, one, [out])
        while unlisted:
            groups = {one.parent for one in unlisted.values() if one.parent != one.id}
            # Plane allows labels to be in one another; those are deleted in any order.
            for one in [one for one in unlisted.values() if one.id not in groups] or list(unlisted.values()):
                del unlisted[one.id]
                yield self.removal(home, one)


@converging
def project_labels(
    slug: str, identifier: str, labels: Sequence[Label], prune: bool = False, keep: Sequence[str] = ()
) -> Plan:
    """
    Keep these labels in a project, each identified by its name.

    + slug: the workspace
    + identifier: the project's identifier
    + labels: name and, optionally, colour, description and the label that groups it, which comes before it
    + prune: delete labels that are not named; a label that stays is moved out of a group that is deleted
    + keep: labels that are not pruned, nor are the labels that they group

    **Example:**

    .. code:: python

        from pyinfra_plane.settings import Label

        plane.project_labels(
            name="Labels",
            slug="javisi",
            identifier="ONBOARD",
            labels=[Label("source"), Label("mail", parent="source")],
        )
    """
    yield from in_project(Labels(keep), slug, identifier, labels, prune)
