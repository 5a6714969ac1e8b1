"""A stand-in for the Redis client in Plane's image: the server requires SANDBOX_REDIS_PASSWORD, if it is set."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote, urlsplit


class AuthenticationError(Exception):
    """An error with the name of the real one."""


class Redis:
    def __init__(self, password: str) -> None:
        self._password = password

    @classmethod
    def from_url(cls, url: str, **_: Any) -> Redis:
        return cls(unquote(urlsplit(url).password or ""))

    def ping(self) -> bool:
        wanted = os.environ.get("SANDBOX_REDIS_PASSWORD", "")
        if wanted and not self._password:
            raise AuthenticationError("Authentication required.")
        if wanted and self._password != wanted:
            raise AuthenticationError("invalid username-password pair or user is disabled.")
        return True
