"""An embedded target to deploy to: an SSH server, a `docker` command, PostgreSQL and Plane's API in one process.

It needs no installation and leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.containers import Container
from sandbox.directory import SandboxError
from sandbox.host import Host
from sandbox.server import Sandbox

__all__ = ["Container", "Host", "Sandbox", "SandboxError", "running"]


@contextmanager
def running(
    directory: Path | str,
    *,
    hosts: int = 1,
    port: int = 0,
    edition: str = "community",
    version: str | None = None,
    hash_iterations: int | None = 1,
    log_statement: str = "none",
    stack: str = "scripts",
) -> Iterator[Sandbox]:
    """Run a sandbox on a thread of its own; it is ready on entry and removed on exit.

    Not for a process that gevent has patched: run pyinfra's command line in a process of its own.
    """
    sandbox = Sandbox(
        directory,
        hosts=hosts,
        port=port,
        edition=edition,
        version=version,
        hash_iterations=hash_iterations,
        log_statement=log_statement,
        stack=stack,
    )
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()
    ready: Future[None] = Future()
    failures: list[Exception] = []

    async def serve() -> None:
        task = asyncio.current_task()
        assert task is not None
        begun.set_result((asyncio.get_running_loop(), task))
        async with sandbox:
            ready.set_result(None)
            await asyncio.Event().wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except asyncio.CancelledError:
            ready.cancel()
        except Exception as error:  # noqa: BLE001 - raised again below, on the caller's thread
            if ready.done():
                failures.append(error)
            else:
                ready.set_exception(error)

    thread = threading.Thread(target=run, name="sandbox")
    thread.start()
    try:
        ready.result()
        yield sandbox
    finally:
        # Not before the block: an interruption there would leave the other thread running.
        loop, serving = begun.result()
        # A failed start has closed its loop already.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(serving.cancel)
        thread.join()
    if failures:
        raise failures[0]
