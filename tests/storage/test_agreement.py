"""The counts in memory and those in Redis agree, whatever is done and whatever happens to the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from lightning_mock.clock import Clock
from lightning_mock.errors import StoreLost
from lightning_mock.quota.ledger import Charge, Ledger
from lightning_mock.quota.store import MemoryStore
from lightning_mock.storage.counts import SharedCounts
from lightning_mock.storage.link import Link
from lightning_mock.storage.wire import Then, Wire
from lightning_spec.loader import load_spec
from redis.exceptions import ConnectionError as RedisConnectionError

from .conftest import RedisServer

pytestmark = pytest.mark.redis

METRICS = load_spec().metrics
CALLERS = ("client:one-two-three-four", "user:1", "user:2")
# What happens to the next attempts of a batch: it is lost on the way there, or its answers on the way back.
LOSSES = st.lists(st.sampled_from(("there", "back")), max_size=2)
callers, metrics = st.sampled_from(CALLERS), st.sampled_from(tuple(METRICS))
_numbers = count(1)


class FlakyLink(Link):
    """A link whose connection breaks as often as it is told to."""

    losses: Sequence[str] = ()

    async def _connected(self) -> Wire:
        wire = await super()._connected()
        send = type(wire).send

        def send_if_spared(commands: Sequence[bytes], seconds: float, then: Then) -> None:
            if not self.losses:
                return send(wire, commands, seconds, then)
            lost, *self.losses = self.losses
            error = RedisConnectionError(f"lost on the way {lost}")
            if lost == "there":
                raise error
            return send(wire, commands, seconds, lambda answers: then(error))

        wire.send = send_if_spared  # type: ignore[method-assign]
        return wire


class Agreement(RuleBasedStateMachine):
    """Two ledgers that live through the same."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = Clock(frozen_at=1_781_000_000.0)
        self.link = FlakyLink(self.url, f"agreement-{next(_numbers)}")
        self.shared = SharedCounts(self.link, self.clock)
        self.here = Ledger(self.clock, METRICS, MemoryStore())
        self.there = Ledger(self.clock, METRICS, self.shared)
        self.granted: list[tuple[Charge, Charge]] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @rule(caller=callers, metric=metrics, limit=st.none() | st.integers(0, 4), losses=LOSSES)
    def spend(self, caller: str, metric: str, limit: int | None, losses: list[str]) -> None:
        self.link.losses = losses
        try:
            there = self.run(self.there.spend(caller, metric, limit))
        except StoreLost:
            # Refused with 500: it must not have been charged.
            assert len(losses) == 2
            return
        here = self.run(self.here.spend(caller, metric, limit))
        assert (here.granted, here.before) == (there.granted, there.before)
        if here.granted:
            self.granted.append((here, there))

    @rule(losses=LOSSES)
    def refund(self, losses: list[str]) -> None:
        if self.granted:
            here, there = self.granted.pop()
            self.link.losses = losses
            self.run(self.here.refund(here))
            self.run(self.there.refund(there))

    @rule(
        caller=callers,
        metric=metrics,
        used=st.integers(0, 5),
        losses=LOSSES.filter(lambda lost: len(lost) < 2),
    )
    def set_used(self, caller: str, metric: str, used: int, losses: list[str]) -> None:
        self.link.losses = losses
        self.both(lambda ledger: ledger.set_used(caller, metric, used))

    @rule(limit=st.integers(0, 3))
    def exhaust_unseen(self, limit: int) -> None:
        for ledger in (self.here, self.there):
            ledger.exhaust_unseen(dict.fromkeys(METRICS, limit))

    @rule(seconds=st.sampled_from((1, 3_600, 86_400, 604_800)))
    def advance(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.run(self.shared.follow_the_clock(self.there.window))
        self.granted.clear()

    @rule(
        used=st.dictionaries(st.tuples(callers, metrics), st.integers(1, 5)),
        seen=st.lists(callers, unique=True),
        losses=LOSSES.filter(lambda lost: len(lost) < 2),
    )
    def replace(self, used: dict[tuple[str, str], int], seen: list[str], losses: list[str]) -> None:
        self.link.losses = losses
        windows = {metric: self.here.window(metric, "").key for metric in METRICS}
        counts = [(caller, metric, windows[metric], units) for (caller, metric), units in used.items()]
        self.both(lambda ledger: ledger.store.replace(counts, seen, ()))
        self.granted.clear()

    @rule(caller=callers)
    def forget(self, caller: str) -> None:
        self.both(lambda ledger: ledger.forget(caller))
        self.granted.clear()

    def both(self, work: Callable[[Ledger], Coroutine[Any, Any, Any]]) -> None:
        self.run(work(self.here))
        self.run(work(self.there))

    @invariant()
    def they_agree(self) -> None:
        self.link.losses = ()
        for caller in CALLERS:
            assert self.run(self.here.usage(caller)) == self.run(self.there.usage(caller))

    def teardown(self) -> None:
        self.run(self.link.close())
        self.runner.close()


def test_what_is_owed_is_made_good_first_though_redis_has_not_seen_its_script(own_redis: RedisServer) -> None:
    clock = Clock(frozen_at=1_781_000_000.0)
    link = FlakyLink(own_redis.url, "owed")
    ledger = Ledger(clock, METRICS, SharedCounts(link, clock))

    async def used() -> int:
        return (await ledger.usage(CALLERS[0]))["imagesDaily"][1]

    async def story() -> None:
        charge = await ledger.spend(CALLERS[0], "imagesDaily", None)
        assert await used() == 1
        link.losses = ("there", "there")
        await ledger.refund(charge)
        assert await used() == 0
        await link.close()

    asyncio.run(story())


def test_what_is_owed_is_made_good_though_nobody_calls_again(redis_server: RedisServer) -> None:
    clock = Clock(frozen_at=1_781_000_000.0)
    prefix = f"owed-{next(_numbers)}"
    links = [FlakyLink(redis_server.url, prefix) for _ in range(2)]
    ledgers = [Ledger(clock, METRICS, SharedCounts(link, clock)) for link in links]

    async def used() -> int:
        return (await ledgers[1].usage(CALLERS[0]))["imagesDaily"][1]

    async def story(make_good: Callable[[], Coroutine[Any, Any, None]]) -> None:
        links[0].losses = ("back", "back")
        with pytest.raises(StoreLost):
            await ledgers[0].spend(CALLERS[0], "imagesDaily", None)
        assert await used() == 1
        await make_good()
        assert await used() == 0

    async def both() -> None:
        await story(links[0].settle)
        await story(links[0].close)
        await links[1].close()

    asyncio.run(both())


def test_whatever_is_done_both_stores_count_the_same(redis_server: RedisServer) -> None:
    class Here(Agreement):
        url = redis_server.url

    run_state_machine_as_test(
        Here, settings=settings(max_examples=25, stateful_step_count=20, deadline=None, database=None)
    )
