"""What others say in a host's place accuses it of nothing, and hides nothing for long."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from lightning_verify.requests.callers import anonymous
from lightning_verify.transport.client import GATEWAY_RETRIES

from lab.gateways import GATEWAYS, answering
from lab.running import running
from tests.judge.commands import command
from tests.judge.tiny_server import Answer, Asked, tiny
from tests.judge.tools import client_of

REQUESTS: list[tuple[str, str, Any, set[int]]] = [
    ("GET", "/", None, {301, 308}),
    ("GET", "/usage", None, {200}),
    ("HEAD", "/status/image", None, {200}),
    ("POST", "/gen/image", {}, {400}),
]


@pytest.mark.parametrize("name", GATEWAYS)
def test_the_host_is_asked_again_and_gives_its_own_answer(name: str, tmp_path: Path) -> None:
    gateway = GATEWAYS[name]
    for method, path, body, own in REQUESTS:
        with (
            running(prepare=answering([gateway], lambda number: number < 2)) as host,
            client_of(host.base_url, tmp_path) as (client, _),
        ):
            exchange = client.send(method, path, anonymous(), json_body=body, lane="free")
        # A limit is one, whoever sets it; and whoever sends home for good says what the host says.
        spoken_for = gateway.status == 429 or (path == "/" and gateway.status == 301)
        assert exchange.status in own | ({gateway.status} if spoken_for else set())
        assert not exchange.is_deliberate


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.slow
def test_one_answer_in_seven_from_others_accuses_nobody(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    gateways = dice.sample(list(GATEWAYS.values()), len(GATEWAYS))
    with running(prepare=answering(gateways, lambda _: dice.random() < 1 / 7)) as host:
        run = command(
            *(f"--base-url={host.base_url}", "--report-dir=reports"),
            *(f"--only={area}" for area in ("account", "catalogue", "failures", "identity", "status")),
            directory=tmp_path,
            credentials=host.credentials,
        )
        assert host.charged() == 0
    assert run.documented("fail") == set(), run.out
    assert len(run.documented("pass")) > 25


def test_a_host_that_refuses_in_plain_words_is_soon_taken_at_them(tmp_path: Path) -> None:
    statuses = {"/usage": 401, "/models": 404, "/tiers": 400}

    def answer(asked: Asked) -> Answer:
        return Answer(statuses[asked.path], {"Content-Type": "text/plain"}, (b"Sorry.",))

    with tiny(answer) as host, client_of(host.base_url, tmp_path) as (client, _):
        for path, asked in ("/usage", 1 + GATEWAY_RETRIES), ("/models", 1 + GATEWAY_RETRIES), ("/tiers", 1):
            before = len(host.asked)
            assert client.send("GET", path, anonymous()).is_deliberate
            assert len(host.asked) - before == asked, path


def test_a_host_that_leads_elsewhere_each_time_means_it(tmp_path: Path) -> None:
    with (
        tiny(lambda _: Answer(302, {"Location": "https://elsewhere.example/"})) as host,
        client_of(host.base_url, tmp_path) as (client, _),
    ):
        first = client.send("GET", "/", anonymous())
        second = client.send("GET", "/", anonymous())
    assert first.is_deliberate
    assert second.is_deliberate
    assert len(host.asked) == 1 + GATEWAY_RETRIES + 1
