"""The arithmetic of windows and the clock that moves them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightning_mock.background import running
from lightning_mock.clock import Clock, ClockError, iso
from lightning_mock.quota.ledger import Ledger
from lightning_mock.quota.store import MemoryStore
from lightning_mock.quota.windows import CurrentWindows, window_at
from lightning_mock.real_time import RealTime
from lightning_spec.loader import Metric

from .conftest import Client

moments = st.floats(min_value=0, max_value=4_102_444_800, allow_nan=False)
kinds = st.sampled_from(["day", "week"])


def at(text: Any) -> Any:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("kind", "moment", "key"),
    [
        ("day", "2026-05-15T00:00:00", "2026-05-15"),
        ("day", "2026-05-15T23:59:59.999", "2026-05-15"),
        ("day", "2026-05-16T00:00:00", "2026-05-16"),
        ("week", "2026-05-15T12:00:00", "2026-W20"),
        ("week", "2026-05-17T23:59:59.999", "2026-W20"),
        ("week", "2026-05-18T00:00:00", "2026-W21"),
        ("week", "2026-12-31T12:00:00", "2026-W53"),
        ("week", "2027-01-03T12:00:00", "2026-W53"),
        ("week", "2027-01-04T00:00:00", "2027-W01"),
        ("week", "2024-12-30T00:00:00", "2025-W01"),
        ("day", "2024-02-29T12:00:00", "2024-02-29"),
    ],
)
def test_a_window_is_named_after_its_utc_day_or_iso_week(kind: Any, moment: Any, key: Any) -> None:
    assert window_at(kind, at(moment)).key == key


@given(kinds, moments)
def test_a_window_contains_its_moment_and_has_its_length(kind: Any, moment: Any) -> None:
    window = window_at(kind, moment)
    assert window.start <= moment < window.end
    assert window.end - window.start == (86_400 if kind == "day" else 7 * 86_400)


@given(kinds, moments)
def test_windows_follow_one_another_without_gap_or_overlap(kind: Any, moment: Any) -> None:
    window = window_at(kind, moment)
    assert window_at(kind, window.start) == window
    following = window_at(kind, window.end)
    assert following.start == window.end
    assert following.key > window.key


@given(moments)
def test_a_week_starts_on_a_monday_and_consists_of_whole_days(moment: Any) -> None:
    week = window_at("week", moment)
    assert datetime.fromtimestamp(week.start, UTC).weekday() == 0
    assert window_at("day", week.start).start == week.start


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_the_week_key_agrees_with_the_calendar(day: Any) -> None:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    assert window_at("week", noon.timestamp()).key == noon.strftime("%G-W%V")


@given(st.lists(st.floats(min_value=0, max_value=10 * 86_400), max_size=20))
def test_the_current_windows_are_those_of_the_clock_however_it_moves(steps: Any) -> None:
    clock = Clock(frozen_at=at("2026-12-27T22:00:00"))
    current = CurrentWindows(clock, {"daily": "day", "weekly": "week"})
    for step in steps:
        clock.advance(step)
        assert current.now()["daily"] == window_at("day", clock.now())
        assert current.now()["weekly"] == window_at("week", clock.now())


METRICS = {"a": Metric("a", "day", "daily"), "b": Metric("b", "week", "weekly")}
actions = st.lists(
    st.one_of(
        st.tuples(
            st.just("spend"), st.sampled_from("xyz"), st.sampled_from("ab"), st.sampled_from([0, 1, 3, None])
        ),
        st.tuples(st.just("refund")),
        st.tuples(st.just("advance"), st.sampled_from([1, 3_600, 43_200, 86_400, 4 * 86_400])),
        st.tuples(st.just("set"), st.sampled_from("xyz"), st.sampled_from("ab"), st.integers(0, 5)),
    ),
    max_size=40,
)


@given(actions)
def test_the_ledger_agrees_with_a_plain_count_of_what_happened(steps: Any) -> None:
    clock = Clock(frozen_at=at("2026-05-15T09:00:00"))
    ledger = Ledger(clock, METRICS, MemoryStore())
    counts: dict[tuple[str, str, str], int] = {}

    def slot(identity: Any, metric: Any) -> Any:
        return identity, metric, window_at(METRICS[metric].window, clock.now()).key

    async def play() -> None:
        last = None
        for name, *details in steps:
            if name == "spend":
                identity, metric, limit = details
                used = counts.get(slot(identity, metric), 0)
                last = await ledger.spend(identity, metric, limit)
                assert last.granted == (limit is None or used < limit)
                assert (last.before, last.after) == (used, used + last.granted)
                counts[slot(identity, metric)] = used + last.granted
            elif name == "refund" and last is not None:
                await ledger.refund(last)
                key = slot(last.identity, last.metric)
                if last.granted and key[2] == last.window.key:
                    counts[key] = max(0, counts[key] - 1)
            elif name == "advance":
                clock.advance(details[0])
            elif name == "set":
                identity, metric, used = details
                await ledger.set_used(identity, metric, used)
                counts[slot(identity, metric)] = used
            for identity in "xyz":
                seen = {metric: used for metric, (_, used) in (await ledger.usage(identity)).items()}
                assert seen == {metric: counts.get(slot(identity, metric), 0) for metric in METRICS}

    asyncio.run(play())


def test_counts_of_a_window_that_is_over_are_dropped() -> None:
    clock = Clock(frozen_at=at("2026-05-15T09:00:00"))
    ledger = Ledger(clock, METRICS, MemoryStore())

    async def play() -> Any:
        for number in range(100):
            await ledger.spend(f"caller-{number}", "a", None)
            await ledger.spend(f"caller-{number}", "b", None)
        clock.advance(86_400)
        await ledger.spend("somebody", "a", None)
        return await ledger.store.rows()

    rows = asyncio.run(play())
    assert [row for row in rows if row[1] == "a"] == [("somebody", "a", "2026-05-16", 1)]
    assert len([row for row in rows if row[1] == "b"]) == 100


def test_the_clock_only_goes_forward_unless_forced() -> None:
    clock = Clock(frozen_at=at("2026-05-15T09:00:00"))
    with pytest.raises(ClockError):
        clock.advance(-1)
    with pytest.raises(ClockError):
        clock.set(clock.now() - 1)
    clock.set(clock.now() - 1, force=True)
    assert iso(clock.now()) == "2026-05-15T08:59:59Z"


@pytest.mark.parametrize("seconds", [1e18, float("inf"), float("nan")])
def test_the_clock_stays_inside_the_calendar(seconds: Any) -> None:
    clock = Clock()
    before = clock.now()
    with pytest.raises(ClockError):
        clock.advance(seconds)
    assert abs(clock.now() - before) < 5


def test_a_frozen_clock_stands_still_and_a_resumed_one_goes_on_from_there() -> None:
    clock = Clock()
    clock.advance(1_000_000)
    clock.freeze()
    stood = clock.now()
    assert clock.frozen
    assert clock.now() == stood
    clock.resume()
    assert 0 <= clock.now() - stood < 5


def test_midnight_gives_the_daily_units_back_and_monday_the_weekly_ones(
    connect: Callable[..., Client],
) -> None:
    with running() as mock:
        clock = mock.state.clock
        clock.freeze()
        saturday = datetime.fromtimestamp(window_at("week", clock.now()).start, UTC) + timedelta(
            days=12, hours=23
        )
        clock.set(saturday.timestamp())
        caller = connect(mock, {"X-Client-ID": "window-walker-0001"})
        for _ in range(3):
            assert caller.get("/gen/video/waves?duration=1").status_code == 200
        assert caller.get("/gen/sfx/rain").status_code == 200
        assert caller.get("/gen/video/waves?duration=1").status_code == 429
        assert caller.get("/gen/sfx/rain").status_code == 429

        clock.advance(3_600)  # Sunday, 00:00
        assert caller.get("/gen/video/waves?duration=1").status_code == 200
        assert caller.get("/gen/sfx/rain").status_code == 429

        clock.advance(86_400)  # Monday, 00:00
        assert caller.get("/gen/sfx/rain").status_code == 200
        usage = caller.get("/usage").json()
        assert usage["generated_at"] == iso(clock.now())
        assert usage["usage"]["audioWeekly"]["window"] == window_at("week", clock.now()).key
        assert usage["usage"]["videosDaily"]["window"] == window_at("day", clock.now()).key


def test_real_time_never_goes_back_and_catches_up_after_a_sleep() -> None:
    wall, stopwatch = [1000.0], [0.0]
    real_time = RealTime(lambda: wall[0], lambda: stopwatch[0])
    assert real_time.now() == 1000
    wall[0], stopwatch[0] = 400.0, 5.0
    assert real_time.now() == 1005
    wall[0], stopwatch[0] = 9000.0, 7.0
    assert real_time.now() == 9000


def test_a_fake_of_the_time_for_one_call_moves_no_clock(monkeypatch: Any) -> None:
    clock = Clock()
    before = time.time()
    with monkeypatch.context() as faked:
        for name in ("time", "time_ns", "clock_gettime", "monotonic", "perf_counter"):
            faked.setattr(time, name, lambda *_: 0.0)
        clock.advance(60)
        assert abs(clock.now() - before - 60) < 5
        assert abs(Clock().now() - before) < 5
        time.sleep(1.1)  # the wall clock is read again
        assert abs(clock.now() - before - 60) < 10
    assert abs(clock.now() - before - 60) < 10
