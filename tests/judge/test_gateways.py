"""What others say in a host's place accuses it of nothing, and hides nothing for long."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lightning_verify.checks import test_limits as limits
from lightning_verify.checks import test_quota as quota
from lightning_verify.checks import test_races as races
from lightning_verify.checks import test_user_limits as user_limits
from lightning_verify.judging import limits as calls_at_limits
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.outcomes import Disturbed
from lightning_verify.requests.callers import anonymous
from lightning_verify.run.scheduler import MAX_REPEATED, run_undisturbed
from lightning_verify.transport.retries import GATEWAY_RETRIES
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.gateways import GATEWAYS, Gateway, answering
from lab.running import running
from lab.server.lab import Lab
from tests.judge.commands import command
from tests.judge.tiny_server import Answer, Asked, tiny
from tests.judge.tools import client_of, judge_of

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


# Each check that calls up to a limit, and after how many requests it is well on its way.
TO_THE_LIMIT: dict[str, tuple[Callable[[Judge], None], int]] = {
    "throwaway caller": (
        lambda j: limits.test_beyond_the_limit_the_answer_is_429_and_stays_so(j, "imagesDaily"),
        9,
    ),
    "account": (lambda j: user_limits.test_an_account_is_served_up_to_its_limit(j, "free", "videosDaily"), 3),
    "race": (lambda j: races.test_calls_at_the_same_time_do_not_pass_the_limit(j, "images"), 5),
}


def _losing(lost: set[int]) -> Callable[[Lab], None]:
    """The host does these requests, and a gateway that was too impatient answers them."""

    def wrap(app: ASGIApp) -> ASGIApp:
        numbers = itertools.count()

        async def between(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or next(numbers) not in lost:
                await app(scope, receive, send)
                return

            async def nobody(_: Message) -> None:
                """The answer goes nowhere."""

            await app(scope, receive, nobody)
            await send({"type": "http.response.start", "status": 504, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        return between

    return lambda lab: lab.middleware.append(wrap)


UPSTREAM_FAILED = Gateway(500, {"content-type": "application/json"}, b'{"detail":"The provider failed"}')
# How a call may come to nothing: lost on the way, lost after it was charged, or not answered by the provider.
LOSSES: dict[str, Callable[[set[int]], Callable[[Lab], None]]] = {
    "lost": lambda lost: answering([GATEWAYS["origin too slow"]], lost.__contains__),
    "lost and charged": _losing,
    "failed": lambda lost: answering([UPSTREAM_FAILED], lost.__contains__),
}


@pytest.mark.parametrize("losing", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("name", TO_THE_LIMIT)
def test_calls_that_come_to_nothing_on_the_way_to_a_limit_leave_nothing_undecided(
    name: str,
    losing: Callable[[set[int]], Callable[[Lab], None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calls_at_limits, "PAUSES", ())
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    check, last = TO_THE_LIMIT[name]
    for lost in range(1, last):
        books = tmp_path / str(lost)
        books.mkdir()
        numbers = {lost, lost + 1}
        with (
            running(prepare=losing(numbers)) as server,
            judge_of(server.base_url, books, server.credentials) as judge,
        ):
            check(judge)
        assert not judge.findings, f"requests {numbers} lost"
        assert judge.witnesses["RATE-6" if name == "race" else "RATE-4"]


def test_a_test_that_a_gateway_disturbs_is_repeated_once(tmp_path: Path) -> None:
    for lost, repeats in ({1}, 1), ({2}, 1), (set[int](), 0):
        books = tmp_path / str(lost)
        books.mkdir()
        gateway = answering([GATEWAYS["balancer's bad gateway"]], lost.__contains__)
        with running(prepare=gateway) as server, judge_of(server.base_url, books) as judge:
            run_undisturbed(judge, partial(quota.test_the_same_prompt_twice_costs_two_units, judge))
        assert judge.repeats == repeats
        assert judge.witnesses["CHAT-11"]
        assert not judge.findings


def test_not_every_test_is_repeated_behind_a_gateway_that_always_fails(tmp_path: Path) -> None:
    gateway = answering([GATEWAYS["balancer's bad gateway"]], lambda number: number % 2 == 1)
    repeats = 0
    with running(prepare=gateway) as server, judge_of(server.base_url, tmp_path) as judge:
        for _ in range(MAX_REPEATED + 2):
            judge.repeats = 0
            with pytest.raises(Disturbed):
                run_undisturbed(judge, partial(quota.test_the_same_prompt_twice_costs_two_units, judge))
            repeats += judge.repeats
    assert repeats == MAX_REPEATED


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
