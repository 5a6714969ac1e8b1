"""`python -m tests.contract URL`: does the Plane at URL answer as it was recorded? It must never have been set up.

With `--record STEPS.json` it prints what the Plane at URL answers to these steps instead, as a recording.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import requests

from .player import RECORDINGS, TIMEOUT, WAVERING, load, play
from .recorder import NotRecordable, record

#: Recordings begin with the version that answered; there is more than one scenario for each.
NAMES = sorted(path.stem for path in RECORDINGS.glob("[0-9]*.json"))
FIRST_SCENARIOS = [name for name in NAMES if "-" not in name]


class NotPlayable(Exception):
    """The address cannot be played against, and why."""


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    try:
        version = _fresh_version(options.url)
        if options.record:
            steps = json.loads(options.record.read_text())["steps"]
            recording = {"recorded_against": options.recorded_against or version, "steps": record(options.url, steps)}
            print(json.dumps(recording, indent=1, ensure_ascii=False))
            return 0
        name = options.recording or _recording_for(version)
        differences = play(options.url, load(name), web_url=options.web_url, tolerate=WAVERING)
    except requests.RequestException as error:
        reason = type(error).__name__
        print(f"{options.url} cannot be reached ({reason}): is this where Plane's API listens?", file=sys.stderr)
        return 2
    except (NotPlayable, NotRecordable) as error:
        print(error, file=sys.stderr)
        return 2
    for difference in differences:
        print(difference)
    played = len(load(name)["steps"])
    outcome = f"{len(differences)} differences" if differences else "all as recorded"
    print(f"{options.url}, Plane {version}: {played} steps of {name}, {outcome}.")
    return 1 if differences else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.contract", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", metavar="URL", help="where Plane's API listens, such as http://127.0.0.1:8000")
    parser.add_argument("--recording", choices=NAMES, help="by default the one of the instance's version")
    parser.add_argument("--record", type=Path, metavar="STEPS.json", help="print the answers to these steps instead")
    parser.add_argument("--recorded-against", metavar="VERSION", help="if the instance names itself otherwise")
    parser.add_argument("--web-url", help="the instance's WEB_URL; by default learned from its first redirect")
    return parser.parse_args(arguments)


def _fresh_version(url: str) -> str:
    """The version of an instance that was never set up."""
    response = requests.get(f"{url.rstrip('/')}/api/instances/", timeout=TIMEOUT, allow_redirects=False)
    if response.status_code == 429:
        wait = response.headers.get("Retry-After", "60")
        raise NotPlayable(f"{url} was asked too often to be played now; try again in {wait} seconds.")
    try:
        instance = response.json()["instance"]
        version, is_set_up = str(instance["current_version"]), bool(instance["is_setup_done"])
    except (ValueError, LookupError, TypeError) as error:
        raise NotPlayable(f"{url} does not answer as a registered Plane (status {response.status_code}).") from error
    if is_set_up:
        raise NotPlayable(f"{url} is set up already; the scenario needs an instance that never was.")
    return version


def _recording_for(version: str) -> str:
    """The recording of the same minor version, else the newest."""
    minor = version.split(".")[:2]
    return next((name for name in FIRST_SCENARIOS if name.split(".")[:2] == minor), FIRST_SCENARIOS[-1])


if __name__ == "__main__":
    sys.exit(main())
