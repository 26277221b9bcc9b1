"""A request is held against a host only when it is this request that the host cannot do."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import combinations, count
from pathlib import Path

import pytest
from lightning_verify.judging.contrast import SecondLook, look_again, trouble
from lightning_verify.judging.judge import Judge
from lightning_verify.requests.callers import anonymous
from lightning_verify.transport.client import BudgetExhausted
from lightning_verify.transport.exchange import Exchange

from lab import seams
from lab.running import running
from lab.server.lab import Call, Lab
from tests.judge.commands import command
from tests.judge.tiny_server import Answer, Asked, tiny
from tests.judge.tools import client_of, judge_of

IN_QUESTION, PLAIN = "in question", "plain"


def answered(status: int) -> Exchange:
    return Exchange("POST", "/gen/image", {}, b"{}", None, "somebody", status=status)


def host(fails: Callable[[str], bool], status: int = 500) -> Callable[[str], Exchange]:
    return lambda who: answered(status if fails(who) else 200)


def accused(ask: Callable[[str], Exchange], rounds: int = 1) -> bool:
    """Whether a host is accused that has just answered badly."""
    first = ask(IN_QUESTION)
    assert trouble(first)
    return look_again(first, lambda: ask(IN_QUESTION), lambda: ask(PLAIN), rounds=rounds).stands_out


@pytest.mark.parametrize("status", [302, 400, 404, 413, 422, 500, 501, 503])
def test_what_comes_each_time_stands_out(status: int) -> None:
    assert accused(host(lambda who: who == IN_QUESTION, status))
    assert not accused(host(lambda who: True, status))


def test_what_breaks_off_or_tells_its_failure_has_failed(tmp_path: Path) -> None:
    stream, cut = {"Content-Type": "text/event-stream"}, {"Content-Length": "999", "Connection": "close"}
    told = b'data: {"error": {"message": "upstream is gone"}}\n\n'
    said = {
        b'"plain"': Answer(200, stream, (b"data: [DONE]\n\n",)),
        b'"tools"': Answer(200, stream, (told,)),
        b'"picture"': Answer(200, {**stream, **cut}, (b"data: {}\n\n",)),
        b'"json"': Answer(200, {"Content-Type": "application/json"}, (b'{"error": "upstream is gone"}',)),
    }
    with tiny(lambda asked: said[asked.body]) as host, client_of(host.base_url, tmp_path) as (client, _):

        def ask(what: str) -> Exchange:
            return client.send("POST", "/gen/chat/completions", anonymous(), json_body=what)

        assert trouble(ask("plain")) is None
        for what in ("tools", "json", "picture"):
            again = partial(ask, what)
            assert look_again(again(), again, partial(ask, "plain")).stands_out
            assert not look_again(again(), again, again).stands_out


@pytest.mark.parametrize("status", [200, 408, 429])
def test_what_is_no_trouble_is_not_asked_for_again(status: int) -> None:
    def never() -> Exchange:
        raise AssertionError

    assert not look_again(answered(status), never, never).stands_out


@pytest.mark.parametrize("period", range(2, 7))
def test_no_failure_that_comes_and_goes_in_turns_stands_out(period: int) -> None:
    for size in range(1, period):
        for bad in combinations(range(period), size):
            turns: Iterator[int] = count(bad[0])
            assert not accused(host(lambda _, turns=turns, bad=bad: next(turns) % period in bad))  # type: ignore[misc]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8])
def test_failures_by_chance_hardly_ever_stand_out(share: float) -> None:
    dice = random.Random(share)
    trials = [bool(look_by_chance(dice, share)) for _ in range(4000)]
    assert sum(trials) <= 4000 / 150


def look_by_chance(dice: random.Random, share: float) -> bool:
    ask = host(lambda _: dice.random() < share)
    return look_again(answered(500), lambda: ask(IN_QUESTION), lambda: ask(PLAIN)).stands_out


@pytest.mark.parametrize(("fails_elsewhere", "stands_out"), [(False, True), (True, False)])
def test_where_others_fail_too_it_is_looked_at_for_longer(
    fails_elsewhere: bool, stands_out: bool, tmp_path: Path
) -> None:
    turns = count()

    def bad_luck(asked: Asked) -> Answer:
        """By chance the request in question falls in with the whole of the shorter look."""
        question = b"tower" in asked.body and next(turns) < 5
        return Answer(500 if question or b"bridge" in asked.body else 200)

    def ask(judge: Judge, prompt: str) -> Exchange:
        return judge.post("/gen/image", {"prompt": prompt})

    with tiny(bad_luck) as host, judge_of(host.base_url, tmp_path) as judge:
        if fails_elsewhere:
            ask(judge, "a bridge")
        first = ask(judge, "a tower")
        second = judge.probes.second_look(first, lambda: ask(judge, "a tower"), lambda: ask(judge, "a field"))
    assert second.stands_out is stands_out


def test_a_second_look_is_whole_whatever_others_ask_for_meanwhile(tmp_path: Path) -> None:
    def towers_fail(asked: Asked) -> Answer:
        return Answer(500 if b"tower" in asked.body else 200)

    with (
        tiny(towers_fail) as host,
        client_of(host.base_url, tmp_path, {"imagesDaily": 16}) as (client, budget),
    ):
        budget.kept = {"imagesDaily": 16}

        def ask(prompt: str) -> Exchange:
            return client.send("POST", "/gen/image", anonymous(), json_body={"prompt": prompt})

        def look(name: str) -> SecondLook:
            with client.second_look():
                return look_again(answered(500), lambda: ask(f"a {name} tower"), lambda: ask("a field"))

        def others() -> None:
            for _ in range(16):
                with pytest.raises(BudgetExhausted, match="are kept"):
                    ask("a bridge")

        with ThreadPoolExecutor(3) as threads:
            asking = threads.submit(others)
            assert [second.stands_out for second in threads.map(look, ["stone", "wooden"])] == [True, True]
            asking.result()
        assert budget.bill()["booked"] == {"imagesDaily": 16}


def test_without_units_nobody_is_accused() -> None:
    def empty() -> Exchange:
        raise BudgetExhausted

    assert not look_again(answered(500), empty, empty).stands_out


def test_without_units_for_a_longer_look_the_shorter_one_stands() -> None:
    left = iter(range(9))

    def ask(status: int) -> Exchange:
        if next(left, None) is None:
            raise BudgetExhausted
        return answered(status)

    assert look_again(answered(500), lambda: ask(500), lambda: ask(200), rounds=2).stands_out


def _failing_upstream(every: int) -> seams.Apply:
    calls = count()

    async def step(lab: Lab, called: Call, run: Callable[[], object]) -> None:
        if called.operation.metric and next(calls) % every == 0:
            seams.crash()(lab, called)
        await run()  # type: ignore[misc]

    return seams.around("charge", step)


@pytest.mark.slow
@pytest.mark.parametrize("every", [2, 3])
def test_an_upstream_that_fails_now_and_then_accuses_nobody(every: int, tmp_path: Path) -> None:
    judged = ("IMG-3", "VID-3", "CHAT-9", "ID-4")
    with running(prepare=_failing_upstream(every)) as server:
        run = command(
            f"--base-url={server.base_url}",
            "--report-dir=reports",
            "--spend=sample",
            "--settle=1",
            *(f"--only={name}" for name in judged),
            directory=tmp_path,
            credentials=server.credentials,
        )
    assert not run.documented("fail"), run.out
