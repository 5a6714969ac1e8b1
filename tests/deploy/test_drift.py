"""Given a finished host on which one thing differs: the preview names just that, and the next run mends just that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.plane.models import timestamp
from tests.deploy.settled import Settled
from tests.deploy.target import AGENTS, ENV_FILE, TOKEN_FILE, Target
from tests.faults.outcome import differences, outcome


@dataclass(frozen=True)
class Drift:
    """What a person did, and what the preview says of it."""

    what: str
    do: Callable[[Target], object]
    plan: list[str]


def _remove_from_file(target: Target, path: str, start: str) -> None:
    lines = target.file(path).splitlines(keepends=True)
    (target.host.root / path).write_text("".join(line for line in lines if not line.startswith(start)))


def _revoke(target: Target, name: str) -> None:
    token = target.tokens[name]
    for row in list(target.plane.api_tokens.values()):
        if row.token == token:
            del target.plane.api_tokens[row.id]


def _remove_member(target: Target, name: str) -> None:
    target.membership(name).is_active = False
    for row in target.plane.project_members.values():
        if row.member == target.user(name).id:
            row.is_active = False


def _delete_project(target: Target) -> None:
    project = target.project()
    del target.plane.projects[project.id]
    for rows in (target.plane.project_members, target.plane.states):
        for row in [row for row in rows.values() if row.project == project.id]:
            del rows[row.id]


def _archive(target: Target) -> None:
    target.project().archived_at = timestamp()


def _psql(sql: str, database: str = "postgres") -> Callable[[Target], object]:
    return lambda target: target.host.psql(sql, database)


def _set(row: Callable[[Target], object], **values: object) -> Callable[[Target], object]:
    return lambda target: vars(row(target)).update(values)


def _chmod(path: str, mode: int) -> Callable[[Target], object]:
    return lambda target: (target.host.root / path).chmod(mode)


TOKENS = [f"+ token agent-{name}" for name in AGENTS]

DRIFTS = [
    Drift("the role may not log in", _psql("ALTER ROLE plane NOLOGIN"), ["~ role plane: may log in"]),
    Drift(
        "the role has expired",
        _psql("ALTER ROLE plane VALID UNTIL '2020-01-02'"),
        ["~ role plane: valid until 2020-01-02 → always"],
    ),
    Drift(
        "the database lets nobody in",
        _psql("ALTER DATABASE plane_production CONNECTION LIMIT 0"),
        ["~ database plane_production: connection limit 0 → none"],
    ),
    Drift("the role's password differs", _psql("ALTER ROLE plane PASSWORD 'other'"), ["~ role plane: password"]),
    Drift("the role has no password", _psql("ALTER ROLE plane PASSWORD NULL"), ["~ role plane: password"]),
    Drift(
        "the database has another owner",
        _psql("ALTER DATABASE plane_production OWNER TO postgres"),
        ["~ database plane_production: owner postgres → plane", "+ privileges on database plane_production for plane"],
    ),
    Drift(
        "a privilege on the database was taken",
        _psql("REVOKE TEMPORARY ON DATABASE plane_production FROM plane"),
        ["+ privileges on database plane_production for plane"],
    ),
    Drift(
        "a privilege on the schema was taken",
        _psql("REVOKE CREATE ON SCHEMA public FROM plane", "plane_production"),
        ["+ privileges on schema public of plane_production for plane"],
    ),
    Drift(
        "the database is gone",
        _psql("DROP DATABASE plane_production"),
        [
            "+ database plane_production, owner plane",
            "+ privileges on schema public of plane_production for plane",
            "~ run migrator",
        ],
    ),
    Drift(
        "a variable is missing",
        lambda target: _remove_from_file(target, ENV_FILE, "WEB_URL="),
        [f"~ {ENV_FILE}: WEB_URL"],
    ),
    Drift(
        "a variable is there twice",
        lambda target: (target.host.root / ENV_FILE).write_text(target.file(ENV_FILE) + "WEB_URL=x\n"),
        [f"~ {ENV_FILE}: WEB_URL", f"~ {ENV_FILE}: WEB_URL: duplicate lines removed"],
    ),
    Drift("others can read the environment", _chmod(ENV_FILE, 0o644), [f"~ {ENV_FILE}: mode 644 → 600"]),
    Drift(
        "one container runs with another environment than its file holds",
        lambda target: target.host.containers["javisi_plane_worker"].environment.update(WEB_URL="https://other"),
        ["~ run migrator", "~ recreate worker: runs with another WEB_URL"],
    ),
    Drift(
        "the workspace has another name",
        _set(Target.workspace, name="Other"),
        ["~ workspace javisi: name Other → Javisi"],
    ),
    Drift(
        "a member was removed",
        lambda target: _remove_member(target, "thot"),
        ["+ member again: thot@javisi.local (member)", "+ members of ONBOARD: thot"],
    ),
    Drift(
        "a member has another role",
        _set(lambda target: target.membership("shuri"), role=20),
        ["~ role of shuri@javisi.local: admin → member"],
    ),
    Drift(
        "an admin was made a member",
        _set(lambda target: target.membership("concierge"), role=15),
        ["~ role of concierge@javisi.local: member → admin"],
    ),
    Drift(
        "a member has another display name",
        _set(lambda target: target.user("cfo"), display_name="Money"),
        ["~ display name of cfo@javisi.local: Money → cfo"],
    ),
    Drift(
        "a token was revoked",
        lambda target: _revoke(target, "r2d2"),
        ["~ token agent-r2d2: the saved one does not answer"],
    ),
    Drift(
        "the concierge's token was revoked",
        lambda target: _revoke(target, "concierge"),
        ["~ token agent-concierge: the saved one does not answer"],
    ),
    Drift(
        "a token's line is missing",
        lambda target: _remove_from_file(target, TOKEN_FILE, "PLANE_TOKEN_HERMES="),
        ["+ token agent-hermes"],
    ),
    Drift("others can read the tokens", _chmod(TOKEN_FILE, 0o640), [f"~ {TOKEN_FILE}: mode 640 → 600"]),
    Drift(
        "the token file is gone",
        lambda target: (target.host.root / TOKEN_FILE).unlink(),
        [
            "? workspace javisi: created if missing (no saved token to check with)",
            *(
                f"? member {name}@javisi.local ({'admin' if name == 'concierge' else 'member'}): no saved token to "
                "check with"
                for name in AGENTS
            ),
            *TOKENS,
            "? project ONBOARD (Onboarding)",
            f"? members of ONBOARD: {', '.join(AGENTS)}",
        ],
    ),
    Drift(
        "the project is gone",
        _delete_project,
        ["+ project ONBOARD (Onboarding)", f"+ members of ONBOARD: {', '.join(AGENTS)}"],
    ),
    Drift("the project is archived", _archive, ["~ project ONBOARD: no longer archived"]),
    Drift(
        "the project has another name",
        _set(Target.project, name="Welcome"),
        ["~ project ONBOARD: name Welcome → Onboarding"],
    ),
    Drift(
        "the project has another description", _set(Target.project, description="?"), ["~ project ONBOARD: description"]
    ),
    Drift(
        "an agent was taken out of the project",
        _set(lambda target: target.project_membership("imhotep"), is_active=False),
        ["+ members of ONBOARD: imhotep"],
    ),
    Drift(
        "the concierge was taken out of the project",
        _set(lambda target: target.project_membership("concierge"), is_active=False),
        ["+ members of ONBOARD: concierge"],
    ),
    Drift(
        "an agent has another role in the project",
        _set(lambda target: target.project_membership("piccolo"), role=5),
        ["~ role of piccolo in ONBOARD: guest → member"],
    ),
]


@pytest.fixture(scope="module")
def wanted(finished: Target) -> dict[str, Any]:
    """What the finished host comes to before anything differs on it."""
    return outcome(finished, database=True)


@pytest.mark.parametrize("drift", DRIFTS, ids=[drift.what for drift in DRIFTS])
def test_when(drift: Drift, finished: Target, wanted: dict[str, Any]) -> None:
    drift.do(finished)
    before = finished.snapshot()
    preview = finished.deploy("--dry")
    assert preview.code == 0, preview.output
    assert preview.plan == drift.plan
    assert preview.writes == []
    assert finished.snapshot() == before

    run = finished.deploy()
    assert run.code == 0, run.output
    assert run.changed, run.output
    assert differences(finished, wanted) == {}


def test_the_secret_key_is_kept_when_the_file_is_written_again(finished: Target) -> None:
    key = finished.variables(ENV_FILE)["SECRET_KEY"]
    _remove_from_file(finished, ENV_FILE, "WEB_URL=")
    assert finished.deploy(operation="deploy.environment").code == 0
    assert finished.variables(ENV_FILE)["SECRET_KEY"] == key and len(key) >= 50


def test_what_is_not_named_is_left_alone(target: Target, settled: Settled) -> None:
    settled.settle(target)
    target.host.psql("CREATE ROLE n8n LOGIN PASSWORD 'x'")
    target.host.psql("CREATE DATABASE n8n OWNER n8n")
    tokens = target.host.root / TOKEN_FILE
    tokens.write_text(tokens.read_text() + "SOMEBODY_ELSE=1\n")
    others = "SELECT rolpassword FROM pg_authid WHERE rolname = 'n8n'"
    verifier = target.host.psql(others)
    _revoke(target, "maintainer")
    run = target.deploy()
    assert run.plan == ["~ token agent-maintainer: the saved one does not answer"], run.output
    assert target.variables(TOKEN_FILE)["SOMEBODY_ELSE"] == "1"
    assert target.host.psql(others) == verifier
