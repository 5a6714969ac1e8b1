"""The agents' tokens that are saved on the host, and their owners."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.models import WorkspaceMember
from pyinfra_plane.host.reach import Reach
from pyinfra_plane.host.run_state import RunState
from pyinfra_plane.host.token_file import TokenFile
from pyinfra_plane.settings import Agent, Settings, token_variable, with_password
from pyinfra_plane.settings.addresses import EMAIL


class SavedTokens:
    """The agents' saved tokens: the file, read once per stage, and the owner of each token."""

    def __init__(self, host: Any, settings: Settings, reach: Reach, state: RunState) -> None:
        self.host = host
        self.settings = settings
        self.reach = reach
        self.state = state
        self._token_file: TokenFile | None = None
        self._token_file_checked = False
        self._owners_to_save = False

    def forget(self) -> None:
        """Drop the file's content, so that it is read again."""
        self._token_file = None
        self._owners_to_save = False

    @property
    def path(self) -> str | None:
        """The path of the token file; ``None`` if no file with tokens was read."""
        return self._token_file.path if self._token_file is not None and self._token_file.tokens else None

    def file(self) -> TokenFile:
        """The file of agents' tokens, read once per stage."""
        if self._token_file is None:
            settings = self.settings
            self._token_file = TokenFile(
                self.host, settings.plane_tokens_path, settings.plane_files_user, settings.plane_files_group
            )
        return self._token_file

    def check(self) -> None:
        """Write the token file unchanged, once.

        A full disk or a missing permission then shows before there is a token to lose.
        """
        if not self._token_file_checked:
            self.file().save()
            self._token_file_checked = True

    def key_of(self, agent: Agent) -> ApiKey | None:
        """The agent's token as saved on the host; ``None`` if it is known to belong to another account."""
        return None if self.mismatched_owner(agent) else self.saved_key(agent)

    def saved_key(self, agent: Agent) -> ApiKey | None:
        value = self.file().tokens.get(agent.token_variable)
        return ApiKey(value) if value else None

    def mismatched_owner(self, agent: Agent) -> str | None:
        """The other account that the agent's saved token belongs to, if known: the agent had another address then."""
        owner = self.file().note(agent.token_variable).owner
        return owner if owner != agent.email and self.saved_key(agent) is not None else None

    def ask_owners(self, agents: Iterable[Agent]) -> None:
        """Ask Plane for the owners of these agents' tokens that the file does not note.

        Somebody else wrote those tokens into the file, or an earlier version did.
        """
        for agent in agents:
            key, note = self.saved_key(agent), self.file().note(agent.token_variable)
            if key is None or note.owner is not None:
                continue
            owner = self.reach.plane().owner(key)
            # The answer is written into the file, so it must be an address and nothing else.
            if owner is not None and re.fullmatch(EMAIL, owner):
                note.owner = owner
                self._owners_to_save = True
                self.state.adopted.add(agent.token_variable)

    def save_owners(self) -> None:
        """Save the owners from :meth:`ask_owners` before a change after which Plane could no longer return them."""
        if self._owners_to_save:
            self.file().save()
            self._owners_to_save = False

    def note_untold(self, agents: Iterable[Agent], *, untold: bool = True) -> None:
        """Note in the file that commands are still to be run for these agents, or that they were.

        The note is about the agent's own file too, and yet in the token file: one file to read, which exists wherever a
        command can be due, and which a run writes with a new token anyway.
        """
        notes = [note for agent in agents if (note := self.file().note(agent.token_variable)).untold != untold]
        for note in notes:
            note.untold = untold
        if notes:
            self.file().save()

    def was_removed(self, agent: Agent, member: WorkspaceMember) -> bool:
        """Whether a run removed the agent, and it was not invited again since then with another role.

        A key sees former members like current ones, except for a role that another invitation gave.
        """
        note = self.file().note(agent.token_variable)
        return note.removed and member.role == (agent.role_number if note.role is None else note.role)

    @property
    def mark(self) -> str:
        """The description of a token that this deploy creates.

        It distinguishes the token from one that a person created.
        """
        return f"Made by the deploy, which keeps it in {self.settings.plane_tokens_path}"

    def keys_of(self, agents: Iterable[Agent]) -> list[ApiKey]:
        """The keys that may belong to these agents: their saved ones, and the admin's, which may be anybody's."""
        keys = [key for agent in agents if (key := self.key_of(agent)) is not None]
        token = self.settings.plane_admin_api_token
        return keys if token is None else [*keys, ApiKey(token.unmask())]

    def owner_of(self, key: ApiKey) -> Agent | None:
        """The agent that has `key` as its saved token."""
        return next((agent for agent in self.state.agents if self.key_of(agent) == key), None)

    def account_of(self, name: str, email: str, own: Agent | None = None) -> Agent:
        """The account of a saved token, with its password if the settings may give it.

        Args:
            name: the agent's name, as its line in the token file has it.
            email: the address from the file or from Plane. A password is derived only for addresses of this workspace's
                agents: otherwise a server that answers in Plane's place could learn the password of any account.
            own: the agent as the settings have it now.
        """
        s = self.settings
        password = former = None
        local, _, domain = email.partition("@")
        namesake = next((one for one in (*self.state.agents, *s.absent_agents) if one.email == email), None)
        if namesake is not None:
            password, former = namesake.password, namesake.former_password
        elif own is not None and own.password is not None and own.former_password is None:
            password = own.password  # the agent's own password, regardless of its address
        elif token_variable(local) == token_variable(name) and domain == f"{s.plane_workspace_slug}.local".lower():
            return with_password(Agent(name, email, "member", name, None, present=False), vars(s))
        return Agent(name, email, "member", name, password, present=False, former_password=former)
