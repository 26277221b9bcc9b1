"""What is shown of an exchange is the part that matters, in a form that a person reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lightning_spec.loader import load_requirements
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.harmless import shortened, without_filler
from lightning_verify.judging.redaction import Redactor
from lightning_verify.judging.verdicts import Finding, apart, rule
from lightning_verify.report.sections import request_line, seen
from lightning_verify.transport.exchange import Exchange

from tests.judge.chat_streams import chunk

REQUIREMENTS = load_requirements().requirements
SECRET = "ipa_live_a-secret-that-nobody-may-see"
CHUNK, LAST = chunk({"content": "word"}), chunk({}, "stop")
BEGINNING = [{"router_metadata": {"model_name": "Swift 8B"}}, chunk({"role": "assistant"})]


def events(*chunks: object) -> bytes:
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode()


def shown(body: bytes, media_type: str = "text/event-stream", **facts: Any) -> str:
    exchange = Exchange("POST", "/gen/chat/completions", {}, b"{}", None, "a fresh client id", 200, **facts)
    exchange.headers, exchange.body = [("Content-Type", media_type)], body
    recorder = Recorder("http://127.0.0.1:1", Redactor({"LIGHTNING_API_KEY": SECRET}))
    return str(recorder.record(exchange)["response"]["body"])


def test_of_a_stream_that_does_not_end_rightly_the_end_is_shown() -> None:
    told = shown(events(*BEGINNING, *[CHUNK] * 80, {**LAST, "id": "the last one"}))
    assert "the last one" in told
    assert "router_metadata" not in told
    assert len(told) < 600


def test_of_a_text_that_breaks_off_the_end_is_shown() -> None:
    body = json.dumps({"plans": ["x y"] * 800}).encode() + b'{"here": "it bre'
    told = shown(body, "application/json", problem="the host closed the connection (after part of the body)")
    assert told.endswith('{"here": "it bre')
    assert f"{len(body)} bytes" in told


def test_the_offending_event_is_shown_with_its_number() -> None:
    wrong = chunk({"content": 17})
    told = shown(events(*BEGINNING, *[CHUNK] * 40, wrong, *[CHUNK] * 40, LAST) + b"data: [DONE]\n\n")
    lines = told.splitlines()
    assert lines[0] == "(85 events, of which these matter)"
    assert lines[1] == f"[42] {json.dumps(CHUNK)}"
    assert lines[2] == f"[43]  <- here {json.dumps(wrong)}"
    assert len(lines) == 3


def test_an_offending_event_and_a_wrong_end_are_both_shown() -> None:
    told = shown(events(*BEGINNING, ["no object"], *[CHUNK] * 40))
    assert '[3]  <- here ["no object"]' in told
    assert f"[43] {json.dumps(CHUNK)}" in told


def test_what_comes_after_the_end_is_the_offending_event() -> None:
    told = shown(events(*BEGINNING, *[CHUNK] * 80, LAST) + b"data: [DONE]\n\n" + events({"late": True}))
    assert '[85]  <- here {"late": true}' in told


def test_a_good_stream_is_shown_from_its_beginning() -> None:
    assert shown(events(*BEGINNING, CHUNK, LAST) + b"data: [DONE]\n\n").startswith("data: {")


@pytest.mark.parametrize("cut", [0, 5, 12])
def test_no_secret_is_in_the_part_that_is_shown(cut: int) -> None:
    at_the_end = events(*BEGINNING, *[CHUNK] * 80, {"note": SECRET, "more": "x" * (400 - cut)})
    offending = events(*BEGINNING, ["x" * (390 - cut) + " " + SECRET], LAST)
    for told in (shown(at_the_end), shown(offending)):
        assert not any(SECRET[start : start + 12] in told for start in range(len(SECRET) - 11))


def test_of_a_file_both_ends_are_shown() -> None:
    told = shown(b"\xff\xd8\xff" + bytes(2000) + b"\xff\xd9", "image/jpeg")
    assert told.startswith("<2005 bytes, first ff d8 ff")
    assert told.endswith("ff d9>")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("word " * 800, "word …(800 times)…"),
        ("say: " + "x" * 5000 + "!", "say: x…(5000 times)…!"),
        ("It is a long way. " * 100 + "End.", "It is a long way. …(100 times)…End."),
        ("0x" * 20, "0x" * 20),
        ("words that differ", "words that differ"),
    ],
)
def test_what_only_fills_is_cut_and_told(text: str, left: str) -> None:
    assert without_filler(text) == left


def test_a_long_run_of_letters_is_cut_in_its_middle() -> None:
    letters = "".join(f"{number:04x}" for number in range(1000))
    assert without_filler(f"before {letters} after") == (
        f"before {letters[:40]}…(3950 characters)…{letters[-10:]} after"
    )
    assert len(shortened(f"{letters} " * 50, 400)) < 450


def test_percent_encoded_prompts_are_shown_decoded() -> None:
    path = "/gen/image/a%20red%20fox%20%C3%A9t%C3%A9?ratio=1%3A1"
    exchange = Exchange("GET", path, {}, None, None, "a fresh client id", 400)
    item = Recorder("http://127.0.0.1:1", Redactor({})).record(exchange)
    assert request_line(item) == "GET /gen/image/a red fox été?ratio=1:1 as a fresh client id"
    assert exchange.title == "GET /gen/image/a red fox été?ratio=1:1 -> 400"
    # What can be sent again stays as it was sent.
    assert path in item["request"]["curl"]


def test_reasons_beside_their_requests_neither_repeat_them_nor_each_other() -> None:
    recorder, requirement = Recorder("http://127.0.0.1:1", Redactor({})), next(iter(REQUIREMENTS.values()))
    findings = []
    for words, more in (("a%20word", " (in all answers)"), ("two%20words", ""), ("three", " at all")):
        exchange = Exchange("GET", f"/gen/tts/{words}", {}, None, None, "a fresh client id", 200)
        reason = f"{exchange.title}: no sound{more}"
        findings.append(Finding(requirement.id, "fail", words, reason, 1, (recorder.record(exchange),)))
    assert seen(rule(requirement, findings)) == "no sound (in all answers); no sound at all"


def test_no_reason_is_told_twice() -> None:
    said = [
        "/status -> 200: text/plain (in 8 of 9 answers)",
        "/status -> 200: text/plain",
        "",
        "other",
        "other",
    ]
    assert apart(said) == [said[0], "other"]
