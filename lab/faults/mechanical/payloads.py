"""Mechanical faults: what a request may look like."""

from __future__ import annotations

from collections.abc import Callable

from lab.faults import seams
from lab.faults.fault import Book
from lab.proofs import chat, generated, post
from lab.server.lab import Call, Lab, Refusal

BOOK = Book("mechanical")

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
    BOOK.add(
        f"prompt-unchecked-{_operation}",
        f"{_requirement} FAIL-1",
        f"{_operation} serves a request without a prompt",
        seams.check(_operation, _default_prompt, "prompt"),
        post(f"/gen/{_kind}", {}),
    )
    for _status in (422, 500):
        BOOK.add(
            f"prompt-missing-{_status}-{_operation}",
            f"{_requirement} FAIL-1",
            f"{_operation} without a prompt is {_status}",
            _prompt_fault(_operation, _status),
            post(f"/gen/{_kind}", {}),
        )


def _any_messages(field: str) -> Callable[[Lab, Call], None]:
    def function(_: Lab, called: Call) -> None:
        if not isinstance(called.arguments.get(field), list):
            called.arguments[field] = [{"role": "user", "content": "hi"}]

    return function


BOOK.add(
    "messages-unchecked",
    "CHAT-1 FAIL-1",
    "a chat without messages is served",
    seams.check("createChatCompletion", _any_messages("messages"), "messages"),
    post("/gen/chat/completions", {}),
)

BOOK.add(
    "analyze-unchecked",
    "ANA-2 FAIL-1",
    "a prompt analysis without a prompt is served",
    seams.check("analyzePrompt", _any_messages("prompt"), "messages"),
    post("/gen/prompt_analyze", {}),
)

BOOK.add(
    "items-unchecked",
    "CHAT-1 FAIL-1",
    "messages that are no objects are served",
    seams.both(
        seams.check(
            "createChatCompletion",
            lambda _l, c: c.arguments.__setitem__("messages", c.arguments.get("messages") or [{}]),
            "messages",
        ),
        seams.without("items", "createChatCompletion"),
    ),
    post("/gen/chat/completions", {"messages": ["hello", 7]}),
)

BOOK.add(
    "stream-unchecked",
    "CHAT-3 FAIL-1",
    "stream may be anything",
    seams.without("stream", "createChatCompletion"),
    chat(stream="yes"),
)

BOOK.add(
    "tools-unchecked",
    "CHAT-8 FAIL-1",
    "tools may be anything",
    seams.check(
        "createChatCompletion",
        lambda _l, c: c.arguments.__setitem__(
            "tools", c.arguments.get("tools") if isinstance(c.arguments.get("tools"), list) else None
        ),
        "tools",
    ),
    chat(tools="hammer"),
)

for _operation, _requirement in (("createImage", "IMG-4"), ("createVideo", "VID-6")):
    BOOK.add(
        f"image-urls-unchecked-{_operation}",
        f"{_requirement} FAIL-1",
        f"{_operation} serves image_urls that are no list",
        seams.without("image_urls", _operation),
        generated(_operation, image_urls="https://example.com/a.png"),
    )
    BOOK.add(
        f"image-urls-one-only-{_operation}",
        _requirement,
        f"{_operation} refuses a second image address",
        seams.refuse_when(_operation, lambda c: len(c.arguments.get("image_urls") or []) > 1),
        generated(_operation, image_urls=["https://example.com/a.png", "https://example.com/b.png"]),
        "sample",
    )
    BOOK.add(
        f"image-urls-required-{_operation}",
        _requirement,
        f"{_operation} refuses a request without image_urls",
        seams.refuse_when(_operation, lambda c: not c.arguments.get("image_urls")),
        generated(_operation),
        "sample",
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
    _words = f"{_field}-{'missing' if _choice is None else _choice.replace(':', 'x')}"
    BOOK.add(
        f"{_requirement.partition('-')[0].lower()}-{_words}-refused",
        _requirement,
        f"{_operations.split()[0]} refuses {_field} {'left out' if _choice is None else _choice}",
        seams.refuse_when(_operations, _has(_field, _choice)),
        generated(_operations.split()[0], **({} if _choice is None else {_field: _choice})),
        "sample",
    )

BOOK.add(
    "getImage-mode-refused",
    "IMG-3",
    "getImage refuses any mode",
    seams.refuse_when("getImage", lambda c: "mode" in c.arguments),
    generated("getImage", mode="fantasy"),
    "sample",
)


def _duration_range(low: int, high: int) -> Callable[[Lab, Call], None]:
    def function(_: Lab, called: Call) -> None:
        value = called.arguments.setdefault("duration", 5)
        if not isinstance(value, int) or not low <= value <= high:
            raise Refusal("invalid", "duration is out of range")

    return function


BOOK.add(
    "duration-not-clamped",
    "VID-5",
    "a duration outside 1 to 10 is refused",
    seams.check("createVideo getVideo", _duration_range(1, 10), "duration"),
    generated("createVideo", duration=11),
    "sample",
)

BOOK.add(
    "duration-zero-refused",
    "VID-5",
    "a duration below 1 is refused, a long one is clamped",
    seams.refuse_when("createVideo getVideo", lambda c: c.arguments["duration"] == 1),
    generated("createVideo", duration=0),
    "sample",
)

BOOK.add(
    "duration-unchecked",
    "VID-5 FAIL-1",
    "a duration that is no integer is served",
    seams.check("createVideo getVideo", lambda _l, c: c.arguments.__setitem__("duration", 5), "duration"),
    generated("createVideo", duration="long"),
)

BOOK.add(
    "duration-clamped-to-11",
    "VID-5",
    "a long duration is clamped to 11 instead of 10",
    seams.check(
        "createVideo getVideo",
        lambda _l, c: c.arguments.__setitem__(
            "duration", min(11, max(1, int(c.arguments.get("duration") or 5)))
        ),
        "duration",
    ),
    generated("createVideo", duration=60),
    "sample",
)
