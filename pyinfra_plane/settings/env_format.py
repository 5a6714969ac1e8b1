"""Values that an environment file can hold unchanged."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.settings.table import Settings

# Characters that `docker run --env-file` and Compose read differently from one another, or not at all.
_AMBIGUOUS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\"'`$#\\]|^\s|\s$")

LONGEST_VALUE = 60_000
"""Maximum bytes of a variable. `docker run --env-file` reads lines of less than 64 KiB, including the name."""

KEPT = "if the file on the host has this key already, set plane_secret_key to None: the file keeps it as it is"


def fits_env_file(value: str) -> bool:
    """Whether a variable can have this value."""
    return not _AMBIGUOUS.search(value) and len(value.encode()) <= LONGEST_VALUE


def verbatim_values(settings: Settings) -> dict[str, str]:
    """The settings that Plane's environment file contains verbatim, by name.

    The database's name, role and password are percent-encoded there, so they can be anything.
    """
    names = ["plane_secret_key", "plane_redis_url", "plane_amqp_url", "plane_web_url"]
    if settings.storage:
        kind = "minio" if settings.storage.is_minio else "s3"
        names += [f"plane_{kind}_{what}" for what in ("endpoint", "bucket", "access_key", "secret_key")]
    values = {name: getattr(settings, name) for name in names}
    values |= {f"plane_env_extra.{name}": value for name, value in settings.plane_env_extra.items()}
    texts = {name: value.unmask() if isinstance(value, HiddenValue) else value for name, value in values.items()}
    return {name: text for name, text in texts.items() if text}


def refusals(values: Mapping[str, str]) -> list[str]:
    """The lines about settings or variables, by name, that an environment file cannot hold."""
    problems = []
    for name in (name for name, value in values.items() if not fits_env_file(value)):
        problems.append(
            f"{name}: the environment file cannot carry the value unchanged: a line break, quote, backtick, $, #, "
            f"backslash, a space at either end, or more than {LONGEST_VALUE} bytes; choose another value (an encoded "
            "one in an address)" + (f"; {KEPT}" if name == "plane_secret_key" else "")
        )
    return problems
