"""PostgreSQL's SCRAM-SHA-256 verifiers: created from a password, and compared with one.

A verifier is the value that PostgreSQL stores (RFC 5803; ``src/common/scram-common.c``): it lets the server check a
password and cannot be used to log in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stringprep
import unicodedata

MOST_ITERATIONS = 10_000_000
"""Maximum iterations of a password's hash, which take this machine seconds; PostgreSQL's default is 4,096 (15 and
18)."""

ITERATIONS = 4096
"""PostgreSQL's default (``scram_iterations``)."""


def verifier(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """The verifier of `password`: ``SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>``.

    Args:
        salt: 16 random bytes if ``None``.
    """
    salt = os.urandom(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", prepare(password).encode(), salt, iterations)
    stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    server_key = _hmac(salted, b"Server Key")
    return f"SCRAM-SHA-256${iterations}:{_b64(salt)}${_b64(stored_key)}:{_b64(server_key)}"


def matches(password: str, stored: str) -> bool:
    """Whether `stored` is a verifier of `password`."""
    try:
        scheme, cost, _ = stored.split("$", 2)
        iterations, salt = cost.split(":", 1)
        # So many iterations that this machine would be busy, or that hashlib cannot count them.
        if int(iterations) > MOST_ITERATIONS:
            return False
        wanted = verifier(password, base64.b64decode(salt, validate=True), int(iterations))
    except ValueError:
        return False
    return scheme == "SCRAM-SHA-256" and hmac.compare_digest(wanted.encode(), stored.encode())


def prepare(password: str) -> str:
    """Return the password as PostgreSQL hashes it: SASLprep (RFC 4013), or unchanged if that is not possible."""
    if password.isascii():
        return password
    # As pg_saslprep: map spaces first, then map characters to nothing, then check, then normalise, with today's
    # Unicode. Tested with PostgreSQL 18.
    spaced = (" " if stringprep.in_table_c12(char) else char for char in password)
    mapped = "".join(char for char in spaced if not stringprep.in_table_b1(char))
    if not mapped or any(_prohibited(char) for char in mapped) or not _good_direction(mapped):
        return password
    return unicodedata.normalize("NFKC", mapped)


def _prohibited(char: str) -> bool:
    tables = (
        stringprep.in_table_a1, stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3,
        stringprep.in_table_c4, stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7,
        stringprep.in_table_c8, stringprep.in_table_c9,
    )  # fmt: skip
    return any(table(char) for table in tables)


def _good_direction(text: str) -> bool:
    if not any(stringprep.in_table_d1(char) for char in text):
        return True
    return (
        not any(stringprep.in_table_d2(char) for char in text)
        and stringprep.in_table_d1(text[0])
        and stringprep.in_table_d1(text[-1])
    )


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()
