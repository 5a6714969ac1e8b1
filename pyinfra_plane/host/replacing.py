"""Revoke the tokens that a saved token replaces."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra_plane.api.auth import Session
from pyinfra_plane.api.models import Token
from pyinfra_plane.engine.report import say
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.token_file import TokenNote
from pyinfra_plane.settings import Agent


def revoke_replaced(at: Access, agent: Agent) -> None:
    """Revoke the tokens that the agent's saved token replaces, by its line in the token file, and note that."""
    file = at.tokens.file()
    note = file.note(agent.token_variable)
    session = at.sessions.of(agent)
    ours, others = at.sessions.tokens_labelled(at.slug, agent, session)
    for token in ours:
        if token.id != note.keeps:
            at.plane.revoke_token(session, token)
    _end_others(at, agent, session, others, note.only)
    if note.former is not None:
        at.sessions.revoke_former(agent, note.former, None if note.only else at.slug)
    file.set_note(agent.token_variable, TokenNote(note.ends, owner=agent.email, untold=note.untold))
    file.save()


def _end_others(at: Access, agent: Agent, session: Session, others: Sequence[Token], is_requested: bool) -> None:
    """Revoke the tokens that this deploy did not create, if requested; otherwise say that they stay valid."""
    if is_requested:
        for token in others:
            at.plane.revoke_token(session, token)
    elif left := [token for token in others if token.is_active]:
        say(
            at.host,
            f"! {agent.email} has tokens with the label {agent.token_label} that this deploy did not create: "
            f"{len(left)}; they stay valid; to end them, run with --data rotate_tokens={agent.name}",
        )
