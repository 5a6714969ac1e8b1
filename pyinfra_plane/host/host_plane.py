"""One host's Plane, as operations use it: its address, the saved tokens, sessions, workspaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyinfra_plane.api.plane import Plane
from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine import lock
from pyinfra_plane.engine.converge import current_host
from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.engine.report import is_executing, report_of
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.reach import Reach
from pyinfra_plane.host.run_state import RunState
from pyinfra_plane.host.saved_tokens import SavedTokens
from pyinfra_plane.host.sessions import Sessions
from pyinfra_plane.settings import Agent, Settings, settings_of


class HostPlane:
    """One host's Plane, for the operations on it.

    Everything that it read is dropped when pyinfra goes from planning to executing, because a person may have taken
    time to answer in between.
    """

    def __init__(self, host: Any, settings: Settings) -> None:
        self.host = host
        self.settings = settings
        self.state = RunState(settings.plane_agents)
        self.reach = Reach(host, settings)
        self.tokens = SavedTokens(host, settings, self.reach, self.state)
        self.sessions = Sessions(host, settings, self.reach, self.tokens, self.state)
        self._workspaces: dict[str, Access] = {}
        self._stage: object = None
        report_of(host).facts.append(self._requests)

    @property
    def plane(self) -> Plane:
        """Plane as this host reaches it."""
        return self.reach.plane()

    def workspace(self, slug: str) -> Access:
        """Return the access to a workspace."""
        if slug not in self._workspaces:
            self._workspaces[slug] = Access(self, slug)
        return self._workspaces[slug]

    def known(self, agents: Sequence[Agent] | None) -> Sequence[Agent]:
        """The agents that an operation is for; the settings' agents if it was given none."""
        if agents is None:
            return self.settings.plane_agents
        there = {agent.email for agent in self.state.agents}
        self.state.agents += tuple(agent for agent in agents if agent.email not in there)
        return agents

    def enter_stage(self, stage: object) -> None:
        """Drop everything that was read before the stage began: the run itself, or taking the host's lock."""
        if stage != self._stage:
            self._stage = stage
            self.tokens.forget()
            self.state.announced.clear()
            self.state.adopted.clear()
            self.state.touched.clear()
            self._workspaces.clear()
            self.reach.forget()

    def _requests(self) -> str | None:
        sent, path = self.reach.requests_sent, self.tokens.path
        if sent is None:
            return None
        return f"{sent} requests to Plane" + (f"; tokens in {path}" if path is not None else "")


@dataclass
class _Kept:
    here: HostPlane | None = None


def current_plane() -> HostPlane:
    """Return the Plane of the host that the operation runs for."""
    host = current_host()
    kept = run_of(host).part(_Kept)
    if kept.here is None:
        kept.here = HostPlane(host, settings_of(host))
    kept.here.enter_stage((is_executing(), lock.is_held(host)))
    return kept.here


def current_workspace(slug: str) -> Access:
    """Return a workspace of the host that the operation runs for."""
    return current_plane().workspace(slug)
