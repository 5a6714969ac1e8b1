"""The settings of a host out of its data: each checked by itself, then what must hold between them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.settings.models import SettingsError
from pyinfra_plane.settings.table import DEFAULTS, MAY_HOLD_SECRETS, NOBODY_IS_ADMIN, TABLE, Settings
from pyinfra_plane.settings.values import Values


@dataclass
class _Read:
    settings: Settings | None = None


def settings_of(host: Any) -> Settings:
    """The checked settings of a pyinfra host.

    Args:
        host: a pyinfra ``Host`` (or the context's ``host``).

    Raises:
        SettingsError: with every problem found, one to a line.
    """
    kept = run_of(host).part(_Read)
    if kept.settings is None:
        kept.settings = read_settings(host.data.dict(), host.name)
    return kept.settings


def config_dir_of(host: Any) -> str | None:
    """The folder that stands for what one run at a time may change on a host: ``plane_config_dir``, as it is given.

    A host whose data say nothing of Plane has none.
    """
    given = {
        name: value for name in DEFAULTS if name.startswith("plane_") and (value := host.data.get(name)) is not None
    }
    directory = given.get("plane_config_dir", DEFAULTS["plane_config_dir"])
    return str(directory) if given and directory else None


def read_settings(data: Mapping[str, Any], host_name: str = "") -> Settings:
    """The checked settings out of plain data, as ``host.data.dict()`` gives it; what it lacks has its default.

    Args:
        data: setting name to value.
        host_name: names the host's own secrets file.

    Raises:
        SettingsError: with every problem found, one to a line.
    """
    values = Values({**DEFAULTS, **data}, host_name, MAY_HOLD_SECRETS)
    _misspelt(values)
    for name, entry in TABLE.items():
        values.checked[name] = entry.check(values, name)
    settings = Settings(**values.checked)
    _check_together(values, settings)
    if values.problems:
        raise SettingsError(values.problems)
    return settings


def _check_together(values: Values, settings: Settings) -> None:
    lifetime = values.data.get("plane_token_lifetime_days")
    good_lifetime = isinstance(lifetime, int) and 1 <= lifetime <= 3650
    if good_lifetime and settings.plane_token_renew_days >= (settings.plane_token_lifetime_days or 0):
        wanted = f"wanted: less than plane_token_lifetime_days ({settings.plane_token_lifetime_days})"
        values.refuse("plane_token_renew_days", settings.plane_token_renew_days, wanted)
    if settings.plane_api_tls_insecure and settings.plane_api_ca is not None:
        values.problems.append(
            "plane_api_tls_insecure: True is not allowed with plane_api_ca, which is for checking; wanted: one of them"
        )
    _check_storage(values, settings)
    if settings.plane_db_user == settings.postgres_superuser:
        values.refuse("plane_db_user", settings.plane_db_user, "wanted: a role of its own, not postgres_superuser")
    if settings.plane_db_name in ("postgres", settings.postgres_maintenance_db):
        values.refuse(
            "plane_db_name", settings.plane_db_name, "wanted: a database of its own, not the one that tools connect to"
        )
    # With no list at all, a deploy of one's own may ask for something else than agents.
    named = settings.plane_agents or settings.absent_agents or settings.plane_prune
    refused = any(problem.startswith(("plane_agents:", "plane_prune:")) for problem in values.problems)
    if named and not settings.has_admin and not refused:
        values.problems.append(NOBODY_IS_ADMIN)


def _check_storage(values: Values, settings: Settings) -> None:
    if "_" in (urlsplit(settings.plane_minio_endpoint or "").hostname or ""):
        values.problems.append(
            "plane_minio_endpoint: the address must have a host name without an underscore: boto3 in Plane refuses "
            "one; use the service's name"
        )
    given = [name for name in ("plane_s3_endpoint", "plane_s3_region") if values.data.get(name) is not None]
    if values.data.get("plane_s3_bucket") is None:
        if given:
            values.problems.append(f"plane_s3_bucket: missing; set it, or take out {' and '.join(given)}")
        return
    if values.data.get("plane_minio_endpoint") is not None:
        values.problems.append(
            "plane_s3_bucket: not allowed with plane_minio_endpoint, which is for MinIO at Plane's own address; set "
            "one of them to None"
        )
    if values.data.get("plane_s3_region") is None:
        values.problems.append(
            "plane_s3_region: missing; set the region of the bucket: auto for R2 and GCS, us-east-1 for a MinIO that "
            "was given none"
        )


def _misspelt(values: Values) -> None:
    ours = ("plane_", "postgres", "rotate_", "redis_")
    known = [name for name in DEFAULTS if name.startswith(ours)]
    for name in values.data:
        if isinstance(name, str) and name.startswith(ours) and name not in known:
            # What all names begin with makes none of them alike.
            begin = next(prefix for prefix in ours if name.startswith(prefix))
            rests = [one.removeprefix(begin) for one in known if one.startswith(begin)]
            near = difflib.get_close_matches(name.removeprefix(begin), rests, n=1)
            hint = f"; did you mean {begin}{near[0]}?" if near else "; see docs/settings.md"
            values.problems.append(f"{name}: unknown setting{hint}")
