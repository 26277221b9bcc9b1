"""What a host does wrong in one form, or once in a while, is seen by the check that it is for."""

from __future__ import annotations

import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import chain, count, repeat
from pathlib import Path
from typing import Any

import pytest
from lightning_verify.checks import (
    test_failures,
    test_identity,
    test_limits,
    test_media,
    test_quota,
    test_races,
    test_router,
    test_situations,
    test_user_limits,
)
from lightning_verify.facts import METRIC_OF, METRICS, PUBLISHED_LIMITS
from lightning_verify.judging import limits as limits_module
from lightning_verify.judging import observations
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import ANALYZE, CHAT, OFTEN, enough
from lightning_verify.judging.outcomes import NotRun, Undecided, Violation
from lightning_verify.requests.credentials import API_KEY, FREE_JWT, JWT, REVOKED_API_KEY, foreign_token
from lightning_verify.requests.invalid import sample, wrong_messages, wrong_prompt
from lightning_verify.requests.refusals import KINDS, TOO_LARGE, refusals
from lightning_verify.requests.situations import Situation, at_length
from lightning_verify.requests.valid import PLACES, POSTS
from lightning_verify.run.option_table import MANY
from lightning_verify.target import Spend, Target
from lightning_verify.transport.retries import MAX_FRUITLESS_WAIT
from PIL import Image

from lab import seams
from lab.running import running
from lab.server.lab import Call, Identity, Lab
from tests.judge.tiny_server import Answer, Asked, tiny
from tests.judge.tools import judge_of, usage

KEY = "ipa_live_0123456789"
ASSET = "/asset-cdn/assets/5f1c0a9be2d74c3f"


@contextmanager
def accused(
    answer: Callable[[Asked], Answer], books: Path, match: str, credentials: Mapping[str, str] | None = None
) -> Iterator[Judge]:
    """A judge in front of a host that answers so, and has to find this violation."""
    with (
        tiny(answer) as host,
        judge_of(host.base_url, books, credentials) as judge,
        pytest.raises(Violation, match=match),
    ):
        yield judge


Measured = Callable[[list[Any]], int]


@pytest.mark.parametrize(
    "measured",
    [
        pytest.param(lambda messages: len(str(messages[-1])), id="the last message"),
        pytest.param(lambda messages: max(map(len, map(str, messages))), id="each message by itself"),
    ],
)
def test_a_stream_of_which_not_all_is_measured(measured: Measured, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        body = json.loads(asked.body)
        size = measured(body["messages"]) if body["stream"] else len(str(body["messages"]))
        return Answer(413 if size > 32_768 else 200)

    check = test_failures.test_an_oversized_chat_is_413_however_it_is_said
    with tiny(answer) as host, judge_of(host.base_url, tmp_path) as judge:
        check(judge, CHAT, "in many messages", stream=False)
        check(judge, CHAT, "in parts", stream=True)
        with pytest.raises(Violation, match="FAIL-2"):
            check(judge, CHAT, "in many messages", stream=True)


@pytest.mark.parametrize("place", PLACES)
def test_what_is_too_large_is_so_in_every_place(place: str) -> None:
    assert str(PLACES[place](300_000)).count("word café ") == 30_000


def _picture(width: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, 8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("odd", "owner"),
    [
        ("an id in part", "CDN-2"),
        ("gone", "IMG-5"),
        ("cannot be read", "IMG-5"),
        ("another's", "IMG-5"),
        ("an id twice", "IMG-5"),
    ],
)
def test_an_asset_that_is_served_well_most_of_the_time(odd: str, owner: str, tmp_path: Path) -> None:
    turns, made, png = count(1), list[str](), _picture()

    def answer(asked: Asked) -> Answer:
        if asked.method == "POST":
            made.append(asked.path)
            address = ASSET if odd == "an id twice" or not made[1:] else f"{ASSET}-{len(made)}"
            return Answer(headers={"Content-Type": "image/png", "X-Asset": address}, pieces=(png,))
        third = next(turns) % 3 == 0
        known = asked.path == ASSET and not (third and odd == "gone")
        if known and third and odd == "cannot be read":
            return Answer(500)
        by_part = third and odd == "an id in part" and asked.path.startswith(ASSET[:-4])
        if known or by_part:
            shown = _picture(9) if odd == "another's" and len(made) > 1 else png
            return Answer(headers={"Content-Type": "image/png"}, pieces=(shown,))
        return Answer(404)

    with tiny(answer) as host, judge_of(host.base_url, tmp_path) as judge:
        checks = {
            "IMG-5": test_media.test_what_is_stored_is_there_each_time,
            "CDN-2": test_media.test_what_is_not_stored_is_never_there,
        }
        with pytest.raises(Violation, match=owner):
            checks.pop(owner)(judge)
        for check in checks.values():
            check(judge)


@pytest.mark.parametrize("retry_after", ["1", "in two seconds", "tomorrow", None])
def test_a_limit_of_bursts_is_not_taken_for_that_of_a_plan(
    retry_after: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits_module, "PAUSES", ())
    now = datetime.now(UTC)
    dates = {"in two seconds": now + timedelta(seconds=2), "tomorrow": now + timedelta(days=1)}
    value = format_datetime(dates[retry_after], usegmt=True) if retry_after in dates else retry_after
    headers = {"Date": format_datetime(now, usegmt=True)} | ({"Retry-After": value} if value else {})

    def answer(asked: Asked) -> Answer:
        if asked.path == "/usage":
            counters = usage(dict.fromkeys(PUBLISHED_LIMITS, 0))
            return Answer(pieces=(json.dumps(counters).encode(),))
        return Answer(429, headers, (b"slow down",))

    is_of_bursts = retry_after in {"1", "in two seconds"}
    with tiny(answer) as host, judge_of(host.base_url, tmp_path) as judge:
        judge.client._retries._fruitless = MAX_FRUITLESS_WAIT + 1  # It has waited long enough.
        with pytest.raises(Undecided if is_of_bursts else Violation):
            test_limits.test_beyond_the_limit_the_answer_is_429_and_stays_so(judge, "imagesDaily")
        with pytest.raises(Undecided if is_of_bursts else Violation):
            limits_module.has_units_left(judge, judge.post("/gen/image", {}), judge.caller(), "imagesDaily")


Chosen = Callable[[Asked], bool]


class _Host:
    """A host with the free plan's counters, which counts some calls later than it serves them, or twice."""

    def __init__(self, late: Chosen, twice: Chosen) -> None:
        self._late, self._twice = late, twice
        self._counting = threading.Lock()
        self._used = Counter[tuple[str, str]]()

    def answer(self, asked: Asked) -> Answer:
        caller = asked.headers.get("X-Client-ID", asked.headers["User-Agent"])
        if asked.path == "/usage":
            return Answer(pieces=(json.dumps(self._usage(caller)).encode(),))
        metric = "imagesDaily" if "/image" in asked.path else "audioWeekly"
        with self._counting:
            if self._used[caller, metric] >= PUBLISHED_LIMITS[metric]:
                return Answer(429)
            late, price = self._late(asked), 1 + self._twice(asked)
            self._used[caller, metric] += 0 if late else price
        if late:
            time.sleep(0.05)
            with self._counting:
                self._used[caller, metric] += price
        return Answer(headers={"Content-Type": "image/png"})

    def _usage(self, caller: str) -> dict[str, Any]:
        return usage({metric: self._used[caller, metric] for metric in METRICS})


def _never(_: Asked) -> bool:
    return False


def _long(asked: Asked) -> bool:
    return len(asked.body) > 500


def _race(race: str, at_once: int, books: Path, *, late: Chosen = _never, twice: Chosen = _never) -> None:
    calls = test_races.RACES[race]
    with tiny(_Host(late, twice).answer) as host, judge_of(host.base_url, books) as judge:
        test_races.race_for(judge, judge.caller(), METRIC_OF[calls[0].operation], calls, at_once)


def test_a_race_that_only_long_speech_wins(tmp_path: Path) -> None:
    _race("speech", 6, tmp_path, late=_long)
    with pytest.raises(Violation, match="RATE-6"):
        _race("speech, long", 6, tmp_path, late=_long)


def test_a_crowd_meets_the_call_in_ten_that_is_counted_too_late(tmp_path: Path) -> None:
    turns = count(1)
    with pytest.raises(Violation, match="RATE-6"):
        _race("images", 20, tmp_path, late=lambda _: next(turns) % 8 == 0)


@pytest.mark.parametrize("late", [False, True])
def test_a_race_that_an_account_wins(tmp_path: Path, late: bool) -> None:
    with (
        tiny(_Host(lambda _: late, _never).answer) as host,
        judge_of(host.base_url, tmp_path, {FREE_JWT: foreign_token()}) as judge,
        pytest.raises(Violation, match="RATE-6") if late else nullcontext(),
    ):
        test_user_limits.test_an_account_is_served_up_to_its_limit(judge, "free", "imagesDaily")


def test_what_guests_spend_shows_on_an_account_however_many_there_are(tmp_path: Path) -> None:
    others_end, spent = threading.Event(), list[Asked]()

    def answer(asked: Asked) -> Answer:
        if asked.path != "/usage":
            spent.append(asked)
            return Answer(headers={"Content-Type": "application/json"})
        used = {**dict.fromkeys(METRICS, 0), "cloudChatDaily": len(spent)}
        return Answer(pieces=(json.dumps(usage(used)).encode(),))

    with tiny(answer) as host, judge_of(host.base_url, tmp_path, {FREE_JWT: foreign_token()}) as judge:

        def others() -> None:
            while not others_end.wait(0.01):
                judge.post("/gen/chat/completions", {}, judge.caller())

        spending = threading.Thread(target=others)
        spending.start()
        try:
            with pytest.raises(Violation, match="RATE-1"):
                test_quota.test_what_a_guest_spends_is_not_counted_for_an_account(judge)
        finally:
            others_end.set()
            spending.join()


def test_an_account_that_others_use_now_and_then_is_left_to_them(tmp_path: Path) -> None:
    """They spend while it is refused something, not for a dozen requests after that, and then again."""
    requests, spent = count(1), 0

    def answer(asked: Asked) -> Answer:
        nonlocal spent
        number = next(requests)
        spent += not 66 < number < 80 and number % 2
        if asked.path != "/usage":
            return Answer(400, pieces=(b'{"detail": "no"}',))
        used = {**dict.fromkeys(METRICS, 0), "cloudChatDaily": spent}
        return Answer(pieces=(json.dumps(usage(used)).encode(),))

    with tiny(answer) as host, judge_of(host.base_url, tmp_path, {FREE_JWT: foreign_token()}) as judge:

        def be_refused() -> None:
            for _ in range(20):
                judge.post("/gen/chat/completions", {}, judge.credential(FREE_JWT), lane="free")

        with pytest.raises(NotRun, match="nobody else spends"):
            test_quota._leaves_alone(judge, "RATE-2", judge.credential(FREE_JWT), be_refused, "refused calls")


def test_a_price_that_is_wrong_is_no_race(tmp_path: Path) -> None:
    with pytest.raises(Undecided, match="TTS-3"):
        _race("speech, long", 6, tmp_path, twice=_long)


@pytest.mark.parametrize("first", [413, 500])
def test_a_host_may_be_configured_to_less_than_the_published_sizes(tmp_path: Path, first: int) -> None:
    statuses = chain([first], repeat(413))

    def answer(asked: Asked) -> Answer:
        return Answer(next(statuses) if len(asked.body) > 1000 else 200)

    situation = Situation("address", "createTts", at_length("createTts"))
    with tiny(answer) as host, judge_of(host.base_url, tmp_path) as judge, pytest.raises(NotRun):
        test_situations.test_every_kind_of_caller_is_served_in_every_form(judge, situation)


def test_an_address_may_be_too_long_for_a_server(tmp_path: Path) -> None:
    situation = Situation("address", "getTts", at_length("getTts"))
    with (
        tiny(lambda asked: Answer(414 if len(asked.path) > 2_000 else 200)) as host,
        judge_of(host.base_url, tmp_path) as judge,
        pytest.raises(NotRun),
    ):
        test_situations.test_every_kind_of_caller_is_served_in_every_form(judge, situation)


def test_a_key_that_was_revoked_and_is_good_for_pictures(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(200 if b"image_url" in asked.body else 401)

    known = {REVOKED_API_KEY: KEY}
    check = test_identity.test_a_bearer_that_was_good_once_is_401_in_every_form
    with accused(answer, tmp_path, "AUTH-6", known) as judge:
        check(judge, REVOKED_API_KEY, "AUTH-6")


def test_an_altered_token_that_is_good_where_there_are_tools(tmp_path: Path) -> None:
    token = foreign_token()

    def answer(asked: Asked) -> Answer:
        claims = asked.headers["Authorization"].split(".")[1:2]
        return Answer(200 if claims == token.split(".")[1:2] and b'"tools"' in asked.body else 401)

    check = test_identity.test_a_bearer_that_never_was_good_is_401_in_every_form
    with accused(answer, tmp_path, "AUTH-4", {JWT: token}) as judge:
        check(judge)


@pytest.mark.parametrize(
    ("credential", "token"), [(FREE_JWT, foreign_token()), (API_KEY, KEY)], ids=["token", "key"]
)
def test_an_account_that_pays_for_each_look_at_its_counters(
    credential: str, token: str, tmp_path: Path
) -> None:
    looks = count()

    def answer(asked: Asked) -> Answer:
        if asked.path != "/usage":
            return Answer()
        entry = {"limit": 500, "used": next(looks), "remaining": 0, "window": "2026-11-27"}
        return Answer(pieces=(json.dumps({"usage": dict.fromkeys(METRICS, entry)}).encode(),))

    with accused(answer, tmp_path, r"RATE-3: each of \d\d looks", {credential: token}) as judge:
        test_quota.test_reading_an_account_costs_nothing(judge, credential)


@pytest.mark.parametrize("feature", [b'"stream"', b"\\u706f", b"image_url", b'"tool"'])
def test_a_limit_that_one_form_passes(
    feature: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    entry = {"limit": 5, "used": 5, "remaining": 0, "window": "2026-11-27"}

    def answer(asked: Asked) -> Answer:
        if asked.path == "/usage":
            return Answer(pieces=(json.dumps({"usage": dict.fromkeys(METRICS, entry)}).encode(),))
        return Answer(200 if feature in asked.body else 429)

    with accused(
        answer, tmp_path, r"RATE-4: .* beyond the limit of 5 cloudChatDaily", {FREE_JWT: foreign_token()}
    ) as judge:
        test_user_limits.test_an_account_is_served_up_to_its_limit(judge, "free", "cloudChatDaily")


def test_what_is_invalid_is_tried_with_letters_beyond_ascii() -> None:
    tried = {each.flaw for each in refusals() if not str(each.body(10) or "").isascii()}
    assert tried >= {"left out", "of another kind"}
    for strategy in (wrong_messages(), wrong_prompt()):
        drawn = [json.dumps(each, ensure_ascii=False) for each in sample(strategy, 12, 0)]
        assert {each.isascii() for each in drawn} == {True, False}


def test_who_is_not_let_in_is_not_refused_for_an_option(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(401 if b"mode" in asked.body and "X-Client-ID" not in asked.headers else 200)

    situation = Situation("address", "createImage", "options")
    check = test_situations.test_every_kind_of_caller_is_served_in_every_form
    with accused(answer, tmp_path, "ID-4") as judge:
        check(judge, situation)


def test_a_prompt_that_is_not_looked_at_once_in_ten_times(tmp_path: Path) -> None:
    turns = count(1)

    def answer(_: Asked) -> Answer:
        return Answer(200 if next(turns) % 10 == 0 else 400)

    assert enough(MANY, 1) + len(KINDS) >= OFTEN
    assert 0.9**OFTEN < 0.05
    check = test_router.test_an_analysis_without_an_array_of_messages_is_400
    with accused(answer, tmp_path, "ANA-2") as judge:
        check(judge)


@pytest.mark.parametrize("status", [400, 500])
def test_the_last_unit_that_one_call_does_not_get(status: int, tmp_path: Path) -> None:
    used = Counter[str]()

    def answer(asked: Asked) -> Answer:
        caller = asked.headers["X-Client-ID"]
        entry = {"limit": 2, "used": used[caller], "remaining": 2 - used[caller], "window": "now"}
        if asked.path == "/usage":
            return Answer(pieces=(json.dumps({"usage": dict.fromkeys(METRICS, entry)}).encode(),))
        if used[caller] == 1 and asked.method == "GET":
            return Answer(status)
        used[caller] += 1
        return Answer(429 if used[caller] > 2 else 200)

    with accused(answer, tmp_path, r"RATE-4: .* with units left") as judge:
        test_limits.test_beyond_the_limit_the_answer_is_429_and_stays_so(judge, "imagesDaily")


def test_a_limit_that_ends_in_failures_for_one_kind_of_caller(tmp_path: Path) -> None:
    used = Counter[str]()

    def answer(asked: Asked) -> Answer:
        caller = asked.headers.get("X-Client-ID", asked.headers["User-Agent"])
        entry = {"limit": 1, "used": used[caller], "remaining": 1 - used[caller], "window": "now"}
        if asked.path == "/usage":
            return Answer(pieces=(json.dumps({"usage": dict.fromkeys(METRICS, entry)}).encode(),))
        if used[caller] == 1:
            return Answer(429 if "X-Client-ID" in asked.headers else 503)
        used[caller] += 1
        return Answer(200)

    with accused(answer, tmp_path, r"RATE-4: .* must be 429") as judge:
        test_limits.test_a_caller_without_a_client_id_has_limits_as_well(judge)


def test_a_caller_that_is_served_no_more_once_it_was_refused(tmp_path: Path) -> None:
    refused = set[str]()

    def answer(asked: Asked) -> Answer:
        caller = asked.headers.get("X-Client-ID", asked.headers["User-Agent"])
        if b"nothing" in asked.body:
            refused.add(caller)
        return Answer(400 if caller in refused else 200)

    situation = Situation("address", "getSfx", "plain")
    check = test_situations.test_every_kind_of_caller_is_served_in_every_form
    with accused(answer, tmp_path, "ID-4") as judge:
        check(judge, situation)


def test_a_caller_is_let_in_where_only_an_option_fails(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(500 if b"mode" in asked.body else 200)

    situation = Situation("address", "createImage", "options")
    check = test_situations.test_every_kind_of_caller_is_served_in_every_form
    with accused(answer, tmp_path, situation.owner("mode")) as judge:
        check(judge, situation)
    assert [(each.requirement, each.verdict) for each in judge.findings] == [
        ("ID-4", "pass"),
        (situation.owner("mode"), "fail"),
    ]


class _Accounts:
    """A host that counts images by account, or by `payer` where that names somebody; what is refused costs
    `refusal` units, and the first `failing` calls are 500."""

    def __init__(
        self, payer: Callable[[Asked], str | None] = lambda _: None, *, refusal: int = 0, failing: int = 0
    ) -> None:
        self._payer, self._refusal, self._failing = payer, refusal, failing
        self._used = Counter[str]()

    def answer(self, asked: Asked) -> Answer:
        account = asked.headers.get("Authorization") or asked.headers["X-Client-ID"]
        if asked.path == "/usage":
            entries = {name: {"limit": 500, "used": 0, "window": "now"} for name in METRICS}
            entries["imagesDaily"]["used"] = self._used[account]
            return Answer(pieces=(json.dumps({"usage": entries}).encode(),))
        if self._failing:
            self._failing -= 1
            return Answer(500)
        refused = b"nothing" in asked.body or len(asked.body) > 100_000
        self._used[self._payer(asked) or account] += self._refusal if refused else 1
        return Answer(413 if len(asked.body) > 100_000 else 400 if refused else 200)


def test_a_key_that_leaves_the_client_id_beside_it_to_pay(tmp_path: Path) -> None:
    host = _Accounts(lambda asked: asked.headers.get("X-Client-ID"))
    situation = Situation("API key", "createImage", "options")
    check = test_situations.test_every_kind_of_caller_is_served_in_every_form
    with (
        tiny(host.answer) as server,
        judge_of(server.base_url, tmp_path, {API_KEY: KEY}) as judge,
        pytest.raises(Violation, match=r"ID-5: .* client id beside it"),
    ):
        check(judge, situation)


def test_a_key_that_pays_after_a_bad_moment(tmp_path: Path) -> None:
    host = _Accounts(failing=1)
    check = test_situations.test_every_kind_of_caller_is_served_in_every_form
    with (
        tiny(host.answer) as server,
        judge_of(server.base_url, tmp_path, {API_KEY: KEY}) as judge,
    ):
        check(judge, Situation("API key", "createImage", "options"))
        assert {"AUTH-2", "IMG-6"} <= judge.witnesses.keys()


def test_a_key_that_pays_for_what_it_is_refused(tmp_path: Path) -> None:
    host = _Accounts(refusal=1)
    with (
        tiny(host.answer) as server,
        judge_of(server.base_url, tmp_path, {API_KEY: KEY}) as judge,
        pytest.raises(Violation, match="RATE-2: refused calls moved"),
    ):
        test_quota.test_a_refused_call_costs_an_account_nothing(judge, API_KEY, ["createImage"], [])


def test_every_road_to_a_sound_is_tried_beside_what_is_used_up(tmp_path: Path) -> None:
    with tiny(lambda _: Answer()) as host, judge_of(host.base_url, tmp_path) as judge:
        for metric in ("cloudChatDaily", "imagesDaily", "videosDaily"):
            test_limits.ask_beside(judge, metric, "audioWeekly", judge.caller())
    assert {path.partition("%")[0].rpartition("caf")[0] or path for path in host.paths} == {
        "POST /gen/sfx",
        "GET /gen/sfx/",
        "POST /gen/tts",
    }


def test_who_was_refused_in_every_form_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_situations, "OVERSIZED", (3_000, 30_000))
    with tiny(lambda _: Answer(413)) as host, judge_of(host.base_url, tmp_path) as judge:
        test_situations.test_an_oversized_prompt_is_413_each_time(judge, "createChatCompletion")
    streamed = {asked.headers.get("X-Client-ID") for asked in host.asked if b'"stream": true' in asked.body}
    assert streamed == {asked.headers.get("X-Client-ID") for asked in host.asked if asked.path == "/usage"}


@pytest.mark.parametrize(
    ("own", "largest", "verdict"),
    [
        pytest.param(True, 10**9, Violation, id="without end"),
        pytest.param(True, 50_000, None, id="a large limit"),
        pytest.param(False, 50_000, Undecided, id="on a host of others"),
    ],
)
def test_only_what_is_beyond_reason_has_to_be_refused_by_every_host(
    own: bool, largest: int, verdict: type[Exception] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observations, "OVERSIZED", (3_000, 30_000))
    monkeypatch.setattr(observations, "BEYOND_REASON", 60_000)
    monkeypatch.setattr(Target, "is_loopback", own)
    with (
        tiny(lambda asked: Answer(413 if len(asked.body) > largest else 200)) as host,
        judge_of(host.base_url, tmp_path) as judge,
        pytest.raises(verdict) if verdict else nullcontext(),
    ):
        test_failures.test_an_oversized_prompt_is_413(judge, "createTts")
    assert max(len(asked.body) for asked in host.asked) > 60_000 or not own


def test_a_free_run_does_not_ask_whether_a_host_serves_what_is_too_large(tmp_path: Path) -> None:
    with tiny(lambda _: Answer()) as host, judge_of(host.base_url, tmp_path) as judge:
        judge.spend = Spend.NONE
        for operation in POSTS:
            assert TOO_LARGE not in observations.refusals_made(judge, operation)
        assert {asked.path for asked in host.asked} == {ANALYZE}


@pytest.mark.parametrize("own", [True, False])
def test_a_free_run_sends_what_is_beyond_reason_to_a_host_of_ones_own_that_measures_analyses(
    own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observations, "OVERSIZED", (3_000, 30_000))
    monkeypatch.setattr(observations, "BEYOND_REASON", 60_000)
    monkeypatch.setattr(Target, "is_loopback", own)
    with (
        tiny(lambda asked: Answer(413 if asked.path == ANALYZE else 200)) as host,
        judge_of(host.base_url, tmp_path) as judge,
    ):
        judge.spend = Spend.NONE
        with pytest.raises(Violation if own else NotRun):
            test_failures.test_an_oversized_prompt_is_413(judge, "createTts")
    assert {asked.path for asked in host.asked if asked.path != "/usage"} == {ANALYZE, *["/gen/tts"] * own}


def test_an_account_that_may_send_more_is_not_accused(tmp_path: Path) -> None:
    with (
        running(variants=("sizes-by-plan",)) as lab,
        judge_of(lab.base_url, tmp_path, lab.credentials) as judge,
    ):
        test_situations.test_an_oversized_prompt_is_413_each_time(judge, "createTts")
        assert judge.client.served["createTts"] == 1


def test_an_account_that_is_counted_by_client_id_is_not_taken_for_one_that_pays_nothing(
    tmp_path: Path,
) -> None:
    def apart(_: Lab, called: Call, who: Identity) -> Identity:
        return replace(who, key=who.key + called.request.headers.get("x-client-id", ""))

    with (
        running(prepare=seams.resolve(apart)) as lab,
        judge_of(lab.base_url, tmp_path, lab.credentials) as judge,
        pytest.raises(Violation, match="ID-5"),
    ):
        test_identity.test_a_client_id_beside_a_bearer_is_not_charged(judge, "LIGHTNING_JWT")
