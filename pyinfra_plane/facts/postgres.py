"""A fact about one service in a PostgreSQL container: its role, its database, its privileges."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import field, is_dataclass
from itertools import takewhile
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from pyinfra.api import FactBase, QuoteString, StringCommand
from typing_extensions import override

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine import scram
from pyinfra_plane.facts.docker import AnswerFact
from pyinfra_plane.text import printable

T = TypeVar("T")

NONCE = secrets.token_hex(16)
"""The nonce of this run for the digests of verifiers."""

UTF8 = "UTF8"
"""PostgreSQL's name of the encoding."""

NO_LIMIT = -1
INVALID = -2
"""A database's connection limit after a ``DROP DATABASE`` was interrupted: nobody can connect to it."""


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server in a container, and psql's options to reach it.

    Args:
        superuser: the role to connect as.
        password: the superuser's, if the server asks for one.
        container_user: the user that psql runs as in the container; the container's default if ``None``.
        port: psql's default if ``None``.
        maintenance_db: the database to connect to first.
    """

    container: str
    superuser: str = "postgres"
    password: str | None = field(default=None, repr=False)
    container_user: str | None = None
    port: int | None = None
    maintenance_db: str = "postgres"

    def psql(self, **variables: str) -> StringCommand:
        """Return the command that runs SQL from :meth:`stdin` and stops at the first error.

        Args:
            variables: psql variables, for ``:'name'`` and ``:"name"`` in the SQL. They are on the command line, so no
                secrets.
        """
        # The password is only in the environment of the processes that need it, never on a command line.
        bits: list[object] = ["IFS= read -r PGPASSWORD; export PGPASSWORD;"] if self.password is not None else []
        bits += self.exec("-e PGPASSWORD" if self.password is not None else "")
        # Terse, so that an error is one line in every language, without the statement that caused it.
        bits.append("psql -X -q -w -A -t -v ON_ERROR_STOP=1 -v VERBOSITY=terse")
        for name, value in variables.items():
            bits += ["-v", QuoteString(f"{name}={value}")]
        bits += [] if self.port is None else ["-p", str(self.port)]
        return StringCommand(*bits, "-U", QuoteString(self.superuser), "-d", QuoteString(self.maintenance_db))

    def exec(self, options: str = "") -> list[object]:
        """The words that run a command in the container."""
        user = [] if self.container_user is None else ["-u", QuoteString(self.container_user)]
        return ["docker exec -i", *filter(None, [options]), *user, QuoteString(self.container)]

    def stdin(self, sql: str | None = None) -> str | None:
        """Return the standard input of :meth:`psql`: the password, if there is one, and the SQL."""
        return sql if self.password is None else f"{self.password}\n{sql or ''}"


class SqlFact(AnswerFact[T]):
    """A fact whose SQL prints JSON objects with the names of a dataclass's fields; other lines are notices."""

    sql: str

    @override
    def command(self, server: Server, **variables: str) -> StringCommand:
        # An empty result is an answer as well.
        return self.answering(server.psql(**variables), f"<<'SQL'\n\\echo {{}}\n{self.sql}SQL\n")

    @override
    def understand(self, objects: list[dict[str, Any]], output: list[str]) -> T:
        answer: T = checked_as(self.kind, {name: value for one in objects for name, value in one.items()})
        return answer

    @staticmethod
    @override
    def reason(lines: list[str]) -> str:
        said = complaint(lines)
        return "docker printed nothing" if said is None else printable(said, LONGEST_COMPLAINT)


def checked_as(kind: Any, value: Any) -> Any:
    """Convert a value of JSON to a type: a dataclass, ``X | None``, ``frozenset[X]``, ``tuple[X, ...]`` or a plain one.

    Raises:
        ValueError, TypeError: the value does not have this type.
    """
    inner = get_args(kind)
    if is_dataclass(kind) and isinstance(value, dict):
        types, make = get_type_hints(kind), cast(Any, kind)
        return make(**{name: checked_as(types[name], one) for name, one in value.items() if name in types})
    if get_origin(kind) is UnionType:
        return None if value is None else checked_as(inner[0], value)
    if inner and isinstance(value, list):
        return get_origin(kind)(checked_as(inner[0], one) for one in value)
    if type(value) is not kind:
        raise ValueError(f"not {kind}")
    return value


@dataclass(frozen=True)
class Scram:
    """A digest of a role's verifier, which shows whether a password is the role's, and nothing else."""

    iterations: int | None
    salt: str
    digest: str

    def is_of(self, password: str) -> bool:
        """Whether the role has this password. Not if this is no verifier, or one that would keep this machine busy."""
        try:
            salt = base64.b64decode(self.salt, validate=True)
        except ValueError:
            return False
        if self.iterations is None or not 1 <= self.iterations <= scram.MOST_ITERATIONS:
            return False
        verifier = scram.verifier(password, salt, self.iterations)
        return hashlib.sha256((NONCE + verifier).encode()).hexdigest() == self.digest


@dataclass(frozen=True)
class OtherOwner:
    """Another role that owns relations in a service's database.

    Args:
        owns_more: whether ``REASSIGN OWNED BY`` would affect more than this database, or be refused.
    """

    name: str
    relations: int
    owns_more: bool


@dataclass(frozen=True)
class Service:
    """A service's part of a PostgreSQL server. `unavailable` says why nothing could be read.

    Args:
        role_expired: the day on which its password expired.
        others: owners of tables, views and sequences in the database that the role cannot change.
        database_encoding: PostgreSQL's name of it.
        database_collation_is_outdated: whether the system's sort order has changed since the database was created.
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


class PostgresService(SqlFact[Service]):
    """
    Returns the role, database and privileges of one service in a PostgreSQL container, as a ``Service``.

    + server: the ``Server`` to read from; its ``stdin()`` is sent on standard input
    + database: name of the service's database
    + role: name of the service's role
    """

    kind = Service
    # Everything in one session. The verifier itself never leaves the server: it sends a digest of it under a nonce of
    # this run, which is enough to check a password, and of no use to an eavesdropper.
    sql = r"""
SELECT json_build_object(
  'role_exists', true,
  'role_can_log_in', rolcanlogin,
  'role_expired', CASE WHEN rolvaliduntil <= now() THEN rolvaliduntil::date::text END,
  'role_connections', rolconnlimit,
  'role_scram', CASE WHEN rolpassword LIKE 'SCRAM-SHA-256$%' THEN json_build_object(
    'iterations', substring(rolpassword FROM '^SCRAM-SHA-256\$([0-9]{1,9}):')::int,
    'salt', split_part(split_part(rolpassword, '$', 2), ':', 2),
    'digest', encode(sha256(convert_to('THE_NONCE' || rolpassword, 'UTF8')), 'hex')
  ) END)
FROM pg_authid WHERE rolname = :'role';
SELECT json_build_object(
  'database_owner', pg_get_userbyid(datdba),
  'database_encoding', pg_encoding_to_char(encoding),
  'database_is_open', datallowconn,
  'database_connections', datconnlimit,
  'database_privileges', (
    SELECT coalesce(json_agg(DISTINCT privilege_type), '[]')
    FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))
    WHERE grantee = (SELECT oid FROM pg_roles WHERE rolname = :'role')))
FROM pg_database WHERE datname = :'database';
-- PostgreSQL before 15 does not record which version of the collation a database was made with.
SELECT to_regproc('pg_database_collation_actual_version') IS NOT NULL AS versioned \gset
\if :versioned
SELECT json_build_object('database_collation_is_outdated',
  coalesce(datcollversion <> pg_database_collation_actual_version(oid), false))
FROM pg_database WHERE datname = :'database';
\endif
SELECT EXISTS (
  SELECT FROM pg_database WHERE datname = :'database' AND datallowconn AND datconnlimit <> -2) AS there \gset
\if :there
\connect :"database"
SELECT json_build_object(
  'schema_privileges', (
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
""".replace("THE_NONCE", NONCE)


SOCKETS = "/var/run/postgresql"
"""The folder of the sockets in PostgreSQL's image and in Debian."""


@dataclass(frozen=True)
class Listening:
    """The `ports` of a PostgreSQL container that have a socket.

    `is_settled` is whether the container's first process is PostgreSQL. Before that it is the image's script, which
    sets up a new data directory, and another server may listen for a while.
    """

    ports: tuple[int, ...] = ()
    is_settled: bool = False


class PostgresPorts(FactBase[Listening]):
    """
    Returns the ports that a PostgreSQL container has sockets for, as ``Listening``.

    + server: the ``Server`` to check
    + directory: the folder of the sockets in the container
    """

    @override
    def command(self, server: Server, directory: str = SOCKETS) -> StringCommand:
        look = 'cat /proc/1/comm; ls -A -- "$1"'
        words = [*server.exec(), "sh -c", QuoteString(look), "sh", QuoteString(directory)]
        return StringCommand(*words, "2>/dev/null </dev/null || true")

    default = staticmethod(Listening)

    @override
    def process(self, output: list[str]) -> Listening:
        sockets = (re.fullmatch(r"\.s\.PGSQL\.([0-9]{1,5})", line) for line in output[1:])
        ports = sorted({int(socket[1]) for socket in sockets if socket is not None})
        return Listening(tuple(ports), output[:1] in (["postgres"], ["postmaster"]))


LONGEST_COMPLAINT = 500
"""Maximum characters of a complaint that are shown; a hint of PostgreSQL's has about 200."""

_FAILED_WITH = re.compile(r"\b(ERROR|FATAL|PANIC):|^psql: error:|^Error response from daemon")
_ADDS = re.compile(r"\s|(DETAIL|HINT|CONTEXT|LINE \d+|Run|See)\b")


def complaint(lines: Iterable[str]) -> str | None:
    """The line that says what failed, and PostgreSQL's hint."""
    lines = [line for line in lines if line.strip()]
    telling = [number for number, line in enumerate(lines) if not _ADDS.match(line)] or list(range(len(lines)))
    failed = [number for number in telling if _FAILED_WITH.search(lines[number])] or telling[-1:]
    if not failed:
        return None
    line, rest = lines[failed[0]], takewhile(_ADDS.match, lines[failed[0] + 1 :])
    hint = next((one for one in rest if one.startswith("HINT:")), None)
    return line if hint is None else f"{line}; {hint}"
