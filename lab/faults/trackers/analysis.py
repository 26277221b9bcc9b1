"""Trackers faults: prompt analysis."""

from __future__ import annotations

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import CODE, EASY
from lab.proofs import call, generated, post
from lab.server.lab import Call, Data, Lab, Reply, Stream

BOOK = Book("trackers")


def _first_answer(lab: Lab) -> None:
    inner = lab.handlers["analyzePrompt"]
    kept: list[Reply] = []

    async def handler(lab_: Lab, called: Call) -> Reply:
        kept.append(await inner(lab_, called))
        return kept[0]

    lab.handlers["analyzePrompt"] = handler


BOOK.add(
    "analysis-cached",
    "ANA-3 ROUTE-2",
    "prompt analysis repeats its first answer",
    _first_answer,
    lambda c: [c.post("/gen/prompt_analyze", {"prompt": p}).json for p in (EASY, CODE)],
)

BOOK.add(
    "analysis-streams",
    "ANA-1 HDR-1",
    "prompt analysis answers a stream",
    seams.instead("analyzePrompt", lambda c: Stream([{"model": "Lab Swift 8B"}, "[DONE]"])),
    post("/gen/prompt_analyze", {"prompt": EASY}),
)

BOOK.add(
    "get-form-500",
    "SFX-1",
    "GET of sound is 500: the prompt is read from a body",
    seams.instead("getSfx", lambda c: Data(b"Internal Server Error", "text/plain", 500)),
    generated("getSfx"),
    "sample",
)

BOOK.add(
    "get-form-400",
    "TTS-1",
    "GET of speech is 400: the prompt of the path is not seen",
    seams.refuse_when("getTts", lambda c: True),
    lambda c: call(c, "getTts").status,
    "sample",
)
