"""A window may end at any moment of a check: no comparison of two readings accuses a host for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from lightning_verify.checks import test_identity as identity
from lightning_verify.checks import test_limits as limits
from lightning_verify.checks import test_quota as quota
from lightning_verify.checks import test_races as races
from lightning_verify.checks import test_user_limits as user_limits
from lightning_verify.judging import limits as calls_at_limits
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.outcomes import NotRun, Undecided
from lightning_verify.requests.credentials import JWT
from lightning_verify.run.scheduler import run_undisturbed

from lab.circumstances import day_ends
from lab.running import running
from lab.server.lab import Lab
from tests.judge.tools import judge_of

# A Sunday, so that the day and the week end together.
LAST_SECOND = datetime(2026, 5, 17, 23, 59, 59, tzinfo=UTC)
Check = Callable[[Judge], None]
# Each check that compares readings, and after how many requests it is over.
CHECKS: dict[str, tuple[Check, int]] = {
    "another user agent": (
        lambda j: identity.test_a_client_id_keeps_its_counters_under_another_user_agent(j, "createImage"),
        5,
    ),
    "another client id": (identity.test_another_client_id_has_its_own_counters, 6),
    "user agents apart": (identity.test_without_a_client_id_the_user_agent_tells_callers_apart, 6),
    "client id beside a bearer": (
        lambda j: identity.test_a_client_id_beside_a_bearer_is_not_charged(j, JWT),
        6,
    ),
    "token and key": (identity.test_a_chat_by_token_is_seen_by_the_key, 9),
    "two chats": (quota.test_the_same_prompt_twice_costs_two_units, 5),
    "stays counted": (lambda j: quota.test_what_is_counted_stays_counted(j, "createSfx"), 7),
    "price": (
        lambda j: quota.test_an_answered_call_costs_one_unit_of_its_metric(j, "IMG-6", "createImage"),
        4,
    ),
    "reading": (quota.test_reading_costs_nothing, 13),
    "limit": (lambda j: limits.test_beyond_the_limit_the_answer_is_429_and_stays_so(j, "audioWeekly"), 8),
    "daily limit": (
        lambda j: limits.test_beyond_the_limit_the_answer_is_429_and_stays_so(j, "videosDaily"),
        11,
    ),
    "at the limit": (lambda j: limits.test_a_call_beyond_the_limit_costs_nothing(j, "audioWeekly"), 9),
    "kept at the limit": (
        lambda j: limits.test_refusals_at_the_limit_do_not_empty_the_counter(j, "audioWeekly"),
        9,
    ),
    "account at its limit": (
        lambda j: user_limits.test_an_account_is_served_up_to_its_limit(j, "free", "videosDaily"),
        8,
    ),
    "race": (lambda j: races.test_calls_at_the_same_time_do_not_pass_the_limit(j, "videos"), 12),
}


def _midnight_after(requests: int, last_second: datetime = LAST_SECOND) -> Callable[[Lab], None]:
    def prepare(lab: Lab) -> None:
        lab.clock = lambda: last_second + timedelta(seconds=2 * (len(lab.requests) > requests))

    return prepare


@pytest.mark.parametrize("name", CHECKS)
def test_the_day_may_end_at_any_request(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "A_WHILE", 0.0)
    for module in (calls_at_limits, races):
        monkeypatch.setattr(module, "PAUSES", ())
    # The judge's workers leave out what uses up accounts.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    check, last = CHECKS[name]
    for requests in range(last + 1):
        books = tmp_path / str(requests)
        books.mkdir()
        with (
            running(prepare=_midnight_after(requests)) as server,
            judge_of(server.base_url, books, server.credentials) as judge,
        ):
            with contextlib.suppress(Undecided, NotRun):
                check(judge)
            accused = [finding for finding in judge.findings if finding.verdict == "fail"]
        assert not accused, f"midnight after {requests} requests"


@pytest.mark.parametrize("name", ["two chats", "stays counted", "limit"])
def test_the_day_may_end_at_another_hour_which_only_the_period_tells(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota, "A_WHILE", 0.0)
    monkeypatch.setattr(calls_at_limits, "PAUSES", ())
    check, last = CHECKS[name]
    noon = LAST_SECOND.replace(hour=11)

    def prepare(lab: Lab) -> None:
        day_ends(noon + timedelta(seconds=1))(lab)
        _midnight_after(requests, noon)(lab)

    for requests in range(1, last):
        books = tmp_path / str(requests)
        books.mkdir()
        with (
            running(prepare=prepare) as server,
            judge_of(server.base_url, books) as judge,
            contextlib.suppress(Undecided, NotRun),
        ):
            check(judge)
        assert [finding for finding in judge.findings if finding.verdict == "fail"] == []


@pytest.mark.parametrize("requests", [1, 2, 3])
def test_what_midnight_disturbs_is_measured_once_more(requests: int, tmp_path: Path) -> None:
    with (
        running(prepare=_midnight_after(requests)) as server,
        judge_of(server.base_url, tmp_path, server.credentials) as judge,
    ):
        run_undisturbed(judge, partial(quota.test_the_same_prompt_twice_costs_two_units, judge))
    assert judge.repeats == 1
    assert judge.witnesses["CHAT-11"]
    assert not judge.findings


def test_a_check_that_no_midnight_disturbs_decides(tmp_path: Path) -> None:
    with (
        running(prepare=_midnight_after(1000)) as server,
        judge_of(server.base_url, tmp_path, server.credentials) as judge,
    ):
        quota.test_the_same_prompt_twice_costs_two_units(judge)
    assert judge.witnesses["CHAT-11"]
