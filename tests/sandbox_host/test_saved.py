"""A host that is saved, and brought back on itself or on another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sandbox
from sandbox.saved import NotMovable, Saved, save
from tests.contract.browser import Browser
from tests.sandbox_host.client import Client

API = "javisi_plane_api"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandbox.Sandbox]:
    with sandbox.running(tmp_path_factory.mktemp("sandbox"), hosts=3) as started:
        yield started


@pytest.fixture(scope="module")
def saved(fresh: sandbox.Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """What was done to the first host."""
    host = fresh.hosts[0]
    note = host.root / "opt/note"
    note.write_text("kept\n")
    note.chmod(0o640)
    host.psql("CREATE ROLE someone LOGIN PASSWORD 'x'")
    host.psql("CREATE DATABASE theirs OWNER someone")
    host.psql("CREATE TABLE here (n int); INSERT INTO here VALUES (1)", "theirs")
    host.containers[API].recreate({"WEB_URL": "https://one.example.com"})
    host.redis_keys[4] = ["a"]
    person = Browser(f"http://127.0.0.1:{host.plane_port}")
    person.set_up("person@example.com")
    directory = tmp_path_factory.mktemp("saved")
    found: Saved = fresh.call(lambda: save(host, directory))
    return found


def is_there(host: sandbox.Host) -> bool:
    note = host.root / "opt/note"
    return (
        (note.read_text(), note.stat().st_mode & 0o777) == ("kept\n", 0o640)
        and host.psql("SELECT n FROM here", "theirs") == "1"
        and host.containers[API].environment == {"WEB_URL": "https://one.example.com"}
        and host.redis_keys == {4: ["a"]}
        and host.plane.state.user_by_email("person@example.com") is not None
    )


def test_another_host_becomes_like_it_and_stays_itself(fresh: sandbox.Sandbox, saved: Saved) -> None:
    first, second, _ = fresh.hosts
    (second.root / "opt/other").write_text("goes")
    address = second.containers[API].address
    fresh.call(saved.restore, second)
    assert is_there(second) and not (second.root / "opt/other").exists()
    assert second.containers[API].id == first.containers[API].id
    assert second.containers[API].address == address
    assert str(second.root) in str(second.containers[API].labels) and str(first.root) not in str(
        second.containers[API].labels
    )
    with Client(fresh, second) as client:
        assert client.docker("inspect", "-f", "{{.State.Running}}", API).stdout == "true\n"
        listed = client.docker("exec", "-i", "javisi_postgresql", "psql", "-U", "postgres", "-l").stdout
    assert "theirs" in listed
    # What is done to one is not done to the other.
    second.psql("INSERT INTO here VALUES (2)", "theirs")
    second.plane.state.users.clear()
    assert is_there(first)


def test_a_host_becomes_again_what_it_was(fresh: sandbox.Sandbox, saved: Saved) -> None:
    first = fresh.hosts[0]
    (first.root / "opt/note").unlink()
    first.psql("DROP DATABASE theirs")
    first.containers[API].stop()
    first.plane.state.users.clear()
    first.plane.faults.add(lambda *_: pytest.fail("a fault was left"))
    fresh.call(saved.restore, first)
    assert is_there(first) and first.containers[API].running
    answer = Browser(f"http://127.0.0.1:{first.plane_port}").ask("GET", "/api/instances/")
    assert answer.status_code == 200


def test_a_file_that_names_its_host_is_refused(fresh: sandbox.Sandbox, tmp_path: Path) -> None:
    host = fresh.hosts[2]
    (host.root / "opt/path").write_text(f"{host.root}/x")
    with pytest.raises(NotMovable, match="opt/path"):
        fresh.call(lambda: save(host, tmp_path))


def test_a_database_that_is_dropped_takes_no_room_and_begins_anew(fresh: sandbox.Sandbox) -> None:
    host = fresh.hosts[2]
    host.psql("CREATE DATABASE gone")
    fresh.call(host.cluster.drop)
    assert not host.cluster.data.exists()
    fresh.call(host.cluster.ready)
    assert "gone" not in host.psql("SELECT datname FROM pg_database")
