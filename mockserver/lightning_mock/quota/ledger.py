"""The one ledger that refuses, charges and reports.

Law: enforcement and `/usage` read the same counts, kept by (identity, metric, window).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from lightning_spec.loader import Metric

from lightning_mock.basis import Basis
from lightning_mock.clock import Clock
from lightning_mock.quota.prior_use import PriorUse
from lightning_mock.quota.store import Store
from lightning_mock.quota.windows import CurrentWindows, Window


@dataclass(slots=True)
class Charge:
    """The outcome of one attempt to spend a unit. `before` and `after` are units used in the window."""

    identity: str
    metric: str
    window: Window
    granted: bool
    limit: int | None
    before: int

    @property
    def after(self) -> int:
        return self.before + self.granted


class Ledger:
    """Spends, refunds and reports units in the windows of the clock."""

    def __init__(self, clock: Clock, metrics: Mapping[str, Metric], store: Store) -> None:
        self._clock = clock
        self._windows = CurrentWindows(clock, {name: metric.window for name, metric in metrics.items()})
        self.store = store
        self.prior_use = PriorUse()

    def window(self, metric: str, identity: str) -> Window:
        """The window in which a metric counts for a caller now."""
        return self._windows.of(identity)[metric]

    async def spend(
        self, identity: str, metric: str, limit: int | None, basis: Basis | None = None
    ) -> Charge:
        """Charge one unit, or say that the limit (None: unlimited) is reached; one atomic step. Raises
        Outdated when the basis is."""
        if self.prior_use.used:
            await self._count_prior_use(identity)
        window = self._windows.of(identity)[metric]
        granted, before = await self.store.spend(identity, metric, window, limit, basis)
        return Charge(identity, metric, window, granted, limit, before)

    async def refund(self, charge: Charge) -> None:
        """Undo a granted charge, for a call that failed through no fault of the caller."""
        if charge.granted:
            await self.store.refund(charge.identity, charge.metric, charge.window)

    async def usage(self, identity: str, basis: Basis | None = None) -> dict[str, tuple[Window, int]]:
        """Every metric's present window and the units used in it, in the order of the spec. Raises Outdated
        when the basis is."""
        if self.prior_use.used:
            await self._count_prior_use(identity)
        return await self.store.used(identity, self._windows.of(identity), basis)

    async def identities(self) -> list[Mapping[str, int]]:
        """Who has a count in the present windows, for each metric that has any."""
        return await self.store.identities(self._windows.now())

    async def set_used(self, identity: str, metric: str, used: int) -> None:
        """Set what an identity has used of a metric in the present window."""
        if self.prior_use.used:
            await self._count_prior_use(identity)
        await self.store.put(identity, metric, self.window(metric, identity).key, used)

    def exhaust_unseen(self, limits: Mapping[str, int | None]) -> None:
        """Make signed-out callers that have not called yet find every limit reached in the present
        windows."""
        windows = self._windows.now()
        self.prior_use.start_with(
            {metric: (windows[metric].key, limit) for metric, limit in limits.items() if limit is not None}
        )

    async def forget(self, identity: str) -> None:
        """Forget what a caller has used, and its own clock."""
        await self.rejoin(identity)
        await self.store.clear(identity)

    async def _count_prior_use(self, identity: str) -> None:
        counts = self.prior_use.of(identity, self._windows.of(identity))
        if counts:
            await self.store.add_prior_use(identity, counts)

    def seconds_left(self, window: Window, identity: str) -> int:
        """Whole seconds until a window is over for a caller, at least 1."""
        return max(1, ceil(window.end - self._clock.now_of(identity)))

    async def move(self, identity: str, by: float, *, force: bool = False) -> None:
        """Move one caller's own clock by some seconds. Raises ClockError, with nothing changed."""
        windows = self._windows.of(identity)
        self._clock.move_caller(identity, by, force=force)
        await self.store.isolate(identity, windows)

    async def rejoin(self, identity: str) -> None:
        """Let a caller live by everybody's clock again, with what was counted in its present windows."""
        if self._clock.ahead.pop(identity, None) is not None:
            await self.store.rejoin(identity, self._windows.now())
