"""A service's role, database and privileges in a PostgreSQL container that many services share.

Other roles and databases are never changed. SQL is sent on standard input. The server receives a SCRAM verifier, never
the password, and logging is turned off for the statement that carries the verifier.
"""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Iterator
from typing import Any

from pyinfra.api import HiddenValue

from pyinfra_plane.engine import scram
from pyinfra_plane.engine.commands import TargetError, run
from pyinfra_plane.engine.converge import Change, Note, Plan, Unchanged, converging_with, current_host
from pyinfra_plane.engine.docker_errors import Failure, explain_docker
from pyinfra_plane.engine.files import change_access, differing_access, file_reading, read_file, write_file
from pyinfra_plane.engine.interrupt import pause
from pyinfra_plane.engine.readings import Reading, fact_reading, forget_readings, read_fact
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.facts.postgres import (
    INVALID,
    LONGEST_COMPLAINT,
    NO_LIMIT,
    SOCKETS,
    UTF8,
    Listening,
    OtherOwner,
    PostgresPorts,
    PostgresService,
    Server,
    Service,
    complaint,
)
from pyinfra_plane.text import quote

DATABASE_PRIVILEGES = frozenset({"CREATE", "CONNECT", "TEMPORARY"})
SCHEMA_PRIVILEGES = frozenset({"CREATE", "USAGE"})

INIT_SCRIPT = "50-{role}.sql"
"""The init script's name, one for each role. The number puts it after the customary ``init.sql``."""

INIT_SCRIPT_MODE = "644"

_ARRIVED = "##ARRIVED##"

# Settings that would record a statement: PostgreSQL's log, the text of a crashed session (track_activities), and the
# statistics of pg_stat_statements. No version has all of these settings. The statement prints nothing.
_QUIETLY = r"""SELECT count(set_config(name, value, false)) AS quiet
  FROM (VALUES
    ('log_statement', 'none'),
    ('log_min_duration_statement', '-1'),
    ('log_min_duration_sample', '-1'),
    ('log_transaction_sample_rate', '0'),
    ('log_min_error_statement', 'panic'),
    ('debug_print_raw_parse', 'off'),
    ('debug_print_parse', 'off'),
    ('debug_print_rewritten', 'off'),
    ('track_activities', 'off'),
    ('pg_stat_statements.track', 'none')
  ) AS wanted(name, value)
  WHERE name IN (SELECT name FROM pg_settings) \gset
"""

# A new database takes its encoding and locale from its template. template0 allows another encoding, and never refuses
# because of an outdated collation. Its locale fits UTF8 if its own encoding is UTF8; locale C fits any encoding.
_CREATE_DATABASE = r"""SELECT format(
    $$CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING 'UTF8'%s$$, :'database', :'role',
    CASE (SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'template0')
      WHEN 'UTF8' THEN '' ELSE $$ LC_COLLATE 'C' LC_CTYPE 'C'$$ END)"""


@converging_with(lambda **asked: [_reading(current_host(), **asked)])
def service_database(
    database: str,
    role: str,
    password: HiddenValue | str,
    container: str = "postgres",
    superuser: str = "postgres",
    superuser_password: HiddenValue | None = None,
    wait: int = 30,
    container_user: str | None = None,
    port: int | None = None,
    maintenance_db: str = "postgres",
) -> Plan:
    """
    Give a service a login role, a database that the role owns, and all privileges on it and on schema public.

    + database: name of the database
    + role: name of the role
    + password: the role's password; the server receives a SCRAM verifier of it, never the password
    + container: name of the running container
    + superuser: the role that makes the changes
    + superuser_password: the superuser's password, if the server asks for one on its local socket
    + wait: seconds to wait for a container that does not accept connections yet
    + container_user: the user that psql runs as in the container; the container's default if ``None``
    + port: the server's port in the container; psql's default if ``None``
    + maintenance_db: the database that the superuser connects to first

    A new database has the encoding UTF8. An existing database with another encoding stays unchanged, with a warning. If
    another role owns the database, the owner is changed to this role; its tables keep their owner, and a warning says
    how to reassign them. The role's password is compared through its verifier, so an unchanged password causes no
    change. A role that expired, a connection limit of 0 and a database that accepts no connections are corrected; any
    other limit stays.

    **Example:**

    .. code:: python

        postgres.service_database(database="plane_production", role="plane", password=HiddenValue("…"))
    """
    reached = {"container_user": container_user, "port": port, "maintenance_db": maintenance_db}
    server = _server(superuser_password, container, superuser=superuser, **reached)
    return _service_database(server, database, role, _plain(password), wait)


def _service_database(server: Server, database: str, role: str, password: str, wait: int) -> Plan:
    host = current_host()
    found = _look(host, server, database, role, wait if is_executing() else 0)
    if found.database_connections == INVALID:
        raise TargetError(
            f"database {database} in {server.container} is unusable, because a DROP DATABASE of it was interrupted; "
            f"run in psql as {server.superuser}: DROP DATABASE {_identifier(database)}"
        )
    yield from _warnings(found, database, role)
    has_password = found.role_scram is not None and found.role_scram.is_of(password)
    differing = differences(found, database, role, has_password)
    if not differing:
        yield Unchanged(f"role {role}, database {database}, privileges")
        return

    def apply() -> None:
        statements = "".join(f"{statement}\n" for _, statement in differing)
        # psql also exits with 0 if its input was interrupted or never arrived.
        sql = f"{_QUIETLY}\\set verifier '{scram.verifier(password)}'\n{statements}\\echo {_ARRIVED}\n"
        output = run(host, server.psql(database=database, role=role), stdin=server.stdin(sql))
        if not output.ok or output.stdout[-1:] != [_ARRIVED]:
            silent = "its input did not arrive whole" if output.ok else "it printed nothing"
            reason = quote(complaint(output.stderr or output.stdout) or silent, LONGEST_COMPLAINT)
            without_secret = re.sub(r"SCRAM-SHA-256\$\S*", "SCRAM-SHA-256$…", reason)
            raise TargetError(f"PostgreSQL in {server.container} refused: {without_secret}")

    yield Change(tuple(line for line, _ in differing), apply)


def _warnings(found: Service, database: str, role: str) -> Iterator[Note]:
    """Warn about properties of a database that this operation does not change."""
    if found.database_encoding != UTF8:
        yield Note(
            f"! database {database} has the encoding {found.database_encoding}, but Plane needs UTF8; see "
            '"A database in another encoding" in docs/taking-over.md'
        )
    if found.database_collation_is_outdated:
        yield Note(
            f"! database {database} was created with another version of its collation, so its indexes may be wrong; "
            "run "
            f"in that database: REINDEX DATABASE {_identifier(database)}; ALTER DATABASE {_identifier(database)} "
            "REFRESH COLLATION VERSION"
        )
    yield from (Note(_foreign(owner, database, role)) for owner in found.others)


def differences(found: Service, database: str, role: str, has_password: bool) -> list[tuple[str, str]]:
    """The differences, each as a line and the SQL that fixes it, in the order to run them.

    The password is set before any ``\\connect``, because ``\\connect`` begins a session that logs its statements again.
    A connection limit above 0 is a person's choice and stays.

    Args:
        has_password: whether the role already has the given password.
    """
    return [*_role_differences(found, role, has_password), *_database_differences(found, database, role)]


def _role_differences(found: Service, role: str, has_password: bool) -> Iterator[tuple[str, str]]:
    if not found.role_exists:
        yield f"+ role {role}", "CREATE ROLE :\"role\" LOGIN PASSWORD :'verifier';"
        return
    if not found.role_can_log_in:
        yield f"~ role {role}: may log in", 'ALTER ROLE :"role" LOGIN;'
    if found.role_expired is not None:
        yield (
            f"~ role {role}: valid until {found.role_expired} → always",
            "ALTER ROLE :\"role\" VALID UNTIL 'infinity';",
        )
    if found.role_connections == 0:
        yield f"~ role {role}: connection limit 0 → none", f'ALTER ROLE :"role" CONNECTION LIMIT {NO_LIMIT};'
    if not has_password:
        yield f"~ role {role}: password", "ALTER ROLE :\"role\" PASSWORD :'verifier';"


def _database_differences(found: Service, database: str, role: str) -> Iterator[tuple[str, str]]:
    if found.database_owner is None:
        # With PostgreSQL's hint. No later statement contains the verifier, which an error would repeat.
        yield f"+ database {database}, owner {role}", f"\\set VERBOSITY default\n{_CREATE_DATABASE} \\gexec"
    elif found.database_owner != role:
        what = f"~ database {database}: owner {found.database_owner} → {role}"
        yield what, 'ALTER DATABASE :"database" OWNER TO :"role";'
    if not found.database_is_open:
        yield f"~ database {database}: accepts connections", 'ALTER DATABASE :"database" ALLOW_CONNECTIONS true;'
    if found.database_connections == 0:
        what = f"~ database {database}: connection limit 0 → none"
        yield what, f'ALTER DATABASE :"database" CONNECTION LIMIT {NO_LIMIT};'
    # The owner of a new database has every privilege on it.
    if found.database_owner is not None and not found.database_privileges >= DATABASE_PRIVILEGES:
        what = f"+ privileges on database {database} for {role}"
        yield what, 'GRANT ALL PRIVILEGES ON DATABASE :"database" TO :"role";'
    if not found.schema_privileges >= SCHEMA_PRIVILEGES:
        what = f"+ privileges on schema public of {database} for {role}"
        yield what, '\\connect :"database"\nGRANT ALL ON SCHEMA public TO :"role";'


def _foreign(owner: OtherOwner, database: str, role: str) -> str:
    """Warn about tables that the role has no privileges on, and say how to fix that."""
    old, new = _identifier(owner.name), _identifier(role)
    by_hand = f"run in that database: REASSIGN OWNED BY {old} TO {new}"
    mended = 'see "Tables of a former owner" in docs/taking-over.md' if owner.owns_more else by_hand
    several = f"{owner.relations} tables, views or sequences are"
    relations = "1 table, view or sequence is" if owner.relations == 1 else several
    return f"! database {database}: {relations} owned by {owner.name}; {role} may have no access; {mended}"


def _plain(password: HiddenValue | str) -> str:
    return str(password.unmask()) if isinstance(password, HiddenValue) else password


def _server(superuser_password: HiddenValue | None = None, container: str = "postgres", **reached: Any) -> Server:
    return Server(container, password=_plain(superuser_password) if superuser_password else None, **reached)


def _reading(host: Any, database: str, role: str, password: object = None, wait: int = 0, **server: Any) -> Reading:
    return fact_reading(PostgresService, **_asked(_server(**server), database, role))


def _asked(server: Server, database: str, role: str) -> dict[str, Any]:
    """The arguments of the fact that reads a service's role and database."""
    return {"stdin": server.stdin(), "server": server, "database": database, "role": role}


def _look(host: Any, server: Server, database: str, role: str, wait: int) -> Service:
    deadline = time.monotonic() + wait
    while True:
        found: Service = read_fact(host, PostgresService, **_asked(server, database, role))
        if found.unavailable is None:
            return found
        is_over = time.monotonic() >= deadline
        failure = _explain(host, server, found.unavailable, wait if is_over else 0)
        if is_over or not failure.may_pass:
            raise TargetError(failure.line)
        pause(min(1.0, max(0.0, deadline - time.monotonic())))
        # Otherwise what was read ahead would be the answer again.
        forget_readings(host)


def _explain(host: Any, server: Server, reason: str, waited: int) -> Failure:
    """Explain why PostgreSQL did not answer, and whether waiting may help."""
    container, superuser, words = server.container, server.superuser, reason.lower()
    after = f" (waited {waited} s)" if waited else ""
    if (refused := _refused(server, reason)) is not None:
        return refused
    if re.search("failed: no such file|connection refused|could not connect to server: no such file", words):
        return _explain_silence(host, server, reason, after)
    if (failure := explain_docker(reason, container, "postgres_container", waited)) is not None:
        return failure
    if "starting up" in words or "connection to server" in words or "could not connect" in words:
        line = f"PostgreSQL in {container} does not accept connections as {superuser}{after}: {reason}"
    else:
        line = f"cannot query PostgreSQL in {container} as {superuser}{after}: {reason}"
    return Failure(line, may_pass=True)


def _refused(server: Server, reason: str) -> Failure | None:
    """Explain a refusal by PostgreSQL or docker that waiting does not change, and the setting that fixes it."""
    container, superuser, database = server.container, server.superuser, server.maintenance_db
    if server.container_user is not None and re.search("unable to find (user|group)", reason.lower()):
        return Failure(
            f"the container {container} has no user {server.container_user} ({reason}); set postgres_container_user to "
            "one that it has"
        )
    known = {
        "password authentication failed|no password supplied|empty password": Failure(
            f"PostgreSQL in {container} requires a password for {superuser} ({reason}); set postgres_superuser_password"
        ),
        "(peer|ident) authentication failed": Failure(
            f"PostgreSQL in {container} does not accept this container user as {superuser} ({reason}); set "
            "postgres_container_user to one that it accepts, usually postgres"
        ),
        r"pg_hba\.conf": Failure(
            f"pg_hba.conf of PostgreSQL in {container} refuses {superuser} ({reason}); set postgres_superuser or "
            "postgres_maintenance_db to what it allows"
        ),
        re.escape(f'role "{superuser.lower()}" '): Failure(
            f"{superuser} cannot log in to PostgreSQL in {container} ({reason}); set postgres_superuser to a superuser "
            "that can"
        ),
        re.escape(f'database "{database.lower()}" '): Failure(
            f"cannot connect to the database {database} in {container} ({reason}); set postgres_maintenance_db to one "
            "that exists and accepts connections"
        ),
        "permission denied for ": Failure(
            f"{superuser} is not a superuser of PostgreSQL in {container} ({reason}); set postgres_superuser to one"
        ),
    }
    return next((failure for words, failure in known.items() if re.search(words, reason.lower())), None)


def _explain_silence(host: Any, server: Server, reason: str, after: str) -> Failure:
    """Explain that nothing listens at the port: the server is starting, or uses another port."""
    socket = re.search(r'"(/[^"]*)/\.s\.PGSQL\.', reason)
    directory = socket[1] if socket else SOCKETS
    listening: Listening = read_fact(host, PostgresPorts, server=server, directory=directory)
    asked = re.search(r"\.s\.PGSQL\.([0-9]+)|port ([0-9]+)", reason)
    port = int(asked[1] or asked[2]) if asked else server.port
    others = [str(one) for one in listening.ports if one != port]
    if others:
        return Failure(
            f"PostgreSQL in {server.container} does not listen on port {port}{after}, but on {', '.join(others)} "
            f"({reason}); set postgres_port",
            may_pass=not listening.is_settled,
        )
    return Failure(
        f"PostgreSQL in {server.container} does not accept connections as {server.superuser}{after}: {reason}",
        may_pass=True,
    )


def _init_script_path(directory: str, role: str) -> str:
    return posixpath.join(directory, INIT_SCRIPT.format(role=re.sub(r"[^A-Za-z0-9_-]", "_", role)))


@converging_with(lambda directory, role, **_: [file_reading(_init_script_path(directory, role))])
def init_script(directory: str, database: str, role: str, password: HiddenValue | str) -> Plan:
    """
    Keep an init script that creates the same role, database and privileges in an empty data directory.

    + directory: the host's folder that is mounted at ``/docker-entrypoint-initdb.d``
    + database: name of the database
    + role: name of the role
    + password: the role's password; the script holds a SCRAM verifier of it

    The container's own user reads the script, so its mode is 644: a verifier only checks a password and cannot be used
    to log in. The script changes nothing if role and database exist already: the container accepts connections during
    its setup, so a deploy may create them first.
    """
    host, secret, path = current_host(), _plain(password), _init_script_path(directory, role)
    file = read_file(host, path)
    stored = re.search(r"\\set verifier '(SCRAM-SHA-256\$[^']+)'", file.text) if file else None
    is_kept = stored is not None and scram.matches(secret, stored[1])
    text = _script(database, role, stored[1] if stored and is_kept else scram.verifier(secret))
    if file is None or file.text != text:
        what = f"~ {path}" if file else f"+ {path}"
        yield Change((what,), lambda: write_file(host, path, text, INIT_SCRIPT_MODE))
    elif (access := differing_access(file, INIT_SCRIPT_MODE)) is not None:
        yield Change((f"~ {path}: {access}",), lambda: change_access(host, path, INIT_SCRIPT_MODE))
    else:
        yield Unchanged(path)


# The image runs the script with ON_ERROR_STOP and stops at the first error, so no later script would run.
_SCRIPT = r"""
\set ON_ERROR_STOP off
SELECT format('CREATE ROLE %I', :'role')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
CREATE_DATABASE
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
\set ON_ERROR_STOP on
ALTER ROLE :"role" LOGIN PASSWORD :'verifier';
ALTER DATABASE :"database" OWNER TO :"role";
\connect :"database"
GRANT ALL ON SCHEMA public TO :"role";
""".replace("CREATE_DATABASE", _CREATE_DATABASE)


def _script(database: str, role: str, verifier: str) -> str:
    return (
        "-- For a fresh data directory alone: PostgreSQL's image runs this once, on the first start. A deploy may\n"
        "-- make the same meanwhile: then CREATE is left out or fails, and what follows must not.\n"
        f"\\set role {_psql_word(role)}\n"
        f"\\set database {_psql_word(database)}\n"
        f"\\set verifier '{verifier}'\n"
        f"{_QUIETLY.rstrip()}{_SCRIPT}"
    )


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _psql_word(text: str) -> str:
    """Quote an argument of a psql command, in which a backslash begins an escape."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
