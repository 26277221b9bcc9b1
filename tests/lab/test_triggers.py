"""A triggered fault shows when its trigger holds, and only then."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from lab.client import HELLO, Client
from lab.faults import FAULTS
from lab.matrix import plan
from lab.matrix.cache import Cache
from lab.matrix.pairs import Pair, all_pairs, proven, sampled, serving
from lab.matrix.results import Results
from lab.matrix.table import triggers
from lab.matrix.trial import Trial
from lab.running import running
from lab.triggers import NESTED_TOOL, TOOL_HISTORY, TRIGGERS, Request, Trigger, sometimes

FAULT = "usage-remaining-too-high"
PICTURE = b'{"image_urls": ["data:image/png;base64,AAAA"]}'


def asked(method: str = "GET", path: str = "/usage?", body: bytes = b"", **headers: str) -> Request:
    return Request(method, path, {name.replace("_", "-"): value for name, value in headers.items()}, body)


HOLDING = {
    "only-jwt": asked(authorization="Bearer eyJ0.eyJ1.signature"),
    "only-key": asked(authorization="Bearer ipa_live_abc"),
    "only-client": asked(x_client_id="one"),
    "only-address": asked(),
    "only-get": asked(),
    "only-post": asked("POST"),
    "only-streams": asked("POST", body=b'{"stream": true}'),
    "only-tools": asked("POST", body=b'{"tools": [1]}'),
    "only-pictures": asked("POST", body=PICTURE),
    "only-long": asked("POST", body=b"x" * 500),
    "only-unicode": asked("POST", body=b'"\\u00e9"'),
    "only-history": asked("POST", body=b'{"messages": [{}, {}]}'),
    "only-system-role": asked("POST", body=b'{"messages": [{"role": "system"}]}'),
    "only-tool-results": asked("POST", body=json.dumps({"messages": TOOL_HISTORY}).encode()),
    "only-nested-schemas": asked("POST", body=json.dumps({"tools": [NESTED_TOOL]}).encode()),
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


@pytest.mark.parametrize("trigger", ["only-client", "only-get", "only-key", "after-50", "every-10th"])
def test_a_pair_is_proven(trigger: str) -> None:
    assert proven(Pair(FAULT, trigger))


def test_a_pair_without_effect_is_none() -> None:
    assert not proven(Pair(FAULT, "only-streams"))


def test_what_shows_without_its_trigger_is_no_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    always = sometimes(FAULTS[FAULT], Trigger("always", lambda: lambda _: True))
    monkeypatch.setattr("lab.matrix.pairs.sometimes", lambda fault, trigger: always)
    assert not proven(Pair(FAULT, "only-key"))


def test_the_list_is_long_and_of_all_triggers_and_areas() -> None:
    pairs = all_pairs()
    assert len(set(pairs)) == len(pairs) >= 250
    assert {pair.trigger for pair in pairs} == TRIGGERS.keys()
    assert {pair.area for pair in pairs} == {Pair(fault, "").area for fault in FAULTS}


@pytest.mark.parametrize("pair", sampled(12, seed=3), ids=str)
def test_a_listed_pair_is_proven(pair: Pair) -> None:
    assert proven(pair)


def test_a_sample_has_all_triggers_and_a_seed() -> None:
    sample = sampled(40, seed=5)
    assert set(Counter(pair.trigger for pair in sample).values()) == {2}
    assert sample == sampled(40, seed=5) != sampled(40, seed=6)
    assert sorted(sampled(0, seed=5)) == sorted(all_pairs())


def test_a_large_body_arrives_whole() -> None:
    with running(prepare=sometimes(FAULTS[FAULT], TRIGGERS["only-long"])) as server:
        client = Client(server.base_url, server.credentials)
        long = [*HELLO, {"role": "user", "content": "word " * 4000}]
        assert client.chat(messages=long).status == 200


def test_the_table_counts_by_trigger_and_by_area(tmp_path: Path) -> None:
    pair = next(pair for pair in all_pairs() if pair.trigger == "only-key")
    named, other = next(p for p in all_pairs() if p.trigger == "every-3rd"), pair
    cache = Cache(tmp_path / "cache")
    assert triggers(Results(cache))[-1] == "Not tried."
    cache.keep(Trial(plan.triggered(named), 1, {FAULTS[named.fault].requirements[0]: "fail"}))
    cache.keep(Trial(plan.triggered(other), 0))
    told = "\n".join(triggers(Results(cache)))
    assert "| every-3rd | 1 | 1 (100 %) | 1 (100 %) |" in told
    assert "| only-key | 1 | 0 (0 %) | 0 (0 %) |" in told
    assert f"Survivors: `{other.fault}` with `only-key`." in told
