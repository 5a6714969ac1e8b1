"""The base of every part of the client: requests, forms, sessions, and the cache of what was read."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from pyinfra_plane.api.auth import ApiKey, Forms, Session
from pyinfra_plane.api.errors import PlaneBadAnswer, PlaneError, PlaneRefused
from pyinfra_plane.api.models import Instance
from pyinfra_plane.api.pace import Pace
from pyinfra_plane.api.rows import listed

if TYPE_CHECKING:
    from pyinfra_plane.api.http import Http

T = TypeVar("T")

LONGEST_LIST = 1000
"""Maximum number of pages. A page has up to 1,000 items (every tried release)."""

MOST_ITEMS = 50_000
LARGEST_LIST = 64 * 2**20
LONGEST_READING = 900.0
"""Maximum items, bytes and seconds of all pages of a list. The seconds leave room for a request limit."""


AtOnce = Callable[[Callable[[Any], Any], list[Any]], list[Any]]


def in_turn(function: Callable[[Any], Any], arguments: list[Any]) -> list[Any]:
    """Call `function` with each of the arguments, one after the other."""
    return [function(argument) for argument in arguments]


class ApiBase:
    """Plane's API at one address. Reads are cached until something is written.

    Args:
        http: sends the requests.
        at_once: calls a function with each of the arguments, several at the same time if possible, and returns the
            results in the same order.
        pace: decides when the next form may be sent.
    """

    def __init__(self, http: Http, at_once: AtOnce = in_turn, pace: Pace | None = None) -> None:
        self.http = http
        self._at_once = at_once
        self._forms = Forms(http, pace or Pace())
        self._sessions: dict[str, Session] = {}
        self._cache: dict[tuple[str, ...], Any] = {}
        self._failed: dict[tuple[str, str], PlaneError] = {}

    def cached(self, key: tuple[str, ...], read: Callable[[], T]) -> T:
        """Return the cached value of this key; read it first if it is missing."""
        if key not in self._cache:
            self._cache[key] = read()
        value: T = self._cache[key]
        return value

    def cached_value(self, key: tuple[str, ...]) -> Any:
        """Return the cached value of this key; ``None`` if it is missing."""
        return self._cache.get(key)

    def _may_answer(self, key: ApiKey) -> bool:
        """Whether to send a key: an instance that is known to be new has no keys."""
        instance: Instance | None = self._cache.get(("instance",))
        return key.is_well_formed and (instance is None or instance.is_setup_done)

    def forget(self, *kinds: str) -> None:
        """Drop cached values of the given kinds, or all of them. Signed-in sessions stay."""
        self._cache = {key: value for key, value in self._cache.items() if kinds and key[0] not in kinds}
        self._failed = {}

    def remove(
        self,
        what: str,
        path: str,
        caller: ApiKey | Session,
        kinds: tuple[str, ...],
        is_listed: Callable[[], bool],
        **by: Any,
    ) -> None:
        """Delete something, and check that Plane no longer lists it, because an answer of 204 does not prove it.

        Args:
            what: its name in a message.
            path: its path.
            caller: the key or session that deletes it.
            kinds: kinds of cached values to drop, as for :meth:`forget`.
            is_listed: reads its list again, and returns whether it is still listed.
            by: `method` and `json` of the request, if it is not a DELETE.

        Raises:
            PlaneError: it is still listed.
        """
        self.forget(*kinds)
        request = {"method": "DELETE", **by}
        try:
            self.http.call(request.pop("method"), path, headers=caller.headers(), **request)
        except PlaneRefused as error:
            # A 404 means that somebody else has just deleted it; for another method than DELETE, that the path does not
            # exist.
            if error.status != 404 or by or is_listed():
                raise
        check_gone(what, is_listed())

    def pages(
        self, path: str, query: Mapping[str, str], caller: ApiKey | Session, of: Callable[[dict[str, Any]], T]
    ) -> list[T]:
        """Read every item of a list, page by page.

        Raises:
            PlaneBadAnswer: the answer is not a list, or the list does not end.
        """
        found: list[T] = []
        cursor: str | None = None
        seen: set[str] = set()
        received, began = self.http.bytes_received, time.monotonic()
        while True:
            asked = urlencode({**query, **({"cursor": cursor} if cursor else {})}, safe=",")
            answer = self.http.call("GET", f"{path}?{asked}" if asked else path, headers=caller.headers())
            if isinstance(answer, list):
                return found + listed(answer, of, path)
            if not isinstance(answer, dict):
                raise PlaneBadAnswer(f"{path}: Plane answered {type(answer).__name__} instead of a page of results")
            found += listed(answer.get("results"), of, path)
            cursor = answer.get("next_cursor")
            if not answer.get("next_page_results") or not isinstance(cursor, str) or cursor in seen:
                return found
            seen.add(cursor)
            self._bound(path, len(seen), len(found), self.http.bytes_received - received, time.monotonic() - began)

    def _bound(self, path: str, pages: int, items: int, received: int, seconds: float) -> None:
        """Refuse a list that does not end."""
        for what, much, most in (
            ("pages", pages, LONGEST_LIST),
            ("items", items, MOST_ITEMS),
            ("bytes", received, LARGEST_LIST),
            ("seconds", seconds, LONGEST_READING),
        ):
            if much > most:
                raise PlaneBadAnswer(f"{path}: a list of more than {most:.0f} {what}; {self.http.advice.address}")


def check_gone(what: str, is_listed: bool) -> None:
    """Refuse to report a removal if Plane accepted it but still lists the thing.

    Raises:
        PlaneError: it is still listed.
    """
    if is_listed:
        raise PlaneError(f"Plane accepted the removal of {what} but still lists it; check the log of Plane's API")


def uncached(path: str) -> str:
    """Return a variant of a path that no request has used before.

    Plane caches some answers by their whole path for two hours, and not every change of their content clears that cache
    (every tried release).
    """
    return f"{path}?now={secrets.token_hex(8)}"
