"""Faults: what one generation is charged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lab import seams
from lab.faults.callers import FREE, KEY, PAID, shows
from lab.faults.fault import FaultSet
from lab.proofs import TOOL, and_later, charged, picture
from lab.seams import Run
from lab.server.lab import Call, Identity, Lab
from lab.server.payloads import text_of

FAULTS = FaultSet()


def _own_metric(lab: Lab) -> None:
    async def step(inner: Lab, called: Call, run: Run) -> None:
        if "Airforce" in called.operation.id:
            called.identity = replace(called.identity, key=called.identity.key + "|airforce")
        await run()

    seams.around("charge", step)(lab)


FAULTS.handwritten("AIR-3", charged("createAirforceVideo"), spend="sample").add(
    "airforce-own-metric: videos of the alternate route are counted apart from the others", _own_metric
)

_METERED = {
    "CHAT-11": ("chat", "createChatCompletion", "createChatCompletion", "imagesDaily"),
    "IMG-6": ("image", "createImage getImage", "getImage", "videosDaily"),
    "VID-7": ("video", "createVideo getVideo", "getVideo", "imagesDaily"),
    "AIR-3": ("airforce", "createAirforceVideo getAirforceVideo", "getAirforceVideo", "imagesDaily"),
    "SFX-3": ("sfx", "createSfx getSfx", "getSfx", "videosDaily"),
    "TTS-3": ("tts", "createTts getTts", "getTts", "cloudChatDaily"),
}


def _again(operations: str, metric: str | None = None) -> seams.Apply:
    chosen = seams.ids(operations)

    def more(lab: Lab, called: Call) -> list[tuple[str, str]]:
        if called.operation.id not in chosen:
            return []
        return [(called.identity.key, metric or str(lab.metric_of[called.operation.id]))]

    return seams.charge_more(more)


def _metric(operations: str, metric: str | None) -> seams.Apply:
    return lambda lab: lab.metric_of.update(dict.fromkeys(operations.split(), metric))


for _requirement, (_slug, _operations, _get, _wrong) in _METERED.items():
    _post = _operations.split()[0]
    FAULTS.mechanical(f"{_requirement} RATE-4", charged(_post), spend="sample").add(
        f"{_slug}-not-charged: {_slug} consumes nothing", _metric(_operations, None)
    )
    FAULTS.mechanical(_requirement, charged(_post), spend="sample").add(
        f"{_slug}-charged-twice: {_slug} consumes two units", _again(_operations)
    )
    FAULTS.mechanical(_requirement, charged(_post), spend="sample").add(
        f"{_slug}-charges-{_wrong}-too: {_slug} consumes a unit of {_wrong} as well",
        _again(_operations, _wrong),
    )
    if _get != _post:
        FAULTS.mechanical(f"{_requirement} RATE-4", charged(_get), spend="sample").add(
            f"{_slug}-get-not-charged: GET of {_slug} consumes nothing", _metric(_get, None)
        )


def _free_streams(lab: Lab) -> None:
    async def step(_: Lab, called: Call, run: Run) -> None:
        if called.arguments.get("stream") is not True:
            await run()

    seams.around("charge", step)(lab)


FAULTS.handwritten("CHAT-11", charged("createChatCompletion", stream=True), spend="sample").add(
    "chat-stream-not-charged: a streamed chat consumes nothing", _free_streams
)


def _free_when(lab: Lab, condition: Callable[[Call], bool]) -> None:
    async def step(_: Lab, called: Call, run: Run) -> None:
        if not condition(called):
            await run()

    seams.around("charge", step)(lab)


FAULTS.handwritten("CHAT-11", charged("createChatCompletion", tools=[TOOL]), spend="sample").add(
    "chat-with-tools-not-charged: a chat with tools consumes nothing",
    lambda lab: _free_when(lab, lambda c: bool(c.arguments.get("tools"))),
)


async def _charged_again(lab: Lab, called: Call, run: Run) -> None:
    await run()
    if called.charged:
        seams.charge_later(lab, called)


FAULTS.handwritten(
    "CHAT-11 IMG-6 VID-7 AIR-3 SFX-3 TTS-3", and_later(charged("createImage")), spend="sample"
).add(
    "charged-twice-a-moment-later: a second unit is taken a moment after the answer",
    seams.around("charge", _charged_again),
)


def _free_of_charge(operations: str, *tokens: str) -> seams.Apply:
    """These credentials pay nothing on these operations."""
    chosen = seams.ids(operations)

    async def maybe(lab: Lab, called: Call, run: Run) -> None:
        if called.operation.id not in chosen or not shows(lab, called, *tokens):
            await run()

    return seams.around("charge", maybe)


FAULTS.handwritten("CHAT-11", charged("createChatCompletion", KEY), spend="sample", credentials=KEY).add(
    "chats-by-key-free: a chat by API key is not counted", _free_of_charge("createChatCompletion", KEY)
)


def _more(condition: Callable[[Call], int]) -> seams.Apply:
    return seams.charge_more(
        lambda lab, c: (
            [(c.identity.key, str(c.operation.metric))] * condition(c) if c.operation.metric else []
        )
    )


FAULTS.reported("CHAT-11", charged("createChatCompletion", stream=True), spend="sample").add(
    # Two billing steps on one path: langgenius/dify#40613.
    "stream-charged-twice: a streamed chat is charged at its start and at its end",
    _more(lambda c: int(c.arguments.get("stream") is True)),
)


def _first_twice(lab: Lab) -> None:
    async def step(inner: Lab, called: Call, run: Run) -> None:
        metric = inner.metric_of[called.operation.id]
        fresh = metric is not None and inner.used_of(called.identity, metric) == 0
        await run()
        if fresh and metric is not None:
            seams.count(inner, called.identity.key, metric)

    seams.around("charge", step)(lab)


FAULTS.reported("CHAT-11 IMG-6", charged("createImage", times=2), spend="sample").add(
    # The seed and the increment both count: Ganesh-403/semantic-plagiarism-detector#2178.
    "first-call-counted-twice: the first unit of a window is counted twice",
    _first_twice,
)

FAULTS.reported("CHAT-11", charged("createChatCompletion"), spend="sample").add(
    # Units of another kind: wso2/api-platform#2932 mixes up tokens and requests.
    "chat-charged-by-words: a chat consumes a unit for each word of its prompt",
    _more(
        lambda c: (
            max(0, len(text_of(c.arguments.get("messages")).split()) - 1)
            if c.operation.id == "createChatCompletion"
            else 0
        )
    ),
)

FAULTS.handwritten("IMG-6", charged("createImage", PAID), spend="sample", credentials=PAID).add(
    "images-by-token-free: an image by access token is not counted",
    _free_of_charge("createImage getImage", PAID),
)


def _client_pays(lab: Lab, called: Call, who: Identity) -> Identity:
    client = called.request.headers.get("x-client-id", "")
    if who.auth_type and client and called.operation.metric and called.operation.metric != "cloudChatDaily":
        return replace(who, key=f"client:{client}")
    return who


FAULTS.handwritten(
    "IMG-6 VID-7 SFX-3 ID-5",
    lambda c: (c.generate("image", PAID).status, c.used(PAID)),
    spend="sample",
    credentials=PAID,
).add(
    "media-beside-client-id-charged-to-it: media by a bearer beside a client id are charged to the client id",
    seams.resolve(_client_pays),
)

FAULTS.handwritten(
    "IMG-6", charged("createImage", image_urls=["https://example.com/a.png"]), spend="sample"
).add(
    "image-inputs-charged: an image consumes a unit more for each address it is given",
    seams.charge_more(
        lambda _l, c: (
            [(c.identity.key, "imagesDaily")] * len(c.arguments.get("image_urls") or [])
            if "Image" in c.operation.id
            else []
        )
    ),
)

FAULTS.reported("IMG-6", charged("createImage", mode="realistic"), spend="sample").add(
    "realistic-charged-twice: a realistic image consumes two units",
    _more(lambda c: int(c.arguments.get("mode") == "realistic")),
)

FAULTS.handwritten("SFX-3", charged("createSfx", PAID), spend="exhaust", credentials=PAID).add(
    "sounds-of-accounts-free: a sound of a signed-in user is not counted",
    _free_of_charge("createSfx getSfx", PAID, KEY, FREE),
)


def _speech_counter(lab: Lab) -> None:
    async def step(inner: Lab, called: Call, run: Run) -> None:
        if called.operation.id in {"createTts", "getTts"}:
            called.identity = replace(called.identity, key=called.identity.key + "|speech")
        await run()

    seams.around("charge", step)(lab)


FAULTS.handwritten("TTS-3", charged("createTts"), spend="sample").add(
    "tts-own-counter: speech is counted apart from sound", _speech_counter
)

FAULTS.handwritten("VID-7", charged("createVideo", duration=10), spend="sample").add(
    "video-duration-charged: a video consumes a unit for every five seconds",
    seams.charge_more(
        lambda _l, c: (
            [(c.identity.key, "videosDaily")] * ((c.arguments.get("duration", 0) - 1) // 5)
            if "Video" in c.operation.id
            else []
        )
    ),
)

FAULTS.reported(
    "VID-7", lambda c: (c.generate("video", image_urls=[picture()]).status, c.used()), spend="sample"
).add(
    "base64-video-charged-as-image: a video with a base64 image consumes an image as well",
    seams.charge_more(
        lambda _l, c: [(c.identity.key, "imagesDaily")] if c.images and "Video" in c.operation.id else []
    ),
)
