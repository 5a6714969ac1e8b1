"""Whether Plane would take a password."""

from __future__ import annotations

from itertools import pairwise

LEAST_SCORE = 3
"""Of 4, by zxcvbn: what Plane asks of a password (every tried release)."""

LONG, VARIED = 24, 10


def is_weak(password: str) -> bool:
    """Whether Plane would refuse the password as too weak.

    One that looks drawn at random is taken as strong without zxcvbn, whose word lists take longer to load than all
    settings to read; Plane itself has the last word.
    """
    kinds = [_kind(char) for char in password]
    changes = sum(left != right for left, right in pairwise(kinds))
    if len(password) >= LONG and len(set(password)) >= VARIED and len(set(kinds)) >= 3 and changes >= len(password) / 3:
        return False
    from zxcvbn import zxcvbn

    # It refuses longer ones, and no more is needed to tell.
    return int(zxcvbn(password[:72])["score"]) < LEAST_SCORE


def _kind(char: str) -> str:
    return "lower" if char.islower() else "upper" if char.isupper() else "digit" if char.isdigit() else "sign"
