"""Chat completions and the router's choice (document: /gen/chat/completions, /gen/prompt_analyze)."""

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from lightning_mock.generation.completions.completion import (
    Completion,
    complete,
    complete_text,
    request_digest,
)
from lightning_mock.generation.completions.wire import completion_body, completion_events
from lightning_mock.generation.model_router import choose_model
from lightning_mock.http.call import Call
from lightning_mock.http.reading import LARGE, in_turn
from lightning_mock.http.replies import Body, EventStream, Ready, Reply, json_body
from lightning_mock.state import State

_tokens = Random()  # noqa: S311 - an id is no secret


async def prepare_completion(call: Call, state: State) -> None:
    """Decides the whole answer. Raises InvalidRequest when a tool, a format or a number cannot be met."""
    if call.size <= LARGE:
        call.prepared = _decided(complete_text, call, state)
    if call.prepared is None:
        # The cost of the caller's schemas is bounded, but high enough to hold up the event loop.
        call.prepared = await asyncio.to_thread(_decided, complete, call, state)


def _decided(
    complete: Callable[[Mapping[str, Any], int, str, int], Completion | None], call: Call, state: State
) -> Completion | None:
    arguments, seed = call.arguments, state.settings.seed
    token = _tokens.randbytes(12) if seed is None else request_digest(arguments, seed)[:12]
    created = int(state.clock.now_of(call.identity.key))
    completion = complete(arguments, seed or 0, f"chatcmpl-{token.hex()}", created)
    model = arguments.get("model")
    if model and completion is not None:
        completion.model = state.spec.models.get(model, completion.model)
    return completion


async def create_completion(call: Call, state: State) -> Reply:
    """A `chat.completion` object, or its chunks as an event stream."""
    completion: Completion = call.prepared
    if call.arguments.get("stream"):
        options = call.arguments.get("stream_options") or {}
        with_usage = bool(options.get("include_usage"))
        form = state.preferences.of(call.identity.key).metadata_form
        return EventStream(Ready(completion_events(completion, form, with_usage)))
    return Body(completion_body(completion))


async def analyze_prompt(call: Call, state: State) -> Body:
    """The display name of the model that chat would use for the same messages, as an array of one."""
    messages = call.arguments["prompt"]
    if call.size <= LARGE:
        return json_body([choose_model(messages)])
    return json_body([await in_turn(choose_model, messages)])


HANDLERS = {
    "createChatCompletion": create_completion,
    "analyzePrompt": analyze_prompt,
}
PREPARATIONS = {
    "createChatCompletion": prepare_completion,
}
