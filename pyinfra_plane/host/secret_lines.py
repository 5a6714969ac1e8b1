"""An env file on the host with secrets that Plane shows once: each is on the disk before the next step."""

from __future__ import annotations

from typing import Any

from pyinfra_plane.engine.env_file import split, updated, variables
from pyinfra_plane.engine.files import read_file, write_file

MODE = "600"


class SecretLines:
    """The file. Lines with other names stay unchanged.

    Args:
        path: path of the file.
        user, group: owner of the file; by default the user that writes it.
    """

    def __init__(self, host: Any, path: str, user: str | None = None, group: str | None = None) -> None:
        self._host = host
        self.path = path
        self._owner = (user, group)
        file = read_file(host, path)
        self._text = file.text if file is not None else ""
        self.values = {name: value.strip("\"'") for name, value in variables(self._text).items()}

    def save(self, name: str, value: str) -> None:
        """Write a line with this value, in its place or at the end."""
        self._write(updated(split(self._text), {name: f"{name}={value}"}))

    def remove(self, name: str) -> None:
        """Remove a line."""
        lines = [entry.text for entry in split(self._text) if entry.name != name]
        self._write("\n".join([*lines, ""]) if lines else "")

    def _write(self, text: str) -> None:
        write_file(self._host, self.path, text, MODE, *self._owner)
        self._text = text
        self.values = {name: value.strip("\"'") for name, value in variables(text).items()}
