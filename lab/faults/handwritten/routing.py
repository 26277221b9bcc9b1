"""Handwritten faults: the choice of a model and its analysis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import CODE, EASY, SEEN, before_checks, listed
from lab.proofs import TOOL, all_of, post
from lab.server import router
from lab.server.lab import Call, Json, Lab, Reply
from lab.server.payloads import text_of

BOOK = Book("handwritten")

HARD = [
    {"role": "user", "content": "Prove the theorem step by step and compare two rigorous proofs in detail."}
]


def _models(messages: Any, **fields: Any) -> Callable[[Any], Any]:
    def proof(c: Any) -> Any:
        streamed_chat = c.chat(messages=messages, stream=True, **fields)
        return streamed_chat.events[0], c.post("/gen/prompt_analyze", {"prompt": messages, **fields}).json

    return proof


Choose = Callable[[Any, Any], str]


def never(model: str) -> Callable[[Choose], Choose]:
    """Answer with the simple model wherever this one would be chosen."""
    return lambda plain: (
        lambda messages, tools: router.SWIFT if (found := plain(messages, tools)) == model else found
    )


def routed(change: Callable[[Choose], Choose], where: str = "") -> seams.Apply:
    """Route in another way: everywhere, or in `createChatCompletion` or `analyzePrompt` only."""

    def apply(lab: Lab) -> None:
        other = change(lab.choose)
        if not where:
            lab.choose = other
            return
        inner = lab.handlers[where]

        async def handler(lab_: Lab, called: Call) -> Reply:
            plain, lab_.choose = lab_.choose, other
            try:
                return await inner(lab_, called)
            finally:
                lab_.choose = plain

        lab.handlers[where] = handler

    return apply


for _requirement, _signal, _model, _messages in (
    ("ROUTE-1", "complexity", router.COMPLEX, HARD),
    ("ROUTE-2", "code", router.CODE, CODE),
    ("ROUTE-4", "images", router.VISION, SEEN),
):
    BOOK.add(
        f"router-blind-to-{_signal}",
        _requirement,
        f"{_signal} in a prompt changes nothing",
        routed(never(_model)),
        _models(_messages),
        "sample",
    )
    BOOK.add(
        f"chat-blind-to-{_signal}",
        f"{_requirement} ANA-3",
        f"chat does not react to {_signal}, analysis does",
        routed(never(_model), "createChatCompletion"),
        _models(_messages),
        "sample",
    )
    BOOK.add(
        f"analysis-blind-to-{_signal}",
        f"{_requirement} ANA-3",
        f"analysis does not react to {_signal}, chat does",
        routed(never(_model), "analyzePrompt"),
        _models(_messages),
    )

BOOK.add(
    "router-blind-to-tools",
    "ROUTE-3",
    "tools change nothing",
    routed(lambda plain: lambda messages, tools: plain(messages, None)),
    _models(EASY, tools=[TOOL]),
    "sample",
)

BOOK.add(
    "chat-hides-its-tools",
    "ROUTE-3",
    "the chat route does not tell the router of its tools",
    routed(lambda plain: lambda messages, tools: plain(messages, None), "createChatCompletion"),
    _models(EASY, tools=[TOOL]),
    "sample",
)

BOOK.add(
    "router-has-one-model",
    "ROUTE-3 ROUTE-1 ROUTE-2 ROUTE-4",
    "every prompt gets the same model",
    routed(lambda _: lambda messages, tools: router.SWIFT),
    all_of(_models(HARD), _models(CODE), _models(SEEN)),
    "sample",
)

BOOK.add(
    "analysis-names-another-model",
    "ANA-3",
    "prompt analysis names a model that chat does not use",
    routed(lambda plain: lambda messages, tools: plain(messages, tools) + " Preview", "analyzePrompt"),
    _models(EASY),
    "sample",
)

BOOK.add(
    "analysis-by-length",
    "ANA-3",
    "prompt analysis looks at the length only",
    routed(
        lambda _: lambda messages, tools: router.SWIFT if len(text_of(messages)) < 20 else router.COMPLEX,
        "analyzePrompt",
    ),
    _models(CODE),
    "sample",
)

BOOK.add(
    "analyze-not-found",
    "ANA-1",
    "there is no prompt analysis",
    seams.instead("analyzePrompt", lambda c: Json({"detail": "Not Found"}, 404)),
    post("/gen/prompt_analyze", {"prompt": EASY}),
)

BOOK.add(
    "analyze-echoes-the-prompt",
    "ANA-1",
    "prompt analysis answers the messages it got",
    seams.instead("analyzePrompt", lambda c: Json(c.arguments["prompt"])),
    post("/gen/prompt_analyze", {"prompt": EASY}),
)

BOOK.add(
    "analyze-takes-text",
    "ANA-2 FAIL-1",
    "a prompt that is one string is analysed",
    lambda lab: before_checks(lab, "analyzePrompt", "prompt", lambda v: listed(v) if v else v),
    post("/gen/prompt_analyze", {"prompt": "hello"}),
)

BOOK.add(
    "analyze-takes-an-object",
    "ANA-2 FAIL-1",
    "a prompt that is one message is analysed",
    lambda lab: before_checks(lab, "analyzePrompt", "prompt", lambda v: [v] if isinstance(v, dict) else v),
    post("/gen/prompt_analyze", {"prompt": EASY[0]}),
)
