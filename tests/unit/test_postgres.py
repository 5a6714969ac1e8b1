"""A service's role and database in a real PostgreSQL: what is seen of them, what is mended, what is said."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import sandbox
from operations import postgres
from operations.postgres import differences, init_script, service_database
from pyinfra_plane.engine import interrupt, scram
from pyinfra_plane.engine.commands import TargetError
from pyinfra_plane.engine.converge import Change, Note, Unchanged
from pyinfra_plane.facts.docker import FAILED
from pyinfra_plane.facts.postgres import OtherOwner, PostgresService, Service, complaint
from sandbox.containers import POSTGRESQL
from sandbox.host import Host
from sandbox.postgres import programs
from tests.unit.given import ROOT, Shell
from tests.unit.test_environment import apply, plan

PASSWORD = "hunter2/Tr0ub4dor"

WANTED: dict[str, Any] = {
    "database": "plane_production",
    "role": "plane",
    "password": PASSWORD,
    "container": POSTGRESQL,
    "wait": 0,
}

IS_SCRAM = re.compile(r"SCRAM-SHA-256\$\d")


@dataclass
class Server:
    """The sandbox's PostgreSQL, and a host whose `docker` leads to it."""

    sandboxed: Host
    shell: Shell

    def psql(self, sql: str, database: str = "postgres") -> str:
        """Run SQL as the superuser."""
        return self.sandboxed.psql(sql, database)

    def session(self, *words: str, database: str = "postgres", user: str = "postgres") -> subprocess.Popen[str]:
        """A psql of its own, called as PostgreSQL's image calls it for its scripts."""
        return subprocess.Popen(
            [str(programs() / "psql"), "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "--no-password",
             "--username", user, "--dbname", database, *words],
            env={"PGHOST": str(self.sandboxed.cluster.sockets)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip

    def run_script(self, path: Path) -> None:
        """Run an init script, which must not fail."""
        script = self.session("-f", str(path))
        said, _ = script.communicate()
        assert script.returncode == 0, said

    def wait_until(self, condition: str) -> None:
        """Wait until an SQL condition holds."""
        deadline = time.monotonic() + 20
        while self.psql(f"SELECT {condition}") != "t":
            assert time.monotonic() < deadline, condition
            time.sleep(0.02)

    def plan(self, **changes: Any) -> list[Change | Unchanged | Note]:
        """What is to be done about Plane's role and database."""
        return plan(service_database, self.shell, **{**WANTED, **changes})

    def make(self) -> None:
        """Have it all be as it should."""
        apply(self.plan())

    def is_right(self, **changes: Any) -> bool:
        """Whether nothing is to be done or said."""
        return [type(item) for item in self.plan(**changes)] == [Unchanged]

    def forget(self) -> None:
        """Drop what was made."""
        self.psql("UPDATE pg_database SET datconnlimit = -1 WHERE datconnlimit = -2")
        for kind, catalog in (("DATABASE", "pg_database"), ("ROLE", "pg_roles")):
            name = "datname" if kind == "DATABASE" else "rolname"
            names = f"SELECT format('DROP {kind} %I', {name}) FROM {catalog}"
            self.psql(f"{names} WHERE {name} !~ '^(pg_|postgres$|template[01]$)' \\gexec")


@pytest.fixture(scope="module")
def sandboxed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with sandbox.running(tmp_path_factory.mktemp("postgres"), hosts=1) as running:
        yield running.hosts[0]


@pytest.fixture
def server(sandboxed: Host, tmp_path: Path) -> Iterator[Server]:
    shell = Shell(tmp_path)
    shell.replace("docker", f'exec "{sandboxed.commands_path / "docker"}" "$@"')
    server = Server(sandboxed, shell)
    yield server
    server.forget()


@pytest.fixture
def host(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def lines(items: list[Change | Unchanged | Note]) -> list[str]:
    """What a preview says of the changes."""
    return [line for item in items if isinstance(item, Change) for line in item.lines]


def notes(items: list[Change | Unchanged | Note]) -> list[str]:
    """What a person is told beside the changes."""
    return [item.line for item in items if isinstance(item, Note)]


def carry_out(items: list[Change | Unchanged | Note]) -> None:
    apply([item for item in items if isinstance(item, Change)])


# The init script

NAMES = [
    ("plane_production", "plane"),
    ('it\'s "the" database', 'it\'s "the" role'),
    ("back\\slash\\", "\\n ro\\le \\connect"),
    ("100%s %I %", "%L%%"),
    ("Upper Case", "ROLE"),
    ("bäse ☃ \U0001f600", "rölle"),
    (":role", ":'database'"),
    ("$$ `id` ;--", "/* */ $1"),
]


def kept_script(server: Server, folder: Path, database: str, role: str) -> Path:
    """The script that the operation keeps."""
    apply(plan(init_script, server.shell, directory=str(folder), database=database, role=role, password=PASSWORD))
    [script] = folder.iterdir()
    return script


def is_whole(server: Server, database: str, role: str) -> bool:
    """Whether the operation finds nothing to do, and those who come as the role come in."""
    session = server.session("-c", "CREATE TABLE of_its_own ()", database=database, user=role)
    session.communicate()
    return session.returncode == 0 and server.is_right(database=database, role=role)


@pytest.mark.parametrize(("database", "role"), NAMES)
def test_the_script_runs_again_and_again(server: Server, tmp_path: Path, database: str, role: str) -> None:
    script = kept_script(server, tmp_path / "initdb.d", database, role)
    for _ in range(2):
        server.run_script(script)
    assert is_whole(server, database, role)


@pytest.mark.parametrize(("database", "role"), NAMES)
def test_the_script_runs_after_a_deploy(server: Server, tmp_path: Path, database: str, role: str) -> None:
    script = kept_script(server, tmp_path / "initdb.d", database, role)
    apply(server.plan(database=database, role=role, password="another"))
    server.run_script(script)
    assert is_whole(server, database, role)


def test_the_script_takes_over_what_is_there(server: Server, tmp_path: Path) -> None:
    """POSTGRES_DB has the image make the database, as its own superuser's."""
    server.psql("CREATE ROLE plane NOLOGIN")
    server.psql("CREATE DATABASE plane_production")
    server.run_script(kept_script(server, tmp_path / "initdb.d", "plane_production", "plane"))
    assert is_whole(server, "plane_production", "plane")


def test_the_script_runs_while_a_deploy_makes_the_same(server: Server, tmp_path: Path) -> None:
    script = kept_script(server, tmp_path / "initdb.d", "plane_production", "plane")
    deploy = server.session()
    assert deploy.stdin is not None
    deploy.stdin.write("BEGIN; CREATE ROLE plane;\n")
    deploy.stdin.flush()
    server.wait_until("EXISTS (SELECT FROM pg_stat_activity WHERE state = 'idle in transaction')")
    image = server.session("-f", str(script))
    server.wait_until("EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')")
    deploy.communicate("COMMIT;\n")
    said, _ = image.communicate()
    assert image.returncode == 0, said
    assert is_whole(server, "plane_production", "plane")


def test_a_script_that_the_containers_user_cannot_read_is_mended(host: Shell, tmp_path: Path) -> None:
    wanted: dict[str, Any] = {
        "directory": str(tmp_path / "initdb.d"), "database": "plane", "role": "plane", "password": PASSWORD
    }  # fmt: skip
    apply(plan(init_script, host, **wanted))
    [script] = (tmp_path / "initdb.d").iterdir()
    text = script.read_text()
    script.chmod(0o600)
    items = plan(init_script, host, **wanted)
    assert lines(items) == [f"~ {script}: mode 600 → 644"]
    apply(items)
    assert (script.stat().st_mode & 0o777, script.read_text()) == (0o644, text)
    assert [type(item) for item in plan(init_script, host, **wanted)] == [Unchanged]


@pytest.mark.parametrize("iterations", ["99999999999999999999999", "9" * 5000, "2147483648", "10000001", "0"])
def test_a_script_with_an_absurd_verifier_is_written_anew(host: Shell, tmp_path: Path, iterations: str) -> None:
    wanted: dict[str, Any] = {"directory": str(tmp_path), "database": "plane", "role": "plane", "password": PASSWORD}
    apply(plan(init_script, host, **wanted))
    [script] = tmp_path.glob("*.sql")
    script.write_text(script.read_text().replace("$4096:", f"${iterations}:"))
    items = plan(init_script, host, **wanted)
    assert lines(items) == [f"~ {script}"]
    apply(items)
    assert "$4096:" in script.read_text()


def test_a_role_with_an_absurd_verifier_is_given_its_password(server: Server) -> None:
    server.make()
    verifier = scram.verifier(PASSWORD).replace("$4096:", "$99999999999:")
    server.psql(f"UPDATE pg_authid SET rolpassword = '{verifier}' WHERE rolname = 'plane'")
    items = server.plan()
    assert lines(items) == ["~ role plane: password"]
    apply(items)
    assert server.is_right()


# Whoever PostgreSQL refuses

SHUT_OUT = [
    ("ALTER ROLE plane VALID UNTIL '2020-01-02 12:00Z'", "~ role plane: valid until 2020-01-02 → always"),
    ("ALTER ROLE plane VALID UNTIL '-infinity'", "~ role plane: valid until -infinity → always"),
    ("ALTER ROLE plane CONNECTION LIMIT 0", "~ role plane: connection limit 0 → none"),
    ("ALTER DATABASE plane_production CONNECTION LIMIT 0", "~ database plane_production: connection limit 0 → none"),
    (
        "ALTER DATABASE plane_production ALLOW_CONNECTIONS false",
        "~ database plane_production: accepts connections",
    ),
]


@pytest.mark.parametrize(("sql", "line"), SHUT_OUT)
def test_a_role_that_is_shut_out_is_let_in_again(server: Server, sql: str, line: str) -> None:
    server.make()
    server.psql(sql)
    items = server.plan()
    assert lines(items)[0] == line
    apply(items)
    assert is_whole(server, "plane_production", "plane")


def test_all_at_once_are_mended_in_one_go(server: Server) -> None:
    server.make()
    for sql in ("ALTER ROLE plane NOLOGIN PASSWORD NULL", *(sql for sql, _ in SHUT_OUT)):
        server.psql(sql)
    server.psql("ALTER DATABASE plane_production OWNER TO postgres")
    apply(server.plan())
    assert is_whole(server, "plane_production", "plane")


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER ROLE plane CONNECTION LIMIT 5",
        "ALTER DATABASE plane_production CONNECTION LIMIT 5",
        "ALTER ROLE plane VALID UNTIL '2999-01-01'",
        "ALTER ROLE plane VALID UNTIL 'infinity'",
    ],
)
def test_a_limit_that_lets_somebody_in_is_a_persons_choice(server: Server, sql: str) -> None:
    server.make()
    server.psql(sql)
    assert server.is_right()


# What differs

RIGHT = Service(
    role_exists=True,
    role_can_log_in=True,
    database_owner="plane",
    database_privileges=postgres.DATABASE_PRIVILEGES,
    schema_privileges=postgres.SCHEMA_PRIVILEGES,
)


def test_nothing_differs_where_all_is_right() -> None:
    assert differences(RIGHT, "plane_production", "plane", has_password=True) == []


def test_where_there_is_nothing_it_is_made() -> None:
    assert [line for line, _ in differences(Service(), "plane_production", "plane", has_password=False)] == [
        "+ role plane",
        "+ database plane_production, owner plane",
        "+ privileges on schema public of plane_production for plane",
    ]


def test_the_password_is_sent_before_another_session_begins() -> None:
    """A session that ``\\connect`` begins writes statements to the log again."""
    for found in (Service(), Service(role_exists=True, database_owner="other", role_connections=0)):
        statements = [sql for _, sql in differences(found, "plane_production", "plane", has_password=False)]
        with_verifier = [number for number, sql in enumerate(statements) if "verifier" in sql]
        connecting = [number for number, sql in enumerate(statements) if "\\connect" in sql]
        assert with_verifier and connecting and max(with_verifier) < min(connecting)


# What belongs to others


def other_owner(server: Server, owner: str = "old") -> None:
    """A database that belongs to somebody else, with two tables, a sequence, and what is not counted."""
    if owner != "postgres":
        server.psql(f"CREATE ROLE {owner}")
    server.psql(f"CREATE DATABASE plane_production OWNER {owner}")
    server.psql(
        f"SET ROLE {owner}; CREATE TABLE a (id serial, x text); CREATE INDEX ON a (x); CREATE VIEW b AS SELECT 1;"
        "CREATE SEQUENCE c; CREATE TEMP TABLE d ();",
        "plane_production",
    )
    # What belongs to an extension is as it wants it.
    server.psql(
        "CREATE TABLE of_an_extension (); ALTER EXTENSION plpgsql ADD TABLE of_an_extension;", "plane_production"
    )


def test_tables_of_a_former_owner_are_named_with_what_gives_them_to_the_role(server: Server) -> None:
    other_owner(server)
    before = server.plan()
    carry_out(before)
    [note] = notes(server.plan())
    assert notes(before) == [note]
    assert note == (
        "! database plane_production: 3 tables, views or sequences are owned by old; plane may have no access; "
        'run in that database: REASSIGN OWNED BY "old" TO "plane"'
    )
    server.psql(note.partition("run in that database: ")[2], "plane_production")
    assert server.is_right()


def test_a_single_table_of_a_former_owner_is_named_in_the_singular(server: Server) -> None:
    other_owner(server)
    server.psql("DROP VIEW b; DROP SEQUENCE c; DROP TABLE a; SET ROLE old; CREATE TABLE one ();", "plane_production")
    carry_out(server.plan())
    [note] = notes(server.plan())
    assert note.startswith(
        "! database plane_production: 1 table, view or sequence is owned by old; plane may have no access; run "
    )


def test_tables_of_a_role_that_it_is_a_member_of_are_its_own(server: Server) -> None:
    other_owner(server)
    server.psql("CREATE ROLE plane IN ROLE old")
    items = server.plan()
    assert notes(items) == []
    carry_out(items)
    assert server.is_right()


def test_a_member_that_inherits_nothing_is_locked_out(server: Server) -> None:
    other_owner(server)
    server.psql("CREATE ROLE plane NOINHERIT; GRANT old TO plane")
    assert len(notes(server.plan())) == 1


@pytest.mark.parametrize("why", ["the superuser", "another database"])
def test_where_reassign_would_not_do_the_page_says_what_does(server: Server, why: str) -> None:
    """PostgreSQL refuses it for its first superuser, and hands over databases of other services as well."""
    owner = "postgres" if why == "the superuser" else "old"
    other_owner(server, owner)
    if why == "another database":
        server.psql("CREATE DATABASE n8n OWNER old")
    carry_out(server.plan())
    [note] = notes(server.plan())
    assert note == (
        f"! database plane_production: 3 tables, views or sequences are owned by {owner}; plane may have no "
        'access; see "Tables of a former owner" in docs/taking-over.md'
    )
    page = (ROOT / "docs" / "taking-over.md").read_text()
    section = page.partition("## Tables of a former owner\n")[2]
    [sql] = re.findall(r"```sql\n(.*?)```", section, re.S)
    server.psql(sql.replace("'old'", f"'{owner}'"), "plane_production")
    assert server.is_right()
    others = server.psql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'n8n'")
    assert others == ("old" if why == "another database" else "")


def test_names_in_the_advice_are_quoted() -> None:
    line = postgres._foreign(OtherOwner('o"ld', 1, owns_more=False), "d", "Plane")
    assert line.endswith('REASSIGN OWNED BY "o""ld" TO "Plane"')


# What is said when it cannot be done


def refusal(server: Server, **changes: Any) -> str:
    """What a run says that cannot go on."""
    with pytest.raises(TargetError) as caught:
        apply(server.plan(**changes))
    return str(caught.value)


def test_a_session_in_template1_is_not_in_the_way(server: Server) -> None:
    in_the_way = server.session(database="template1")
    server.wait_until("EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'template1')")
    server.make()
    in_the_way.communicate("")
    assert server.is_right()


TEMPLATE = "datlocprovider = 'c', datlocale = NULL, datcollate = 'C', datctype = 'C', datcollversion = NULL"


@pytest.fixture
def template0(server: Server) -> Iterator[Callable[[str], object]]:
    """Changes template0 as if the cluster had been made in another way."""

    def change(columns: str) -> None:
        server.psql(f"UPDATE pg_database SET {columns} WHERE datname = 'template0'")

    yield change
    change(f"{TEMPLATE}, encoding = pg_char_to_encoding('UTF8')")


def test_why_a_database_cannot_be_made_is_told_with_postgresqls_hint(
    server: Server, template0: Callable[[str], object]
) -> None:
    template0("datlocprovider = 'b', datlocale = 'C.UTF-8', datcollversion = '0'")
    assert refusal(server) == (
        f'PostgreSQL in {POSTGRESQL} refused: ERROR: template database "template0" has a collation version mismatch; '
        "HINT: Rebuild all objects in the template database that use the default collation and run ALTER DATABASE "
        "template0 REFRESH COLLATION VERSION, or build PostgreSQL with the right library version."
    )


# Encoding and collation


def encoding(server: Server) -> str:
    """The encoding and the locale of Plane's database."""
    columns = "pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider, datlocale"
    return server.psql(f"SELECT concat_ws(' ', {columns}) FROM pg_database WHERE datname = 'plane_production'")


CLUSTERS = {
    "of another encoding": ("LATIN1", "datcollate = 'en_US.ISO-8859-1', datctype = 'en_US.ISO-8859-1'", "UTF8 C C c"),
    "of no encoding": ("SQL_ASCII", "datcollate = 'en_US.ISO-8859-1', datctype = 'en_US.ISO-8859-1'", "UTF8 C C c"),
    "of no locale": ("SQL_ASCII", "datcollate = 'C', datctype = 'C'", "UTF8 C C c"),
    "with PostgreSQL's own locale": ("LATIN1", "datlocprovider = 'b', datlocale = 'C'", "UTF8 C C b C"),
    "of UTF-8": ("UTF8", "datcollate = 'C.utf8', datctype = 'C.utf8'", "UTF8 C.utf8 C.utf8 c"),
    "of UTF-8, with PostgreSQL's own locale": (
        "UTF8", "datlocprovider = 'b', datlocale = 'C.UTF-8', datcollversion = '1'", "UTF8 C C b C.UTF-8"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "locale", "made"), CLUSTERS.values(), ids=CLUSTERS)
@pytest.mark.parametrize("by", ["the deploy", "the script"])
def test_a_new_database_is_utf8_in_a_cluster(
    server: Server, template0: Callable[[str], object], tmp_path: Path, kind: str, locale: str, made: str, by: str
) -> None:
    template0(f"encoding = pg_char_to_encoding('{kind}'), {locale}")
    if by == "the deploy":
        server.make()
    else:
        server.run_script(kept_script(server, tmp_path / "initdb.d", "plane_production", "plane"))
    assert encoding(server) == made
    assert server.is_right()


@pytest.mark.parametrize("kind", ["LATIN1", "SQL_ASCII"])
def test_a_database_in_another_encoding_is_told_of_on_every_run_until_it_is_made_anew(
    server: Server, kind: str
) -> None:
    server.psql(f"CREATE DATABASE plane_production TEMPLATE template0 ENCODING '{kind}'")
    server.psql("CREATE TABLE kept AS SELECT 'x' AS x", "plane_production")
    told = (
        f'! database plane_production has the encoding {kind}, but Plane needs UTF8; see "A database in another '
        'encoding" in docs/taking-over.md'
    )
    before = server.plan()
    assert notes(before)[0] == told
    carry_out(before)
    assert told in notes(server.plan())
    assert server.psql("SELECT x FROM kept", "plane_production") == "x"


def test_a_database_with_an_outdated_collation_is_told_of_with_what_refreshes_it(server: Server) -> None:
    server.make()
    server.psql(
        "UPDATE pg_database SET datlocprovider = 'b', datlocale = 'C.UTF-8', datcollversion = '0' "
        "WHERE datname = 'plane_production'"
    )
    [note] = notes(server.plan())
    assert note == (
        "! database plane_production was created with another version of its collation, so its indexes may be wrong; "
        "run "
        'in that database: REINDEX DATABASE "plane_production"; ALTER DATABASE "plane_production" REFRESH COLLATION '
        "VERSION"
    )
    for statement in note.partition("run in that database: ")[2].split("; "):
        server.psql(statement, "plane_production")
    assert server.is_right()


# A server that is reached in another way


def test_a_server_is_reached_as_another_user_through_another_database(server: Server) -> None:
    server.psql("CREATE DATABASE tools")
    reached = {"container_user": "postgres", "port": 5432, "maintenance_db": "tools"}
    carry_out(server.plan(**reached))
    assert server.is_right(**reached)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"superuser": "nobody"},
            f'nobody cannot log in to PostgreSQL in {POSTGRESQL} (…FATAL: role "nobody" does not exist); set '
            "postgres_superuser to a superuser that can",
        ),
        (
            {"maintenance_db": "tools"},
            f'cannot connect to the database tools in {POSTGRESQL} (…FATAL: database "tools" does not exist); set '
            "postgres_maintenance_db to one that exists and accepts connections",
        ),
        (
            {"container_user": "pgsql"},
            f"the container {POSTGRESQL} has no user pgsql (unable to find user pgsql: no matching entries in passwd "
            "file); set postgres_container_user to one that it has",
        ),
    ],
)
def test_a_wrong_setting_is_named_at_once(server: Server, wrong: dict[str, Any], said: str) -> None:
    began = time.monotonic()
    told = refusal(server, **wrong, wait=30)
    assert time.monotonic() - began < 10
    assert re.sub(r"psql: .*(?=FATAL)", "…", " ".join(told.split())) == said


def test_the_port_that_a_server_listens_on_is_told(server: Server) -> None:
    told = refusal(server, port=5433)
    assert told.startswith(f"PostgreSQL in {POSTGRESQL} does not listen on port 5433, but on 5432 (psql: error: ")
    assert told.endswith("; set postgres_port")


@pytest.mark.parametrize(
    ("first_process", "waits"), [("postgres", False), ("docker-entrypoi", True)], ids=["it runs", "it is being set up"]
)
def test_another_port_is_final_once_the_container_runs_postgresql(
    host: Shell, monkeypatch: pytest.MonkeyPatch, first_process: str, waits: bool
) -> None:
    """While PostgreSQL's image sets up a data directory, its server listens on the default port."""

    class Waits(Exception):
        pass

    def sleep(_: float) -> None:
        raise Waits

    monkeypatch.setattr(time, "sleep", sleep)
    host.replace(
        "docker",
        f"case $* in *' ls '*) printf '%s\\n' {first_process} .s.PGSQL.5432 .s.PGSQL.5432.lock ;; *) echo "
        "'psql: error: connection to server on socket \"/run/.s.PGSQL.5433\" failed: No such file or directory' >&2; "
        "exit 2 ;; esac",
    )
    with pytest.raises(Waits if waits else TargetError) as caught:
        plan(service_database, host, **{**WANTED, "wait": 3600, "port": 5433})
    assert waits or "does not listen on port 5433, but on 5432 (" in str(caught.value)


def test_a_wait_for_postgresql_ends_at_ctrl_c(host: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    host.replace("docker", "echo 'Error response from daemon: container postgres is not running' >&2; exit 1")

    def pressed(_: float) -> None:
        assert not interrupt.is_requested()
        monkeypatch.setattr(interrupt, "_is_requested", True)

    monkeypatch.setattr(time, "sleep", pressed)
    with pytest.raises(interrupt.Interrupted):
        plan(service_database, host, **{**WANTED, "wait": 3600})


def test_a_database_that_was_half_dropped_is_named_with_what_drops_it(server: Server) -> None:
    server.psql('CREATE DATABASE "pla""ne"')
    server.psql("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'pla\"ne'")
    said = refusal(server, database='pla"ne', wait=30)
    assert said == (
        f'database pla"ne in {POSTGRESQL} is unusable, because a DROP DATABASE of it was interrupted; run in psql as '
        'postgres: DROP DATABASE "pla""ne"'
    )


def test_a_superuser_that_is_none_is_said_at_once(server: Server) -> None:
    server.psql("CREATE ROLE ordinary LOGIN")
    began = time.monotonic()
    said = refusal(server, superuser="ordinary", wait=30)
    assert time.monotonic() - began < 10
    assert said == (
        f"ordinary is not a superuser of PostgreSQL in {POSTGRESQL} (ERROR:  permission denied for table pg_authid); "
        "set postgres_superuser to one"
    )


DOCKER_SAYS = {
    "no right to the socket": (
        "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "
        '"http://%2Fvar%2Frun%2Fdocker.sock/v1.50/containers/x/json": dial unix /var/run/docker.sock: connect: '
        "permission denied",
        "this SSH user may not use docker (",
    ),
    "the same, of docker 29": (
        "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock",
        "this SSH user may not use docker (",
    ),
    "no daemon": (
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        "the docker daemon does not run on this host (",
    ),
    "the same daemon, of docker 29": (
        "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if the "
        "daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory",
        "the docker daemon does not run on this host (",
    ),
    "no docker": ("sh: 1: docker: not found", "this host has no docker command ("),
    "no docker, says bash": ("bash: line 1: docker: command not found", "this host has no docker command ("),
    "a password": (
        'psql: error: connection to server on socket "/s" failed: fe_sendauth: no password supplied',
        f"PostgreSQL in {POSTGRESQL} requires a password for postgres (",
    ),
    "a wrong password": (
        'psql: error: connection to server on socket "/s" failed: FATAL:  password authentication failed for user "x"',
        f"PostgreSQL in {POSTGRESQL} requires a password for postgres (",
    ),
    "no role": (
        'psql: error: connection to server on socket "/s" failed: FATAL:  role "postgres" does not exist',
        f"postgres cannot log in to PostgreSQL in {POSTGRESQL} (",
    ),
    "a role that may not log in": (
        'psql: error: connection to server on socket "/s" failed: FATAL:  role "postgres" is not permitted to log in',
        f"postgres cannot log in to PostgreSQL in {POSTGRESQL} (",
    ),
    "another user of the container": (
        'psql: error: connection to server on socket "/s" failed: FATAL:  Peer authentication failed for user "x"',
        f"PostgreSQL in {POSTGRESQL} does not accept this container user as postgres (",
    ),
    "no rule for it": (
        'psql: error: connection to server on socket "/s" failed: FATAL:  no pg_hba.conf entry for host "[local]", '
        'user "postgres", database "postgres", no encryption',
        f"pg_hba.conf of PostgreSQL in {POSTGRESQL} refuses postgres (",
    ),
    "no container": (
        "Error response from daemon: No such container: my-password",
        f"the container {POSTGRESQL} does not exist on this host; start it, or set postgres_container",
    ),
}


@pytest.mark.parametrize(("words", "begins"), DOCKER_SAYS.values(), ids=DOCKER_SAYS)
def test_what_does_not_heal_is_explained_at_once(host: Shell, words: str, begins: str) -> None:
    (host.folder / "words").write_text(f"{words}\n")
    host.replace("docker", f"cat '{host.folder}/words' >&2; exit 1")
    began = time.monotonic()
    with pytest.raises(TargetError) as caught:
        plan(service_database, host, **{**WANTED, "wait": 30})
    assert time.monotonic() - began < 10
    assert str(caught.value).startswith(begins)


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        ("ERROR:  permission denied to set parameter", f"cannot query PostgreSQL in {POSTGRESQL} as postgres: "),
        ("sh: 1: docker: Permission denied", f"cannot query PostgreSQL in {POSTGRESQL} as postgres: "),
    ],
)
def test_what_only_sounds_like_it_is_not_taken_for_it(host: Shell, words: str, begins: str) -> None:
    host.replace("docker", f"echo '{words}' >&2; exit 1")
    with pytest.raises(TargetError) as caught:
        plan(service_database, host, **WANTED)
    assert str(caught.value).startswith(begins)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (["ERROR:  in use", "DETAIL:  There is 1 other session using the database."], "ERROR:  in use"),
        (["WARNING:  old", "HINT:  x", "ERROR:  no", "LINE 1: y", "        ^", "HINT:  z", ""],
         "ERROR:  no; HINT:  z"),
        (["ERROR:  no", "ERROR:  other", "HINT:  z"], "ERROR:  no"),
        (['\\connect: connection to server failed: FATAL:  cannot connect to invalid database "d"', "HINT:  Use DROP"],
         '\\connect: connection to server failed: FATAL:  cannot connect to invalid database "d"; HINT:  Use DROP'),
        (["psql: error: connection to server failed: No such file", "\tIs the server running locally?"],
         "psql: error: connection to server failed: No such file"),
        (["WARNING: Error loading config file", "Error response from daemon: No such container: x"],
         "Error response from daemon: No such container: x"),
        (["something", "else", " "], "else"),
        (["FEHLER:  nein", "DETAIL:  y"], "FEHLER:  nein"),
        (["DETAIL:  y"], "DETAIL:  y"),
        ([], None),
    ],
)  # fmt: skip
def test_the_line_that_says_what_failed_is_the_one_shown(said: list[str], shown: str | None) -> None:
    assert complaint(said) == shown
    assert PostgresService().process([*said, FAILED]).unavailable == (
        "docker printed nothing" if shown is None else shown.replace("\t", " ")
    )


# The log

LOGGING = [
    {"log_statement": "all"},
    {"log_min_duration_statement": "0"},
    {"log_transaction_sample_rate": "1"},
    {"log_min_duration_sample": "0", "log_statement_sample_rate": "1"},
    {"debug_print_parse": "on"},
    {"debug_print_rewritten": "on"},
    {"log_parser_stats": "on", "log_min_error_statement": "log"},
    {"log_min_messages": "debug5", "log_min_error_statement": "debug5"},
]


@pytest.fixture
def logging(server: Server, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A PostgreSQL with settings that have it write more to its log."""
    settings: dict[str, str] = request.param
    for name, value in settings.items():
        server.psql(f"ALTER SYSTEM SET {name} = '{value}'")
    server.psql("SELECT pg_reload_conf()")
    for name, value in settings.items():
        server.wait_until(f"current_setting('{name}') IN ('{value}', '{value}ms')")
    yield server
    server.psql("ALTER SYSTEM RESET ALL")
    server.psql("SELECT pg_reload_conf()")


@pytest.mark.parametrize("logging", LOGGING, ids=lambda settings: " ".join(settings), indirect=True)
def test_no_verifier_is_in_the_log(logging: Server, tmp_path: Path) -> None:
    log = logging.sandboxed.postgres_log

    def written() -> str:
        with log.open("rb") as file:
            file.seek(before)
            return file.read().decode()

    before = log.stat().st_size
    logging.psql(f"CREATE ROLE loud PASSWORD '{scram.verifier(PASSWORD)}'")
    assert IS_SCRAM.search(written()), "the log was to hold the statements"
    before = log.stat().st_size
    logging.make()
    apply(logging.plan(password="another"))
    logging.run_script(kept_script(logging, tmp_path / "initdb.d", "plane_production", "plane"))
    assert not IS_SCRAM.search(written()), written()[-3000:]


def test_a_statement_that_waits_is_shown_to_nobody(server: Server) -> None:
    """PostgreSQL logs what a session was doing when it crashes or meets a deadlock."""
    server.make()
    assert server.psql(f"{postgres._QUIETLY}SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()") == ""


def test_sql_that_does_not_arrive_is_not_called_done(server: Server) -> None:
    changes = server.plan()
    server.shell.arrives = 0
    with pytest.raises(TargetError, match=r"^PostgreSQL in \S+ refused: its input did not arrive whole$"):
        apply(changes)
    assert not server.psql("SELECT FROM pg_roles WHERE rolname = 'plane'")
    server.shell.arrives = None
    apply(server.plan())
    assert server.is_right()
