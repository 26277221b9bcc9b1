"""No text that has passed the redactor shows a secret, however it is spelt, cut or wrapped."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.redaction import Redactor
from lightning_verify.requests.callers import anonymous, bearer
from lightning_verify.requests.credentials import invalid_bearers
from lightning_verify.transport.exchange import Exchange

from tests.judge.canaries import CANARIES, leaks

thorough = settings(max_examples=150, deadline=None, derandomize=True, database=None)
secrets = st.sampled_from(sorted(CANARIES.values()))
PLAIN = (
    'GET /usage -> 401: {"detail": "the token of user 17 is not valid", "id": "3f2a", "at": [1, 2.5, null]}'
)


@pytest.fixture
def redactor() -> Redactor:
    return Redactor(CANARIES)


@pytest.mark.parametrize("name", CANARIES)
def test_a_credential_is_shown_by_its_name(redactor: Redactor, name: str) -> None:
    assert redactor.text(f"Authorization: Bearer {CANARIES[name]}, thanks") in {
        f"Authorization: Bearer <{name}>, thanks",
        "Authorization: Bearer <bearer>, thanks",
    }
    assert redactor.text(f"it was {CANARIES[name]}!") == f"it was <{name}>!"


@given(secrets, st.text(max_size=20), st.text(max_size=20))
@thorough
def test_a_secret_is_found_in_any_text_and_spelling(secret: str, before: str, after: str) -> None:
    text = before + secret + after
    plain = text.encode("utf-8", "surrogatepass")
    spellings = [
        text,
        json.dumps(text),
        repr(text),
        quote(secret, safe=""),
        base64.b64encode(plain).decode(),
        base64.urlsafe_b64encode(plain).decode(),
        secret.rpartition(".")[2],
    ]
    shown = [("", Redactor(CANARIES).text(spelling)) for spelling in spellings]
    assert leaks([secret], shown) == []


DISGUISES: dict[str, Callable[[str], str]] = {
    "capitals": str.upper,
    "small letters": str.lower,
    "swapped case": str.swapcase,
    "backwards": lambda secret: secret[::-1],
    "hexadecimal": lambda secret: secret.encode().hex(),
    "hexadecimal capitals": lambda secret: secret.encode().hex().upper(),
    "percent": lambda secret: "".join(f"%{ord(letter):02x}" for letter in secret),
    "percent here and there": lambda secret: "".join(
        f"%{ord(letter):02X}" if place % 3 else letter for place, letter in enumerate(secret)
    ),
    "percent twice": lambda secret: "".join(f"%25{ord(letter):02X}" for letter in secret),
    "JSON escapes": lambda secret: "".join(f"\\u{ord(letter):04x}" for letter in secret),
    "HTML entities": lambda secret: "".join(f"&#{ord(letter)};" for letter in secret),
    "HTML entities in hexadecimal": lambda secret: "".join(f"&#x{ord(letter):X};" for letter in secret),
    "Base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "URL Base64": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
}


@pytest.mark.parametrize("name", CANARIES)
@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_secret_in_disguise_is_found_in_values_and_names(disguise: str, name: str) -> None:
    redactor, hidden = Redactor(CANARIES), DISGUISES[disguise](CANARIES[name])
    headers = [(f"X-{hidden}", hidden), ("Set-Cookie", f"{hidden}=1; Path=/"), ("cookie", f"{hidden}=1")]
    shown = [redactor.text(f"before {hidden} after"), *map(": ".join, redactor.headers(headers))]
    for text in shown:
        # Whoever knows the trick would take off the disguise again.
        assert hidden[: len(hidden) // 2] not in text
        assert hidden[len(hidden) // 2 :] not in text
        assert "<" in text


@given(secrets, st.data())
@thorough
def test_a_piece_of_a_secret_is_found_where_a_text_was_cut(secret: str, data: st.DataObject) -> None:
    shown = data.draw(st.integers(12, len(secret)))
    redactor = Redactor(CANARIES)
    for text, piece in ((f"{secret[:shown]}...", secret[:shown]), (f"...{secret[-shown:]}", secret[-shown:])):
        kept = redactor.text(text).strip(".")
        assert "<LIGHTNING_" in kept
        assert not any(kept[at : at + 12] in piece for at in range(len(kept) - 11)), kept


@pytest.mark.parametrize(
    "text",
    [
        f"{CANARIES['LIGHTNING_JWT']}{CANARIES['LIGHTNING_API_KEY']}",
        CANARIES["LIGHTNING_API_KEY"] * 3,
        CANARIES["LIGHTNING_JWT"].replace(".", " "),
        "x".join(CANARIES.values()),
        CANARIES["LIGHTNING_JWT"][:-1] + "x",
    ],
)
def test_secrets_that_touch_each_other_are_all_found(redactor: Redactor, text: str) -> None:
    assert leaks(CANARIES.values(), [("", redactor.text(text))]) == []


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzb21lYm9keSBlbHNlIn0.c2lnbmF0dXJl",
        "ipa_live_somebodyElsesKey0123456789",
        "somebody.else@example.com",
    ],
)
def test_credentials_and_addresses_of_others_are_not_shown_either(redactor: Redactor, secret: str) -> None:
    assert secret not in redactor.text(f"seen: {secret}.")


@pytest.mark.parametrize("text", [PLAIN, "", "Bearer public", "a" * 3000, "灯台 é \ud800 \x00", "eyJ", "a@b"])
def test_a_text_without_secrets_stays_as_it_is(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


def test_a_forged_token_is_a_secret_from_the_moment_it_is_made(redactor: Redactor) -> None:
    forged = invalid_bearers(CANARIES)
    for kind, bad in forged.items():
        redactor.learn(kind, bad)
    assert {"tampered token", "altered API key", "unsigned token", "foreign signature"} <= set(forged)
    shown = [("", redactor.text(f"refused: {bad}")) for bad in forged.values()]
    assert leaks([*forged.values(), *CANARIES.values()], shown) == []


def test_a_text_that_was_shown_before_is_looked_at_again_when_a_secret_is_learned(redactor: Redactor) -> None:
    text = "session eb7c1f09d2a84b56"
    assert redactor.text(text) == text
    redactor.learn("session", "eb7c1f09d2a84b56")
    assert redactor.text(text) == "session <session>"


def test_a_short_secret_is_hidden_when_it_is_whole() -> None:
    assert Redactor({"LIGHTNING_API_KEY": "hunter22"}).text("key hunter22!") == "key <LIGHTNING_API_KEY>!"


def test_long_texts_do_not_take_long(redactor: Redactor) -> None:
    for number in range(200):
        redactor.learn("forged", base64.b64encode(f"{number}".encode() * 80).decode())
    for text in ("word " * 8000, "A" * 40_000, "a@" * 20_000, "eyJ" * 13_000):
        redactor.text(text)


def test_evidence_shows_the_exchange_and_no_secret(redactor: Redactor) -> None:
    secret = CANARIES["LIGHTNING_API_KEY"]
    recorder = Recorder("http://127.0.0.1:8787", redactor)
    recorded = recorder.record(
        Exchange(
            method="POST",
            path=f"/gen/image?key={secret}",
            request_headers=bearer("LIGHTNING_API_KEY", secret).headers,
            request_body=json.dumps({"prompt": f"a fox with {secret}"}).encode(),
            operation=None,
            caller=anonymous().label,
            status=401,
            headers=[
                ("Set-Cookie", f"session={secret}; Path=/"),
                ("WWW-Authenticate", f'Bearer realm="{secret}"'),
            ],
            body=("x" * 590 + secret).encode(),
            problem=f"ClientError: {secret}",
        )
    )
    text = json.dumps(recorded)
    assert leaks([secret], [("", text)]) == []
    assert recorded["response"]["status"] == 401
    assert recorded["response"]["headers"]["Set-Cookie"] == "session=<cookie>"
    assert recorded["request"]["curl"].startswith("curl -i -X POST")
    assert "<LIGHTNING_API_KEY>" in text
