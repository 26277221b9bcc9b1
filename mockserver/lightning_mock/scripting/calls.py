"""Answers a call from the scripts: the only part of scripting that the pipeline knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_plus

import orjson
from aiohttp.web import BaseRequest
from lightning_spec.loader import Operation

from lightning_mock.callers.credential_forms import without_credentials
from lightning_mock.choices import MetadataForm
from lightning_mock.generation.completions.completion import Completion
from lightning_mock.generation.conversation import read_conversation
from lightning_mock.generation.rendering.errors import TooMuchWorkError
from lightning_mock.generation.rendering.renderer import Renderer
from lightning_mock.http.reading import LARGE, at_once, in_turn
from lightning_mock.http.replies import Reply
from lightning_mock.http.validation import TEXT_FIELDS
from lightning_mock.http.waiting import pause
from lightning_mock.journal.exchange import Exchange
from lightning_mock.scripting.answers import Asked, is_said, scripted_reply, unchecked
from lightning_mock.scripting.book import ScriptBook
from lightning_mock.scripting.parse import CHAT
from lightning_mock.scripting.script import ScriptedCall

_MAX_PROMPT_LENGTH = 256 * 1024
"""More than a checked call can have. Every script looks through all of it."""


async def reply_from(
    book: ScriptBook,
    renderer: Renderer,
    request: BaseRequest,
    exchange: Exchange,
    caller: str,
    *,
    now: float,
    form: MetadataForm,
    read: Callable[[], Awaitable[Mapping[str, Any]]],
    operation: Operation | None = None,
    arguments: Mapping[str, Any] | None = None,
    prepared: object = None,
) -> Reply | None:
    """What a script answers. `arguments` are those of a call that has been checked, and `prepared` is what it
    would get; without arguments only scripts that want nothing checked are asked, and `read` gives the
    members of the body. Raises the ApiError of `read`."""
    # A long conversation takes long to look through.
    work = in_turn if (exchange.received or 0) > LARGE else at_once
    redacted: Callable[[], tuple[str, str]] = cache(partial(_redacted, request.raw_path, arguments))
    if book.looks_for_hidden and (exchange.received or 0) + len(request.raw_path) > LARGE:
        path, prompt = await _redacted_elsewhere(renderer, Redacting(request.raw_path, arguments))
        redacted = partial(tuple[str, str], (path, prompt))
    asked = ScriptedCall(
        method=request.method,
        path=request.path,
        queries=_queries(request),
        operation=operation,
        caller=caller,
        headers={name.lower(): value for name, value in request.headers.items()},
        prompt=None if arguments is None else (await work(prompt_of, arguments))[:_MAX_PROMPT_LENGTH],
        redacted=redacted,
    )
    found = await book.answer(asked, checked=arguments is not None)
    if found is None:
        return None
    script, answer = found
    exchange.script, exchange.script_headers = script.id, tuple(script.condition.header or ())
    asked_for = None
    if isinstance(prepared, Completion):
        asked_for = Asked(prepared, arguments or {})
    elif arguments is None and operation is not None and operation.id == CHAT and is_said(answer):
        asked_for = unchecked(await read(), int(now))
    await pause(request, answer.get("delay", 0))
    return await work(scripted_reply, answer, asked_for, form, partial(pause, request))


def _queries(request: BaseRequest) -> tuple[str, ...]:
    query = request.raw_path.partition("?")[2]
    return (unquote_plus(query), query) if query else ()


class Redacting(NamedTuple):
    """A call to be looked at as a recording has it; in a process of its own, if it is large."""

    target: str
    arguments: Mapping[str, Any] | None

    def render(self) -> bytes:
        """Path and prompt, as JSON."""
        return orjson.dumps(_redacted(self.target, self.arguments))


async def _redacted_elsewhere(renderer: Renderer, job: Redacting) -> tuple[str, str]:
    """Path and prompt as `_redacted` gives them; empty where that takes too long."""
    try:
        path, prompt = orjson.loads(await renderer.do_once(job))
    except TooMuchWorkError:
        return "", ""
    return path, prompt


def _redacted(target: str, arguments: Mapping[str, Any] | None) -> tuple[str, str]:
    """Path and prompt as they stand in a recording. Like there, credentials are looked for in the whole body:
    what is one may depend on what is around it."""
    path = unquote(without_credentials(target).partition("?")[0])
    if arguments is None:
        return path, ""
    try:
        prompt = prompt_of(orjson.loads(without_credentials(orjson.dumps(arguments).decode())))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        prompt = without_credentials(prompt_of(arguments))
    return path, prompt[:_MAX_PROMPT_LENGTH]


def prompt_of(arguments: Mapping[str, Any]) -> str:
    """What a call says: the last user message of a conversation, or the prompt of a generation; of several
    texts all."""
    said = next((arguments[field] for field in TEXT_FIELDS if arguments.get(field) is not None), None)
    if isinstance(said, str):
        return said
    if isinstance(said, list):
        if all(isinstance(message, Mapping) for message in said):
            return read_conversation(said).prompt
        return "\n".join(text for text in said if isinstance(text, str))
    return ""
