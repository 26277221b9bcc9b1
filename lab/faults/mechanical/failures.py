"""Mechanical faults: refusals and upstream failures."""

from __future__ import annotations

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.seams import refused_with
from lab.proofs import chat, generated, post

BOOK = Book("mechanical")

BOOK.add(
    "chat-size-unlimited",
    "FAIL-2",
    "a chat may have any size",
    seams.skip("size", "createChatCompletion"),
    chat(messages=[{"role": "user", "content": "x" * 40_000}]),
)

BOOK.add(
    "media-size-unlimited",
    "FAIL-2",
    "a media prompt may have any size",
    seams.skip("size", "createImage createVideo createAirforceVideo createSfx createTts"),
    generated("createTts", prompt="x" * 9_000),
)

BOOK.add(
    "analyze-size-unlimited",
    "FAIL-2",
    "a prompt to analyse may have any size",
    seams.skip("size", "analyzePrompt"),
    post("/gen/prompt_analyze", {"prompt": [{"role": "user", "content": "x" * 900_000}]}),
)

for _status in (400, 500):
    BOOK.add(
        f"oversize-{_status}",
        "FAIL-2",
        f"a prompt that is too long is {_status}",
        refused_with("oversize", _status),
        generated("createImage", prompt="x" * 9_000),
    )
