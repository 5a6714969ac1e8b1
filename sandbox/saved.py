"""A host as it is at one moment: its files, containers, PostgreSQL and Plane, for hosts that begin like it."""

from __future__ import annotations

import copy
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.containers import Container
from sandbox.host import Host

OF_THE_HOST = ("address", "ports")
"""What a container keeps when another host's is restored."""


class NotMovable(Exception):
    """A file names the folder of its host, so that it would be wrong on another."""


@dataclass(frozen=True)
class Saved:
    """The saved state; `restore` brings it to the host itself, or to another of the same edition, release and stack."""

    files: Path
    root: Path
    database: Path | None
    plane: bytes
    containers: Mapping[str, Container]
    images: Mapping[str, str]
    image_folders: Mapping[str, Path]
    redis_keys: Mapping[int, list[str]]
    redis_password: str

    async def restore(self, host: Host) -> None:
        """Make the host like the saved one. Its log of requests and commands stays, and so do its connections."""
        for entry in host.root.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        _copy(self.files, host.root)
        await host.cluster.stop()
        if host.cluster.data.exists():
            shutil.rmtree(host.cluster.data)
        host.cluster.template = self.database
        if self.database is not None:
            # What needs it waits for it.
            host.cluster.start()
        await host.plane.restore(self.plane)
        own = host.containers
        host.containers = {name: self._container(each, own.get(name), host) for name, each in self.containers.items()}
        host.images, host.image_folders = dict(self.images), dict(self.image_folders)
        host.redis_keys, host.redis_password = copy.deepcopy(dict(self.redis_keys)), self.redis_password
        host.before_command = None
        host.allow_tcp_forwarding = True

    def _container(self, saved: Container, own: Container | None, host: Host) -> Container:
        made = copy.deepcopy(saved)
        for name in OF_THE_HOST if own is not None else ():
            setattr(made, name, getattr(own, name))
        made.labels = {key: value.replace(str(self.root), str(host.root)) for key, value in made.labels.items()}
        return made


async def save(host: Host, directory: Path, *, but: tuple[str, ...] = ()) -> Saved:
    """Save a host into an empty directory, which must stay.

    Args:
        host: a host of a running sandbox, which must stay, too: its images are used.
        directory: an empty one.
        but: the names of files to leave out.

    Raises:
        NotMovable: a file names the host's own folder.
    """
    plane = await host.plane.save()
    files = directory / "files"
    files.mkdir()
    _copy(host.root, files)
    for path in files.rglob("*"):
        if path.name in but:
            path.unlink()
        elif path.is_file() and str(host.root).encode() in path.read_bytes():
            raise NotMovable(path.relative_to(files))
    database = None
    if host.cluster.is_in_use:
        database = directory / "database"
        await host.cluster.copy_to(database)
    return Saved(
        files=files,
        root=host.root,
        database=database,
        plane=plane,
        containers=copy.deepcopy(host.containers),
        images=dict(host.images),
        image_folders=dict(host.image_folders),
        redis_keys=copy.deepcopy(host.redis_keys),
        redis_password=host.redis_password,
    )


def _copy(source: Path, target: Path) -> None:
    """Copy what is in a folder, with its owners, modes and times."""
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)
