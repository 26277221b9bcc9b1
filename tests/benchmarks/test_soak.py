"""The soak counts what it was served, and tells where the mock counts otherwise."""

from __future__ import annotations

from collections import Counter

import pytest
from lightning_mock.background import RunningMock

from benchmarks.hostile_requests import HostileRequest
from benchmarks.soak import (
    Tally,
    Wait,
    Watched,
    ask,
    differences,
    honest_requests,
    metrics,
    percentile,
    used_by,
)


@pytest.mark.parametrize(
    ("served", "counted", "told"),
    [
        ({"imagesDaily": 2}, {"imagesDaily": 2, "audioWeekly": 0}, []),
        ({"imagesDaily": 2}, {"imagesDaily": 1}, ["caller 0: 2 imagesDaily served, 1 counted"]),
        ({}, {"audioWeekly": 1}, ["caller 0: 0 audioWeekly served, 1 counted"]),
        ({"videosDaily": 1}, {}, ["caller 0: 1 videosDaily served, 0 counted"]),
    ],
)
def test_a_unit_too_many_and_one_too_few_are_told(
    served: dict[str, int], counted: dict[str, int], told: list[str]
) -> None:
    tally = Tally("key", served=Counter(served))
    assert differences([tally], lambda key: counted) == told


def test_what_an_honest_caller_is_served_is_what_the_mock_counts(mock: RunningMock) -> None:
    key = mock.plans["professional"].api_key
    port = int(mock.base_url.rpartition(":")[2])
    before = used_by(port, key)
    tally, costs = Tally(key), metrics()
    by_get = HostileRequest("GET", "/gen/image/a%20boat?mode=fantasy", {}, lambda: b"")
    for request in (*(each for _, each in honest_requests()), by_get):
        ask(port, key, request, tally, costs)
    after = used_by(port, key)
    assert {
        metric: after[metric] - before[metric] for metric in after if after[metric] != before[metric]
    } == dict(tally.served)
    assert tally.statuses == {"200": 6, "400": 1}


def test_a_percentile_is_one_of_the_values() -> None:
    values = list(map(float, range(1, 101)))
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (51.0, 100.0, 7.0)


def test_the_longest_wait_names_what_took_long_meanwhile() -> None:
    waits = [Wait(10.0, 2.0), Wait(11.0, 300.0), Wait(12.0, 4.0)]
    busy, idle = Tally("one", slow=[(10.9, 11.2, "a bomb"), (11.31, 12.0, "later")]), Tally("another")
    storm = Watched(waits, [busy, idle])
    assert storm.longest == 300.0
    assert storm.told == "median 4.0 ms, p99 300 ms, longest 300 ms, alongside a bomb"
