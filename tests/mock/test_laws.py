"""The mock's tests hold every response against the judge's laws; here is shown that they can."""

from __future__ import annotations

import json
from typing import Any

import requests

from tests.mock.conftest import CHAT, Client, broken_laws


def _without_reason(response: requests.Response) -> requests.Response:
    answer: dict[str, Any] = response.json()
    del answer["choices"][0]["finish_reason"]
    response._content = json.dumps(answer).encode()
    return response


def test_a_good_response_keeps_the_laws_and_a_spoilt_one_does_not(caller: Client) -> None:
    response = caller.post("/gen/chat/completions", CHAT)
    assert broken_laws(response) == {}
    assert set(broken_laws(_without_reason(response))) == {"CHAT-2"}


def test_a_picture_is_looked_at_as_well(caller: Client) -> None:
    response = caller.get("/gen/image/a%20lighthouse")
    assert broken_laws(response) == {}
    response._content = response.content[:100]
    assert set(broken_laws(response)) == {"IMG-2"}
