"""The floor and the mock taking turns under the same load.

Law: only what was measured in the same pair of turns is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from benchmarks.load import Job, Load
from benchmarks.processes import Server, load


@dataclass(frozen=True, slots=True)
class Turn:
    """One load on one server, with the processor seconds that the server used for it."""

    load: Load
    cpu: float | None

    @property
    def per_cpu_second(self) -> float | None:
        return self.load.answered / self.cpu if self.cpu else None


@dataclass(frozen=True, slots=True)
class Pair:
    """The floor's turn and the mock's."""

    floor: Turn
    mock: Turn

    @property
    def ratio(self) -> float:
        """Answers a second, mock over floor."""
        return self.mock.load.per_second / self.floor.load.per_second

    @property
    def cpu_ratio(self) -> float | None:
        """Answers for a processor second, mock over floor; None where the system does not tell."""
        floor, mock = self.floor.per_cpu_second, self.mock.per_cpu_second
        return mock / floor if floor and mock else None


@dataclass(frozen=True, slots=True)
class Servers:
    """A running floor and a running mock with an API key of it."""

    floor: Server
    mock: Server
    key: str

    def take_turns(self, job: Job, turns: int, say: Callable[[str], None]) -> list[Pair]:
        """The same job for both, who is first changing each time. The job's port does not matter."""
        pairs = []
        for turn in range(turns):
            done = {}
            order = (self.floor, self.mock) if turn % 2 == 0 else (self.mock, self.floor)
            for server in order:
                done[server] = _take_turn(server, replace(job, port=server.port))
            pairs.append(Pair(done[self.floor], done[self.mock]))
            say(".")
        return pairs


def _take_turn(server: Server, job: Job) -> Turn:
    before = server.cpu_seconds()
    done = load(job)
    after = server.cpu_seconds()
    return Turn(done, None if before is None or after is None else after - before)


def cpu_ratios(pairs: Iterable[Pair]) -> list[float]:
    """The processor ratios of the pairs that have one."""
    return [pair.cpu_ratio for pair in pairs if pair.cpu_ratio is not None]
