"""`make demo` deploys to its own sandbox, whatever hosts inventory.py names."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pyinfra_plane import make_secrets

PROJECT = Path(__file__).parents[2]

FOLDERS = ("sandbox", "operations", "pyinfra_plane", "group_data")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what a deploy needs, with an inventory still to be written."""
    checkout = tmp_path / "a person's, with blanks"
    checkout.mkdir()
    for name in FOLDERS:
        shutil.copytree(PROJECT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in PROJECT.glob("*.py"):
        if path.name != "inventory.py":
            shutil.copy(path, checkout)
    return checkout


def test_the_hosts_of_a_person_are_neither_connected_to_nor_changed(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        data = {"ssh_hostname": "127.0.0.1", "ssh_port": theirs.getsockname()[1], "ssh_user": "root"}
        inventory = f"javisi = [('sese', {data!r})]\n"
        (checkout / "inventory.py").write_text(inventory)
        assert make_secrets.main(str(checkout / "secrets")) == 0
        done = subprocess.run(
            [sys.executable, "-m", "sandbox.demo"], cwd=checkout, capture_output=True, text=True, timeout=240
        )
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.accept()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sese" not in done.stdout
    # As a person types it, who has the inventory that came with the deploy.
    assert "\n$ pyinfra inventory.py deploy.py --dry" in done.stdout
    assert all(line.startswith("$ ") for line in done.stdout.splitlines() if "inventory.py" in line)
    assert str(checkout) not in done.stdout
    assert (checkout / "inventory.py").read_text() == inventory
    assert not (checkout / ".sandbox").exists()
