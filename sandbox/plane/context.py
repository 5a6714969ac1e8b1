"""The data about its server that every handler needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from .database import ReadProgress
from .environment import Environment
from .state import PlaneState
from .throttle import Throttle

#: Callers without a session share this many requests a minute and address (seen on Plane 1.2.2).
ANONYMOUS_LIMIT = 30

#: Seconds for which Plane repeats some answers, even after a change (seen on every tried release).
ANSWERS_LAST = 2 * 60 * 60.0


_SAVED = ("environment", "registered_version", "is_settled", "_cleared", "_remembers_unregistered", "_answers")


def is_since(version: str, major: int, minor: int) -> bool:
    """Whether a release is this one or a newer one."""
    return tuple(int(part) for part in version.split(".")[:2]) >= (major, minor)


@dataclass
class Context:
    edition: str
    version: str
    hash_iterations: int
    demo_project_delay: float
    environment: Environment
    state: PlaneState
    keys: Throttle
    #: Counts forms by address (from the facts: not recorded). Releases before 1.4 have no limit.
    forms: Throttle
    anonymous: Throttle = field(default_factory=lambda: Throttle(ANONYMOUS_LIMIT, 60.0))
    #: Reads the state of the database; `None`: fully migrated and registered.
    read_progress: ReadProgress | None = None
    registered_version: str | None = None
    is_settled: bool = False
    _cleared: int = 0
    _remembers_unregistered: bool = False
    _answers: dict[str, tuple[float, Any]] = field(default_factory=dict)
    _work: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def commercial(self) -> bool:
        return self.edition != "community"

    @property
    def older_than_1_3(self) -> bool:
        return not is_since(self.version, 1, 3)

    @property
    def since_1_4(self) -> bool:
        return is_since(self.version, 1, 4)

    def cached(self, path: str, shape: Callable[[], Any]) -> Any:
        """Return the answer from the first request to this path with its query."""
        until, answer = self._answers.get(path, (0.0, None))
        if time.monotonic() >= until:
            answer = shape()
            self._answers[path] = (time.monotonic() + ANSWERS_LAST, answer)
        return answer

    async def follow_database(self) -> bool:
        """Follow the database's state. Returns whether it is migrated. Stops reading once nothing can change."""
        if self.read_progress is None or self.is_settled:
            return True
        progress = await self.read_progress()
        if progress.cleared != self._cleared:
            self._cleared = progress.cleared
            self._remembers_unregistered = False
            self._answers.clear()
        self.state.registered = progress.is_registered
        self.registered_version = progress.version
        self._remembers_unregistered |= progress.is_migrated and not progress.is_registered
        self.is_settled = progress.is_registered and not self._remembers_unregistered
        return progress.is_migrated

    def drop_cached(self, *paths: str) -> None:
        """Drop the cached answers of these paths; those with a query stay."""
        for path in paths:
            self._answers.pop(path, None)

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something after the answer, as Plane's worker does."""
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def finish_background(self) -> None:
        """Wait for all that was to run after an answer."""
        while self._work:
            await asyncio.gather(*self._work)

    def save(self) -> dict[str, Any]:
        """What the server knows besides its state, for :meth:`restore` of any server of the same release."""
        return {name: getattr(self, name) for name in _SAVED}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Know what another server knew; all limits are as after a long wait."""
        for name in _SAVED:
            setattr(self, name, saved[name])
        self.follow_environment()
        for limit in (self.keys, self.forms, self.anonymous):
            limit.clear()

    def follow_environment(self) -> None:
        """Limit requests as the environment says."""
        self.keys.limit, self.keys.period = self.environment.api_key_limit, self.environment.api_key_period
        self.forms.limit, self.forms.period = self.environment.form_limit, self.environment.form_period

    async def stop_background(self) -> None:
        for task in list(self._work):
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)


CONTEXT = web.AppKey("context", Context)


def context_of(request: web.Request) -> Context:
    return request.app[CONTEXT]


def state_of(request: web.Request) -> PlaneState:
    return request.app[CONTEXT].state
