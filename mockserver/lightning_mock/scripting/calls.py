"""Answers a call from the scripts: the only part of scripting that the pipeline knows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any
from urllib.parse import unquote

import orjson
from aiohttp.web import BaseRequest
from lightning_spec.loader import Operation

from lightning_mock.callers.credential_forms import without_credentials
from lightning_mock.choices import MetadataForm
from lightning_mock.generation.conversation import read_conversation
from lightning_mock.http.reading import LARGE, at_once, in_turn
from lightning_mock.http.replies import Reply
from lightning_mock.http.waiting import pause
from lightning_mock.journal.exchange import Exchange
from lightning_mock.scripting.answers import scripted_reply
from lightning_mock.scripting.book import ScriptBook
from lightning_mock.scripting.script import ScriptedCall

_CHAT = "createChatCompletion"
_MAX_PROMPT_LENGTH = 256 * 1024
"""More than a checked call can have. Every script looks through all of it."""


async def reply_from(
    book: ScriptBook,
    request: BaseRequest,
    exchange: Exchange,
    caller: str,
    *,
    now: float,
    form: MetadataForm,
    operation: Operation | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Reply | None:
    """What a script answers. `arguments` are those of a call that has been checked; without them only scripts
    that want nothing checked are asked."""
    # A long conversation takes long to look through.
    work = in_turn if exchange.received > LARGE else at_once
    asked = ScriptedCall(
        method=request.method,
        path=request.path,
        operation=operation,
        caller=caller,
        headers={name.lower(): value for name, value in request.headers.items()},
        prompt=None if arguments is None else (await work(prompt_of, arguments))[:_MAX_PROMPT_LENGTH],
        redacted=cache(partial(_redacted, request.raw_path, arguments)),
    )
    found = await book.answer(asked, checked=arguments is not None)
    if found is None:
        return None
    script, answer = found
    exchange.script = script.id
    is_chat = operation is not None and operation.id == _CHAT and arguments is not None
    await pause(request, answer.get("delay", 0))
    paced = partial(pause, request)
    return await work(scripted_reply, answer, arguments if is_chat else None, now, form, paced)


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
    """What a call says: the last user message of a conversation, or the prompt of a generation."""
    said = arguments.get("messages", arguments.get("prompt"))
    if isinstance(said, str):
        return said
    if isinstance(said, list) and all(isinstance(message, Mapping) for message in said):
        return read_conversation(said).prompt
    return ""
