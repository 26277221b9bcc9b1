"""Handwritten faults: refusals and upstream failures."""

from __future__ import annotations

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import EASY, Run
from lab.proofs import generated, post
from lab.server.lab import Call, Json, Lab, Refusal

BOOK = Book("handwritten")


def _bad_json(lab: Lab, status: int) -> None:
    async def step(_: Lab, called: Call, run: Run) -> None:
        try:
            await run()
        except Refusal as refusal:
            raise Refusal(f"status-{status}", refusal.detail) from None

    lab.status_of[f"status-{status}"] = status
    seams.around("read", step)(lab)


BOOK.add(
    "bad-json-500",
    "FAIL-1",
    "a body that is no JSON is 500",
    lambda lab: _bad_json(lab, 500),
    post("/gen/image", raw=b"{not json"),
)


def _array_body(lab: Lab) -> None:
    async def step(_: Lab, called: Call, run: Run) -> None:
        try:
            await run()
        except Refusal as refusal:
            if "object" not in refusal.detail:
                raise
            called.arguments = {"messages": EASY, "prompt": "hello"}

    seams.around("read", step)(lab)


BOOK.add(
    "array-body-served",
    "FAIL-1",
    "a body that is an array is served as if it were empty",
    _array_body,
    post("/gen/chat/completions", [1, 2]),
)

BOOK.add(
    "oversize-cut-silently",
    "FAIL-2",
    "a prompt that is too long is cut and served",
    seams.skip("size"),
    generated("createSfx", prompt="x" * 9_000),
)

BOOK.add(
    "upstream-failure-200",
    "FAIL-3 IMG-2",
    "when the provider of images fails the answer is 200 and a sorry page",
    seams.instead("createImage getImage", lambda c: seams.html()),
    generated("createImage"),
    "sample",
)

BOOK.add(
    "upstream-failure-404",
    "FAIL-3 VID-2",
    "when the provider of videos fails the answer is 404",
    seams.instead("createVideo getVideo", lambda c: Json({"detail": "Provider is away"}, 404)),
    generated("createVideo"),
    "sample",
)

BOOK.add(
    "upstream-failure-429",
    "FAIL-3 RATE-4",
    "when the provider of speech fails the answer is 429, with units left",
    seams.instead("createTts getTts", lambda c: Json({"detail": "Provider is busy"}, 429)),
    generated("createTts"),
    "sample",
)
