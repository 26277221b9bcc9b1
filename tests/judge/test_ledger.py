"""The judge's own books accuse a host of a wrong price, and of nothing that it cannot help."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lightning_spec.loader import load_spec
from lightning_verify.facts import METRICS
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.ledger import Ledger
from lightning_verify.judging.redaction import Redactor
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.transport.exchange import Exchange

from tests.judge.tiny_server import Answer, Asked, tiny
from tests.judge.tools import judge_of, usage
from tests.support.guard import HANGS

SPEC = load_spec()
SETTLE = 5.0
PICTURE = [("Content-Type", "image/jpeg")]


@dataclass
class Play:
    """Calls and looks, a second apart, as the books see them."""

    books: Ledger = field(default_factory=lambda: Ledger(Recorder("http://127.0.0.1", Redactor({})), SETTLE))
    now: float = 100.0
    day: str = "Fri, 15 May 2026"

    def observe(self, operation: str, caller: Caller, status: int | None, body: bytes, **more: Any) -> None:
        found = SPEC.operations[operation]
        headers = [*more.pop("headers", PICTURE), ("Date", f"{self.day} 12:00:00 GMT")]
        problem = None if status else "cut off"
        self.books.observe(
            Exchange(
                found.method, found.path, caller.headers, None, found, caller.label, status, headers, body,
                sent=self.now, seconds=0.1, problem=problem,
            )
        )  # fmt: skip
        self.now += 1.0

    def call(self, caller: Caller, operation: str = "createImage", status: int | None = 200) -> None:
        if status is not None and status >= 400:
            # A page without JSON could be a gateway's.
            body, kind = b'{"detail": "refused"}', "application/json"
        else:
            body, kind = b"\xff\xd8\xff", "image/jpeg"
        self.observe(operation, caller, status, body, headers=[("Content-Type", kind)])

    def look(
        self,
        caller: Caller,
        window: str = "2026-05-15",
        generated_at: str | None = None,
        week: str | None = None,
        *,
        period: object = None,
        **used: int,
    ) -> None:
        windows = dict.fromkeys(METRICS, window) | ({"audioWeekly": week} if week else {})
        counted = {metric: {"limit": 10, "used": used.get(metric, 0), "remaining": 0} for metric in METRICS}
        entries = {
            metric: {**entry, "window": windows[metric], "period": period}
            for metric, entry in counted.items()
        }
        body = json.dumps({"usage": entries, "generated_at": generated_at}).encode()
        self.observe("getUsage", caller, 200, body, headers=[("Content-Type", "application/json")])

    def wait(self) -> None:
        self.now += SETTLE

    @property
    def broken(self) -> set[str]:
        return {finding.requirement for finding in self.books.findings() if finding.verdict == "fail"}


@pytest.fixture
def play() -> Play:
    return Play()


def account() -> Caller:
    return callers.bearer("LIGHTNING_JWT", "eyJ0.eyJ1.signature")


def test_what_adds_up_is_a_witness(play: Play) -> None:
    caller = callers.anonymous()
    play.look(caller)
    play.call(caller)
    play.look(caller, imagesDaily=1)
    assert [(f.requirement, f.verdict) for f in play.books.findings()] == [("IMG-6", "pass")]


def test_a_double_charge_is_named_by_its_operation(play: Play) -> None:
    caller = callers.anonymous()
    play.call(caller, "getSfx")
    play.look(caller, audioWeekly=2)
    assert play.broken == {"SFX-3"}


def test_a_charge_of_another_metric_is_named_by_its_operation(play: Play) -> None:
    caller = callers.anonymous()
    play.call(caller)
    play.look(caller, imagesDaily=1, videosDaily=1)
    assert play.broken == {"IMG-6"}


def test_a_charge_that_never_comes_is_found_once_it_cannot_lag(play: Play) -> None:
    caller = callers.anonymous()
    play.call(caller)
    play.look(caller)
    assert play.broken == set()
    ((owing, moment),) = play.books.owing()
    assert owing.headers["X-Client-ID"] == caller.headers["X-Client-ID"]
    play.now = moment + 0.01
    play.look(caller)
    assert play.broken == {"IMG-6"}


@pytest.mark.parametrize(
    ("caller", "requirement"), [(callers.by_user_agent(), "ID-3"), (callers.anonymous(), "ID-2")]
)
def test_counters_of_callers_that_are_not_told_apart_say_nothing(
    play: Play, caller: Caller, requirement: str
) -> None:
    play.call(caller)
    play.look(caller, imagesDaily=2)
    assert play.broken == {"IMG-6"}
    assert not play.books.findings({requirement})


def test_what_was_counted_and_is_forgotten_breaks_the_window(play: Play) -> None:
    caller = callers.anonymous()
    play.call(caller)
    play.look(caller, imagesDaily=1)
    play.wait()
    play.look(caller)
    assert play.broken == {"RATE-7"}


@pytest.mark.parametrize("charged", [True, False])
def test_a_charge_that_was_lost_with_the_counters_of_others_breaks_the_window(
    play: Play, charged: bool
) -> None:
    one, other = callers.anonymous(), callers.anonymous()
    play.call(one)
    play.call(other, "getSfx")
    play.look(other, audioWeekly=1)
    # Here the host loses everything.
    play.wait()
    play.look(other)
    play.call(one)
    play.wait()
    play.look(one, imagesDaily=int(charged))
    assert play.broken == ({"RATE-7"} if charged else {"RATE-7", "IMG-6"})


def test_a_copy_shows_nothing_of_what_was_charged_since_the_first_look_that_got_it(play: Play) -> None:
    caller = callers.anonymous()
    play.look(caller, generated_at="2026-05-15T12:00:00Z")
    play.call(caller)
    for _ in range(round(SETTLE) + 3):
        play.look(caller, generated_at="2026-05-15T12:00:00Z")
    assert play.broken == set()
    play.look(caller, generated_at="2026-05-15T12:00:09Z")
    assert play.broken == {"IMG-6"}


def test_an_older_copy_forgets_nothing(play: Play) -> None:
    caller = callers.anonymous()
    play.call(caller)
    play.look(caller, generated_at="2026-05-15T12:00:09Z", imagesDaily=1)
    play.wait()
    play.look(caller, generated_at="2026-05-15T12:00:00Z")
    assert play.broken == set()
    play.look(caller, generated_at="2026-05-15T12:00:10Z")
    assert play.broken == {"RATE-7"}


def test_a_refusal_that_costs_is_named(play: Play) -> None:
    caller = callers.anonymous()
    play.call(caller, status=400)
    play.look(caller, imagesDaily=1)
    assert play.broken == {"RATE-2"}


@pytest.mark.parametrize(
    ("paid_rightly", "elsewhere", "named"),
    [(False, set(), "VID-7"), (False, {"RATE-2"}, "RATE-2"), (True, set(), "RATE-2")],
)
def test_a_charge_after_a_call_and_a_refusal_is_of_the_one_that_is_known(
    play: Play, *, paid_rightly: bool, elsewhere: set[str], named: str
) -> None:
    if paid_rightly:
        other = callers.anonymous()
        play.call(other, "createVideo")
        play.look(other, videosDaily=1)
    caller = callers.anonymous()
    play.call(caller, "createVideo")
    play.call(caller, "createVideo", status=429)
    play.look(caller, videosDaily=1, imagesDaily=1)
    assert [each.requirement for each in play.books.findings(elsewhere) if each.verdict == "fail"] == [named]


def test_reading_that_costs_is_named(play: Play) -> None:
    caller = callers.anonymous()
    play.look(caller)
    play.look(caller, imagesDaily=1)
    assert play.broken == {"RATE-3"}


@pytest.mark.parametrize(
    ("refused", "elsewhere", "named"),
    [(False, set(), "ASM-5"), (True, {"ASM-5"}, "ASM-5"), (True, set(), "RATE-2")],
)
def test_an_analysis_that_costs_is_no_reading_that_does(
    play: Play, *, refused: bool, elsewhere: set[str], named: str
) -> None:
    caller = callers.anonymous()
    play.look(caller)
    play.call(caller, "analyzePrompt")
    if refused:
        play.call(caller, status=400)
    play.look(caller, cloudChatDaily=1)
    assert [each.requirement for each in play.books.findings(elsewhere) if each.verdict == "fail"] == [named]


def test_a_newcomer_with_counters_is_charged_for_others(play: Play) -> None:
    play.look(callers.anonymous(), imagesDaily=1)
    assert play.broken == {"RATE-1"}


def test_a_newcomer_below_nothing_is_left_to_the_form_of_the_counters(play: Play) -> None:
    play.look(callers.anonymous(), imagesDaily=-1)
    assert play.broken == set()


def test_of_two_operations_of_one_metric_the_known_one_is_named(play: Play) -> None:
    both, one = callers.anonymous(), callers.anonymous()
    play.call(both, "getSfx")
    play.call(both, "getTts")
    play.look(both, audioWeekly=3)
    play.call(one, "getTts")
    play.look(one, audioWeekly=2)
    assert play.broken == {"TTS-3"}


def test_an_account_owes_at_least_what_it_was_served(play: Play) -> None:
    play.look(account(), imagesDaily=3)
    play.call(account())
    play.wait()
    play.look(account(), imagesDaily=3)
    assert play.broken == {"IMG-6"}


@pytest.mark.parametrize(("pays_alone", "named"), [(True, "ID-5"), (False, "IMG-6")])
def test_what_is_free_only_beside_a_client_id_is_wrong_about_who_pays(
    play: Play, *, pays_alone: bool, named: str
) -> None:
    play.look(account())
    play.call(account())
    play.wait()
    play.look(account(), imagesDaily=1 if pays_alone else 0)
    play.call(account().beside_a_client_id())
    play.wait()
    play.look(account(), imagesDaily=1 if pays_alone else 0)
    assert play.broken == {named}


# --- what nobody can be blamed for ------------------------------------------------------------------------


def test_others_may_spend_from_an_account(play: Play) -> None:
    play.look(account(), imagesDaily=3)
    play.call(account())
    play.look(account(), imagesDaily=9)
    assert play.broken == set()


@pytest.mark.parametrize("used", [0, 1])
@pytest.mark.parametrize("status", [500, None, 302, 408, 499])
def test_what_failed_may_cost_or_not(play: Play, status: int | None, used: int) -> None:
    caller = callers.anonymous()
    play.call(caller, status=status)
    play.wait()
    play.look(caller, imagesDaily=used)
    assert play.broken == set()


@pytest.mark.parametrize("used", [0, 1])
@pytest.mark.parametrize("body", [b'{"detail": "no model is free"}', b"<html>Bad gateway</html>"])
def test_a_success_that_tells_its_failure_may_cost_or_not(play: Play, body: bytes, used: int) -> None:
    caller = callers.anonymous()
    play.observe("createImage", caller, 200, body, headers=[("Content-Type", "application/json")])
    play.wait()
    play.look(caller, imagesDaily=used)
    assert play.broken == set()


@pytest.mark.parametrize("used", [0, 1])
def test_a_bearer_that_counts_as_none_leaves_the_price_open(play: Play, used: int) -> None:
    caller = callers.anonymous()
    play.call(caller.also(Authorization="Bearer public"))
    play.wait()
    play.look(caller, imagesDaily=used)
    assert play.broken == set()


@pytest.mark.parametrize("sign", ["day", "window", "generated_at"])
def test_a_window_that_ends_begins_the_books_anew(play: Play, sign: str) -> None:
    first, second = callers.anonymous(), callers.anonymous()
    for caller in (first, second):
        play.call(caller)
    unnamed = "2026-05-15" if sign == "window" else "daily"
    play.look(first, unnamed, "2026-05-15T23:59:59Z", imagesDaily=1)
    play.wait()
    play.day = "Sat, 16 May 2026" if sign == "day" else play.day
    window = "2026-05-16" if sign == "window" else "daily"
    now = "2026-05-16T00:00:01Z" if sign == "generated_at" else "2026-05-15T23:59:59Z"
    for caller in (first, second):
        play.look(caller, window, now)
    play.call(second)
    play.look(second, window, now, imagesDaily=1)
    assert play.broken == set()


def test_the_targets_levers_begin_the_books_anew(play: Play) -> None:
    caller = callers.anonymous()
    play.call(caller)
    play.books.observe(Exchange("POST", "http://127.0.0.1/__mock__/clock", {}, None, None, "operator", 200))
    play.wait()
    play.look(caller)
    assert play.broken == set()


@pytest.mark.parametrize(
    ("windows", "seconds", "used", "broken"),
    [
        pytest.param(("2026-05-16", "2026-W20"), 9, (0, 1), set(), id="the day begins anew"),
        pytest.param(("2026-05-16", "2026-W21"), 9, (0, 0), set(), id="the week begins anew"),
        pytest.param(("2026-05-16", "2026-W20"), 9, (1, 1), {"RATE-7"}, id="the day is kept"),
        pytest.param(("2026-05-16", "2026-W21"), 9, (0, 1), {"RATE-7"}, id="the week is kept"),
        pytest.param(("2026-05-16", "2026-W20"), 9, (0, 0), {"RATE-7"}, id="the week ends with the day"),
        pytest.param(("2026-05-16", "2026-W20"), 0, (1, 1), set(), id="counters may lag"),
        pytest.param(("today", "this week"), 9, (1, 1), set(), id="no window is named"),
    ],
)
def test_a_new_window_is_held_against_the_old_one(
    play: Play, windows: tuple[str, str], seconds: float, used: tuple[int, int], broken: set[str]
) -> None:
    day, week = windows
    caller = callers.anonymous()
    play.call(caller)
    play.call(caller, "createSfx")
    play.look(caller, week="2026-W20", imagesDaily=1, audioWeekly=1)
    play.wait()
    play.look(callers.anonymous(), week="2026-W20")
    play.day = "Sat, 16 May 2026"
    play.look(callers.anonymous(), day, week=week)
    play.now += seconds
    play.look(caller, day, week=week, imagesDaily=used[0], audioWeekly=used[1])
    assert play.broken == broken


@pytest.mark.parametrize(
    ("periods", "used", "broken"),
    [
        (("2026-05-15", "2026-05-16"), 0, set()),
        (("2026-05-15", "2026-05-16"), 1, {"RATE-7"}),
        (("2026-05-15T00:00Z/2026-05-16T00:00Z", "2026-05-16T00:00Z/2026-05-17T00:00Z"), 1, {"RATE-7"}),
        (
            ({"from": "15 May 2026", "to": "16 May 2026"}, {"from": "16 May 2026", "to": "17 May 2026"}),
            0,
            set(),
        ),
        (({"from": 1778803200, "to": 1778889600}, {"from": 1778889600, "to": 1778976000}), 1, {"RATE-7"}),
        (("daily", "daily"), 1, set()),
    ],
)
def test_a_new_period_is_held_against_the_old_one_where_no_window_is_named(
    play: Play, periods: tuple[object, object], used: int, broken: set[str]
) -> None:
    caller = callers.anonymous()
    play.call(caller)
    play.look(caller, "daily", period=periods[0], imagesDaily=1)
    play.wait()
    play.look(callers.anonymous(), "daily", period=periods[0])
    play.day = "Sat, 16 May 2026"
    play.look(callers.anonymous(), "daily", period=periods[1])
    play.now += 9
    play.look(caller, "daily", period=periods[1], imagesDaily=used)
    assert play.broken == broken


def test_a_late_counter_may_still_count_what_came_before_the_first_look(play: Play) -> None:
    play.books.observe(Exchange("POST", "http://127.0.0.1/__mock__/clock", {}, None, None, "operator", 200))
    caller = callers.anonymous()
    play.call(caller)
    play.look(caller)
    play.look(caller, imagesDaily=1)
    assert play.broken == set()


def test_a_counter_may_stop_at_its_limit(play: Play) -> None:
    caller = callers.anonymous()
    for _ in range(11):
        play.call(caller)
    play.wait()
    play.look(caller, imagesDaily=10)
    assert play.broken == set()


def test_a_counter_that_falls_beyond_its_limit_owes_nothing(play: Play) -> None:
    play.look(account(), imagesDaily=12)
    play.look(account(), imagesDaily=11)
    assert play.books.owing() == []
    assert play.broken == set()


def test_what_addresses_pay_by_another_road_has_a_wrong_price(play: Play) -> None:
    one, other, third = callers.by_user_agent(), callers.anonymous(), callers.by_user_agent()
    for caller in (one, third):
        play.look(caller)
    for caller in (one, other):
        play.call(caller)
    play.call(third, "getImage")
    play.wait()
    play.look(one)
    for caller in (other, third):
        play.look(caller, imagesDaily=1)
    assert play.broken == {"IMG-6"}


def test_what_only_addresses_do_not_pay_is_wrong_about_them(play: Play) -> None:
    one, other = callers.by_user_agent(), callers.anonymous()
    play.look(one)
    for caller in (one, other):
        play.call(caller)
    play.wait()
    play.look(one)
    play.look(other, imagesDaily=1)
    assert play.broken == {"ID-3"}


def test_what_others_do_not_always_pay_either_is_the_price(play: Play) -> None:
    one, other, third = callers.by_user_agent(), callers.anonymous(), callers.anonymous()
    for caller in (one, other, third):
        play.look(caller)
        play.call(caller)
    play.wait()
    play.look(one)
    play.look(other, imagesDaily=1)
    play.look(third)
    assert play.broken == {"IMG-6"}


def test_what_nobody_pays_is_the_price(play: Play) -> None:
    one, other = callers.by_user_agent(), callers.anonymous()
    for caller in (one, other):
        play.look(caller)
        play.call(caller)
    play.wait()
    play.look(one)
    play.look(other)
    assert play.broken == {"IMG-6"}


@pytest.mark.parametrize("served", [True, False])
def test_what_was_refused_meanwhile_may_have_held_a_unit(served: bool, tmp_path: Path) -> None:
    """The request is over before the look is answered, which has counted it."""
    looked, over = threading.Event(), threading.Event()

    def answer(asked: Asked) -> Answer:
        if asked.path == "/usage":
            looked.set()
            over.wait(HANGS)
            return Answer(pieces=(json.dumps(usage(dict.fromkeys(METRICS, 0))).encode(),))
        looked.wait(HANGS)
        return Answer(200 if served else 400)

    with tiny(answer) as host, judge_of(host.base_url, tmp_path) as judge:
        caller, looks = judge.caller(), list[Exchange]()
        looking = threading.Thread(target=lambda: looks.append(judge.get("/usage", caller)))
        calling = threading.Thread(target=judge.post, args=("/gen/image", {}, caller))
        calling.start()
        while not host.asked:
            time.sleep(0.01)
        looking.start()
        calling.join()
        over.set()
        looking.join()
    assert [metric for metric, _ in looks[0].under_way] == ([] if served else ["imagesDaily"])


def test_a_call_without_an_answer_yet_may_be_counted(tmp_path: Path) -> None:
    looked = threading.Event()

    def answer(asked: Asked) -> Answer:
        if asked.path == "/usage":
            used = {**dict.fromkeys(METRICS, 0), "imagesDaily": 1}
            return Answer(pieces=(json.dumps(usage(used)).encode(),))
        looked.wait(HANGS)
        return Answer(headers={"Content-Type": "image/jpeg"}, pieces=(b"\xff\xd8\xff",))

    with tiny(answer) as host, judge_of(host.base_url, tmp_path) as judge:
        books, caller = Ledger(Recorder(host.base_url, Redactor({})), SETTLE), judge.caller()
        judge.client.observers.append(books.observe)
        calling = threading.Thread(target=judge.post, args=("/gen/image", {"prompt": "A fox."}, caller))
        calling.start()
        while not host.asked:
            time.sleep(0.01)
        judge.get("/usage", caller)
        looked.set()
        calling.join()
        judge.get("/usage", caller)
    assert [finding.verdict for finding in books.findings()] == ["pass"]


@pytest.mark.parametrize(("stamp", "broken"), [("10:00:50", {"USE-6"}), ("10:01:55", set())])
def test_a_snapshot_of_old_that_shows_what_is_new_names_a_wrong_time(
    play: Play, stamp: str, broken: set[str]
) -> None:
    caller = callers.anonymous()
    play.look(caller, generated_at="2026-05-15T10:02:00Z")
    play.call(caller)
    play.look(caller, generated_at=f"2026-05-15T{stamp}Z", imagesDaily=1)
    assert play.broken == broken


def test_a_copy_names_the_time_when_it_was_made(play: Play) -> None:
    caller = callers.anonymous()
    play.call(caller)
    play.look(caller, generated_at="2026-05-15T10:02:00Z", imagesDaily=1)
    play.call(caller)
    play.look(caller, generated_at="2026-05-15T10:00:00Z", imagesDaily=1)
    assert play.broken == set()


def test_a_key_that_is_not_shown_its_account_says_nothing_of_prices(play: Play) -> None:
    caller = account()
    play.look(caller)
    play.call(caller)
    play.wait()
    play.look(caller)
    assert play.broken == {"IMG-6"}
    assert not play.books.findings({"AUTH-3"})
