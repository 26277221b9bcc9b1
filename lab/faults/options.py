"""Faults: prompts, modes, ratios, durations and image inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab import seams
from lab.faults.fault import FaultSet
from lab.proofs import KINDS, decoded, generated, picture, post
from lab.server.lab import Call, Lab, Refusal

FAULTS = FaultSet()

_BODY = {
    "createImage": "image",
    "createVideo": "video",
    "createAirforceVideo": "video/airforce",
    "createSfx": "sfx",
    "createTts": "tts",
}


_PROMPT = {
    "createImage": "IMG-1",
    "createVideo": "VID-1",
    "createAirforceVideo": "FAIL-1",
    "createSfx": "SFX-2",
    "createTts": "TTS-2",
}


def _default_prompt(_: Lab, called: Call) -> None:
    value = called.arguments.get("prompt")
    called.arguments["prompt"] = value if isinstance(value, str) and value else "something"


def _prompt_status(status: int) -> Callable[[Lab, Call], None]:
    def function(lab: Lab, called: Call) -> None:
        if not isinstance(called.arguments.get("prompt"), str):
            raise Refusal(f"status-{status}", "prompt is required")

    return function


def _prompt_fault(operation: str, status: int) -> seams.Apply:
    def apply(lab: Lab) -> None:
        lab.status_of[f"status-{status}"] = status
        seams.check(operation, _prompt_status(status), "prompt")(lab)

    return apply


for _operation, _requirement in _PROMPT.items():
    _kind = _BODY[_operation]
    FAULTS.mechanical(f"{_requirement} FAIL-1", post(f"/gen/{_kind}", {})).add(
        f"prompt-unchecked-{_operation}: {_operation} serves a request without a prompt",
        seams.check(_operation, _default_prompt, "prompt"),
    )
    FAULTS.mechanical(f"{_requirement} FAIL-1", post(f"/gen/{_kind}", {})).add(
        f"prompt-missing-500-{_operation}: {_operation} without a prompt is 500",
        _prompt_fault(_operation, 500),
    )


def _has(field: str, value: str | None) -> Callable[[Call], bool]:
    return lambda called: called.arguments.get(field) == value


for _operations, _field, _choice, _requirement in (
    ("createImage getImage", "mode", "fantasy", "IMG-3"),
    ("createImage getImage", "mode", "realistic", "IMG-3"),
    ("createImage getImage", "mode", None, "IMG-3"),
    ("createVideo getVideo", "mode", "normal", "VID-4"),
    ("createVideo getVideo", "mode", "fun", "VID-4"),
    ("createVideo getVideo", "mode", None, "VID-4"),
    ("createVideo getVideo", "ratio", "3:2", "VID-3"),
    ("createVideo getVideo", "ratio", "2:3", "VID-3"),
    ("createVideo getVideo", "ratio", "1:1", "VID-3"),
    ("createVideo getVideo", "ratio", None, "VID-3"),
):
    _kind, _query = _requirement.partition("-")[0].lower(), {} if _choice is None else {_field: _choice}
    _slug = "missing" if _choice is None else _choice.replace(":", "x")
    FAULTS.mechanical(_requirement, generated(_operations.split()[0], **_query), spend="sample").add(
        f"{_kind}-{_field}-{_slug}-refused: {_operations} refuse {_field} {_choice or 'left out'}",
        seams.refuse_when(_operations, _has(_field, _choice)),
    )
    if _choice is not None:
        # A provider that does not know what the document promises.
        FAULTS.mechanical(_requirement, generated(_operations.split()[0], **_query), spend="sample").add(
            f"{_kind}-{_field}-{_slug}-500: {_operations} end in 500 for {_field} {_choice}",
            seams.crash_when(_operations, _has(_field, _choice)),
        )

FAULTS.mechanical("IMG-3", generated("getImage", mode="fantasy"), spend="sample").add(
    "getImage-mode-refused: getImage refuses any mode",
    seams.refuse_when("getImage", lambda c: "mode" in c.arguments),
)

FAULTS.handwritten(
    "IMG-4 VID-6",
    lambda c: c.generate("image", image_urls=["https://example.com/a.png"]).status,
    spend="sample",
).add(
    "addresses-of-images-refused: an address as image input is refused as invalid, whatever is found there",
    seams.refuse_when(
        "createImage createVideo",
        lambda called: any(str(item).startswith("http") for item in called.arguments.get("image_urls") or []),
    ),
)

FAULTS.handwritten("IMG-4 IMG-5", generated("createImage", image_urls=[picture()]), spend="sample").add(
    "image-base64-refused: base64 images are 400", seams.refuse_when("createImage", lambda c: bool(c.images))
)

for _kind, _requirement in (("Image", "IMG-4"), ("Video", "VID-6")):
    FAULTS.handwritten(_requirement, generated(f"create{_kind}", image_urls=[]), spend="sample").add(
        f"{_kind.lower()}-urls-empty-refused: an empty list of images is 400 on create{_kind}",
        seams.refuse_when(f"create{_kind}", lambda c: c.arguments.get("image_urls") == []),
    )

for _operation, _requirement in (("createImage", "IMG-4"), ("createVideo", "VID-6")):
    FAULTS.mechanical(
        f"{_requirement} FAIL-1", generated(_operation, image_urls="https://example.com/a.png")
    ).add(
        f"image-urls-unchecked-{_operation}: {_operation} serves image_urls that are no list",
        seams.without("image_urls", _operation),
    )
    FAULTS.mechanical(
        _requirement,
        generated(_operation, image_urls=["https://example.com/a.png", "https://example.com/b.png"]),
        spend="sample",
    ).add(
        f"image-urls-one-only-{_operation}: {_operation} refuses a second image address",
        seams.refuse_when(_operation, lambda c: len(c.arguments.get("image_urls") or []) > 1),
    )
    FAULTS.mechanical(_requirement, generated(_operation), spend="sample").add(
        f"image-urls-required-{_operation}: {_operation} refuses a request without image_urls",
        seams.refuse_when(_operation, lambda c: not c.arguments.get("image_urls")),
    )

# Some hosts take one address for a list of one, and would be paid for it: a free run does not ask.
FAULTS.reported(
    "IMG-4 FAIL-1",
    post("/gen/image", {"prompt": "x", "image_urls": "https://example.com/a.png"}),
    spend="sample",
).add(
    "image-urls-text-500: image_urls that is one string is gone through letter by letter: 500",
    seams.crash_when("createImage", lambda c: isinstance(c.arguments.get("image_urls"), str)),
)


for _operation, _requirement in (("createImage", "IMG-4"), ("createVideo", "VID-6")):
    FAULTS.mechanical(_requirement, generated(_operation, image_urls=[picture()]), spend="sample").add(
        f"base64-500-{_operation}: {_operation} ends in 500 for a base64 image",
        seams.crash_when(_operation, lambda c: bool(c.arguments.get("image_urls"))),
    )

for _operation, _requirement in (("createImage", "IMG-2"), ("createSfx", "SFX-1")):
    _proof = post(f"/gen/{KINDS[_operation]}", raw='{"prompt": "café"}'.encode())
    FAULTS.mechanical(_requirement, _proof, spend="sample").add(
        f"utf-8-500-{_operation}: {_operation} ends in 500 for letters beyond ASCII that are not escaped",
        seams.crash_when(_operation, lambda c: not c.raw.isascii()),
    )

for _operation, _requirement in (
    ("getImage", "IMG-2"),
    ("createVideo", "VID-2"),
    ("getAirforceVideo", "AIR-1"),
    ("createSfx", "SFX-1"),
    ("getTts", "TTS-1"),
):
    FAULTS.mechanical(_requirement, generated(_operation), spend="sample").add(
        f"{_operation}-500: {_operation} ends in 500, the other method is served",
        seams.crash_when(_operation, lambda c: True),
    )

FAULTS.handwritten("VID-5", generated("createVideo", duration=10), spend="sample").add(
    "video-ten-seconds-500: a duration of ten seconds ends in 500",
    seams.crash_when("createVideo getVideo", lambda c: c.arguments.get("duration") == 10),
)


FAULTS.handwritten("VID-5", generated("createVideo", duration=2**31), spend="sample").add(
    "video-endless-500: a duration that does not fit into 32 bits is 500",
    seams.crash_when("createVideo", lambda c: c.arguments.get("duration") == 2**31),
)


def _refuse_value(operation: str, field: str, value: Any) -> seams.Apply:
    def apply(lab: Lab) -> None:
        def first(_: Lab, called: Call) -> None:
            if called.arguments.get(field) == value:
                raise Refusal("invalid", f"{field} is not supported here")

        lab.checks[operation] = {"fault": first, **lab.checks[operation]}

    return apply


# The GET form is often a second handler, written for one of the values.
for _name, _requirement, _operation, _field, _value in (
    ("video-get-normal-refused", "VID-4", "getVideo", "mode", "normal"),
    ("video-get-wide-refused", "VID-3", "getVideo", "ratio", "3:2"),
    ("video-get-duration-refused", "VID-5", "getVideo", "duration", 99),
):
    FAULTS.handwritten(_requirement, generated(_operation, None, **{_field: _value}), spend="sample").add(
        f"{_name}: {_field} {_value} is 400 on {_operation}", _refuse_value(_operation, _field, _value)
    )

FAULTS.handwritten("VID-5", lambda c: decoded(c.generate("video", duration=-5).body), spend="sample").add(
    "negative-duration-turned-round: a negative duration counts without its sign",
    lambda lab: seams.before_checks(
        lab, "createVideo", "duration", lambda value: abs(value) if isinstance(value, int) else value
    ),
)

FAULTS.handwritten("VID-5", generated("createVideo", duration=11), spend="sample").add(
    "video-long-500: a duration beyond ten seconds is 500",
    seams.crash_when("createVideo", lambda c: c.arguments.get("duration", 0) > 10),
)


def _duration_range(low: int, high: int) -> Callable[[Lab, Call], None]:
    def function(_: Lab, called: Call) -> None:
        value = called.arguments.setdefault("duration", 5)
        if not isinstance(value, int) or not low <= value <= high:
            raise Refusal("invalid", "duration is out of range")

    return function


FAULTS.mechanical("VID-5", generated("createVideo", duration=11), spend="sample").add(
    "duration-not-clamped: a duration outside 1 to 10 is refused",
    seams.check("createVideo getVideo", _duration_range(1, 10), "duration"),
)

FAULTS.mechanical("VID-5", generated("createVideo", duration=0), spend="sample").add(
    "duration-zero-refused: a duration below 1 is refused, a long one is clamped",
    seams.refuse_when("createVideo getVideo", lambda c: c.arguments["duration"] == 1),
)

FAULTS.mechanical("VID-5 FAIL-1", generated("createVideo", duration="long")).add(
    "duration-unchecked: a duration that is no integer is served",
    seams.check("createVideo getVideo", lambda _l, c: c.arguments.__setitem__("duration", 5), "duration"),
)

FAULTS.mechanical("VID-5", generated("createVideo", duration=60), spend="sample").add(
    "duration-clamped-to-11: a long duration is clamped to 11 instead of 10",
    seams.check(
        "createVideo getVideo",
        lambda _l, c: c.arguments.__setitem__(
            "duration", min(11, max(1, int(c.arguments.get("duration") or 5)))
        ),
        "duration",
    ),
)

FAULTS.reported("VID-5", generated("createVideo", duration=1_000_000), spend="sample").add(
    "huge-duration-500: a duration of a million is 500",
    seams.crash_when(
        "createVideo getVideo",
        lambda c: isinstance(c.arguments.get("duration"), int) and abs(c.arguments["duration"]) > 9_999,
    ),
)

FAULTS.reported("VID-5", generated("createVideo", duration=-5), spend="sample").add(
    "negative-duration-500: a negative duration is 500",
    seams.crash_when(
        "createVideo getVideo",
        lambda c: isinstance(c.arguments.get("duration"), int) and c.arguments["duration"] < 0,
    ),
)

FAULTS.handwritten("VID-6", generated("createVideo", image_urls=[picture()]), spend="sample").add(
    "video-base64-refused: base64 images of a video are 400",
    seams.refuse_when("createVideo", lambda c: bool(c.images)),
)

FAULTS.reported(
    "VID-6 FAIL-1",
    post("/gen/video", {"prompt": "x", "image_urls": "https://example.com/a.png"}),
    spend="sample",
).add(
    "video-image-urls-text-500: a video's image_urls that is one string is 500",
    seams.crash_when("createVideo", lambda c: isinstance(c.arguments.get("image_urls"), str)),
)
