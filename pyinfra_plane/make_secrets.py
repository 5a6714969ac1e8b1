"""``make secrets``: write strong values for missing secrets into secrets/all.env; with ``HOST=…``, into a host's file.

Existing values stay unchanged.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from pyinfra_plane.settings.secrets import GENERATED, read_secret_files

ADMIN, TOKEN = "PLANE_ADMIN_PASSWORD", "PLANE_ADMIN_API_TOKEN"

OF_ONE_PLANE = (ADMIN, "PLANE_CONCIERGE_PASSWORD")
"""Secrets that several Planes must not share: the operator of a Plane receives its passwords."""

RANDOM_BYTES = 24


def main(directory: str = "secrets", host: str = "") -> int:
    """Add the secrets to ``<directory>/all.env`` that neither the environment nor a secrets file has.

    Args:
        directory: the folder of the secrets files.
        host: a host of the inventory: the passwords that each Plane must have of its own are added to
            ``<directory>/<host>.env``.

    Returns:
        the exit code: 1 if a file cannot be used.
    """
    values, problems = read_secret_files(directory, "")
    path = Path(directory) / f"{host or 'all'}.env"
    if host:
        own, wrong = read_secret_files(directory, host, alone=True)
        values, problems = own, problems + wrong
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    wanted = OF_ONE_PLANE if host else GENERATED
    given = {name for name in (*wanted, TOKEN) if values.get(name) or (os.environ.get(name) and not host)}
    # If there is an admin's token, the admin exists, and its password cannot be generated.
    missing = [name for name in wanted if name not in given and not (name == ADMIN and TOKEN in given)]
    if not missing:
        print(f"{path}: nothing is missing")
        return 0
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        _write(path, before, missing)
    except OSError as error:
        print(f"{path}: {error.strerror}; nothing was changed", file=sys.stderr)
        return 1
    print(f"{path}: created {', '.join(missing)}")
    if "POSTGRESQL_PASSWORD" in missing:
        print("  If the database users of your hosts already share a password, put it into POSTGRESQL_PASSWORD.")
    return 0


def _write(path: Path, before: str, missing: list[str]) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    lines = [f"{name}={secrets.token_urlsafe(RANDOM_BYTES)}" for name in missing]
    text = (before if not before or before.endswith("\n") else before + "\n") + "\n".join(lines) + "\n"
    new = path.with_name(f".{path.name}.{os.getpid()}")
    # Created with its owner's access only, not changed to it; and renamed, so that a full disk keeps the old file.
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
