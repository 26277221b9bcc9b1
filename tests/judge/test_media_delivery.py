"""Media may come in JSON, or in a format that only the host knows; what is no media at all stays a flaw."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from lightning_verify.reading.media import delivered, flaw, unknown

from tests.judge.media_samples import sample

# Neither text nor the beginning of anything.
NOISE = bytes(range(7, 256)) * 4


def packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


def verdict(body: Any, family: str, media_type: str = "application/json") -> str:
    """What the judge makes of a body: "whole", "elsewhere", "unknown" or "flaw"."""
    found = delivered(body if isinstance(body, bytes) else json.dumps(body).encode(), family, media_type)
    if found.elsewhere is not None:
        return "elsewhere"
    if unknown(found.data, family, found.media_type):
        return "unknown"
    return "whole" if flaw(found.data, family, found.media_type) is None else "flaw"


def briefly(value: object) -> str:
    """A name for a parameter: samples are long, and some are made anew in every process."""
    return value if isinstance(value, str) and len(value) < 32 else type(value).__name__


@pytest.mark.parametrize(
    ("body", "family", "expected"),
    [
        ({"created": 1, "data": [{"b64_json": packed(sample("png"))}]}, "image", "whole"),
        ({"video": f"data:video/mp4;base64,{packed(sample('mp4'))}"}, "video", "whole"),
        ({"audio": f"data:;base64,{packed(sample('wav'))}"}, "audio", "whole"),
        (f"data:image/png;base64,{packed(sample('png'))}", "image", "whole"),
        ({"thumbnail": packed(sample("png")), "video": packed(sample("mp4"))}, "video", "whole"),
        ({"audio": base64.urlsafe_b64encode(sample("mp3")).decode().rstrip("=")}, "audio", "whole"),
        ({"audio": packed(NOISE), "rate": 24000}, "audio", "unknown"),
        ({"url": "https://cdn.example/made/1.mp4", "sha256": "ab" * 32}, "video", "elsewhere"),
        ({"url": "/made/1.mp4"}, "video", "elsewhere"),
        ({"path": "/gen/video", "message": "Something went wrong"}, "video", "flaw"),
        ({"video": packed(sample("png"))}, "video", "flaw"),
        ({"data": [{"b64_json": packed(sample("png")[:90])}]}, "image", "flaw"),
        ({"image": f"data:image/png;base64,{packed(sample('jpeg'))}"}, "image", "flaw"),
        ({"audio": packed(b"the words that were to be said " * 30)}, "audio", "flaw"),
        ({"error": {"message": "busy", "help": "https://docs.example/errors"}}, "image", "flaw"),
        ({"error": "https://docs.example/errors/busy"}, "image", "flaw"),
        ({"id": "job-1", "see": "https://docs.example"}, "image", "flaw"),
        ({"id": "ab" * 32}, "image", "flaw"),
        ([], "image", "flaw"),
        (b"{broken", "image", "flaw"),
        (b"[" * 100_000, "image", "flaw"),
    ],
    ids=briefly,
)
def test_json_is_opened_before_it_is_judged(body: Any, family: str, expected: str) -> None:
    assert verdict(body, family) == expected


def test_json_under_the_name_of_media_is_a_flaw() -> None:
    assert verdict({"b64_json": packed(sample("png"))}, "image", "image/png") == "flaw"
    assert verdict({"b64_json": packed(sample("mp3"))}, "audio", "audio/L16".lower()) == "flaw"


@pytest.mark.parametrize(
    ("data", "family", "media_type", "expected"),
    [
        (NOISE, "audio", "audio/l16", "unknown"),
        (bytes(500), "audio", "audio/l16", "unknown"),
        (b"\xff\xfb\x00\x01" * 50, "audio", "audio/pcm", "unknown"),
        (b"\xff\x0a" + NOISE, "image", "image/jxl", "unknown"),
        (NOISE, "video", "video/x-something", "unknown"),
        (sample("mp4"), "video", "application/mp4", "whole"),
        (sample("opus"), "audio", "application/ogg", "whole"),
        (sample("mp4"), "image", "application/mp4", "flaw"),
        (NOISE, "audio", "audio/mpeg", "flaw"),
        (NOISE, "image", "image/png", "flaw"),
        (NOISE, "audio", "", "flaw"),
        (NOISE, "audio", "application/octet-stream", "flaw"),
        (NOISE, "audio", "video/x-something", "flaw"),
        (b"", "audio", "audio/l16", "flaw"),
        (b"{}" + b" " * 40, "audio", "audio/l16", "flaw"),
        (b"<html><body>busy \xe9</body></html>", "image", "image/jxl", "flaw"),
        (b"Too many requests, try again later.", "video", "video/x-something", "flaw"),
        (b"%PDF-1.7\n" + NOISE, "image", "image/x-something", "flaw"),
        (sample("png"), "audio", "audio/l16", "flaw"),
        (sample("webm")[:60], "video", "video/x-something", "flaw"),
    ],
    ids=briefly,
)
def test_only_what_nobody_can_check_is_left_alone(
    data: bytes, family: str, media_type: str, expected: str
) -> None:
    assert verdict(data, family, media_type) == expected


@pytest.mark.parametrize(
    ("data", "family", "media_type"),
    [
        (b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0" + bytes(28) + sample("wav")[12:], "audio", "audio/wav"),
        (b".snd" + bytes([0, 0, 0, 24]) + b"\xff" * 4 + bytes(12) + NOISE, "audio", "audio/basic"),
        (b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", "audio", "audio/midi"),
        (
            b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl \0\0\0\x0cjxlc\xff\x0a\0\0",
            "image",
            "image/jxl",
        ),
    ],
    ids=briefly,
)
def test_rarer_formats_are_walked_to_their_end(data: bytes, family: str, media_type: str) -> None:
    assert verdict(data, family, media_type) == "whole"
    assert verdict(data[:-1] if media_type != "audio/basic" else data[:24], family, media_type) == "flaw"
