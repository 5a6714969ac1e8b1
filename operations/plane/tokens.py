"""The agents' API tokens: created, saved on the host, rotated, and checked by using them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from functools import partial
from typing import NamedTuple

from pyinfra_plane.api.auth import Session
from pyinfra_plane.api.errors import PlaneBadAnswer, PlaneError
from pyinfra_plane.api.models import Token
from pyinfra_plane.api.plane import KEY_INVALID
from pyinfra_plane.engine.converge import Change, Note, Plan, Unchanged, converging, expect_changes
from pyinfra_plane.engine.files import change_access, differing_access
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.host.replacing import revoke_replaced
from pyinfra_plane.host.token_file import TOKEN_FILE_MODE, TokenNote
from pyinfra_plane.settings import Agent, token_variable

from .workspace import is_outside, members_by_address, profile_differences

OTHERS_TOO = "every other token with this label is revoked"
"""The effect of ``rotate_tokens`` besides creating a new token."""


@converging
def api_tokens(slug: str, agents: Sequence[Agent] | None = None, revoke: bool = True) -> Plan:
    """
    Keep an API token for each agent, saved in an env file on the host that only its owner can read.

    + slug: a workspace that the agents are members of
    + agents: the agents; ``plane_agents`` by default
    + revoke: revoke replaced tokens at once; otherwise ``replaced_tokens`` revokes them later, after the programs that
      use them have the new ones

    The file is the setting ``plane_tokens_path``, with one line ``PLANE_TOKEN_<NAME>=…`` for each agent.

    A saved token that works is kept, unless it must be rotated: because it is named in ``rotate_tokens``, near its
    expiry (``plane_token_renew_days``), in a rotation that was interrupted, or of another account than the agent's,
    whose address was changed. A token that somebody else wrote into the file is adopted: the file notes its owner.
    Plane shows a token's value once, so it is written to the host's disk before the next step. A token that this deploy
    created but did not save is revoked. A token that somebody else created stays valid, and the run names it;
    ``rotate_tokens`` revokes it.
    """
    at = current_workspace(slug)
    agents = at.known(agents)
    file = at.tokens.file()
    yield from _file_access(at)
    kept: list[Agent] = []
    signing_in: list[Agent] = []
    at.prefetch_projects(agents)
    at.refuse_other_workspace(agents)
    at.tokens.ask_owners(agent for agent in agents if at.memberships(agent) != KEY_INVALID)
    for agent in agents:
        due = _due_change(at, agent, revoke)
        if due is None:
            kept.append(agent)
            continue
        yield Change((due.line,), partial(due.change, at, agent, tuple(signing_in), revoke))
        signing_in.append(agent)
    if adopted := [agent for agent in kept if agent.token_variable in at.state.adopted]:
        lines = (
            f"~ token {one.token_label}: adopted; {file.path} will record {one.email} as its owner" for one in adopted
        )
        yield Change(tuple(lines), file.save)
    if not is_executing():
        yield from _possible_other_tokens(at, signing_in)
    if kept:
        yield Unchanged(f"{len(kept)} tokens answer" if len(kept) > 1 else "1 token answers", shown_in_preview=True)
    named = {agent.token_variable for agent in (*agents, *at.settings.absent_agents)}
    for variable in file.tokens:
        if variable.startswith(token_variable("")) and variable not in named and not at.settings.plane_prune:
            yield Unchanged(f"not managed: {variable} in {file.path}")


def _file_access(at: Access) -> Plan:
    file, settings = at.tokens.file(), at.settings
    owner = (settings.plane_files_user, settings.plane_files_group)
    access = differing_access(file.file, TOKEN_FILE_MODE, *owner) if file.file else None
    if file.has_old_notes:
        lines = (f"~ {file.path}: its comments no longer name variables",)
        yield Change(lines if access is None else (*lines, f"~ {file.path}: {access}"), file.save)
    elif access is not None:
        yield Change((f"~ {file.path}: {access}",), lambda: change_access(at.host, file.path, TOKEN_FILE_MODE, *owner))


class _Due(NamedTuple):
    line: str
    change: Callable[[Access, Agent, Sequence[Agent], bool], None]


def _due_change(at: Access, agent: Agent, revoke: bool = True) -> _Due | None:
    """The change that an agent's token needs, if any.

    Args:
        revoke: whether revoking the tokens that an interrupted run replaced counts as a change.
    """
    if (other := at.tokens.mismatched_owner(agent)) is not None:
        return _Due(f"~ token {agent.token_label}: belongs to {other}", _rotate)
    seen, note = at.memberships(agent), at.tokens.file().note(agent.token_variable)
    also = f"; {OTHERS_TOO}" if _is_rotation_requested(at, agent) else ""
    if seen is None:
        return _Due(f"+ token {agent.token_label}{also}", _make)
    if seen == KEY_INVALID:
        return _Due(f"~ token {agent.token_label}: the saved one does not answer{also}", _make)
    if note.keeps is not None:
        # The new token is saved already; another one would be superfluous.
        line = f"~ token {agent.token_label}: its rotation was interrupted; it will be finished"
        return _Due(line, _finish) if revoke else None
    reason = _why_rotate(at, agent, note)
    return None if reason is None else _Due(f"~ token {agent.token_label}: {reason}", _rotate)


def is_token_due(at: Access, agent: Agent) -> bool:
    """Whether a run would save another token for the agent."""
    return _due_change(at, agent, revoke=False) is not None


def is_rotation_due(at: Access, agent: Agent) -> bool:
    """Whether a run would replace a token of the agent that answers."""
    due = _due_change(at, agent, revoke=False)
    return due is not None and due.change is _rotate


def _why_rotate(at: Access, agent: Agent, note: TokenNote) -> str | None:
    settings = at.settings
    if note.rotating:
        return "its rotation was interrupted; it will be repeated"
    if _is_rotation_requested(at, agent):
        return f"rotated, as asked; {OTHERS_TOO}"
    if note.ends is not None and note.ends - _today(at) < timedelta(days=settings.plane_token_renew_days):
        return f"ends {note.ends.isoformat()}; will be rotated"
    if note.ends is None and settings.plane_token_lifetime_days is not None:
        return f"never expires; will be replaced by a {settings.plane_token_lifetime_days}-day token"
    return None


def _is_rotation_requested(at: Access, agent: Agent) -> bool:
    return agent.name in at.settings.rotate_tokens


def _possible_other_tokens(at: Access, agents: Sequence[Agent]) -> Plan:
    """Name the labels that somebody else may have used.

    No key can list even its own account's tokens (every tried release).
    """
    found = {} if at.reach.is_fresh() else members_by_address(at)
    may_have = (
        one for one in agents if found is None or one.email in found or at.tokens.mismatched_owner(one) is not None
    )
    if labels := ", ".join(agent.token_label for agent in may_have if not _is_rotation_requested(at, agent)):
        yield Note(
            "! there may be tokens with these labels that this deploy did not create; a preview cannot list them, and "
            f"the run leaves them valid: {labels}"
        )


def _today(at: Access) -> date:
    """Today by Plane's clock, which decides when a token expires; this machine's clock may be wrong."""
    return (at.plane.http.now or datetime.now(timezone.utc)).astimezone(timezone.utc).date()


def _end(at: Access) -> date | None:
    days = at.settings.plane_token_lifetime_days
    return None if days is None else _today(at) + timedelta(days=days)


def _session(at: Access, agent: Agent, signing_in: Sequence[Agent]) -> Session:
    """Return the agent's session; the sessions of all other agents that need one are opened with it."""
    if not at.plane.is_signed_in(agent.email):
        at.sessions.open([(each, False) for each in signing_in])
    return at.sessions.of(agent)


def _make(at: Access, agent: Agent, signing_in: Sequence[Agent], revoke: bool) -> None:
    """Save a token if no saved token works."""
    at.tokens.check()
    session = _session(at, agent, signing_in)
    ends = _end(at)
    key, token = at.plane.create_token(session, agent.token_label, at.tokens.mark, ends)
    note = TokenNote(ends, owner=agent.email)
    # A new account has no other tokens.
    if agent.email not in at.state.created_accounts:
        note = replace(note, keeps=_id(token), only=_is_rotation_requested(at, agent))
    _save(at, agent, key.value, note)
    if revoke and note.keeps is not None:
        revoke_replaced(at, agent)


def _rotate(at: Access, agent: Agent, signing_in: Sequence[Agent], revoke: bool) -> None:
    """Replace a working token with a new one."""
    plane, file, ends = at.plane, at.tokens.file(), _end(at)
    session = _session(at, agent, signing_in)
    former = at.tokens.mismatched_owner(agent) or file.note(agent.token_variable).former
    # The file is written first, so that the next run finishes a run that is interrupted from here on.
    file.note(agent.token_variable).rotating = True
    file.save()
    key, token = plane.create_token(session, agent.token_label, at.tokens.mark, ends)
    seen = plane.visible_projects(at.slug, key)
    if not isinstance(seen, dict):
        plane.revoke_token(session, token)
        raise PlaneError(f"the new token of {agent.name} does not work in {at.slug} ({seen}); the old one stays valid")
    note = TokenNote(ends, owner=agent.email, former=former, keeps=_id(token), only=_is_rotation_requested(at, agent))
    _save(at, agent, key.value, note)
    at.state.saved[agent.token_variable] = True
    if revoke:
        revoke_replaced(at, agent)


def _finish(at: Access, agent: Agent, signing_in: Sequence[Agent], revoke: bool) -> None:
    """Revoke the tokens that an interrupted run replaced."""
    _session(at, agent, signing_in)
    revoke_replaced(at, agent)


def _save(at: Access, agent: Agent, value: str, note: TokenNote) -> None:
    file = at.tokens.file()
    at.state.touched.add(agent.name)
    at.state.saved[agent.token_variable] = False
    untold = at.settings.has_command_for(agent) or file.note(agent.token_variable).untold
    file.tokens[agent.token_variable] = value
    file.set_note(agent.token_variable, replace(note, untold=untold))
    file.save()


def _id(token: Token) -> str:
    """Return a token's id in the form in which the file stores it."""
    if not re.fullmatch(r"[0-9A-Za-z-]{1,64}", token.id):
        raise PlaneBadAnswer("API tokens: no id in Plane's answer")
    return token.id


@converging
def agent_passwords(slug: str) -> Plan:
    """
    Sign in as each agent that a later operation signs in as, so that all wrong passwords are named at once.

    + slug: the workspace

    These are the members of the workspace that need a token, another display name, or their membership back. Call it
    before the operations that provide them. Changes nothing; if sign-ins fail, the message names every account and its
    setting. An agent with a saved token that works needs no password. An account outside the workspace is tried when it
    joins.
    """
    at = current_workspace(slug)
    if not is_executing():
        return iter(())
    needed = _signing_in(at)
    if needed:
        expect_changes(at.host)
        at = current_workspace(slug)
        needed = _signing_in(at)
        at.sessions.open([(agent, False) for agent in needed])
        for agent in needed:
            at.sessions.of(agent)  # or any other reason why it could not sign in
    return iter(())


def _signing_in(at: Access) -> list[Agent]:
    found = members_by_address(at) or {}
    members = [(agent, member) for agent in at.state.agents if (member := found.get(agent.email)) is not None]
    at.prefetch_projects([agent for agent, _ in members])
    return [
        agent
        for agent, member in members
        if profile_differences(agent, member)
        or is_outside(at, agent, member)
        or at.tokens.file().note(agent.token_variable).keeps is not None
        or _due_change(at, agent) is not None
    ]


@converging
def agents_answer(slug: str, identifiers: Sequence[str], agents: Sequence[Agent] | None = None) -> Plan:
    """
    Check each agent's access: its saved token works, in the workspace, as a member of each project.

    + slug: the workspace
    + identifiers: the projects
    + agents: the agents; ``plane_agents`` by default

    Changes nothing; on failure, the message names the agents and the projects that they cannot see.
    """
    at = current_workspace(slug)
    agents = at.known(agents)
    if not is_executing():
        yield Unchanged("agents are checked after the changes")
        return
    problems = []
    at.prefetch_projects(agents)
    for agent in agents:
        if (other := at.tokens.mismatched_owner(agent)) is not None:
            problems.append(f"{agent.name} (the saved token belongs to {other})")
            continue
        seen = at.memberships(agent)
        if not isinstance(seen, dict):
            problems.append(f"{agent.name} ({seen or 'no saved token'})")
            continue
        absent = [name for name in identifiers if name.upper() not in seen or not seen[name.upper()].is_member]
        if absent:
            problems.append(f"{agent.name} (not in {', '.join(absent)})")
    if problems:
        raise PlaneError(f"agents that cannot work in {slug}: {'; '.join(problems)}; run the deploy again")
    seen_by_all = ", ".join(identifiers) or "no project"
    yield Unchanged(f"{len(agents)} tokens answer in {slug} and see {seen_by_all}", shown_in_run=True)
