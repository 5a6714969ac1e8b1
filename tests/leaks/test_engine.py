"""Given a real sshd, Docker engine and PostgreSQL, when the deploy runs there, then nobody sees a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.lab import Lab
from tests.docker.target import USERS
from tests.docker.test_deploy import plan, succeeded
from tests.leaks.given import Given
from tests.leaks.places import File, Process, changed_files, left_on_this_machine, now, watched
from tests.leaks.search import Search

USER = "lab-docker"

_HISTORIES = """
for file in ~root/.*_history /var/lib/postgresql/.*_history /.*_history /tmp/* /var/tmp/*; do
    [ ! -f "$file" ] || cat "$file"
done
"""

LOGGING = ("-c", "log_statement=all", "-c", "log_min_duration_statement=0")
WITH_PASSWORD = ("-e", "POSTGRES_INITDB_ARGS=--auth-local=scram-sha-256")


@pytest.fixture
def postgres(started: Lab, known: Given) -> Iterator[str]:
    """A PostgreSQL container that asks for the superuser's password, and logs every statement."""
    started.reset(owner=USER)
    name = started.run_postgres("postgresql_leaks", *LOGGING, options=WITH_PASSWORD)
    quietly = "SET log_statement = 'none'; SET log_min_duration_statement = -1;"
    password = known.secrets["POSTGRES_SUPERUSER_PASSWORD"].replace("'", "''")
    started.psql(f"{quietly} ALTER ROLE postgres PASSWORD '{password}';", container=name)
    yield name
    started.docker("rm", "-f", "-v", name)


def test_nobody_sees_a_secret(
    started: Lab, postgres: str, known: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks at two runs, and at everything that is there while they run and afterwards.

    The command lines of all processes are looked at: any user can. An environment can be read by the process's own user
    and by root, so a secret may be in one only where it is given on purpose: in that of pyinfra itself, as the README
    says to; in those of Plane's own containers, whose env file is what the deploy writes; and the superuser's password
    in those of the programs between the SSH user's shell and `psql`, which are the SSH user's or root's. What `docker
    exec` runs, and with what environment, the engine notes for a moment in a file in /tmp that is root's alone.
    """
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    data = {
        **known.data,
        "postgres_container": postgres,
        "postgres_init_dir": str(started.config_dir.parent / "postgres-init"),
    }
    since = now()
    plane: set[str] = set()
    with watched(tmp_path, Path("/tmp"), Path("/var/tmp"), started.config_dir.parent) as sighted:
        outputs = []
        for _ in range(2):
            done = started.deploy("-vvv", "--debug", user=USER, data=data, env=known.environment)
            outputs.append(succeeded(done).stdout)
            plane |= set(started.container_ids().values())
    assert "+ role plane" in plan(done.__class__([], 0, outputs[0])) and len(plane) == 4
    secrets = {**known.secrets, **{f"the saved {name}": token for name, token in started.tokens().items()}}
    secrets |= {f"session {number}": key for number, key in enumerate(started.plane().sessions)}

    assert sighted.ran("psql", "plane_production") and sighted.ran("docker", "compose"), "the watcher saw nothing"
    assert "SELECT json_build_object" in started.logs(postgres), "the log was to hold the statements"
    texts: list[tuple[str, str | bytes]] = [("an output", output) for output in outputs]
    texts += sighted.command_lines()
    texts += [(file.path, file.data) for file in sighted.files if not _is_on_purpose(started, file)]
    texts += left_on_this_machine(since, tmp_path)
    own = (started.env_path, started.tokens_path, started.directory / "plane-data")
    texts += changed_files(since, started.directory, but=own)
    for name in (postgres, started.postgres, started.redis, started.api, *plane):
        texts.append((f"the log of {name}", started.logs(name)))
        [inspected] = json.loads(started.docker("inspect", name))
        if inspected["Id"] in plane:
            assert Search({"it": known.secrets["PLANE_SECRET_KEY"]}).leaks(
                "", json.dumps(inspected["Config"].pop("Env"))
            )
        texts.append((f"docker inspect {name}", json.dumps(inspected)))
        if inspected["State"]["Running"]:  # the migrator has ended
            texts.append((f"histories in {name}", started.docker("exec", name, "sh", "-c", _HISTORIES)))
    assert Search(secrets).all_leaks(texts) == []

    def may_hold(process: Process) -> bool:
        inventory = str(started.directory / "inventory.py").encode()
        in_plane = process.is_planes or any(one.encode() in process.group for one in plane)
        return b"pyinfra\0" + inventory in process.command or in_plane

    superuser = {"POSTGRES_SUPERUSER_PASSWORD": secrets.pop("POSTGRES_SUPERUSER_PASSWORD")}
    assert Search(secrets).all_leaks(sighted.environments(may_hold)) == []
    assert Search(superuser).all_leaks(sighted.environments(lambda each: each.user in (0, USERS[USER]))) == []


def _is_on_purpose(lab: Lab, file: File) -> bool:
    """Whether it is one of the files that exist to hold secrets, or the engine's note of what `docker exec` runs."""
    name = re.sub(r"\.new\.\d+$", "", Path(file.path).name).removeprefix(".")
    note = Path(file.path).name.startswith("runc-process") and file.is_roots_alone
    return note or Path(file.path).with_name(name) in (lab.env_path, lab.tokens_path)
