"""One mock in several processes: each has all of its control state, and knows before it answers whether it is
still the newest.

Law: what calls count is kept in Redis alone (`counts`, `turns`). What control calls change is one document
with a version. A call learns with its first step in the store whether its version is the newest, and is
decided again if not; a control call works on the newest document and puts its own in place only if nobody
else was quicker, or else begins again. The journal is written to Redis every second, and by everybody when
somebody wants to read it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from secrets import token_hex
from typing import Any, NamedTuple, TypeVar

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from lightning_mock.basis import Basis
from lightning_mock.control.request import ControlError
from lightning_mock.control.snapshot import (
    control_state,
    fault_of,
    fault_row,
    restore_control_state,
    script_of,
    users_of,
)
from lightning_mock.errors import StoreLost
from lightning_mock.journal.event_hub import STATE_CHANGED, ExchangeEvent
from lightning_mock.journal.recording import Raw
from lightning_mock.real_time import stopwatch, wall_time
from lightning_mock.scripting.script import Script as ScriptedReply
from lightning_mock.state import State
from lightning_mock.storage.counts import SharedCounts
from lightning_mock.storage.journal_rows import read, written
from lightning_mock.storage.link import TIMEOUT, Link, Script
from lightning_mock.storage.seats import SEATS, Seat

T = TypeVar("T")

_ATTEMPTS = 100
_POLL_INTERVAL = 0.002
_SWEEP = 1.0
_WHILE_LISTENED = 0.1
_CANCEL_AGAIN = 0.1
_MAX_MISSES = 100
_TICKS_PER_SECOND = 10_000
"""Times the seats and the seconds since 1970 it has to stay below what a double holds exactly."""
_COUNTS = ("fault-turns", "script-turns", "key-uses")

# The counts of what is new or gone are put in place together with the document that says so.
_COMMIT = Script("""
if (redis.call('GET', KEYS[3]) or '0') ~= ARGV[2] then return answer({0}) end
redis.call('SET', KEYS[2], ARGV[3])
redis.call('INCR', KEYS[3])
for place, changes in ipairs(cjson.decode(ARGV[4])) do
  for _, field in ipairs(changes[1]) do redis.call('HDEL', KEYS[3 + place], field) end
  for _, pair in ipairs(changes[2]) do redis.call('HSET', KEYS[3 + place], pair[1], pair[2]) end
end
return answer({1})
""")

Owned = Mapping[str, tuple[object, Mapping[str, float | None]]]
"""For each id the object that bears it, and its counts."""


class Before(NamedTuple):
    """How things stood when a control call began."""

    version: int
    document: bytes
    clock: tuple[object, ...]
    counted: tuple[Owned, ...]
    journal: frozenset[int]
    misses: int


class Sharing:
    """One process's part in a shared mock."""

    def __init__(self, link: Link, url: str, state: State, birth: bytes) -> None:
        self._birth = birth
        self._link = link
        self._state = state
        self._redis = Redis.from_url(url)
        self._version: int | None = None
        self._document = b""
        self._loading, self._changing = asyncio.Lock(), asyncio.Lock()
        self._in_redis: set[int] = set()
        """The ids of the entries of the journal that everybody can read."""
        self._tasks: list[asyncio.Task[None]] = []
        self._seat = Seat(link)
        self._offset = wall_time() - stopwatch()
        self._tick = 0
        state.journal.number = self._number

    # ------------------------------------------------------------------------------------ beginning and end

    async def begin(self, first: Callable[[State], Awaitable[None]]) -> None:
        """Load the shared state. A process that finds none calls `first` on its own and shares that. Raises
        whatever `first` raises, and StoreLost."""
        if await self._link.version() == 0:
            await first(self._state)
            await self._found()
        self._state.start.update(orjson.loads(await self._link.ask("GET", self._link.key("start"))))
        await self.fresh()
        await self._seat.take()
        self._tasks = [asyncio.create_task(self._answer_askers()), asyncio.create_task(self._sweep())]

    async def _found(self) -> None:
        """Write the state of this process into an empty Redis, unless another process has; both are the
        same."""
        link = self._link
        await link.ask("SET", link.key("birth"), self._birth, "NX")
        await link.ask("SET", link.key("start"), orjson.dumps(self._state.start), "NX")
        keys = (link.key("document"), link.key("version"))
        await link.run(_COMMIT, keys, (0, self._written_document(), "[]"))

    def _number(self, raw: Raw) -> int:
        """The id of an entry of the journal. Those of all processes are in order by when they ended, and told
        apart by the seat where they ended together."""
        self._tick = max(int((raw[2] + self._offset) * _TICKS_PER_SECOND), self._tick + 1)
        return self._tick * SEATS + self._seat.number

    async def close(self) -> None:
        """Write what is still to be written, and stop."""
        await _end(self._tasks)
        self._seat.leave()
        with suppress(StoreLost):
            await self._write_journal()
        await self._redis.aclose()
        await self._link.close()

    # ------------------------------------------------------------------------------------------------ calls

    async def fresh(self) -> None:
        """Load the newest control state, unless this process has it. Raises StoreLost."""
        newest = await self._link.version()
        if newest != self._version:
            async with self._loading:
                # Another call may have waited for it as well.
                if newest != self._version:
                    await self._load()

    async def basis(self, *, sure: bool = False) -> Basis:
        """The basis of a call. It is checked at once when `sure`, and where the first step of a call in the
        store may be another than the charge. Raises StoreLost."""
        state, version = self._state, self._version
        if (
            sure
            or version is None
            or state.faults.armed
            or state.scripts.armed
            or state.ledger.prior_use.used
        ):
            await self.fresh()
            version = None
        return Basis(version, self._link.version)

    async def perform(self, answer: Callable[[], Awaitable[T]], *, changes: bool) -> T:
        """Answer a control call on the newest state. One that changes it is tried again when another process
        was quicker. Raises what `answer` raises, and StoreLost."""
        if not changes:
            async with self._changing:
                await self._gather()
            return await answer()
        async with self._changing:
            for _ in range(_ATTEMPTS):
                before = await self._gather()
                try:
                    answered = await answer()
                    if await self._commit(before):
                        return answered
                except BaseException:
                    # Whatever was half done is to be forgotten.
                    self._version = None
                    raise
        raise ControlError(503, "Other processes keep changing the state of this mock; try again.")

    # ---------------------------------------------------------------------------------------- the document

    def _control_document(self) -> dict[str, Any]:
        document = control_state(self._state)
        document["faults"] = [fault_row(fault) for fault in self._state.faults.all()]
        for fault in document["faults"]:
            del fault["fired"], fault["drawn"]
        for key in document["keys"]:
            del key["last_used_at"]
        for script in document["replies"]:
            del script["met"], script["used"]
        return document

    def _written_document(self) -> bytes:
        return orjson.dumps(self._control_document())

    async def _load(self) -> None:
        newest = ("MGET", self._link.key("version"), self._link.key("document"))
        version, content = await self._link.ask(*newest)
        if content is None:
            # Redis has come back empty.
            await self._found()
            version, content = await self._link.ask(*newest)
        if int(version) == self._version:
            return
        news = content != self._document
        document, state = orjson.loads(content), self._state
        restore_control_state(document, users_of(document), state)
        state.faults.adopt([fault_of(row, state) for row in document["faults"]], document["faults_made"])
        here = {script.id: script for script in state.scripts.all()}
        replies = [self._script(row, here) for row in document["replies"]]
        state.scripts.adopt(replies, document["replies_made"])
        await self._read_counts()
        self._version, self._document = int(version), content
        if news:
            state.event_hub.publish(STATE_CHANGED)

    def _script(self, row: dict[str, Any], here: Mapping[str, ScriptedReply]) -> ScriptedReply:
        row = {**row, "met": 0, "used": 0}
        known = here.get(row["id"])
        if known is not None and {**known.document(), "met": 0, "used": 0} == row:
            return known
        return script_of(row, self._state)

    async def _commit(self, before: Before) -> bool:
        """Replace the shared state by that of this process; False when another process was quicker."""
        document, counted = self._written_document(), self._counted()
        changed = [_changes(*pair) for pair in zip(before.counted, counted, strict=True)]
        if document != before.document or any(gone or new for gone, new in changed):
            link = self._link
            keys = [link.key("document"), link.key("version"), *(link.key(name) for name in _COUNTS)]
            [done] = await link.run(_COMMIT, keys, (before.version, document, orjson.dumps(changed)))
            if not done:
                self._version = None
                return False
            self._version, self._document = before.version + 1, document
            store = self._state.ledger.store
            if isinstance(store, SharedCounts) and before.clock != self._clock():
                await store.follow_the_clock(self._state.ledger.window)
        await self._forget_what_is_gone(before)
        return True

    async def _forget_what_is_gone(self, before: Before) -> None:
        gone = before.journal - {kept.id for kept in self._state.journal.all()}
        key = self._link.key("journal")
        await asyncio.gather(*(self._link.ask("ZREMRANGEBYSCORE", key, number, number) for number in gone))
        if before.misses and not self._state.scripts.misses:
            await self._link.ask("DEL", self._link.key("misses"))

    # ----------------------------------------------------------------------- what is counted, the journal

    def _clock(self) -> tuple[object, ...]:
        clock = self._state.clock
        return *clock.shift(), dict(clock.ahead)

    def _counted(self) -> tuple[Owned, ...]:
        state = self._state
        return (
            {fault.id: (fault, {"met": fault.drawn, "used": fault.fired}) for fault in state.faults.all()},
            {script.id: (script, {"met": script.met, "used": script.used}) for script in state.scripts.all()},
            {key.id: (key, {"at": key.last_used_at}) for _, key in state.keys.rows()},
        )

    async def _gather(self) -> Before:
        """Load everything that a control call may read; how it stood."""
        state = self._state
        await self._write_journal()
        await self._ask_everybody()
        await self.fresh()
        await self._read_counts()
        await self._read_journal()
        return Before(
            self._version or 0,
            self._document,
            self._clock(),
            self._counted(),
            frozenset(kept.id for kept in state.journal.all()),
            len(state.scripts.misses),
        )

    async def _read_counts(self) -> None:
        state, link = self._state, self._link
        faults, scripts, uses = await asyncio.gather(
            *(link.ask("HGETALL", link.key(name)) for name in _COUNTS)
        )
        for fault in state.faults.all():
            fault.drawn, fault.fired = _turns(faults, fault.id)
        for script in state.scripts.all():
            script.met, script.used = _turns(scripts, script.id)
        used_at = _fields(uses)
        for _, key in state.keys.rows():
            key.last_used_at = used_at.get(f"{key.id} at")

    async def _read_journal(self) -> None:
        link, journal, scripts = self._link, self._state.journal, self._state.scripts
        rows = await link.ask("ZRANGE", link.key("journal"), 0, -1)
        known = {kept.id: kept for kept in journal.all()}
        read_now = [read(row, self._state.spec.operations) for row in rows]
        kept = [known.get(found.id, found) for found in read_now]
        # What was recorded here in the meantime is not in Redis yet.
        kept += [found for number, found in known.items() if number not in self._in_redis]
        self._in_redis = {found.id for found in read_now}
        journal.hold(sorted(kept, key=lambda found: found.id))
        misses = await link.ask("LRANGE", link.key("misses"), 0, -1)
        scripts.misses.clear()
        scripts.misses.extend(orjson.loads(miss) for miss in reversed(misses))

    async def _write_journal(self) -> None:
        """Give what was recorded here to everybody."""
        link, journal, scripts = self._link, self._state.journal, self._state.scripts
        new = [kept for kept in journal.all() if kept.id not in self._in_redis]
        if new:
            key = link.key("journal")
            pairs = [part for kept in new for part in (kept.id, written(kept))]
            self._in_redis.update(kept.id for kept in new)
            link.tell("ZADD", key, *pairs)
            await link.ask("ZREMRANGEBYRANK", key, 0, -journal.size - 1)
        if scripts.fresh_misses:
            link.tell("LPUSH", link.key("misses"), *(orjson.dumps(miss) for miss in scripts.fresh_misses))
            scripts.fresh_misses.clear()
            await link.ask("LTRIM", link.key("misses"), 0, _MAX_MISSES - 1)

    # ---------------------------------------------------------------------------------------- each other

    async def _ask_everybody(self) -> None:
        """Wait until everybody has written their journal. One who does not answer is not waited for long."""
        link, nonce = self._link, token_hex(8)
        answers = link.key("answers", nonce)
        asked = await link.ask("PUBLISH", link.key("ask"), answers)
        with suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT):
                while int(await link.ask("GET", answers) or 0) < asked:  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_INTERVAL)

    async def _answer_askers(self) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as asked:
                    await asked.subscribe(self._link.key("ask"))
                    async for message in asked.listen():
                        await self._write_journal()
                        self._link.tell("INCR", message["data"])
                        self._link.tell("EXPIRE", message["data"], 10)
            except (RedisError, OSError, StoreLost):
                await asyncio.sleep(_WHILE_LISTENED)

    async def _sweep(self) -> None:
        """Write the journal now and then, undo what is owed, and tell listeners what happens in other
        processes."""
        while True:
            listened = bool(self._state.event_hub.listeners)
            await asyncio.sleep(_WHILE_LISTENED if listened else _SWEEP)
            self._seat.keep()
            with suppress(StoreLost):
                await self._link.settle()
                if listened:
                    async with self._changing:
                        await self._tell_listeners()
                else:
                    await self._write_journal()

    async def _tell_listeners(self) -> None:
        journal = self._state.journal
        known = {kept.id for kept in journal.all()}
        await self._gather()
        for kept in journal.all():
            if kept.id not in known:
                self._state.event_hub.publish(ExchangeEvent(kept))


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended: the Redis client loses a cancellation that comes while it
    connects."""
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_CANCEL_AGAIN)


def _changes(before: Owned, after: Owned) -> tuple[list[str], list[tuple[str, float]]]:
    """Which counts are to go, and which are to be set: those of what is gone, and of what is new."""
    gone = [
        f"{owner} {name}" for owner, (_, counts) in before.items() for name in counts if owner not in after
    ]
    new: list[tuple[str, float]] = []
    for owner, (thing, counts) in after.items():
        if owner in before and before[owner][0] is thing:
            continue
        for name, count in counts.items():
            if count:
                new.append((f"{owner} {name}", count))
            elif owner in before:
                gone.append(f"{owner} {name}")
    return gone, new


def _turns(answered: list[bytes], owner: str) -> tuple[int, int]:
    fields = _fields(answered)
    return int(fields.get(f"{owner} met", 0)), int(fields.get(f"{owner} used", 0))


def _fields(answered: list[bytes]) -> dict[str, float]:
    return {name.decode(): float(value) for name, value in zip(answered[::2], answered[1::2], strict=True)}
