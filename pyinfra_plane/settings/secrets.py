"""The sources of secrets on this machine."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import threading
from functools import cache
from pathlib import Path

from pyinfra.api.hiddenvalue import HiddenValue

GENERATED = ("POSTGRESQL_PASSWORD", "PLANE_ADMIN_PASSWORD", "PLANE_CONCIERGE_PASSWORD", "PLANE_AGENT_PASSWORD_SEED")
"""The secrets that ``make secrets`` generates. The host generates Plane's SECRET_KEY; storage keys come from the
storage."""

DECRYPT = ("sops", "-d", "--input-type", "dotenv", "--output-type", "dotenv")
"""An option that every release of sops 3 supports."""


class Wrapped(HiddenValue):
    """A variable of the environment or a secrets file, for the data of a host or group.

    It is wrapped, so that nothing prints it (``debug-inventory`` shows a mask). `variable` is its name.
    """

    def __init__(self, variable: str) -> None:
        super().__init__(os.environ.get(variable, ""))  # type: ignore[no-untyped-call]
        self.variable = variable

    def __copy__(self) -> Wrapped:
        """Return itself: pyinfra copies data on access, and checks the type of values that differ from the copy."""
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Wrapped) and other.variable == self.variable

    def __hash__(self) -> int:
        return hash(self.variable)

    def to_json(self) -> str:
        """The mask for JSON; pyinfra 3.10 has none for a HiddenValue."""
        return str(self)


secret_variable = Wrapped
"""The name that inventories and group data use."""


class Unreadable(Exception):
    """A secrets file cannot be used; the message says why and what to do, and shows no content."""


def read_secret_files(directory: str, host_name: str, alone: bool = False) -> tuple[dict[str, str], list[str]]:
    """Read the variables of the existing secrets files in `directory`, and the problems of the files.

    The first file that has a variable wins, in this order: ``<host_name>.env``, ``all.env``, ``<host_name>.sops.env``,
    ``all.sops.env``. The latter two are read with the command ``sops``. With `alone`, the files for all hosts are
    skipped.
    """
    values: dict[str, str] = {}
    problems: list[str] = []
    names = [name for name in (host_name, "" if alone else "all") if name and "/" not in name]
    for ending, read in (("env", _plain), ("sops.env", _decrypted)):
        for path in (Path(directory) / f"{name}.{ending}" for name in names):
            try:
                # An inventory may name a host "x.sops".
                if path.is_file() and (ending != "env" or not path.name.endswith(".sops.env")):
                    values = variables(read(path)) | values
            except Unreadable as error:
                problems.append(f"{path}: {error}")
            except OSError as error:
                return values, [*problems, f"plane_secrets_dir: {error.strerror}: {path}"]
    return values, problems


def variables(text: str) -> dict[str, str]:
    """The variables of an env file's text, without their quotes."""
    found = {}
    for line in text.split("\n"):
        key, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not key.startswith("#"):
            value = value.strip()
            is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            found[key.strip()] = value[1:-1] if is_quoted else value
    return found


def _refuse_others(path: Path) -> None:
    """Refuse a file that another user could have written, because of the owner or mode of it or its folder."""
    if not hasattr(os, "getuid"):
        return
    trusted = {0, os.getuid(), int(os.environ.get("SUDO_UID") or 0)}
    for what, one in (("it", path), (f"its folder {path.parent}", path.parent)):
        info = one.stat()
        if info.st_uid not in trusted:
            raise Unreadable(f"{what} belongs to another user ({info.st_uid}); change its owner: chown")
        if stat.S_IMODE(info.st_mode) & 0o022:
            raise Unreadable(f"other users can write {what}; run: chmod go-w {one}")


def _plain(path: Path) -> str:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Unreadable(f"other users can read it; run: chmod 600 {path}")
    _refuse_others(path)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise Unreadable(f"must be a file of UTF-8 text that you can read ({type(error).__name__})") from error


_one_at_a_time = threading.Lock()
"""Decrypt one file at a time: otherwise several hosts would start at once, and each would ask for a passphrase.

pyinfra patches this lock, so that greenlets wait for one another.
"""


def _decrypted(path: Path) -> str:
    _refuse_others(path)
    with _one_at_a_time:
        return _sops(path.resolve(), path.stat().st_mtime_ns)


@cache
def _sops(path: Path, _changed: int) -> str:
    """Decrypt each file once, because many hosts may read the same one."""
    if shutil.which(DECRYPT[0]) is None:
        raise Unreadable("the command sops is needed to read it; install sops, or store the secrets another way")
    done = subprocess.run([*DECRYPT, str(path)], capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Unreadable(f"sops cannot decrypt it (exit code {done.returncode}); run: {' '.join(DECRYPT)} {path}")
    try:
        return done.stdout.decode()
    except UnicodeDecodeError:
        raise Unreadable("must be an env file of UTF-8 text after decryption") from None
