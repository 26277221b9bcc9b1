"""Runs independent tests in parallel threads, while pytest collects their results one after the other.

Most of a run waits for answers, so threads are enough, and they share everything a run has: one client with
its budget and its rate, the ledger, and the shared observations, which every process would ask for again.

Law: verdicts do not depend on how many tests run at once. Tests that would notice each other, because they
spend from one account or may surprise the budget on one operation, run in their order; tests that look back
run after all before them, and tests that use an account up after all others that may need it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import pytest

from lightning_verify.facts import REQUIREMENTS
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.outcomes import Disturbed, MidnightPassed
from lightning_verify.requests.credentials import API_KEY, FREE_JWT, JWT
from lightning_verify.requests.refusals import ABOUT_PAYLOADS
from lightning_verify.requests.valid import CALLS
from lightning_verify.run.costs import Means
from lightning_verify.run.marks import Charge, charge_of
from lightning_verify.target import Spend

# By credential the account that is spent from.
_ACCOUNTS = {JWT: "paid account", API_KEY: "paid account", FREE_JWT: "free account"}
# Their tests compare counters, and nobody may spend meanwhile.
_COMPARE_COUNTERS = {"AUTH-3", "RATE-2", "RATE-3"}
# How many tests of a run are repeated because a gateway answered or a connection broke.
MAX_REPEATED = 40


@dataclass(frozen=True, slots=True)
class Claims:
    """What tests would notice each other by: accounts, and operations on which something may be served that
    should be refused. An `exclusive` claim is one test's alone; a `shared` one is held by many at once."""

    exclusive: set[str]
    shared: set[str]


def claims(item: pytest.Item) -> Claims:
    """What a test claims. Accounts whose counters it moves or compares are exclusive; those that it only
    reads, or with which it is only refused, are shared."""
    charge, accounts = _charge(item), _accounts(item)
    operations = set(_operations(item, charge)) if charge.spend is Spend.NONE else set[str]()
    if item.get_closest_marker("uses_up_accounts"):
        # These come last, and each notices its own metric alone.
        return Claims({f"{account}, {metric}" for account in accounts for metric in charge.units}, set())
    if charge.costs_units or _COMPARE_COUNTERS.intersection(charge.requirements):
        return Claims(accounts | operations, set())
    return Claims(operations, accounts if charge.spend > Spend.NONE else set())


def _accounts(item: pytest.Item) -> set[str]:
    """The accounts behind the credentials that a test needs or may use."""
    markers = (*item.iter_markers("needs"), *item.iter_markers("may_use"))
    return {_ACCOUNTS[name] for marker in markers for name in marker.args if name in _ACCOUNTS}


def _charge(item: pytest.Item) -> Charge:
    charge = charge_of(item)
    assert charge is not None, "only tests that judge are scheduled"
    return charge


def _operations(item: pytest.Item, charge: Charge) -> Iterator[str]:
    """The operations that a test wants to be refused: those it is parametrized with or shares refusals of;
    otherwise, if it is about invalid payloads, all operations of the requirement."""
    params = getattr(item, "callspec", None)
    arguments = [*params.params.values()] if params else []
    words = {word for share in charge.shares for word in (share.partition(":")[0], share.partition(" ")[0])}
    found = {
        name for name, call in CALLS.items() if name in arguments or call.path in arguments or name in words
    }
    yield from found
    if not found:
        known = REQUIREMENTS.requirements
        for requirement in ABOUT_PAYLOADS.intersection(charge.requirements):
            yield from known[requirement].operations


def predecessors(items: Iterable[pytest.Item]) -> Iterator[set[int]]:
    """For each test, the indices of the earlier tests that it has to wait for."""
    last: dict[str, int] = {}
    # Those that share a claim since the last exclusive one.
    sharing: defaultdict[str, set[int]] = defaultdict(set)
    accounts_of: dict[int, set[str]] = {}
    for place, item in enumerate(items):
        claimed, accounts = claims(item), _accounts(item)
        before = {last[claim] for claim in claimed.exclusive | claimed.shared if claim in last}
        for claim in claimed.exclusive:
            before |= sharing.pop(claim, set())
        if item.get_closest_marker("looks_back"):
            before |= accounts_of.keys()
        if item.get_closest_marker("uses_up_accounts"):
            # A test that names no credential may still use whatever it finds.
            before |= {earlier for earlier, used in accounts_of.items() if not used or used & accounts}
        else:
            accounts_of[place] = accounts
        yield before
        for claim in claimed.shared:
            sharing[claim].add(place)
        last.update(dict.fromkeys(claimed.exclusive, place))


def critical_paths(requests: Sequence[int], before: Sequence[set[int]]) -> list[int]:
    """For each test, the requests of the longest chain of tests that wait for it and for one another, given
    the requests of each and its `predecessors`."""
    paths = [0] * len(requests)
    for place in reversed(range(len(requests))):
        for earlier in before[place]:
            paths[earlier] = max(paths[earlier], requests[place] + paths[place])
    return paths


@dataclass(slots=True)
class _Task:
    """A scheduled test: how many tests it still waits for, the critical path after it (in requests), and its
    result."""

    item: pytest.Item
    judge: Judge
    waits_for: int = 0
    critical_path: int = 0
    followers: list[_Task] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    problem: BaseException | None = None
    seconds: float = 0.0


class Scheduler:
    """Runs tests in `jobs` threads, those with the longest critical path first: tests that spend from one
    account take turns, and would otherwise be left over at the end. Equals run in their order."""

    def __init__(
        self,
        items: Iterable[pytest.Item],
        jobs: int,
        judge_of: Callable[[pytest.Item], Judge],
        means: Means,
    ) -> None:
        self._tasks = {item.nodeid: _Task(item, judge_of(item)) for item in items}
        self._ready: queue.PriorityQueue[tuple[int, int, str]] = queue.PriorityQueue()
        self._order = {name: number for number, name in enumerate(self._tasks)}
        self._lock = threading.Lock()
        self._stopped = False
        tasks = [*self._tasks.values()]
        before = [*predecessors([task.item for task in tasks])]
        paths = critical_paths([_charge(task.item).asks(means) for task in tasks], before)
        for task, places, path in zip(tasks, before, paths, strict=True):
            task.waits_for, task.critical_path = len(places), path
            for place in places:
                tasks[place].followers.append(task)
        for task in tasks:
            if not task.waits_for:
                self._enqueue(task)
        self._jobs = jobs
        for number in range(jobs):
            # Daemons: an interrupted run does not wait for answers.
            threading.Thread(target=self._work, name=f"judge-{number}", daemon=True).start()

    def judge(self, item: pytest.Item) -> Judge | None:
        """The judge of a scheduled test; None for one that is not scheduled."""
        task = self._tasks.get(item.nodeid)
        return task.judge if task else None

    def wait_for(self, item: pytest.Item) -> bool:
        """Wait for a test to end, and raise what it raised. Returns False for one that is not scheduled."""
        task = self._tasks.get(item.nodeid)
        if task is None:
            return False
        task.done.wait()
        if task.problem is not None:
            raise task.problem
        return True

    def seconds(self, item: pytest.Item) -> float | None:
        """How long a scheduled test took; None for one that is not scheduled."""
        task = self._tasks.get(item.nodeid)
        return task.seconds if task else None

    def stop(self) -> None:
        """Start no more tests."""
        self._stopped = True
        for _ in range(self._jobs):  # Wakes the threads that wait for a test.
            self._ready.put((0, 0, ""))

    def _enqueue(self, task: _Task) -> None:
        self._ready.put((-task.critical_path, self._order[task.item.nodeid], task.item.nodeid))

    def _work(self) -> None:
        while True:
            *_, name = self._ready.get()
            if self._stopped:
                return
            task = self._tasks[name]
            started = time.monotonic()
            try:
                run_test(task.item, task.judge)
            except BaseException as problem:
                task.problem = problem
            task.seconds = time.monotonic() - started
            task.done.set()
            with self._lock:
                for follower in task.followers:
                    follower.waits_for -= 1
                    if not follower.waits_for:
                        self._enqueue(follower)


def can_be_scheduled(item: pytest.Item) -> bool:
    """Whether a test is a function that needs nothing from pytest but its judge, and leaves the target as it
    is: one that moves the target's time runs alone."""
    if not isinstance(item, pytest.Function) or item.get_closest_marker("needs_control"):
        return False
    params = set(item.callspec.params) if hasattr(item, "callspec") else set[str]()
    return set(item._fixtureinfo.argnames) <= {"judge", *params}


def run_test(item: pytest.Item, judge: Judge) -> None:
    """Run a test."""
    assert isinstance(item, pytest.Function)
    params = item.callspec.params if hasattr(item, "callspec") else {}
    run_undisturbed(judge, partial(item.obj, judge=judge, **params))


def run_undisturbed(judge: Judge, test: Callable[[], object]) -> None:
    """Run a test, and once more if something other than the host has disturbed it. A run repeats only so many
    tests for what gateways answer: a host behind one that always fails is as undecided after twice the time.
    """
    try:
        test()
    except Disturbed as disturbance:
        repeated = judge.learned.disturbed
        if not isinstance(disturbance, MidnightPassed):
            if len(repeated) >= MAX_REPEATED:
                raise
            repeated.append(judge.test)
        judge.begin_anew()
        test()
