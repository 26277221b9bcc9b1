"""The files of the asset CDN in Redis, within the same bound as in memory."""

from __future__ import annotations

from lightning_mock.callers.credentials import random_bytes
from lightning_mock.clock import Clock
from lightning_mock.generation.assets import MAX_BYTES, Asset, new_id
from lightning_mock.storage.link import Link, Script

_ABANDONED = 7 * 86_400
"""Seconds after which the files of a mock that nobody runs any more are gone."""

# Every file lives equally long, so the first to expire is the oldest. `order` has their names, each with its
# size before it; the size of all stands beside them.
_PUT = Script("""
local files, order, total = KEYS[2], KEYS[3], KEYS[4]
local function drop(member)
  local size, id = string.match(member, '^(%d+):(.*)$')
  redis.call('ZREM', order, member)
  redis.call('UNLINK', files .. ':' .. id)
  redis.call('DECRBY', total, size)
end
local size = #ARGV[3]
redis.call('SET', files .. ':' .. ARGV[2], ARGV[4] .. ' ' .. ARGV[3], 'EX', ARGV[7])
redis.call('ZADD', order, ARGV[4], size .. ':' .. ARGV[2])
redis.call('INCRBY', total, size)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', order, '-inf', ARGV[5])) do drop(member) end
while tonumber(redis.call('GET', total)) > tonumber(ARGV[6]) do
  drop(redis.call('ZRANGE', order, 0, 0)[1])
end
return answer({1})
""")


class SharedAssets:
    """An `Assets` for all who are linked to the same Redis."""

    def __init__(self, link: Link, clock: Clock, lifetime_seconds: float, max_bytes: int = MAX_BYTES) -> None:
        self._link = link
        self._clock = clock
        self._lifetime = lifetime_seconds
        self._max_bytes = max_bytes
        self._files = link.key("asset")
        self._order, self._total = link.key("assets"), link.key("assets-bytes")

    async def put(self, content: bytes) -> Asset:
        now = self._clock.now()
        asset = Asset(new_id(random_bytes, ""), content, now + self._lifetime)
        await self._link.run(
            _PUT,
            (self._files, self._order, self._total),
            (asset.id, content, asset.expires_at, now, self._max_bytes, _ABANDONED),
        )
        return asset

    async def get(self, asset_id: str) -> Asset | None:
        kept = await self._link.ask("GET", f"{self._files}:{asset_id}")
        if kept is None:
            return None
        expires_at, _, content = kept.partition(b" ")
        asset = Asset(asset_id, content, float(expires_at))
        return asset if asset.expires_at > self._clock.now() else None

    async def clear(self) -> None:
        members = await self._link.ask("ZRANGE", self._order, 0, -1)
        files = [f"{self._files}:{member.partition(b':')[2].decode()}" for member in members]
        await self._link.ask("UNLINK", self._order, self._total, *files)
