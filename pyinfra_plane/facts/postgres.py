"""What a PostgreSQL container holds of one service: its role, its database, its privileges."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from pyinfra.api import FactBase, QuoteString, StringCommand
from typing_extensions import override

from pyinfra_plane.engine.scram import MOST_ITERATIONS
from pyinfra_plane.text import printable, quote

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
      'encoding', pg_encoding_to_char(encoding),
      'open', datallowconn,
      'connections', datconnlimit,
      'privileges', (
        SELECT coalesce(json_agg(DISTINCT privilege_type), '[]')
        FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))
        WHERE grantee = (SELECT oid FROM pg_roles WHERE rolname = :'role')))
    FROM pg_database WHERE datname = :'database'));
-- PostgreSQL before 15 does not record which version of the collation a database was made with.
SELECT to_regproc('pg_database_collation_actual_version') IS NOT NULL AS versioned \gset
\if :versioned
SELECT json_build_object('collation_is_outdated', datcollversion <> pg_database_collation_actual_version(oid))
FROM pg_database WHERE datname = :'database';
\endif
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


def psql(
    container: str,
    superuser: str,
    with_password: bool = False,
    *,
    container_user: str | None = None,
    port: int | None = None,
    maintenance_db: str = "postgres",
    **variables: str,
) -> StringCommand:
    """The command that runs SQL from its standard input in `container` and stops at the first error.

    Args:
        with_password: the superuser's password is the first line of standard input. From there it goes into the
            environment of the processes that need it, and into no command line.
        container_user: whom psql runs as in the container; the container's own default when ``None``.
        port: psql's own default when ``None``.
        maintenance_db: the database to connect to.
        variables: psql variables, for ``:'name'`` and ``:"name"`` in the SQL. On the command line, so no secrets.
    """
    # Terse, so that an error is one line, in whichever language; and the statement it is in is not repeated.
    options = "-X -q -w -A -t -v ON_ERROR_STOP=1 -v VERBOSITY=terse"
    bits = [*_exec(container, container_user, "-e PGPASSWORD" if with_password else ""), f"psql {options}"]
    for name, value in variables.items():
        bits += ["-v", QuoteString(f"{name}={value}")]
    if port is not None:
        bits += ["-p", str(port)]
    return StringCommand(*bits, "-U", QuoteString(superuser), "-d", QuoteString(maintenance_db))


def _exec(container: str, user: str | None, options: str = "") -> list[object]:
    as_user = ["-u", QuoteString(user)] if user is not None else []
    return ["docker exec -i", *([options] if options else []), *as_user, QuoteString(container)]


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


UTF8 = "UTF8"
"""PostgreSQL's name of the encoding."""

NO_LIMIT = -1
INVALID = -2
"""As a database's limit of connections: a ``DROP DATABASE`` of it was interrupted, and nobody can connect."""


@dataclass(frozen=True)
class Service:
    """A service's share of a PostgreSQL server. `unavailable` says why nothing could be read.

    Args:
        role_expired: the day since which its password is not accepted any more.
        others: whose tables, views and sequences in the database are out of the role's hands.
        database_encoding: PostgreSQL's name of it.
        database_collation_is_outdated: whether the system sorts text by other rules than when the database was made.
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
    database_encoding: str = UTF8
    database_collation_is_outdated: bool = False


class PostgresService(FactBase[Service]):
    """
    Returns the role, database and privileges of one service in a PostgreSQL container, as a ``Service``.

    + container: name of the container
    + database: name of the service's database
    + role: name of the service's role
    + superuser: the role to look as
    + nonce: mixed into the digest of the password verifier
    + with_password: whether the superuser's password is on standard input
    + container_user: whom psql runs as in the container
    + port: the server's port in the container
    + maintenance_db: the database to connect to first
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
        container_user: str | None = None,
        port: int | None = None,
        maintenance_db: str = "postgres",
    ) -> StringCommand:
        command = psql(
            container, superuser, with_password, container_user=container_user, port=port,
            maintenance_db=maintenance_db, database=database, role=role, nonce=nonce,
        )  # fmt: skip
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
            return Service(unavailable="docker said nothing" if said is None else printable(said, LONGEST_COMPLAINT))
        found: dict[str, Any] = {}
        line = ""
        try:
            for line in output:
                if line.startswith("{"):  # whatever else there is, is a notice
                    found.update(json.loads(line))
            role, database = _object(found.get("role")), _object(found.get("database"))
            owner, expired = database.get("owner"), role.get("expired")
            encoding = database.get("encoding", UTF8)
            if (database and not isinstance(owner, str)) or not isinstance(expired, str | None):
                raise ValueError("a database without an owner, or no day")
            if not isinstance(encoding, str):
                raise ValueError("wanted a name")
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
                database_encoding=encoding,
                database_collation_is_outdated=found.get("collation_is_outdated") is True,
            )
        except (ValueError, RecursionError):
            return Service(unavailable=f"the answer cannot be understood: {quote(line, 80)}")


SOCKETS = "/var/run/postgresql"
"""The folder of the sockets, where PostgreSQL's image and Debian have it."""


@dataclass(frozen=True)
class Listening:
    """What listens in a PostgreSQL container: the `ports` that have a socket.

    `is_settled` is whether the container's first process is PostgreSQL. While it is still the image's script, which
    sets up a new data directory, another server may listen for a while.
    """

    ports: tuple[int, ...] = ()
    is_settled: bool = False


class PostgresPorts(FactBase[Listening]):
    """
    Returns the ports that a PostgreSQL container has sockets for, as ``Listening``.

    + container: name of the container
    + directory: the folder of the sockets in the container
    + container_user: whom to look as in the container
    """

    @override
    def command(self, container: str, directory: str = SOCKETS, container_user: str | None = None) -> StringCommand:
        look = 'cat /proc/1/comm; ls -A -- "$1"'
        words = [*_exec(container, container_user), "sh -c", QuoteString(look), "sh", QuoteString(directory)]
        return StringCommand(*words, "2>/dev/null </dev/null || true")

    @staticmethod
    @override
    def default() -> Listening:
        return Listening()

    @override
    def process(self, output: list[str]) -> Listening:
        sockets = (re.fullmatch(r"\.s\.PGSQL\.([0-9]{1,5})", line) for line in output[1:])
        ports = sorted({int(socket[1]) for socket in sockets if socket is not None})
        return Listening(tuple(ports), output[:1] in (["postgres"], ["postmaster"]))


LONGEST_COMPLAINT = 500
"""Characters of a complaint that are shown; a hint of PostgreSQL's has some 200."""

_FAILED_WITH = re.compile(r"\b(ERROR|FATAL|PANIC):|^psql: error:|^Error response from daemon")
_ADDS = re.compile(r"\s|(DETAIL|HINT|CONTEXT|LINE \d+|Run|See)\b")


def complaint(lines: Iterable[str]) -> str | None:
    """The line that says what failed, and the hint that PostgreSQL gives with it."""
    lines = [line for line in lines if line.strip()]
    telling = [number for number, line in enumerate(lines) if not _ADDS.match(line)] or list(range(len(lines)))
    failed = [number for number in telling if _FAILED_WITH.search(lines[number])] or telling[-1:]
    if not failed:
        return None
    line, rest = lines[failed[0]], takewhile(_ADDS.match, lines[failed[0] + 1 :])
    hint = next((one for one in rest if one.startswith("HINT:")), None)
    return line if hint is None else f"{line}; {hint}"


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
