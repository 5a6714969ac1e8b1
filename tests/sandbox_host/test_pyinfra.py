"""The real pyinfra command line against two hosts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import sandbox

DEPLOY = """
from io import StringIO
from pyinfra.operations import files, server

files.directory("opt/made")
files.put(StringIO("put by pyinfra"), "opt/made/file", mode="600")
server.shell(["cat opt/made/file > opt/made/copy", "docker exec javisi_postgresql pg_isready"])
"""


def test_pyinfra_deploys_to_the_hosts(running: sandbox.Sandbox, tmp_path: Path) -> None:
    hosts = [
        (
            host.name,
            {
                "ssh_hostname": "127.0.0.1",
                "ssh_port": host.port,
                "ssh_user": "deploy",
                "ssh_key": str(running.key_path),
                "ssh_known_hosts_file": str(running.known_hosts_path),
                "ssh_strict_host_key_checking": "yes",
            },
        )
        for host in running.hosts
    ]
    (tmp_path / "inventory.py").write_text(f"hosts = {hosts!r}\n")
    (tmp_path / "deploy.py").write_text(DEPLOY)

    def deploy() -> str:
        result = subprocess.run(
            [sys.executable, "-m", "pyinfra", "-y", "inventory.py", "deploy.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    deploy()
    for host in running.hosts:
        assert (host.root / "opt/made/copy").read_text() == "put by pyinfra"
        assert (host.root / "opt/made/file").stat().st_mode & 0o777 == 0o600
    (running.hosts[0].root / "opt/made/file").write_text("changed")
    deploy()
    assert (running.hosts[0].root / "opt/made/file").read_text() == "put by pyinfra"
