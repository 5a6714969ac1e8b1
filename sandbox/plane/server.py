"""The server: it starts, stops, and connects the parts."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from .configuration import configurations_by_key
from .context import CONTEXT, Context, is_since
from .database import ReadProgress
from .environment import Environment
from .faults import Faults
from .http import errors_as_json, refuse_bad_hosts, wait_for_tables
from .requestlog import RequestLog
from .routes import add_routes
from .state import PlaneState
from .throttle import Throttle

DEFAULT_VERSION = "1.2.2"
"""The release that the stand-in plays if nobody names another."""

#: "governed" is a commercial one whose workspaces own work item types: from the facts, not recorded.
EDITIONS = ("community", "commercial", "governed")
#: Seconds after which Plane closes an idle connection (seen on every tried release).
KEEP_ALIVE = 2.0


class PlaneServer:
    """A Plane that was started and never set up; its data stays while it is stopped and started again."""

    def __init__(
        self,
        *,
        edition: str = "community",
        version: str = DEFAULT_VERSION,
        hash_iterations: int = 1000,
        environment: Mapping[str, str] | None = None,
        demo_project_delay: float = 0.05,
        read_progress: ReadProgress | None = None,
    ) -> None:
        if edition not in EDITIONS:
            raise ValueError(f"edition is {edition!r}; it is one of {', '.join(EDITIONS)}.")
        parsed = Environment.of(environment or {})
        self.requests = RequestLog()
        self.faults = Faults()
        self._runner: web.AppRunner | None = None
        self.state = PlaneState.fresh(
            edition=edition, intercom=not is_since(version, 1, 3), environment=environment or {}
        )
        self._context = Context(
            edition=edition,
            version=version,
            hash_iterations=hash_iterations,
            demo_project_delay=demo_project_delay,
            environment=parsed,
            state=self.state,
            keys=Throttle(parsed.api_key_limit, parsed.api_key_period),
            forms=Throttle(parsed.form_limit, parsed.form_period),
            read_progress=read_progress,
        )

    def snapshot(self) -> dict[str, Any]:
        """Every stored row as plain data; equal snapshots show that nothing was changed in between."""
        return self.state.snapshot()

    def set_environment(self, environment: Mapping[str, str]) -> None:
        """Recreate the container with other variables: the data stays.

        An instance that is not registered yet still takes its settings from them, as on a first start.
        """
        parsed = Environment.of(environment)
        self._context.environment = parsed
        self._context.is_settled = False
        # The counts of limits are stored outside the container, so a new one does not reset them.
        self._context.follow_environment()
        if not self.state.registered:
            intercom = self._context.older_than_1_3
            self.state.configurations = configurations_by_key(environment, intercom)

    async def save(self) -> bytes:
        """All data, once nothing is left to do in the background; for `restore`, here or on a server like this."""
        await self._context.finish_background()
        return pickle.dumps((vars(self.state), self._context.save()))

    async def restore(self, saved: bytes) -> None:
        """Replace all data; faults are removed, and the log of requests stays."""
        self.faults.clear()
        await self._context.stop_background()
        state, known = pickle.loads(saved)
        # In place: handlers and tests hold the state itself.
        vars(self.state).update(state)
        self._context.restore(known)

    def forget_throttles(self) -> None:
        """Reset all limits, as after a long wait."""
        self._context.keys.clear()
        self._context.forms.clear()
        self._context.anonymous.clear()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen, and return the port."""
        app = web.Application(
            middlewares=[
                self.requests.record,
                self.faults.inject,
                refuse_bad_hosts,
                errors_as_json,
                wait_for_tables,
            ]
        )
        app[CONTEXT] = self._context
        add_routes(app, commercial=self._context.commercial, since_1_4=self._context.since_1_4)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=KEEP_ALIVE)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        await site.start()
        self._runner = runner
        bound: int = runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        self.faults.clear()
        await self._context.stop_background()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
