"""What the settings come to: one frozen dataclass for each thing that can be asked for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyinfra.api.exceptions import DeployError
from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.text import printable

ROLES: Mapping[str, int] = {"admin": 20, "member": 15, "guest": 5}
"""Plane's role numbers (every tried release)."""

ROLE_NAMES: Mapping[int, str] = {number: name for name, number in ROLES.items()}

CONCIERGE = "concierge"
"""The agent whose password is a setting of its own, so that a person can sign in as it."""


class SettingsError(DeployError):
    """The settings of a host cannot be used; each problem names the setting, what is wrong and what is allowed."""

    def __init__(self, problems: str | Sequence[str]) -> None:
        # What is not allowed may hold anything, and so may names that are.
        self.problems = tuple(
            printable(problem) for problem in ((problems,) if isinstance(problems, str) else problems)
        )
        if len(self.problems) > 1:
            super().__init__("settings:" + "".join(f"\n    {problem}" for problem in self.problems))
        elif isinstance(problems, str):
            super().__init__(self.problems[0])
        else:
            super().__init__(f"setting {self.problems[0]}")


@dataclass(frozen=True)
class Agent:
    """One account in the workspace, with its role, its token and its password; `present` is false for one to remove."""

    name: str
    email: str
    role: str
    display_name: str
    password: HiddenValue | None = field(repr=False)
    present: bool = True
    former_password: HiddenValue | None = field(default=None, repr=False)
    """As it was derived before 0.1.0, for an account that was made then."""
    user: str | None = None
    group: str | None = None
    """Who the agent's own file belongs to; ``plane_files_user`` and ``plane_files_group`` when ``None``."""

    @property
    def role_number(self) -> int:
        """The role as Plane's number: 20, 15 or 5."""
        return ROLES[self.role]

    @property
    def token_label(self) -> str:
        """The label of the agent's API token in Plane."""
        return f"agent-{self.name}"

    @property
    def token_variable(self) -> str:
        """The name of the agent's line in the token file, for example ``PLANE_TOKEN_CONCIERGE``."""
        return token_variable(self.name)


def token_variable(name: str) -> str:
    """The name of an agent's line in the token file."""
    return "PLANE_TOKEN_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


@dataclass(frozen=True)
class Storage:
    """The S3 storage of Plane's files. MinIO (`is_minio`) is reached by browsers at Plane's own address."""

    is_minio: bool
    endpoint: str
    region: str
    bucket: str
    access_key: HiddenValue | None
    secret_key: HiddenValue | None


def derive_password(seed: HiddenValue, email: str, plane: str = "") -> HiddenValue:
    """The password of an agent's account: HMAC-SHA-256 of the Plane and the address under the seed, in base64.

    The same seed, Plane and address give the same password on every run, so nothing has to be stored.

    Args:
        seed: the secret.
        email: of the account; in capitals or not.
        plane: what stands for the Plane (``plane_seed_host``). Empty: as before 0.1.0, the same in every Plane.
    """
    text = f"{plane.lower()}\n{email.lower()}" if plane else email.lower()
    digest = hmac.new(seed.unmask().encode(), text.encode(), hashlib.sha256).digest()
    return HiddenValue(base64.urlsafe_b64encode(digest).decode().rstrip("="))
