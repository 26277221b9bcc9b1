"""The router: which model it chooses, and whether prompt analysis says the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Set
from typing import Any

import pytest

from lightning_verify.judging.agreement import Agreement, ask_again, named_model
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import (
    ANALYSED,
    ANALYZE,
    CHAT,
    MORE_PLAIN_ONES,
    NOTHING,
    PLAIN_ONES,
    prompt_label,
    refusal,
    refused_call,
)
from lightning_verify.judging.outcomes import Disturbed, NotRun, Undecided
from lightning_verify.reading.sse import transcribe
from lightning_verify.requests.invalid import wrong_messages
from lightning_verify.requests.prompts import (
    CODE,
    COMPLEX,
    IMAGE,
    MEDIUM,
    SIMPLE,
    TOOLS,
    Messages,
    with_code,
    with_image,
    with_words,
)
from lightning_verify.run.marks import judges
from lightning_verify.target import Spend
from lightning_verify.transport.client import BudgetExhausted
from lightning_verify.transport.exchange import Exchange, NotJson


def _analysed(judge: Judge, messages: Messages) -> Exchange:
    name = f"analysis of {prompt_label(messages)}"
    return judge.once(name, lambda: judge.post(ANALYZE, {"prompt": messages}))


def _analysis(judge: Judge, requirement: str, messages: Messages) -> tuple[str, Exchange]:
    exchange = _analysed(judge, messages)
    judge.served(requirement, exchange, owner=requirement == "ANA-1")
    name = named_model(exchange)
    if name is not None:
        return name, exchange
    if requirement == "ANA-1":
        raise judge.violation(requirement, f"{exchange.title}: names no model", exchange)
    raise judge.undecided(requirement, f"{exchange.title}: names no model (see ANA-1)", exchange)


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param(ANALYSED[name], id=name, marks=judges("ANA-1", shares=[f"analysis of {name}"]))
        for name in ("simple", "complex", "code", "image")
    ],
)
def test_an_analysis_names_a_model(judge: Judge, messages: Messages) -> None:
    _, exchange = _analysis(judge, "ANA-1", messages)
    judge.witness("ANA-1", exchange)


@judges(
    "ANA-2",
    shares=[refusal("analyzePrompt", NOTHING)],
    requests=lambda means: 6 + _wrong_ones(means.examples),
)
def test_an_analysis_without_an_array_of_messages_is_400(judge: Judge) -> None:
    judge.refused("ANA-2", refused_call(judge, "analyzePrompt", NOTHING), 400, "a body without a prompt")
    count = _wrong_ones(judge.examples)
    drawn = judge.drawn(wrong_messages(), count) if count else []
    for wrong in (None, "hello", 5, {"role": "user", "content": "hi"}, [1], ["hello"], *drawn):
        body = {"prompt": wrong}
        exchange = judge.post(ANALYZE, body, lane="free")
        judge.refused("ANA-2", exchange, 400, f"{json.dumps(body)}")


def _wrong_ones(examples: int) -> int:
    # Beside those that every host is asked.
    return max(0, examples // 2 - 2)


def _analyses(*prompts: str) -> list[str]:
    return [f"analysis of {prompt}" for prompt in prompts]


def _plain_ones_again(judge: Judge) -> list[Exchange]:
    return judge.once(
        MORE_PLAIN_ONES,
        lambda: [judge.post(ANALYZE, {"prompt": SIMPLE[1]}) for _ in range(PLAIN_ONES)],
    )


def _holds_still(judge: Judge, requirement: str, message: str, *exchanges: Exchange) -> None:
    """Raises Undecided where the host draws one of several models, so that the same request may be given
    another one the next time: what one answer shows then tells nothing."""
    try:
        _, drawn = ask_again(judge.client, *exchanges)
    except BudgetExhausted:
        words = f"{message}; no units are left to see whether it is always so"
        raise judge.undecided(requirement, words, *exchanges) from None
    if drawn:
        raise judge.undecided(requirement, f"{message}, but not always for the same request", *exchanges)


_PLAIN = [*_analyses("hi", "simple"), MORE_PLAIN_ONES]
Add = Callable[[Messages], Messages]


@pytest.mark.parametrize(
    ("requirement", "signal", "prompts", "add"),
    [
        pytest.param(
            "ROUTE-1",
            "complexity",
            COMPLEX,
            None,
            marks=judges("ROUTE-1", shares=[*_PLAIN, "analysis of complex"]),
            id="complexity",
        ),
        pytest.param(
            "ROUTE-2",
            "code",
            CODE,
            with_code,
            marks=judges("ROUTE-2", shares=[*_PLAIN, "analysis of code"]),
            id="code",
        ),
        pytest.param(
            "ROUTE-4",
            "an image",
            IMAGE,
            with_image,
            marks=judges("ROUTE-4", shares=_PLAIN, requests=1),
            id="image",
        ),
    ],
)
def test_a_signal_in_the_prompt_changes_the_model(
    judge: Judge, requirement: str, signal: str, prompts: list[Messages], add: Add | None
) -> None:
    plain = {_analysis(judge, requirement, messages)[0] for messages in SIMPLE}
    # Who draws one of several models must not pass for one that reacts.
    plain |= {name for each in _plain_ones_again(judge) if (name := named_model(each))}
    seen, unread, alike = list[Exchange](), list[Exchange](), list[Exchange]()
    for without, messages, control in _comparisons(judge, plain, prompts, add):
        exchange = _analysed(judge, messages)
        name = named_model(exchange)
        if name is None or None in without:
            unread.append(exchange)
        elif name not in without:
            if control is None or named_model(_analysed(judge, control)) != name:
                judge.witness(requirement, exchange)
                return
            alike.append(exchange)
        else:
            seen.append(exchange)
    names = ", ".join(sorted(plain))
    message = f"{signal} in {len(seen)} prompts left the choice at {names}"
    if unread:
        # It may have shown in the one that was not answered, which was too long perhaps.
        raise judge.undecided(requirement, f"{message}; {unread[0].title} (see ANA-1)", *unread)
    if alike:
        raise judge.undecided(requirement, f"{message}; elsewhere it did what its length does", *alike)
    if judge.spend is not Spend.NONE:
        # Others ask for the same two.
        strong = next(each for each in prompts if each in ANALYSED.values())
        before, after = (_streamed_name(judge, requirement, each) for each in (SIMPLE[1], strong))
        if before[0] != after[0]:
            words = f"{message}, while chats turn from {before[0]} to {after[0]} (see ANA-3)"
            raise judge.undecided(requirement, words, before[1], after[1])
    _holds_still(judge, requirement, message, _analysed(judge, SIMPLE[1]), *seen[:1])
    raise judge.violation(requirement, message, *seen)


def _comparisons(
    judge: Judge, plain: set[str], prompts: list[Messages], add: Add | None
) -> Iterator[tuple[Set[str | None], Messages, Messages | None]]:
    """Prompts with the signal, each with the names given without it and, if the signal makes it longer, the
    same prompt with as many plain words."""
    for messages in prompts:
        yield plain, messages, None
    # A signal that weighs half shows only in a prompt that is not quite simple.
    for messages in MEDIUM if add is not None else ():
        assert add is not None
        control = with_words(messages) if add is with_code else None
        yield {named_model(_analysed(judge, messages))}, add(messages), control


def _streamed_name(judge: Judge, requirement: str, messages: Messages, **more: Any) -> tuple[str, Exchange]:
    body = {"messages": messages, "stream": True, **more}
    once_key = f"stream of {prompt_label(messages)}{json.dumps(more) if more else ''}"
    exchange = judge.once(once_key, lambda: judge.post(CHAT, body))
    owner = (
        "CHAT-8" if "tools" in more else "CHAT-4" if isinstance(messages[0]["content"], str) else "CHAT-10"
    )
    judge.served(requirement, exchange, owner=requirement == owner)
    name = transcribe(exchange.body).model_name
    if not name:
        raise judge.undecided(requirement, "the stream names no model (see CHAT-5)", exchange)
    return name, exchange


@judges("ROUTE-3", units={"cloudChatDaily": 8}, shares=["stream of simple"], requests=1)
def test_tools_change_the_model(judge: Judge) -> None:
    seen = []
    # Tools may weigh too little to show beside a prompt that is simple, and too little beside a complex one.
    for messages in (SIMPLE[1], COMPLEX[0], *MEDIUM):
        without, first = _streamed_name(judge, "ROUTE-3", messages)
        beside, exchange = _streamed_name(judge, "ROUTE-3", messages, tools=TOOLS)
        if without != beside:
            judge.witness("ROUTE-3", exchange)
            return
        seen += [first, exchange]
    message = f"with and without tools the same model was chosen for {len(seen) // 2} prompts"
    _holds_still(judge, "ROUTE-3", message, _analysed(judge, SIMPLE[1]), *seen[:2])
    raise judge.violation("ROUTE-3", message, *seen[1::2])


AGREEING = ("simple", "code", "complex", "image", "conversation", "instructions")


@judges(
    "ANA-3",
    units={"cloudChatDaily": len(AGREEING)},
    shares=[*_analyses(*AGREEING), *(f"stream of {prompt}" for prompt in AGREEING)],
)
def test_analysis_and_chat_agree(judge: Judge) -> None:
    seen = Agreement(judge.recorder)
    for messages in (ANALYSED[prompt] for prompt in AGREEING):
        try:
            _, chat = _streamed_name(judge, "ANA-3", messages)
            _, analysis = _analysis(judge, "ANA-3", messages)
        except Undecided as undecided:
            if isinstance(undecided, Disturbed) and not judge.repeats:
                raise
            continue  # Noted; the others can still disagree.
        for each in (chat, analysis):
            seen.observe(each)
    seen.look_again(judge.client)
    told = seen.told()
    for prompt, words in told.broken.items():
        raise judge.violation("ANA-3", words, *told.shown[prompt])
    # A display name may say nothing of its model; that of others tells how this host goes about it.
    if told.unclear and len(told.unclear) == len(told.shown):
        exchanges = told.shown[told.unclear[0]]
        shown, chosen = map(named_model, exchanges)
        words = f"whether {shown!r} is shown for the model {chosen!r} cannot be told"
        raise judge.undecided("ANA-3", words, *exchanges)
    for prompt, exchanges in told.shown.items():
        if prompt not in told.unclear:
            judge.witness("ANA-3", *exchanges)


@pytest.mark.parametrize(
    ("requirement", "prompts"),
    [
        pytest.param(
            requirement,
            [ANALYSED[prompt], *more],
            id=signal,
            marks=judges(
                requirement,
                units={"cloudChatDaily": 2},
                shares=[*_analyses("simple", prompt), "stream of simple", f"stream of {prompt}"],
            ),
        )
        for requirement, prompt, more, signal in (
            ("ROUTE-1", "complex", COMPLEX, "complexity"),
            ("ROUTE-2", "code", CODE, "code"),
            ("ROUTE-4", "image", [], "image"),
        )
    ],
)
def test_a_chat_reacts_where_the_analysis_does(
    judge: Judge, requirement: str, prompts: list[Messages]
) -> None:
    name, simple = _analysis(judge, requirement, SIMPLE[1])
    # A router may react only to what is longer, which its own test asks for as well.
    for messages in prompts:
        other, analysis = _analysis(judge, requirement, messages)
        if name != other:
            break
    else:
        raise NotRun("needs a router that reacts to one of these prompts in its analysis")
    plain, stream = _streamed_name(judge, requirement, SIMPLE[1])
    chosen, exchange = _streamed_name(judge, requirement, messages)
    message = f"the analysis turns from {name} to {other}, the chat stays with {plain}"
    if plain == chosen:
        _holds_still(judge, requirement, message, simple, analysis, stream, exchange)
    judge.check(requirement, plain != chosen, message, exchange)


@judges("OBS-10", shares=["analysis of simple"])
def test_an_analysis_is_an_array_of_one_name(judge: Judge) -> None:
    _, exchange = _analysis(judge, "OBS-10", SIMPLE[1])
    try:
        document = exchange.json()
    except NotJson:
        document = None
    shaped = isinstance(document, list) and len(document) == 1 and isinstance(document[0], str)
    judge.check("OBS-10", shaped, "the answer is not an array of one name", exchange)
