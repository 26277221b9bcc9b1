"""A recording in place of the mock's own answers.

Law: what was recorded is answered as it was, and nothing else is: a request that is not in the recording is
refused with what came near. The same request gets its answers in the order in which they were recorded, and
the last of them again and again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import AsyncIterator
from functools import partial
from heapq import nsmallest
from typing import Any

from aiohttp import web
from lightning_spec.recording import RecordedResponse, Recording

from lightning_mock.errors import NotFound, TooLarge
from lightning_mock.generation.rendering.errors import TooMuchWorkError
from lightning_mock.generation.rendering.renderer import Renderer
from lightning_mock.http import delivery
from lightning_mock.http.reading import LARGE, in_turn, read_body
from lightning_mock.http.replies import Body, ConnectionResetOnPurpose, EventStream, Reply
from lightning_mock.http.waiting import Pause, pause
from lightning_mock.journal.exchange import Exchange
from lightning_mock.journal.redaction import MAX_KEPT_BODY, MAX_TARGET
from lightning_mock.real_time import wall_time
from lightning_mock.recordings.jobs import Comparing
from lightning_mock.recordings.recorded_request import RecordedRequest, request_of
from lightning_mock.scripting.book import Miss
from lightning_mock.settings import Settings

_NEAREST = 3
_MAX_REASONS = 5


class Replay:
    """Answers from one recording."""

    def __init__(self, recording: Recording, settings: Settings, body_limit: int, renderer: Renderer) -> None:
        self.recording = recording
        self._settings = settings
        self._body_limit = body_limit
        self._renderer = renderer
        self._known: dict[bytes, list[int]] = {}
        self._requests: list[RecordedRequest] = []
        for number, exchange in enumerate(recording.exchanges):
            request = exchange.request
            known = request_of(request.method, request.target, request.content)
            self._requests.append(known)
            self._known.setdefault(known.key, []).append(number)
        self._given: dict[bytes, int] = {}
        self.misses: list[Miss] = []

    @property
    def unused(self) -> int:
        """How many exchanges have not been answered with."""
        used = sum(min(count, len(self._known[key])) for key, count in self._given.items())
        return len(self._requests) - used

    @property
    def age_days(self) -> float:
        return self.recording.age(wall_time())

    @property
    def is_old(self) -> bool:
        """Whether the host may well answer differently by now."""
        return self.age_days > self._settings.replay_max_age

    def reset(self) -> None:
        """Forget which answers were given and which requests missed."""
        self._given.clear()
        self.misses.clear()

    async def answer(self, request: web.BaseRequest, exchange: Exchange) -> web.StreamResponse:
        """Answer as recorded. Raises NotFound, with what came near, for a request that is not in the
        recording."""
        body = await read_body(request, self._body_limit)
        exchange.body, exchange.received = body[:MAX_KEPT_BODY], len(body)
        key = await self._key(request.method, request.raw_path, body)
        numbers = self._known.get(key)
        if numbers is None:
            # Every exchange is looked at.
            raise self._refused(*await in_turn(self._near, key))
        given = self._given.get(key, 0)
        self._given[key] = given + 1
        response = self.recording.exchanges[numbers[min(given, len(numbers) - 1)]].response
        pace = self._settings.replay_pace
        await pause(request, response.after * pace)
        reply = _reply(response, pace, partial(pause, request))
        if isinstance(reply, EventStream):
            return await delivery.streamed(request, reply, self._settings, exchange)
        return delivery.respond(request, reply, exchange)

    async def _key(self, method: str, target: str, body: bytes) -> bytes:
        """The key of a request. Raises TooLarge for one that nobody could have recorded."""
        if len(target) + len(body) <= LARGE:
            return request_of(method, target, body).key
        try:
            return await self._renderer.do_once(Comparing(method, target, body))
        except TooMuchWorkError:
            raise TooLarge("The body is too large to be compared with what was recorded.") from None

    def _near(self, key: bytes) -> tuple[RecordedRequest, list[dict[str, Any]]]:
        """The request with that key, and the exchanges that come nearest, with what each of them misses."""
        wanted = RecordedRequest.of_key(key)

        def distance(number: int) -> tuple[int, int]:
            known = self._requests[number]
            return known.distance(wanted), -_common_prefix_length(known.target, wanted.target)

        near: list[dict[str, Any]] = []
        for number in nsmallest(_NEAREST, range(len(self._requests)), key=distance):
            missed = self._requests[number].misses(wanted)[:_MAX_REASONS]
            near.append({"id": f"exchange-{number + 1}", "missed": [words[:MAX_TARGET] for words in missed]})
        return wanted, near

    def _refused(self, wanted: RecordedRequest, near: list[dict[str, Any]]) -> NotFound:
        miss = {"method": wanted.method[:MAX_TARGET], "path": wanted.target[:MAX_TARGET], "near": near}
        self.misses = [*self.misses[-99:], miss]
        said = "; ".join(f"{row['id']}: {', '.join(row['missed'])}" for row in near)
        return NotFound(
            f"The recording has no such request. Nearest: {said or 'nothing, it is empty'}.",
            code="not_recorded",
        )


def _common_prefix_length(one: str, other: str) -> int:
    """The length of the common prefix, of which not more than counts is looked at."""
    lengths = range(1, min(len(one), len(other), MAX_TARGET) + 1)
    return bisect_left(lengths, True, key=lambda length: one[:length] != other[:length])


def _reply(response: RecordedResponse, pace: float, pause: Pause) -> Reply:
    headers = dict(response.headers)
    content_type = next((headers.pop(name) for name in list(headers) if name.lower() == "content-type"), "")
    if response.cut or len(response.pieces) > 1:
        return EventStream(_pieces(response, pace, pause), content_type, response.status, headers)
    return Body(response.content, content_type or "application/octet-stream", response.status, headers)


async def _pieces(response: RecordedResponse, pace: float, pause: Pause) -> AsyncIterator[bytes]:
    for piece in response.pieces:
        if pace and piece.after:
            await pause(piece.after * pace)
        yield piece.content
    if response.cut:
        raise ConnectionResetOnPurpose
