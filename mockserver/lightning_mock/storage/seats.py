"""A number for each process of a mock that no other has while it lives.

Law: who has a seat says so again and again; one of whom nothing is heard for a minute has none any more.
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
        """Say that it is still taken."""
        self._link.tell("SET", self._key(self.number), 1, "EX", _KEPT)

    def leave(self) -> None:
        """Let another process have it."""
        self._link.tell("UNLINK", self._key(self.number))

    def _key(self, number: int) -> str:
        return self._link.key("seat", str(number))
