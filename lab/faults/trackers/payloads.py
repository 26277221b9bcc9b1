"""Trackers faults: what a request may look like."""

from __future__ import annotations

from collections.abc import Callable

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import SEEN, Run, crash_when
from lab.proofs import chat, generated, post
from lab.server.lab import Call, Lab, Refusal

BOOK = Book("trackers")


# Bodies that the handler reads before the validator: fastapi/fastapi#690, fastapi/fastapi#914,
# langflow-ai/langflow#10253, lm-sys/FastChat#1889.
def _when_raw(condition: Callable[[bytes], bool], status: int) -> seams.Apply:
    async def step(lab: Lab, called: Call, run: Run) -> None:
        try:
            await run()
        except Refusal:
            if condition(called.raw):
                lab.status_of["crash"] = status
                raise Refusal("crash", "Internal Server Error") from None
            raise

    return seams.around("read", step)


BOOK.add(
    "empty-body-500",
    "FAIL-1",
    "an empty body is 500",
    _when_raw(lambda raw: not raw.strip(), 500),
    post("/gen/image", raw=b""),
)

BOOK.add(
    "array-body-500",
    "FAIL-1",
    "a body that is no object is 500",
    _when_raw(lambda raw: raw[:1] == b"[", 500),
    post("/gen/chat/completions", [1]),
)

BOOK.add(
    "all-invalid-422",
    "FAIL-1 CHAT-1 ANA-2",
    "invalid payloads are 422, the framework's own answer",
    seams.refused_with("invalid", 422),
    post("/gen/chat/completions", {}),
)


def _json_200(lab: Lab) -> None:
    lab.status_of["soft"] = 200

    async def step(_: Lab, called: Call, run: Run) -> None:
        try:
            await run()
        except Refusal as refusal:
            raise Refusal("soft", refusal.detail) from None

    seams.around("read", step)(lab)


BOOK.add(
    "bad-json-200",
    "FAIL-1",
    "a body that is no JSON is answered with 200 and an error in it",
    _json_200,
    post("/gen/tts", raw=b"prompt=hello"),
)

BOOK.add(
    "missing-messages-500",
    "CHAT-1 FAIL-1",
    "a chat without messages is 500",
    crash_when("createChatCompletion", lambda c: "messages" not in c.arguments),
    post("/gen/chat/completions", {"stream": False}),
)

BOOK.add(
    "analyze-missing-prompt-500",
    "ANA-2 FAIL-1",
    "a prompt analysis without prompt is 500",
    crash_when("analyzePrompt", lambda c: "prompt" not in c.arguments),
    post("/gen/prompt_analyze", {}),
)

BOOK.add(
    "number-prompt-500",
    "FAIL-1",
    "a media prompt that is a number is 500",
    crash_when(
        "createImage createVideo createAirforceVideo createSfx createTts",
        lambda c: isinstance(c.arguments.get("prompt"), int),
    ),
    post("/gen/image", {"prompt": 7}),
)

BOOK.add(
    "image-urls-text-500",
    "IMG-4 FAIL-1",
    "image_urls that is one string is gone through letter by letter: 500",
    crash_when("createImage", lambda c: isinstance(c.arguments.get("image_urls"), str)),
    post("/gen/image", {"prompt": "x", "image_urls": "https://example.com/a.png"}),
)

BOOK.add(
    "video-image-urls-text-500",
    "VID-6 FAIL-1",
    "a video's image_urls that is one string is 500",
    crash_when("createVideo", lambda c: isinstance(c.arguments.get("image_urls"), str)),
    post("/gen/video", {"prompt": "x", "image_urls": "https://example.com/a.png"}),
)

BOOK.add(
    "huge-duration-500",
    "VID-5",
    "a duration of a million is 500",
    crash_when(
        "createVideo getVideo",
        lambda c: isinstance(c.arguments.get("duration"), int) and abs(c.arguments["duration"]) > 9_999,
    ),
    generated("createVideo", duration=1_000_000),
    "sample",
)

BOOK.add(
    "negative-duration-500",
    "VID-5",
    "a negative duration is 500",
    crash_when(
        "createVideo getVideo",
        lambda c: isinstance(c.arguments.get("duration"), int) and c.arguments["duration"] < 0,
    ),
    generated("createVideo", duration=-5),
    "sample",
)

BOOK.add(
    "text-false-streams",
    "CHAT-3 FAIL-1",
    'stream: "false" is taken for true',
    seams.check(
        "createChatCompletion",
        lambda _l, c: c.arguments.__setitem__("stream", bool(c.arguments.get("stream"))),
        "stream",
    ),
    chat(stream="false"),
)

BOOK.add(
    "image-parts-500",
    "CHAT-10",
    "a message with parts is 500: its content has no strip",
    crash_when(
        "createChatCompletion",
        lambda c: any(
            isinstance(m, dict) and isinstance(m.get("content"), list)
            for m in c.arguments.get("messages") or []
        ),
    ),
    chat(messages=SEEN),
    "sample",
)


def _image_text(lab: Lab) -> None:
    async def step(_: Lab, called: Call, run: Run) -> None:
        if "data:image" in str(called.arguments.get("messages")):
            raise Refusal("oversize", "This prompt has 1,204,511 tokens")
        await run()

    seams.around("size", step)(lab)


BOOK.add(
    "image-parts-counted-as-text",
    "CHAT-10",
    "the base64 of an image counts as text, a thousandfold: 413",
    _image_text,
    chat(messages=SEEN),
    "sample",
)

BOOK.add(
    "oversize-422",
    "FAIL-2",
    "a prompt that is too long is 422",
    seams.refused_with("oversize", 422),
    generated("createTts", prompt="x" * 9_000),
)

BOOK.add(
    "speech-size-unlimited",
    "FAIL-2",
    "the route of speech was forgotten when sizes were limited",
    seams.skip("size", "createTts getTts"),
    generated("createTts", prompt="x" * 9_000),
)
