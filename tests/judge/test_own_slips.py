"""Slips of our own side are mended or named before anything is sent; they are not held against a host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lightning_verify.requests.credentials import CredentialsError, cleaned, gather

from lab.running import running
from lab.server.credentials import DEFAULTS, token
from tests.judge.commands import command

KEY, TOKEN = DEFAULTS["LIGHTNING_API_KEY"], DEFAULTS["LIGHTNING_JWT"]


@pytest.mark.parametrize(
    "written",
    [
        "Bearer {}",
        "bearer  {}",
        '"{}"',
        "'{}'\n",
        " {}\r\n",
        '"Bearer {}"',
        "Authorization: Bearer {}",
        "\ufeff{}",
    ],
)
def test_what_was_copied_along_is_taken_off(written: str) -> None:
    assert cleaned(written.format(TOKEN)) == TOKEN


def test_good_credentials_stay_as_they_are() -> None:
    assert gather(DEFAULTS) == DEFAULTS


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LIGHTNING_JWT", DEFAULTS["LIGHTNING_EXPIRED_JWT"] + "x", "has expired"),
        ("LIGHTNING_JWT", KEY + "x", "holds an API key"),
        ("LIGHTNING_API_KEY", TOKEN + "x", "holds an access token"),
        ("LIGHTNING_API_KEY", "e30.eyJzZXNzaW9uX2lkIjoiMSJ9.signature", "holds an access token"),
        ("LIGHTNING_EXPIRED_JWT", TOKEN + "x", "is valid until"),
        ("LIGHTNING_FREE_JWT", TOKEN, "the same credential"),
        ("LIGHTNING_FREE_JWT", TOKEN + "x", "the same user"),
        ("LIGHTNING_REVOKED_API_KEY", KEY, "the same credential"),
        ("LIGHTNING_API_KEY", "two words", "white space"),
        ("LIGHTNING_API_KEY", "$KEY", "placeholder"),
    ],
)
def test_a_slip_is_named_and_no_secret_shown(name: str, value: str, told: str) -> None:
    with pytest.raises(CredentialsError, match=told) as slip:
        gather({**DEFAULTS, name: value})
    assert name in str(slip.value)
    assert value not in str(slip.value)


@pytest.mark.parametrize(
    "content", [{"LIGHTNING_JTW": TOKEN}, {"jwt": TOKEN}, {"LIGHTNING_SECRET": "x"}, {"LIGHTNING_JWT": 5}]
)
def test_a_file_with_names_of_its_own_is_refused(content: object, tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps(content))
    with pytest.raises(CredentialsError):
        gather({}, file)


@pytest.mark.slow
def test_credentials_of_two_accounts_have_a_limit_each(tmp_path: Path) -> None:
    """A token and a key are meant to be of one account. These are not, and one cannot use up the other."""
    with running() as server:
        mixed = {**server.credentials, "LIGHTNING_JWT": server.credentials["LIGHTNING_FREE_JWT"]}
        del mixed["LIGHTNING_FREE_JWT"]
        run = command(
            *(f"--base-url={server.base_url}", "--spend=exhaust", "--only=RATE-4", "--report-dir=reports"),
            directory=tmp_path,
            credentials=mixed,
        )
    assert run.verdicts == {"RATE-4": "pass"}


@pytest.mark.slow
def test_an_api_key_may_have_the_form_of_a_token(tmp_path: Path) -> None:
    credentials = {**DEFAULTS, "LIGHTNING_API_KEY": token("key-of-lab-paid", 4_102_444_800)}
    with running(credentials=credentials) as server:
        run = command(
            *(f"--base-url={server.base_url}", "--only=SUB-4", "--only=AUTH-2", "--report-dir=reports"),
            directory=tmp_path,
            credentials=credentials,
        )
    assert "LIGHTNING_API_KEY has the form of an access token" in run.out
    assert run.verdicts == {"SUB-4": "pass", "AUTH-2": "pass"}
