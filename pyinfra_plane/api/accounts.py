"""Accounts with their sessions, and API tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from pyinfra_plane.api import paths
from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.errors import PlaneBadAnswer, PlaneRefused
from pyinfra_plane.api.instance import InstanceApi
from pyinfra_plane.api.models import Token
from pyinfra_plane.api.rows import listed


class AccountsApi(InstanceApi):
    """Requests about single accounts."""

    # Accounts

    def for_each_account(self, function: Callable[[Any], object], arguments: list[Any]) -> None:
        """Call a function that signs an account in or up with each argument, several at the same time.

        Plane hashes a password for each account, in one of several processes.
        """
        if len(arguments) > 1:
            self._forms.prepare()
        self._forms.pace.remaining = len(arguments)

        def one_less(argument: Any) -> None:
            function(argument)
            self._forms.pace.remaining -= 1

        self._at_once(one_less, arguments)

    def is_signed_in(self, email: str) -> bool:
        """Whether this run has a session of the account."""
        return email.lower() in self._sessions

    def sign_in(self, email: str, password: str) -> Session:
        """Return a session of an existing account, opened once per run: Plane hashes the password at each sign-in.

        Raises:
            PlaneFormRefused: ``USER_DOES_NOT_EXIST``, ``AUTHENTICATION_FAILED_SIGN_IN``, ….
        """
        email = email.lower()
        if email not in self._sessions:
            self._sessions[email] = self._forms.session(paths.SIGN_IN(), email, password, f"sign in as {email}")
        return self._sessions[email]

    def change_password(self, session: Session, old: str, new: str) -> Session:
        """Change the password of the session's account, and return the session that replaces it.

        Raises:
            PlaneRefused: Plane kept the old password.
        """
        self._sessions[session.email] = self._forms.change_password(session, old, new)
        return self._sessions[session.email]

    def sign_up(self, email: str, password: str) -> Session:
        """Create an account, and return its session.

        Raises:
            PlaneFormRefused: ``USER_ALREADY_EXIST``, ``PASSWORD_TOO_WEAK``, ``SIGNUP_DISABLED``, ….
        """
        email = email.lower()
        self._sessions[email] = self._forms.session(paths.SIGN_UP(), email, password, f"create the account {email}")
        return self._sessions[email]

    def finish_onboarding(self, session: Session) -> None:
        """Skip the wizard that Plane shows a person at the first sign-in."""
        self.http.call("PATCH", paths.MY_ONBOARDING(), headers=session.headers(), json={"is_onboarded": True})

    def change_profile(self, session: Session, **fields: str) -> None:
        """Set `display_name`, `avatar`, `user_timezone` and similar fields of the session's account."""
        self.http.call("PATCH", paths.ME(), headers=session.headers(), json=fields)
        self.forget("members")

    def mute_notifications(self, session: Session) -> None:
        """Turn off Plane's mail about work items to the session's account."""
        kinds = ("property_change", "state_change", "comment", "mention", "issue_completed")
        body = dict.fromkeys(kinds, False)
        self.http.call("PATCH", paths.MY_NOTIFICATIONS(), headers=session.headers(), json=body)

    # API tokens

    def owner(self, key: ApiKey) -> str | None:
        """The address of the account that owns a key; ``None`` if the key is not valid."""
        if not self._may_answer(key):
            return None
        try:
            answer = self.http.call("GET", paths.OWNER_OF_KEY(), headers=key.headers())
        except PlaneRefused as error:
            if error.status in (401, 403):
                return None
            raise
        email = answer.get("email") if isinstance(answer, dict) else None
        return email.lower() if isinstance(email, str) else None

    def tokens(self, session: Session) -> list[Token]:
        """The tokens of the session's account, without their values."""
        return listed(self.http.call("GET", paths.MY_TOKENS(), headers=session.headers()), Token.of, "API tokens")

    def create_token(
        self, session: Session, label: str, description: str, ends: date | None = None
    ) -> tuple[ApiKey, Token]:
        """Create a token. Only this answer has its value.

        Args:
            ends: the day at whose beginning, in UTC, it expires; never if ``None``.
        """
        body = {"label": label, "description": description}
        if ends is not None:
            body["expired_at"] = f"{ends.isoformat()}T00:00:00Z"
        answer = self.http.call("POST", paths.MY_TOKENS(), headers=session.headers(), json=body)
        value = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(value, str) or not ApiKey(value).is_well_formed:
            raise PlaneBadAnswer(f"POST {self.http.base_url}{paths.MY_TOKENS()}: no token in the answer")
        return ApiKey(value), Token.of(answer)

    def revoke_token(self, session: Session, token: Token) -> None:
        """Revoke a token of the session's account."""
        self.remove(
            f"the token {token.label} of {session.email}",
            paths.MY_TOKENS.one(token.id),
            session,
            ("tokens",),
            lambda: token.id in {one.id for one in self.tokens(session)},
        )
