"""Faults between a client and Plane, on demand: answers that are lost, invalid, or never sent."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from .http import Handler

#: Replaces the handling of a request: takes the request and its handler.
Action = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]

#: The status in the log of a request whose client got no answer.
NO_ANSWER = 444
PROXY_PAGE = "<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>nginx</body></html>"
LOGIN_PAGE = "<!doctype html><html><body><form action='/login'><input name='password'></form></body></html>"


@dataclass
class Rule:
    """The requests that a fault applies to, and the fault.

    Args:
        action: the fault.
        method: of the request; any by default.
        route: as in the log of requests, such as ``/api/workspaces/{slug}/invitations/``.
        path: a regular expression that is found in the request's path.
        nth: only the nth matching request, from 1; every one by default.
    """

    action: Action
    method: str | None = None
    route: str | None = None
    path: str | None = None
    nth: int | None = None
    matched: int = 0
    #: Set after it happened, for a test that waits on its own thread.
    happened: threading.Event = field(default_factory=threading.Event)

    def applies_to(self, request: web.Request) -> bool:
        """Whether this request is the one; counts those that match."""
        resource = request.match_info.route.resource
        if self.method not in (None, request.method):
            return False
        if self.route is not None and (resource is None or resource.canonical != self.route):
            return False
        if self.path is not None and not re.search(self.path, request.path):
            return False
        self.matched += 1
        return self.nth in (None, self.matched)


class Faults:
    """The faults of one server: none at first; set from any thread."""

    def __init__(self) -> None:
        self._rules: tuple[Rule, ...] = ()
        self._held: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def add(
        self,
        action: Action,
        *,
        method: str | None = None,
        route: str | None = None,
        path: str | None = None,
        nth: int | None = None,
    ) -> Rule:
        """Add a fault from the next request on. The first rule that applies to a request counts."""
        rule = Rule(action, method, route, path, nth)
        self._rules = (*self._rules, rule)
        return rule

    def clear(self) -> None:
        """Remove all faults; stalled requests end without an answer."""
        self._rules = ()
        held, self._held = self._held, []
        for loop, event in held:
            with suppress(RuntimeError):  # the loop is closed, and so are its stalled requests
                loop.call_soon_threadsafe(event.set)

    @web.middleware
    async def inject(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # Every rule counts the request before one of them acts.
        applying = [rule for rule in self._rules if rule.applies_to(request)]
        if not applying:
            return await handler(request)
        rule = applying[0]
        try:
            return await rule.action(request, handler)
        finally:
            rule.happened.set()

    # The faults

    def stalled(self, *, handled: bool = False, then: Callable[[], None] = lambda: None) -> Action:
        """Send no answer until the faults are removed, and none after that either.

        Args:
            handled: whether the request is executed first.
            then: called once it is stalled, on the server's thread.
        """

        async def stall(request: web.Request, handler: Handler) -> web.StreamResponse:
            if handled:
                await handler(request)
            event = asyncio.Event()
            self._held.append((asyncio.get_running_loop(), event))
            then()
            await event.wait()
            return _hung_up(request)

        return stall


async def closed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Close the connection before the request is executed."""
    return _hung_up(request)


async def lost(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Execute the request, and close the connection before the answer."""
    await handler(request)
    return _hung_up(request)


async def half(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Execute the request, and close the connection in the middle of the answer, or before an empty one."""
    body, response = await _answer(request, handler)
    if not body:
        return _hung_up(request)
    begun = web.StreamResponse(status=response.status, headers=_headers(response))
    begun.content_length = len(body)
    await begun.prepare(request)
    await begun.write(body[: len(body) // 2])
    _hang_up(request)
    return begun


async def truncated(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Execute the request, and send a complete HTTP answer whose body lacks the second half."""
    body, response = await _answer(request, handler)
    return web.Response(status=response.status, headers=_headers(response), body=body[: len(body) // 2] or b"{")


def answered(
    status: int,
    body: str = "",
    content_type: str = "application/json",
    *,
    headers: Mapping[str, str] | None = None,
    handled: bool = False,
) -> Action:
    """Answer differently from Plane."""

    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if handled:
            await handler(request)
        return web.Response(status=status, text=body, content_type=content_type, headers=headers)

    return answer


def proxy_page(status: int) -> Action:
    """Answer like a proxy in front of a Plane that is down."""
    return answered(status, PROXY_PAGE.format(status=status), "text/html")


def throttled(retry_after: int | str | None = None) -> Action:
    """Answer like Plane to a caller above the limit."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return answered(429, '{"error_code": 5900, "error_message": "RATE_LIMIT_EXCEEDED"}', headers=headers)


def redirected(to: str) -> Action:
    """Redirect to another address."""
    return answered(302, headers={"Location": to})


def login_page() -> Action:
    """Answer like an access proxy in front of Plane to an unknown caller."""
    return answered(200, LOGIN_PAGE, "text/html")


def called(callback: Callable[[web.Request], None], *, handled: bool = False) -> Action:
    """Answer as usual, and call a function before the request, or after it was executed and before its answer."""

    async def call(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not handled:
            callback(request)
        response = await handler(request)
        if handled:
            callback(request)
        return response

    return call


#: A commercial edition's refusal of a feature that the plan lacks, or of a resource that is managed elsewhere. From the
#: facts on commercial editions, not recorded: the codes are Plane's, the words are not.
EDITION_REFUSALS: Mapping[str, Action] = {
    "managed": answered(400, '{"error": "This is managed by the workspace.", "code": "workspace_managed"}'),
    "migrating": answered(400, '{"error": "Try again later.", "code": "governance_migration_in_progress"}'),
    "upgrade": answered(400, '{"error": "Upgrade your plan to use this feature."}'),
    "payment": answered(402, '{"error": "Payment required"}'),
    "absent": answered(404, '{"error": "Page not found."}'),
}


async def _answer(request: web.Request, handler: Handler) -> tuple[bytes, web.StreamResponse]:
    response = await handler(request)
    body = response.body if isinstance(response, web.Response) else None
    return body if isinstance(body, bytes) else b"", response


def _headers(response: web.StreamResponse) -> list[tuple[str, str]]:
    """The headers, without those that depend on the body."""
    own = ("content-length", "transfer-encoding")
    kept = [(name, value) for name, value in response.headers.items() if name.lower() not in own]
    return kept + [("Set-Cookie", morsel.OutputString()) for morsel in response.cookies.values()]


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


def _hung_up(request: web.Request) -> web.Response:
    """End the connection, and mark the request in the log."""
    _hang_up(request)
    return web.Response(status=NO_ANSWER)
