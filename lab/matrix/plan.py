"""The tasks of each step of the matrix."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatch

from lab.faults import FAULTS
from lab.faults.fault import SPEND, Fault
from lab.hostile import HOSTS
from lab.matrix.mock_faults import MOCK_FAULTS
from lab.matrix.pairs import Pair
from lab.matrix.trial import Task
from lab.variants import VARIANTS

SEED = 20260515
SERVERS, TOGETHER = 50, 5
"""How many servers show all variants, and how many variants each of them."""
SEEDS = range(1, 11)
CAPS = {"cloudChatDaily": 20, "imagesDaily": 8, "videosDaily": 8, "audioWeekly": 6}
"""Below what the judge would spend, so that a cap that does not hold is seen."""

Selected = Callable[[str], bool]


def selected_by(patterns: Sequence[str]) -> Selected:
    """Whether a name fits one of these patterns; every name does when there are none."""
    return lambda name: not patterns or any(fnmatch(name, pattern) for pattern in patterns)


def plain() -> list[Task]:
    """The whole judge on the plain server, once for each spending mode."""
    return [Task(f"plain {spend}", spend=spend) for spend in SPEND]


def in_order() -> Task:
    """The whole judge on the plain server, test by test: what each fault costs until it is killed."""
    return Task("plain, in order", in_order=True)


def narrowed(fault: Fault) -> Task:
    """The judge narrowed to what this fault breaks."""
    return Task(fault.name, faults=(fault.name,), only=fault.requirements)


def unnarrowed(fault: Fault) -> Task:
    """The whole judge on this fault."""
    return Task(fault.name, faults=(fault.name,))


def unpaid(fault: Fault) -> Task:
    """The judge narrowed to what this fault breaks, without spending."""
    return Task(fault.name, faults=(fault.name,), only=fault.requirements, spend="none", shadowed=True)


def on_mock(name: str) -> Task:
    """The judge narrowed to what this fault of our mock breaks."""
    return Task(name, mock_fault=name, only=(MOCK_FAULTS[name].requirement,), spend="sample")


def triggered(pair: Pair) -> Task:
    """The whole judge on a fault that only shows sometimes."""
    return Task(f"{pair.fault} {pair.trigger}", faults=(pair.fault,), trigger=pair.trigger)


def faults() -> list[Fault]:
    """All faults of the lab."""
    return list(FAULTS.values())


def mock_faults() -> list[Task]:
    """All faults of the mock."""
    return [on_mock(name) for name in MOCK_FAULTS]


def variants() -> list[Task]:
    """The whole judge on every variant, in the company of others and some of them twice. A server that is not
    accused clears all that it shows, alone and together."""
    dice, names = random.Random(SEED), sorted(VARIANTS)
    servers: list[list[str]] = [[] for _ in range(max(SERVERS, -(-len(names) // TOGETHER)))]
    left = max(0, len(servers) * TOGETHER - len(names))
    for name in [*dice.sample(names, len(names)), *dice.sample(names, left)]:
        fitting = (server for server in servers if _may_stand_together([*server, name]))
        min(fitting, key=len).append(name)
    return [_together(server) for server in servers]


def alone(task: Task) -> list[Task]:
    """The whole judge on each of several variants alone, to see which of them is accused."""
    return [_together([name]) for name in task.variants] if len(task.variants) > 1 else []


def _together(names: Iterable[str]) -> Task:
    ordered = tuple(sorted(names))
    return Task(" + ".join(ordered), variants=ordered)


def _may_stand_together(names: Sequence[str]) -> bool:
    return len({VARIANTS[name].group for name in names}) == len(names)


def hostile() -> list[Task]:
    """Each hostile host, without spending and with a little, under caps."""
    caps = tuple(f"{metric}={units}" for metric, units in CAPS.items())
    return [
        Task(
            f"{name} {spend}", hostile=name, spend=spend, caps=caps if spend != "none" else (), shadowed=True
        )
        for name in HOSTS
        for spend in ("none", "sample")
    ]


def stability() -> list[Task]:
    """The plain server, two variants and two faults, each with ten seeds of the generated examples."""
    dice = random.Random(SEED)
    kinds: list[tuple[tuple[str, ...], tuple[str, ...]]] = [((), ())]
    kinds += [((), (name,)) for name in dice.sample(sorted(VARIANTS), 2)]
    kinds += [((name,), ()) for name in dice.sample(sorted(FAULTS), 2)]
    return [
        Task(" ".join(broken + differing) or "plain", faults=broken, variants=differing, seed=seed)
        for seed in SEEDS
        for broken, differing in kinds
    ]


def sampled(population: Iterable[Fault], count: int) -> list[Fault]:
    """`count` faults, each origin with its share, the same ones each time."""
    by_origin: dict[str, list[Fault]] = {}
    for fault in population:
        by_origin.setdefault(fault.origin, []).append(fault)
    total = sum(map(len, by_origin.values()))
    chosen: list[Fault] = []
    for origin, members in by_origin.items():
        random.Random(f"{SEED} {origin}").shuffle(members)
        chosen += members[: round(min(count, total) * len(members) / total)]
    return chosen
