"""Sessions of accounts: each is opened once per account and run, with the password that the settings give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.api.auth import Session
from pyinfra_plane.api.errors import (
    PlaneError,
    PlaneFormRefused,
    PlaneNoAccount,
    PlaneRefused,
    PlaneSettings,
    PlaneWrongPassword,
)
from pyinfra_plane.api.models import Token
from pyinfra_plane.engine.report import say
from pyinfra_plane.host.reach import Reach
from pyinfra_plane.host.run_state import RunState
from pyinfra_plane.host.saved_tokens import SavedTokens
from pyinfra_plane.settings import CONCIERGE, Agent, Settings, token_variable


class Sessions:
    """The accounts that this run can sign in as."""

    def __init__(self, host: Any, settings: Settings, reach: Reach, tokens: SavedTokens, state: RunState) -> None:
        self.host = host
        self.settings = settings
        self.reach = reach
        self.tokens = tokens
        self.state = state
        self._not_opened: dict[str, PlaneError] = {}
        """By address, errors of sessions that could not be opened ahead of their turn, except for wrong passwords."""
        self._quiet: set[str] = set()
        """Addresses of the accounts that this run asked Plane to send no mail to."""
        self._finds_accounts = False
        """Whether the last account that may be new existed already, from an interrupted run or another workspace.

        The next one is then signed in first, because each form may count against a limit.
        """

    def tokens_labelled(self, slug: str, agent: Agent, session: Session) -> tuple[list[Token], list[Token]]:
        """The account's tokens with the agent's label: those that this deploy created, and the others."""
        # The first releases of this deploy described a token only by its workspace.
        marks = (self.tokens.mark, f"Workspace {slug}")
        labelled = [token for token in self.reach.plane().tokens(session) if is_labelled(token, agent)]
        ours = [token for token in labelled if token.description in marks]
        return ours, [token for token in labelled if token not in ours]

    def revoke_former(self, agent: Agent, email: str, made_for: str | None = None) -> None:
        """Revoke the agent's tokens of its former account; say so if that is not possible.

        Args:
            agent: the agent whose label the tokens carry.
            email: the account's address.
            made_for: a workspace: revoke only the tokens that this deploy created for it. Without it, revoke all.
        """
        try:
            session = self.of(self.tokens.account_of(agent.name, email, agent))
        except PlaneSettings:
            say(
                self.host,
                f"! the deploy does not know the password of {email}: its token {agent.token_label} still answers; "
                "revoke it in Plane as that account",
            )
            return
        ours, others = self.tokens_labelled(made_for or "", agent, session)
        for token in ours if made_for else [*ours, *others]:
            self.reach.plane().revoke_token(session, token)
        if made_for and (left := [token for token in others if token.is_active]):
            say(
                self.host,
                f"! {email} has tokens with the label {agent.token_label} that this deploy did not create: "
                f"{len(left)}; they stay valid until you revoke them in Plane as that account",
            )

    def admins(self, not_as: str | None = None) -> Iterator[Session]:
        """Open sessions of those who should be workspace admins, one by one: the admin's, then agents'.

        An agent without an account is skipped.
        """
        settings = self.settings
        if settings.plane_admin_password is not None and settings.plane_admin_email != not_as:
            yield self._session(settings.plane_admin_email, settings.plane_admin_password, "plane_admin_password")
        for agent in self.state.agents:
            if agent.role != "admin" or agent.password is None or agent.email == not_as:
                continue
            try:
                session = self.of(agent)
            except PlaneNoAccount:
                continue
            yield session

    def instance_admin(self, what: str) -> Session:
        """Return a session that may change the instance.

        Args:
            what: the operation that needs it, for the message.

        Raises:
            PlaneSettings: ``plane_admin_email`` is not an instance admin's, or its password is wrong or missing.
        """
        settings = self.settings
        needs = f"{what} needs plane_admin_email and plane_admin_password of an instance admin"
        if settings.plane_admin_password is None:
            raise PlaneSettings(needs)
        try:
            return self.reach.plane().instance_admin_session(
                settings.plane_admin_email, settings.plane_admin_password.unmask()
            )
        except PlaneFormRefused as error:
            raise PlaneSettings(f"{error}; {needs}") from error

    def open(self, agents: Iterable[tuple[Agent, bool]]) -> None:
        """Open sessions of agents' accounts, several at once; :meth:`of` then returns each, or raises its error.

        Args:
            agents: each with whether its account may be new.

        Raises:
            PlaneSettings: passwords are wrong or missing. The message names every such account.
        """
        plane = self.reach.plane()
        to_open = [one for one in agents if not plane.is_signed_in(one[0].email)]
        wrong: dict[str, PlaneWrongPassword] = {}

        def open_one(one: tuple[Agent, bool]) -> None:
            if self._not_opened:
                return  # the run ends at the first one that fails
            try:
                self.of(*one)
            except PlaneWrongPassword as error:
                wrong[one[0].email] = error
            except PlaneError as error:
                self._not_opened[one[0].email] = error

        plane.for_each_account(open_one, to_open)
        if len(wrong) > 1:
            named = [f"{agent.email} ({wrong[agent.email].advice})" for agent, _ in to_open if agent.email in wrong]
            raise PlaneSettings(f"cannot sign in as {', '.join(named)}")
        for error in wrong.values():
            raise error

    def of(self, agent: Agent, may_be_new: bool = False) -> Session:
        """Return a session of the agent's account, which is created if it is missing and `may_be_new`.

        An account that may be new is about to join for the first time, so the deploy turns off Plane's mail to it. It
        does so for an existing account too: an earlier run may have ended just after it created the account.

        Raises:
            PlaneWrongPassword: its password is missing or wrong.
            PlaneSettings: its password is too weak, or the account cannot be created.
        """
        session = self._opened(agent, may_be_new)
        is_persons = self.settings.plane_agent_emails or agent.email == self.settings.plane_admin_email
        if may_be_new and not is_persons and agent.email not in self._quiet:
            self.reach.plane().mute_notifications(session)
            self._quiet.add(agent.email)
        return session

    def _opened(self, agent: Agent, may_be_new: bool) -> Session:
        plane = self.reach.plane()
        failed = self._not_opened.pop(agent.email, None)
        if failed is not None:
            raise failed
        if agent.password is None:
            advice = f"set {_password_setting(agent)}"
            raise PlaneWrongPassword(f"no password for {agent.email}; {advice}", advice)
        password = agent.password.unmask()
        if not may_be_new or plane.is_signed_in(agent.email):
            return self._sign_in(agent)
        if self._finds_accounts:
            try:
                return self._sign_in(agent)
            except PlaneNoAccount:
                self._finds_accounts = False
        try:
            session = plane.sign_up(agent.email, password)
        except PlaneFormRefused as error:
            if error.code != "USER_ALREADY_EXIST":
                raise PlaneSettings(f"{error}; {_sign_up_advice(error.code, agent)}") from error
            self._finds_accounts = True
            return self._sign_in(agent)
        self.state.created_accounts[agent.email] = {}
        return session

    def _sign_in(self, agent: Agent) -> Session:
        """Open a session of an existing account. An account from before 0.1.0 gets the password that is derived now."""
        assert agent.password is not None
        setting = _password_setting(agent)
        # The inputs of a derived password may have changed.
        setting = setting.replace("_seed or", "_seed, plane_seed_host or")
        try:
            return self._session(agent.email, agent.password, setting)
        except PlaneWrongPassword:
            if agent.former_password is None:
                raise
        session = self._session(agent.email, agent.former_password, setting)
        try:
            return self.reach.plane().change_password(session, agent.former_password.unmask(), agent.password.unmask())
        except PlaneRefused as error:
            say(
                self.host,
                f"! {agent.email} still has the password of an earlier version, which is the same in every Plane with "
                f"this seed ({error}); sign in to Plane as that account and change it",
            )
            return session

    def _session(self, email: str, password: HiddenValue, setting: str) -> Session:
        """Open a session of an existing account.

        Args:
            setting: the setting that holds the password, for the message.

        Raises:
            PlaneNoAccount: the account does not exist.
            PlaneWrongPassword: the password is wrong.
            PlaneSettings: Plane allows no sign-in with a password.
        """
        try:
            return self.reach.plane().sign_in(email, password.unmask())
        except PlaneFormRefused as error:
            _refuse_sign_in(error, setting)


def _refuse_sign_in(error: PlaneFormRefused, setting: str) -> NoReturn:
    """Raise the error of a refused sign-in, with advice that names the setting of the password."""
    advice = f"check {setting}"
    if error.code == "AUTHENTICATION_FAILED_SIGN_IN":
        raise PlaneWrongPassword(f"{error}; {advice}", advice) from error
    if error.code == "INSTANCE_NOT_CONFIGURED":
        advice = "this Plane is not set up yet; run plane.instance_admin first (the whole deploy does)"
    if error.code == "EMAIL_PASSWORD_AUTHENTICATION_DISABLED":
        advice = "ENABLE_EMAIL_PASSWORD (plane_instance_config) must be 1 during the run"
    kind = PlaneNoAccount if error.code == "USER_DOES_NOT_EXIST" else PlaneSettings
    raise kind(f"{error}; {advice}") from error


def _password_setting(agent: Agent) -> str:
    if agent.name == CONCIERGE:
        return "plane_concierge_password or its password in plane_agents"
    return f"plane_agent_password_seed or the password of {agent.name} in plane_agents"


def is_labelled(token: Token, agent: Agent) -> bool:
    """Whether a token's label is the agent's, in any spelling that maps to the agent's line in the token file."""
    prefix, name = token.label[:6], token.label[6:]
    return prefix == "agent-" and token_variable(name) == agent.token_variable


def _sign_up_advice(code: str, agent: Agent) -> str:
    if code == "PASSWORD_TOO_WEAK":
        return f"choose a stronger {_password_setting(agent)}"
    if code == "SIGNUP_DISABLED":
        return "sign-up is closed on this instance and the address has no open invitation"
    return f"check the address of {agent.name} in plane_agents, and that email and password sign-in is enabled"
