"""What can go wrong between a client and Plane, on demand: answers that get lost, that are no answer, or never come."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from .http import Handler

#: What becomes of a request: given the request and what would have handled it.
Action = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]

#: The status under which a request is logged whose client was told nothing.
NO_ANSWER = 444
PROXY_PAGE = "<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>nginx</body></html>"
LOGIN_PAGE = "<!doctype html><html><body><form action='/login'><input name='password'></form></body></html>"


@dataclass
class Rule:
    """Which requests something happens to, and what.

    Args:
        action: what happens.
        method: of the request; any when not given.
        route: as the log of requests names it, such as ``/api/workspaces/{slug}/invitations/``.
        path: a regular expression that is found in the request's path.
        nth: only the request that is the nth to match, from 1; every one when not given.
    """

    action: Action
    method: str | None = None
    route: str | None = None
    path: str | None = None
    nth: int | None = None
    matched: int = 0
    #: Set when it happened, for a test that waits on its own thread.
    happened: threading.Event = field(default_factory=threading.Event)

    def applies_to(self, request: web.Request) -> bool:
        """Whether it is this request's turn; counts those that match."""
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
        """Let something happen from the next request on; the first rule that applies to a request is the one."""
        rule = Rule(action, method, route, path, nth)
        self._rules = (*self._rules, rule)
        return rule

    def clear(self) -> None:
        """From now on all is well; what is stalled is let go, unanswered."""
        self._rules = ()
        held, self._held = self._held, []
        for loop, event in held:
            with suppress(RuntimeError):  # the loop is closed, and what was held with it
                loop.call_soon_threadsafe(event.set)

    @web.middleware
    async def inject(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # All of them count, and only then does one of them act.
        applying = [rule for rule in self._rules if rule.applies_to(request)]
        if not applying:
            return await handler(request)
        rule = applying[0]
        try:
            return await rule.action(request, handler)
        finally:
            rule.happened.set()

    # What can happen

    def stalled(self, *, handled: bool = False, then: Callable[[], None] = lambda: None) -> Action:
        """No answer until the faults are cleared, and then none either.

        Args:
            handled: whether the request is carried out first.
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
    """The connection ends before the request was carried out."""
    return _hung_up(request)


async def lost(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The request is carried out, and the connection ends before the answer."""
    await handler(request)
    return _hung_up(request)


async def half(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The request is carried out, and the connection ends in the middle of the answer, or before an empty one."""
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
    """The request is carried out; the answer is whole as HTTP goes, and its body lacks the second half."""
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
    """Another answer than Plane's."""

    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if handled:
            await handler(request)
        return web.Response(status=status, text=body, content_type=content_type, headers=headers)

    return answer


def proxy_page(status: int) -> Action:
    """What a proxy answers when Plane does not."""
    return answered(status, PROXY_PAGE.format(status=status), "text/html")


def throttled(retry_after: int | str | None = None) -> Action:
    """Plane's answer to a caller who asks too much."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return answered(429, '{"error_code": 5900, "error_message": "RATE_LIMIT_EXCEEDED"}', headers=headers)


def redirected(to: str) -> Action:
    """A redirect to somewhere else."""
    return answered(302, headers={"Location": to})


def login_page() -> Action:
    """What something that guards Plane answers to whom it does not know."""
    return answered(200, LOGIN_PAGE, "text/html")


def called(callback: Callable[[web.Request], None], *, handled: bool = False) -> Action:
    """All is well, and something is called before, or after the request was carried out and before its answer."""

    async def call(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not handled:
            callback(request)
        response = await handler(request)
        if handled:
            callback(request)
        return response

    return call


#: How a commercial edition refuses what the plan lacks, or what is managed elsewhere. From the facts on commercial
#: editions, not recorded: the codes are Plane's, the words are not.
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
    """As they are, but for those that depend on the body."""
    own = ("content-length", "transfer-encoding")
    kept = [(name, value) for name, value in response.headers.items() if name.lower() not in own]
    return kept + [("Set-Cookie", morsel.OutputString()) for morsel in response.cookies.values()]


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


def _hung_up(request: web.Request) -> web.Response:
    """The end of the connection, and what the log of requests says of it."""
    _hang_up(request)
    return web.Response(status=NO_ANSWER)
