"""What the comparison with others makes of what they answer; running it needs npm and a network."""

from __future__ import annotations

import pytest

from benchmarks.peers import OURS, Measured, judged, report, said
from benchmarks.scenarios import CHAT, IMAGE, SCENARIOS, STREAM, USAGE, Scenario

CHUNK = b'data: {"choices": [{"delta": {"content": "%s"}}]}\n\n'


@pytest.mark.parametrize(
    ("scenario", "kind", "content", "amiss"),
    [
        (USAGE, "application/json", b'{"usage": {"imagesDaily": {}}}', None),
        (USAGE, "application/json", b"[]", "no usage"),
        (CHAT, "application/json", b'{"choices": [{}]}', None),
        (CHAT, "text/event-stream", CHUNK % b"Hello", "no JSON"),
        (STREAM, "text/event-stream; charset=utf-8", CHUNK % b"Hello", None),
        (STREAM, "application/json", b'{"choices": [{}]}', "no stream"),
        (IMAGE, "image/jpeg", b"\xff\xd8\xff", None),
        (IMAGE, "image/jpeg", b"string", "no image"),
    ],
)
def test_a_route_counts_as_served_when_the_answer_is_of_its_kind(
    scenario: Scenario, kind: str, content: bytes, amiss: str | None
) -> None:
    assert judged(scenario, kind, content).amiss == amiss


def test_the_text_of_a_stream_is_what_its_chunks_say_together() -> None:
    assert (
        said(CHUNK % b"Hel" + b'data: {"router_metadata": {}}\n\n' + CHUNK % b"lo" + b"data: [DONE]\n\n")
        == "Hello"
    )


def test_the_report_says_where_somebody_else_is_ahead() -> None:
    every = {scenario.name: 100.0 for scenario in SCENARIOS}
    mine = Measured(start=0.5, memory=60 << 20, loaded=70 << 20, rates=every, amiss={}, pieces=64)
    refused = {USAGE.name: "404", STREAM.name: "no stream", IMAGE.name: "no image"}
    theirs = Measured(0.2, 80 << 20, 90 << 20, {CHAT.name: 120.0}, refused, 0)
    text = report({OURS: [mine], "other": [theirs]}, {OURS: "", "other": "1.0"}, 1)
    assert "| other 1.0 | 0.20 s | 80 MiB | 90 MiB | 404 | 120/s (1.20) | no stream | no image |" in text
    ahead = text.partition("not ahead:")[2]
    assert ahead.split() == ["-", "start:", "other", "-", "chat,", "JSON:", "other"]
