"""Faults: the choice of a model and its analysis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab import seams
from lab.faults.fault import FaultSet
from lab.prompts import CODE, EASY, SEEN
from lab.proofs import TOOL, all_of, post
from lab.server import router
from lab.server.lab import Call, Json, Lab, Reply, Stream
from lab.server.payloads import text_of

FAULTS = FaultSet()

FAULTS.handwritten("ANA-1", post("/gen/prompt_analyze", {"prompt": EASY})).add(
    "analyze-not-found: there is no prompt analysis",
    seams.instead("analyzePrompt", lambda c: Json({"detail": "Not Found"}, 404)),
).add(
    "analyze-echoes-the-prompt: prompt analysis answers the messages it got",
    seams.instead("analyzePrompt", lambda c: Json(c.arguments["prompt"])),
)

_ANALYZE = post("/gen/prompt_analyze", {"prompt": [{"role": "user", "content": "Hi"}]})


_EMPTY: tuple[tuple[str, Any], ...] = (
    ("empty-list", []),
    ("null", None),
    ("empty-object", {}),
    ("empty-name", [""]),
)


for _name, _answer in _EMPTY:
    FAULTS.mechanical("ANA-1", _ANALYZE).add(
        f"analyze-{_name}: prompt analysis answers {_answer!r}",
        seams.instead("analyzePrompt", seams.json_answer(_answer)),
    )

FAULTS.reported("ANA-1 HDR-1", post("/gen/prompt_analyze", {"prompt": EASY})).add(
    "analysis-streams: prompt analysis answers a stream",
    seams.instead("analyzePrompt", lambda c: Stream([{"model": "Lab Swift 8B"}, "[DONE]"])),
)

FAULTS.handwritten("ANA-2 FAIL-1", post("/gen/prompt_analyze", {"prompt": "hello"})).add(
    "analyze-takes-text: a prompt that is one string is analysed",
    lambda lab: seams.before_checks(lab, "analyzePrompt", "prompt", lambda v: seams.listed(v) if v else v),
)

FAULTS.handwritten("ANA-2 FAIL-1", post("/gen/prompt_analyze", {"prompt": EASY[0]})).add(
    "analyze-takes-an-object: a prompt that is one message is analysed",
    lambda lab: seams.before_checks(
        lab, "analyzePrompt", "prompt", lambda v: [v] if isinstance(v, dict) else v
    ),
)

FAULTS.mechanical("ANA-2 FAIL-1", post("/gen/prompt_analyze", {})).add(
    "analyze-unchecked: a prompt analysis without a prompt is served",
    seams.check("analyzePrompt", seams.any_messages("prompt"), "messages"),
)

FAULTS.reported("ANA-2 FAIL-1", post("/gen/prompt_analyze", {})).add(
    "analyze-missing-prompt-500: a prompt analysis without prompt is 500",
    seams.crash_when("analyzePrompt", lambda c: "prompt" not in c.arguments),
)


def _models(messages: Any, **fields: Any) -> Callable[[Any], Any]:
    def proof(c: Any) -> Any:
        streamed_chat = c.chat(messages=messages, stream=True, **fields)
        return streamed_chat.events[0], c.post("/gen/prompt_analyze", {"prompt": messages, **fields}).json

    return proof


Choose = Callable[[Any, Any], str]


def routed(change: Callable[[Choose], Choose], where: str = "") -> seams.Apply:
    """Route differently: everywhere, or only in `createChatCompletion` or `analyzePrompt`."""

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


FAULTS.handwritten("ANA-3", _models(EASY), spend="sample").add(
    "analysis-names-another-model: prompt analysis names a model that chat does not use",
    routed(lambda plain: lambda messages, tools: plain(messages, tools) + " Preview", "analyzePrompt"),
)

FAULTS.handwritten("ANA-3", _models(CODE), spend="sample").add(
    "analysis-by-length: prompt analysis looks at the length only",
    routed(
        lambda _: lambda messages, tools: router.SWIFT if len(text_of(messages)) < 20 else router.COMPLEX,
        "analyzePrompt",
    ),
)


def part(which: slice) -> Callable[[Choose], Choose]:
    """Look only at these of the messages."""
    return lambda plain: lambda messages, tools: plain(messages[which], tools)


FAULTS.handwritten("ANA-3", _models([*EASY, *CODE]), spend="sample").add(
    "analysis-of-the-first-message: prompt analysis looks at the first message alone",
    routed(part(slice(1)), "analyzePrompt"),
)
FAULTS.handwritten("ANA-3", _models([*CODE, *EASY]), spend="sample").add(
    "analysis-of-the-last-message: prompt analysis looks at the last message alone",
    routed(part(slice(-1, None)), "analyzePrompt"),
)


def _first_answer(lab: Lab) -> None:
    inner = lab.handlers["analyzePrompt"]
    kept: list[Reply] = []

    async def handler(lab_: Lab, called: Call) -> Reply:
        kept.append(await inner(lab_, called))
        return kept[0]

    lab.handlers["analyzePrompt"] = handler


FAULTS.reported(
    "ANA-3 ROUTE-2", lambda c: [c.post("/gen/prompt_analyze", {"prompt": p}).json for p in (EASY, CODE)]
).add("analysis-cached: prompt analysis repeats its first answer", _first_answer)

HARD = [
    {"role": "user", "content": "Prove the theorem step by step and compare two rigorous proofs in detail."}
]


def never(model: str) -> Callable[[Choose], Choose]:
    """Answer with the simple model wherever this one would be chosen."""
    return lambda plain: (
        lambda messages, tools: router.SWIFT if (found := plain(messages, tools)) == model else found
    )


for _requirement, _signal, _model, _messages in (
    ("ROUTE-1", "complexity", router.COMPLEX, HARD),
    ("ROUTE-2", "code", router.CODE, CODE),
    ("ROUTE-4", "images", router.VISION, SEEN),
):
    FAULTS.handwritten(_requirement, _models(_messages), spend="sample").add(
        f"router-blind-to-{_signal}: {_signal} in a prompt changes nothing", routed(never(_model))
    )
    FAULTS.handwritten(f"{_requirement} ANA-3", _models(_messages), spend="sample").add(
        f"chat-blind-to-{_signal}: chat does not react to {_signal}, analysis does",
        routed(never(_model), "createChatCompletion"),
    )
    FAULTS.handwritten(f"{_requirement} ANA-3", _models(_messages)).add(
        f"analysis-blind-to-{_signal}: analysis does not react to {_signal}, chat does",
        routed(never(_model), "analyzePrompt"),
    )

FAULTS.handwritten("ROUTE-3", _models(EASY, tools=[TOOL]), spend="sample").add(
    "router-blind-to-tools: tools change nothing",
    routed(lambda plain: lambda messages, tools: plain(messages, None)),
).add(
    "chat-hides-its-tools: the chat route does not tell the router of its tools",
    routed(lambda plain: lambda messages, tools: plain(messages, None), "createChatCompletion"),
)

FAULTS.handwritten(
    "ROUTE-3 ROUTE-1 ROUTE-2 ROUTE-4", all_of(_models(HARD), _models(CODE), _models(SEEN)), spend="sample"
).add(
    "router-has-one-model: every prompt gets the same model",
    routed(lambda _: lambda messages, tools: router.SWIFT),
)
