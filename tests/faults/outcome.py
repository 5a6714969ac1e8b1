"""What a deploy comes to, in words that do not depend on the host, on ids or on when it ran."""

from __future__ import annotations

import stat
from typing import Any

import requests

from pyinfra_plane.engine.scram import matches
from sandbox.plane.models import User
from tests.deploy.target import ENV_FILE, TOKEN_FILE, Target

_ROLES = "SELECT rolname, rolcanlogin, rolsuper FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 1"
# What is granted in so many words and what holds where nothing was granted is the same to whoever connects.
_GRANTS = "array(SELECT grantee::regrole::text || ' ' || privilege_type FROM aclexplode({}) ORDER BY 1)"
_DATABASES = f"""
SELECT datname, pg_get_userbyid(datdba), {_GRANTS.format("coalesce(datacl, acldefault('d', datdba))")}
FROM pg_database ORDER BY 1
"""
_SCHEMA = f"SELECT {_GRANTS.format('nspacl')} FROM pg_namespace WHERE nspname = 'public'"
_PASSWORD = "SELECT rolpassword FROM pg_authid WHERE rolname = 'plane'"


def outcome(target: Target, *, database: bool = False) -> dict[str, Any]:
    """Everything that the deploy is to bring about; equal for two hosts that were deployed to alike."""
    found = {**_accounts(target), **_work(target), **_tokens(target), "files": _files(target)}
    if database:
        found["database"] = _database(target)
    return found


def differences(target: Target, wanted: dict[str, Any]) -> dict[str, Any]:
    """What is not as it is after an undisturbed run: what it is, and what it should be."""
    found = outcome(target, database="database" in wanted)
    return {name: (found[name], value) for name, value in wanted.items() if found[name] != value}


def unfinished_onboarding(target: Target) -> list[str]:
    """The accounts that Plane would greet with its questions, of those a person signs in with."""
    emails = ("admin@javisi.local", "concierge@javisi.local")
    return [user.email for user in target.plane.users.values() if user.email in emails and not user.is_onboarded]


def _accounts(target: Target) -> dict[str, Any]:
    plane = target.plane
    return {
        "instance": (plane.instance.is_setup_done, plane.instance.instance_name, len(plane.instance_admins)),
        "accounts": sorted(
            (
                _address(user),
                user.display_name,
                user.first_name,
                user.is_active,
                user.user_timezone,
                any(user.notifications.values()),
            )
            for user in plane.users.values()
            if not user.is_bot
        ),
        "workspaces": sorted((row.slug, row.name, _email(target, row.owner)) for row in plane.workspaces.values()),
        "members": sorted(
            (_email(target, row.member), row.role, row.is_active) for row in plane.workspace_members.values()
        ),
        "invitations": sorted(row.email for row in plane.invitations.values()),
    }


def _work(target: Target) -> dict[str, Any]:
    plane = target.plane
    named = {row.id: row.identifier for row in plane.projects.values()}
    return {
        "projects": sorted(
            (row.identifier, row.name, row.description, row.archived_at is not None) for row in plane.projects.values()
        ),
        "project members": sorted(
            (named[row.project], _email(target, row.member), row.role, row.is_active)
            for row in plane.project_members.values()
        ),
        "states": sorted((named[row.project], row.name) for row in plane.states.values()),
    }


def _tokens(target: Target) -> dict[str, Any]:
    rows = list(target.plane.api_tokens.values())
    saved = target.tokens if (target.host.root / TOKEN_FILE).is_file() else {}
    owners = {row.token: (row.label, _email(target, row.user)) for row in rows}
    return {
        "tokens": sorted(
            (row.label, _email(target, row.user), row.description, row.is_active, row.expired_at) for row in rows
        ),
        "saved tokens": {name: owners.get(value, "unknown to Plane") for name, value in saved.items()},
        "tokens that do not answer": sorted(name for name, value in saved.items() if not answers(target, value)),
    }


def answers(target: Target, token: str) -> bool:
    """Whether a token opens the workspace."""
    url = f"http://127.0.0.1:{target.host.plane_port}/api/v1/workspaces/javisi/projects/"
    return requests.get(url, headers={"X-API-Key": token}, timeout=10).status_code == 200


def _files(target: Target) -> dict[str, Any]:
    root = target.host.root
    target.wait_until_unlocked()
    paths = [path for path in sorted(root.rglob("*")) if path.is_file()]
    found: dict[str, Any] = {str(path.relative_to(root)): oct(stat.S_IMODE(path.stat().st_mode)) for path in paths}
    if (root / ENV_FILE).exists():
        variables = target.variables(ENV_FILE)
        found["variables"] = {**variables, "SECRET_KEY": len(variables.get("SECRET_KEY", ""))}
    if (root / TOKEN_FILE).exists():
        found["comments"] = [line for line in target.file(TOKEN_FILE).splitlines() if line.startswith("#")]
    return found


def _database(target: Target) -> dict[str, Any]:
    verifier = target.host.psql(_PASSWORD)
    return {
        "roles": target.host.psql(_ROLES),
        "databases": target.host.psql(_DATABASES),
        "password": bool(verifier) and matches(target.secrets["POSTGRESQL_PASSWORD"], verifier),
        "privileges": target.host.psql(_SCHEMA, "plane_production"),
    }


def _address(user: User) -> str:
    # Plane gives its bots an address with an id in it.
    return "a bot" if user.is_bot else user.email


def _email(target: Target, user: str) -> str:
    return _address(target.plane.users[user])
