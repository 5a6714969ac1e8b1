"""Passwords: their strength and their hashes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from functools import lru_cache

from zxcvbn import zxcvbn

ENOUGH = 3
#: zxcvbn refuses to score longer passwords.
SCORED_LENGTH = 72


async def is_too_weak(password: str) -> bool:
    return await asyncio.to_thread(_score, password[:SCORED_LENGTH]) < ENOUGH


@lru_cache
def _score(password: str) -> int:
    """zxcvbn's score, which takes it up to a tenth of a second; tests use the same passwords again and again."""
    return int(zxcvbn(password)["score"])


async def hash_password(password: str, iterations: int) -> str:
    return await asyncio.to_thread(_encode, password, secrets.token_hex(11), iterations)


async def matches(password: str, encoded: str) -> bool:
    """Whether the password matches the hash; costs as much as hashing it."""
    if encoded.count("$") != 3:
        return False
    _, iterations, salt, _ = encoded.split("$")
    again = await asyncio.to_thread(_encode, password, salt, int(iterations))
    return hmac.compare_digest(again, encoded)


def _encode(password: str, salt: str, iterations: int) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations)
    return f"pbkdf2_sha256${iterations}${salt}${base64.b64encode(digest).decode()}"
