"""SCRAM verifiers, compared with those that PostgreSQL makes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import sandbox
from pyinfra_plane.engine import scram
from tests.unit.given import PROPERTY

# What PostgreSQL takes as one line: no control characters, nothing that is not UTF-8.
# The characters of DIFFERENT are looked at by themselves.
DIFFERENT = "\u200b\u0340\u0341ℵℶℷℸ\U0002f868\U0002f874\U0002f91f\U0002f95f\U0002f9bf"
PASSWORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters=DIFFERENT), min_size=1, max_size=40
)

# Where SASLprep has something to do.
AWKWARD = st.text(
    st.sampled_from("aB1 -\u00ad\u00a0\u2003\u3000\u200d\ufeff\u0301éÅﬁ①½अאبكً\u0661\u0662\u202e\ue000\U0001f600ß한글"),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandbox.Host]:
    with sandbox.running(tmp_path_factory.mktemp("postgres"), hosts=1) as running:
        yield running.hosts[0]


def stored(postgres: sandbox.Host, passwords: Sequence[str]) -> list[str]:
    """What PostgreSQL stores for each of the passwords."""
    roles = [f"role_{number}" for number in range(len(passwords))]
    made = "".join(
        f"CREATE ROLE {role} PASSWORD '{password.replace(chr(39), chr(39) * 2)}';\n"
        for role, password in zip(roles, passwords, strict=True)
    )
    shown = "".join(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{role}';\n" for role in roles)
    return postgres.psql(f"BEGIN;\n{made}{shown}ROLLBACK;\n").splitlines()


@pytest.mark.parametrize(
    "password",
    [
        "pencil",
        "with space and 'quotes' and \\ and $1 and :name",
        "x" * 500,
        "pässwörd",
        "A\u030angstro\u0308m",
        "soft\u00adhyphen",
        "\u00ad",
        "no\u00a0break, em\u2003space, ideographic\u3000space",
        "zero\u200dwidth joiner\ufeff",
        "ﬁ ligature, ① circled, ½ half, \u210c letterlike",
        "שלום",
        "مرحبا",
        "\u0627\u0031",
        "\u0627\u0031\u0628",
        "latin שלום mixed",
        "שלום latin",
        "emoji \U0001f600 newer than Unicode 3.2",
        "private \ue000 use",
        "\u202eoverride",
        "한글",
        "ᄒ\u1161\u11ab",
        "Ⅷ ß \u017f İ \u0131",
        "\ufffd replacement",
        "tag \U000e0041",
    ],
)
def test_a_verifier_of_postgresql_matches_its_password_and_no_other(postgres: sandbox.Host, password: str) -> None:
    [verifier] = stored(postgres, [password])
    assert scram.matches(password, verifier)
    assert not scram.matches(password + "x", verifier)


@pytest.mark.parametrize(
    "password",
    [
        # RFC 3454 has it in both tables; PostgreSQL makes it a space, here it is dropped.
        "zero\u200bwidth",
        "\u200b",
        # PostgreSQL looks for prohibited characters and directions before it normalises, RFC 4013 and this afterwards.
        "deprecated \u0340 tone mark",
        "ℵ1",
        "1ℵ a",
        # Unicode corrected what these normalise to after 3.2.
        "\U0002f868",
        "\U0002f874",
        "\U0002f91f",
        "\U0002f95f",
        "\U0002f9bf",
    ],
)
def test_a_verifier_matches_where_postgresql_differs_from_the_rfc(postgres: sandbox.Host, password: str) -> None:
    [verifier] = stored(postgres, [password])
    assert scram.matches(password, verifier)


@examples(PROPERTY, max_examples=8)
@given(passwords=st.lists(st.one_of(PASSWORDS, AWKWARD), min_size=10, max_size=10))
def test_any_password_matches_what_postgresql_makes_of_it(postgres: sandbox.Host, passwords: list[str]) -> None:
    for password, verifier in zip(passwords, stored(postgres, passwords), strict=True):
        assert scram.matches(password, verifier), f"{password!a} {verifier}"


def test_postgresql_takes_a_verifier_as_it_is(postgres: sandbox.Host) -> None:
    verifier = scram.verifier("pencil")
    assert stored(postgres, [verifier]) == [verifier]


def test_the_vector_of_the_rfc_comes_out() -> None:
    # The exchange of RFC 7677, section 3: the proof and the signature follow from these keys.
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    verifier = scram.verifier("pencil", salt, 4096)
    stored_key, server_key = (base64.b64decode(part) for part in verifier.split("$")[2].split(":"))
    message = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    signature = hmac.new(server_key, message, hashlib.sha256).digest()
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client_signature = hmac.new(stored_key, message, hashlib.sha256).digest()
    client_key = bytes(one ^ other for one, other in zip(proof, client_signature, strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key


@examples(PROPERTY, max_examples=30)
@given(PASSWORDS, PASSWORDS, st.binary(min_size=1, max_size=20), st.integers(1, 50))
def test_a_verifier_matches_its_own_password_alone(password: str, other: str, salt: bytes, iterations: int) -> None:
    verifier = scram.verifier(password, salt, iterations)
    assert verifier.startswith(f"SCRAM-SHA-256${iterations}:")
    assert scram.matches(password, verifier)
    assert scram.matches(other, verifier) == (scram.prepare(other) == scram.prepare(password))


def test_two_verifiers_of_a_password_have_different_salts() -> None:
    assert scram.verifier("pencil") != scram.verifier("pencil")


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "pencil",
        "md5a3556571e93b0d20722ba62be61e8c2d",
        "SCRAM-SHA-256",
        "SCRAM-SHA-256$4096",
        "SCRAM-SHA-256$4096$x",
        "SCRAM-SHA-256$many:AAAA$AAAA:AAAA",
        "SCRAM-SHA-256$0:AAAA$AAAA:AAAA",
        "SCRAM-SHA-256$-1:AAAA$AAAA:AAAA",
        "SCRAM-SHA-256$99999999999999999999999:AAAA$AAAA:AAAA",
        "SCRAM-SHA-256$2147483648:AAAA$AAAA:AAAA",
        "SCRAM-SHA-256$10:no base64!$AAAA:AAAA",
        "SCRAM-SHA-256$10:AAAA$AAAA:AAAA",
        pytest.param(
            "SCRAM-SHA-256$10:AAAA$é:é",
        ),
        "$$",
    ],
)
def test_garbage_matches_nothing(garbage: str) -> None:
    assert not scram.matches("pencil", garbage)


def test_a_verifier_of_another_scheme_does_not_match() -> None:
    assert not scram.matches("pencil", scram.verifier("pencil").replace("SHA-256", "SHA-512"))


@PROPERTY
@given(st.text(st.characters(max_codepoint=126)))
def test_ascii_is_hashed_as_it_is(password: str) -> None:
    assert scram.prepare(password) == password
