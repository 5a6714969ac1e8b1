"""Settings: what is accepted, what is refused and how it is said, where secrets come from."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pyinfra.api.hiddenvalue import HiddenValue
from zxcvbn import zxcvbn

from pyinfra_plane.settings import (
    SECRETS,
    Agent,
    CustomField,
    Settings,
    SettingsError,
    derive_password,
    read_settings,
    secret_variable,
    settings_of,
)
from pyinfra_plane.settings.table import MAY_HOLD_SECRETS
from tests.unit.given import PROPERTY, checked, data

PASSWORD = "hunter2-Tr0ub4dor"
SEED = "9f1c-Tr0ub4dor-hunter2"


def refusal(**changes: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        checked(**changes)
    return str(caught.value)


def problems(**changes: Any) -> list[str]:
    """The problems of a report, each without what stands in front of it."""
    text = refusal(**changes)
    if text.startswith("setting "):
        return [text.removeprefix("setting ")]
    return [line.strip() for line in text.splitlines()[1:]]


def agents(**changes: Any) -> list[dict[str, Any]]:
    """Four agents, of whom the last is changed."""
    first: list[dict[str, Any]] = [{"name": "one", "role": "admin"}, {"name": "two"}, {"name": "three"}]
    return [*first, {"name": "four", "role": "member", **changes}]


def project(**changes: Any) -> list[dict[str, Any]]:
    return [{"name": "Onboarding", "identifier": "ONBOARD", **changes}]


def is_said(problem: str, what: str, wanted: str) -> bool:
    """Whether a problem names the value, shows it, and says what is wanted: `what` is the name, a colon, the value."""
    name, _, shown = what.partition(": ")
    if shown == "unknown":
        return problem.startswith(f"{name}: unknown key; must be one of ") and wanted in problem
    return problem.startswith(f"{name} must ") and f" (got {shown}" in problem and wanted in problem


# What is accepted


def test_the_defaults_are_accepted() -> None:
    settings = checked()
    assert settings.plane_workspace_slug == "javisi"
    assert settings.plane_db_host == settings.postgres_container == "javisi_postgresql"
    assert [agent.name for agent in settings.plane_agents] == [
        "concierge", "imhotep", "thot", "basquiat", "r2d2", "shuri", "piccolo", "cfo", "maintainer", "hermes",
    ]  # fmt: skip
    assert settings.plane_agents[2].email == "thot@javisi.local"
    assert settings.plane_agents[2].token_label == "agent-thot"
    assert settings.plane_agents[2].token_variable == "PLANE_TOKEN_THOT"
    assert settings.plane_projects[0].custom_fields[1] == CustomField("cost_estimate", "number")


def test_every_setting_has_a_default() -> None:
    ours = ("plane_", "postgres", "redis_", "rotate_")
    # The agents that are to be gone are entries of plane_agents.
    assert {name for name in data() if name.startswith(ours)} == set(Settings.__dataclass_fields__) - {"absent_agents"}


@pytest.mark.parametrize(("role", "number"), [("admin", 20), ("member", 15), ("guest", 5)])
def test_a_role_has_planes_number(role: str, number: int) -> None:
    assert checked(plane_agents=agents(role=role)).plane_agents[3].role_number == number


def test_an_agent_without_a_role_is_a_member() -> None:
    assert checked(plane_agents=agents()).plane_agents[1].role == "member"


def test_an_agents_address_name_and_password_can_be_given() -> None:
    agent = checked(
        plane_agents=agents(email="Four@Example.COM", display_name="Number Four", password=PASSWORD)
    ).plane_agents[3]
    assert (agent.email, agent.display_name) == ("four@example.com", "Number Four")
    assert agent.password is not None
    assert agent.password.unmask() == PASSWORD


def test_addresses_follow_the_workspace() -> None:
    assert checked(plane_workspace_slug="Lab").plane_agents[0].email == "concierge@lab.local"


def test_no_agents_and_no_projects_are_fine() -> None:
    settings = checked(plane_agents=[], plane_projects=())
    assert (settings.plane_agents, settings.plane_projects) == ((), ())


def test_no_agents_are_fine_for_a_deploy_that_makes_no_projects() -> None:
    settings = checked(plane_agents=[])
    with pytest.raises(SettingsError, match=r"^plane_agents must have at least one agent with the role admin"):
        settings.require_admin()
    checked(plane_agents=[], plane_projects=()).require_admin()
    checked(plane_agents=[], plane_admin_api_token="plane_api_x").require_admin()
    checked().require_admin()


def test_an_identifier_becomes_upper_case() -> None:
    assert checked(plane_projects=project(identifier="onboard")).plane_projects[0].identifier == "ONBOARD"


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("plane_web_url", "https://work.example.com/", "https://work.example.com"),
        ("plane_web_url", "HTTPS://Work.Example.COM:443", "https://work.example.com"),
        ("plane_web_url", "http://work.example.com:80/", "http://work.example.com"),
        ("plane_web_url", "https://work.example.com:8443/", "https://work.example.com:8443"),
        ("plane_web_url", "http://work.example.com:443", "http://work.example.com:443"),
        ("plane_web_url", "https://Bücher.example", "https://xn--bcher-kva.example"),
        ("plane_web_url", "https://faß.example", "https://xn--fa-hia.example"),
        ("plane_web_url", "https://a--b.example", "https://a--b.example"),
        ("plane_web_url", "http://10.0.0.5:8080", "http://10.0.0.5:8080"),
        ("plane_web_url", "https://[2001:DB8:0::1]:443", "https://[2001:db8::1]"),
        ("plane_api_url", "http://172.18.0.5:8000//", "http://172.18.0.5:8000"),
        ("plane_api_url", "http://[::1]:8000", "http://[::1]:8000"),
        ("plane_amqp_url", "amqp://guest:guest@rabbit:5672/plane", "amqp://guest:guest@rabbit:5672/plane"),
        ("plane_redis_url", "rediss://:secret@redis:6379/4", "rediss://:secret@redis:6379/4"),
        ("plane_db_host", "db.example.com", "db.example.com"),
        ("plane_db_name", 'odd "name" with spaces', 'odd "name" with spaces'),
        ("plane_env_extra", {"A": 300, "_b2": "x"}, {"A": "300", "_b2": "x"}),
        ("plane_compose_services", ("api", "beat-worker"), ("api", "beat-worker")),
        ("plane_admin_last_name", "", ""),
        ("plane_admin_email", "Admin@Javisi.Local", "admin@javisi.local"),
        ("plane_workspace_name", "x" * 80, "x" * 80),
        ("plane_health_delay", 0, 0),
        ("plane_api_ca", "ca.pem", "ca.pem"),
        ("postgres_init_dir", "/srv/init", "/srv/init"),
        ("postgres_container_user", "999:postgres", "999:postgres"),
        ("postgres_port", 5433, 5433),
    ],
)
def test_a_good_value_is_kept(name: str, value: object, kept: object) -> None:
    assert _unmasked(getattr(checked(**{name: value}), name)) == kept


def _unmasked(value: object) -> object:
    if isinstance(value, dict):
        return {key: _unmasked(one) for key, one in value.items()}
    return value.unmask() if isinstance(value, HiddenValue) else value


@pytest.mark.parametrize("name", ["plane_env_path", "plane_tokens_path"])
def test_the_config_dir_is_replaced_in_paths(name: str) -> None:
    settings = checked(plane_config_dir="/srv/my plane", **{name: "{plane_config_dir}/a/{plane_config_dir}"})
    assert getattr(settings, name) == "/srv/my plane/a//srv/my plane"


# Agents that are to be gone, tokens that are to end


def test_an_agent_that_is_not_to_be_present_is_absent() -> None:
    settings = checked(plane_agents=agents(present=False, password=PASSWORD))
    assert [agent.name for agent in settings.plane_agents] == ["one", "two", "three"]
    [absent] = settings.absent_agents
    assert (absent.name, absent.email, absent.token_variable) == ("four", "four@javisi.local", "PLANE_TOKEN_FOUR")
    assert not absent.present
    assert absent.password is not None
    assert absent.password.unmask() == PASSWORD
    assert all(agent.present for agent in settings.plane_agents)


def test_an_agent_may_say_that_it_is_present() -> None:
    settings = checked(plane_agents=agents(present=True))
    assert (len(settings.plane_agents), settings.absent_agents) == (4, ())


def test_an_absent_agent_needs_no_password() -> None:
    settings = checked(
        plane_agents=[{"name": "a", "role": "admin", "password": PASSWORD}, {**agents(present=False)[3]}]
    )
    assert settings.account_secrets == ()


def test_agents_without_an_admin_are_fine_where_there_is_an_admins_token() -> None:
    settings = checked(plane_agents=[{"name": "a"}, {"name": "b", "role": "guest"}], plane_admin_api_token=PASSWORD)
    assert [agent.role for agent in settings.plane_agents] == ["member", "guest"]


@pytest.mark.parametrize("value", [True, False])
def test_pruning_is_on_or_off(value: bool) -> None:
    assert checked().plane_prune is False
    assert checked(plane_prune=value).plane_prune is value


@pytest.mark.parametrize(("lifetime", "renew"), [(None, 14), (None, 3649), (1, 0), (15, 14), (3650, 3649)])
def test_a_token_lives_longer_than_the_days_before_its_end_in_which_it_is_renewed(
    lifetime: int | None, renew: int
) -> None:
    settings = checked(plane_token_lifetime_days=lifetime, plane_token_renew_days=renew)
    assert (settings.plane_token_lifetime_days, settings.plane_token_renew_days) == (lifetime, renew)


@pytest.mark.parametrize(("lifetime", "renew"), [(14, 14), (1, 1), (10, 14)])
def test_a_token_that_would_be_renewed_at_once_is_refused(lifetime: int, renew: int) -> None:
    assert problems(plane_token_lifetime_days=lifetime, plane_token_renew_days=renew) == [
        f"plane_token_renew_days must be less than plane_token_lifetime_days, {lifetime} (got {renew})"
    ]


@pytest.mark.parametrize("value", [0, 3651, "90", 90.0, True])
def test_a_lifetime_outside_its_range_or_of_another_kind_is_refused(value: object) -> None:
    assert problems(plane_token_lifetime_days=value, plane_token_renew_days=0) == [
        f"plane_token_lifetime_days must be a whole number from 1 to 3650, or None (got {value!r})"
    ]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (None, set()),
        ("two", {"two"}),
        ("two,four", {"two", "four"}),
        (" two, four ,", {"two", "four"}),
        (["two", "four"], {"two", "four"}),
        (("two",), {"two"}),
        ("two,two", {"two"}),
        ("all", {"one", "two", "three", "four"}),
        (["all"], {"one", "two", "three", "four"}),
    ],
)
def test_tokens_are_rotated_by_the_names_of_their_agents(value: object, names: set[str]) -> None:
    assert checked(plane_agents=agents(), rotate_tokens=value).rotate_tokens == names


def test_all_tokens_are_those_of_the_agents_that_are_present() -> None:
    assert checked(plane_agents=agents(present=False), rotate_tokens="all").rotate_tokens == {"one", "two", "three"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [("five", "'five'"), ("five,two,six", "'five, six'"), (["Two"], "'Two'"), ("two,all", "'all'"), ("four", "'four'"),
     (5, "5"), ({"two": True}, "a dict"), (True, "True"), ([5], "a list"), ([None], "a list"), ([["two"]], "a list")],
)  # fmt: skip
def test_a_rotation_of_what_is_no_agent_is_refused(value: object, shown: str) -> None:
    # Four is there and is to be removed, so it has no token to rotate.
    assert problems(plane_agents=agents(present=False), rotate_tokens=value) == [
        f"rotate_tokens must be all, or names of agents, separated by commas, or None (got {shown})"
    ]


MAY_BE_EMPTY = {"plane_admin_last_name", "plane_company_name", "ssh_strict_host_key_checking"}


@pytest.mark.parametrize("name", sorted(data().keys() - MAY_BE_EMPTY))
def test_an_empty_value_is_refused(name: str) -> None:
    # As --data gives it.
    assert [problem for problem in problems(**{name: ""}) if problem.startswith(f"{name} must ")]


# What is refused

NUMBERS = {
    "plane_db_port": (1, 65535),
    "plane_api_port": (1, 65535),
    "postgres_wait_seconds": (0, 3600),
    "plane_gunicorn_workers": (1, 256),
    "plane_requests_together": (1, 16),
    "plane_health_retries": (1, 1000),
    "plane_health_delay": (0, 3600),
    "plane_token_renew_days": (0, 3649),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_outside_its_range_or_of_another_kind_is_refused(name: str) -> None:
    low, high = NUMBERS[name]
    for bad in (low - 1, high + 1, str(low), float(low), True, None):
        assert problems(**{name: bad}) == [f"{name} must be a whole number from {low} to {high} (got {bad!r})"]
    for good in (low, high):
        assert getattr(checked(**{name: good}), name) == good


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("postgres_container", "", "a container's name"),
        ("postgres_container", "-it", "a container's name"),
        ("postgres_container", "two words", "a container's name"),
        ("postgres_container", None, "a container's name"),
        ("plane_api_container", "$(id)", "a container's name"),
        ("postgres_superuser", "", "a PostgreSQL name"),
        ("postgres_maintenance_db", "a=b", "a PostgreSQL name"),
        ("postgres_container_user", "-x", "a user's name or number, or None"),
        ("postgres_container_user", "a:b:c", "a user's name or number, or None"),
        ("postgres_port", 0, "a whole number from 1 to 65535"),
        ("postgres_port", "5432", "a whole number from 1 to 65535"),
        ("plane_db_name", "x" * 64, "a PostgreSQL name"),
        ("plane_db_name", "a\0b", "a PostgreSQL name"),
        ("plane_db_user", 5, "a PostgreSQL name"),
        ("plane_db_host", "a b", "a host name, or None"),
        ("plane_config_dir", "/", "a path that does not end in /"),
        ("plane_config_dir", "", "a path"),
        ("plane_env_path", "/etc/plane/", "a path that does not end in /"),
        ("plane_env_path", "/etc/pl\nane", "a path"),
        ("plane_tokens_path", "--help", "a path that does not start with a dash"),
        ("postgres_init_dir", "/srv/", "a path that does not end in /"),
        ("plane_compose_dir", 5, "a path"),
        ("plane_minio_bucket", "Upper", "an S3 bucket's name"),
        ("plane_minio_bucket", "ab", "an S3 bucket's name"),
        ("plane_admin_email", "admin", "an address"),
        ("plane_admin_email", "a b@c.d", "an address"),
        ("plane_admin_first_name", "", "one line, at most 255 characters"),
        ("plane_admin_last_name", None, "one line of text"),
        ("plane_company_name", "a\nb", "one line of text"),
        ("plane_workspace_slug", "x" * 49, "letters, digits, - and _, at most 48"),
        ("plane_workspace_name", "", "one line, at most 80 characters"),
        ("plane_workspace_name", "x" * 81, "one line, at most 80 characters"),
        ("plane_workspace_name", "see https://x", "a name without an address in it"),
        ("plane_workspace_size", None, "one line, at most 20 characters"),
        ("plane_compose_services", [], "a list of service names"),
        ("plane_compose_services", "api", "a list of service names"),
        ("plane_custom_fields_unsupported", "ignore", "one of warn, fail"),
        ("plane_prune", None, "True or False"),
        ("plane_prune", "yes", "True or False"),
        ("plane_prune", 1, "True or False"),
        ("plane_agents", None, "a list"),
        ("plane_projects", "Onboarding", "a list"),
        ("plane_env_extra", None, "a dict of variables"),
        ("plane_api_tls_insecure", None, "True or False"),
        ("plane_api_tls_insecure", "True", "True or False"),
        ("plane_api_tls_insecure", 1, "True or False"),
        ("plane_api_ca", 5, "the path of a certificate file on this machine, or None"),
    ],
)
def test_a_bad_value_is_named_shown_and_answered_with_what_is_allowed(name: str, value: object, wanted: str) -> None:
    found = problems(**({"plane_agents": []} if name == "plane_workspace_slug" else {}), **{name: value})
    shown = "a list" if isinstance(value, list) else repr(value)
    assert any(line.startswith(f"{name} must be {wanted}") and line.endswith(f" (got {shown})") for line in found), (
        found
    )


@pytest.mark.parametrize("slug", ["api", "admin", "God-Mode", "workspace-invitations"])
def test_a_slug_that_plane_keeps_for_itself_is_refused(slug: str) -> None:
    assert problems(plane_workspace_slug=slug) == [
        f"plane_workspace_slug must not be a name that Plane reserves (got {slug!r})"
    ]


@pytest.mark.parametrize(
    "name", ["plane_web_url", "plane_redis_url", "plane_amqp_url", "plane_minio_endpoint", "plane_api_url"]
)
@pytest.mark.parametrize(
    "address",
    [
        "work.example.com",
        "gopher://work.example.com",
        "{scheme}://",
        "{scheme}:///4",
        "{scheme}://me:" + PASSWORD + "@",
        "{scheme}://me:" + PASSWORD + "@host:0",
        "{scheme}://host:99999",
        "{scheme}://[::1",
        "{scheme}://me:" + PASSWORD + "@two words",
        "{scheme}://host\n",
        "",
        5,
    ],
)
def test_an_address_that_leads_nowhere_is_refused_and_not_shown(name: str, address: str | int) -> None:
    scheme = "redis" if name in ("plane_redis_url", "plane_amqp_url") else "http"
    value = address.replace("{scheme}", scheme) if isinstance(address, str) else address
    [problem] = problems(**{name: value})
    assert problem.startswith(f"{name} must be an address that starts with ")
    assert f"{scheme}://" in problem
    assert PASSWORD not in problem


@pytest.mark.parametrize("name", ["plane_redis_url", "plane_amqp_url"])
@pytest.mark.parametrize("character", "#/?@%")
@pytest.mark.parametrize("before", ["", "1234", "12%41"])
def test_a_password_in_an_address_is_percent_encoded(name: str, character: str, before: str) -> None:
    # Unencoded, the host of redis://me:1234/x@host is `me`.
    address = f"redis://me:{before}{character}{PASSWORD}@host:1/4"
    [problem] = problems(**{name: address})
    assert problem.startswith(f"{name} must have a percent-encoded user and password: write %23 for #, ")
    assert PASSWORD not in problem
    encoded = f"redis://me:{before}{quote(character, safe='')}:{PASSWORD}@host:1/4"
    assert _unmasked(getattr(read_settings(data(**{name: encoded})), name)) == encoded


@pytest.mark.parametrize("name", ["plane_web_url", "plane_s3_endpoint"])
@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("https://work.example.com/plane", "must not have a user, password, path, query or fragment"),
        ("https://work.example.com/?a=b", "must not have a user, password, path, query or fragment"),
        ("https://work.example.com#top", "must not have a user, password, path, query or fragment"),
        (f"https://me:{PASSWORD}@work.example.com", "must not have a user, password, path, query or fragment"),
        ("https://me@work.example.com", "must not have a user, password, path, query or fragment"),
        ("https://my_plane", "without an underscore"),
        ("https://work.example.com.", "digits, dots and dashes"),
        ("https://-work.example.com", "digits, dots and dashes"),
        ("https://work%2eexample.com", "digits, dots and dashes"),
        ("https://work.example.com\\x", "digits, dots and dashes"),
        ("https://☃́-.example", "letters that punycode has"),
        ("https://a.example.com,https://b.example.com", "must be a single address; other origins go into"),
    ],
)
def test_an_address_that_is_no_origin_is_refused_with_the_reason(name: str, address: str, reason: str) -> None:
    [problem] = problems(**{"plane_s3_bucket": "files", "plane_s3_region": "auto", name: address})
    assert problem.startswith(f"{name} must ") and reason in problem
    assert PASSWORD not in problem and "work" not in problem.replace("https://work.example.com", "", 1)


# Where secrets of addresses and variables come from


@pytest.mark.parametrize(("name", "default"), [("plane_redis_url", 4), ("plane_amqp_url", 5)])
def test_an_address_with_a_password_comes_from_the_nearest_place(
    name: str, default: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: dict[str, Any] = {"plane_secrets_dir": str(tmp_path)}

    def found() -> object:
        settings = read_settings(data(**places), "sese")
        assert "redis://" not in repr(settings)
        return _unmasked(getattr(settings, name))

    assert found() == f"redis://redis:6379/{default}"
    put(tmp_path / "all.env", f"{name.upper()}=redis://:file@redis/1\nOWN=redis://:own@redis/4\n")
    assert found() == "redis://:file@redis/1"
    monkeypatch.setenv(name.upper(), "redis://:environment@redis/2")
    assert found() == "redis://:environment@redis/2"
    places[name] = "redis://:data@redis/3"
    assert found() == "redis://:data@redis/3"
    places[name] = secret_variable("OWN")
    assert found() == "redis://:own@redis/4"


HELD = ("plane_redis_url", "plane_amqp_url", "plane_env_extra.http_proxy", "plane_env_extra.DATABASE_READ_REPLICA_URL")


@pytest.mark.parametrize("is_named", [False, True], ids=["None", "secret_variable"])
@pytest.mark.parametrize("name", HELD)
def test_what_may_hold_a_secret_is_in_a_secrets_file_and_empty_is_said(
    name: str, is_named: bool, tmp_path: Path
) -> None:
    setting, _, key = name.partition(".")
    variable = key or name.upper()
    value = secret_variable(variable) if is_named else None
    given = {"plane_secrets_dir": str(tmp_path), setting: {key: value} if key else value}
    put(tmp_path / "all.env", f"{variable}=redis://:{PASSWORD}@redis:6379/7\n")
    settings = checked(**given)
    found = settings.plane_env_extra[key] if key else getattr(settings, name)
    assert found.unmask() == f"redis://:{PASSWORD}@redis:6379/7"
    put(tmp_path / "all.env", f"{variable}=\n")
    assert problems(**given) == [
        f"{name}: {variable} is empty; set it in the environment or in {tmp_path}/all.env, or remove it"
    ]


def test_a_variable_without_a_value_is_told_of_every_secret(tmp_path: Path) -> None:
    put(tmp_path / "all.env", "PLANE_SECRET_KEY=\nPLANE_ADMIN_API_TOKEN=''\n")
    found = problems(plane_secrets_dir=str(tmp_path))
    assert [problem.partition(";")[0] for problem in found] == [
        "plane_secret_key: PLANE_SECRET_KEY is empty",
        "plane_admin_api_token: PLANE_ADMIN_API_TOKEN is empty",
    ]


def test_a_bad_address_from_a_secrets_file_is_named_and_not_shown(tmp_path: Path) -> None:
    put(tmp_path / "all.env", f"PLANE_REDIS_URL={PASSWORD}\n")
    [problem] = problems(plane_secrets_dir=str(tmp_path))
    assert problem.startswith("plane_redis_url must be an address that ") and PASSWORD not in problem


def test_a_variable_that_is_none_is_looked_for_under_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "all.env", "LLM_API_KEY=from-the-file\nhttp_proxy=http://proxy\nOWN=from-its-own\n")
    monkeypatch.setenv("SCOUT_KEY", "from-the-environment")
    extra = {"LLM_API_KEY": None, "http_proxy": None, "SCOUT_KEY": None, "X": secret_variable("OWN")}
    settings = checked(plane_secrets_dir=str(tmp_path), plane_env_extra=extra)
    assert _unmasked(settings.plane_env_extra) == {
        "LLM_API_KEY": "from-the-file",
        "http_proxy": "http://proxy",
        "SCOUT_KEY": "from-the-environment",
        "X": "from-its-own",
    }
    assert "from-" not in repr(settings)


@pytest.mark.parametrize(
    ("changes", "name", "variable"),
    [
        ({"plane_env_extra": {"NO_SUCH": None}}, "plane_env_extra.NO_SUCH", "NO_SUCH"),
        ({"plane_env_extra": {"A": secret_variable("NO_SUCH")}}, "plane_env_extra.A", "NO_SUCH"),
        ({"plane_instance_config": {"NO_SUCH": None}}, "plane_instance_config.NO_SUCH", "NO_SUCH"),
        ({"plane_redis_url": secret_variable("NO_SUCH")}, "plane_redis_url", "NO_SUCH"),
        ({"plane_secret_key": secret_variable("NO_SUCH")}, "plane_secret_key", "NO_SUCH"),
        ({"plane_agents": agents(password=secret_variable("NO_SUCH"))}, "plane_agents[3].password", "NO_SUCH"),
    ],
)
def test_a_secret_that_is_nowhere_is_called_missing(changes: dict[str, Any], name: str, variable: str) -> None:
    assert problems(**changes) == [
        f"{name}: missing; set {variable} in the environment or in there-is-no-such-folder/all.env"
    ]


# Storage


MINIO = {"plane_minio_endpoint": "http://minio:9000", "plane_minio_access_key": "m", "plane_minio_secret_key": "n"}
S3 = {"plane_s3_bucket": "files", "plane_s3_region": "eu-central-1"}


def test_without_storage_there_is_none() -> None:
    assert checked().storage is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (MINIO, (True, "http://minio:9000", "", "plane")),
        (S3, (False, "https://s3.eu-central-1.amazonaws.com", "eu-central-1", "files")),
        ({**S3, "plane_s3_region": "cn-north-1"},
         (False, "https://s3.cn-north-1.amazonaws.com.cn", "cn-north-1", "files")),
        ({**S3, "plane_s3_region": "auto", "plane_s3_endpoint": "https://ID.r2.cloudflarestorage.com/"},
         (False, "https://id.r2.cloudflarestorage.com", "auto", "files")),
    ],
)  # fmt: skip
def test_minio_and_other_storage_are_told_apart(changes: dict[str, Any], expected: tuple[object, ...]) -> None:
    storage = checked(**changes).storage
    assert storage is not None
    assert (storage.is_minio, storage.endpoint, storage.region, storage.bucket) == expected


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({**MINIO, **S3}, "plane_s3_bucket must not be set with plane_minio_endpoint, which is for MinIO at Plane's "
         "own address; set one of them to None"),
        ({"plane_s3_bucket": "files"}, "plane_s3_region: missing; set the region of the bucket: auto for R2 and GCS, "
         "us-east-1 for a MinIO without a region"),
        ({"plane_minio_endpoint": "http://javisi_plane_minio:9000"}, "plane_minio_endpoint must have a "
         "host name without an underscore: boto3 in Plane refuses one; use the service's name"),
        ({"plane_s3_region": "auto"}, "plane_s3_bucket: missing; set it, or remove plane_s3_region"),
        ({"plane_s3_region": "auto", "plane_s3_endpoint": "https://storage.googleapis.com"},
         "plane_s3_bucket: missing; set it, or remove plane_s3_endpoint and plane_s3_region"),
        ({**S3, "plane_s3_bucket": "Files"},
         "plane_s3_bucket must be an S3 bucket's name, or None (got 'Files')"),
        ({**S3, "plane_s3_region": "EU"},
         "plane_s3_region must be a region such as eu-central-1 or auto, or None (got 'EU')"),
    ],
)  # fmt: skip
def test_storage_that_is_not_whole_or_is_there_twice_is_refused(changes: dict[str, Any], problem: str) -> None:
    assert problems(**changes) == [problem]


def test_an_api_url_with_an_underscore_in_its_host_is_refused() -> None:
    [problem] = problems(plane_api_url="http://javisi_plane_api:8000")
    assert problem.startswith("plane_api_url must ")
    assert "underscore" in problem


def test_an_api_url_with_an_underscore_is_refused_without_its_password() -> None:
    assert PASSWORD not in refusal(plane_api_url=f"http://me:{PASSWORD}@plane_api:8000")


@pytest.mark.parametrize(
    ("changes", "path", "wanted"),
    [
        ({"role": "boss"}, "plane_agents[3].role: 'boss'", "admin, member, guest"),
        ({"role": ""}, "plane_agents[3].role: ''", "admin, member, guest"),
        ({"email": 0}, "plane_agents[3].email: 0", "an address such as"),
        ({"email": False}, "plane_agents[3].email: False", "an address such as"),
        ({"email": []}, "plane_agents[3].email: a list", "an address such as"),
        ({"display_name": ""}, "plane_agents[3].display_name: ''", "one line"),
        ({"email": "nowhere"}, "plane_agents[3].email: 'nowhere'", "an address such as"),
        ({"email": "a@b.c, d@e.f"}, "plane_agents[3].email: 'a@b.c, d@e.f'", "an address such as"),
        ({"display_name": "x" * 256}, "plane_agents[3].display_name: 'xxx", "at most 255 characters"),
        ({"display_name": "a\nb"}, "plane_agents[3].display_name: 'a\\nb'", "one line"),
        ({"name": "-four", "email": "f@x.y", "display_name": "f"}, "plane_agents[3].name: '-four'", "letters, digits"),
        ({"name": 4, "email": "f@x.y", "display_name": "f"}, "plane_agents[3].name: 4", "letters, digits"),
        ({"present": "no"}, "plane_agents[3].present: 'no'", "True or False"),
        ({"present": 0}, "plane_agents[3].present: 0", "True or False"),
        ({"rôle": "admin"}, "plane_agents[3].rôle: unknown", "name, email, role, display_name, password, present"),
    ],
)
def test_a_bad_agent_is_named_by_its_place(changes: dict[str, Any], path: str, wanted: str) -> None:
    [problem] = problems(plane_agents=agents(**changes))
    assert is_said(problem, path, wanted), problem


@pytest.mark.parametrize(
    ("changes", "path", "wanted"),
    [
        ({"name": ""}, "plane_projects[0].name: ''", "one line, at most 255"),
        ({"name": "x" * 256}, "plane_projects[0].name: 'xxx", "one line, at most 255"),
        ({"identifier": "ON-BOARD"}, "plane_projects[0].identifier: 'ON-BOARD'", "letters and digits, at most 12"),
        ({"identifier": "THIRTEENCHARS"}, "plane_projects[0].identifier: 'THIRT", "letters and digits, at most 12"),
        ({"identifier": None}, "plane_projects[0].identifier: None", "letters and digits, at most 12"),
        ({"description": 5}, "plane_projects[0].description: 5", "text, or None"),
        ({"work_item_type": ""}, "plane_projects[0].work_item_type: ''", "without leading or trailing blanks, or None"),
        ({"custom_fields": 0}, "plane_projects[0].custom_fields: 0", "a list"),
        ({"timezone": "Mars/Olympus"}, "plane_projects[0].timezone: 'Mars/Olympus'", "Europe/Berlin"),
        ({"custom_fields": ["agent_id"]}, "plane_projects[0].custom_fields[0]: 'agent_id'", "a dict"),
        ({"custom_fields": [{"name": "a", "type": "text"}, {"name": "b", "type": "money"}]},
         "plane_projects[0].custom_fields[1].type: 'money'", "text, number, boolean, date, option, url, email, member"),
        ({"custom_fields": [{"name": "a"}]}, "plane_projects[0].custom_fields[0].type: None", "text, number"),
        ({"custom_fields": [{"type": "text"}]}, "plane_projects[0].custom_fields[0].name: None", "one line"),
        ({"custom_fields": [{"name": "a", "type": "text", "unit": "€"}]},
         "plane_projects[0].custom_fields[0].unit: unknown", "name, type"),
        ({"leader": "thot"}, "plane_projects[0].leader: unknown", "description, network, timezone"),
        ({"lead": "nobody"}, "plane_projects[0].lead: 'nobody'", "an agent's name, or an address such as"),
        ({"default_assignee": 5}, "plane_projects[0].default_assignee: 5", "an agent's name, or an address such as"),
        ({"network": "private"}, "plane_projects[0].network: 'private'", "secret, public"),
        ({"timezone": "Berlin, Europe"}, "plane_projects[0].timezone: 'Berlin, Europe'", "Europe/Berlin"),
        ({"cycles": "on"}, "plane_projects[0].cycles: 'on'", "True or False, or None"),
        ({"estimates": 1}, "plane_projects[0].estimates: 1", "True or False, or None"),
        ({"states": {}}, "plane_projects[0].states: a dict", "a list"),
        ({"states": [{"name": "Review"}]}, "plane_projects[0].states[0].group: None", "backlog, unstarted, started"),
        ({"states": [{"name": "Review", "group": "started", "color": "red"}]},
         "plane_projects[0].states[0].color: 'red'", "a colour such as #3f76ff"),
        ({"states": [{"name": "A", "group": "started", "default": True}, {"name": "B", "group": "backlog",
                                                                          "default": True}]},
         "plane_projects[0].states: a list", "at most one state that is the default"),
        ({"labels": [{"name": "bug", "parent": "kind"}, {"name": "kind"}]},
         "plane_projects[0].labels[0].parent: 'kind'", "a label listed before it"),
        ({"states": [{"name": "a" * 101, "group": "backlog"}]}, "plane_projects[0].states[0].name: 'aaa",
         "at most 100 characters"),
        # Each is three letters by the time that Plane counts.
        ({"states": [{"name": "\N{LATIN SMALL LIGATURE FFI}" * 34, "group": "backlog"}]},
         "plane_projects[0].states[0].name: '\N{LATIN SMALL LIGATURE FFI}", "at most 100 characters"),
        ({"labels": [{"name": "bug", "colour": "#000000"}]}, "plane_projects[0].labels[0].colour: unknown", "name"),
        ({"custom_fields": [{"name": "a", "type": "option"}]},
         "plane_projects[0].custom_fields[0].options: None", "at least one text"),
        ({"custom_fields": [{"name": "a", "type": "text", "options": ["x"]}]},
         "plane_projects[0].custom_fields[0].options: a list", "only with type option"),
        ({"custom_fields": [{"name": "a", "type": "text", "multiple": True}]},
         "plane_projects[0].custom_fields[0].multiple: True", "only be True with type option or member"),
        ({"custom_fields": [{"name": "a", "type": "number", "default": 5, "required": True}]},
         "plane_projects[0].custom_fields[0].default: 5", "None, since the field is required"),
        ({"custom_fields": [{"name": "a", "type": "number", "default": "5"}]},
         "plane_projects[0].custom_fields[0].default: '5'", "a number"),
        ({"custom_fields": [{"name": "a", "type": "number", "default": float("nan")}]},
         "plane_projects[0].custom_fields[0].default: nan", "a number"),
        ({"custom_fields": [{"name": "a", "type": "date", "default": "2026-02-30"}]},
         "plane_projects[0].custom_fields[0].default: '2026-02-30'", "a day such as"),
        ({"custom_fields": [{"name": "a", "type": "option", "options": ["x", "y"], "default": "z"}]},
         "plane_projects[0].custom_fields[0].default: 'z'", "one of x, y"),
        ({"custom_fields": [{"name": "a", "type": "member", "default": "nobody"}]},
         "plane_projects[0].custom_fields[0].default: 'nobody'", "an agent's name, or an address such as"),
    ],
)  # fmt: skip
def test_a_bad_project_is_named_by_its_place(changes: dict[str, Any], path: str, wanted: str) -> None:
    [problem] = problems(plane_projects=project(**changes))
    assert is_said(problem, path, wanted), problem


def test_a_project_takes_its_people_by_their_names() -> None:
    field = {"name": "owner", "type": "member", "multiple": True, "default": ["cfo", "me@example.com"]}
    [found] = checked(
        plane_projects=project(lead="thot", default_assignee="Boss@Example.com", custom_fields=[field])
    ).plane_projects
    assert (found.lead, found.default_assignee) == ("thot@javisi.local", "boss@example.com")
    assert found.custom_fields[0].default == ("cfo@javisi.local", "me@example.com")


def test_the_name_of_the_state_that_plane_hides_is_refused() -> None:
    [problem] = problems(plane_projects=project(states=[{"name": "Triage", "group": "backlog"}]))
    path = "plane_projects[0].states[0].name"
    assert problem == f"{path} must not be a name that Plane reserves for a hidden state (got 'Triage')"


@pytest.mark.parametrize("name", ["triage", "TRIAGE", "a" * 100, "ü" * 100, "漢" * 255, "a " * 50 + "?" * 100])
def test_a_state_can_have_any_name_that_plane_can_keep(name: str) -> None:
    [found] = checked(plane_projects=project(states=[{"name": name, "group": "backlog"}])).plane_projects
    assert found.states[0].name == name


def test_a_project_leaves_alone_what_it_does_not_name() -> None:
    [found] = checked(plane_projects=project(cycles=False, pages=None)).plane_projects
    assert (found.cycles, found.modules) == (False, None)
    assert (found.network, found.estimates, found.states, found.labels, found.prune) == (None, None, (), (), False)


@pytest.mark.parametrize(
    ("field", "default"),
    [
        ({"type": "text", "default": "x"}, ("x",)),
        ({"type": "number", "default": 5}, ("5",)),
        ({"type": "number", "default": 0.25}, ("0.25",)),
        ({"type": "boolean", "default": False}, ("false",)),
        ({"type": "date", "default": "2026-12-31"}, ("2026-12-31",)),
        ({"type": "url", "default": "https://x.example"}, ("https://x.example",)),
        ({"type": "option", "options": ["low", "high"], "default": "high"}, ("high",)),
        ({"type": "option", "options": ["low", "high"], "multiple": True, "default": ["low", "high"]}, ("low", "high")),
        ({"type": "email"}, None),
    ],
)
def test_a_default_is_kept_as_plane_keeps_it(field: dict[str, Any], default: tuple[str, ...] | None) -> None:
    [found] = checked(plane_projects=project(custom_fields=[{"name": "a", **field}])).plane_projects
    assert found.custom_fields[0].default == default


# Settings of the instance


def test_instance_settings_are_text_and_hidden() -> None:
    config = checked(plane_instance_config={"ENABLE_SIGNUP": False, "EMAIL_PORT": 587, "EMAIL_HOST": " smtp "})
    values = {name: value.unmask() for name, value in config.plane_instance_config.items()}
    assert values == {"ENABLE_SIGNUP": "0", "EMAIL_PORT": "587", "EMAIL_HOST": "smtp"}
    assert "smtp" not in repr(config)


def test_an_instance_setting_that_is_none_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    [problem] = problems(plane_instance_config={"EMAIL_HOST_PASSWORD": None})
    assert problem.startswith("plane_instance_config.EMAIL_HOST_PASSWORD: missing")
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", PASSWORD)
    config = checked(plane_instance_config={"EMAIL_HOST_PASSWORD": None}).plane_instance_config
    assert config["EMAIL_HOST_PASSWORD"].unmask() == PASSWORD


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "plane_instance_config must be a dict of Plane's instance settings (got None)"),
        ([("A", "1")], "plane_instance_config must be a dict of Plane's instance settings (got a list)"),
        ({"email_host": PASSWORD}, "plane_instance_config: a name must be capital letters"),
        ({"EMAIL_HOST": [PASSWORD]}, "plane_instance_config.EMAIL_HOST must be one line of text"),
        ({"EMAIL_HOST": f"{PASSWORD}\n"}, "plane_instance_config.EMAIL_HOST must be one line of text"),
    ],
)
def test_a_bad_instance_setting_is_named_and_not_shown(value: object, problem: str) -> None:
    [found] = problems(plane_instance_config=value)
    assert found.startswith(problem)
    assert PASSWORD not in found


@pytest.mark.parametrize(("value", "last"), [("0", True), (False, True), ("1", False), (True, False)])
def test_what_closes_the_way_in_is_set_last(value: object, last: bool) -> None:
    settings = checked(plane_instance_config={"ENABLE_EMAIL_PASSWORD": value, "ENABLE_SIGNUP": "0"})
    assert ("ENABLE_EMAIL_PASSWORD" in settings.instance_config_last) is last
    assert ("ENABLE_EMAIL_PASSWORD" in settings.instance_config_first) is not last
    assert "ENABLE_SIGNUP" in settings.instance_config_first


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"plane_agents": agents(email="One@javisi.local")},
         "plane_agents[0] and plane_agents[3] share the email one@javisi.local"),
        ({"plane_agents": [{"name": "a-b", "role": "admin"}, {"name": "a_b"}]},
         "plane_agents[0] and plane_agents[1] share the token variable PLANE_TOKEN_A_B"),
        ({"plane_projects": project() + project(name="Other", identifier="onboard")},
         "plane_projects[0] and plane_projects[1] share the identifier ONBOARD"),
        ({"plane_projects": project() + project(identifier="OTHER")},
         "plane_projects[0] and plane_projects[1] share the name Onboarding"),
        ({"plane_projects": project(custom_fields=[{"name": "a", "type": "text"}, {"name": "a", "type": "url"}])},
         "plane_projects[0].custom_fields[0] and plane_projects[0].custom_fields[1] share the name a"),
        ({"plane_agents": [{"name": "a"}, {"name": "b", "role": "guest"}]},
         "plane_agents must have at least one agent with the role admin, to create the projects"),
        ({"plane_agents": [{"name": "a"}, {"name": "b", "role": "admin", "present": False}]},
         "plane_agents must have at least one agent with the role admin, to create the projects"),
        ({"plane_agents": [{"name": "a", "role": "admin", "present": False}], "plane_projects": []},
         "plane_agents must have at least one agent with the role admin, to create the projects"),
        ({"plane_agents": [], "plane_prune": True},
         "plane_agents must have at least one agent with the role admin, to create the projects"),
        ({"plane_agents": agents(email="one@javisi.local", present=False)},
         "plane_agents[0] and plane_agents[3] share the email one@javisi.local"),
        ({"plane_ids_path": "{plane_config_dir}/agent-tokens.env"},
         "plane_tokens_path and plane_ids_path share the path /opt/javisi/configs/plane/agent-tokens.env"),
        ({"plane_webhook_secrets_path": "/opt/javisi/configs/./plane/plane.env"},
         "plane_env_path and plane_webhook_secrets_path share the path /opt/javisi/configs/plane/plane.env"),
        ({"plane_ids_path": "/srv/agents", "plane_agent_files_dir": "/srv/agents"},
         "plane_ids_path and plane_agent_files_dir share the path /srv/agents"),
        ({"plane_agent_files_dir": "{plane_config_dir}", "plane_agents": [{"name": "plane", "role": "admin"}]},
         "plane_env_path and plane_agent_files_dir (for plane) share the path /opt/javisi/configs/plane/plane.env"),
        ({"plane_agent_files_dir": "/srv", "plane_agent_files_format": "json", "plane_ids_path": "/srv/ids.json",
          "plane_agents": [{"name": "ids", "role": "admin"}]},
         "plane_ids_path and plane_agent_files_dir (for ids) share the path /srv/ids.json"),
        ({"plane_db_user": "postgres"},
         "plane_db_user must be a separate role, not postgres_superuser"),
        ({"plane_db_name": "postgres"},
         "plane_db_name must be a separate database, not the one that tools connect to"),
        ({"plane_db_name": "tools", "postgres_maintenance_db": "tools"},
         "plane_db_name must be a separate database, not the one that tools connect to"),
        ({"plane_agents": [{"name": "a", "role": "admin"}, "b"]},
         "plane_agents[1] must be a dict (got a str)"),
        ({"plane_compose_services": ["api", "-x"]},
         "plane_compose_services[1] must be a service's name (got '-x')"),
        ({"plane_env_extra": {"not-a-name": "x"}},
         "plane_env_extra: a name must be letters, digits and underscores (got 'not-a-name')"),
    ],
)  # fmt: skip
def test_entries_that_do_not_go_together_are_refused(changes: dict[str, Any], problem: str) -> None:
    assert problems(**changes) == [problem]


@pytest.mark.parametrize("value", [None, True, 1.5, [PASSWORD], {"x": PASSWORD}])
def test_a_variable_that_is_no_text_is_named_and_not_shown(value: object) -> None:
    [problem] = problems(plane_env_extra={"SMTP_PASSWORD": value})
    assert problem.startswith(("plane_env_extra.SMTP_PASSWORD: missing", "plane_env_extra.SMTP_PASSWORD must be text"))
    assert PASSWORD not in problem


@pytest.mark.parametrize(
    ("misspelt", "hint"),
    [
        ("plane_agent", "did you mean plane_agents?"),
        ("plane_admin_pasword", "did you mean plane_admin_password?"),
        ("postgres_password", "did you mean postgresql_password?"),
        ("postgres_superuser_pasword", "did you mean postgres_superuser_password?"),
        ("rotate_token", "did you mean rotate_tokens?"),
        ("plane_xyzzy_quux_gnorf", "see docs/settings.md"),
    ],
)
def test_a_misspelt_setting_is_pointed_out_without_its_value(misspelt: str, hint: str) -> None:
    assert problems(**{misspelt: PASSWORD}) == [f"{misspelt}: unknown setting; {hint}"]


def test_other_data_of_a_host_is_left_alone() -> None:
    assert checked(ssh_user="root", airplane_mode=True)


def test_several_problems_are_told_at_once_one_to_a_line() -> None:
    text = refusal(plane_db_port=0, plane_web_url="x", plane_agents=agents(role="boss"), plane_secret_key="", plane_x=1)
    lines = text.splitlines()
    assert lines[0] == "settings:"
    assert [re.split("[: ]", line.strip())[0] for line in lines[1:]] == [
        "plane_x", "plane_db_port", "plane_web_url", "plane_secret_key", "plane_agents[3].role",
    ]  # fmt: skip


def test_one_problem_is_one_line() -> None:
    assert refusal(plane_db_port=0) == ("setting plane_db_port must be a whole number from 1 to 65535 (got 0)")


def test_a_role_that_is_a_list_is_refused() -> None:
    assert "plane_agents[3].role" in refusal(plane_agents=agents(role=["admin"]))


@pytest.mark.parametrize("changes", [{"plane_workspace_slug": "a b"}, {"plane_agents": agents(name="four!")}])
def test_what_follows_from_a_problem_is_not_told_as_another(changes: dict[str, Any]) -> None:
    assert len(problems(**changes)) == 1


def test_a_database_name_is_counted_in_bytes() -> None:
    assert "plane_db_name" in refusal(plane_db_name="ü" * 32)


def test_a_secrets_folder_that_is_no_text_is_refused() -> None:
    assert "plane_secrets_dir" in refusal(plane_secrets_dir=5)


# Secrets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def put(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_comes_from_the_nearest_place(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = name.upper()
    places: dict[str, Any] = {"plane_secrets_dir": str(folder)}

    def found() -> str | None:
        value = getattr(read_settings(data(**places), "sese"), name)
        assert value is None or isinstance(value, HiddenValue)
        return None if value is None else value.unmask()

    assert found() is None
    # Strong, since some of them are passwords.
    put(folder / "all.env", f"# a comment\n#{variable}=commented\n\n {variable} = from-all-Tr0ub4dor \nOTHER=x\n")
    assert found() == "from-all-Tr0ub4dor"
    put(folder / "sese.env", f"{variable}=from-host-file=with=equals")
    assert found() == "from-host-file=with=equals"
    put(folder / "other.env", f"{variable}=of-another-host")
    assert found() == "from-host-file=with=equals"
    monkeypatch.setenv(variable, "")
    assert found() == "from-host-file=with=equals"
    monkeypatch.setenv(variable, "from-environment-Tr0ub4dor")
    assert found() == "from-environment-Tr0ub4dor"
    places[name] = "from-host-data-Tr0ub4dor"
    assert found() == "from-host-data-Tr0ub4dor"
    places[name] = HiddenValue("hidden-Tr0ub4dor")
    assert found() == "hidden-Tr0ub4dor"


def test_a_secret_that_the_command_line_took_for_a_number_is_text() -> None:
    password = checked(postgresql_password=1234).postgresql_password
    assert password is not None
    assert password.unmask() == "1234"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
@pytest.mark.parametrize("name", ["all.env", "sese.env"])
def test_a_secrets_file_that_others_can_read_is_refused(name: str, mode: int, folder: Path) -> None:
    put(folder / name, f"PLANE_ADMIN_PASSWORD={PASSWORD}\n", mode)
    with pytest.raises(SettingsError) as caught:
        read_settings(data(plane_secrets_dir=str(folder)), "sese")
    path = folder / name
    assert str(caught.value) == f"setting {path}: other users can read it; run: chmod 600 {path}"


@pytest.mark.parametrize(("name", "mode"), [("all.env", 0o602), ("", 0o777), ("", 0o730)])
def test_a_secrets_file_that_others_can_write_is_refused(name: str, mode: int, folder: Path) -> None:
    put(folder / "all.env", f"PLANE_ADMIN_PASSWORD={PASSWORD}\n", 0o600)
    (folder / name).chmod(mode)
    with pytest.raises(SettingsError) as caught:
        read_settings(data(plane_secrets_dir=str(folder)), "sese")
    what = "it" if name else f"its folder {folder}"
    said = (
        "other users can read it; run: chmod 600" if name else f"other users can write {what}; run: chmod go-w {folder}"
    )
    assert str(caught.value).startswith(f"setting {folder}/all.env: {said}")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize("name", ["all.env", ""])
def test_a_secrets_file_of_another_user_is_refused(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_UID", raising=False)
    put(folder / "all.env", f"PLANE_ADMIN_PASSWORD={PASSWORD}\n", 0o600)
    os.chown(folder / name, 54321, 54321)
    with pytest.raises(SettingsError, match=r"belongs to another user \(54321\); change its owner: chown"):
        read_settings(data(plane_secrets_dir=str(folder)), "sese")


def test_a_hosts_name_does_not_lead_out_of_the_secrets_folder(folder: Path) -> None:
    put(folder / "outside.env", f"PLANE_ADMIN_PASSWORD={PASSWORD}\n")
    (folder / "secrets").mkdir()
    settings = read_settings(data(plane_secrets_dir=str(folder / "secrets")), "../outside")
    assert settings.plane_admin_password is None


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", ["", f"{PASSWORD}\nmore", f"{PASSWORD}\0", f"\t{PASSWORD}", [PASSWORD], True, 1.5])
def test_a_bad_secret_is_named_and_not_shown(name: str, value: object) -> None:
    [problem] = problems(**{name: value})
    assert problem == f"{name} must be one line of text, not empty"


def test_a_bad_password_of_an_agent_is_named_and_not_shown() -> None:
    [problem] = problems(plane_agents=agents(password=[PASSWORD]))
    assert problem == "plane_agents[3].password must be one line of text, not empty"
    assert PASSWORD not in problem


@pytest.mark.parametrize(
    "value", [{"four": {"password": PASSWORD}}, [["four", PASSWORD]]], ids=["a dict of agents", "an agent as a list"]
)
def test_agents_in_another_shape_are_refused_without_their_passwords(value: object) -> None:
    assert PASSWORD not in refusal(plane_agents=value)


def test_variables_in_another_shape_are_refused_without_their_values() -> None:
    assert PASSWORD not in refusal(plane_env_extra=[("SMTP_PASSWORD", PASSWORD)])


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("plane_env_extra", f"EMAIL_PASSWORD={PASSWORD}", "plane_env_extra must be a dict of variables (got a str)"),
        ("plane_env_extra", {f"A={PASSWORD}": "x"}, "plane_env_extra: a name must be letters"),
        ("plane_instance_config", f"EMAIL_HOST_PASSWORD={PASSWORD}",
         "plane_instance_config must be a dict of Plane's instance settings (got a str)"),
        ("plane_instance_config", {f"A={PASSWORD}": "x"}, "plane_instance_config: a name must be"),
        ("plane_agents", f"[{{'name':'thot','password':'{PASSWORD}'}}]", "plane_agents must be a list (got a str)"),
        ("plane_agents", [f"thot:{PASSWORD}"], "plane_agents[0] must be a dict (got a str)"),
        ("plane_agents", [{"name": "a", "role": "admin", f"password:{PASSWORD}": ""}], "plane_agents[0].…: unknown"),
        ("plane_agents", [{"name": "a", "role": "admin", "email": f"a:{PASSWORD}@b.c"}], "plane_agents[0].email must"),
        ("plane_db_host", f"plane:{PASSWORD}@db", "plane_db_host must be a host name, or None (got a str)"),
        ("postgres_container", f"http://db/?password={PASSWORD}", "postgres_container must be a container's"),
    ],
)  # fmt: skip
def test_of_what_may_hold_a_secret_only_the_kind_is_told(name: str, value: object, told: str) -> None:
    [problem] = problems(**{name: value})
    assert problem.startswith(told)
    assert PASSWORD not in problem and (problem.endswith(" (got a str)") or "unknown key" in problem)


def test_a_number_may_be_a_password_too() -> None:
    assert problems(plane_env_extra=4711) == ["plane_env_extra must be a dict of variables (got an int)"]


def test_a_secrets_file_in_another_encoding_is_refused(folder: Path) -> None:
    (folder / "all.env").write_bytes("PLANE_ADMIN_PASSWORD=pässword\n".encode("latin-1"))
    (folder / "all.env").chmod(0o600)
    assert "all.env" in refusal(plane_secrets_dir=str(folder))


def test_a_secret_with_an_uncommon_separator_arrives_whole(folder: Path) -> None:
    put(folder / "all.env", "POSTGRESQL_PASSWORD=left\u2028right\n")
    password = checked(plane_secrets_dir=str(folder)).postgresql_password
    assert password is not None
    assert password.unmask() == "left\u2028right"


def test_every_secret_is_known_as_one() -> None:
    settings = checked(**dict.fromkeys(SECRETS, PASSWORD))
    hidden = {name for name, value in vars(settings).items() if isinstance(value, HiddenValue)}
    assert hidden == {*SECRETS, "plane_redis_url", "plane_amqp_url"} <= {*MAY_HOLD_SECRETS}


def test_secrets_show_in_no_text_of_the_settings() -> None:
    secrets = {name: f"{PASSWORD}-{name}" for name in SECRETS}
    settings = checked(**secrets, plane_agents=agents(password=f"{PASSWORD}-agent"))
    for text in (str(settings), repr(settings), repr(settings.plane_agents), f"{settings.plane_admin_password}"):
        assert PASSWORD not in text
    for agent in settings.plane_agents:
        assert agent.password is not None
        assert agent.password.unmask() not in repr(settings) + repr(agent)


def test_a_hidden_variable_shows_in_no_text_of_the_settings() -> None:
    assert PASSWORD not in repr(checked(plane_env_extra={"SMTP_PASSWORD": HiddenValue(PASSWORD)}))


def test_secrets_show_in_no_text_of_an_error() -> None:
    secrets = {name: f"{PASSWORD}-{name}" for name in SECRETS}
    with pytest.raises(SettingsError) as caught:
        checked(**secrets, plane_agents=agents(password=PASSWORD, role="boss"), plane_db_port=0)
    assert PASSWORD not in str(caught.value) + repr(caught.value)


# Passwords of agents


def test_a_password_is_derived_from_the_seed_and_the_address() -> None:
    settings = checked(plane_agent_password_seed=SEED, plane_concierge_password=PASSWORD)
    again = checked(plane_agent_password_seed=SEED, plane_concierge_password=PASSWORD)
    other = checked(plane_agent_password_seed=SEED[::-1], plane_concierge_password=PASSWORD)
    assert passwords(settings) == passwords(again)
    assert passwords(settings)[0] == passwords(other)[0] == PASSWORD
    assert not set(passwords(settings)[1:]) & set(passwords(other))
    assert len(set(passwords(settings))) == 10


def passwords(settings: Settings) -> list[str]:
    return [agent.password.unmask() for agent in settings.plane_agents if agent.password is not None]


def test_a_derived_password_never_changes_between_versions() -> None:
    # Accounts were made with it: another derivation locks every agent out.
    assert (
        derive_password(HiddenValue("seed"), "thot@javisi.local").unmask()
        == "8puBgUwsclv0YxzGq5B5cRABfzyVWRGnrJdnmr46fCY"
    )
    assert (
        derive_password(HiddenValue("seed"), "thot@javisi.local", "work.javisi.test").unmask()
        == "hvjWKKPvuToqzBSvBsOX6WtDu4JgwdIv-hKvutavaXA"
    )


def test_the_same_seed_gives_each_plane_and_each_workspace_other_passwords() -> None:
    seed = "seed-of-all-the-agents-5"
    planes = [{"plane_web_url": f"https://{name}.javisi.test"} for name in ("one", "two")]
    found = [passwords(checked(plane_agent_password_seed=seed, **plane))[-1] for plane in planes]
    found.append(passwords(checked(plane_agent_password_seed=seed, plane_workspace_slug="lab", **planes[0]))[-1])
    assert len(set(found)) == 3
    moved = checked(
        plane_agent_password_seed=seed, plane_web_url="https://new.javisi.test", plane_seed_host="One.javisi.test"
    )
    assert passwords(moved)[-1] == found[0]


@examples(PROPERTY, max_examples=25)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), st.emails())
def test_a_derived_password_is_strong_and_the_same_for_any_case_of_the_address(seed: str, email: str) -> None:
    password = derive_password(HiddenValue(seed), email).unmask()
    assert password == derive_password(HiddenValue(seed), email.lower()).unmask()
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", password)
    assert zxcvbn(password)["score"] == 4


def test_without_a_seed_the_agents_have_no_password() -> None:
    settings = checked(plane_agents=agents(password=PASSWORD))
    assert [agent.password is None for agent in settings.plane_agents] == [True, True, True, False]


# What is missing


def test_everything_that_is_missing_is_named_at_once() -> None:
    settings = checked(plane_admin_password=PASSWORD)
    with pytest.raises(SettingsError) as caught:
        settings.require("postgresql_password", "plane_admin_password", "plane_agent_password_seed")
    text = str(caught.value)
    assert text.startswith("missing: postgresql_password, plane_agent_password_seed. ")
    assert "(POSTGRESQL_PASSWORD, PLANE_AGENT_PASSWORD_SEED)" in text
    assert "\n" not in text
    assert PASSWORD not in text


def test_nothing_is_said_when_nothing_is_missing() -> None:
    checked(plane_admin_password=PASSWORD).require("plane_admin_password")


def test_a_secret_is_given_or_named_as_missing() -> None:
    settings = checked(plane_admin_password=PASSWORD)
    assert settings.secret("plane_admin_password").unmask() == PASSWORD
    with pytest.raises(SettingsError, match=r"^missing: plane_secret_key\. Set it in the environment"):
        settings.secret("plane_secret_key")


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({}, ("plane_concierge_password", "plane_agent_password_seed")),
        ({"plane_agent_password_seed": SEED}, ("plane_concierge_password",)),
        ({"plane_concierge_password": PASSWORD}, ("plane_agent_password_seed",)),
        ({"plane_concierge_password": PASSWORD, "plane_agent_password_seed": SEED}, ()),
        ({"plane_agents": [{"name": "a", "role": "admin", "password": PASSWORD}]}, ()),
    ],
)
def test_only_the_secrets_that_accounts_need_are_asked_for(changes: dict[str, Any], needed: tuple[str, ...]) -> None:
    settings = checked(**changes)
    assert settings.account_secrets == settings.secrets_of("provisioning") == needed


def test_storage_needs_its_keys_where_there_is_an_endpoint() -> None:
    assert checked().secrets_of("environment") == ("postgresql_password",)
    settings = checked(plane_minio_endpoint="http://minio:9000")
    assert settings.secrets_of("environment") == (
        "postgresql_password",
        "plane_minio_access_key",
        "plane_minio_secret_key",
    )
    assert settings.secrets_of("database") == ("postgresql_password",)
    keys = ("postgresql_password", "plane_s3_access_key", "plane_s3_secret_key")
    assert checked(**S3).secrets_of("environment") == keys


# A host


def test_the_settings_of_a_host_are_read_once() -> None:
    class Host:
        name = "sese"
        reads = 0

        @property
        def data(self) -> Host:
            return self

        def dict(self) -> dict[str, Any]:
            self.reads += 1
            return data(plane_workspace_slug="lab")

    host = Host()
    assert settings_of(host) is settings_of(host)
    assert settings_of(host).plane_workspace_slug == "lab"
    assert host.reads == 1


def test_a_dotted_name_makes_a_variable_that_shells_take() -> None:
    agent = Agent("r2.d2-x", "r@x.y", "member", "R2", None)
    assert agent.token_variable == "PLANE_TOKEN_R2_D2_X"


# TLS


def test_tls_is_checked_unless_a_person_says_otherwise() -> None:
    assert checked().plane_api_tls_insecure is False
    assert checked(plane_api_tls_insecure=True).plane_api_tls_insecure is True


def test_an_authority_to_check_with_and_no_check_do_not_go_together() -> None:
    assert problems(plane_api_tls_insecure=True, plane_api_ca="ca.pem") == [
        "plane_api_tls_insecure must be False if plane_api_ca is set"
    ]
    assert checked(plane_api_tls_insecure=False, plane_api_ca="ca.pem").plane_api_ca == "ca.pem"
