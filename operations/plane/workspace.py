"""The workspace and its members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.errors import PlaneError, PlaneNoAccess, PlaneRefused, PlaneSettings
from pyinfra_plane.api.models import BOT, Invitation, WorkspaceMember
from pyinfra_plane.api.plane import KEY_INVALID, NOT_A_MEMBER, NoAccess
from pyinfra_plane.api.rows import Difference
from pyinfra_plane.engine.converge import Change, Note, Plan, Unchanged, converging
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.settings import CONCIERGE, ROLE_NAMES, Agent


@converging
def workspace(slug: str, workspace_name: str, size: str = "2-10") -> Plan:
    """
    Keep a workspace with this name.

    + slug: the workspace's part of the URL
    + workspace_name: the name that people see (pyinfra uses ``name`` for the operation's name)
    + size: the organisation size that Plane asks for when a workspace is created

    **Example:**

    .. code:: python

        plane.workspace(name="Workspace", slug="javisi", workspace_name="Javisi")
    """
    at = current_workspace(slug)
    plane = at.plane
    at.refuse_other_workspace(at.state.agents)
    key = at.reader()
    if key is not None:
        projects = plane.visible_projects(slug, key)
        assert isinstance(projects, dict)
        # Without a project, no key can see the workspace's name, and comparing a name is not worth a sign-in.
        shown = next((seen.workspace_name for seen in projects.values() if seen.workspace_name), None)
        yield from _workspace_name(at, shown, workspace_name)
        return
    if is_executing() and plane.instance().workspaces_exist:
        there = at.workspace_of_an_admin()
        if there is not None:
            yield from _workspace_name(at, there.name, workspace_name)
            return
    elif plane.instance().workspaces_exist and plane.instance().is_setup_done:
        yield Change((f"? workspace {slug}: created if missing (no saved token to check with)",), _nothing)
        return

    yield Change((f"+ workspace {slug} ({workspace_name})",), lambda: _create(at, workspace_name, size))


def _create(at: Access, name: str, size: str) -> None:
    plane, slug = at.plane, at.slug
    session = at.creator_session()
    # Done here, not when the account is created: the next run passes here again if this one is interrupted in between.
    plane.finish_onboarding(session)
    try:
        plane.create_workspace(session, slug, name, size)
    except PlaneRefused as error:
        if error.status == 403 and at.settings.plane_admin_password is not None:
            # Only the instance admin may create workspaces (DISABLE_WORKSPACE_CREATION).
            admin = at.sessions.instance_admin("creating a workspace despite DISABLE_WORKSPACE_CREATION")
            plane.create_workspace_as_instance_admin(admin, slug, name, size)
            at.state.created_workspaces[slug] = admin.email
            return
        if error.status == 400 and "already exists" in error.detail:
            at.refuse_admin_key()
            raise PlaneSettings(
                f"the workspace {slug} exists, but {session.email} is not in it; invite that account as admin, "
                "set plane_admin_api_token, or choose another plane_workspace_slug"
            ) from error
        raise PlaneSettings(f"{error}; check plane_workspace_slug and plane_workspace_name") from error
    at.state.created_workspaces[slug] = session.email


def _workspace_name(at: Access, shown: str | None, wanted: str) -> Plan:
    at.state.pending_renames.pop(at.slug, None)
    if shown is None or shown == wanted:
        yield Unchanged(f"workspace {at.slug}")
    elif at.has_admin_account():
        yield _renaming(at, shown, wanted)
    else:
        at.state.pending_renames[at.slug] = (shown, wanted)
        yield Note(
            f"! workspace {at.slug} is renamed after its members are added: no account can sign in to rename it yet"
        )


def _renaming(at: Access, shown: str, wanted: str) -> Change:
    def rename() -> None:
        at.plane.rename_workspace(at.admin_session(), at.slug, wanted)
        at.state.pending_renames.pop(at.slug, None)

    return Change((f"~ workspace {at.slug}: name {shown} → {wanted}",), rename)


def _nothing() -> None:
    """Do nothing: a run plans again, so a preview that cannot check has nothing to apply."""


@converging
def workspace_members(slug: str, members: Sequence[Agent] | None = None) -> Plan:
    """
    Keep these accounts as active members of a workspace, each with its role and display name.

    + slug: the workspace
    + members: the accounts; ``plane_agents`` by default

    A missing account is invited, created and joined, which also works if sign-up is closed. Members that are not named
    stay unchanged.

    **Example:**

    .. code:: python

        from pyinfra_plane.settings import Agent

        thot = Agent("thot", "thot@example.com", "member", "Thot", HiddenValue("…"))
        plane.workspace_members(name="Members", slug="javisi", members=[thot])
    """
    at = current_workspace(slug)
    members = at.known(members)
    found = members_by_address(at)
    if found is None and not members:
        return
    if found is None:
        yield Change(
            tuple(f"? member {agent.email} ({agent.role}): no saved token to check with" for agent in members), _nothing
        )
        return
    at.tokens.ask_owners(agent for agent in members if agent.email not in found)
    joining = [agent for agent in members if is_outside(at, agent, found.get(agent.email))]
    outside = {agent.email for agent in joining}
    newcomers = _JoiningAgents(at, [(agent, found.get(agent.email)) for agent in joining])
    for agent in members:
        member = found.get(agent.email)
        if agent.email in outside:
            yield from _join(at, agent, member, newcomers)
            continue
        assert member is not None
        if member.role != agent.role_number:
            yield from _change_role(at, agent, member)
        profile = profile_differences(agent, member)
        for difference in profile:
            yield _change_profile(at, agent, difference)
        if member.role == agent.role_number and not profile:
            yield Unchanged(f"member {agent.email} ({agent.role})")
    if slug in at.state.pending_renames:
        yield _renaming(at, *at.state.pending_renames[slug])
    people = {person.email for person in at.settings.plane_people}
    named = {agent.email for agent in (*members, *at.settings.absent_agents)} | {at.settings.plane_admin_email} | people
    for member in found.values():
        if member.email not in named and not member.email.startswith(BOT):
            yield Unchanged(f"not managed: member {member.email} ({ROLE_NAMES.get(member.role, member.role)})")


def members_by_address(at: Access) -> dict[str, WorkspaceMember] | None:
    """Members by address, including removed ones; ``None`` if a preview cannot check."""
    plane = at.plane
    if at.slug in at.state.created_workspaces or not plane.instance().is_setup_done:
        return {}
    shown = at.members()
    if shown is not None:
        members = {member.email: member for member in shown}
        at.prefetch_projects(at.state.agents)
        unsure = [agent for agent in at.state.agents if _is_unsure(at, agent, members.get(agent.email))]
        # Before 1.4 a key does not see which members were removed. If the agent's own token does not show it either,
        # only a session can.
        if not (unsure and is_executing()):
            return members
        try:
            admin = at.admin_session()
        except PlaneNoAccess:
            # Then only the agents' own sessions can.
            return _confirmed_by_agents(at, members, [agent for agent in unsure if agent.email in members])
        return {member.email: member for member in plane.members(at.slug, admin)}
    if not plane.instance().workspaces_exist:
        return {}
    if not is_executing():
        return None
    return {member.email: member for member in plane.members(at.slug, at.admin_session())}


def _is_unsure(at: Access, agent: Agent, member: WorkspaceMember | None) -> bool:
    """Whether neither the list of members nor the agent's own token shows whether the agent was removed."""
    if member is not None and member.is_active is not None:
        return False
    seen = at.memberships(agent)
    return seen == KEY_INVALID or (member is not None and not isinstance(seen, (dict, NoAccess)))


def _confirmed_by_agents(
    at: Access, members: dict[str, WorkspaceMember], unsure: list[Agent]
) -> dict[str, WorkspaceMember]:
    """The members, with the current status of these agents, which their own sessions see."""
    at.sessions.open([(agent, False) for agent in unsure])
    confirmed = {}
    for agent in unsure:
        mine = at.plane.my_workspaces(at.sessions.of(agent))
        confirmed[agent.email] = replace(members[agent.email], is_active=any(seen.slug == at.slug for seen in mine))
    return {**members, **confirmed}


def is_outside(at: Access, agent: Agent, member: WorkspaceMember | None) -> bool:
    """Whether an agent is not, or no longer, a member."""
    if member is None or member.is_active is False:
        return True
    if member.is_active is not None:
        return False
    seen = at.memberships(agent)
    # Only a preview has neither a session nor a token; it has the note of the run that removed the agent.
    return seen == NOT_A_MEMBER or (seen is None and at.tokens.was_removed(agent, member))


class _JoiningAgents:
    """Agents that join: invited together, and their accounts created several at a time when the first one is needed."""

    def __init__(self, at: Access, agents: list[tuple[Agent, WorkspaceMember | None]]) -> None:
        self.at = at
        self._agents = agents
        self._invitations: dict[str, Invitation] | None = None

    def enter(self, agent: Agent, member: WorkspaceMember | None) -> tuple[Invitation, Session]:
        """The agent's invitation, and a session of its account."""
        at = self.at
        if self._invitations is None:
            wanted = [(agent.email, agent.role_number) for agent, _ in self._agents]
            self._invitations = at.invite(wanted)
            # After they are invited: if sign-up is closed, only the invitation allows it.
            invited = [(agent, member is None) for agent, member in self._agents if agent.email in self._invitations]
            at.sessions.open(invited)
        if agent.email not in self._invitations:
            raise PlaneError(f"Plane accepted the invitation of {agent.email} into {at.slug} but does not list it")
        return self._invitations[agent.email], at.sessions.of(agent, may_be_new=member is None)


def _join(at: Access, agent: Agent, member: WorkspaceMember | None, newcomers: _JoiningAgents) -> Plan:
    def join() -> None:
        plane = at.plane
        at.tokens.save_owners()
        invitation, session = newcomers.enter(agent, member)
        # All of this before it joins: the next run passes here again if this one is interrupted in between.
        if agent.name == CONCIERGE:
            plane.finish_onboarding(session)
        is_new = agent.email in at.state.created_accounts
        # Plane names a new account after its address.
        shown = agent.email.partition("@")[0] if is_new else member.display_name if member else None
        profile = {"avatar": agent.avatar, "user_timezone": agent.timezone if member is None else None}
        profile["display_name"] = agent.display_name if shown != agent.display_name else None
        if wanted := {name: value for name, value in profile.items() if value is not None}:
            plane.change_profile(session, **wanted)
        plane.join(session, invitation, at.tokens.keys_of([agent]))
        if invitation.role != agent.role_number:  # an older invitation keeps its role
            _set_agent_role(at, agent)

    again = "account" if member is None else "member again:"
    yield Change((f"+ {again} {agent.email} ({agent.role})",), join)


def set_role(at: Access, email: str, role: int, keys: Sequence[ApiKey] = ()) -> None:
    """Give a member another role in the workspace; `keys` are the member's, if it has any."""
    session = at.admin_session(not_as=email)
    for member in at.plane.members(at.slug, session):
        if member.email == email and member.membership_id and member.role != role:
            at.plane.change_role(at.slug, session, member.membership_id, role, keys)


def _set_agent_role(at: Access, agent: Agent) -> None:
    set_role(at, agent.email, agent.role_number, at.tokens.keys_of([agent]))


def _change_role(at: Access, agent: Agent, member: WorkspaceMember) -> Plan:
    before = ROLE_NAMES.get(member.role, str(member.role))
    yield Change((f"~ role of {agent.email}: {before} → {agent.role}",), lambda: _set_agent_role(at, agent))


def profile_differences(agent: Agent, member: WorkspaceMember) -> list[Difference]:
    """The agent's profile fields, visible to other members, that differ from the settings."""
    found = [member.difference("display_name", agent.display_name)]
    if agent.avatar is not None and member.avatar is not None:
        found.append(member.difference("avatar", agent.avatar))
    return [difference for difference in found if difference is not None]


def _change_profile(at: Access, agent: Agent, difference: Difference) -> Change:
    what, _, values = difference.words.partition(": ")
    line = f"~ {what} of {agent.email}" + (f": {values}" if values else "")
    return Change(
        (line,), lambda: at.plane.change_profile(at.sessions.of(agent), **{difference.key: difference.value()})
    )
