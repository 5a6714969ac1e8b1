"""Agents that are to be gone: their tokens, their membership, their line. What they wrote stays."""

from __future__ import annotations

from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.errors import PlaneForbidden, PlaneNobody, PlaneRefused, PlaneSettings
from pyinfra_plane.api.models import Invitation, WorkspaceMember
from pyinfra_plane.engine.converge import Change, Kept, Note, Plan, converging
from pyinfra_plane.engine.report import is_executing, say
from pyinfra_plane.host.scene import Scene, current_scene, is_labelled
from pyinfra_plane.host.token_file import TokenNote
from pyinfra_plane.settings import Agent, token_variable


@converging
def absent_members(slug: str) -> Plan:
    """
    Remove the agents with ``"present": False``; with ``plane_prune`` those too who are no longer in ``plane_agents``.

    + slug: the workspace

    Every token with their label is revoked, whoever made it, if their password is known; then their membership ends,
    then their line leaves the token file: a run that is cut off is finished by the next one. An open invitation of
    theirs is deleted.
    """
    scene = current_scene()
    file = scene.token_file()
    gone = list(scene.settings.absent_agents)
    wanted = {agent.email for agent in scene.agents} | {scene.settings.plane_admin_email}
    if scene.settings.plane_prune:
        for variable in _unnamed(scene):
            agent = _owner(scene, slug, variable)
            if agent is None:
                yield Change(
                    (f"- {variable} in {file.path}: it answers to nobody",),
                    lambda variable=variable: _forget(scene, variable, TokenNote()),  # type: ignore[misc]
                )
            elif agent.email in wanted:
                yield Change(
                    (f"- every token {agent.token_label}: {agent.email} stays, under another name",),
                    lambda agent=agent: _remove_token(scene, agent),  # type: ignore[misc]
                )
            elif (listed := _listed(scene, slug)) is None or agent.email in listed:
                gone.append(agent)
            else:
                # Another workspace's, which has its tokens in the same file.
                yield Kept(f"not managed: {variable} in {file.path}: {agent.email} was never in {slug}")
    invited = _invitations(scene, slug) if gone else {}
    for agent in gone:
        if agent.email in invited:
            yield Change(
                (f"- invitation of {agent.email}",),
                lambda agent=agent: _withdraw(scene, slug, invited[agent.email]),  # type: ignore[misc]
            )
        if not _may_be_there(scene, slug, agent):
            yield from _remember(scene, slug, agent)
            yield Kept(f"no agent {agent.name}")
        else:
            yield Change(
                (f"- member {agent.email}, every token {agent.token_label}",),
                lambda agent=agent: _remove(scene, slug, agent),  # type: ignore[misc]
            )
    if not gone:
        yield Kept("no agent is to be removed")
    if not scene.settings.plane_prune and (unnamed := [*_unnamed(scene), *_unnamed_members(scene, slug)]):
        yield Note(f"! not in plane_agents, and left alone without plane_prune: {', '.join(unnamed)}")


def _unnamed(scene: Scene) -> list[str]:
    named = {agent.token_variable for agent in (*scene.agents, *scene.settings.absent_agents)}
    return [name for name in scene.token_file().tokens if name.startswith(token_variable("")) and name not in named]


def _unnamed_members(scene: Scene, slug: str) -> list[str]:
    """The addresses of members that look like agents of this workspace, and have no line in the token file."""
    file, at = scene.token_file(), f"@{slug.lower()}.local"
    agents = (*scene.agents, *scene.settings.absent_agents)
    named = {scene.settings.plane_admin_email, *(agent.email for agent in agents)}
    lines = {agent.token_variable for agent in agents} | file.tokens.keys()
    found = []
    for email, member in (_listed(scene, slug) or {}).items():
        variable = token_variable(email.removesuffix(at))
        # A key is shown former members too; what a run removed is noted.
        is_gone = member.is_active is False or file.note(variable).removed
        if email.endswith(at) and email not in named and variable not in lines and not is_gone:
            found.append(email)
    return found


def _remember(scene: Scene, slug: str, agent: Agent) -> Plan:
    """Note in the token file that an agent was removed, if only a session could tell."""
    file = scene.token_file()
    member = (_listed(scene, slug) or {}).get(agent.email)
    if member is None or member.is_active is not False or file.note(agent.token_variable).removed:
        return
    # Else a preview, which signs nobody in, would name the removal for ever.
    note = TokenNote(removed=True, role=member.role)
    yield Change(
        (f"~ {file.path}: notes that {agent.email} was removed",),
        lambda: _forget(scene, agent.token_variable, note),
    )


def _owner(scene: Scene, slug: str, variable: str) -> Agent | None:
    """Whom a line of the token file belongs to: as the file remembers, as Plane says, or by the address they had."""
    file = scene.token_file()
    email = file.note(variable).owner
    if email is None or email not in (_listed(scene, slug) or {email}):
        email = scene.plane().owner(ApiKey(file.tokens[variable]))
    if email is None:
        at = f"@{slug.lower()}.local"
        former = (one for one in _listed(scene, slug) or () if one.endswith(at))
        email = next((one for one in former if token_variable(one.removesuffix(at)) == variable), None)
    if email is None:
        return None
    return scene.account_of(variable.removeprefix(token_variable("")).lower(), email)


def _listed(scene: Scene, slug: str) -> dict[str, WorkspaceMember] | None:
    """Who is or was in the workspace, by address; ``None`` where nobody can look."""
    if slug in scene.made_workspaces:
        return {}
    plane, key = scene.plane(), scene.reader(slug)
    is_signed_in = plane.is_signed_in(scene.settings.plane_admin_email)
    caller: ApiKey | Session | None = key
    # A session is told who was removed, so one that this run has anyway is asked first.
    if is_executing() and (is_signed_in or key is None):
        caller = _session(scene, slug) or key
    return None if caller is None else {member.email: member for member in plane.members(slug, caller)}


def _session(scene: Scene, slug: str) -> Session | None:
    try:
        return scene.admin_session(slug)
    except PlaneNobody:
        return None


def _may_be_there(scene: Scene, slug: str, agent: Agent) -> bool:
    if agent.token_variable in scene.token_file().tokens:
        return True
    member = (_listed(scene, slug) or {}).get(agent.email)
    if member is None or member.is_active is not None:
        return member is not None and bool(member.is_active)
    return not scene.was_removed(agent, member)


def _invitations(scene: Scene, slug: str) -> dict[str, Invitation]:
    if slug in scene.made_workspaces:
        return {}
    caller: ApiKey | Session | None = scene.manager(slug)
    if caller is None and is_executing():
        caller = _session(scene, slug)
    try:
        return {} if caller is None else scene.plane().invitations(slug, caller)
    except PlaneForbidden:
        return {}  # the key's account is no admin (any more)


def _withdraw(scene: Scene, slug: str, invitation: Invitation) -> None:
    scene.plane().withdraw(slug, scene.manager(slug) or scene.admin_session(slug), invitation)


def _remove(scene: Scene, slug: str, agent: Agent) -> None:
    former = scene.stranger(agent)
    if former is not None:
        scene.revoke_former(agent, former)
    else:
        _revoke(scene, slug, agent)
    member = _end_membership(scene, slug, agent)
    # Remembered, because a key is shown former members as if they still were.
    _forget(scene, agent.token_variable, TokenNote(removed=True, role=member.role if member is not None else None))


def _end_membership(scene: Scene, slug: str, agent: Agent) -> WorkspaceMember | None:
    """End the agent's membership, with a key where an edition lets one, and give it as it was."""
    key = None if scene.plane().instance().is_community else scene.manager(slug)
    if key is not None:
        try:
            return _ended(scene, slug, key, agent)
        except PlaneRefused:
            pass  # neither this edition nor this key may: a session is told why
    return _ended(scene, slug, scene.admin_session(slug, not_as=agent.email), agent)


def _ended(scene: Scene, slug: str, caller: ApiKey | Session, agent: Agent) -> WorkspaceMember | None:
    plane = scene.plane()
    member = next((one for one in plane.members(slug, caller) if one.email == agent.email), None)
    if member is not None and member.is_active is not False:
        plane.remove_member(slug, caller, member)
    return member


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
    # Whoever made them: the agent is to have no access.
    for token in plane.tokens(session):
        if is_labelled(token, agent):
            plane.revoke_token(session, token)


def _forget(scene: Scene, variable: str, note: TokenNote) -> None:
    file = scene.token_file()
    file.tokens.pop(variable, None)
    file.set_note(variable, note)
    file.save()
