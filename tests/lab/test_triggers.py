"""A triggered fault shows when its trigger holds, and only then."""

from __future__ import annotations

import pytest

from lab.client import HELLO, Client
from lab.faults import FAULTS
from lab.running import running
from lab.triggers import TRIGGERS, Asked, Caught, Pair, serving, sometimes, table, takes_effect

FAULT = "usage-remaining-too-high"
PICTURE = b'{"image_urls": ["data:image/png;base64,AAAA"]}'


def asked(method: str = "GET", path: str = "/usage?", body: bytes = b"", **headers: str) -> Asked:
    return Asked(method, path, headers, body)


HOLDING = {
    "only-jwt": asked(authorization="Bearer eyJ0.eyJ1.signature"),
    "only-key": asked(authorization="Bearer ipa_live_abc"),
    "only-client": asked(**{"x-client-id": "one"}),
    "only-address": asked(),
    "only-get": asked(),
    "only-post": asked("POST"),
    "only-streams": asked("POST", body=b'{"stream": true}'),
    "only-tools": asked("POST", body=b'{"tools": [1]}'),
    "only-pictures": asked("POST", body=PICTURE),
    "only-long": asked("POST", body=b"x" * 500),
    "only-unicode": asked("POST", body=b'"\\u00e9"'),
    "only-history": asked("POST", body=b'{"messages": [1, 2]}'),
}
FIXED = [name for name, trigger in TRIGGERS.items() if trigger.fixed and not name.startswith("after")]


@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_trigger_holds_for_its_kind_and_not_for_all(name: str) -> None:
    holds = TRIGGERS[name].make()
    assert holds(HOLDING[name])
    assert not all(holds(other) for other in HOLDING.values())


@pytest.mark.parametrize(("name", "shown"), [("every-3rd", 10), ("every-10th", 3), ("after-50", 0)])
def test_a_counting_trigger_counts(name: str, shown: int) -> None:
    holds = TRIGGERS[name].make()
    assert sum(holds(asked()) for _ in range(30)) == shown


def test_chance_has_a_seed() -> None:
    one, other = (TRIGGERS["one-in-ten"].make() for _ in range(2))
    answers = [one(asked()) for _ in range(200)]
    assert answers == [other(asked()) for _ in range(200)]
    assert 10 < sum(answers) < 35


def test_the_two_servers_share_their_counters() -> None:
    with serving(Pair(FAULT, "only-post")) as server:
        client = Client(server.base_url, server.credentials)
        assert client.chat().status == 200
        assert client.used()["cloudChatDaily"] == 1
        assert server.charged() == 1


@pytest.mark.parametrize("trigger", ["only-client", "only-get", "only-key", "every-10th"])
def test_a_pair_takes_effect(trigger: str) -> None:
    assert takes_effect(Pair(FAULT, trigger))


def test_a_pair_without_effect_is_seen() -> None:
    assert not takes_effect(Pair(FAULT, "only-streams"))


def test_a_large_body_arrives_whole() -> None:
    with running(prepare=sometimes(FAULTS[FAULT], TRIGGERS["only-long"])) as server:
        client = Client(server.base_url, server.credentials)
        long = [*HELLO, {"role": "user", "content": "word " * 4000}]
        assert client.chat(messages=long).status == 200


def test_the_table_counts_what_takes_effect() -> None:
    first = FAULTS[FAULT].requirements[0]
    results = [
        Caught(Pair(FAULT, "only-key"), effective=True, failed=(first,)),
        Caught(Pair(FAULT, "only-key"), effective=True),
        Caught(Pair(FAULT, "only-tools"), effective=False),
    ]
    told = table(results)
    assert "| only-key | 2 | 1 | 1 |" in told
    assert f"survived: {FAULT} only-key" in told
    assert "without effect: 1 of 3" in told
