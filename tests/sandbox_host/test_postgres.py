"""The PostgreSQL of a host."""

from __future__ import annotations

from pathlib import Path

import pytest

import sandbox


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
