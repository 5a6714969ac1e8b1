"""Secrets and passwords: their checks, and the derivation of an agent's password. None of them is ever shown."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.settings.checks import also, being, text
from pyinfra_plane.settings.values import Check, Given, is_like_a_name
from pyinfra_plane.text import as_text

LEAST_SCORE = 3
"""Minimum score of a password in Plane, out of 4, by zxcvbn (every tried release)."""

LONG, VARIED = 24, 10


def _hidden(
    wanted: str, as_text: Callable[[Any], str | None], variable: Callable[[Given], str | None]
) -> Check[HiddenValue | None]:
    """Check a value that is never shown.

    `as_text` returns ``None`` for a bad one, and ``None`` is looked up in `variable`.
    """

    def check(given: Given) -> HiddenValue | None:
        value = given.found(variable(given))
        if value is None:
            return None
        text = as_text(value)
        return HiddenValue(given.must_be(wanted, shown=False) if text is None else text)

    return check


def _line(value: object) -> str | None:
    # parse_cli_arg turns --data x=123 into a number.
    text = as_text(value)
    return None if text is None or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text) else text


def _instance_setting(value: object) -> str | None:
    line = _line(int(value) if isinstance(value, bool) else value)
    return line and line.strip()  # Plane 1.3.1 stores it without surrounding blanks


def _secret(variable: Callable[[Given], str | None]) -> Check[HiddenValue | None]:
    return _hidden("one line of text, not empty", lambda value: _line(value) or None, variable)


def _strong(
    check: Check[HiddenValue | None], reason: str = "Plane refuses weak passwords"
) -> Check[HiddenValue | None]:
    what = f"be stronger, since {reason}: at least score 3 of 4 by zxcvbn (make secrets creates strong ones)"
    return also(check, what, lambda value: value is None or not is_weak(value.unmask()), shown=False)


secret = _secret(Given.own_variable)
password = _strong(secret)
password_of_entry = _strong(_secret(lambda given: None))
seed = _strong(secret, "all agents' passwords are derived from it")


def _dict_of(what: str, names: Check[str], value: Check[HiddenValue | None]) -> Check[dict[str, HiddenValue]]:
    """Accept a dict of variables, in which ``None`` is looked up under the variable's name."""
    a_dict = being(f"a dict of {what}", lambda value: isinstance(value, Mapping))

    def check(given: Given) -> dict[str, HiddenValue]:
        found = {}
        for key in a_dict(given):
            name = replace(given.at(": a name", key), holds_secrets=not is_like_a_name(key))
            if name.checked(names) is not None:
                found[key] = given.key(key, {}).checked(value)
        return found

    return check


env_extra = _dict_of(
    "variables",
    text(r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and underscores"),
    _hidden("text, a number, or None", as_text, lambda given: given.name),
)
instance_config = _dict_of(
    "Plane's instance settings",
    text(r"[A-Z][A-Z0-9_]*", "capital letters, digits and underscores"),
    _hidden("one line of text, a number, True or False", _instance_setting, lambda given: given.name),
)


def is_weak(password: str) -> bool:
    """Whether Plane would refuse the password as too weak.

    A password that looks random counts as strong without zxcvbn, whose word lists take longer to load than all
    settings; Plane itself decides.
    """
    kinds = [(char.islower(), char.isupper(), char.isdigit()) for char in password]
    changes = sum(left != right for left, right in pairwise(kinds))
    if len(password) >= LONG and len(set(password)) >= VARIED and len(set(kinds)) >= 3 and changes >= len(password) / 3:
        return False
    from zxcvbn import zxcvbn

    # zxcvbn refuses longer ones, and this many characters are enough.
    return int(zxcvbn(password[:72])["score"]) < LEAST_SCORE


def derive_password(seed: HiddenValue, email: str, plane: str = "") -> HiddenValue:
    """Derive the password of an agent's account: HMAC-SHA-256 of the Plane and the address under the seed, in base64.

    The same seed, Plane and address give the same password on every run, so it does not have to be stored.

    Args:
        seed: the secret.
        email: the account's address, in any case.
        plane: the name of the Plane (``plane_seed_host``). Empty: as before 0.1.0, the same password in every Plane.
    """
    text = f"{plane.lower()}\n{email.lower()}" if plane else email.lower()
    digest = hmac.new(seed.unmask().encode(), text.encode(), hashlib.sha256).digest()
    return HiddenValue(base64.urlsafe_b64encode(digest).decode().rstrip("="))
