"""The one connection of this process to Redis.

Law: what is asked while an earlier batch is under way goes out together with the next one, so that a busy
process pays for a few round trips and not for one a call. A script that changes something carries an id, and
Redis remembers what it answered: a batch whose answer was lost is sent again and changes nothing twice. What
could not even be sent twice is made good before anything else as soon as Redis answers again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha1
from secrets import token_hex
from typing import Any

from redis.exceptions import RedisError, ResponseError

from lightning_mock.errors import StoreLost
from lightning_mock.storage.wire import Argument, Command, Wire, opener

logger = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds for a connection, and for the answers of a batch."""
_ATTEMPTS = 2
_LOST = (RedisError, OSError)
_FORGOTTEN_AT_ONCE = 32
"""So many answers of scripts Redis remembers for a process until it is told to forget them."""
_ONCE = """
local done = redis.call('HGET', KEYS[1], ARGV[1])
if done then return cjson.decode(done) end
local function answer(result)
  redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(result))
  redis.call('EXPIRE', KEYS[1], 86400)
  return result
end
"""


class Script:
    """A Lua script that is carried out once for each id: `KEYS[1]` remembers the answers, `ARGV[1]` is the
    id, and the script ends with `return answer(...)`. Without `once` it looks after that itself."""

    def __init__(self, text: str, *, once: bool = True) -> None:
        self.text = _ONCE + text if once else text
        self.once = once
        # That is how Redis names scripts.
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


@dataclass(slots=True)
class _Sent:
    """A command on its way. `once` is the id of a script, `amends` the script that makes good that it may or
    may not have been carried out."""

    command: Command
    future: asyncio.Future[Any] | None
    once: str | None = None
    script: Script | None = None
    amends: Script | None = None


class Link:
    """Commands to one Redis. Used from one event loop; keys begin with the prefix of one mock."""

    def __init__(self, url: str, prefix: str) -> None:
        self.prefix = prefix
        self._open = opener(url, PATIENCE)
        self._wire: Wire | None = None
        self._queue: list[_Sent] = []
        self._version_waiters: list[asyncio.Future[Any]] = []
        self._drain: asyncio.Task[None] | None = None
        self._owed: list[_Sent] = []
        self._acknowledged: list[str] = []
        self._loaded: set[str] = set()
        self._once = self.key("once", token_hex(8))
        self._count = 0
        self._lost = False

    def key(self, *parts: str) -> str:
        """The name of a key of this mock."""
        return ":".join((self.prefix, *parts))

    async def ask(self, *command: Argument) -> Any:
        """The answer to a command that may be carried out twice. Raises StoreLost."""
        future = asyncio.get_running_loop().create_future()
        self._put(_Sent(command, future))
        return await future

    def tell(self, *command: Argument) -> None:
        """Send a command that may get lost."""
        self._put(_Sent(command, None))

    async def run(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Sequence[Argument],
        amends: Script | None = None,
    ) -> Any:
        """The answer of a script, which is carried out once. When it cannot be known whether it was, `amends`
        is run later with the same id, keys and arguments. Raises StoreLost."""
        self._count += 1
        once = str(self._count)
        future = asyncio.get_running_loop().create_future()
        command = ("EVALSHA", script.sha, 1 + len(keys), self._once, *keys, once, *arguments)
        self._put(_Sent(command, future, once if script.once else None, script, amends))
        return await future

    async def version(self) -> int:
        """How often the shared state has been changed; one question for all who ask at the same time."""
        future = asyncio.get_running_loop().create_future()
        self._version_waiters.append(future)
        self._start()
        return int(await future or 0)

    async def settle(self) -> None:
        """Make good what is owed, if anything is. Raises StoreLost."""
        if self._owed:
            await self.ask("PING")

    async def close(self) -> None:
        """Send what is still to be sent, and let go."""
        with suppress(StoreLost):
            await self.settle()
        if self._drain is not None:
            await self._drain
        await self._disconnect()

    def _put(self, sent: _Sent) -> None:
        self._queue.append(sent)
        self._start()

    def _start(self) -> None:
        if self._drain is None:
            self._drain = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._queue or self._version_waiters:
            batch, self._queue = self._queue, []
            waiters, self._version_waiters = self._version_waiters, []
            for waiter in waiters[:1]:
                batch.append(_Sent(("GET", self.key("version")), waiter))
            try:
                answers = await self._send(batch)
            except Exception as error:
                # Whatever it is, nobody may be left waiting.
                await self._disconnect()
                self._note_loss(error)
                for sent in batch:
                    _fail(sent.future)
            else:
                refused = next((answered for answered in answers if isinstance(answered, RedisError)), None)
                if refused is None:
                    self._note_return()
                else:
                    self._note_loss(refused)
                for sent, answered in zip(batch, answers, strict=True):
                    _resolve(sent.future, answered)
            if waiters:
                first = waiters[0]
                for waiter in waiters[1:]:
                    if first.exception() is not None:
                        _fail(waiter)
                    else:
                        _resolve(waiter, first.result())
        self._drain = None

    async def _send(self, batch: Sequence[_Sent]) -> list[Any]:
        """The answers to a batch, in its order. Raises what `_LOST` names."""
        owed, acknowledged = self._owed, self._acknowledged
        whole = [*owed, *batch]
        forgets = len(acknowledged) >= _FORGOTTEN_AT_ONCE
        if forgets:
            whole.append(_Sent(("HDEL", self._once, *acknowledged), None))
        underway = False
        for attempt in range(_ATTEMPTS):
            try:
                wire = await self._connected()
                underway = True
                answers = await self._exchange(wire, whole)
                break
            except _LOST:
                await self._disconnect()
                if attempt + 1 == _ATTEMPTS:
                    if underway:
                        self._owed = owed + [_amends(sent, sent.amends) for sent in batch if sent.amends]
                    raise
        self._owed = []
        if forgets:
            self._acknowledged = []
        if attempt == 0:
            # What went out twice may still arrive a second time: only what went out once can be forgotten.
            self._acknowledged += [sent.once for sent in whole if sent.once is not None]
        return answers[len(owed) : len(owed) + len(batch)]

    async def _exchange(self, wire: Wire, batch: Sequence[_Sent]) -> list[Any]:
        # Scripts that Redis may not know go ahead of the batch: one carried out later than its place would
        # let others see what it has not done yet.
        unloaded = {
            sent.script.sha: sent.script.text
            for sent in batch
            if sent.script is not None and sent.script.sha not in self._loaded
        }
        commands: list[Command] = [("SCRIPT", "LOAD", text) for text in unloaded.values()]
        commands += [sent.command for sent in batch]
        answers = (await wire.exchange(commands, PATIENCE))[len(unloaded) :]
        self._loaded.update(unloaded)
        unknown = [place for place, answered in enumerate(answers) if _is_unknown_script(answered)]
        if unknown:
            scripts = {sent.script.text for sent in batch if sent.script is not None}
            again: list[Command] = [("SCRIPT", "LOAD", text) for text in scripts]
            again += [batch[place].command for place in unknown]
            answered = await wire.exchange(again, PATIENCE)
            for place, late in zip(unknown, answered[len(scripts) :], strict=True):
                answers[place] = late
        return answers

    async def _connected(self) -> Wire:
        if self._wire is None or self._wire.lost:
            await self._disconnect()
            async with asyncio.timeout(PATIENCE):
                self._wire = await self._open()
        return self._wire

    async def _disconnect(self) -> None:
        if self._wire is not None:
            wire, self._wire = self._wire, None
            self._loaded.clear()
            await wire.close()

    def _note_loss(self, error: Exception) -> None:
        """One line for an outage, however many calls it costs."""
        if not self._lost:
            self._lost = True
            logger.error("the store does not answer (%s): every call gets 500 until it is back", error)

    def _note_return(self) -> None:
        if self._lost:
            self._lost = False
            logger.warning("the store answers again")


def _amends(sent: _Sent, script: Script) -> _Sent:
    """What makes good a script: another one with the same id, keys and arguments."""
    _, _, *words = sent.command
    return _Sent(("EVALSHA", script.sha, *words), None, sent.once if script.once else None, script)


def _is_unknown_script(answered: object) -> bool:
    return isinstance(answered, ResponseError) and str(answered).startswith("NOSCRIPT")


def _resolve(future: asyncio.Future[Any] | None, answered: Any) -> None:
    if future is None or future.done():
        return
    if isinstance(answered, RedisError):
        future.set_exception(StoreLost())
    else:
        future.set_result(answered)


def _fail(future: asyncio.Future[Any] | None) -> None:
    if future is not None and not future.done():
        future.set_exception(StoreLost())
