"""Plane's API container: the stand-in on port 8000, with the container's environment.

Plane's data is in PostgreSQL and outlives the container; this one's is in a file on a volume, written when it stops
and on SIGUSR2, for a test to read. SIGUSR1 forgets the request limits: a test cannot wait a minute.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
from pathlib import Path

from sandbox.plane import PlaneServer, PlaneState
from sandbox.plane.database import Progress, read_progress


def load(server: PlaneServer, file: Path) -> None:
    """Give `server` what an earlier container left."""
    state: PlaneState = pickle.loads(file.read_bytes())
    server.state = state
    server._context.state = state


def save(server: PlaneServer, file: Path) -> None:
    """Leave what `server` holds to the next container."""
    new = file.with_suffix(".new")
    new.write_bytes(pickle.dumps(server.state))
    new.replace(file)


async def progress() -> Progress:
    """How far Plane's database is."""
    return await read_progress("psql", os.environ.get("DATABASE_URL", ""))


async def serve(file: Path) -> None:
    """Answer until the container is stopped."""
    server = PlaneServer(environment=os.environ, read_progress=progress)
    if file.exists():
        load(server, file)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGUSR1, server.forget_throttles)
    loop.add_signal_handler(signal.SIGUSR2, save, server, file)
    await server.start("0.0.0.0", 8000)
    await stopped.wait()
    await server.stop()
    save(server, file)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
