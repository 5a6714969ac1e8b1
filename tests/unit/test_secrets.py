"""Where secrets come from, which are asked for, and how new ones are made."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from zxcvbn import zxcvbn

from pyinfra_plane.make_secrets import main
from pyinfra_plane.settings import SettingsError, read_settings
from pyinfra_plane.settings.passwords import is_weak
from pyinfra_plane.settings.preflight import check, missing_secrets, parts_of
from pyinfra_plane.settings.secrets import GENERATED, read_secret_files, variables
from tests.unit.given import ROOT, checked, data

PASSWORD = "hunter2-Tr0ub4dor"


class Host:
    """As much of pyinfra's host as the settings ask for."""

    def __init__(self, name: str, **changes: Any) -> None:
        self.name = name
        self._data = data(**{"plane_web_url": "https://work.javisi.test", **changes})

    @property
    def data(self) -> Host:
        return self

    def dict(self) -> dict[str, Any]:
        return self._data


# sops


@pytest.fixture
def sops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the command: it "decrypts" a file by turning its letters' case, and counts its calls."""
    programs = tmp_path / "programs"
    programs.mkdir()
    script = programs / "sops"
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {programs}/calls\n'
        'for file; do :; done\n[ "$(head -c 6 "$file")" = broken ] && exit 128\ntr a-zA-Z A-Za-z < "$file"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return programs / "calls"


def test_an_encrypted_file_is_read_with_sops_after_the_plain_ones(tmp_path: Path, sops: Path) -> None:
    (tmp_path / "all.sops.env").write_text("postgresql_password=FROM-SOPS\nplane_secret_key=KEY")
    (tmp_path / "sese.sops.env").write_text("plane_secret_key=OF-THE-HOST")
    found = read_settings(data(plane_secrets_dir=str(tmp_path)), "sese")
    assert found.secret("postgresql_password").unmask() == "from-sops"
    assert found.secret("plane_secret_key").unmask() == "of-the-host"
    read_settings(data(plane_secrets_dir=str(tmp_path)), "another")
    # One for each file, however many hosts read it.
    assert len(sops.read_text().splitlines()) == 2
    (tmp_path / "all.env").write_text("POSTGRESQL_PASSWORD=plain")
    (tmp_path / "all.env").chmod(0o600)
    found = read_settings(data(plane_secrets_dir=str(tmp_path)), "sese")
    assert found.secret("postgresql_password").unmask() == "plain"


AT_ONCE = """
import sys
from gevent import monkey
monkey.patch_all()
from gevent.pool import Pool
from pyinfra_plane.settings.secrets import read_secret_files
found = Pool(4).map(lambda host: read_secret_files(sys.argv[1], host), ["one", "two", "three", "four"])
assert [values for values, problems in found if not problems] == [{"POSTGRESQL_PASSWORD": "from-sops"}] * 4, found
"""


def test_hosts_that_read_a_file_at_once_have_it_decrypted_once(tmp_path: Path, sops: Path) -> None:
    (tmp_path / "all.sops.env").write_text("postgresql_password=FROM-SOPS")
    # As under pyinfra, whose hosts are greenlets.
    subprocess.run([sys.executable, "-c", AT_ONCE, str(tmp_path)], check=True, cwd=ROOT, timeout=60)
    assert len(sops.read_text().splitlines()) == 1


def test_without_sops_an_encrypted_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "all.sops.env").write_text("x")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match=r"^setting \S+/all\.sops\.env: the command sops is needed to read it; "):
        read_settings(data(plane_secrets_dir=str(tmp_path)))


def test_what_sops_cannot_decrypt_is_one_line(tmp_path: Path, sops: Path) -> None:
    (tmp_path / "all.sops.env").write_text("broken")
    with pytest.raises(SettingsError, match=r"sops cannot decrypt it \(exit code 128\); run: sops -d ") as caught:
        read_settings(data(plane_secrets_dir=str(tmp_path)))
    assert "\n" not in str(caught.value)


# What is asked for, before any connection


@pytest.mark.parametrize(
    ("operations", "parts"),
    [
        (["deploy.py"], ("database", "environment", "provisioning")),
        (["./deploy.py"], ("database", "environment", "provisioning")),
        (["deploy.database"], ("database",)),
        (["deploy.provisioning", "deploy.database"], ("provisioning", "database")),
        (["operations.plane.workspace", "slug=lab"], ()),
        (["exec", "--", "ls"], ()),
        ([], ()),
    ],
)
def test_a_command_line_asks_for_parts_of_this_deploy(
    operations: list[str], parts: tuple[str, ...], tmp_path: Path
) -> None:
    assert parts_of(operations, ROOT, ROOT / "deploy.py") == parts
    assert parts_of(operations, tmp_path, ROOT / "deploy.py") == parts_of(operations, ROOT, None) == ()


@pytest.mark.parametrize(
    ("parts", "changes", "names"),
    [
        (("database",), {}, ("postgresql_password",)),
        (("database",), {"postgresql_password": PASSWORD}, ()),
        (("environment",), {"plane_minio_endpoint": "http://minio:9000", "postgresql_password": "x"},
         ("plane_minio_access_key", "plane_minio_secret_key")),
        (("database", "environment", "provisioning"), {},
         ("postgresql_password", "plane_admin_password", "plane_concierge_password", "plane_agent_password_seed")),
        (("provisioning",), {"plane_admin_api_token": "x"}, ("plane_concierge_password", "plane_agent_password_seed")),
        # An instance that is set up may do without the admin's password.
        (("provisioning",), {"plane_concierge_password": PASSWORD, "plane_agent_password_seed": PASSWORD}, ()),
    ],
)  # fmt: skip
def test_the_missing_secrets_of_a_part(parts: tuple[str, ...], changes: dict[str, Any], names: tuple[str, ...]) -> None:
    assert missing_secrets(checked(**changes), parts) == names


def test_every_missing_secret_of_every_host_is_in_one_line() -> None:
    hosts = [Host("one", postgresql_password=PASSWORD), Host("two", plane_admin_password=PASSWORD)]
    with pytest.raises(SettingsError) as caught:
        check(hosts, ("database", "provisioning"))
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("missing: plane_admin_password, plane_concierge_password, plane_agent_password_seed, "
                           "postgresql_password. Set each in the environment (PLANE_ADMIN_PASSWORD, ")  # fmt: skip
    assert "/all.env (make secrets writes what is missing there), or" in line


def test_make_secrets_is_named_for_what_it_makes_alone() -> None:
    stored = {"plane_minio_endpoint": "http://minio:9000"}
    with pytest.raises(SettingsError) as caught:
        check([Host("one", postgresql_password=PASSWORD, **stored)], ("environment",))
    assert str(caught.value) == (
        "missing: plane_minio_access_key, plane_minio_secret_key. Set each in the environment (PLANE_MINIO_ACCESS_KEY, "
        "PLANE_MINIO_SECRET_KEY), in there-is-no-such-folder/all.env, or in host data."
    )
    with pytest.raises(SettingsError) as caught:
        check([Host("one", **stored)], ("environment",))
    assert "/all.env (make secrets writes POSTGRESQL_PASSWORD there), or in host data." in str(caught.value)


OF_A_PLANE = ("plane_admin_password", "plane_concierge_password", "plane_secret_key")


@pytest.mark.parametrize("name", OF_A_PLANE)
def test_two_planes_with_one_password_are_refused_unless_a_setting_says_so(name: str) -> None:
    given = {"postgresql_password": PASSWORD, name: PASSWORD}
    urls = ("https://one.javisi.test", "https://two.javisi.test")
    hosts = [Host(url[8:11], plane_web_url=url, **given) for url in urls]
    with pytest.raises(SettingsError) as caught:
        check(hosts, ("environment",))
    said = str(caught.value)
    assert f"{name} is the same on {urls[0]} and {urls[1]}, which are different Planes" in said
    assert "make secrets HOST=two" in said and PASSWORD not in said
    check([Host(url[8:11], plane_web_url=url, plane_shared_passwords=True, **given) for url in urls], ("environment",))
    # Two workspaces of one Plane.
    check([Host(name, plane_web_url=urls[0], **given) for name in ("one", "one-lab")], ("environment",))


def test_make_secrets_gives_a_host_passwords_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(str(tmp_path)), main(str(tmp_path), "two"), main(str(tmp_path), "two")) == (0, 0, 0)
    own = read_secret_files(str(tmp_path), "two", alone=True)[0]
    assert own.keys() == {"PLANE_ADMIN_PASSWORD", "PLANE_CONCIERGE_PASSWORD"}
    shared = read_secret_files(str(tmp_path), "")[0]
    assert all(own[name] != shared[name] for name in own)
    assert "two.env: nothing is missing" in capsys.readouterr().out


@pytest.mark.parametrize("url", ["https://work.example.com", "https://plane.example", "https://x.invalid"])
def test_the_address_of_an_example_is_refused_but_for_this_machine(url: str) -> None:
    given: dict[str, Any] = {"postgresql_password": PASSWORD, "plane_web_url": url}
    with pytest.raises(SettingsError) as caught:
        check([Host("one", **given)], ("environment",))
    assert str(caught.value) == f"setting plane_web_url: {url} is an example's address; set your own"
    check([Host("one", ssh_hostname="127.0.0.1", **given)], ("environment",))
    check([Host("one", **given)], ("database",))


def test_the_problems_of_all_hosts_are_told_once_with_the_hosts_that_have_them() -> None:
    hosts = [Host("one", plane_db_port=0, plane_prune=1), Host("two", plane_prune=1, plane_agents=5)]
    with pytest.raises(SettingsError) as caught:
        check(hosts, ("database",))
    assert str(caught.value).splitlines() == [
        "settings:",
        "    plane_db_port must be a whole number from 1 to 65535 (got 0) (of one)",
        "    plane_prune must be True or False (got 1)",
        "    plane_agents must be a list (got an int) (of two)",
    ]


def test_what_the_environment_file_cannot_carry_is_told_with_the_host_and_without_the_value() -> None:
    good = {"postgresql_password": PASSWORD}
    bad = Host("two", plane_secret_key="hunter$2", plane_env_extra={"SMTP_PASSWORD": "hunter\n2"}, **good)
    check([Host("one", **good), bad], ("database",))
    with pytest.raises(SettingsError) as caught:
        check([Host("one", **good), bad], ("environment",))
    lines = str(caught.value).splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["plane_secret_key:", "plane_env_extra.SMTP_PASSWORD:"]
    assert all("cannot carry the value unchanged" in line and line.endswith(" (of two)") for line in lines)
    assert "hunter" not in str(caught.value)


def test_what_is_no_deploy_is_not_checked() -> None:
    check([Host("one", plane_db_port=0)], ())


# make secrets


def test_new_secrets_are_strong_and_readable_by_their_owner_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "secrets"
    assert main(str(folder)) == 0
    path = folder / "all.env"
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(folder.stat().st_mode)) == (0o600, 0o700)
    found = variables(path.read_text())
    assert tuple(found) == GENERATED
    assert len(set(found.values())) == len(GENERATED)
    assert {zxcvbn(value)["score"] for value in found.values()} == {4}
    said = capsys.readouterr().out
    assert not any(value in said for value in found.values())
    assert checked(plane_secrets_dir=str(folder)).account_secrets == ()
    assert [entry.name for entry in folder.iterdir()] == ["all.env"]


def test_what_is_there_stays_and_only_what_is_missing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "all.env"
    path.write_text("# ours\nPLANE_ADMIN_PASSWORD=kept\nOTHER=x")
    path.chmod(0o600)
    monkeypatch.setenv("POSTGRESQL_PASSWORD", "from-the-environment")
    assert main(str(tmp_path)) == 0
    text = path.read_text()
    assert text.startswith("# ours\nPLANE_ADMIN_PASSWORD=kept\nOTHER=x\n")
    assert list(variables(text)) == [
        "PLANE_ADMIN_PASSWORD", "OTHER", "PLANE_CONCIERGE_PASSWORD", "PLANE_AGENT_PASSWORD_SEED",
    ]  # fmt: skip
    assert main(str(tmp_path)) == 0
    assert path.read_text() == text
    assert "nothing is missing" in capsys.readouterr().out


def test_a_password_is_not_made_up_for_an_admin_whose_token_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANE_ADMIN_API_TOKEN", "plane_api_x")
    assert main(str(tmp_path)) == 0
    assert "PLANE_ADMIN_PASSWORD" not in variables((tmp_path / "all.env").read_text())


def test_a_file_that_others_can_read_is_not_added_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "all.env"
    path.write_text("A=1\n")
    path.chmod(0o644)
    assert main(str(tmp_path)) == 1
    assert path.read_text() == "A=1\n"
    assert "chmod 600" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "secrets").write_text("a file")
    assert main(str(tmp_path / "secrets")) == 1
    assert "nothing was changed" in capsys.readouterr().err


# Weak passwords


@pytest.mark.parametrize("name", ["plane_admin_password", "plane_concierge_password"])
def test_a_password_that_plane_would_refuse_is_refused_and_not_shown(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        checked(**{name: "Password123"})
    assert str(caught.value).startswith(f"setting {name} must be stronger, since Plane refuses weak passwords")
    assert "Password123" not in str(caught.value)


@pytest.mark.parametrize("seed", ["1", "seed", "Password123"])
def test_a_weak_seed_is_refused_and_not_shown(seed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        checked(plane_agent_password_seed=seed)
    assert str(caught.value) == (
        "setting plane_agent_password_seed must be stronger, since all agents' passwords are derived from it: at least "
        "score 3 of 4 by zxcvbn (make secrets creates strong ones)"
    )


def test_a_weak_password_of_an_agent_is_named_by_its_place() -> None:
    with pytest.raises(SettingsError, match=r"plane_agents\[0\]\.password must be stronger"):
        checked(plane_agents=[{"name": "a", "role": "admin", "password": "qwerty12345"}])


@pytest.mark.parametrize(
    ("password", "weak"),
    [("x", True), ("passwordpassword", True), ("Aa1!Aa1!Aa1!Aa1!", True), ("correct horse battery staple", False),
     (PASSWORD, False), ("kJ8-" * 5, True), ("ß" * 200, True), ("tr0ub4dor&3-zulu" * 30, False)],
)  # fmt: skip
def test_what_is_weak(password: str, weak: bool) -> None:
    assert is_weak(password) is weak
