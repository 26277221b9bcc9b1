"""Chat, plain: what must be in a request, and the shape of a completion."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import (
    CHAT,
    CHOICES,
    STREAM,
    answer_to,
    enough,
    transcript_of,
    with_tools,
)
from lightning_verify.laws.generation import calls_streamed, calls_told, disobeyed
from lightning_verify.laws.table import LAWS
from lightning_verify.reading.json_text import parsed
from lightning_verify.reading.sse import repeated
from lightning_verify.requests.invalid import wrong_messages, wrong_stream, wrong_tools
from lightning_verify.requests.prompts import TOOLS
from lightning_verify.requests.valid import CALLS, CONVERSATION, picture_data_uri, say
from lightning_verify.run.marks import judges
from lightning_verify.transport.exchange import Exchange

ONE_CHAT = {"cloudChatDaily": 1}


def _refuse(judge: Judge, requirement: str, body: Any, what: str) -> None:
    exchange = judge.post(CHAT, body, lane="free")
    judge.refused(requirement, exchange, 400, what)


STREAMING = pytest.mark.parametrize("more", [{}, {"stream": True}], ids=["plain", "streamed"])


@STREAMING
@judges("CHAT-1", requests=lambda means: 1 + _wrong_ones(means.examples))
def test_a_chat_without_an_array_of_messages_is_400(judge: Judge, more: dict[str, bool]) -> None:
    # A host that begins to stream before it has looked can only refuse inside a 200.
    what = "a chat without messages" + (", streamed" if more else "")
    _refuse(judge, "CHAT-1", more or {"stream": False}, what)
    for wrong in judge.drawn(wrong_messages(), _wrong_ones(judge.examples)):
        _refuse(judge, "CHAT-1", {"messages": wrong, **more}, f"{json.dumps({'messages': wrong, **more})}")


@judges("CHAT-1", requests=3)
def test_what_looks_like_messages_is_no_array_of_them(judge: Judge) -> None:
    for wrong in (None, "hello", {"role": "user", "content": "hello"}):
        _refuse(judge, "CHAT-1", {"messages": wrong}, json.dumps({"messages": wrong}))


@judges("CHAT-3", requests=lambda means: enough(means.examples, means.examples // 2))
def test_a_stream_flag_that_is_no_boolean_is_400(judge: Judge) -> None:
    for wrong in judge.drawn(wrong_stream(), enough(judge.examples, judge.examples // 2), 1):
        _refuse(judge, "CHAT-3", say("Say hello.", stream=wrong), f"stream={json.dumps(wrong)}")


@STREAMING
@judges("CHAT-8", requests=lambda means: means.examples // 2)
def test_tools_that_are_no_list_are_400(judge: Judge, more: dict[str, bool]) -> None:
    for wrong in judge.drawn(wrong_tools(), judge.examples // 2, 2):
        what = json.dumps({"tools": wrong, **more})
        _refuse(judge, "CHAT-8", say("Say hello.", tools=wrong, **more), what)


def _wrong_ones(examples: int) -> int:
    return min(examples, max(4, examples // 2))


def _completed(judge: Judge, exchange: Exchange) -> None:
    judge.document("CHAT-2", exchange)
    judge.keeps("CHAT-2", exchange)


@judges("CHAT-2", shares=["createChatCompletion"])
def test_a_plain_completion_has_the_shape_of_openai(judge: Judge) -> None:
    _completed(judge, answer_to(judge, CALLS["createChatCompletion"]))


@judges("CHAT-2", units=ONE_CHAT, requests=1)
def test_a_conversation_is_answered(judge: Judge) -> None:
    _completed(judge, judge.post(CHAT, {"messages": CONVERSATION}))


@judges("CHAT-3", units=ONE_CHAT, shares=["createChatCompletion"], requests=1)
def test_without_streaming_there_is_one_json_answer(judge: Judge) -> None:
    absent = answer_to(judge, CALLS["createChatCompletion"])
    explicit = judge.post(CHAT, say("Say hello.", stream=False))
    for exchange in (absent, explicit):
        judge.served("CHAT-3", exchange)
        # Whatever is in it: the law looks at whole answers only.
        one_answer = exchange.media_type != "text/event-stream"
        judge.check("CHAT-3", one_answer, "a stream came without being asked for", exchange)
        judge.document("CHAT-3", exchange)


@judges("CHAT-10", units=ONE_CHAT, shares=["createChatCompletion"], requests=1)
def test_an_image_part_is_accepted(judge: Judge) -> None:
    parts = [
        {"type": "text", "text": "What is in this picture?"},
        {"type": "image_url", "image_url": {"url": picture_data_uri()}},
    ]
    body = {"messages": [{"role": "user", "content": parts}]}
    exchange, without = judge.post(CHAT, body), answer_to(judge, CALLS["createChatCompletion"])
    judge.document("CHAT-10", exchange)
    if without.served and LAWS["CHAT-2"].wrong(without):
        judge.witness("CHAT-10", exchange)  # What is wrong with any completion is for CHAT-2.
        return
    judge.keeps("CHAT-10", exchange, law="CHAT-2")


# --- tools ----------------------------------------------------------------------------------------------


NAMED = {"type": "function", "function": {"name": "get_time"}}


def _tool_chat(judge: Judge, choice: Any, *, stream: bool = False) -> Exchange:
    """The answer to a chat with tools, requested once in a run."""
    return judge.once(
        with_tools(choice, stream=stream), lambda: _ask_with_tools(judge, choice, stream=stream)
    )


def _ask_with_tools(judge: Judge, choice: Any, *, stream: bool = False) -> Exchange:
    return judge.post(
        CHAT, say("What is the weather in Paris?", tools=TOOLS, tool_choice=choice, stream=stream)
    )


def _accepted(judge: Judge, requirement: str, choice: Any, *, stream: bool = False) -> Exchange:
    """The served answer to a chat with tools. `auto`, which forces nothing, shows whether tools are accepted
    at all, which is CHAT-8; the effect of another choice is CHAT-9."""
    exchange = _tool_chat(judge, choice, stream=stream)
    if choice != "auto":
        if requirement == "CHAT-8":
            return judge.served(requirement, exchange, owner=False)
        plain = _tool_chat(judge, "auto", stream=stream)
    elif stream:
        plain = answer_to(judge, STREAM)
    else:
        plain = answer_to(judge, CALLS["createChatCompletion"])
    return _beside(judge, requirement, exchange, plain)


def _beside(judge: Judge, requirement: str, exchange: Exchange, plain: Exchange) -> Exchange:
    """A served variation of `plain`; if that is not served either, other checks judge it."""
    return judge.served(requirement, exchange, owner=exchange.served or plain.served)


@pytest.mark.parametrize("choice", CHOICES)
@judges(
    "CHAT-8",
    units={"cloudChatDaily": 2},
    shares=["createChatCompletion", *(with_tools(each) for each in CHOICES)],
)
def test_tool_calls_of_a_plain_completion_are_well_formed(judge: Judge, choice: str) -> None:
    exchange = _accepted(judge, "CHAT-8", choice)
    judge.keeps("CHAT-8", exchange)


@pytest.mark.parametrize("choice", CHOICES)
@judges(
    "CHAT-8",
    units={"cloudChatDaily": 2},
    shares=["stream", *(with_tools(each, stream=True) for each in CHOICES)],
)
def test_tool_calls_of_a_stream_add_up_to_json(judge: Judge, choice: str) -> None:
    exchange = _accepted(judge, "CHAT-8", choice, stream=True)
    if exchange.media_type != "application/json":  # Whose calls are looked at all the same.
        transcript_of(judge, "CHAT-8", exchange)
    judge.keeps("CHAT-8", exchange)


@judges("CHAT-8", units={"cloudChatDaily": 3}, shares=[with_tools("auto")], requests=1)
def test_the_result_of_a_tool_may_be_told(judge: Judge) -> None:
    call = {
        "id": "call_1a2b3c4d5e6f",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
    }
    messages = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": '{"sky": "clear", "celsius": 21}'},
    ]
    body = {"messages": messages, "tools": TOOLS}
    exchange = judge.post(CHAT, body)
    _beside(judge, "CHAT-8", exchange, _tool_chat(judge, "auto"))
    judge.keeps("CHAT-8", exchange)


def _names_called(judge: Judge, exchange: Exchange, *, stream: bool) -> set[str]:
    """The tools that an answer calls. Raises Undecided when a call is repeated or cannot be carried out: then
    CHAT-8 is broken, and it is unclear what was chosen; and where a stream has none that can be read."""
    if stream:
        transcript = transcript_of(judge, "CHAT-9", exchange)
        calls = calls_streamed(transcript)
        if not calls and transcript.has_gaps:
            raise judge.undecided("CHAT-9", f"{exchange.title}: no readable stream (see CHAT-6)", exchange)
    else:
        calls, _ = calls_told(judge.document("CHAT-9", exchange, owner=False))
    unusable = [name for _, name, arguments in calls if not isinstance(parsed(str(arguments)), dict)]
    if unusable or repeated(str(each) for each, _, _ in calls):
        raise judge.undecided("CHAT-9", f"{exchange.title}: a call that is none (see CHAT-8)", exchange)
    return {str(name) for _, name, _ in calls}


def _chooses(judge: Judge, choice: Any, *, stream: bool = False) -> None:
    """Models are free in what they say: one answer may differ, but a host that respects a choice gets it
    right at least once in two."""
    exchange = _accepted(judge, "CHAT-9", choice, stream=stream)
    if disobeyed(choice, _names_called(judge, exchange, stream=stream)):
        again = judge.served("CHAT-9", _ask_with_tools(judge, choice, stream=stream), owner=False)
        wrong = disobeyed(choice, _names_called(judge, again, stream=stream))
        message = f"{wrong}, twice" + (", streamed" if stream else "")
        judge.check("CHAT-9", wrong is None, message, exchange, again)
    judge.witness("CHAT-9", exchange)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(
            stream,
            id=name,
            marks=judges(
                "CHAT-9",
                units={"cloudChatDaily": 3},
                shares=[with_tools(each, stream=stream) for each in CHOICES],
            ),
        )
        for stream, name in ((False, "plain"), (True, "streamed"))
    ],
)
def test_a_required_tool_is_called(judge: Judge, stream: bool) -> None:
    _chooses(judge, "required", stream=stream)


@judges("CHAT-9", units={"cloudChatDaily": 3}, shares=[with_tools("auto")], requests=1)
def test_a_named_tool_is_called(judge: Judge) -> None:
    _chooses(judge, NAMED)


@judges("CHAT-9", units={"cloudChatDaily": 3}, shares=[with_tools("auto")], requests=1)
def test_no_tool_is_called_when_none_is_chosen(judge: Judge) -> None:
    _chooses(judge, "none")


@pytest.mark.parametrize(
    "requirement",
    [
        pytest.param(
            requirement,
            marks=judges(
                requirement,
                units={"cloudChatDaily": 2},
                shares=[with_tools(each, stream=True) for each in CHOICES],
            ),
        )
        for requirement in ("CHAT-5", "CHAT-6", "CHAT-7")
    ],
)
def test_a_stream_with_tools_keeps_the_grammar(judge: Judge, requirement: str) -> None:
    for choice in CHOICES:
        exchange = _tool_chat(judge, choice, stream=True)
        judge.served(requirement, exchange, owner=False)
        transcript_of(judge, requirement, exchange)
        judge.keeps(requirement, exchange)


@judges("OBS-6", shares=["createChatCompletion"])
def test_a_completion_is_labelled(judge: Judge) -> None:
    exchange = answer_to(judge, CALLS["createChatCompletion"])
    judge.document("OBS-6", exchange, owner=False)
    judge.keeps("OBS-6", exchange)


# --- what clients rely on -------------------------------------------------------------------------------


@judges("OBS-5", units={"cloudChatDaily": 2}, requests=2)
def test_unknown_fields_and_no_tools_are_harmless(judge: Judge) -> None:
    bodies: list[dict[str, Any]] = [
        {"model": "lightning", "max_tokens": 20, "x_unknown": {"a": [1]}},
        {"tools": []},
    ]
    for more in bodies:
        judge.witness("OBS-5", judge.served("OBS-5", judge.post(CHAT, say("Say hello.", **more))))


@judges("ASM-15", shares=["createChatCompletion"])
def test_a_plain_completion_tells_its_model_as_well(judge: Judge) -> None:
    exchange = answer_to(judge, CALLS["createChatCompletion"])
    metadata = judge.document("ASM-15", exchange, owner=False).get("router_metadata")
    named = isinstance(metadata, dict) and bool(metadata.get("model_name"))
    judge.check("ASM-15", named, f"router_metadata is {metadata!r}", exchange)
