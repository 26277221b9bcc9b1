"""What befalls a conforming server while it is judged accuses nobody, and what can be waited for is."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from itertools import count
from pathlib import Path
from typing import Self

import pytest
from lightning_verify.checks import test_failures
from lightning_verify.checks import test_identity as identity
from lightning_verify.checks.test_situations import pays_once
from lightning_verify.facts import SPEC
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.outcomes import Disturbed, NotRun, Undecided, Violation
from lightning_verify.judging.snapshot import parse_usage, rolled_over
from lightning_verify.judging.usage import observe
from lightning_verify.laws.table import LAWS
from lightning_verify.requests.callers import anonymous, by_user_agent
from lightning_verify.requests.credentials import API_KEY, JWT
from lightning_verify.requests.invalid import NOTHING_ASKED
from lightning_verify.requests.valid import CALLS
from lightning_verify.run.scheduler import run_undisturbed
from lightning_verify.transport.causes import REFUSED
from lightning_verify.transport.client import Timeouts
from lightning_verify.transport.exchange import Exchange, encoded
from lightning_verify.transport.liveness import MAX_UNANSWERED, Liveness
from lightning_verify.transport.pacing import MAX_GAP, Pace
from lightning_verify.transport.timeline import MOMENT
from starlette.types import Scope

from lab.circumstances import (
    answered,
    bearer_of,
    firewall,
    limit,
    lost_credential,
    moved_below,
    outage,
    said,
    usage_kept,
)
from lab.gateways import GATEWAYS, Gateway
from lab.running import running
from lab.server.credentials import DEFAULTS, token
from lab.server.lab import Lab
from tests.judge.commands import command
from tests.judge.tiny_server import Answer, Asked, tiny
from tests.judge.tools import client_of, judge_of, usage

IMAGE, CHAT = CALLS["createImage"], CALLS["createChatCompletion"]
BAD_BEARERS = partial(identity.test_an_invalid_bearer_is_401, operation="createImage")
# Seconds after the first request at which outages of these tests begin.
SOON = 0.3
# How many seconds one may take.
OUTAGE = 20


def _well_so_far(judge: Judge) -> None:
    """The host has answered whatever is asked for here, before it does so no more."""
    good = judge.forged("garbled", "not-a-token")
    judge.post("/gen/prompt_analyze", NOTHING_ASKED, good, lane="free")
    judge.post(IMAGE.path, IMAGE.body)
    time.sleep(SOON)


# --- outages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/gen", IMAGE.path])
def test_an_outage_is_waited_for_and_what_it_disturbed_is_tried_again(path: str, tmp_path: Path) -> None:
    with (
        running(prepare=outage(SOON, 1.5, path)) as host,
        judge_of(host.base_url, tmp_path, host.credentials) as judge,
    ):
        _well_so_far(judge)
        for _ in range(3):
            judge.post(IMAGE.path, IMAGE.body)
        run_undisturbed(judge, partial(BAD_BEARERS, judge))
    assert judge.repeats == 1
    assert judge.learned.waited >= 1
    assert judge.witnesses["AUTH-4"]
    assert not judge.findings


REFUSALS = partial(test_failures.test_a_body_that_is_no_json_object_is_400, operation="createImage")


def test_an_outage_of_a_route_that_is_only_asked_to_refuse_is_waited_for(tmp_path: Path) -> None:
    with running(prepare=outage(SOON, 2.5, IMAGE.path)) as host, judge_of(host.base_url, tmp_path) as judge:
        judge.post("/gen/prompt_analyze", NOTHING_ASKED, lane="free")
        time.sleep(SOON)
        run_undisturbed(judge, partial(REFUSALS, judge))
        assert host.charged() == 0
    assert judge.repeats == 1
    assert judge.learned.waited >= 1
    assert judge.witnesses["FAIL-1"]
    assert not judge.findings


def test_a_route_that_fails_at_one_kind_of_refusal_is_not_waited_for(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer({encoded(NOTHING_ASKED): 400, encoded(IMAGE.body): 200}.get(asked.body, 500))

    with tiny(answer) as host, judge_of(host.base_url, tmp_path) as judge:
        judge.post("/gen/prompt_analyze", NOTHING_ASKED, lane="free")
        with pytest.raises(Violation, match="must be 400, but was answered with 500"):
            REFUSALS(judge)
    assert judge.learned.waited == 0


def test_an_outage_that_does_not_end_is_how_the_host_is(tmp_path: Path) -> None:
    with (
        running(prepare=outage(SOON, 100.0, "/gen")) as host,
        judge_of(host.base_url, tmp_path, host.credentials) as judge,
    ):
        judge.client.timeouts = Timeouts.within(120, outage=1)
        _well_so_far(judge)
        with pytest.raises(Violation, match="must be 401, but was answered with 500"):
            BAD_BEARERS(judge)
    assert judge.learned.waited == 1


def test_a_host_that_fails_at_bad_bearers_alone_is_not_waited_for(tmp_path: Path) -> None:
    known = {"", "not-a-token", *DEFAULTS.values()}
    failing = answered(
        lambda scope, _: scope["path"].startswith("/gen") and bearer_of(scope) not in known,
        lambda _: said(500, "no"),
    )
    with (
        running(prepare=failing) as host,
        judge_of(host.base_url, tmp_path, host.credentials) as judge,
    ):
        _well_so_far(judge)
        with pytest.raises(Violation):
            BAD_BEARERS(judge)
    assert judge.learned.waited == 0


def test_one_bad_moment_of_what_costs_nothing_is_tried_again(tmp_path: Path) -> None:
    numbers = count()
    failing = answered(
        lambda scope, _: scope["path"] == "/status" and next(numbers) in {1, 5}, lambda _: said(500, "no")
    )
    with running(prepare=failing) as host, judge_of(host.base_url, tmp_path) as judge:
        served, failed = judge.get("/status"), judge.get("/status")
        # Whatever else is shown beside it.
        with pytest.raises(Disturbed):
            judge.violation("STAT-3", "it failed", served, failed)
        time.sleep(MOMENT)
        again = judge.get("/status")
        assert again.has_failed
        with pytest.raises(Violation):
            raise judge.violation("STAT-3", "it failed", again)


def test_what_fails_again_for_one_kind_of_caller_was_in_no_outage(tmp_path: Path) -> None:
    failing = answered(
        lambda scope, _: scope["path"] == IMAGE.path and b"x-client-id" in dict(scope["headers"]),
        lambda _: said(500, "no"),
    )
    with running(prepare=failing) as host, judge_of(host.base_url, tmp_path) as judge:
        address = by_user_agent()
        assert judge.ask(IMAGE, address).served
        failed = [judge.post(IMAGE.path, IMAGE.body) for _ in range(4)]
        assert judge.ask(IMAGE, address).served
        assert [judge.troubles.outlasted(exchange) for exchange in failed] == [True, False, False, False]


def test_an_outage_may_be_waited_for_by_whoever_sends_alone(tmp_path: Path) -> None:
    with (
        running(prepare=outage(SOON, 1.5)) as host,
        judge_of(host.base_url, tmp_path, host.credentials) as judge,
    ):
        judge.get("/usage")
        time.sleep(SOON)
        with judge.client.exclusively(), pytest.raises(Undecided, match="everything failed at that time"):
            judge.served("USE-1", judge.get("/usage"))
        assert judge.get("/usage").served


def _liveness(*, was_there: bool, problem: str) -> int:
    """How often a host that is gone is tried before it counts as gone."""
    liveness = Liveness(100.0, OUTAGE)

    def gone(problem: str | None) -> Exchange:
        return Exchange("GET", "/status", {}, None, None, "nobody", problem=problem)

    if was_there:
        liveness.note(gone(None))
    for _ in range(MAX_UNANSWERED):
        liveness.note(gone(problem))
    tries = 1
    while liveness.tried(gone(problem)):
        tries += 1
    return tries


def test_a_host_that_was_there_and_refuses_connections_may_be_starting_anew() -> None:
    assert _liveness(was_there=True, problem=f"{REFUSED} by nobody") == OUTAGE
    assert _liveness(was_there=False, problem=f"{REFUSED} by nobody") == 1
    assert _liveness(was_there=True, problem="no complete answer within 15 s") == 1


# --- lost credentials -----------------------------------------------------------------------------------


def test_a_key_that_is_revoked_during_the_run_leaves_one_requirement_undecided(tmp_path: Path) -> None:
    key = DEFAULTS[API_KEY]
    with running(prepare=lost_credential(key, 6)) as host:
        run = command(
            *(f"--base-url={host.base_url}", "--report-dir=reports", "--spend=none"),
            *("--only=identity", "--only=account"),
            directory=tmp_path,
            credentials=host.credentials,
        )
    assert run.documented("fail") == set(), run.out
    assert run.documented("inconclusive") == {"AUTH-2"}
    reason = next(each["reason"] for each in run.report["requirements"] if each["id"] == "AUTH-2")
    assert reason == f"{API_KEY} was let in, and is refused everywhere now"


class _InAnHour(datetime):
    """An hour has passed for whoever reads this clock, however long a test takes to get there."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + timedelta(hours=1)


def test_a_token_that_expires_during_the_run_is_not_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = token("lab-paid", int(time.time()) + 1800)
    credentials = {**DEFAULTS, JWT: short}
    expire = lost_credential(short, after=0)
    with (
        running(credentials=credentials, prepare=expire) as host,
        judge_of(host.base_url, tmp_path, credentials) as judge,
    ):
        caller = judge.credential(JWT)
        monkeypatch.setattr("lightning_verify.reading.tokens.datetime", _InAnHour)
        exchange = judge.post(IMAGE.path, NOTHING_ASKED, caller, lane="free")
        with pytest.raises(NotRun, match=f"{JWT} expired during the run"):
            judge.violation("AUTH-1", "it was refused", exchange)


# --- gateways that forbid, or limit ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "verdict"), [(GATEWAYS["firewall"], Undecided), (said(403, "Blocked"), Violation)]
)
def test_only_the_page_of_a_firewall_may_forbid_what_is_too_large(
    answer: Gateway, verdict: type[Exception], tmp_path: Path
) -> None:
    with (
        running(prepare=firewall(lambda body: len(body) > 16_384, answer)) as host,
        judge_of(host.base_url, tmp_path, host.credentials) as judge,
    ):
        exchange = judge.post(IMAGE.path, {"prompt": "x" * 300_000}, lane="free")
        with pytest.raises(verdict, match="FAIL-2"):
            judge.refused("FAIL-2", exchange, 413, "a long prompt")


PAGE = Answer(429, {"Content-Type": "text/html"}, (GATEWAYS["nginx's limit"].body,))
TOO_OFTEN = Answer(429, {"Content-Type": "application/json"}, (b'{"detail":"Slow down: 300 a minute"}',))


def test_a_gateway_that_limits_by_the_minute_is_asked_again_until_it_relents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightning_verify.transport.retries.BURST_DELAYS", (0.01, 0.01, 0.2))
    begun = time.monotonic()

    def answer(_: Asked) -> Answer:
        return PAGE if time.monotonic() - begun < 0.15 else Answer()

    with tiny(answer) as host, client_of(host.base_url, tmp_path) as (client, _):
        assert client.send("POST", CHAT.path, anonymous(), json_body=CHAT.body).served


def test_a_gateway_that_counts_in_windows_lets_everything_through_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightning_verify.transport.retries.BURST_DELAYS", (0.01, 0.01, 0.7))
    with (
        running(prepare=limit(10, 0.6)) as host,
        client_of(host.base_url, tmp_path) as (client, _),
    ):
        statuses = [client.send("GET", "/usage", anonymous()).status for _ in range(25)]
    assert statuses == [200] * 25
    assert any(status == 429 for *_, status in host.requests)


@pytest.mark.parametrize(
    ("free_route", "refusal", "raised"),
    [
        (PAGE, PAGE, Undecided),
        (Answer(), PAGE, Undecided),
        (TOO_OFTEN, TOO_OFTEN, Undecided),
        (Answer(), TOO_OFTEN, Violation),
        (PAGE, TOO_OFTEN, Violation),
    ],
)
def test_what_free_routes_get_as_well_is_no_limit_of_a_plan(
    free_route: Answer,
    refusal: Answer,
    raised: type[Exception],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lightning_verify.transport.retries.BURST_DELAYS", (0.01, 0.01, 0.01))
    answers = iter([Answer(), free_route, Answer()])
    with (
        tiny(lambda asked: refusal if asked.path == CHAT.path else next(answers, Answer())) as host,
        judge_of(host.base_url, tmp_path) as judge,
    ):
        for _ in range(2):
            judge.get("/status")
        exchange = judge.post(CHAT.path, CHAT.body)
        assert isinstance(judge.violation("RATE-4", "429 with units left", exchange), raised)


def test_a_limit_that_had_to_be_waited_for_sets_the_pace() -> None:
    async def taken() -> float:
        pace = Pace(None)
        for _ in range(10):
            await pace.next_slot()
        pace._since -= 1.0  # As if a second had passed since the first of them.
        pace.slow_down(time.monotonic(), waited=20.0)
        return pace._gap

    assert 0.1 <= asyncio.run(taken()) < MAX_GAP


@pytest.mark.parametrize(("every", "slowed"), [(10, False), (3, True)])
def test_a_host_that_is_overloaded_now_and_then_is_asked_as_fast_as_before(
    every: int, slowed: bool, tmp_path: Path
) -> None:
    """One that puts off much of what it is asked limits requests, and is asked more slowly."""
    numbers = count(1)

    def answer(_: Asked) -> Answer:
        return Answer(503, {"Retry-After": "1"}) if next(numbers) % every == 0 else Answer()

    with tiny(answer) as host, client_of(host.base_url, tmp_path) as (client, _):
        statuses = [client.send("GET", "/status", anonymous()).status for _ in range(12)]
        assert (client._pace._gap > 0) == slowed
    assert statuses == [200] * 12


# --- ends of days, and clocks ---------------------------------------------------------------------------


def _look(**fields: object) -> Exchange:
    document = usage({"imagesDaily": 1, "cloudChatDaily": 0, "videosDaily": 0, "audioWeekly": 0})
    document["usage"]["imagesDaily"] |= fields
    document["generated_at"] = "2026-05-17T10:20:00Z"
    return _usage_of(document)


def _usage_of(document: dict[str, object]) -> Exchange:
    headers = [("content-type", "application/json"), ("date", "Sun, 17 May 2026 10:20:00 GMT")]
    operation = SPEC.operations["getUsage"]
    return Exchange(
        "GET", "/usage", {}, None, operation, "nobody", 200, headers, json.dumps(document).encode()
    )


@pytest.mark.parametrize(
    ("before", "after", "rolled"),
    [
        ({"period": "2026-05-17"}, {"period": "2026-05-18"}, True),
        ({"period": "2026-W20"}, {"period": "2026-W21"}, True),
        ({"window": {"start": "2026-05-16T20:00:00Z"}}, {"window": {"start": "2026-05-17T20:00:00Z"}}, True),
        ({"resets_at": 1_779_012_000}, {"resets_at": 1_779_098_400}, True),
        ({"period": "daily"}, {"period": "daily"}, False),
        ({"last_used": None}, {"last_used": "2026-05-17T10:20:00Z"}, False),
        ({"resets_in": 4000}, {"resets_in": 3999}, False),
        ({"used": 1_779_012_000}, {"used": 1_779_098_400}, False),
    ],
)
def test_a_day_may_be_told_in_any_field(
    before: dict[str, object], after: dict[str, object], rolled: bool
) -> None:
    assert rolled_over(parse_usage(_look(**before)), parse_usage(_look(**after))) is rolled


def test_a_day_may_end_at_any_quarter_of_an_hour() -> None:
    before, after, later = _look(), _look(used=0), _look(used=0)
    later.headers = [("date", "Sun, 17 May 2026 10:30:01 GMT")]
    assert rolled_over(parse_usage(before), parse_usage(later))
    # Otherwise what was counted has been lost.
    assert not rolled_over(parse_usage(before), parse_usage(after))
    assert not rolled_over(parse_usage(later), parse_usage(before))


def test_a_copy_of_usage_shows_nothing_of_what_happened_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightning_verify.judging.snapshot._CLOCK_MOVES", 0.1)
    for kept, undecided in (0.0, False), (100.0, True):
        books = tmp_path / str(kept)
        books.mkdir()
        with running(prepare=usage_kept(kept)) as host, judge_of(host.base_url, books) as judge:
            caller = judge.caller()
            seen = observe(judge, caller, "imagesDaily", partial(judge.ask, IMAGE, caller))
            if undecided:
                with pytest.raises(Undecided, match=r"/usage is a copy, made at .*; --settle says"):
                    seen.consumed(judge, "IMG-6")
            else:
                assert seen.consumed(judge, "IMG-6") == {"imagesDaily": 1}


@pytest.mark.parametrize(("ahead", "off"), [(0, False), (3600, False), (-3600, True)])
def test_a_snapshot_is_of_this_moment_by_the_date_or_by_our_own_clock(ahead: int, off: bool) -> None:
    now = datetime.now(UTC)
    look = _look()
    # The Date is an hour ahead, as a gateway may have it.
    look.headers = [("date", (now + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT"))]
    look.body = look.body.replace(
        b"2026-05-17T10:20:00Z", (now + timedelta(seconds=ahead)).isoformat().encode()
    )
    assert bool(LAWS["USE-6"].wrong(look)) is off


# --- others who spend from the same account -------------------------------------------------------------


def _another_run(every: int) -> Callable[[Lab], None]:
    """Whenever the paid account has a picture made, another run has it make a film, and now and then it does
    so by itself: at each look of so many."""

    def prepare(lab: Lab) -> None:
        looks = 0

        def spend(scope: Scope, _: float) -> bool:
            nonlocal looks
            if bearer_of(scope) == DEFAULTS[JWT]:
                looks += scope["path"] == "/usage"
                if scope["path"] == IMAGE.path or (every and looks % every == 0):
                    lab.ledger.add("user:paid", "videosDaily", lab.window_of("videosDaily", lab.clock()))
            return False

        answered(spend, lambda _: said(500, "nobody is answered by it"))(lab)

    return prepare


@pytest.mark.parametrize(("every", "accused"), [(0, True), (7, False)])
def test_what_another_run_spends_in_step_is_not_charged_to_the_host(
    every: int, accused: bool, tmp_path: Path
) -> None:
    with (
        running(prepare=_another_run(every)) as host,
        judge_of(host.base_url, tmp_path, host.credentials) as judge,
    ):
        account = judge.credential(JWT)

        def ask() -> Exchange:
            return judge.ask(IMAGE, account)

        seen = observe(judge, account, "imagesDaily", ask)
        if accused:
            with pytest.raises(Violation, match="three times"):
                pays_once(judge, "IMG-6", seen, ask)
        else:
            pays_once(judge, "IMG-6", seen, ask)
            assert judge.witnesses["IMG-6"]


# --- addresses ------------------------------------------------------------------------------------------


def test_a_host_that_has_moved_below_another_path_is_said_to(tmp_path: Path) -> None:
    with running(prepare=moved_below("/v9")) as host:
        run = command(f"--base-url={host.base_url}", "--report-dir=reports", directory=tmp_path)
    assert run.code == 3
    assert f"is --base-url {host.base_url}/v9 meant?" in run.out
    assert not run.documented("fail")
