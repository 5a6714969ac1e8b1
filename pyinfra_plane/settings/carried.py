"""What an environment file can carry unchanged."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.settings.table import Settings

# What `docker run --env-file` and Compose read differently from one another, or not at all.
_NOT_CARRIED = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\"'`$#\\]|^\s|\s$")

LONGEST_VALUE = 60_000
"""Bytes of a variable. `docker run --env-file` reads lines of less than 64 KiB, its name among them."""


KEPT = "if the file on the host has this key already, set plane_secret_key to None: the file keeps it as it is"


def is_carried(value: str) -> bool:
    """Whether a variable can have this value."""
    return not _NOT_CARRIED.search(value) and len(value.encode()) <= LONGEST_VALUE


def not_carried(settings: Settings) -> list[str]:
    """The names of the settings that stand in Plane's environment file as they are, and cannot.

    The database's name, role and password are percent-encoded there, so they can be anything.
    """
    names = ["plane_secret_key", "plane_redis_url", "plane_amqp_url", "plane_web_url"]
    if settings.storage:
        kind = "minio" if settings.storage.is_minio else "s3"
        names += [f"plane_{kind}_{what}" for what in ("endpoint", "bucket", "access_key", "secret_key")]
    values = {name: getattr(settings, name) for name in names}
    values.update({f"plane_env_extra.{name}": value for name, value in settings.plane_env_extra.items()})
    texts = {name: value.unmask() if isinstance(value, HiddenValue) else value for name, value in values.items()}
    return [name for name, text in texts.items() if text and not is_carried(text)]


def refusals(names: Iterable[str]) -> list[str]:
    """What is said of settings or variables that cannot be carried, one line for each."""
    problems = []
    for name in names:
        problems.append(
            f"{name}: the environment file cannot carry the value unchanged: a line break, quote, backtick, $, #, "
            f"backslash, a space at either end, or more than {LONGEST_VALUE} bytes; choose another value (an encoded "
            "one in an address)" + (f"; {KEPT}" if name == "plane_secret_key" else "")
        )
    return problems
