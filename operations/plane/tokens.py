"""The agents' API tokens: made, saved on the host, and checked as the agents themselves."""

from __future__ import annotations

from collections.abc import Sequence

from operations.converge import Change, Kept, Plan, converging, is_executing
from operations.plane.scene import TOKEN_FILE_MODE, Scene, current_scene
from plane_api.errors import PlaneError
from plane_api.plane import KEY_INVALID
from settings import Agent
from target import change_mode


@converging
def api_tokens(slug: str, agents: Sequence[Agent] | None = None) -> Plan:
    """
    Have an API token for each agent, saved in an env file on the host that only its owner can read.

    + slug: a workspace that the agents are in
    + agents: the agents, ``plane_agents`` when not given

    The file is the setting ``plane_tokens_path``, one line ``PLANE_TOKEN_<NAME>=…`` for each agent.

    A saved token that answers is kept. Plane shows a token's value once: it is on the host's disk before anything
    else happens, and a token of ours that was made and not saved is revoked and made again.
    """
    scene = current_scene()
    agents = scene.settings.plane_agents if agents is None else agents
    file = scene.token_file()
    if file.file is not None and file.file.mode != TOKEN_FILE_MODE:
        yield Change(
            (f"~ {file.path}: mode {file.file.mode} → {TOKEN_FILE_MODE}",),
            lambda: change_mode(scene.host, file.path, TOKEN_FILE_MODE),
        )
    kept = []
    for agent in agents:
        seen = scene.look(slug, agent)
        if seen is None:
            yield _make_token(scene, slug, agent, f"+ token {agent.token_label}")
        elif seen == KEY_INVALID:
            yield _make_token(scene, slug, agent, f"~ token {agent.token_label}: the saved one does not answer")
        else:
            kept.append(agent.token_label)
    if kept:
        yield Kept(f"tokens that answer: {', '.join(kept)}")


def _make_token(scene: Scene, slug: str, agent: Agent, line: str) -> Change:
    def make() -> None:
        plane, file = scene.plane(), scene.token_file()
        if file.file is None:
            file.save()  # a full disk or a missing right is noticed before there is a token to lose
        session = scene.agent_session(agent)
        if agent.email not in scene.made_accounts:
            for token in plane.tokens(session):
                if token.label == agent.token_label:
                    plane.revoke_token(session, token)
        key = plane.create_token(session, agent.token_label, f"Workspace {slug}")
        file.tokens[agent.token_variable] = key.value
        file.save()

    return Change((line,), make)


@converging
def agents_answer(slug: str, identifiers: Sequence[str], agents: Sequence[Agent] | None = None) -> Plan:
    """
    Check each agent as itself: its saved token answers, in the workspace, as a member of each project.

    + slug: the workspace
    + identifiers: the projects
    + agents: the agents, ``plane_agents`` when not given

    Changes nothing; fails, naming who cannot see what.
    """
    scene = current_scene()
    agents = scene.settings.plane_agents if agents is None else agents
    if not is_executing():
        yield Kept("agents are asked for themselves after the changes")
        return
    problems = []
    for agent in agents:
        seen = scene.look(slug, agent)
        if not isinstance(seen, dict):
            problems.append(f"{agent.name} ({seen or 'no saved token'})")
            continue
        absent = [name for name in identifiers if name.upper() not in seen or not seen[name.upper()].is_member]
        if absent:
            problems.append(f"{agent.name} (not in {', '.join(absent)})")
    if problems:
        raise PlaneError(f"agents that cannot work in {slug}: {'; '.join(problems)}; run the deploy again")
    yield Kept(f"{len(agents)} tokens answer in {slug} and see {', '.join(identifiers) or 'no project'}")
