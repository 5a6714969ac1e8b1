"""States, labels and estimates of projects."""

from __future__ import annotations

from typing import Any

from pyinfra_plane.api import paths
from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.errors import PlaneRefused
from pyinfra_plane.api.models import Estimate, Label, Project, State
from pyinfra_plane.api.projects import ProjectsApi
from pyinfra_plane.api.rows import listed

FIBONACCI = ("1", "2", "3", "5", "8", "13")
"""The points of the estimates that are made where a project has none."""

_ESTIMATE = {"name": "Points", "type": "points", "last_used": True}
_POINTS = [{"key": key, "value": value} for key, value in enumerate(FIBONACCI, 1)]


class StatesLabelsApi(ProjectsApi):
    """What is sorted and counted with in a project."""

    # States and labels

    def states(self, slug: str, key: ApiKey, project: Project) -> dict[str, State]:
        """The states of a project by name; the key's owner must be in it. An archived project shows none."""
        return self._keep(
            ("states", slug, project.id),
            lambda: {
                row.name: row for row in self._pages(paths.V1_STATES(slug=slug, project=project.id), {}, key, State.of)
            },
        )

    def create_state(self, slug: str, key: ApiKey, project: Project, **fields: Any) -> None:
        """Make a state; `name`, `color` and `group` are needed. Making it the default one unmakes the other."""
        self.http.call("POST", paths.V1_STATES(slug=slug, project=project.id), headers=key.headers(), json=fields)
        self.forget("states")

    def change_state(self, slug: str, key: ApiKey, project: Project, state: State, **fields: Any) -> None:
        """Change fields of a state."""
        path = paths.V1_STATES.one(state.id, slug=slug, project=project.id)
        self.http.call("PATCH", path, headers=key.headers(), json=fields)
        self.forget("states")

    def delete_state(self, slug: str, key: ApiKey, project: Project, state: State) -> None:
        """Delete a state, with the drafts in it. Plane refuses the default one, and one with work items in it."""
        self._remove(
            f"the state {state.name} of {project.identifier}",
            paths.V1_STATES.one(state.id, slug=slug, project=project.id),
            key,
            ("states",),
            lambda: state.name in self.states(slug, key, project),
        )

    def labels(self, slug: str, key: ApiKey, project: Project) -> dict[str, Label]:
        """The labels of a project by name; the key's owner must be in it. An archived project shows none."""
        return self._keep(
            ("labels", slug, project.id),
            lambda: {
                row.name: row for row in self._pages(paths.V1_LABELS(slug=slug, project=project.id), {}, key, Label.of)
            },
        )

    def create_label(self, slug: str, key: ApiKey, project: Project, **fields: Any) -> None:
        """Make a label; `name` is needed, `parent` is the id of the label that groups it."""
        seen = self._kept.get(("labels", slug, project.id))
        answer = self.http.call(
            "POST", paths.V1_LABELS(slug=slug, project=project.id), headers=key.headers(), json=fields
        )
        [made] = listed([answer], Label.of, "the new label")
        if seen is not None:
            self._kept[("labels", slug, project.id)] = {**seen, made.name: made}

    def change_label(self, slug: str, key: ApiKey, project: Project, label: Label, **fields: Any) -> None:
        """Change fields of a label."""
        path = paths.V1_LABELS.one(label.id, slug=slug, project=project.id)
        self.http.call("PATCH", path, headers=key.headers(), json=fields)
        self.forget("labels")

    def delete_label(self, slug: str, key: ApiKey, project: Project, label: Label) -> None:
        """Delete a label, and with it those in its group; work items lose them.

        Plane's worker deletes those in the group, a moment later (every tried release).
        """
        self._remove(
            f"the label {label.name} of {project.identifier}",
            paths.V1_LABELS.one(label.id, slug=slug, project=project.id),
            key,
            ("labels",),
            lambda: label.id in {one.id for one in self.labels(slug, key, project).values()},
        )

    # Estimates

    def estimates(self, slug: str, session: Session, project: Project) -> list[Estimate]:
        """The estimates that were made in a project, in use or not."""
        return listed(
            self.http.call("GET", paths.ESTIMATES(slug=slug, project=project.id), headers=session.headers()),
            Estimate.of,
            "estimates",
        )

    def create_estimate(self, slug: str, session: Session, project: Project) -> Estimate:
        """Make estimates in points. They are in use once the project's `estimate` names them."""
        answer = self.http.call(
            "POST",
            paths.ESTIMATES(slug=slug, project=project.id),
            headers=session.headers(),
            json={"estimate": _ESTIMATE, "estimate_points": _POINTS},
        )
        return _one_estimate(answer, project)

    def estimate_with_key(self, slug: str, key: ApiKey, project: Project) -> Estimate:
        """The estimates of a project, made in points if there are none (commercial editions).

        Raises:
            PlaneRefused: 404, or what else is beyond the plan, where an edition leaves it to a session.
        """
        path = paths.V1_ESTIMATES(slug=slug, project=project.id)
        try:
            answer = self.http.call("GET", path, headers=key.headers())
        except PlaneRefused as error:
            if error.status != 404:
                raise
            answer = self.http.call("POST", path, headers=key.headers(), json=_ESTIMATE)
        estimate = _one_estimate(answer, project)
        points = paths.V1_ESTIMATE_POINTS(slug=slug, project=project.id, estimate=estimate.id)
        # A run that was interrupted leaves estimates without points.
        if not self.http.call("GET", points, headers=key.headers()):
            self.http.call("POST", points, headers=key.headers(), json=_POINTS)
        return estimate


def _one_estimate(answer: object, project: Project) -> Estimate:
    [estimate] = listed([answer], Estimate.of, f"estimates of {project.identifier}")
    return estimate
