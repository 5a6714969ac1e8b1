"""Agents that are to be gone: their tokens, their membership, their line. What they wrote stays."""

from __future__ import annotations

from operations.converge import Change, Kept, Note, Plan, converging
from operations.plane.scene import Scene, current_scene
from operations.plane.token_file import TokenNote
from operations.report import say
from plane_api.auth import ApiKey
from plane_api.errors import PlaneSettings
from settings import Agent, token_variable


@converging
def absent_members(slug: str) -> Plan:
    """
    Remove the agents with ``"present": False``; with ``plane_prune`` those too who are no longer in ``plane_agents``.

    + slug: the workspace

    Their tokens are revoked where their password is known, then their membership ends, then their line leaves the
    token file: a run that is cut off is finished by the next one.
    """
    scene = current_scene()
    file = scene.token_file()
    gone = list(scene.settings.absent_agents)
    wanted = {agent.email for agent in scene.agents} | {scene.settings.plane_admin_email}
    if scene.settings.plane_prune:
        for variable in _unnamed(scene):
            agent = _owner(scene, variable)
            if agent is None:
                yield Change(
                    (f"- {variable} in {file.path}: it answers to nobody",),
                    lambda variable=variable: _forget(scene, variable, TokenNote()),  # type: ignore[misc]
                )
            elif agent.email in wanted:
                yield Change(
                    (f"- token {agent.token_label}: {agent.email} stays, under another name",),
                    lambda agent=agent: _remove_token(scene, agent),  # type: ignore[misc]
                )
            else:
                gone.append(agent)
    for agent in gone:
        if not _may_be_there(scene, slug, agent):
            yield Kept(f"no agent {agent.name}")
        else:
            yield Change(
                (f"- member {agent.email}, token {agent.token_label}",),
                lambda agent=agent: _remove(scene, slug, agent),  # type: ignore[misc]
            )
    if not gone:
        yield Kept("no agent is to be removed")
    if not scene.settings.plane_prune and (unnamed := _unnamed(scene)):
        yield Note(f"! not in plane_agents, and left alone without plane_prune: {', '.join(unnamed)}")


def _unnamed(scene: Scene) -> list[str]:
    named = {agent.token_variable for agent in (*scene.agents, *scene.settings.absent_agents)}
    return [name for name in scene.token_file().tokens if name.startswith(token_variable("")) and name not in named]


def _owner(scene: Scene, variable: str) -> Agent | None:
    """Whom a line of the token file belongs to, as the file remembers, or else by asking Plane."""
    file = scene.token_file()
    email = file.note(variable).owner or scene.plane().owner(ApiKey(file.tokens[variable]))
    if email is None:
        return None
    return scene.account_of(variable.removeprefix(token_variable("")).lower(), email)


def _may_be_there(scene: Scene, slug: str, agent: Agent) -> bool:
    file = scene.token_file()
    if agent.token_variable in file.tokens:
        return True
    if file.note(agent.token_variable).removed:
        return False
    key = scene.reader(slug)
    # Without a key that sees the members, there is no workspace yet, or a run will look with a session.
    return key is not None and any(member.email == agent.email for member in scene.plane().members(slug, key))


def _remove(scene: Scene, slug: str, agent: Agent) -> None:
    plane = scene.plane()
    former = scene.stranger(agent)
    if former is not None:
        scene.revoke_former(agent, former)
    else:
        _revoke(scene, slug, agent)
    admin = scene.admin_session(not_as=agent.email)
    for member in plane.members(slug, admin):
        if member.email == agent.email and member.is_active and member.membership_id:
            plane.remove_member(slug, admin, member.membership_id)
    # Remembered, because a key is shown former members as if they still were.
    _forget(scene, agent.token_variable, TokenNote(removed=True))


def _remove_token(scene: Scene, agent: Agent) -> None:
    scene.revoke_former(agent, agent.email)
    _forget(scene, agent.token_variable, TokenNote())


def _revoke(scene: Scene, slug: str, agent: Agent) -> None:
    plane = scene.plane()
    try:
        session = scene.agent_session(agent)
    except PlaneSettings:
        line = f"! the password of {agent.email} is not known here: its tokens stay, and open nothing in {slug}"
        say(scene.host, line)
        return
    for token in plane.tokens(session):
        if token_variable(token.label.removeprefix("agent-")) == agent.token_variable:
            plane.revoke_token(session, token)


def _forget(scene: Scene, variable: str, note: TokenNote) -> None:
    file = scene.token_file()
    file.tokens.pop(variable, None)
    file.set_note(variable, note)
    file.save()
