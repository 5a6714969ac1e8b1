"""The passwords that pyinfra itself uses on a host (of SSH, sudo and su), as they may be wrapped in its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyinfra.api.arguments import all_argument_meta
from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.settings.secrets import Wrapped
from pyinfra_plane.settings.values import MISSING, Values


def resolved(host: Any) -> tuple[dict[str, HiddenValue], list[str]]:
    """The wrapped secrets for pyinfra in a host's data with what they stand for, and what is wrong with them."""
    data = host.data.dict()
    found: dict[str, HiddenValue] = {}
    problems: list[str] = []
    for key in (*host.connector_cls.data_meta, *all_argument_meta):
        value = data.get(key)
        if isinstance(value, HiddenValue):
            reader = Values(data, host.name)
            text = reader.found(key, value)
            found[key] = Wrapped(key)
            found[key].raw_value = "" if text is MISSING else text
            problems += reader.problems
        elif isinstance(value, Mapping) and any(isinstance(one, HiddenValue) for one in value.values()):
            problems.append(f"{key}: a wrapped secret cannot be inside of it; give it as text, or leave it out")
    return found, problems
