"""`python -m sandbox`: start the sandbox, print how to deploy to it, stop on Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox import Sandbox, SandboxError
from sandbox.containers import STACKS

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A target to deploy to, in one process. Ctrl-C removes it."
    )
    parser.add_argument("--hosts", type=_count, default=1, metavar="N", help="how many hosts (default: 1)")
    parser.add_argument(
        "--port",
        type=_port,
        default=2222,
        help="the first host's SSH port; the others follow; 0: any free ports (default: 2222)",
    )
    parser.add_argument("--edition", choices=("community", "commercial", "governed"), default="community")
    parser.add_argument(
        "--stack",
        choices=STACKS,
        default="role",
        help="the Compose file: commands of its own and env_file (role), start scripts and env_file (scripts), or "
        "Plane's own, which interpolates (plane); default: role",
    )
    parser.add_argument("--plane-version", metavar="V", help="the release of Plane that answers")
    parser.add_argument(
        "--directory", type=Path, default=Path(".sandbox"), help="folder for its files (default: .sandbox)"
    )
    parser.add_argument(
        "--hash-iterations", type=_count, metavar="N", help="how slowly Plane hashes a password (default: as it does)"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        asyncio.run(_serve(options))
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(options: argparse.Namespace) -> None:
    serving = asyncio.create_task(_until_cancelled(options))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        # Only the first signal counts: a second one must not interrupt the cleanup.
        for number in SIGNALS:
            loop.add_signal_handler(number, lambda: None)
        serving.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    await asyncio.wait({serving})
    if not serving.cancelled():
        serving.result()


async def _until_cancelled(options: argparse.Namespace) -> None:
    sandbox = Sandbox(
        options.directory,
        hosts=options.hosts,
        port=options.port,
        edition=options.edition,
        version=options.plane_version,
        hash_iterations=options.hash_iterations,
        stack=options.stack,
    )
    async with sandbox:
        print(_greeting(sandbox), flush=True)
        await asyncio.Event().wait()


def _greeting(sandbox: Sandbox) -> str:
    hosts = "\n".join(
        f"  {host.name}  127.0.0.1 port {host.port}, its Plane at http://127.0.0.1:{host.plane_port}"
        for host in sandbox.hosts
    )
    return f"The sandbox is ready:\n{hosts}\nDeploy to it:\n  pyinfra inventory.py deploy.py\nCtrl-C removes it."


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("must be between 0 and 65535")
    return number


if __name__ == "__main__":
    sys.exit(main())
