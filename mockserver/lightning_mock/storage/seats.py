"""A number for each process of a mock that no other has while it lives.

Law: a process renews its number again and again; one that has not done so for a minute has lost it.
"""

from __future__ import annotations

from lightning_mock.storage.link import Link

SEATS = 256
_KEPT = 60


class Seat:
    """One of the seats, from `take` to `leave`. Where all are taken it is shared with somebody."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.number = 0

    async def take(self) -> None:
        """Have the first free one. Raises StoreLost."""
        for number in range(SEATS):
            if await self._link.ask("SET", self._key(number), 1, "NX", "EX", _KEPT) is not None:
                self.number = number
                return

    def keep(self) -> None:
        """Renew it."""
        self._link.tell("SET", self._key(self.number), 1, "EX", _KEPT)

    def leave(self) -> None:
        """Release it for another process."""
        self._link.tell("UNLINK", self._key(self.number))

    def _key(self, number: int) -> str:
        return self._link.key("seat", str(number))
