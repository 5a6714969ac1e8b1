"""What a PostgreSQL container holds of one service: its role, its database, its privileges."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyinfra.api import FactBase, QuoteString, StringCommand
from typing_extensions import override

from plain import LONGEST_QUOTE, plain, quote

FAILED = "##FAILED##"

READ_PASSWORD = "IFS= read -r PGPASSWORD; export PGPASSWORD;"  # noqa: S105 - what reads one
"""Goes in front of a command that :func:`psql` made for a password."""

# Everything in one session. The verifier itself stays in the server: what comes out is a digest of it under a nonce
# that the caller made up, enough to tell whether a password is the one, and of no use to anybody who reads along.
_SQL = r"""
SELECT json_build_object(
  'role', (
    SELECT json_build_object(
      'login', rolcanlogin,
      'expired', CASE WHEN rolvaliduntil <= now() THEN rolvaliduntil::date::text END,
      'connections', rolconnlimit,
      'scram', CASE WHEN rolpassword LIKE 'SCRAM-SHA-256$%' THEN json_build_object(
        'iterations', substring(rolpassword FROM '^SCRAM-SHA-256\$([0-9]{1,9}):')::int,
        'salt', split_part(split_part(rolpassword, '$', 2), ':', 2),
        'digest', encode(sha256(convert_to(:'nonce' || rolpassword, 'UTF8')), 'hex')
      ) END)
    FROM pg_authid WHERE rolname = :'role'),
  'database', (
    SELECT json_build_object(
      'owner', pg_get_userbyid(datdba),
      'open', datallowconn,
      'connections', datconnlimit,
      'privileges', (
        SELECT coalesce(json_agg(DISTINCT privilege_type), '[]')
        FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))
        WHERE grantee = (SELECT oid FROM pg_roles WHERE rolname = :'role')))
    FROM pg_database WHERE datname = :'database'));
SELECT EXISTS (
  SELECT FROM pg_database WHERE datname = :'database' AND datallowconn AND datconnlimit <> -2) AS there \gset
\if :there
\connect :"database"
SELECT json_build_object(
  'schema', (
    SELECT coalesce(json_agg(DISTINCT privilege_type), '[]')
    FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
    WHERE nspname = 'public' AND grantee = (SELECT oid FROM pg_roles WHERE rolname = :'role')),
  'others', (
    SELECT coalesce(json_agg(json_build_object(
      'name', pg_get_userbyid(relowner),
      'relations', relations,
      -- What REASSIGN OWNED BY would hand over as well, or is refused for: PostgreSQL's first superuser.
      'owns_more', relowner = 10 OR EXISTS (
        SELECT FROM pg_shdepend
        WHERE refclassid = 'pg_authid'::regclass AND refobjid = relowner AND deptype = 'o' AND dbid = 0
          AND NOT (classid = 'pg_database'::regclass
                   AND objid = (SELECT oid FROM pg_database WHERE datname = current_database())))
    ) ORDER BY relations DESC, relowner), '[]')
    FROM (
      SELECT relowner, count(*) AS relations
      FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
      WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
        AND NOT coalesce((SELECT pg_has_role(oid, relowner, 'USAGE') FROM pg_roles WHERE rolname = :'role'), false)
        -- What an extension made is as it wants it; a column's sequence follows its table.
        AND NOT EXISTS (
          SELECT FROM pg_depend
          WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
            AND (deptype = 'e' OR relkind = 'S' AND deptype IN ('a', 'i')))
      GROUP BY relowner) AS counted));
\endif
"""


def psql(container: str, superuser: str, with_password: bool = False, **variables: str) -> StringCommand:
    """The command that runs SQL from its standard input in `container` and stops at the first error.

    Args:
        with_password: the superuser's password is the first line of standard input. From there it goes into the
            environment of the processes that need it, and into no command line.
        variables: psql variables, for ``:'name'`` and ``:"name"`` in the SQL. On the command line, so no secrets.
    """
    # Terse, so that an error is one line, in whichever language; and the statement it is in is not repeated.
    options = "-X -q -w -A -t -v ON_ERROR_STOP=1 -v VERBOSITY=terse"
    bits: list[object] = ["docker exec -i", QuoteString(container), f"psql {options}"]
    if with_password:
        bits[0] = "docker exec -i -e PGPASSWORD"
    for name, value in variables.items():
        bits += ["-v", QuoteString(f"{name}={value}")]
    return StringCommand(*bits, "-U", QuoteString(superuser), "-d postgres")


MOST_ITERATIONS = 10_000_000
"""Of a password's hash, which take this machine seconds to repeat; PostgreSQL's default is 4,096 (15 and 18)."""


@dataclass(frozen=True)
class Scram:
    """What tells whether a password is the one that a role has, without saying anything else about it."""

    iterations: int
    salt: str
    digest: str


@dataclass(frozen=True)
class OtherOwner:
    """Somebody else to whom relations in a service's database belong.

    Args:
        owns_more: whether ``REASSIGN OWNED BY`` would go beyond this database, or be refused.
    """

    name: str
    relations: int
    owns_more: bool


NO_LIMIT = -1
INVALID = -2
"""As a database's limit of connections: a ``DROP DATABASE`` of it was interrupted, and nobody can connect."""


@dataclass(frozen=True)
class Service:
    """A service's share of a PostgreSQL server. `unavailable` says why nothing could be read.

    Args:
        role_expired: the day since which its password is not accepted any more.
        others: whose tables, views and sequences in the database are out of the role's hands.
    """

    unavailable: str | None = None
    role_exists: bool = False
    role_can_log_in: bool = False
    role_scram: Scram | None = None
    database_owner: str | None = None
    database_privileges: frozenset[str] = frozenset()
    schema_privileges: frozenset[str] = frozenset()
    role_expired: str | None = None
    role_connections: int = NO_LIMIT
    database_is_open: bool = True
    database_connections: int = NO_LIMIT
    others: tuple[OtherOwner, ...] = ()


class PostgresService(FactBase[Service]):
    """
    Returns the role, database and privileges of one service in a PostgreSQL container, as a ``Service``.

    + container: name of the container
    + database: name of the service's database
    + role: name of the service's role
    + superuser: the role to look as
    + nonce: mixed into the digest of the password verifier
    + with_password: whether the superuser's password is on standard input
    """

    @override
    def command(
        self,
        container: str,
        database: str,
        role: str,
        superuser: str = "postgres",
        nonce: str = "",
        with_password: bool = False,
    ) -> StringCommand:
        command = psql(container, superuser, with_password, database=database, role=role, nonce=nonce)
        password = READ_PASSWORD if with_password else ""
        # A container that is not there is an answer, not a failure of the host.
        return StringCommand(password, "{", command, f"<<'SQL'\n{_SQL}SQL\n}} 2>&1 || echo '{FAILED}'")

    @staticmethod
    @override
    def default() -> Service:
        return Service(unavailable="the host did not answer")

    @override
    def process(self, output: list[str]) -> Service:
        if output and output[-1] == FAILED:
            said = complaint(line for line in output[:-1] if not line.startswith("{"))
            return Service(unavailable="docker said nothing" if said is None else plain(said, LONGEST_QUOTE))
        found: dict[str, Any] = {}
        line = ""
        try:
            for line in output:
                if line.startswith("{"):  # whatever else there is, is a notice
                    found.update(json.loads(line))
            role, database = _object(found.get("role")), _object(found.get("database"))
            owner, expired = database.get("owner"), role.get("expired")
            if (database and not isinstance(owner, str)) or not isinstance(expired, str | None):
                raise ValueError("a database without an owner, or no day")
            return Service(
                role_exists=bool(role),
                role_can_log_in=bool(role.get("login")),
                role_scram=_scram(role.get("scram")),
                database_owner=owner,
                database_privileges=_names(database.get("privileges")),
                schema_privileges=_names(found.get("schema")),
                role_expired=expired,
                role_connections=_limit(role.get("connections")),
                database_is_open=database.get("open") is not False,
                database_connections=_limit(database.get("connections")),
                others=_others(found.get("others")),
            )
        except (ValueError, RecursionError):
            return Service(unavailable=f"the answer cannot be understood: {quote(line, 80)}")


_FAILED_WITH = re.compile(r"\b(ERROR|FATAL|PANIC):|^psql: error:|^Error response from daemon")
_ADDS = re.compile(r"\s|(DETAIL|HINT|CONTEXT|LINE \d+|Run|See)\b")


def complaint(lines: Iterable[str]) -> str | None:
    """The line that says what failed; PostgreSQL and docker may say more after it."""
    lines = [line for line in lines if line.strip()]
    lines = [line for line in lines if not _ADDS.match(line)] or lines
    return next((line for line in lines if _FAILED_WITH.search(line)), lines[-1] if lines else None)


def _object(value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise ValueError("wanted an object")
    return value or {}


def _names(value: Any) -> frozenset[str]:
    if value is not None and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        raise ValueError("wanted a list of names")
    return frozenset(value or ())


def _limit(value: Any) -> int:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError("wanted a number")
    return NO_LIMIT if value is None else value


def _others(value: Any) -> tuple[OtherOwner, ...]:
    if not isinstance(value, list | None):
        raise ValueError("wanted a list")
    found = []
    for one in map(_object, value or ()):
        name = one.get("name")
        if not isinstance(name, str):
            raise ValueError("wanted a name")
        found.append(OtherOwner(name, _limit(one.get("relations")), bool(one.get("owns_more"))))
    return tuple(found)


def _scram(value: Any) -> Scram | None:
    """A verifier that cannot be one, or is made to keep this machine busy, is none: the password is then set anew."""
    iterations, salt, digest = (_object(value).get(name) for name in ("iterations", "salt", "digest"))
    if not (isinstance(iterations, int) and isinstance(salt, str) and isinstance(digest, str)):
        return None
    try:
        base64.b64decode(salt, validate=True)
    except ValueError:
        return None
    return Scram(iterations, salt, digest) if 1 <= iterations <= MOST_ITERATIONS else None
