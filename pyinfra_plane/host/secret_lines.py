"""An env file on the host with secrets that Plane shows once: each is on the disk before the next step."""

from __future__ import annotations

import re
from typing import Any

from pyinfra_plane.engine.env_file import Entry, split, updated, variables
from pyinfra_plane.engine.files import read_file, write_file
from pyinfra_plane.settings import Settings
from pyinfra_plane.settings.webhooks import SECRET_PREFIX

MODE = "600"


class SecretLines:
    """The file. Lines with other names stay unchanged.

    A comment above a line notes the id in Plane of the resource whose secret it has: ``# webhook n8n: 8a2b…``. It has
    neither the variable's name nor a ``=``, so a program that searches the file for either finds only the secret. A
    line that a person or an earlier version wrote has no note.

    Args:
        path: path of the file.
        prefix: the start of the variables' names.
        noun: the noun for a resource in a note.
        user, group: owner of the file; by default the user that writes it.
    """

    def __init__(
        self, host: Any, path: str, prefix: str, noun: str, user: str | None = None, group: str | None = None
    ) -> None:
        self._host = host
        self.path = path
        self._prefix, self._noun = prefix, noun
        self._owner = (user, group)
        file = read_file(host, path)
        self._parse(file.text if file is not None else "")

    def note(self, name: str) -> str:
        """The text of the note about a line; empty if there is none."""
        return f"# {self._noun} {self._short(name)}: {self.ids[name]}" if name in self.ids else ""

    def save(self, name: str, value: str, noted: str | None = None) -> None:
        """Write a line with this value, in its place or at the end, with a note of this id."""
        comment = "" if noted is None else f"# {self._noun} {self._short(name)}: {noted}\n"
        self._write(updated(self._without_note(name), {name: f"{comment}{name}={value}"}))

    def remove(self, name: str) -> None:
        """Remove a line and its note."""
        lines = [entry.text for entry in self._without_note(name) if entry.name != name]
        self._write("\n".join([*lines, ""]) if lines else "")

    def restore(self, text: str) -> None:
        """Write the whole file as it was; `text` is an earlier :attr:`text`."""
        self._write(text)

    def keep_as_comment(self, name: str) -> None:
        """Copy a line's value to a comment, where it stays when the line gets another value."""
        text = f"# former secret of {self._noun} {self._short(name)}: {self.values[name]}"
        entries = split(self.text)
        if all(entry.text.strip() != text for entry in entries):
            self._write("\n".join([text, *(entry.text for entry in entries), ""]))

    def _short(self, name: str) -> str:
        return name.removeprefix(self._prefix).lower()

    def _noted(self, entry: Entry) -> tuple[str, str] | None:
        """The variable and the id that a comment notes."""
        found = re.fullmatch(rf"# {self._noun} ([a-z0-9_]+): ([0-9A-Za-z-]+)\r?", entry.text)
        return (self._prefix + found[1].upper(), found[2]) if found else None

    def _without_note(self, name: str) -> list[Entry]:
        return [entry for entry in split(self.text) if (self._noted(entry) or ("",))[0] != name]

    def _write(self, text: str) -> None:
        write_file(self._host, self.path, text, MODE, *self._owner)
        self._parse(text)

    def _parse(self, text: str) -> None:
        self.text = text
        self.values = {name: value.strip("\"'") for name, value in variables(text).items()}
        self.ids = dict(filter(None, map(self._noted, split(text))))


def webhook_secrets(host: Any, settings: Settings) -> SecretLines:
    """The file with the webhooks' secrets."""
    owner = (settings.plane_files_user, settings.plane_files_group)
    return SecretLines(host, settings.plane_webhook_secrets_path, SECRET_PREFIX, "webhook", *owner)
