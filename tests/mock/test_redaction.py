"""What the journal hides of a request, wherever somebody has put it."""

from __future__ import annotations

from typing import Any

import pytest
from lightning_mock.callers.credential_forms import without_credentials as clean

KEY = "ipa_live_" + "k" * 32
SECRETS = (
    f"my key is {KEY} thanks",
    f"{KEY.upper()}",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "use sk-abcdefghij now",
    "Bearer abc.def",
    "BEARER%20abc.def",
    '{"token": "hush", "a": 1}',
    r"{\"access_token\": \"hush\"}",
    "client_secret=hush",
    "password:hush",
    "passwd=hush",
    '"api_key":"hush"',
    "apikey=hush",
    "Authorization: hush",
    "Authorization: Bearer hush",
    '{"headers": {"Authorization": "Basic hush"}}',
    '{"Authorization": ["Bearer hush"]}',
    r"{\"authorization\": \"bearer\u0020hush\"}",
    "/usage?key=hush",
    "/usage?a=1&key=hush",
    "a capital api, a token, max_tokens: 5, then token=hush",
    "bytes that are no UTF-8, \udce9, then token=hush",
    "ésk-abcdefghij",
    "/gen/image/%2569pa_live_kkkkkkkk",
    "/gen/image/%252569pa_live_kkkkkkkk",
    r"\\u0069pa_live_kkkkkkkk",
    '--b\r\nContent-Disposition: form-data; name="client_secret"\r\nContent-Type: text/plain\r\n\r\nhush\r\n',
    "/usage?url=%252Fa%253Ftoken%253Dhush",
)
HIDDEN = ("hush", "kkk", "eyjzdwii", "abcdefghij", "abc.def")
HARMLESS = (
    '{"plan_key":"light","usage":{"prompt_tokens":5},"max_tokens":64}',
    "the capital of a task-force is a ring-bearer; tokens; a secret author",
    "100%2525 of a%2520quiet%253D harbour",
    "risk-assessments and keys: a monkey = an ape, tokens: none",
    "/usage?a=bearer%20%20public",
)


@pytest.mark.parametrize("text", SECRETS)
def test_a_credential_is_hidden(text: Any) -> None:
    shown = clean(text)
    assert "[redacted]" in shown
    assert not [secret for secret in HIDDEN if secret in shown.lower()]


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays_as_it_is(text: Any) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("text", SECRETS)
def test_what_is_hidden_once_stays_as_it_is(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_a_recording_of_a_secret_meets_the_same_request_again() -> None:
    assert clean("password: x") == clean(clean("password: x")) == "password: [redacted]"
