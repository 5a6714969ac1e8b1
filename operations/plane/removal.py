"""Removed agents: their tokens, their membership, and their line in the token file. Their work stays."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.errors import PlaneForbidden, PlaneNoAccess, PlaneRefused, PlaneSettings
from pyinfra_plane.api.models import Invitation, WorkspaceMember
from pyinfra_plane.engine.converge import Change, Note, Plan, Unchanged, converging
from pyinfra_plane.engine.report import is_executing, say
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.host.sessions import is_labelled
from pyinfra_plane.host.token_file import TokenNote
from pyinfra_plane.settings import Agent, token_variable


@converging
def absent_members(slug: str) -> Plan:
    """
    Remove the agents with ``"present": False``; with ``plane_prune`` also those that are no longer in ``plane_agents``.

    + slug: the workspace

    If an agent's password is known, every token with its label is revoked, including tokens that somebody else created.
    Then its membership ends, and then its line leaves the token file, so the next run finishes an interrupted one. Its
    open invitation is deleted.
    """
    at = current_workspace(slug)
    gone = list(at.settings.absent_agents)
    if at.settings.plane_prune:
        for item in _pruned(at):
            if isinstance(item, Agent):
                gone.append(item)
            else:
                yield item
    invited = _invitations(at) if gone else {}
    for agent in gone:
        if agent.email in invited:
            yield Change((f"- invitation of {agent.email}",), partial(_withdraw, at, invited[agent.email]))
        if not _may_be_member(at, agent):
            yield from _remember(at, agent)
            yield Unchanged(f"no agent {agent.name}")
        else:
            line = f"- member {agent.email}, every token {agent.token_label}"
            yield Change((line,), partial(_remove, at, agent))
    if not gone:
        yield Unchanged("no agent to remove")
    if not at.settings.plane_prune:
        variables = [name.removeprefix(token_variable("")).lower() for name in _unnamed(at)]
        for unnamed in (*variables, *_unnamed_members(at)):
            yield Note(
                f'! {unnamed} is not in plane_agents but still has access; set "present": False or plane_prune = True '
                "to remove it"
            )


def _pruned(at: Access) -> Iterator[Agent | Change | Unchanged]:
    """The agents that are no longer in ``plane_agents``, and the changes to tokens of other accounts."""
    file = at.tokens.file()
    wanted = {agent.email for agent in at.state.agents} | {at.settings.plane_admin_email}
    for variable in _unnamed(at):
        agent = _owner(at, variable)
        if agent is None:
            line = f"- {variable} in {file.path}: it belongs to no account"
            yield Change((line,), partial(_forget, at, variable, TokenNote()))
        elif agent.email in wanted:
            line = f"- every token {agent.token_label}: {agent.email} stays under another name"
            yield Change((line,), partial(_remove_token, at, agent))
        elif (listed := _listed(at)) is None or agent.email in listed:
            yield agent
        else:
            # An agent of another workspace that has its tokens in the same file.
            yield Unchanged(f"not managed: {variable} in {file.path}: {agent.email} was never in {at.slug}")


def _unnamed(at: Access) -> list[str]:
    named = {agent.token_variable for agent in (*at.state.agents, *at.settings.absent_agents)}
    return [name for name in at.tokens.file().tokens if name.startswith(token_variable("")) and name not in named]


def _unnamed_members(at: Access) -> list[str]:
    """Addresses of members that look like this workspace's agents but have no line in the token file."""
    file, ending = at.tokens.file(), f"@{at.slug.lower()}.local"
    agents = (*at.state.agents, *at.settings.absent_agents)
    named = {at.settings.plane_admin_email, *(agent.email for agent in agents)}
    lines = {agent.token_variable for agent in agents} | file.tokens.keys()
    found = []
    for email, member in (_listed(at) or {}).items():
        variable = token_variable(email.removesuffix(ending))
        # A key also sees former members; the token file notes the agents that a run removed.
        is_gone = member.is_active is False or file.note(variable).removed
        if email.endswith(ending) and email not in named and variable not in lines and not is_gone:
            found.append(email)
    return found


def _remember(at: Access, agent: Agent) -> Plan:
    """Note in the token file that an agent was removed, if only a session could show it."""
    file = at.tokens.file()
    member = (_listed(at) or {}).get(agent.email)
    if member is None or member.is_active is not False or file.note(agent.token_variable).removed:
        return
    # Otherwise a preview, which signs nobody in, would announce the removal every time.
    note = TokenNote(removed=True, role=member.role)
    yield Change(
        (f"~ {file.path}: notes that {agent.email} was removed",),
        lambda: _forget(at, agent.token_variable, note),
    )


def _owner(at: Access, variable: str) -> Agent | None:
    """The agent of a line in the token file: by the file's note, by Plane, or by the agent's former address."""
    file = at.tokens.file()
    email = file.note(variable).owner
    if email is None or email not in (_listed(at) or {email}):
        email = at.plane.owner(ApiKey(file.tokens[variable]))
    if email is None:
        ending = f"@{at.slug.lower()}.local"
        former = (one for one in _listed(at) or () if one.endswith(ending))
        email = next((one for one in former if token_variable(one.removesuffix(ending)) == variable), None)
    if email is None:
        return None
    return at.tokens.account_of(variable.removeprefix(token_variable("")).lower(), email)


def _listed(at: Access) -> dict[str, WorkspaceMember] | None:
    """Current and former members of the workspace, by address; ``None`` if there is no key or session to read them."""
    if at.slug in at.state.created_workspaces:
        return {}
    plane, key = at.plane, at.reader()
    is_signed_in = plane.is_signed_in(at.settings.plane_admin_email)
    caller: ApiKey | Session | None = key
    # A session sees which members were removed, so a session that this run has open is used first.
    if is_executing() and (is_signed_in or key is None):
        caller = _session(at) or key
    return None if caller is None else {member.email: member for member in plane.members(at.slug, caller)}


def _session(at: Access) -> Session | None:
    try:
        return at.admin_session()
    except PlaneNoAccess:
        return None


def _may_be_member(at: Access, agent: Agent) -> bool:
    if agent.token_variable in at.tokens.file().tokens:
        return True
    member = (_listed(at) or {}).get(agent.email)
    if member is None or member.is_active is not None:
        return member is not None and bool(member.is_active)
    return not at.tokens.was_removed(agent, member)


def _invitations(at: Access) -> dict[str, Invitation]:
    if at.slug in at.state.created_workspaces:
        return {}
    caller: ApiKey | Session | None = at.manager()
    if caller is None and is_executing():
        caller = _session(at)
    try:
        return {} if caller is None else at.plane.invitations(at.slug, caller)
    except PlaneForbidden:
        return {}  # the key's account is no longer an admin, or never was


def _withdraw(at: Access, invitation: Invitation) -> None:
    at.plane.withdraw(at.slug, at.manager() or at.admin_session(), invitation)


def _remove(at: Access, agent: Agent) -> None:
    former = at.tokens.mismatched_owner(agent)
    if former is not None:
        at.sessions.revoke_former(agent, former)
    else:
        _revoke(at, agent)
    member = _end_membership(at, agent)
    # The file keeps this note, because a key sees former members like current ones.
    _forget(at, agent.token_variable, TokenNote(removed=True, role=member.role if member is not None else None))


def _end_membership(at: Access, agent: Agent) -> WorkspaceMember | None:
    """End the agent's membership, with a key if the edition allows it, and return the former membership."""
    key = None if at.plane.instance().is_community else at.manager()
    if key is not None:
        try:
            return _ended(at, key, agent)
        except PlaneRefused:
            pass  # neither this edition nor this key allows it: a session gets the reason
    return _ended(at, at.admin_session(not_as=agent.email), agent)


def _ended(at: Access, caller: ApiKey | Session, agent: Agent) -> WorkspaceMember | None:
    plane = at.plane
    member = next((one for one in plane.members(at.slug, caller) if one.email == agent.email), None)
    if member is not None and member.is_active is not False:
        plane.remove_member(at.slug, caller, member)
    return member


def _remove_token(at: Access, agent: Agent) -> None:
    at.sessions.revoke_former(agent, agent.email)
    _forget(at, agent.token_variable, TokenNote())


def _revoke(at: Access, agent: Agent) -> None:
    plane = at.plane
    try:
        session = at.sessions.of(agent)
    except PlaneSettings:
        line = (
            f"! the deploy does not know the password of {agent.email}: its tokens stay valid, but give no access to "
            f"{at.slug}"
        )
        say(at.host, line)
        return
    # Including tokens that somebody else created: the agent must not keep access.
    for token in plane.tokens(session):
        if is_labelled(token, agent):
            plane.revoke_token(session, token)


def _forget(at: Access, variable: str, note: TokenNote) -> None:
    file = at.tokens.file()
    file.tokens.pop(variable, None)
    file.set_note(variable, note)
    file.save()
