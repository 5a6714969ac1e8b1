"""Plane's environment file: what it holds, what it cannot hold, and when containers must be made anew."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pyinfra.api import HiddenValue
from pyinfra.context import ctx_host, ctx_state

from operations import environment
from pyinfra_plane.engine.converge import Change, Note, Unchanged
from pyinfra_plane.host import plane_env
from pyinfra_plane.host.plane_env import parse as parse_env
from pyinfra_plane.host.plane_env import render
from pyinfra_plane.settings import Settings, SettingsError
from tests.unit.given import PROPERTY, Shell, checked

PASSWORD = "hunter2/Tr0ub4dor"

STORAGE = {
    "USE_MINIO", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_S3_ENDPOINT_URL",
    "AWS_S3_BUCKET_NAME", "MINIO_ENDPOINT_SSL",
}  # fmt: skip


def complete(**changes: Any) -> Settings:
    return checked(
        **{
            "postgresql_password": PASSWORD,
            "plane_secret_key": "a-secret-key",
            "plane_minio_endpoint": "http://minio:9000",
            "plane_minio_access_key": "an-access-key",
            "plane_minio_secret_key": "a-storage-secret",
            **changes,
        }
    )


def variables(**changes: Any) -> dict[str, str]:
    return parse_env(render(complete(**changes)).unmask())


# What it holds


def test_what_plane_cannot_do_without_is_there() -> None:
    assert variables(plane_minio_endpoint=None) == {
        "SECRET_KEY": "a-secret-key",
        "DATABASE_URL": "postgresql://plane:hunter2%2FTr0ub4dor@javisi_postgresql:5432/plane_production",
        "REDIS_URL": "redis://redis:6379/4",
        "AMQP_URL": "redis://redis:6379/5",
        "WEB_URL": "https://work.example.com",
        "CORS_ALLOWED_ORIGINS": "https://work.example.com",
        "GUNICORN_WORKERS": "2",
    }


def test_storage_is_described_where_there_is_an_endpoint_and_not_otherwise() -> None:
    found = variables()
    assert set(found) >= STORAGE
    assert (found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"]) == ("an-access-key", "a-storage-secret")
    assert (found["AWS_S3_ENDPOINT_URL"], found["AWS_S3_BUCKET_NAME"]) == ("http://minio:9000", "plane")
    assert not set(variables(plane_minio_endpoint=None)) & STORAGE


def test_minio_is_reached_by_browsers_as_plane_is() -> None:
    found = variables()
    assert (found["USE_MINIO"], found["MINIO_ENDPOINT_SSL"], found["AWS_REGION"]) == ("1", "1", "")
    assert variables(plane_web_url="http://10.0.0.5")["MINIO_ENDPOINT_SSL"] == "0"


def test_other_storage_is_reached_by_browsers_at_its_own_address() -> None:
    found = variables(
        plane_minio_endpoint=None,
        plane_s3_bucket="files",
        plane_s3_region="eu-central-1",
        plane_s3_access_key="an-access-key",
        plane_s3_secret_key="a-storage-secret",
    )
    assert {name: value for name, value in found.items() if "AWS" in name or "MINIO" in name} == {
        "USE_MINIO": "0",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "an-access-key",
        "AWS_SECRET_ACCESS_KEY": "a-storage-secret",
        "AWS_S3_ENDPOINT_URL": "https://s3.eu-central-1.amazonaws.com",
        "AWS_S3_BUCKET_NAME": "files",
    }


def test_further_variables_are_added_and_win() -> None:
    extra = {"API_KEY_RATE_LIMIT": "300/minute", "DEBUG": 0, "GUNICORN_WORKERS": "8", "TOKEN": HiddenValue("x=y z")}
    found = variables(plane_env_extra=extra)
    assert found["API_KEY_RATE_LIMIT"] == "300/minute"
    assert (found["DEBUG"], found["GUNICORN_WORKERS"], found["TOKEN"]) == ("0", "8", "x=y z")


def test_no_variable_stands_twice() -> None:
    text = render(complete(plane_env_extra={"GUNICORN_WORKERS": 8, "DEBUG": 0, "SECRET_KEY": "own"}))
    names = [line.partition("=")[0] for line in text.unmask().splitlines() if not line.startswith("#")]
    assert len(names) == len(set(names))


def test_the_text_never_prints() -> None:
    assert PASSWORD not in repr(render(complete())) + str(render(complete()))


def test_every_line_is_a_comment_or_a_variable_and_the_last_one_ends() -> None:
    text = render(complete(plane_env_extra={"A": "b"})).unmask()
    assert text.endswith("\n")
    assert all(line.startswith("#") or "=" in line for line in text.splitlines())


@pytest.mark.parametrize("password", ["with/slash", "a@b:c?d#e", "100%", "%2F", "back\\slash", "'\"`$", " ends ", "ü☃"])
def test_a_password_with_an_awkward_character_survives_the_url(password: str) -> None:
    assert unquote(urlsplit(variables(postgresql_password=password)["DATABASE_URL"]).password or "") == password


@examples(PROPERTY, max_examples=60)
@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=63),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=63),
)
def test_any_password_role_and_database_survive_the_url(password: str, role: str, database: str) -> None:
    found = variables(postgresql_password=password, plane_db_user=role, plane_db_name=database)
    url = urlsplit(found["DATABASE_URL"])
    assert (unquote(url.password or ""), unquote(url.username or "")) == (password, role)
    assert unquote(url.path[1:]) == database
    assert (url.hostname, url.port) == ("javisi_postgresql", 5432)


def test_the_address_of_a_database_can_be_ipv6() -> None:
    assert urlsplit(variables(plane_db_host="fd00::5")["DATABASE_URL"]).hostname == "fd00::5"


# What it cannot hold


@pytest.mark.parametrize("value", [f"{PASSWORD}{character}" for character in "\"'`$#\\ "] + [f" {PASSWORD}"])
@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("plane_secret_key", "SECRET_KEY"),
        ("plane_minio_access_key", "AWS_ACCESS_KEY_ID"),
        ("plane_minio_secret_key", "AWS_SECRET_ACCESS_KEY"),
        ("plane_env_extra", "SMTP_PASSWORD"),
    ],
)
def test_a_value_that_an_env_file_changes_is_refused_by_name_and_not_shown(setting: str, name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        variables(**{setting: {name: value} if setting == "plane_env_extra" else value})
    # Once, by the name that a person gave it.
    named = f"{setting}.{name}" if setting == "plane_env_extra" else setting
    assert str(caught.value).startswith(f"setting {named}: the environment file cannot carry the value unchanged: ")
    assert PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["two\nlines", "two\rlines", "tab\tbed", "nul\0"])
def test_a_variable_of_several_lines_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match=r"^setting plane_env_extra\.SMTP_PASSWORD: .* cannot carry"):
        variables(plane_env_extra={"SMTP_PASSWORD": value})


def test_a_key_that_cannot_be_carried_may_be_in_the_file_already() -> None:
    with pytest.raises(
        SettingsError, match=r"plane_secret_key: .*; if the file on the host has this key already, set pl"
    ):
        variables(plane_secret_key="a$b#c")
    with pytest.raises(SettingsError) as caught:
        variables(plane_minio_secret_key="a$b#c")
    assert "already" not in str(caught.value)


@pytest.mark.parametrize("setting", ["plane_redis_url", "plane_amqp_url", "plane_minio_endpoint"])
def test_an_address_with_a_dollar_in_its_password_is_refused_by_name(setting: str) -> None:
    scheme = "redis" if setting in ("plane_redis_url", "plane_amqp_url") else "http"
    with pytest.raises(SettingsError, match=setting.removeprefix("plane_")) as caught:
        variables(**{setting: f"{scheme}://me:hunter2$x@host"})
    assert "hunter2" not in str(caught.value)


def test_a_key_of_storage_that_is_not_used_is_not_looked_at() -> None:
    assert variables(plane_minio_endpoint=None, plane_minio_secret_key="a$b")


def test_a_variable_with_an_uncommon_separator_stays_one_variable() -> None:
    found = variables(plane_env_extra={"A": "left\u2028B=right"})
    assert (found["A"], "B" in found) == ("left\u2028B=right", False)


@pytest.mark.parametrize("value", ["a$b", "two\nSECRET_KEY=lines"])
def test_a_variable_whose_name_begins_with_db_is_looked_at_too(value: str) -> None:
    with pytest.raises(SettingsError, match="db_dsn"):
        variables(plane_env_extra={"db_dsn": value})


# What is worth a line about plane_env_extra


def advised(**changes: Any) -> list[str]:
    lines = environment.advice(checked(**changes))
    assert all(line.startswith("! plane_env_extra: ") for line in lines)
    return [line.removeprefix("! plane_env_extra: ") for line in lines]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("SECRET_KYE", "SECRET_KEY"),
        ("API_KEY_RATELIMIT", "API_KEY_RATE_LIMIT"),
        ("WEB_ULR", "WEB_URL"),
        ("EMAIL_HOSTS", "EMAIL_HOST"),
        ("FILE_SIZE_LIMlT", "FILE_SIZE_LIMIT"),
        ("email_host", "EMAIL_HOST"),
    ],
)
def test_a_name_that_looks_misspelt_is_pointed_out_without_its_value(name: str, known: str) -> None:
    assert advised(plane_env_extra={name: PASSWORD}) == [
        f"{name} is not a variable that this deploy knows; did you mean {known}?"
    ]


def test_the_names_of_planes_own_variables_and_of_its_neighbours_are_not_pointed_out() -> None:
    # Read off Plane 1.3.1, changes after it, commercial editions and the role that this deploy replaces.
    names = """API_KEY_RATE_LIMIT WEBHOOK_ALLOWED_IPS WEBHOOK_ALLOWED_HOSTS WEBHOOK_DISALLOWED_DOMAINS APP_VERSION
    IS_GOOGLE_ENABLED IS_GITHUB_ENABLED IS_GITLAB_ENABLED IS_GITEA_ENABLED ENABLE_GOOGLE_SYNC ENABLE_GITHUB_SYNC
    DATABASE_READ_REPLICA_URL ENABLE_READ_REPLICA POSTGRES_READ_REPLICA_HOST SESSION_SAVE_EVERY_REQUEST
    UNUPLOADED_ASSET_DELETE_DAYS GPT_ENGINE SLACK_CLIENT_ID SLACK_CLIENT_SECRET SCOUT_KEY SCOUT_MONITOR POSTHOG_API_KEY
    POSTHOG_HOST MONGO_DB_URL MONGO_DB_DATABASE PORT GITHUB_APP_NAME GITHUB_CLIENT_ID GITLAB_CLIENT_ID GITEA_CLIENT_ID
    GITHUB_ACCESS_TOKEN GITHUB_ORGANIZATION_ID GITLAB_HOST GITEA_HOST EMAIL_USE_TLS EMAIL_USE_SSL EMAIL_PORT EMAIL_HOST
    APP_BASE_URL API_BASE_URL AES_SECRET_KEY LIVE_SERVER_SECRET_KEY PI_BASE_URL MACHINE_SIGNATURE PRIME_HOST
    NEXT_PUBLIC_API_BASE_URL NEXT_PUBLIC_ENABLE_SIGNUP NEXT_PUBLIC_ENABLE_OAUTH DEFAULT_FILE_STORAGE
    AWS_STORAGE_BUCKET_NAME AWS_S3_CUSTOM_DOMAIN PLANE_WEBHOOK_SECRET CELERY_BROKER_URL MINIO_ENDPOINT_URL
    REDIS_HOST REDIS_PORT RABBITMQ_HOST RABBITMQ_PORT RABBITMQ_USER RABBITMQ_PASSWORD DEBUG TZ http_proxy https_proxy
    CORS_ALLOWED_ORIGINS OPENAI_API_KEY OPENAI_API_BASE LLM_API_KEY ENABLE_DRF_SPECTACULAR INSTANCE_CHANGELOG_URL
    AUTHENTICATION_RATE_LIMIT AUTHENTICATION_ACCOUNT_RATE_LIMIT API_ACTIVITY_LOG_RETENTION_DAYS
    WEBHOOK_LOG_RETENTION_DAYS EMAIL_LOG_RETENTION_DAYS PAYMENT_SERVER_BASE_URL FEATURE_FLAG_SERVER_BASE_URL"""
    assert advised(plane_env_extra=dict.fromkeys(names.split(), "x")) == []


STORES = {"plane_s3_bucket": "files", "plane_s3_region": "auto"}


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"plane_env_extra": {"REDIS_URL": "x"}}, ["REDIS_URL overrides plane_redis_url; set only one of them"]),
        ({"plane_env_extra": {"SECRET_KEY": "x"}}, []),
        ({"plane_env_extra": {"SECRET_KEY": "x"}, "plane_secret_key": "y"},
         ["SECRET_KEY overrides plane_secret_key; set only one of them"]),
        ({"plane_env_extra": {"DATABASE_URL": "x"}},
         ["DATABASE_URL overrides postgresql_password and plane_db_…; set only one of them"]),
        ({"plane_env_extra": {"AWS_REGION": "x"}, "plane_minio_endpoint": "http://minio:9000"}, []),
        ({"plane_env_extra": {"AWS_REGION": "x", "AWS_S3_BUCKET_NAME": "y"}, **STORES},
         ["AWS_REGION overrides plane_s3_region; set only one of them",
          "AWS_S3_BUCKET_NAME overrides plane_s3_bucket; set only one of them"]),
        ({"plane_env_extra": {"AWS_ACCESS_KEY_ID": "x"}, "plane_minio_endpoint": "http://minio:9000"},
         ["AWS_ACCESS_KEY_ID overrides plane_minio_access_key; set only one of them"]),
        ({"plane_env_extra": {"AWS_S3_BUCKET_NAME": "x", "USE_MINIO": "1"}},
         ["plane_minio_… (for MinIO) and plane_s3_… (for AWS, R2, GCS and others) write USE_MINIO, AWS_S3_BUCKET_NAME "
          "and related variables; use these settings instead"]),
    ],
)  # fmt: skip
def test_a_variable_that_another_setting_writes_names_that_setting(changes: dict[str, Any], lines: list[str]) -> None:
    assert advised(**changes) == lines


MINIO = {"plane_minio_endpoint": "http://minio:9000", "plane_minio_access_key": "a", "plane_minio_secret_key": "s"}
S3 = {**STORES, "plane_s3_access_key": "a", "plane_s3_secret_key": "s"}
OWN_CHOICE = {"CORS_ALLOWED_ORIGINS", "MINIO_ENDPOINT_SSL"}
"""Written for the settings, and no setting can say all that plane_env_extra can."""


@pytest.mark.parametrize("storage", [{}, MINIO, S3], ids=["no storage", "MinIO", "S3"])
def test_every_variable_that_a_setting_writes_names_that_setting(storage: dict[str, Any]) -> None:
    given = {**storage, "postgresql_password": "p", "plane_secret_key": "k"}
    own_region = {"AWS_REGION", "AWS_DEFAULT_REGION"} if storage is MINIO else set()
    written = {*parse_env(render(checked(**given)).unmask()), *plane_env.STORAGE} - OWN_CHOICE - own_region
    for name in written:
        [line] = advised(**given, plane_env_extra={name: "x"})
        assert name in line and re.search("(plane|postgresql)_[a-z]", line) and "did you mean" not in line
    for name in OWN_CHOICE:
        assert advised(**given, plane_env_extra={name: "x"}) == []


def test_the_advice_is_shown_with_the_file(host: Shell, tmp_path: Path) -> None:
    text, lines = HiddenValue("DEBUG=1\n"), ["! mind this"]
    note, change = plan(environment.env_file, host, path=str(tmp_path / "plane.env"), text=text, advice=lines)
    assert note == Note("! mind this") and isinstance(change, Change)


# The operations, without pyinfra's own part


class ExecutingState:
    """As much of pyinfra's state as tells looking from doing."""

    def __init__(self, is_executing: bool) -> None:
        self.is_executing = is_executing


@contextmanager
def running_for(host: Shell, executing: bool) -> Iterator[None]:
    with ctx_state.use(ExecutingState(executing)), ctx_host.use(host):
        yield


def plan(operation: Any, host: Shell, *, executing: bool = True, **arguments: Any) -> list[Change | Unchanged | Note]:
    """What an operation finds to do on a host."""
    with running_for(host, executing):
        return list(operation._inner.__wrapped__(**arguments))


def changes(items: Iterable[Change | Unchanged | Note]) -> list[str]:
    """The lines of what an operation would change."""
    return [line for item in items if isinstance(item, Change) for line in item.lines]


def apply(items: list[Change | Unchanged | Note]) -> None:
    """Do what an operation would change, which must be something."""
    found = [item for item in items if isinstance(item, Change)]
    assert found
    for item in found:
        item.apply()


@pytest.fixture
def host(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_missing_env_file_is_made_with_a_new_key_for_its_owner_alone(host: Shell, tmp_path: Path) -> None:
    path = tmp_path / "configs" / "plane.env"
    text = render(complete(plane_secret_key=None))
    items = plan(environment.env_file, host, path=str(path), text=text)
    [change] = items
    assert isinstance(change, Change)
    assert change.lines == (f"+ {path}: {', '.join(parse_env(text.unmask()))}",)
    assert not path.exists()
    apply(items)
    found = parse_env(path.read_text())
    assert len(found.pop("SECRET_KEY")) >= 50
    assert found == {name: value for name, value in parse_env(text.unmask()).items() if name != "SECRET_KEY"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in "".join(host.commands) + "".join(change.lines)


def write(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_bytes(text.encode())
    path.chmod(mode)


@pytest.mark.parametrize(
    "line",
    [
        "SECRET_KEY=made-by-hand\\1", "SECRET_KEY=k$x#y", "SECRET_KEY='k$x # y'", 'SECRET_KEY="two\nlines"',
        "export SECRET_KEY=k=1:2", "  export\tSECRET_KEY = k=1:2", "SECRET_KEY: k=1:2", "SECRET_KEY:k=1:2",
        "SECRET_KEY=k=1:2\r",
    ],
)  # fmt: skip
def test_a_key_that_is_there_is_kept_in_whatever_form_docker_compose_reads_it(
    host: Shell, tmp_path: Path, line: str
) -> None:
    path = tmp_path / "plane.env"
    write(path, f"# old\n{line}\nOLD=x\n")
    items = plan(environment.env_file, host, path=str(path), text=HiddenValue("# new\nSECRET_KEY=\nDEBUG=1\n"))
    assert changes(items) == [f"~ {path}: DEBUG"]
    apply(items)
    assert path.read_bytes().decode() == f"# old\n{line}\nOLD=x\nDEBUG=1\n"
    again = plan(environment.env_file, host, path=str(path), text=HiddenValue("SECRET_KEY=\nDEBUG=1\n"))
    assert changes(again) == []
    pruned = plan(environment.env_file, host, path=str(path), text=HiddenValue("SECRET_KEY=\nDEBUG=1\n"), prune=True)
    apply(pruned)
    assert path.read_bytes().decode() == f"{line}\nDEBUG=1\n"


@pytest.mark.parametrize("line", ["SECRET_KEY=", 'SECRET_KEY=""', "SECRET_KEY", "#SECRET_KEY=old"])
def test_a_key_that_is_empty_is_made(host: Shell, tmp_path: Path, line: str) -> None:
    path = tmp_path / "plane.env"
    write(path, f"{line}\n")
    apply(plan(environment.env_file, host, path=str(path), text=HiddenValue("SECRET_KEY=\n")))
    assert len(parse_env(path.read_text())["SECRET_KEY"]) >= 50


FOREIGN = """\
# Written by hand; ASCII and not: ü
WEB_URL=https://old.example.com

NEXT_PUBLIC_API_BASE_URL=https://work.example.com   # for the web container
export LICENCE='a
WEB_URL=no variable
b'
  indented = yes
a line of words
http_proxy: http://proxy:3128
KEPT=1\r
GUNICORN_WORKERS=4
PASSED_ON
# the end, without a line break"""


def test_what_is_not_asked_for_stays_as_it_is_and_where_it_is(host: Shell, tmp_path: Path) -> None:
    path = tmp_path / "plane.env"
    write(path, FOREIGN)
    text = HiddenValue("# ours\nWEB_URL=https://new.example.com\nDEBUG=0\nGUNICORN_WORKERS=2\n")
    items = plan(environment.env_file, host, path=str(path), text=text)
    kept, change = items
    assert kept == Unchanged(f"{path}: not managed and not changed: NEXT_PUBLIC_API_BASE_URL, LICENCE, indented, KEPT")
    assert isinstance(change, Change) and change.lines == (f"~ {path}: WEB_URL, DEBUG, GUNICORN_WORKERS",)
    change.apply()
    expected = FOREIGN.replace("WEB_URL=https://old.", "WEB_URL=https://new.").replace("WORKERS=4", "WORKERS=2")
    assert path.read_bytes().decode() == f"{expected}\nDEBUG=0\n"
    again = plan(environment.env_file, host, path=str(path), text=text)
    assert again == [kept, Unchanged(str(path))]


def test_pruning_leaves_only_what_is_asked_for(host: Shell, tmp_path: Path) -> None:
    path = tmp_path / "plane.env"
    write(path, FOREIGN)
    text = HiddenValue("# ours\nWEB_URL=https://old.example.com\nGUNICORN_WORKERS=4\n")
    [change] = plan(environment.env_file, host, path=str(path), text=text, prune=True)
    assert isinstance(change, Change)
    assert change.lines == (
        f"- {path}: NEXT_PUBLIC_API_BASE_URL, LICENCE, indented, KEPT",
        f"- {path}: lines that are not NAME=value: 3",
    )
    change.apply()
    assert path.read_text() == text.unmask()
    assert plan(environment.env_file, host, path=str(path), text=text, prune=True) == [Unchanged(str(path))]


@pytest.mark.parametrize("first", ["WEB_URL=https://a.example", "export WEB_URL=x", "WEB_URL: x", "WEB_URL"])
@pytest.mark.parametrize("prune", [False, True])
def test_a_variable_that_is_there_twice_is_left_once(host: Shell, tmp_path: Path, first: str, prune: bool) -> None:
    path = tmp_path / "plane.env"
    write(path, f"{first}\n# between\nWEB_URL=https://a.example\nDEBUG=1\n")
    text = HiddenValue("WEB_URL=https://a.example\nDEBUG=1\n")
    items = plan(environment.env_file, host, path=str(path), text=text, prune=prune)
    assert changes(items) == [f"~ {path}: WEB_URL: duplicate lines removed"]
    apply(items)
    assert path.read_text() == ("" if prune else "# between\n") + text.unmask()
    assert changes(plan(environment.env_file, host, path=str(path), text=text, prune=prune)) == []


def test_of_two_values_the_last_one_counts(host: Shell, tmp_path: Path) -> None:
    path = tmp_path / "plane.env"
    write(path, "SECRET_KEY=first\nWEB_URL=x\nSECRET_KEY=last\n")
    items = plan(environment.env_file, host, path=str(path), text=HiddenValue("SECRET_KEY=\nWEB_URL=y\n"))
    assert changes(items) == [f"~ {path}: WEB_URL", f"~ {path}: SECRET_KEY: duplicate lines removed"]
    apply(items)
    assert path.read_text() == "WEB_URL=y\nSECRET_KEY=last\n"


@pytest.mark.parametrize("prune", [False, True])
def test_of_lines_that_are_no_variables_nothing_is_shown(host: Shell, tmp_path: Path, prune: bool) -> None:
    path = tmp_path / "plane.env"
    write(path, 'KEY="-----BEGIN\nMIIBVwIBADANBgkqhk==\nhidden/words\nhidden\nhttp_proxy=x\n# hidden\n\n')
    items = plan(environment.env_file, host, path=str(path), text=HiddenValue("DEBUG=1\n"), prune=prune)
    lines = changes(items) + [item.what for item in items if isinstance(item, Unchanged)]
    assert "KEY, http_proxy" in "".join(lines)
    assert not any("hidden" in line or "MII" in line for line in lines)
    assert (f"- {path}: lines that are not NAME=value: 3" in lines) is prune


def test_a_file_of_the_roles_keeps_what_other_containers_read(host: Shell, tmp_path: Path) -> None:
    path = tmp_path / "plane.env"
    write(path, ROLES)
    settings = complete(
        plane_secret_key=None,
        plane_db_host="postgresql",
        plane_redis_url="redis://:r3dis@redis:6379/0",
        plane_amqp_url="redis://:r3dis@redis:6379/1",
        plane_minio_endpoint="http://plane-minio:9000",
    )
    arguments: dict[str, Any] = {"path": str(path), "text": render(settings)}
    items = plan(environment.env_file, host, **arguments)
    assert changes(items) == [f"~ {path}: DATABASE_URL, GUNICORN_WORKERS, MINIO_ENDPOINT_SSL, AWS_REGION"]
    apply(items)
    before, after = ROLES.splitlines(), path.read_text().splitlines()
    assert [line for line in before if line not in after] == [ROLES.splitlines()[1]]
    assert changes(plan(environment.env_file, host, **arguments)) == []
    assert environment.advice(settings) == []


# The shape of the file that the role writes.
ROLES = """\
SECRET_KEY=a$key#of-the-vaults
DATABASE_URL=postgresql://plane:old@postgresql:5432/plane_production

REDIS_URL=redis://:r3dis@redis:6379/0
# REX 2026-03-01: AMQP_URL
AMQP_URL=redis://:r3dis@redis:6379/1
CELERY_BROKER_URL=redis://:r3dis@redis:6379/1
WEB_URL=https://work.example.com
CORS_ALLOWED_ORIGINS=https://work.example.com
NEXT_PUBLIC_API_BASE_URL=https://work.example.com
ENABLE_SIGNUP=1
NEXT_PUBLIC_ENABLE_OAUTH=0
USE_MINIO=1
DEFAULT_FILE_STORAGE=plane.settings.storage.S3Storage
MINIO_ENDPOINT_URL=http://plane-minio:9000
AWS_ACCESS_KEY_ID=an-access-key
AWS_SECRET_ACCESS_KEY=a-storage-secret
AWS_STORAGE_BUCKET_NAME=plane
AWS_S3_BUCKET_NAME=plane
AWS_S3_ENDPOINT_URL=http://plane-minio:9000
AWS_S3_CUSTOM_DOMAIN=work.example.com/uploads
PLANE_WEBHOOK_SECRET=hook
"""


def test_a_key_in_the_settings_replaces_the_one_that_is_there(host: Shell, tmp_path: Path) -> None:
    path = tmp_path / "plane.env"
    path.write_text("SECRET_KEY=old\n")
    apply(plan(environment.env_file, host, path=str(path), text=HiddenValue("SECRET_KEY=new\n")))
    assert path.read_text() == "SECRET_KEY=new\n"


def test_each_new_key_is_another(host: Shell, tmp_path: Path) -> None:
    keys = set()
    for name in ("one", "two"):
        apply(plan(environment.env_file, host, path=str(tmp_path / name), text=HiddenValue("SECRET_KEY=\n")))
        keys.add((tmp_path / name).read_text())
    assert len(keys) == 2


@pytest.mark.parametrize("text", ["SECRET_KEY=k\nDEBUG=1\n", "# other words\nDEBUG=1\nSECRET_KEY=k\n"])
def test_a_file_with_the_same_variables_is_kept(host: Shell, tmp_path: Path, text: str) -> None:
    path = tmp_path / "plane.env"
    path.write_text(text)
    path.chmod(0o600)
    items = plan(environment.env_file, host, path=str(path), text=HiddenValue("SECRET_KEY=\nDEBUG=1\n"))
    assert items == [Unchanged(str(path))]


def test_a_file_that_others_can_read_is_closed(host: Shell, tmp_path: Path) -> None:
    path = tmp_path / "plane.env"
    path.write_text("DEBUG=1\n")
    path.chmod(0o644)
    items = plan(environment.env_file, host, path=str(path), text=HiddenValue("DEBUG=1\n"))
    [change] = items
    assert isinstance(change, Change)
    assert change.lines == (f"~ {path}: mode 644 → 600",)
    apply(items)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("executing", [False, True])
def test_an_env_file_that_changes_concerns_its_containers(host: Shell, tmp_path: Path, executing: bool) -> None:
    path = str(tmp_path / "plane.env")
    items = plan(environment.env_file, host, executing=executing, path=path, text=HiddenValue("DEBUG=1\n"))
    if executing:
        apply(items)
    [note] = plan(environment.recreate_reminder, host, executing=executing, env_path=path)
    assert isinstance(note, Note)
    assert path in note.line


def test_without_a_changed_env_file_nobody_is_reminded(host: Shell) -> None:
    [kept] = plan(environment.recreate_reminder, host, env_path="/srv/plane.env")
    assert isinstance(kept, Unchanged)
