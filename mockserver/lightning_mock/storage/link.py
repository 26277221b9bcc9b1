"""The one connection of this process to Redis.

Law: commands are pipelined: what is asked while a batch is under way goes out with the next one, so that a
busy process pays for a few round trips and not for one a call. Without failures a batch takes no task. A
script that changes something carries an id, and Redis remembers its answer: a batch whose answer was lost is
sent again and changes nothing twice. What is unknown even then is compensated, before anything else, as soon
as Redis answers again.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha1
from secrets import token_hex
from typing import Any

from redis.exceptions import NoScriptError, RedisError

from lightning_mock.errors import StoreLost
from lightning_mock.storage.wire import Argument, Wire, opener, packed, part

logger = logging.getLogger(__name__)

TIMEOUT = 1.0
"""Seconds for a connection, and for the answers of a batch."""
_ATTEMPTS = 2
_LOST = (RedisError, OSError)
_FORGOTTEN_AT_ONCE = 32
"""Answers of scripts that Redis keeps for a process until they are acknowledged."""
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
        # EVALSHA names a script by its SHA-1 digest.
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


_Words = tuple[tuple[str, ...], tuple[Argument, ...], tuple[Argument, ...]]
"""Keys, arguments, and those after them that are the same in many calls."""


@dataclass(slots=True)
class _Sent:
    """A command on its way, and who waits for the answer. `once` is the id of a script with these `words`,
    `amends` the script that compensates for it when nobody knows whether it was carried out."""

    command: bytes
    waiting: Sequence[asyncio.Future[Any]] = ()
    once: int | None = None
    script: Script | None = None
    words: _Words = ((), (), ())
    amends: Script | None = None


class Link:
    """Commands to one Redis. Used from one event loop; keys begin with the prefix of one mock."""

    def __init__(self, url: str, prefix: str) -> None:
        self.prefix = prefix
        self._open = opener(url, TIMEOUT)
        self._wire: Wire | None = None
        self._queue: list[_Sent] = []
        self._asking_version: list[asyncio.Future[Any]] = []
        self._busy = False
        """Whether a batch is under way, or about to be."""
        self._careful: asyncio.Task[None] | None = None
        self._owed: list[_Sent] = []
        self._acknowledged: list[int] = []
        self._loaded: set[Script | None] = {None}
        self._once = self.key("once", token_hex(8))
        self._count = 0
        self._lost: bool | None = None
        """Whether Redis is away; None before it has answered for the first time."""
        self.trouble = ""
        """Why it last did not answer."""

    def key(self, *parts: str) -> str:
        """The name of a key of this mock."""
        return ":".join((self.prefix, *parts))

    def ask(self, *command: Argument) -> Awaitable[Any]:
        """The answer to a command that may be carried out twice. Raises StoreLost."""
        future = asyncio.get_running_loop().create_future()
        self._put(_Sent(packed(*command), (future,)))
        return future

    async def counts(self, name: str) -> dict[str, int]:
        """A hash of counts by their fields. Raises StoreLost."""
        fields = await self.ask("HGETALL", name)
        return {field.decode(): int(count) for field, count in zip(fields[::2], fields[1::2], strict=True)}

    def tell(self, *command: Argument) -> None:
        """Send a command that may get lost."""
        self._put(_Sent(packed(*command)))

    def run(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Sequence[Argument],
        usual: tuple[Argument, ...] = (),
        amends: Script | None = None,
    ) -> Awaitable[Any]:
        """The answer of a script, which is carried out once. After its arguments it gets those that are
        `usual`, the same in many calls. When it cannot be known whether it was carried out, `amends` is run
        later with the same id, keys and arguments. Raises StoreLost."""
        self._count = once = self._count + 1
        future = asyncio.get_running_loop().create_future()
        words = ((self._once, *keys), (once, *arguments), usual)
        self._put(
            _Sent(_call(script, *words), (future,), once if script.once else None, script, words, amends)
        )
        return future

    async def version(self) -> int:
        """How often the shared state has been changed; one question for all who ask at the same time."""
        future = asyncio.get_running_loop().create_future()
        self._asking_version.append(future)
        if len(self._asking_version) == 1:
            self._put(_Sent(packed("GET", self.key("version")), self._asking_version))
        return int(await future or 0)

    async def settle(self) -> None:
        """Run the compensations that are owed, if any. Raises StoreLost."""
        if self._owed:
            await self.ask("PING")

    async def close(self) -> None:
        """Send what is still to be sent, and let go."""
        if self._owed or self._busy:
            with suppress(StoreLost):
                await self.ask("PING")
        await self._disconnect()

    def _put(self, sent: _Sent) -> None:
        self._queue.append(sent)
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """Send what waits, if anything does."""
        batch, self._queue, self._asking_version = self._queue, [], []
        if not batch:
            self._busy = False
            return
        if len(self._acknowledged) >= _FORGOTTEN_AT_ONCE:
            batch.append(_Sent(packed("HDEL", self._once, *self._acknowledged)))
            self._acknowledged = []
        wire = self._wire
        if (
            wire is None
            or wire.lost
            or self._owed
            or not self._loaded.issuperset([sent.script for sent in batch])
        ):
            self._take_care(batch)
            return
        try:
            wire.send([sent.command for sent in batch], TIMEOUT, partial(self._end, batch))
        except Exception as error:
            self._end(batch, error)

    def _end(self, batch: Sequence[_Sent], answers: list[Any] | Exception) -> None:
        """Hand out the answers to a batch, unless it has to be sent again."""
        if isinstance(answers, Exception) or NoScriptError in map(type, answers):
            self._take_care(batch, attempts=1)
            return
        # What went out twice may still arrive a second time: only what went out once can be forgotten.
        self._acknowledged += [sent.once for sent in batch if sent.once is not None]
        self._hand_out(batch, answers)
        self._go_on()

    def _take_care(self, batch: Sequence[_Sent], attempts: int = 0) -> None:
        """Send a batch from a task, which can also connect, load scripts, compensate and try again."""
        self._careful = asyncio.get_running_loop().create_task(self._send_with_care(batch, attempts))

    async def _send_with_care(self, batch: Sequence[_Sent], attempts: int) -> None:
        try:
            answers = await self._send(batch, attempts)
        except Exception as error:
            # Whatever went wrong, no caller may wait for ever.
            await self._disconnect()
            self._note_loss(error)
            for sent in batch:
                _fail(sent)
        else:
            self._hand_out(batch, answers)
        self._go_on()

    async def _send(self, batch: Sequence[_Sent], attempts: int) -> list[Any]:
        """The answers to a batch, in its order. Raises what `_LOST` names."""
        owed = self._owed
        whole = [*owed, *batch]
        underway = attempts > 0
        while True:
            try:
                if attempts:
                    await self._disconnect()
                wire = await self._connected()
                underway = True
                answers = await self._exchange(wire, whole)
                break
            except _LOST:
                attempts += 1
                if attempts == _ATTEMPTS:
                    if underway:
                        self._owed = owed + [_amends(sent, sent.amends) for sent in batch if sent.amends]
                    raise
        self._owed = []
        if not attempts:
            self._acknowledged += [sent.once for sent in whole if sent.once is not None]
        return answers[len(owed) :]

    async def _exchange(self, wire: Wire, batch: Sequence[_Sent]) -> list[Any]:
        # Scripts that Redis may not know are loaded ahead of the batch: one that ran after its place in the
        # batch would let later commands miss its effect.
        unloaded = {sent.script for sent in batch if sent.script is not None} - self._loaded
        commands = [packed("SCRIPT", "LOAD", script.text) for script in unloaded]
        commands += [sent.command for sent in batch]
        answers = (await wire.exchange(commands, TIMEOUT))[len(unloaded) :]
        if NoScriptError in map(type, answers):
            raise NoScriptError
        self._loaded |= unloaded
        return answers

    def _hand_out(self, batch: Sequence[_Sent], answers: Sequence[Any]) -> None:
        refused = None
        for sent, answered in zip(batch, answers, strict=True):
            if isinstance(answered, RedisError):
                refused = answered
                _fail(sent)
            else:
                for future in sent.waiting:
                    if not future.done():
                        future.set_result(answered)
        if refused is None:
            self._note_return()
        else:
            self._note_loss(refused)

    async def _connected(self) -> Wire:
        if self._wire is None or self._wire.lost:
            await self._disconnect()
            async with asyncio.timeout(TIMEOUT):
                self._wire = await self._open()
        return self._wire

    async def _disconnect(self) -> None:
        if self._wire is not None:
            wire, self._wire = self._wire, None
            self._loaded = {None}
            await wire.close()

    def _note_loss(self, error: Exception) -> None:
        """One line for an outage, however many calls it costs. At a start there are no calls yet, and whoever
        starts says what is wrong."""
        self.trouble = _cause(error)
        if self._lost is False:
            self._lost = True
            logger.error("the store does not answer (%s): every call gets 500 until it is back", self.trouble)

    def _note_return(self) -> None:
        if self._lost:
            logger.warning("the store answers again")
        self._lost = False


def _cause(error: Exception) -> str:
    """Why Redis does not answer, without its address and the number of the system's error."""
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT:g} s"
    below = error.__context__
    if not isinstance(below, OSError):
        return str(error).rstrip(".")
    number = below.errno or 0
    return os.strerror(number) if number > 0 else below.strerror or str(below)


def _amends(sent: _Sent, script: Script) -> _Sent:
    """What makes good a script: another one with the same id, keys and arguments."""
    once = sent.once if script.once else None
    return _Sent(_call(script, *sent.words), (), once, script, sent.words)


def _call(
    script: Script, keys: tuple[str, ...], arguments: tuple[Argument, ...], usual: tuple[Argument, ...]
) -> bytes:
    before, after = _around(script, keys, len(arguments), usual)
    return before + part(arguments) + after


@lru_cache(maxsize=256)
def _around(
    script: Script, keys: tuple[str, ...], arguments: int, usual: tuple[Argument, ...]
) -> tuple[bytes, bytes]:
    """What stands before and after the arguments of a call, which are few: to write all of its words anew was
    half of what a charge took."""
    before: tuple[Argument, ...] = ("EVALSHA", script.sha, len(keys), *keys)
    count = len(before) + arguments + len(usual)
    return b"*%d\r\n%b" % (count, part(before)), part(usual)


def _fail(sent: _Sent) -> None:
    for future in sent.waiting:
        if not future.done():
            future.set_exception(StoreLost())
