"""Tokens that a rotation replaced: they are revoked after their users have the new ones."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra_plane.engine import interrupt
from pyinfra_plane.engine.converge import Change, Plan, Unchanged, converging
from pyinfra_plane.engine.report import is_executing, waiting
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.host.replacing import revoke_replaced
from pyinfra_plane.settings import Agent

from .tokens import is_rotation_due, is_token_due


@converging
def replaced_tokens(slug: str, agents: Sequence[Agent] | None = None, grace: int = 0) -> Plan:
    """
    Revoke the tokens that ``api_tokens`` replaced and did not revoke itself (``revoke=False``).

    + slug: the workspace
    + agents: the agents; ``plane_agents`` by default
    + grace: seconds to wait first, while the former tokens still work

    Call it after the operations that give the new tokens to the programs that use them. The token file notes which
    tokens are still to be revoked, so the next run finishes a run that was interrupted before or during the wait.

    **Example:**

    .. code:: python

        plane.replaced_tokens(name="Former tokens", slug="javisi", grace=60)
    """
    at = current_workspace(slug)
    agents = at.known(agents)
    pending = [agent for agent in agents if at.tokens.file().note(agent.token_variable).keeps is not None]
    if is_executing():
        cut_off = [agent for agent in pending if agent.token_variable not in at.state.saved]
        rotated = [agent for agent in pending if at.state.saved.get(agent.token_variable)]
    else:
        at.prefetch_projects(agents)
        cut_off = [agent for agent in pending if not is_token_due(at, agent)]
        rotated = [agent for agent in agents if is_rotation_due(at, agent)]
    lines = [f"~ token {agent.token_label}: its rotation was interrupted; it will be finished" for agent in cut_off]
    seconds = grace if cut_off or rotated else 0
    if seconds:
        names = ", ".join(agent.name for agent in agents if agent in cut_off or agent in rotated)
        lines.append(f"~ former tokens of {names}: revoked after {seconds} s")
    if pending or lines:
        # The rotation has announced it, so it has no line of its own.
        yield Change(tuple(lines), lambda: _revoke(at, pending, seconds))
    else:
        yield Unchanged("no former token to revoke")


def _revoke(at: Access, agents: Sequence[Agent], seconds: int) -> None:
    if seconds:
        with waiting(at.host, f"{seconds} s, in which the former tokens still answer (plane_token_grace)"):
            interrupt.pause(seconds)
    at.sessions.open([(agent, False) for agent in agents])
    for agent in agents:
        revoke_replaced(at, agent)
