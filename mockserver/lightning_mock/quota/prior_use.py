"""What signed-out callers have used before their first call.

Law: nothing, unless somebody says otherwise; what is said holds for one window of each metric, and is written
into the ledger when a caller is first seen, so that from then on such a caller is one like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lightning_mock.quota.windows import Window

USER_PREFIX = "user:"


@dataclass(slots=True)
class PriorUse:
    """`used` has the window's key and the units for each metric; `seen` are the callers that got them."""

    used: dict[str, tuple[str, int]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def start_with(self, used: Mapping[str, tuple[str, int]]) -> None:
        """Let everybody who has not been seen have used so much already."""
        self.used = dict(used)

    def clear(self) -> None:
        """Let nobody have used anything before the first call."""
        self.used.clear()
        self.seen.clear()

    def first_use(self, identity: str, windows: Mapping[str, Window]) -> Iterator[tuple[str, str, int]]:
        """What is to be written down for a caller, as (metric, window, units): once, and for no user."""
        if identity in self.seen or identity.startswith(USER_PREFIX):
            return
        self.seen.add(identity)
        for metric, (window, used) in self.used.items():
            if windows[metric].key == window:
                yield metric, window, used
