"""The passwords that pyinfra itself uses on a host: of SSH, sudo and su. `config.py` asks for what is here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyinfra.api.arguments import all_argument_meta
from pyinfra.api.hiddenvalue import HiddenValue
from pyinfra.api.host import Host
from pyinfra.connectors import util

from settings.secrets import Wrapped
from settings.values import MISSING, Values


def accept_wrapped() -> None:
    """Let the data of a host's connector be wrapped, and the passwords of sudo and su stay so.

    pyinfra 3.10 takes text there and nothing else.
    """
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


def hand_over_passwords() -> None:
    """Have commands behind `su` read their input, and notice at once that no program can give sudo its password.

    pyinfra 3.10 pipes the password into `su`, and nothing after it: SQL or a file would arrive empty. For `sudo` it
    makes a program that prints the password; where that cannot run, `sudo` would seem to have been given none.
    """
    give = """printf '%s\\n' "${1}"\n"""
    made = 'chmod 755 "$temp"\n'
    util.ASKPASS_COMMAND = util.ASKPASS_COMMAND.replace(
        give, f"{give}[ {{1}} = {util.SUDO_ASKPASS_ENV_VAR} ] || exec cat\n"
    ).replace(made, made + '"$temp" </dev/null >/dev/null || {{ rm -f "$temp"; exit 1; }}\n')


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
