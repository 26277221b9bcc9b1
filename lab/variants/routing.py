"""Models under other names, and another way to choose among them."""

from __future__ import annotations

import random
from typing import Any

from lab.client import HELLO
from lab.proofs import TOOL, all_of, chat, post
from lab.seams import Run, around, edit
from lab.server import router
from lab.server.lab import Call, Lab
from lab.server.payloads import text_of
from lab.variants.variant import VariantSet

VARIANTS = VariantSet()

_ANSWERED = [
    *HELLO,
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."},
]
_ANALYSIS = post("/gen/prompt_analyze", {"prompt": HELLO})

_SHOWN = {
    router.VISION: "Lightning Eye",
    router.TOOLS: "Lightning Hand",
    router.CODE: "Lightning Code",
    router.COMPLEX: "Lightning Mind",
    router.SWIFT: "Lightning Swift",
}
VARIANTS.group("analysis", _ANALYSIS).add(
    "display-names-of-its-own: the analysis shows names of the host's own for the models of others",
    edit("analyzePrompt", lambda names: [_SHOWN.get(name, f"Lightning {name}") for name in names]),
)


def _upstream_ids(lab: Lab) -> None:
    plain = lab.choose
    lab.choose = lambda messages, tools: (
        f"lab-ai/{plain(messages, tools).lower().replace(' ', '-')}-instruct:free"
    )
    edit("analyzePrompt", lambda ids: [_short(name) for name in ids])(lab)


def _short(name: str) -> str:
    words = name.removeprefix("lab-ai/").removesuffix("-instruct:free").split("-")
    return " ".join(word.capitalize() for word in words)


VARIANTS.group("analysis", chat()).add(
    "display-names-short: a chat reports the upstream's id of the model that the analysis shows by its name",
    _upstream_ids,
)


async def _answer_tools(_: Lab, call: Call, run: Run) -> None:
    messages = call.arguments.get("messages") or []
    if call.operation.id == "createChatCompletion" and messages[-1].get("role") == "tool":
        call.arguments.pop("tool_choice", None)
    await run()


VARIANTS.group("", chat(messages=_ANSWERED, tools=[TOOL], tool_choice="required")).add(
    "words-after-a-tool: once a tool has answered, words follow, whatever tool_choice says",
    around("size", _answer_tools),
)

SMALL, LARGE = "Lab Small 8B", "Lab Large 70B"


def _adds_up(messages: Any, tools: Any) -> str:
    plain = router.choose(messages, None)
    weight = len(text_of(messages)) / 300 + (0.5 if tools else 0)
    return LARGE if plain != router.SWIFT or weight >= 1 else SMALL


def _weighing(lab: Lab) -> None:
    lab.choose = _adds_up


VARIANTS.group("", all_of(_ANALYSIS, chat(tools=[TOOL]))).add(
    "router-weighs: there are two models, and tools are half a reason for the larger one", _weighing
)


def _draws(lab: Lab) -> None:
    dice = random.Random(11)

    def choose(messages: Any, tools: Any) -> str:
        plain = router.choose(messages, tools)
        share = 0.25 if plain == router.SWIFT else 0.75
        return LARGE if dice.random() < share else SMALL

    lab.choose = choose


VARIANTS.group("", all_of(*[_ANALYSIS] * 8)).add(
    "router-draws: one of two models is drawn each time, and the larger one more often for what is hard",
    _draws,
)
