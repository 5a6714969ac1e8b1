"""The states of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra_plane.api.errors import PlaneRefused, PlaneSettings
from pyinfra_plane.api.models import FIRST_STATES
from pyinfra_plane.api.models import State as SeenState
from pyinfra_plane.engine.converge import Change, Plan, converging
from pyinfra_plane.host.resources import Home, Kind, in_project
from pyinfra_plane.settings import State

GROUP_COLORS = {
    "backlog": "#60646c",
    "unstarted": "#60646c",
    "started": "#f59e0b",
    "completed": "#46a758",
    "cancelled": "#9aa4bc",
}
"""The colour of a new state without one: the colour of Plane's own first states (every tried release)."""


class States(Kind[State, SeenState]):
    """States. One of them is the default; Plane creates the first ones with the project."""

    row, wanted = SeenState, State
    noun, setting = "state", "states"
    may_be_the_workspaces = True

    def present(self, home: Home) -> Mapping[str, SeenState]:
        return super().present(home) if home.exists else FIRST_STATES

    def creation_line(self, home: Home, one: State) -> str:
        return f"state {one.name} ({one.group}) of {home}" + (", the default" if one.default else "")

    def given(self, one: State) -> dict[str, Any]:
        given = super().given(one)
        return given if one.default else {name: value for name, value in given.items() if name != "default"}

    def body(self, home: Home, one: State) -> dict[str, Any]:
        return {"color": GROUP_COLORS[one.group], **super().body(home, one)}

    def afterwards(self, home: Home, wanted: Sequence[State], present: Mapping[str, SeenState]) -> Plan:
        default = next((one.name for one in wanted if one.default), None)
        for name, has in present.items():
            # Changing a state to the default leaves the former default marked too; creating a new default state does
            # not (every tried release).
            if default in present and has.default and name != default:
                difference = has.difference("default", False)
                assert difference is not None
                yield self.change(home, has, [difference])

    def removal(self, home: Home, has: SeenState, further: str = "") -> Change:
        # Plane refuses only because of work items, and shows drafts to their authors only (every tried release).
        return super().removal(home, has, ", with any drafts in it")

    def delete(self, home: Home, has: SeenState, what: str) -> None:
        try:
            super().delete(home, has, what)
        except PlaneRefused as error:
            if error.status != 400 or error.is_managed_elsewhere or error.is_migrating:
                raise
            raise PlaneSettings(
                f"{error}; move its work items to another state, or set another as the default, then run again; or "
                f"name {has.name} in the states of {home}"
            ) from error


@converging
def project_states(slug: str, identifier: str, states: Sequence[State], prune: bool = False) -> Plan:
    """
    Keep these states in a project, each identified by its name.

    + slug: the workspace
    + identifier: the project's identifier
    + states: name, group and, optionally, colour, description and whether it is the default
    + prune: delete states that are not named. Plane refuses to delete a state with work items, and deletes a state's
      drafts with it, which only their authors can see

    **Example:**

    .. code:: python

        from pyinfra_plane.settings import State

        plane.project_states(
            name="States",
            slug="javisi",
            identifier="ONBOARD",
            states=[State("Waiting", "unstarted", default=True), State("Checked", "completed", color="#46a758")],
        )
    """
    yield from in_project(States(), slug, identifier, states, prune)
