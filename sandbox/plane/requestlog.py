"""The requests to the stand-in, in order, for counting them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from aiohttp import web

from .http import Handler

#: The route of a request to a path that the stand-in does not have.
UNKNOWN = "unknown"


class LoggedRequest(NamedTuple):
    method: str
    path: str
    route: str
    status: int


class RequestLog:
    def __init__(self) -> None:
        self._entries: list[LoggedRequest] = []

    def add(self, entry: LoggedRequest) -> None:
        self._entries.append(entry)

    def count(self) -> int:
        return len(self._entries)

    def by_route(self) -> Counter[str]:
        """The number of requests of each route, by names such as `GET /api/v1/users/me/`."""
        return Counter(f"{entry.method} {entry.route}" for entry in self._entries)

    def clear(self) -> None:
        self._entries.clear()

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    @web.middleware
    async def record(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        status = 500
        try:
            response = await handler(request)
            status = response.status
            return response
        finally:
            resource = request.match_info.route.resource
            route = resource.canonical if resource else UNKNOWN
            self.add(LoggedRequest(request.method, request.path, route, status))
