"""Mechanical faults: what is charged and when it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.seams import refused_with
from lab.proofs import charged, exhaust
from lab.server.lab import Call, Identity, Lab

BOOK = Book("mechanical")

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
    BOOK.add(
        f"{_slug}-charges-{_wrong}",
        _requirement,
        f"{_slug} consumes {_wrong} instead",
        _metric(_operations, _wrong),
        charged(_post),
        "sample",
    )
    BOOK.add(
        f"{_slug}-not-charged",
        f"{_requirement} RATE-4",
        f"{_slug} consumes nothing",
        _metric(_operations, None),
        charged(_post),
        "sample",
    )
    BOOK.add(
        f"{_slug}-charged-twice",
        _requirement,
        f"{_slug} consumes two units",
        _again(_operations),
        charged(_post),
        "sample",
    )
    BOOK.add(
        f"{_slug}-charges-{_wrong}-too",
        _requirement,
        f"{_slug} consumes a unit of {_wrong} as well",
        _again(_operations, _wrong),
        charged(_post),
        "sample",
    )
    if _get != _post:
        BOOK.add(
            f"{_slug}-get-not-charged",
            f"{_requirement} RATE-4",
            f"GET of {_slug} consumes nothing",
            _metric(_get, None),
            charged(_get),
            "sample",
        )
        BOOK.add(
            f"{_slug}-get-charged-twice",
            _requirement,
            f"GET of {_slug} consumes two units",
            _again(_get),
            charged(_get),
            "sample",
        )


def _enforce(metric: str, limit: Callable[[int], int | None]) -> seams.Apply:
    """Enforce another limit than the one that is shown."""

    async def step(lab: Lab, called: Call, run: Callable[[], Any]) -> None:
        plain = lab.limit_of

        def moved(who: Identity, which: str) -> int | None:
            found = plain(who, which)
            return limit(found) if which == metric and found is not None else found

        lab.limit_of = moved
        try:
            await run()
        finally:
            lab.limit_of = plain

    return seams.around("charge", step)


for _metric_name, _operation, _times in (
    ("imagesDaily", "createImage", 12),
    ("videosDaily", "createVideo", 5),
    ("audioWeekly", "createTts", 3),
    ("cloudChatDaily", "createChatCompletion", 52),
):
    BOOK.add(
        f"{_metric_name}-limit-plus-one",
        "RATE-4",
        f"one more than the limit of {_metric_name} is served",
        _enforce(_metric_name, lambda n: n + 1),
        exhaust(_operation, _times),
        "exhaust",
    )
    BOOK.add(
        f"{_metric_name}-limit-minus-one",
        "RATE-4",
        f"one less than the limit of {_metric_name} is served",
        _enforce(_metric_name, lambda n: n - 1),
        exhaust(_operation, _times),
        "exhaust",
    )
    BOOK.add(
        f"{_metric_name}-not-enforced",
        "RATE-4",
        f"the limit of {_metric_name} is not enforced",
        _enforce(_metric_name, lambda _: None),
        exhaust(_operation, _times),
        "exhaust",
    )

for _status in (403, 503):
    BOOK.add(
        f"exhausted-{_status}",
        "RATE-4",
        f"a used-up plan is answered with {_status}",
        refused_with("exhausted", _status),
        exhaust("createSfx", 2),
        "exhaust",
    )


def _order(text: str) -> seams.Apply:
    return lambda lab: setattr(lab, "order", text.split())


BOOK.add(
    "charge-before-validation",
    "RATE-2",
    "a unit is taken before the payload is looked at",
    _order("identify charge read validate size"),
    lambda c: (c.post("/gen/image", {}).status, c.used()),
)

BOOK.add(
    "charge-before-size",
    "RATE-2",
    "a unit is taken before the size is looked at",
    _order("identify read validate charge size"),
    lambda c: (c.make("image", prompt="x" * 3000).status, c.used()),
)
