"""Chat completions and the router's choice (document: /gen/chat/completions, /gen/prompt_analyze)."""

from random import Random

from lightning_mock.generation.completions.completion import Plan, complete, plan_completion, request_digest
from lightning_mock.generation.completions.wire import completion_body, completion_events
from lightning_mock.generation.model_router import choose_model
from lightning_mock.http.call import Call
from lightning_mock.http.replies import Body, EventStream, Ready, Reply, json_body
from lightning_mock.state import State

_tokens = Random()  # noqa: S311 - an id is no secret


async def prepare_completion(call: Call, state: State) -> None:
    """Understands tools and formats. InvalidRequest when one of them cannot be met."""
    call.prepared = plan_completion(call.arguments)


async def create_completion(call: Call, state: State) -> Reply:
    """A `chat.completion` object, or its chunks as an event stream."""
    seed = state.settings.seed
    token = _tokens.randbytes(12) if seed is None else request_digest(call.arguments, seed)[:12]
    plan: Plan = call.prepared
    completion = complete(plan, seed or 0, f"chatcmpl-{token.hex()}", int(state.clock.now()))
    if call.arguments.get("stream"):
        options = call.arguments.get("stream_options") or {}
        with_usage = bool(options.get("include_usage"))
        form = state.preferences.of(call.identity.key).metadata_form
        return EventStream(Ready(completion_events(completion, form, with_usage)))
    return Body(completion_body(completion))


async def analyze_prompt(call: Call, state: State) -> Body:
    """The display name of the model that chat would use for the same messages, as an array of one."""
    return json_body([choose_model(call.arguments["prompt"])])
