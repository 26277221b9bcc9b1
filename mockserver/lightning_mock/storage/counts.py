"""The ledger's counts in Redis: a hash for each metric and window, with a field for each identity.

Law: refusing or charging is one script. A hash goes with its window: it expires when it has not been charged
for as long as its window lasts and a while, and not at all while the mock's clock stands still.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial

from lightning_mock.basis import Basis, Outdated
from lightning_mock.clock import Clock
from lightning_mock.errors import StoreLost
from lightning_mock.quota.store import Count
from lightning_mock.quota.windows import Window
from lightning_mock.storage.link import Link, Script

_GRACE = 86_400
"""Seconds for which a window that is over is kept: another process' clock may be a little behind."""

_MAX_WINDOW = 7 * 86_400

_AT_ONCE = 1000
"""Identities that are written with one command."""

_UNLESS_OUTDATED = """
if ARGV[3] ~= '' and (redis.call('GET', KEYS[2]) or '0') ~= ARGV[3] then return false end
"""
"""Begins a script that gives nothing where the control state of version `ARGV[3]` is not the newest."""

_SPEND = Script(
    _UNLESS_OUTDATED
    + """
local used = tonumber(redis.call('HGET', KEYS[3], ARGV[2]) or '0')
if used == 0 then redis.call('SADD', KEYS[4], KEYS[3]) end
if ARGV[4] ~= '' and used >= tonumber(ARGV[4]) then return answer({0, used}) end
redis.call('HINCRBY', KEYS[3], ARGV[2], 1)
if ARGV[5] == '' then redis.call('PERSIST', KEYS[3])
elseif redis.call('TTL', KEYS[3]) < tonumber(ARGV[5]) then redis.call('EXPIRE', KEYS[3], ARGV[5]) end
return answer({1, used})
"""
)

# Whether the unit was charged is known by what is remembered under the id; from then on it was not.
_UNSPEND = Script(
    """
local done = redis.call('HGET', KEYS[1], ARGV[1])
if done and cjson.decode(done)[1] == 1 then
  if redis.call('HINCRBY', KEYS[3], ARGV[2], -1) < 1 then redis.call('HDEL', KEYS[3], ARGV[2]) end
end
redis.call('HSET', KEYS[1], ARGV[1], '[0,0]')
return 0
""",
    once=False,
)

_REFUND = Script("""
local used = tonumber(redis.call('HGET', KEYS[2], ARGV[2]) or '0')
if used > 1 then redis.call('HSET', KEYS[2], ARGV[2], used - 1)
elseif used == 1 then redis.call('HDEL', KEYS[2], ARGV[2]) end
return answer({1})
""")

_ADD_PRIOR_USE = Script("""
if redis.call('SADD', KEYS[2], ARGV[2]) == 0 then return answer({0}) end
for place = 4, #KEYS do
  redis.call('SADD', KEYS[3], KEYS[place])
  redis.call('HSET', KEYS[place], ARGV[2], ARGV[place - 1])
end
return answer({1})
""")

_PUT = Script("""
if ARGV[3] == '0' then redis.call('HDEL', KEYS[2], ARGV[2]) return answer({0}) end
redis.call('SADD', KEYS[3], KEYS[2])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return answer({1})
""")

_REPLACE = Script("""
for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do redis.call('UNLINK', name) end
redis.call('UNLINK', KEYS[2], KEYS[3])
if redis.call('EXISTS', KEYS[4]) == 1 then redis.call('RENAME', KEYS[4], KEYS[3]) end
for place = 5, #KEYS, 2 do
  redis.call('RENAME', KEYS[place], KEYS[place + 1])
  redis.call('SADD', KEYS[2], KEYS[place + 1])
end
return answer({1})
""")

_USED = Script(
    _UNLESS_OUTDATED
    + """
local found = {}
for place = 3, #KEYS do found[place - 2] = tonumber(redis.call('HGET', KEYS[place], ARGV[2]) or '0') end
return found
""",
    once=False,
)


class SharedCounts:
    """A `Store` for all who are linked to the same Redis."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._index, self._seen, self._version = link.key("windows"), link.key("begun"), link.key("version")
        self._hash = lru_cache(maxsize=64)(partial(link.key, "used"))
        """The name of the hash of a metric and a window."""

    async def spend(
        self, identity: str, metric: str, window: Window, limit: int | None, basis: Basis | None = None
    ) -> tuple[bool, int]:
        lifetime = "" if self._clock.frozen else int(window.end - window.start) + _GRACE
        answered = await self._link.run(
            _SPEND,
            (self._version, self._hash(metric, window.key), self._index),
            (identity,),
            (_version_of(basis), "" if limit is None else limit, lifetime),
            amends=_UNSPEND,
        )
        if answered is None:
            raise Outdated
        granted, used = answered
        return bool(granted), used

    async def used(
        self, identity: str, windows: Mapping[str, Window], basis: Basis | None = None
    ) -> dict[str, tuple[Window, int]]:
        hashes = [self._hash(metric, window.key) for metric, window in windows.items()]
        counts = await self._link.run(_USED, (self._version, *hashes), (identity, _version_of(basis)))
        if counts is None:
            raise Outdated
        return {
            metric: (window, used) for (metric, window), used in zip(windows.items(), counts, strict=True)
        }

    async def refund(self, identity: str, metric: str, window: Window) -> None:
        # Lost for now: it is refunded as soon as the store answers again.
        with suppress(StoreLost):
            await self._link.run(_REFUND, (self._hash(metric, window.key),), (identity,), amends=_REFUND)

    async def put(self, identity: str, metric: str, window: str, used: int) -> None:
        await self._link.run(_PUT, (self._hash(metric, window), self._index), (identity, used))

    async def add_prior_use(self, identity: str, counts: Iterable[tuple[str, str, int]]) -> None:
        rows = list(counts)
        hashes = [self._hash(metric, window) for metric, window, _ in rows]
        keys = (self._seen, self._index, *hashes)
        await self._link.run(_ADD_PRIOR_USE, keys, (identity, *(used for _, _, used in rows)))

    async def seen(self) -> list[str]:
        return sorted(member.decode() for member in await self._link.ask("SMEMBERS", self._seen))

    async def clear(self, identity: str | None = None) -> None:
        hashes = await self._hashes()
        if identity is None:
            await self._link.ask("UNLINK", self._seen, self._index, *hashes)
        else:
            for name in hashes:
                await self._link.ask("HDEL", name, identity)

    async def replace(self, counts: Sequence[Count], seen: Sequence[str], isolated: Collection[str]) -> None:
        # Written under other names first. What is left of an earlier attempt is none of it.
        fields: dict[str, list[str | int]] = {}
        for number, (identity, metric, window, used) in enumerate(counts, 1):
            fields.setdefault(self._hash(metric, window), []).extend((identity, used))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        new_seen, names = f"{self._seen}:new", [(f"{name}:new", name) for name in fields]
        await self._link.ask("UNLINK", new_seen, *(new for new, _ in names))
        for start in range(0, len(seen), _AT_ONCE):
            await self._link.ask("SADD", new_seen, *seen[start : start + _AT_ONCE])
        for new, name in names:
            for start in range(0, len(fields[name]), 2 * _AT_ONCE):
                await self._link.ask("HSET", new, *fields[name][start : start + 2 * _AT_ONCE])
        keys = (self._index, self._seen, new_seen, *(part for pair in names for part in pair))
        await self._link.run(_REPLACE, keys, ())

    async def rows(self) -> list[Count]:
        found = []
        for name in await self._hashes():
            metric, window = name.split(":")[-2:]
            counts = await self._link.counts(name)
            found += [(identity, metric, window, used) for identity, used in counts.items()]
        return found

    async def identities(self, windows: Mapping[str, Window]) -> list[Mapping[str, int]]:
        listed: list[Mapping[str, int]] = [
            await self._link.counts(self._hash(metric, window.key)) for metric, window in windows.items()
        ]
        if self._clock.ahead:
            listed.append(dict.fromkeys(self._clock.ahead, 0))
        return listed

    async def isolate(self, identity: str, windows: Mapping[str, Window]) -> None:
        """Nothing to do: counts of all windows are kept side by side."""

    async def rejoin(self, identity: str, windows: Mapping[str, Window]) -> None:
        present = {self._hash(metric, window.key) for metric, window in windows.items()}
        for name in await self._hashes():
            if name not in present:
                await self._link.ask("HDEL", name, identity)

    async def follow_the_clock(self, window: Callable[[str, str], Window]) -> None:
        """After the clock has been moved, stopped or set going: forget the windows that were left, and have
        the others expire as it stands now. `window` gives a metric's window for a caller."""
        ask, ahead = self._link.ask, self._clock.ahead
        for name in await self._hashes():
            metric, key = name.split(":")[-2:]
            in_it = {caller for caller in ahead if window(metric, caller).key == key}
            if key == window(metric, "").key:
                gone = ahead.keys() - in_it
            else:
                gone = (await self._link.counts(name)).keys() - in_it
            if gone:
                await ask("HDEL", name, *gone)
            await (ask("PERSIST", name) if self._clock.frozen else ask("EXPIRE", name, _MAX_WINDOW + _GRACE))

    async def _hashes(self) -> list[str]:
        """The names of all hashes, of windows that are over as well."""
        return sorted(name.decode() for name in await self._link.ask("SMEMBERS", self._index))


def _version_of(basis: Basis | None) -> int | str:
    version = None if basis is None else basis.take()
    return "" if version is None else version
