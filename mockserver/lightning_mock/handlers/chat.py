"""Chat completions and the router's choice (document: /gen/chat/completions, /gen/prompt_analyze)."""

import asyncio
from random import Random

from lightning_mock.generation.completions.completion import (
    Completion,
    CompletionRequest,
    complete,
    parse_cheap,
    parse_completion,
    request_digest,
)
from lightning_mock.generation.completions.wire import completion_body, completion_events
from lightning_mock.generation.conversation import read_conversation
from lightning_mock.generation.model_router import choose_model
from lightning_mock.http.call import Call
from lightning_mock.http.reading import LARGE
from lightning_mock.http.replies import Body, EventStream, Ready, Reply, json_body
from lightning_mock.state import State

_tokens = Random()  # noqa: S311 - an id is no secret


async def prepare_completion(call: Call, state: State) -> None:
    """Decides the whole answer. InvalidRequest when a tool or a format cannot be met."""
    if call.size <= LARGE:
        cheap = parse_cheap(call.arguments, read_conversation(call.arguments["messages"]))
        if cheap is not None:
            call.prepared = _completion(call, state, cheap)
            return
    # What the caller's schemas cost is bounded, but not small.
    call.prepared = await asyncio.to_thread(
        lambda: _completion(call, state, parse_completion(call.arguments))
    )


def _completion(call: Call, state: State, request: CompletionRequest) -> Completion:
    seed = state.settings.seed
    token = _tokens.randbytes(12) if seed is None else request_digest(call.arguments, seed)[:12]
    completion = complete(
        request, seed or 0, f"chatcmpl-{token.hex()}", int(state.clock.now_of(call.identity.key))
    )
    named = state.spec.models.get(call.arguments.get("model") or "")
    return completion if named is None else completion._replace(model=named)


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
    return json_body([await asyncio.to_thread(choose_model, messages)])
