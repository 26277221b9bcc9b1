"""Every request of the judge is sent here, schemathesis' included.

The budget is booked inside the HTTP library, below its retries, so that nothing can bypass it. No redirect is
followed, no cookie is kept, no proxy of the environment is used; every answer is read within bounds of time
and size.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal, TypeVar

import aiohttp
from lightning_spec.loader import Operation, Spec
from multidict import CIMultiDict
from yarl import URL

from lightning_verify.reading import gateways
from lightning_verify.requests.callers import Caller, anonymous
from lightning_verify.transport.budget import Budget, BudgetExhausted
from lightning_verify.transport.causes import cause
from lightning_verify.transport.exchange import NOT_JSON, Exchange, encoded, leads_away
from lightning_verify.transport.heads import ask_for_head
from lightning_verify.transport.liveness import HostGone, Liveness
from lightning_verify.transport.operations import OperationFinder
from lightning_verify.transport.pacing import Pace
from lightning_verify.transport.read_write_lock import ReadWriteLock
from lightning_verify.transport.redirects import MAX_FOLLOWED, file_made, file_told, onwards
from lightning_verify.transport.retries import MAX_TRIES, Retries
from lightning_verify.transport.timeline import Timeline, has_bearer

Lane = Literal["paid", "free"]
_UnderWay = tuple[str, Mapping[str, str]]
T = TypeVar("T")

MEDIA_BOUND = 48 * 1024 * 1024
TEXT_BOUND = 4 * 1024 * 1024
# The bytes that are kept of a body beyond its bound: they are only shown.
EXCERPT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for a whole exchange (reading documents, generating media or text), between two pieces of a
    body, and of a run in which outages, or refused connections, are waited for."""

    reading: float = 15.0
    generating: float = 120.0
    idle: float = 30.0
    outage: float = 30.0

    @classmethod
    def within(cls, seconds: float, outage: float = math.inf) -> Timeouts:
        """The usual ones, but none longer than `seconds`, which a generation may take; and no longer wait for
        an outage than `outage`."""
        usual = cls()
        return cls(min(usual.reading, seconds), seconds, min(usual.idle, seconds), min(usual.outage, outage))


class _Dropped(aiohttp.ClientError):
    """The connection broke. The library would send some of its own errors once more, and what is sent twice
    is charged twice."""


class _Stalled(Exception):
    """A body stopped before its end."""


_lane: contextvars.ContextVar[Lane] = contextvars.ContextVar("lane", default="paid")
# What a request may be counted as: the name of its operation, and the metric; None when it is free.
_charge: contextvars.ContextVar[tuple[str, str] | None] = contextvars.ContextVar("charge", default=None)
_second_look: contextvars.ContextVar[bool] = contextvars.ContextVar("second look", default=False)


class Client:
    """A synchronous client over one asyncio loop in a thread of its own."""

    def __init__(
        self,
        base_url: str,
        spec: Spec,
        budget: Budget,
        *,
        rate: float | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._operations = OperationFinder(spec)
        self._budget = budget
        self._pace = Pace(rate)
        self.timeouts = timeouts or Timeouts()
        self._second_look_lock = threading.RLock()
        self._liveness = Liveness(self.timeouts.generating, self.timeouts.outage)
        self._looking = asyncio.Lock()
        self._retries = Retries(self._pace, self.timeouts.generating)
        # Where the root has led for good.
        self._sites: set[str] = set()
        # Metered requests without an answer yet, by number: metric and headers. And for each look at counters
        # that has no answer yet, those under way at any time since it left, less the ones that were served.
        self._numbers = count()
        self._under_way: dict[int, _UnderWay] = {}
        self._looks: dict[int, dict[int, _UnderWay]] = {}
        # Callers that were served something metered, by what identifies them, and by operation the last one
        # that was refused it.
        self.spenders: dict[tuple[tuple[str, str], ...], Caller] = {}
        self.refused: dict[str, Caller] = {}
        # How often each method of a path has had an answer, and how often each operation was served.
        self.answered: Counter[tuple[str, str]] = Counter()
        self.served: Counter[str] = Counter()
        # The requests that each operation failed at, by what tells them apart.
        self.failed: defaultdict[str, set[int]] = defaultdict(set)
        self.timeline = Timeline()
        # Called with every exchange once it is over.
        self.observers: list[Callable[[Exchange], None]] = []
        self._files_take = _FILES_TAKE
        self._sending = ReadWriteLock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="judge-client", daemon=True)
        self._thread.start()
        self._session: aiohttp.ClientSession = self._run(self._open())

    async def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # A connection of its own for each request: a stale one tells nothing about the host.
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(self._breaker,),
            skip_auto_headers=("User-Agent", "Content-Type"),
            trust_env=False,
            max_line_size=65536,
            max_field_size=65536,
        )

    def limits_bursts(self, exchange: Exchange) -> bool:
        """Whether a refusal is a limit of bursts, as far as this host is known."""
        return self._retries.limits_bursts(exchange)

    def give_up(self, reason: str) -> None:
        """Send nothing more, for any caller."""
        self._liveness.give_up(reason)

    def close(self) -> None:
        """End the session and its thread."""
        self._run(self._session.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    def exclusively(self) -> AbstractContextManager[None]:
        """While the block lasts, no other thread sends anything. Use no shared observation in it: the thread
        that makes one may be waiting for the block to end."""
        return self._sending.exclusive()

    def metric_at(self, path: str) -> str | None:
        """The metric that a request to `path` may be charged on."""
        return self._operations.metric_at(path)

    @contextmanager
    def second_look(self) -> Iterator[None]:
        """While the block lasts, this thread may spend what is kept for second looks. One at a time: two that
        share what is left would both end half done."""
        with self._second_look_lock:
            before = _second_look.set(True)
            try:
                yield
            finally:
                _second_look.reset(before)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        with self._sending.shared():
            future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
            return future.result()

    async def _breaker(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        charge, lane = _charge.get(), _lane.get()
        if charge is None:
            self._budget.count()
        elif lane == "paid":
            self._budget.book(charge[1], second_look=_second_look.get())
        else:
            self._budget.enter_free_lane(*charge)
        try:
            response = await handler(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as problem:
            raise _Dropped(cause(problem)) from problem
        if charge is not None and lane == "free" and _refuses(response.status):
            self._budget.refused(*charge)
        return response

    def send(
        self,
        method: str,
        path: str,
        caller: Caller,
        *,
        json_body: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        lane: Lane = "paid",
        retry: bool = True,
        follow: bool = False,
        deadline: float | None = None,
        bound: int | None = None,
    ) -> Exchange:
        """Send one request and read its answer.

        `path` goes out exactly as given (already percent-encoded), after the base URL unless it is a whole
        address. `lane` is "free" for a request that a conforming host refuses. With `retry` a request is sent
        again when its answer asks to come back in a moment, with `follow` a GET goes where redirects on this
        host lead. `deadline` is in seconds, `bound` in bytes.

        Raises BudgetExhausted before sending, and HostGone once the host has been silent too often; every
        other trouble is told by the exchange.
        """
        return self._run(
            self._send(
                method,
                path,
                caller,
                json_body=json_body,
                body=body,
                headers=headers,
                lane=lane,
                retry=retry,
                follow=follow,
                deadline=deadline,
                bound=bound,
            )
        )

    def send_together(
        self, requests: Sequence[tuple[str, str, Caller, Any]], *, retry: bool = False, follow: bool = False
    ) -> list[Exchange]:
        """Send (method, path, caller, json body) requests at the same time, in the paid lane, and each once
        unless with `retry` or `follow`."""

        async def together() -> list[Exchange]:
            return list(
                await asyncio.gather(
                    *(
                        self._send(method, path, caller, json_body=body, retry=retry, follow=follow)
                        for method, path, caller, body in requests
                    )
                )
            )

        return self._run(together())

    async def _send(
        self, method: str, path: str, caller: Caller, *, follow: bool = False, **options: Any
    ) -> Exchange:
        exchange = await self._send_here(method, path, caller, **options)
        for _ in range(MAX_FOLLOWED if follow else 0):
            path_there = onwards(exchange, self.base_url)
            if path_there is None:
                break
            exchange = await self._send_here(method, path_there, caller, **options)
        return exchange

    async def _send_here(
        self,
        method: str,
        path: str,
        caller: Caller,
        *,
        json_body: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        lane: Lane = "paid",
        retry: bool = True,
        deadline: float | None = None,
        bound: int | None = None,
    ) -> Exchange:
        await self._see_that_it_is_there()
        self._liveness.check()
        operation = self._operations.find(method, path)
        if json_body is not None:
            body = encoded(json_body)
        sent_headers = CIMultiDict({"Accept": _acceptable(operation, json_body), **caller.headers})
        if body is not None:
            sent_headers["Content-Type"] = "application/json"
        sent_headers.update(headers or {})
        metric = operation.metric if operation is not None else self._operations.metric_at(path)
        if operation is None:
            lane = "free"  # No method but the documented one is meant to generate anything.
        _lane.set(lane)
        _charge.set(None if metric is None else (operation.id if operation else f"{method} {path}", metric))
        generating = metric is not None and lane == "paid"
        total = deadline or (self.timeouts.generating if generating else self.timeouts.reading)
        waited = 0.0
        refused: Exchange | None = None
        async with AsyncExitStack() as turn:
            for tries in range(MAX_TRIES):
                exchange = Exchange(method, path, dict(sent_headers), body, operation, caller.label)
                exchange.repeatable = not generating
                await self._pace.next_slot()
                try:
                    with self._while_under_way(exchange):
                        await self._converse(exchange, sent_headers, total, bound)
                        if generating and _makes_media(operation):
                            await self._fetch_file(exchange, caller, total, bound)
                except BudgetExhausted:
                    if refused is None:
                        raise
                    exchange = refused  # There is no unit left to ask again with.
                    exchange.is_deliberate = tries > 1
                    break
                self._note(exchange, lane, caller.payer)
                if not retry or self._retries.is_tired:
                    break
                if exchange.doubt == NOT_JSON and tries == 0:
                    await turn.enter_async_context(self._retries.asking_again[exchange.status])
                wait = self._retries.delay(exchange, tries)
                if wait is None:
                    break
                if wait.alone:
                    await asyncio.sleep(wait.seconds)
                refused, waited = exchange, waited + wait.seconds
            else:
                self._retries.in_vain(exchange)
        exchange.is_deliberate = exchange.is_deliberate or self._retries.is_deliberate(exchange)
        if refused is not None and exchange.status not in {429, 503} and exchange.doubt is None:
            self._retries.rewarded(refused, waited)
        if operation is not None and operation.metric is not None and caller.private:
            if exchange.served:
                self.spenders[caller.key] = caller
            else:
                self.refused[operation.id] = caller
        return exchange

    async def _fetch_file(self, exchange: Exchange, caller: Caller, total: float, bound: int | None) -> None:
        """Where a generation redirects to what it has made, or tells its address, fetch that."""
        for _ in range(MAX_FOLLOWED):
            path = file_made(exchange, self.base_url)
            if path is None:
                break
            exchange.take_file(await self._file_at(path, exchange, caller, total, bound))
        if path := file_told(exchange, self.base_url):
            exchange.file = await self._file_told(path, exchange, caller, total, bound)

    async def _file_told(
        self, path: str, exchange: Exchange, caller: Caller, total: float, bound: int | None
    ) -> Exchange | None:
        """The file at an address, or the answer that it is not there when it has had the time to come. None
        where something else is, or anybody else has answered."""
        end = time.monotonic() + self._files_take
        while True:
            file = await self._file_at(path, exchange, caller, total, bound)
            if file.status not in _GONE or file.doubt is not None:
                return file if file.served and _is_of_family(file) else None
            if time.monotonic() > end:
                # Whoever has waited that long in vain need not wait so long again.
                self._files_take = _SOON_THERE
                return file
            await asyncio.sleep(_SOON_THERE)

    async def _file_at(
        self, path: str, exchange: Exchange, caller: Caller, total: float, bound: int | None
    ) -> Exchange:
        charged = _charge.set(None)
        file = Exchange("GET", path, dict(caller.headers), None, exchange.operation, caller.label)
        await self._pace.next_slot()
        await self._converse(file, CIMultiDict(caller.headers), total, bound)
        _charge.reset(charged)
        return file

    @contextmanager
    def _while_under_way(self, exchange: Exchange) -> Iterator[None]:
        operation, number = exchange.operation, next(self._numbers)
        if operation is not None and operation.metric is not None:
            for noted in (self._under_way, *self._looks.values()):
                noted[number] = operation.metric, exchange.request_headers
        elif operation is not None and operation.id == "getUsage":
            self._looks[number] = dict(self._under_way)
        try:
            yield
        finally:
            self._under_way.pop(number, None)
            exchange.under_way = tuple(self._looks.pop(number, {}).values())
            if exchange.served:
                for noted in self._looks.values():
                    noted.pop(number, None)

    def whole_head(self, path: str, caller: Caller) -> Exchange:
        """HEAD, and as the body of its answer what the host sends behind the head."""
        return self._run(self._whole_head(path, caller))

    async def _whole_head(self, path: str, caller: Caller) -> Exchange:
        await self._see_that_it_is_there()
        self._liveness.check()
        operation = self._operations.find("HEAD", path)
        exchange = Exchange("HEAD", path, dict(caller.headers), None, operation, caller.label)
        self._budget.count()
        await self._pace.next_slot()
        started = exchange.sent = time.monotonic()
        try:
            async with asyncio.timeout(self.timeouts.reading):
                answer = await ask_for_head(self.base_url + path, caller.headers)
            exchange.status, exchange.headers, exchange.body = answer
        except TimeoutError:
            exchange.problem = f"no answer within {self.timeouts.reading:g} s"
        except (OSError, ValueError) as problem:
            exchange.problem = cause(problem)
        exchange.seconds = time.monotonic() - started
        self._note(exchange, "paid", caller.payer)
        return exchange

    async def _see_that_it_is_there(self) -> None:
        """Where nothing was answered for a while, wait for a host that is perhaps being started anew."""
        async with self._looking:
            while self._liveness.is_doubtful:
                if self._liveness.tried(await self._plain()):
                    await asyncio.sleep(_SOON_THERE)

    async def _plain(self) -> Exchange:
        """The exchange of a request that any host answers, for nobody's account."""
        caller = anonymous()
        exchange = Exchange("GET", "/status", caller.headers, None, None, caller.label)
        _charge.set(None)
        await self._pace.next_slot()
        await self._converse(exchange, CIMultiDict(caller.headers), self.timeouts.reading, None)
        return exchange

    async def _converse(
        self, exchange: Exchange, headers: CIMultiDict[str], total: float, bound: int | None
    ) -> None:
        started = exchange.sent = time.monotonic()
        try:
            async with self._session.request(
                exchange.method,
                URL(
                    exchange.path if exchange.to_control_plane else self.base_url + exchange.path,
                    encoded=True,
                ),
                headers=headers,
                data=exchange.request_body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=total),
            ) as response:
                exchange.status = response.status
                exchange.headers = list(response.headers.items())
                exchange.leads_away = leads_away(exchange, self.base_url, self._sites)
                if bound is None:
                    textual = exchange.media_type.startswith(("text/", "application/json"))
                    # Media may come as base64 in JSON.
                    bound = TEXT_BOUND if textual and not _makes_media(exchange.operation) else MEDIA_BOUND
                await self._read(exchange, response.content, started, bound)
        except _Stalled as stalled:
            exchange.problem = str(stalled)
        except TimeoutError:
            exchange.problem = f"no complete answer within {total:g} s"
        except _Dropped as dropped:
            exchange.problem, exchange.dropped = str(dropped), True
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            exchange.problem = cause(problem)
            exchange.cut_off = bool(exchange.arrivals)
        if exchange.problem and exchange.arrivals:
            exchange.problem += " (after part of the body)"
        exchange.seconds = time.monotonic() - started
        exchange.received = datetime.now(UTC)

    async def _read(
        self, exchange: Exchange, content: aiohttp.StreamReader, started: float, bound: int
    ) -> None:
        pieces, size, idle = list[bytes](), 0, self.timeouts.idle
        try:
            # From the first piece on: a host may say 200 long before it has anything to say.
            async with asyncio.timeout(None) as watch:
                async for piece in content.iter_any():
                    pieces.append(piece)
                    size += len(piece)
                    exchange.arrivals.append((time.monotonic() - started, len(piece)))
                    if size > bound:
                        exchange.truncated = True
                        pieces = [b"".join(pieces)[:EXCERPT]]
                        break
                    watch.reschedule(self._loop.time() + idle)
        except TimeoutError:
            if watch.expired():
                raise _Stalled(f"nothing more was received for {idle:g} s") from None
            raise
        finally:
            exchange.body = b"".join(pieces)

    def _note(self, exchange: Exchange, lane: Lane, payer: str) -> None:
        self._liveness.note(exchange)
        operation = exchange.operation
        self.answered[exchange.method, exchange.path] += exchange.problem is None
        if operation is not None and exchange.served:
            self.served[operation.id] += 1
        self._retries.note(exchange, serves=bool(self.served))
        if operation is not None and (exchange.status or 0) >= 500:
            self.failed[operation.id].add(hash((exchange.path, exchange.request_body)))
        tells = operation is not None and (has_bearer(exchange) or operation.metric is not None)
        self.timeline.note(exchange, valid=lane == "paid" and tells)
        # A page or an error is no generation; that it may have been charged is among the doubts.
        made = exchange.served and (lane == "paid" or exchange.doubt is None)
        if operation is not None and operation.metric is not None and made:
            self._budget.served(operation.id, operation.metric, paid=lane == "paid", payer=payer)
        for look in self.observers:
            look(exchange)


def _acceptable(operation: Operation | None, json_body: Any) -> str:
    """The Accept header: the document asks for JSON on JSON endpoints, and says nothing about others."""
    if operation is None or "application/json" not in operation.responses.get("200", {}):
        return "*/*"
    if isinstance(json_body, dict) and json_body.get("stream") is True:
        return "text/event-stream, application/json"
    return "application/json"


def _refuses(status: int) -> bool:
    """Whether a status says that nothing was generated, so that nothing can have been charged."""
    return 300 <= status < 500 and status not in gateways.STATUSES


def _is_of_family(file: Exchange) -> bool:
    """Whether a file is of the family of media that its operation makes."""
    made = (file.operation.media_type or "") if file.operation is not None else ""
    return file.media_type.partition("/")[0] == made.partition("/")[0]


_GONE = {404, 410}
# How long a file that was made may take, in seconds, to be where its address says, and between two looks.
_FILES_TAKE, _SOON_THERE = 10.0, 1.0


def _makes_media(operation: Operation | None) -> bool:
    return operation is not None and operation.metric is not None and operation.media_type is not None


__all__ = ["BudgetExhausted", "Client", "HostGone", "Lane", "Timeouts"]
