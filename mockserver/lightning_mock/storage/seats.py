"""A number for each process of a mock, unique while the process lives.

Law: a number is leased: a process renews it regularly, and loses it after a minute without.
"""

from __future__ import annotations

from lightning_mock.storage.link import Link

SEATS = 256
_KEPT = 60


class Seat:
    """A lease of one number, from `take` to `leave`. When all are taken, the number is shared."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.number = 0

    async def take(self) -> None:
        """Lease the first free number. Raises StoreLost."""
        for number in range(SEATS):
            if await self._link.ask("SET", self._key(number), 1, "NX", "EX", _KEPT) is not None:
                self.number = number
                return

    def keep(self) -> None:
        """Renew the lease."""
        self._link.tell("SET", self._key(self.number), 1, "EX", _KEPT)

    def leave(self) -> None:
        """Release it for another process."""
        self._link.tell("UNLINK", self._key(self.number))

    def _key(self, number: int) -> str:
        return self._link.key("seat", str(number))
