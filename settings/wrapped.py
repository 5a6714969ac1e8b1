"""Wrapped secrets in what pyinfra reads of a host for itself: passwords of SSH, sudo and su.

pyinfra 3.10 takes text there and nothing else. `config.py` asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyinfra.api.arguments import all_argument_meta
from pyinfra.api.hiddenvalue import HiddenValue
from pyinfra.api.host import Host

from settings.secrets import Wrapped
from settings.values import MISSING, Values


def accept_wrapped() -> None:
    """Let the data of a host's connector be wrapped, and the passwords of sudo and su stay so."""
    init, wrap = Host.init, HiddenValue.__init__
    if hasattr(init, "unwraps"):
        return

    def unwrapped(self: Host, state: Any) -> None:
        # Only meanwhile: `debug-inventory` shows a host's data.
        given = self.data.override_datas
        before = dict(given)
        given.update({key: value.unmask() for key, value in resolved(self)[0].items()})
        try:
            init(self, state)
        finally:
            given.clear()
            given.update(before)

    def wrapped_once(self: HiddenValue, content: Any = "", *masked: str) -> None:
        # pyinfra wraps a password itself when it makes a command of it.
        wrap(self, content.unmask() if isinstance(content, HiddenValue) else content, *masked)  # type: ignore[no-untyped-call]

    unwrapped.unwraps = True  # type: ignore[attr-defined]
    Host.init = unwrapped  # type: ignore[method-assign]
    HiddenValue.__init__ = wrapped_once  # type: ignore[method-assign]


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
