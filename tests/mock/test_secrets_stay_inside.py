"""No credential is shown by what can be printed, nor by what is kept of a call."""

from __future__ import annotations

import os
import stat
from typing import Any

import pytest
import requests
from lightning_mock.addresses import shown_address
from lightning_mock.background import running
from lightning_mock.client import Lightning, LightningError
from lightning_mock.credentials_file import write_credentials
from lightning_mock.settings import Settings, SettingsError

from tests.support.guard import HANGS


@pytest.fixture(scope="module")
def mock() -> Any:
    with running() as mock:
        yield mock


def test_nothing_printed_shows_a_token(mock: Any) -> None:
    settings = Settings(jwt_secret="s" * 40, control_token="t" * 40)
    user = Lightning(mock.base_url).user("light")
    shown = [mock, mock.state, mock.plans, mock.state.credentials, settings, user, user.new_key(label="a")]
    secrets = [*mock.credentials.values(), user.jwt, user.api_key, "s" * 40, "t" * 40]
    for plan in mock.plans.values():
        secrets += [plan.jwt, plan.api_key]
    printed = " ".join(map(repr, shown))
    assert not [secret for secret in secrets if secret in printed]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:hunter2@host/path", "https://host/path"),
        ("user:hunter2@host", "host"),
        ("https:/user:hunter2@host", "host"),
        ("https://user:hun/ter2@host", "https://host"),
        ("https://user:hun://ter2@host", "https://host"),
        ("https://user:hun?ter2@host", "https://…"),
        ("redis://host:1/0?password=hunter2", "redis://host:1/0"),
        ("redis://host?password=hun@ter2", "redis://…"),
        ("unix:///tmp/redis.sock", "unix:///tmp/redis.sock"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert shown_address(address) == shown


def test_no_message_shows_the_password_of_an_address() -> None:
    with pytest.raises(SettingsError, match=r"record: .* got 'https://host'") as refused:
        Settings(record="https://user:hunter2@host")
    said = str(refused.value)
    client = Lightning("http://user:hunter2@127.0.0.1:1")
    said += repr(client)
    with pytest.raises(LightningError, match=r"at http://127\.0\.0\.1:1 ") as unanswered:
        client.clock()
    with pytest.raises(LightningError, match="base_url") as unusable:
        Lightning("ftp://user:hunter2@host")
    said += f"{unanswered.value} {unusable.value}"
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("headers", "path", "body"),
    [
        ({"X-Client-ID": "{}"}, "/usage", None),
        ({"X-Client-ID": "client-of-{}"}, "/usage", None),
        ({"User-Agent": "{}", "Accept": "{}", "Origin": "http://{}", "Cookie": "a={}"}, "/usage", None),
        ({}, "/usage?a={}", None),
        ({}, "/{}", None),
        ({}, "/gen/chat/completions", '{{"messages": [{{"role": "user", "content": "{}"}}]}}'),
        ({}, "/gen/chat/completions", '{{"{}": 1}}'),
    ],
)
@pytest.mark.parametrize("written", ["plain", "escaped"])
def test_a_key_sent_anywhere_is_neither_in_the_journal_nor_in_the_state(
    mock: Any, headers: Any, path: Any, body: Any, written: Any
) -> None:
    key = mock.credentials["LIGHTNING_API_KEY"]
    in_path = key.replace("_", "%5F") if written == "escaped" else key
    in_body = "\\u0069" + key[1:] if written == "escaped" else key
    requests.request(
        "GET" if body is None else "POST",
        mock.base_url + path.format(in_path),
        headers={name: value.format(key) for name, value in headers.items()}
        | {"Content-Type": "application/json"},
        data=None if body is None else body.format(in_body),
        timeout=HANGS,
    )
    for shown in ("journal", "state", "identities", "snapshot"):
        assert (
            key.removeprefix("ipa_live_")
            not in requests.get(f"{mock.base_url}/__mock__/{shown}", timeout=HANGS).text
        )


def test_a_client_id_that_is_a_key_still_has_a_counter_of_its_own(mock: Any) -> None:
    for letter in "ab":
        answer = requests.get(
            mock.base_url + "/gen/sfx/rain", headers={"X-Client-ID": f"ipa_live_{letter * 32}"}, timeout=HANGS
        )
        assert answer.status_code == 200


def test_the_word_public_is_not_a_credential(mock: Any) -> None:
    requests.get(mock.base_url + "/usage", headers={"Authorization": "Bearer public"}, timeout=HANGS)
    entries = requests.get(mock.base_url + "/__mock__/journal", timeout=HANGS).json()["entries"]
    assert "the bearer `public`" in entries[-1]["explanation"]


def test_credentials_go_to_a_new_file_or_a_regular_one_of_ours(tmp_path: Any) -> None:
    old = tmp_path / "old.json"
    old.write_text('{"NAME": "older"}')
    old.chmod(0o644)
    link = tmp_path / "link.json"
    link.symlink_to(old)
    for file in (tmp_path / "new.json", old, link):
        write_credentials(file, {"NAME": "secret"})
        assert "secret" in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert link.is_symlink()
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("kind", ["directory", "fifo", "device", "link", "dangling", "foreign"])
def test_credentials_replace_nothing_else(tmp_path: Any, kind: Any, monkeypatch: Any) -> None:
    place = tmp_path / "place"
    if kind == "directory":
        place.mkdir()
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "device":
        place = place.parent.parent.joinpath("/dev/null")
    elif kind == "link":
        place.symlink_to("/dev/null")
    elif kind == "dangling":
        place.symlink_to(tmp_path / "nothing")
    else:
        place.write_text('{"NAME": "theirs"}')
        monkeypatch.setattr("os.geteuid", lambda: place.stat().st_uid + 1)
    before = os.lstat(place)
    with pytest.raises(SettingsError, match="credentials file"):
        write_credentials(place, {"NAME": "secret"})
    after = os.lstat(place)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
