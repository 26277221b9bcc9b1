"""No road leads round the breaker: what is not booked is not sent, and what is sent is sent once."""

from __future__ import annotations

import itertools
import multiprocessing
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from lightning_spec.loader import load_spec
from lightning_verify.requests.callers import anonymous, bearer, by_user_agent
from lightning_verify.requests.valid import CALLS
from lightning_verify.run.session import Run, Settings
from lightning_verify.target import Spend, Target
from lightning_verify.transport.budget import DOUBTS_ALLOWED, SURPRISES_ALLOWED, Budget, BudgetExhausted
from lightning_verify.transport.client import Client, HostGone, Lane
from lightning_verify.transport.retries import GATEWAY_RETRIES
from lightning_verify.transport.schemathesis_transport import ClientAdapter, session

from tests.judge.tiny_server import Answer, Asked, tiny
from tests.judge.tools import client_of, judge_of

IMAGE = CALLS["createImage"]


def served(_: Asked) -> Answer:
    return Answer()


def refused(_: Asked) -> Answer:
    return Answer(400)


def book(books: Path, caps: dict[str, int], times: int) -> int:
    """How many of so many attempts were let through."""
    budget, through = Budget(books, caps), 0
    for _ in range(times):
        try:
            budget.book("imagesDaily")
            through += 1
        except BudgetExhausted:
            pass
    return through


# --- the books --------------------------------------------------------------------------------------------


def test_a_cap_holds_when_threads_book_at_once(tmp_path: Path) -> None:
    books, through = tmp_path / "budget.json", list[int]()

    def work() -> None:
        through.append(book(books, {"imagesDaily": 20}, 8))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(through) == 20
    assert Budget(books, {}).bill()["booked"] == {"imagesDaily": 20}


def test_a_cap_holds_when_processes_book_at_once(tmp_path: Path) -> None:
    books = tmp_path / "budget.json"
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        through = pool.starmap(book, [(books, {"imagesDaily": 30}, 25)] * 4)
    assert sum(through) == 30
    assert Budget(books, {}).bill()["requests"] == 30


def test_what_others_have_booked_is_counted_once_however_often_one_is_refused(tmp_path: Path) -> None:
    mine, other = (Budget(tmp_path / "b", {"imagesDaily": 2}) for _ in range(2))
    other.book("imagesDaily")
    mine.book("imagesDaily")
    for budget in (mine, other, mine):
        with pytest.raises(BudgetExhausted):
            budget.book("imagesDaily")
    for budget in (mine, other, Budget(tmp_path / "b", {})):
        assert budget.bill()["booked"] == {"imagesDaily": 2}


def test_what_is_kept_for_second_looks_is_booked_by_nothing_else(tmp_path: Path) -> None:
    budget = Budget(tmp_path / "b", {"imagesDaily": 3})
    budget.kept = {"imagesDaily": 2}
    budget.book("imagesDaily")
    with pytest.raises(BudgetExhausted, match="the last 2 are kept"):
        budget.book("imagesDaily")
    for _ in range(2):
        budget.book("imagesDaily", second_look=True)
    with pytest.raises(BudgetExhausted, match="booked them all"):
        budget.book("imagesDaily", second_look=True)


def test_each_metric_has_its_own_cap_and_one_without_is_free(tmp_path: Path) -> None:
    budget = Budget(tmp_path / "b", {"imagesDaily": 1, "audioWeekly": 0})
    budget.book("imagesDaily")
    for metric in ("imagesDaily", "audioWeekly"):
        with pytest.raises(BudgetExhausted, match=metric):
            budget.book(metric)
    for _ in range(5):
        budget.book("cloudChatDaily")
    assert budget.bill()["booked"] == {"imagesDaily": 1, "cloudChatDaily": 5}


# --- the client -------------------------------------------------------------------------------------------


def test_nothing_is_sent_once_the_budget_is_used_up(tmp_path: Path) -> None:
    with tiny(served) as host, client_of(host.base_url, tmp_path, {"imagesDaily": 2}) as (client, _):
        for _ in range(2):
            client.send("POST", IMAGE.path, anonymous(), json_body=IMAGE.body)
        for method, path in (
            ("POST", IMAGE.path),
            ("GET", "/gen/image/a%20fox"),
            ("GET", "/gen/image/x?mode=y"),
        ):
            with pytest.raises(BudgetExhausted):
                client.send(method, path, by_user_agent())
        client.send("GET", "/usage", anonymous())
    assert host.paths == ["POST /gen/image"] * 2 + ["GET /usage"]


@pytest.mark.parametrize("operation", [name for name in CALLS if name not in {"getUsage", "getSubscription"}])
def test_every_generation_route_is_booked_before_it_is_asked(operation: str, tmp_path: Path) -> None:
    call = CALLS[operation]
    caps = dict.fromkeys(load_spec().metrics, 0)
    with tiny(served) as host, client_of(host.base_url, tmp_path, caps) as (client, _):
        if operation == "analyzePrompt":
            client.send(call.method, call.path, anonymous(), json_body=call.body)
            assert len(host.asked) == 1
            return
        for path in (call.path, call.path + "/", call.path + "?x=1"):
            with pytest.raises(BudgetExhausted):
                client.send(call.method, path, anonymous(), json_body=call.body)
    assert host.asked == []


def test_requests_at_the_same_time_do_not_pass_a_cap(tmp_path: Path) -> None:
    with tiny(served) as host, client_of(host.base_url, tmp_path, {"imagesDaily": 3}) as (client, budget):
        with pytest.raises(BudgetExhausted):
            client.send_together([("POST", IMAGE.path, anonymous(), IMAGE.body)] * 8)
        assert budget.bill()["booked"] == {"imagesDaily": 3}
    assert len(host.asked) <= 3


def test_the_workers_of_a_run_share_one_cap(tmp_path: Path) -> None:
    with (
        tiny(served) as host,
        client_of(host.base_url, tmp_path, {"imagesDaily": 1}) as (one, _),
        client_of(host.base_url, tmp_path, {"imagesDaily": 1}) as (other, _),
    ):
        one.send("POST", IMAGE.path, anonymous(), json_body=IMAGE.body)
        with pytest.raises(BudgetExhausted):
            other.send("POST", IMAGE.path, anonymous(), json_body=IMAGE.body)
    assert len(host.asked) == 1


def test_a_run_that_may_spend_nothing_sends_nothing_that_costs(tmp_path: Path) -> None:
    settings = Settings(Spend.NONE, {"imagesDaily": 5}, None, False, {}, 1.0, 1.0, 5.0, 4, 0, 1)
    with tiny(served) as host:
        run = Run.open(settings, Target(host.base_url), tmp_path, "main")
        try:
            for call in CALLS.values():
                if run.spec.operations[call.operation].metric:
                    with pytest.raises(BudgetExhausted):
                        run.client.send(call.method, call.path, anonymous(), json_body=call.body)
        finally:
            run.client.close()
    assert host.asked == []


# --- once means once --------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["getImage", "createImage"])
def test_a_request_whose_connection_breaks_is_not_sent_again(operation: str, tmp_path: Path) -> None:
    call = CALLS[operation]
    with tiny(lambda _: Answer(drop=True)) as host, client_of(host.base_url, tmp_path) as (client, budget):
        exchange = client.send(call.method, call.path, anonymous(), json_body=call.body)
        assert budget.bill()["booked"] == {"imagesDaily": 1}
    assert exchange.status is None
    assert exchange.problem is not None
    assert len(host.asked) == 1


def test_a_connection_kept_open_and_dropped_later_changes_nothing(tmp_path: Path) -> None:
    answers = iter([Answer(), Answer(drop=True), Answer()])
    with tiny(lambda _: next(answers)) as host, client_of(host.base_url, tmp_path) as (client, budget):
        problems = [client.send("GET", "/gen/image/fox", anonymous()).problem is None for _ in range(3)]
        assert budget.bill()["booked"] == {"imagesDaily": 3}
    assert problems == [True, False, True]
    assert len(host.asked) == len(host.connections) == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_redirect_is_followed(status: int, method: str, tmp_path: Path) -> None:
    def elsewhere(_: Asked) -> Answer:
        return Answer(status, {"Location": "/gen/video/trap"})

    with tiny(elsewhere) as host, client_of(host.base_url, tmp_path) as (client, budget):
        exchange = client.send(method, "/usage" if method == "GET" else IMAGE.path, anonymous())
        assert exchange.status == status
        assert "videosDaily" not in budget.bill()["booked"]
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    ("location", "followed"),
    [
        ("/usage/", True),
        ("usage/", True),
        ("/public/usage?x=1", True),
        ("/gen/image/trap", False),
        ("/gen/video/airforce/a/b", False),
        ("/%67en/image/trap", False),
        ("/GEN/image/trap", False),
        ("//{host}/gen/image/trap", False),
        ("http://{host}/x/../gen/tts/trap", False),
        ("https://example.com/usage", False),
        ("", False),
    ],
)
def test_a_judge_follows_free_redirects_on_the_host_only(
    location: str, followed: bool, tmp_path: Path
) -> None:
    def elsewhere(asked: Asked) -> Answer:
        if asked.path != "/usage":
            return Answer(200)
        return Answer(307, {"Location": location.format(host=asked.headers["Host"])})

    with tiny(elsewhere) as host, judge_of(host.base_url, tmp_path) as judge:
        exchange = judge.get("/usage")
    assert exchange.status == (200 if followed else 307)
    # Another site is what a portal leads to: the host is asked again, and it stays with that.
    asked_again = GATEWAY_RETRIES if location.startswith("https://example.com") else 0
    assert exchange.is_deliberate is bool(asked_again)
    assert len(host.asked) == (2 if followed else 1 + asked_again)


def test_nothing_that_is_posted_is_sent_on(tmp_path: Path) -> None:
    with (
        tiny(lambda _: Answer(307, {"Location": "/elsewhere"})) as host,
        client_of(host.base_url, tmp_path) as (client, _),
    ):
        client.send("POST", "/gen/prompt_analyze", anonymous(), json_body={}, lane="free", follow=True)
    assert host.paths == ["POST /gen/prompt_analyze"]


def test_a_redirect_loop_ends(tmp_path: Path) -> None:
    with (
        tiny(lambda asked: Answer(308, {"Location": asked.path})) as host,
        judge_of(host.base_url, tmp_path) as judge,
    ):
        assert judge.get("/status").status == 308
    assert len(host.asked) <= 5


# --- the free lane ----------------------------------------------------------------------------------------


def test_the_free_lane_costs_nothing_while_the_host_refuses(tmp_path: Path) -> None:
    with tiny(refused) as host, client_of(host.base_url, tmp_path, {"imagesDaily": 0}) as (client, budget):
        for _ in range(10):
            client.send("POST", IMAGE.path, anonymous(), json_body={}, lane="free")
        assert budget.bill()["booked"] == {}
    assert len(host.asked) == 10


def test_the_bill_says_who_paid(tmp_path: Path) -> None:
    payers = [anonymous(), by_user_agent(), bearer("LIGHTNING_JWT", "a.b.c"), bearer("garbled", "nonsense")]
    with tiny(served) as host, client_of(host.base_url, tmp_path) as (client, budget):
        for payer in payers:
            client.send("POST", IMAGE.path, payer, json_body={"prompt": "a fox"})
        client.send("POST", "/gen/tts", payers[2], json_body={"prompt": "hello"})
        assert budget.bill()["served by payer"] == {
            "throwaway callers": {"imagesDaily": 2},
            "LIGHTNING_JWT": {"imagesDaily": 1, "audioWeekly": 1},
            "made-up bearers": {"imagesDaily": 1},
        }


def test_the_free_lane_of_an_operation_closes_after_surprises(tmp_path: Path) -> None:
    with tiny(served) as host, client_of(host.base_url, tmp_path, {"imagesDaily": 0}) as (client, budget):
        for _ in range(SURPRISES_ALLOWED):
            client.send("POST", IMAGE.path, anonymous(), json_body={}, lane="free")
        for path in (IMAGE.path, IMAGE.path + "?again"):
            with pytest.raises(BudgetExhausted, match="should have refused"):
                client.send("POST", path, by_user_agent(), json_body={}, lane="free")
        client.send("POST", "/gen/tts", anonymous(), json_body={}, lane="free")
        assert budget.bill()["surprises"] == {"createImage": 2, "createTts": 1}
        assert budget.bill()["served"] == {"imagesDaily": 2, "audioWeekly": 1}
    assert host.paths == ["POST /gen/image"] * 2 + ["POST /gen/tts"]


@pytest.mark.parametrize("every", [1, 5, 20])
def test_the_free_lane_closes_after_failures_unless_they_are_rare(every: int, tmp_path: Path) -> None:
    numbers = itertools.count(1)

    def failing(asked: Asked) -> Answer:
        return refused(asked) if next(numbers) % every else Answer(500)

    sent = 400
    with (
        tiny(failing) as host,
        client_of(host.base_url, tmp_path) as (client, _),
        suppress(BudgetExhausted),
    ):
        for _ in range(sent):
            client.send("POST", IMAGE.path, anonymous(), json_body={}, lane="free")
    assert (len(host.asked) == sent) == (every == 20)
    if every == 1:
        assert len(host.asked) == DOUBTS_ALLOWED


def test_an_answer_that_breaks_off_is_a_surprise_as_well(tmp_path: Path) -> None:
    def cut(_: Asked) -> Answer:
        return Answer(200, {"Content-Length": "50"})

    with tiny(cut) as host, client_of(host.base_url, tmp_path) as (client, budget):
        client.send("POST", IMAGE.path, anonymous(), json_body={}, lane="free", deadline=0.3)
        assert budget.bill()["surprises"] == {"createImage": 1}
    assert len(host.asked) == 1


# --- schemathesis -----------------------------------------------------------------------------------------


def test_generated_requests_are_booked_like_all_others(tmp_path: Path) -> None:
    def elsewhere(_: Asked) -> Answer:
        return Answer(308, {"Location": "/gen/video/trap"})

    with tiny(elsewhere) as host, client_of(host.base_url, tmp_path, {"imagesDaily": 1}) as (client, budget):
        adapter = ClientAdapter(client, anonymous(), "paid")
        arguments: dict[str, Any] = {"json": {"prompt": "a fox"}, "allow_redirects": False}
        with session(adapter) as connection:
            with pytest.raises(requests.TooManyRedirects):
                connection.post(host.base_url + IMAGE.path, **arguments)
            with pytest.raises(BudgetExhausted):
                connection.post(host.base_url + IMAGE.path, **arguments)
        assert budget.bill()["booked"] == {"imagesDaily": 1}
    assert host.paths == ["POST /gen/image"]
    assert host.asked[0].body == b'{"prompt": "a fox"}'


def test_generated_requests_go_out_as_the_caller_they_are_made_for(tmp_path: Path) -> None:
    caller = anonymous()
    others = {"User-Agent": "else", "X-Client-ID": "else"}
    with (
        tiny(served) as host,
        client_of(host.base_url, tmp_path) as (client, _),
        session(ClientAdapter(client, caller, "free")) as connection,
    ):
        connection.get(host.base_url + "/usage", headers=others)
    assert host.asked[0].headers["User-Agent"] == caller.headers["User-Agent"]
    assert host.asked[0].headers["X-Client-ID"] == caller.headers["X-Client-ID"]


# --- what the user named as the most -----------------------------------------------------------------------


WAYS_TO_A_FILM: list[tuple[str, str, Lane]] = [
    ("POST", "/gen/video", "free"),
    ("POST", "/gen/video/airforce", "free"),
    ("OPTIONS", "/gen/video", "paid"),
    ("GET", "/gen/video/fox", "paid"),
]


@pytest.mark.parametrize("answer", [Answer(), Answer(503, {"Retry-After": "0"}), Answer(drop=True)])
@pytest.mark.parametrize("most", [0, 1, 3])
def test_no_road_leads_past_the_most_units_of_a_metric(answer: Answer, most: int, tmp_path: Path) -> None:
    budget = Budget(tmp_path / "books", {}, ceilings={"videosDaily": most})
    with tiny(lambda _: answer) as host:
        client = Client(host.base_url, load_spec(), budget)
        try:
            for _ in range(3):
                for method, path, lane in WAYS_TO_A_FILM:
                    with suppress(BudgetExhausted, HostGone):
                        client.send(method, path, anonymous(), lane=lane)
        finally:
            client.close()
    assert sum("/gen/video" in path for path in host.paths) <= most


def test_refusals_give_back_what_they_held(tmp_path: Path) -> None:
    budget = Budget(tmp_path / "books", {}, ceilings={"imagesDaily": 1})
    with tiny(refused) as host:
        client = Client(host.base_url, load_spec(), budget)
        try:
            for _ in range(5):
                client.send("POST", IMAGE.path, anonymous(), json_body={}, lane="free")
        finally:
            client.close()
    assert len(host.asked) == 5
