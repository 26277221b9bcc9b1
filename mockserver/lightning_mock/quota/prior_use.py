"""What signed-out callers have used before their first call.

Law: nothing, unless somebody says otherwise; what is said holds for one window of each metric, and is written
into the ledger when a caller is first seen, so that from then on such a caller is one like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lightning_mock.quota.windows import Window

USER_PREFIX = "user:"


@dataclass(slots=True)
class PriorUse:
    """`used` has the window's key and the units for each metric."""

    used: dict[str, tuple[str, int]] = field(default_factory=dict)

    def start_with(self, used: Mapping[str, tuple[str, int]]) -> None:
        """Let everybody who has not been seen have used so much already."""
        self.used = dict(used)

    def of(self, identity: str, windows: Mapping[str, Window]) -> list[tuple[str, str, int]]:
        """What is to be written down for a caller, as (metric, window, units); nothing for a user."""
        if identity.startswith(USER_PREFIX):
            return []
        return [
            (metric, window, used)
            for metric, (window, used) in self.used.items()
            if windows[metric].key == window
        ]
