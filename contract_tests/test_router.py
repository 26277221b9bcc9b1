"""The router: which model it chooses, and that prompt analysis tells the same."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from contract_tests.exchange import Exchange
from contract_tests.judge import Judge, NotRun
from contract_tests.marks import judges
from contract_tests.observations import CHAT
from contract_tests.prompts import CODE, COMPLEX, IMAGE, SIMPLE, TOOLS, Messages, model_name
from contract_tests.sse import transcribe

ANALYZE = "/gen/prompt_analyze"


def _analysis(judge: Judge, requirement: str, messages: Messages) -> tuple[str, Exchange]:
    key = f"analysis of {json.dumps(messages)}"
    exchange = judge.once(key, lambda: judge.post(ANALYZE, {"prompt": messages}))
    name = model_name(_loose(judge, requirement, exchange))
    if name is None:
        raise judge.violation(requirement, f"{exchange.title}: names no model", exchange)
    return name, exchange


def _loose(judge: Judge, requirement: str, exchange: Exchange) -> Any:
    """The JSON of the answer, or its text when it is plain text."""
    judge.served(requirement, exchange)
    return exchange.text if exchange.media_type == "text/plain" else judge.document(requirement, exchange)


@judges("ANA-1", requests=4)
@pytest.mark.parametrize(
    "messages", [SIMPLE[1], COMPLEX[0], CODE[0], IMAGE[1]], ids=["simple", "complex", "code", "image"]
)
def test_an_analysis_names_a_model(judge: Judge, messages: Messages) -> None:
    _, exchange = _analysis(judge, "ANA-1", messages)
    judge.witness("ANA-1", exchange)


@judges("ANA-2", requests=12)
def test_an_analysis_without_an_array_of_messages_is_400(judge: Judge) -> None:
    for body in (
        {},
        {"prompt": None},
        {"prompt": "hello"},
        {"prompt": 5},
        {"prompt": {"role": "user", "content": "hi"}},
        {"prompt": [1]},
        {"prompt": ["hello"]},
    ):
        exchange = judge.post(ANALYZE, body, lane="free")
        judge.refused("ANA-2", exchange, 400, f"{json.dumps(body)}")


@pytest.mark.parametrize(
    ("requirement", "signal", "prompts"),
    [
        pytest.param("ROUTE-1", "complexity", COMPLEX, marks=judges("ROUTE-1", requests=6), id="complexity"),
        pytest.param("ROUTE-2", "code", CODE, marks=judges("ROUTE-2", requests=6), id="code"),
        pytest.param("ROUTE-4", "an image", IMAGE, marks=judges("ROUTE-4", requests=4), id="image"),
    ],
)
def test_a_signal_in_the_prompt_changes_the_model(
    judge: Judge, requirement: str, signal: str, prompts: list[Messages]
) -> None:
    plain = {_analysis(judge, requirement, messages)[0] for messages in SIMPLE}
    reactions = [_analysis(judge, requirement, messages) for messages in prompts]
    changed = any(name not in plain for name, _ in reactions)
    names = ", ".join(sorted(plain))
    message = f"{signal} in {len(prompts)} prompts left the choice at {names}"
    judge.check(requirement, changed, message, *(exchange for _, exchange in reactions))


def _streamed_name(judge: Judge, requirement: str, messages: Messages, **more: Any) -> tuple[str, Exchange]:
    body = {"messages": messages, "stream": True, **more}
    exchange = judge.once(f"streamed {json.dumps(body)}", lambda: judge.post(CHAT, body))
    judge.served(requirement, exchange)
    name = transcribe(exchange.body).model_name
    if not name:
        raise judge.undecided(requirement, "the stream names no model (see CHAT-5)", exchange)
    return name, exchange


@judges("ROUTE-3", units={"cloudChatDaily": 4}, requests=4)
def test_tools_change_the_model(judge: Judge) -> None:
    pairs = []
    for messages in (SIMPLE[1], COMPLEX[0]):
        without, _ = _streamed_name(judge, "ROUTE-3", messages)
        beside, exchange = _streamed_name(judge, "ROUTE-3", messages, tools=TOOLS)
        if without != beside:
            judge.witness("ROUTE-3", exchange)
            return
        pairs.append(exchange)
    raise judge.violation("ROUTE-3", "with and without tools the same model was chosen, twice", *pairs)


@judges("ANA-3", units={"cloudChatDaily": 1}, requests=2)
@pytest.mark.parametrize(
    "messages", [SIMPLE[1], CODE[0], COMPLEX[0], IMAGE[1]], ids=["simple", "code", "complex", "image"]
)
def test_analysis_and_chat_agree(judge: Judge, messages: Messages) -> None:
    chosen, chat = _streamed_name(judge, "ANA-3", messages)
    told, analysis = _analysis(judge, "ANA-3", messages)
    one, other = _plain(chosen), _plain(told)
    # A display name may leave out the maker, or add it in front.
    agree = one == other or (len(one) > 3 and other.endswith(one)) or (len(other) > 3 and one.endswith(other))
    judge.check("ANA-3", agree, f"the chat reports {chosen!r}, the analysis {told!r}", analysis, chat)


@pytest.mark.parametrize(
    ("requirement", "messages"),
    [
        pytest.param(
            "ROUTE-1",
            COMPLEX[0],
            id="complexity",
            marks=judges("ROUTE-1", units={"cloudChatDaily": 2}, requests=4),
        ),
        pytest.param(
            "ROUTE-2", CODE[0], id="code", marks=judges("ROUTE-2", units={"cloudChatDaily": 2}, requests=4)
        ),
        pytest.param(
            "ROUTE-4", IMAGE[1], id="image", marks=judges("ROUTE-4", units={"cloudChatDaily": 2}, requests=4)
        ),
    ],
)
def test_a_chat_reacts_where_the_analysis_does(judge: Judge, requirement: str, messages: Messages) -> None:
    told = [_analysis(judge, requirement, each)[0] for each in (SIMPLE[1], messages)]
    if told[0] == told[1]:
        raise NotRun("needs a router that reacts to this prompt in its analysis")
    plain, _ = _streamed_name(judge, requirement, SIMPLE[1])
    chosen, exchange = _streamed_name(judge, requirement, messages)
    message = f"the analysis turns from {told[0]} to {told[1]}, the chat stays with {plain}"
    judge.check(requirement, plain != chosen, message, exchange)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@judges("OBS-10", requests=1)
def test_an_analysis_is_an_array_of_one_name(judge: Judge) -> None:
    _, exchange = _analysis(judge, "OBS-10", SIMPLE[1])
    document = exchange.json() if exchange.media_type != "text/plain" else None
    shaped = isinstance(document, list) and len(document) == 1 and isinstance(document[0], str)
    judge.check("OBS-10", shaped, "the answer is not an array of one name", exchange)
