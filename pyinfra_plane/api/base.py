"""What every part of Plane's API here shares: the requests, the forms, the sessions, and what was read."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from pyinfra_plane.api.auth import ApiKey, Forms, Session
from pyinfra_plane.api.errors import PlaneBadAnswer, PlaneError, PlaneRefused
from pyinfra_plane.api.http import Http
from pyinfra_plane.api.models import Instance
from pyinfra_plane.api.pace import Pace
from pyinfra_plane.api.rows import listed

T = TypeVar("T")

LONGEST_LIST = 1000
"""Pages. Plane gives up to 1,000 items on each (every tried release)."""

MOST_ITEMS = 50_000
LARGEST_LIST = 64 * 2**20
LONGEST_READING = 900.0
"""Items, bytes and seconds that all pages of a list may come to. The seconds leave room for a request limit."""


AtOnce = Callable[[Callable[[Any], Any], list[Any]], list[Any]]


def in_turn(function: Callable[[Any], Any], arguments: list[Any]) -> list[Any]:
    """Call `function` with each of the arguments, one after the other."""
    return [function(argument) for argument in arguments]


class Asking:
    """Plane's API at one address: every read is kept until something is written.

    Args:
        http: carries the requests.
        at_once: calls a function with each of some arguments, several at the same time where it can, and gives what
            came of it in their order.
        pace: when the next form may be sent.
    """

    def __init__(self, http: Http, at_once: AtOnce = in_turn, pace: Pace | None = None) -> None:
        self.http = http
        self._at_once = at_once
        self._forms = Forms(http, pace or Pace())
        self._sessions: dict[str, Session] = {}
        self._kept: dict[tuple[str, ...], Any] = {}
        self._failed: dict[tuple[str, str], PlaneError] = {}

    def keep(self, key: tuple[str, ...], read: Callable[[], T]) -> T:
        """What was read under this name; read now if it was not."""
        if key not in self._kept:
            self._kept[key] = read()
        value: T = self._kept[key]
        return value

    def kept(self, key: tuple[str, ...]) -> Any:
        """What was read under this name; ``None`` if it was not."""
        return self._kept.get(key)

    def _may_answer(self, key: ApiKey) -> bool:
        """Whether to send a key: an instance that is known to be new has none."""
        instance: Instance | None = self._kept.get(("instance",))
        return key.is_well_formed and (instance is None or instance.is_setup_done)

    def forget(self, *kinds: str) -> None:
        """Drop what was read, of the given kinds or all of it. Signed-in sessions stay."""
        self._kept = {key: value for key, value in self._kept.items() if kinds and key[0] not in kinds}
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
        """Delete something, and look whether it is gone, which an answer of 204 alone does not say.

        Args:
            what: the thing, for the message.
            path: of the thing.
            caller: who deletes it.
            kinds: what was read and is dropped, as for :meth:`forget`.
            is_listed: reads the list that the thing was in.
            by: `method` and `json` of the request, if it is not a DELETE.

        Raises:
            PlaneError: it is still listed.
        """
        self.forget(*kinds)
        request = {"method": "DELETE", **by}
        try:
            self.http.call(request.pop("method"), path, headers=caller.headers(), **request)
        except PlaneRefused as error:
            # Unless somebody else has just deleted it; of another request, 404 says that there is no such path.
            if error.status != 404 or by or is_listed():
                raise
        check_gone(what, is_listed())

    def pages(
        self, path: str, query: Mapping[str, str], caller: ApiKey | Session, of: Callable[[dict[str, Any]], T]
    ) -> list[T]:
        """Every item of a list, page by page.

        Raises:
            PlaneBadAnswer: it is no list, or has no end.
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
        """Refuse a list that has no end."""
        for what, much, most in (
            ("pages", pages, LONGEST_LIST),
            ("items", items, MOST_ITEMS),
            ("bytes", received, LARGEST_LIST),
            ("seconds", seconds, LONGEST_READING),
        ):
            if much > most:
                raise PlaneBadAnswer(f"{path}: a list of more than {most:.0f} {what}; {self.http.advice.address}")


def check_gone(what: str, is_listed: bool) -> None:
    """Refuse to call something removed that Plane took the removal of and lists all the same.

    Raises:
        PlaneError: it is listed.
    """
    if is_listed:
        raise PlaneError(f"Plane accepted the removal of {what} but still lists it; check the log of Plane's API")


def uncached(path: str) -> str:
    """A path as nobody asked for it before.

    Plane keeps some answers by their whole path for two hours, and not everything that changes them ends that
    (every tried release).
    """
    return f"{path}?now={secrets.token_hex(8)}"
