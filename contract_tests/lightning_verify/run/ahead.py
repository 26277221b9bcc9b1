"""Independent tests at the same time: they run ahead in threads, and pytest takes what came of them in order.

Most of a run waits for answers, so threads are enough, and only they share all that a run has: one client
with its budget and its pace, the books, and what tests look at together; processes would each ask for it
again. pytest itself, which knows nothing of threads, still sees one test after the other.

Law: verdicts do not depend on how many run at once. Tests that would notice each other, since they spend from
one account or may surprise the budget on one operation, run in their order, those that look back after all
before them, and those that use an account up after all others.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import pytest

from lightning_verify.facts import REQUIREMENTS
from lightning_verify.judging.judge import Judge, MidnightPassed
from lightning_verify.judging.observations import Means
from lightning_verify.requests.credentials import API_KEY, FREE_JWT, JWT
from lightning_verify.requests.valid import CALLS
from lightning_verify.run.marks import Charge, charge_of
from lightning_verify.target import Spend

# By credential the account that is spent from.
_ACCOUNTS = {JWT: "paid account", API_KEY: "paid account", FREE_JWT: "free account"}
# The requirements that say which payloads are invalid.
PAYLOADS = {"CHAT-1", "IMG-1", "VID-1", "SFX-2", "TTS-2", "ANA-2", "FAIL-1", "FAIL-2"}
# They compare counters, and nobody may spend meanwhile.
_OF_COUNTERS = {"AUTH-3", "RATE-2", "RATE-3"}


def claims(item: pytest.Item) -> set[str]:
    """What a test must have for itself: accounts whose counters it moves or compares, and operations on which
    it may send something that a host serves and should not."""
    charge = _charge(item)
    claimed = set[str]()
    if charge.spend > Spend.NONE or _OF_COUNTERS.intersection(charge.requirements):
        accounts = {
            _ACCOUNTS[name]
            for marker in item.iter_markers("needs")
            for name in marker.args
            if name in _ACCOUNTS
        }
        if item.get_closest_marker("uses_up_accounts"):
            # These come last, and each notices its own metric alone.
            accounts = {f"{account}, {metric}" for account in accounts for metric in charge.units}
        claimed |= accounts
    if charge.spend is Spend.NONE:
        claimed |= set(_operations(item, charge))
    return claimed


def _charge(item: pytest.Item) -> Charge:
    charge = charge_of(item)
    assert charge is not None, "only tests that judge run ahead"
    return charge


def _operations(item: pytest.Item, charge: Charge) -> Iterator[str]:
    """The operations that a test asks for refusals of: those it is parametrized with or shares refusals of;
    else, where it is about payloads, all that the requirement is about."""
    params = getattr(item, "callspec", None)
    arguments = [*params.params.values()] if params else []
    words = {word for share in charge.shares for word in (share.partition(":")[0], share.partition(" ")[0])}
    found = {
        name for name, call in CALLS.items() if name in arguments or call.path in arguments or name in words
    }
    yield from found
    if not found:
        known = REQUIREMENTS.requirements
        for requirement in PAYLOADS.intersection(charge.requirements):
            yield from known[requirement].operations


def predecessors(items: Iterable[pytest.Item]) -> Iterator[set[int]]:
    """For each test the places of those before it that it has to wait for."""
    last: dict[str, int] = {}
    in_need: set[int] = set()
    for place, item in enumerate(items):
        claimed = claims(item)
        before = {last[claim] for claim in claimed if claim in last}
        uses_up = item.get_closest_marker("uses_up_accounts")
        if uses_up or item.get_closest_marker("looks_back"):
            before |= in_need
        if not uses_up:
            in_need.add(place)
        yield before
        last.update(dict.fromkeys(claimed, place))


def waiting_behind(asks: Sequence[int], before: Sequence[set[int]]) -> list[int]:
    """For each test the requests of the longest chain of tests that wait for it and for one another, by the
    requests of each and the places of those before it."""
    behind = [0] * len(asks)
    for place in reversed(range(len(asks))):
        for earlier in before[place]:
            behind[earlier] = max(behind[earlier], asks[place] + behind[place])
    return behind


@dataclass(slots=True)
class _Task:
    """A test that runs ahead: what waits for it (`behind`, in requests), and what came of it."""

    item: pytest.Item
    judge: Judge
    waits_for: int = 0
    behind: int = 0
    followers: list[_Task] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    problem: BaseException | None = None
    seconds: float = 0.0


class Ahead:
    """Runs tests in `jobs` threads: first those that the longest chain of others waits for, since what spends
    from one account takes turns and would else be left over at the end; among equals in their order."""

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
        waiting = waiting_behind([_charge(task.item).asks(means) for task in tasks], before)
        for task, places, behind in zip(tasks, before, waiting, strict=True):
            task.waits_for, task.behind = len(places), behind
            for place in places:
                tasks[place].followers.append(task)
        for task in tasks:
            if not task.waits_for:
                self._offer(task)
        self._jobs = jobs
        for number in range(jobs):
            # Daemons: an interrupted run does not wait for answers.
            threading.Thread(target=self._work, name=f"judge-{number}", daemon=True).start()

    def judge(self, item: pytest.Item) -> Judge | None:
        """The judge of a test that runs ahead; None for one that does not."""
        task = self._tasks.get(item.nodeid)
        return task.judge if task else None

    def finish(self, item: pytest.Item) -> bool:
        """Wait for a test, and raise what it raised. Gives False for one that does not run ahead."""
        task = self._tasks.get(item.nodeid)
        if task is None:
            return False
        task.over.wait()
        if task.problem is not None:
            raise task.problem
        return True

    def seconds(self, item: pytest.Item) -> float | None:
        """How long a test took that has run ahead."""
        task = self._tasks.get(item.nodeid)
        return task.seconds if task else None

    def stop(self) -> None:
        """Begin no other test."""
        self._stopped = True
        for _ in range(self._jobs):  # Who waits for a test is told as well.
            self._ready.put((0, 0, ""))

    def _offer(self, task: _Task) -> None:
        self._ready.put((-task.behind, self._order[task.item.nodeid], task.item.nodeid))

    def _work(self) -> None:
        while True:
            *_, name = self._ready.get()
            if self._stopped:
                return
            task = self._tasks[name]
            started = time.monotonic()
            try:
                call(task.item, task.judge)
            except BaseException as problem:
                task.problem = problem
            task.seconds = time.monotonic() - started
            task.over.set()
            with self._lock:
                for follower in task.followers:
                    follower.waits_for -= 1
                    if not follower.waits_for:
                        self._offer(follower)


def can_run_ahead(item: pytest.Item) -> bool:
    """Whether a test is a function that needs nothing of pytest but its judge, and leaves the target as it
    is: one that moves its time runs alone."""
    if not isinstance(item, pytest.Function) or item.get_closest_marker("needs_control"):
        return False
    params = set(item.callspec.params) if hasattr(item, "callspec") else set[str]()
    return set(item._fixtureinfo.argnames) <= {"judge", *params}


def call(item: pytest.Item, judge: Judge) -> None:
    """Run a test."""
    assert isinstance(item, pytest.Function)
    params = item.callspec.params if hasattr(item, "callspec") else {}
    through_midnight(judge, partial(item.obj, judge=judge, **params))


def through_midnight(judge: Judge, test: Callable[[], object]) -> None:
    """Run a test, and once more when a day has ended in the middle of what it measured."""
    try:
        test()
    except MidnightPassed:
        judge.begin_anew()
        test()
