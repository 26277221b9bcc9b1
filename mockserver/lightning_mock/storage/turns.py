"""Whose turn it is: how often a fault or a scripted reply has been met and used, counted for all processes.

Law: to look whether a turn is left and to take it is one step.
"""

from __future__ import annotations

from lightning_mock.storage.link import Link, Script
from lightning_mock.turns import Turn

# `met` counts the calls that fit, `used` those that got something.
_TAKE = Script("""
local counts, met, used = KEYS[2], ARGV[2] .. ' met', ARGV[2] .. ' used'
local times, nth = tonumber(ARGV[5]), tonumber(ARGV[6])
local function count(field) return tonumber(redis.call('HGET', counts, field) or '0') end
if (times and count(used) >= times) or (nth and count(met) >= nth) then
  return answer({0, count(met), count(used), 1})
end
if ARGV[3] == '1' then redis.call('HINCRBY', counts, met, 1) end
if nth and count(met) ~= nth then return answer({0, count(met), count(used), 0}) end
if ARGV[4] == '1' then redis.call('HINCRBY', counts, used, 1) end
return answer({1, count(met), count(used), 0})
""")


class SharedTurns:
    """The `Turns` of all faults, or of all scripted replies."""

    def __init__(self, link: Link, name: str) -> None:
        self._link = link
        self.key = link.key(name)

    async def take(
        self,
        of: str,
        *,
        meet: bool = True,
        use: bool = True,
        times: int | None = None,
        nth: int | None = None,
    ) -> Turn:
        limits = ("" if limit is None else limit for limit in (times, nth))
        taken, met, used, over = await self._link.run(_TAKE, (self.key,), (of, int(meet), int(use), *limits))
        return Turn(bool(taken), met, used, bool(over))

    async def counts(self) -> dict[str, int]:
        """Every count under the id of its owner and `met` or `used`."""
        return await self._link.counts(self.key)
