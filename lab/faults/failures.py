"""Faults: refusals and upstream failures."""

from __future__ import annotations

from collections.abc import Callable

from lab import seams
from lab.faults.fault import FaultSet
from lab.prompts import EASY
from lab.proofs import chat, generated, post
from lab.seams import Run, refused_with
from lab.server.lab import Call, Json, Lab, Refusal, Reply

FAULTS = FaultSet()


def _bad_json(lab: Lab, status: int) -> None:
    async def step(_: Lab, called: Call, run: Run) -> None:
        try:
            await run()
        except Refusal as refusal:
            raise Refusal(f"status-{status}", refusal.detail) from None

    lab.status_of[f"status-{status}"] = status
    seams.around("read", step)(lab)


FAULTS.handwritten("FAIL-1", post("/gen/image", raw=b"{not json")).add(
    "bad-json-500: a body that is no JSON is 500", lambda lab: _bad_json(lab, 500)
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


FAULTS.handwritten("FAIL-1", post("/gen/chat/completions", [1, 2])).add(
    "array-body-served: a body that is an array is served as if it were empty", _array_body
)


# Bodies that the handler reads before the validator: fastapi/fastapi#690, fastapi/fastapi#914,
# langflow-ai/langflow#10253, lm-sys/FastChat#1889.
def _when_raw(condition: Callable[[bytes], bool]) -> seams.Apply:
    async def step(lab: Lab, called: Call, run: Run) -> None:
        try:
            await run()
        except Refusal:
            if condition(called.raw):
                seams.crash()(lab, called)
            raise

    return seams.around("read", step)


# The worker that reads it dies, and the proxy before it says so.
FAULTS.handwritten("FAIL-1", post("/gen/image", raw=b"{not json")).add(
    "bad-json-502: a body that is no JSON is 502", lambda lab: _bad_json(lab, 502)
)

FAULTS.reported("FAIL-1", post("/gen/image", raw=b"")).add(
    "empty-body-500: an empty body is 500", _when_raw(lambda raw: not raw.strip())
)

FAULTS.reported("FAIL-1", post("/gen/chat/completions", [1])).add(
    "array-body-500: a body that is no object is 500", _when_raw(lambda raw: raw[:1] == b"[")
)

FAULTS.reported("FAIL-1 CHAT-1 ANA-2", post("/gen/chat/completions", {})).add(
    "all-invalid-422: invalid payloads are 422, the framework's own answer",
    seams.refused_with("invalid", 422),
)


def _json_200(lab: Lab) -> None:
    lab.status_of["soft"] = 200

    async def step(_: Lab, called: Call, run: Run) -> None:
        try:
            await run()
        except Refusal as refusal:
            raise Refusal("soft", refusal.detail) from None

    seams.around("read", step)(lab)


FAULTS.reported("FAIL-1", post("/gen/tts", raw=b"prompt=hello")).add(
    "bad-json-200: a body that is no JSON is answered with 200 and an error in it", _json_200
)

# Some hosts read a number as its digits, and would be paid for it: a free run does not ask.
FAULTS.reported("FAIL-1", post("/gen/image", {"prompt": 7}), spend="sample").add(
    "number-prompt-500: a media prompt that is a number is 500",
    seams.crash_when(
        "createImage createVideo createAirforceVideo createSfx createTts",
        lambda c: isinstance(c.arguments.get("prompt"), int),
    ),
)

FAULTS.handwritten(
    "FAIL-2",
    lambda c: c.chat(messages=[{"role": "user", "content": "word " * 60_000}], stream=True).status,
    spend="sample",
).add(
    "oversize-is-told-in-the-stream: a streamed chat that is too large is 200 and tells of it in an event",
    seams.refused_in_stream("oversize"),
)


async def _only_the_last(lab: Lab, called: Call, run: Run) -> None:
    plain = called.arguments.get("messages")
    if isinstance(plain, list) and len(plain) > 1:
        called.arguments["messages"] = plain[-1:]
        await run()
        called.arguments["messages"] = plain
    else:
        await run()


FAULTS.handwritten(
    "FAIL-2",
    lambda c: (
        c.chat(
            messages=[{"role": "user", "content": "word " * 60_000}] * 2
            + [{"role": "user", "content": "Go on."}]
        ).status
    ),
    spend="sample",
).add(
    "size-of-last-message-only: only the last message of a chat is measured",
    seams.around("size", _only_the_last),
)


async def _only_strings(lab: Lab, called: Call, run: Run) -> None:
    messages = called.arguments.get("messages")
    if isinstance(messages, list) and any(isinstance(m.get("content"), list) for m in messages):
        return
    await run()


FAULTS.handwritten(
    "FAIL-2",
    lambda c: (
        c.chat(messages=[{"role": "user", "content": [{"type": "text", "text": "word " * 60_000}]}]).status
    ),
    spend="sample",
).add(
    "size-of-parts-not-measured: text in content parts is not measured", seams.around("size", _only_strings)
)

FAULTS.handwritten("FAIL-2", generated("createSfx", prompt="x" * 9_000)).add(
    "oversize-cut-silently: a prompt that is too long is cut and served", seams.skip("size")
)

FAULTS.mechanical("FAIL-2", chat(messages=[{"role": "user", "content": "x" * 40_000}])).add(
    "chat-size-unlimited: a chat may have any size", seams.skip("size", "createChatCompletion")
)

FAULTS.mechanical("FAIL-2", generated("createTts", prompt="x" * 9_000)).add(
    "media-size-unlimited: a media prompt may have any size",
    seams.skip("size", "createImage createVideo createAirforceVideo createSfx createTts"),
)

FAULTS.mechanical(
    "FAIL-2", post("/gen/prompt_analyze", {"prompt": [{"role": "user", "content": "x" * 900_000}]})
).add("analyze-size-unlimited: a prompt to analyse may have any size", seams.skip("size", "analyzePrompt"))

FAULTS.mechanical("FAIL-2", generated("createImage", prompt="x" * 9_000)).add(
    "oversize-500: a prompt that is too long is 500", refused_with("oversize", 500)
)

FAULTS.handwritten("FAIL-2", generated("createImage", prompt="x" * 9_000)).add(
    "oversize-504: a prompt that is too long is 504", refused_with("oversize", 504)
)

FAULTS.reported("FAIL-2", generated("createTts", prompt="x" * 9_000)).add(
    "oversize-422: a prompt that is too long is 422", seams.refused_with("oversize", 422)
).add(
    "speech-size-unlimited: the route of speech was forgotten when sizes were limited",
    seams.skip("size", "createTts getTts"),
)

FAULTS.handwritten("FAIL-3 IMG-2", generated("createImage"), spend="sample").add(
    "upstream-failure-200: when the provider of images fails the answer is 200 and a sorry page",
    seams.instead("createImage getImage", lambda c: seams.html()),
)

FAULTS.reported("FAIL-3 SFX-1", generated("createSfx"), spend="sample").add(
    "upstream-failure-200-json: when the provider of sounds fails the answer is 200 and says so in JSON",
    seams.instead("createSfx getSfx", lambda c: Json({"error": {"message": "Provider is away"}})),
)

FAULTS.handwritten("FAIL-3 VID-2", generated("createVideo"), spend="sample").add(
    "upstream-failure-404: when the provider of videos fails the answer is 404",
    seams.instead("createVideo getVideo", lambda c: Json({"detail": "Provider is away"}, 404)),
)

FAULTS.handwritten("FAIL-3 RATE-4", generated("createTts"), spend="sample").add(
    "upstream-failure-429: when the provider of speech fails the answer is 429, with units left",
    seams.instead("createTts getTts", lambda c: Json({"detail": "Provider is busy"}, 429)),
)


def _page(status: int) -> Callable[[Call], Reply]:
    return lambda _: seams.html(status)


FAULTS.reported("FAIL-3 SFX-1", generated("createSfx"), spend="sample").add(
    # Upstream trouble that is passed on as it came: gateways answer 502 to 504 with pages of their proxies.
    "upstream-502: a failure of the provider is 502 with a proxy's page on createSfx",
    seams.instead("createSfx getSfx", _page(502)),
)
