"""Valid requests of every kind: that they are valid, and that a kind that a host cannot do is named."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from lightning_verify.judging.search import Search, fewest
from lightning_verify.requests.invalid import sample
from lightning_verify.requests.kinds import Subject
from lightning_verify.requests.kinds_of_chat import ANALYSIS, CHAT
from lightning_verify.requests.kinds_of_media import MEDIA

from lab.client import Client
from lab.running import running
from tests.judge.commands import command
from tests.judge.tiny_server import Answer, Asked, tiny
from tests.judge.tools import judge_of

SUBJECTS = pytest.mark.parametrize("subject", [ANALYSIS, CHAT, *MEDIA], ids=lambda each: each.operation)


@SUBJECTS
def test_what_is_drawn_has_every_kind_and_a_conforming_server_serves_it(subject: Subject) -> None:
    drawn = subject.drawn(subject.count(24), 3)
    assert set().union(*drawn) == set(subject.kinds)
    with running() as lab:
        for chosen in drawn:
            call = subject.request(chosen)
            client = Client(lab.base_url, lab.credentials)
            answer = client.get(call.path) if call.body is None else client.post(call.path, call.body)
            assert answer.status == 200, (call, answer.body)


def test_the_same_seed_draws_the_same_and_another_one_does_not() -> None:
    video = next(subject for subject in MEDIA if subject.operation == "createVideo")
    assert video.drawn(5, 1) == video.drawn(5, 1)
    assert video.drawn(5, 1) != video.drawn(5, 2)


def test_what_is_needed_comes_with_what_needs_it() -> None:
    for chosen in CHAT.drawn(10, 0):
        assert CHAT.closed(chosen) == tuple(name for name in CHAT.kinds if name in chosen)
    assert CHAT.closed(["tool_choice none"]) == ()


@pytest.mark.parametrize("culprits", [{"c"}, {"a", "h"}, {"b", "c", "g"}])
@pytest.mark.parametrize("good", [set(), set("adef"), set("abcdefgh")])
def test_the_fewest_names_are_found_with_few_questions(culprits: set[str], good: set[str]) -> None:
    asked = []

    def bad(names: Iterable[str]) -> bool:
        asked.append(set(names))
        return culprits <= asked[-1]

    assert set(fewest(tuple, tuple("abcdefgh"), good, bad)) == culprits
    assert len(asked) <= 24


def test_what_may_be_refused_hides_nothing_that_may_not(tmp_path: Path) -> None:
    def refuses_both(asked: Asked) -> Answer:
        return Answer(400 if b"\\u0007" in asked.body or b"anyOf" in asked.body else 200)

    either = next(drawn for drawn in CHAT.drawn(24, 0) if "a tool with anyOf" in drawn)
    example = {**either, "control characters": "a\x07b"}
    with tiny(refuses_both) as host, judge_of(host.base_url, tmp_path) as judge:
        [found] = Search(judge, CHAT, 60).run([example])
    assert set(found.chosen) == {"a tool with anyOf"}


@pytest.mark.parametrize("subject", MEDIA, ids=lambda each: each.operation)
def test_a_host_may_be_configured_to_take_short_texts_only(subject: Subject, tmp_path: Path) -> None:
    def takes_120_bytes(asked: Asked) -> Answer:
        return Answer(413 if _bytes_of_the_prompt(asked) > 120 else 200)

    with tiny(takes_120_bytes) as host, judge_of(host.base_url, tmp_path) as judge:
        assert not list(Search(judge, subject, 60).run(subject.drawn(24, 0)))


def _bytes_of_the_prompt(asked: Asked) -> int:
    if asked.method == "GET":
        return len(unquote_to_bytes(asked.path.partition("?")[0].rpartition("/")[2]))
    body = json.loads(asked.body)
    return len((body.get("prompt") or body["input"]).encode())


@pytest.mark.parametrize("left", [30, 60])
def test_what_can_no_longer_be_told_apart_adds_nothing_to_what_was(left: int, tmp_path: Path) -> None:
    def fails_at_streams_with_tools(asked: Asked) -> Answer:
        body = json.loads(asked.body)
        return Answer(500 if body.get("stream") and body.get("tools") else 200)

    with tiny(fails_at_streams_with_tools) as host, judge_of(host.base_url, tmp_path) as judge:
        found = list(Search(judge, CHAT, left).run(CHAT.drawn(40, 2)))
    assert found
    for each in found:
        [tool] = set(CHAT.telling(each.chosen)) - {"a stream"}
        assert each.narrowed
        assert "tool" in tool


def _calls_no_tool(asked: Asked) -> Answer:
    """A host that forgets that a tool must be called, once another has answered."""
    body = json.loads(asked.body)
    obeys = body.get("tool_choice") == "required" and all(m["role"] != "tool" for m in body["messages"])
    message: dict[str, Any] = {"role": "assistant", "content": None if obeys else "Clear."}
    if obeys:
        function = {"name": body["tools"][0]["function"]["name"], "arguments": "{}"}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if obeys else "stop"}
    labels = {"id": "chat-1", "object": "chat.completion", "created": 1, "model": "m"}
    told = json.dumps({**labels, "choices": [choice]}).encode()
    return Answer(headers={"Content-Type": "application/json"}, pieces=(told,))


def test_a_tool_that_must_be_called_and_is_not_after_another_has_answered(tmp_path: Path) -> None:
    wanted = ("a tool without parameters", "tool_choice required", "a tool call and its answer")
    example = {name: sample(kind.values, 1, 0)[0] for name in wanted for kind in [CHAT.kinds[name]]}
    with tiny(_calls_no_tool) as host, judge_of(host.base_url, tmp_path) as judge:
        [found] = Search(judge, CHAT, 60).run([example])
    assert found.flaw.sort == "CHAT-9"
    assert set(found.chosen) == set(wanted)


def test_a_kind_that_is_failed_at_is_named_shown_at_its_smallest_and_tried_first_again(
    tmp_path: Path,
) -> None:
    with running(fault="analysis-of-astral-500") as server:
        where = (f"--base-url={server.base_url}", "--report-dir=reports", "--spend=exhaust", "--only=ANA-2")
        run = command(*where, directory=tmp_path)
        kept = json.loads((tmp_path / "reports" / "examples.json").read_text())
        before = len(server.requests)
        again = command(*where, "--examples=1", "--seed=99", directory=tmp_path)
        few = len(server.requests) - before
    [reason] = [entry["reason"] for entry in run.report["requirements"] if entry["id"] == "ANA-2"]
    assert "fails at characters beyond the basic plane, each time" in reason
    assert kept[0]["operation"] == "analyzePrompt"
    assert len(kept[0]["kinds"]) == 1
    assert len(kept[0]["request"]["body"]["prompt"][0]["content"]) <= len("Say hello. ") + 3
    assert again.verdicts["ANA-2"] == "fail"
    # Nothing is searched for again.
    assert before - few > 50


def test_a_flaw_that_takes_all_requests_hides_none_of_another_sort(tmp_path: Path) -> None:
    def fails_at_some_schemas(asked: Asked) -> Answer:
        return Answer(500) if b"anyOf" in asked.body else _calls_no_tool(asked)

    harmless = ("East Asian characters", "a system message", "an earlier answer")
    forgetful = ("a tool without parameters", "tool_choice required", "a tool call and its answer")
    examples = [
        {name: sample(CHAT.kinds[name].values, 1, 0)[0] for name in (*harmless, *names)}
        for names in (forgetful, ("a tool with anyOf",))
    ]
    with tiny(fails_at_some_schemas) as host, judge_of(host.base_url, tmp_path) as judge:
        found = list(Search(judge, CHAT, 6).run(examples))
    assert [each.flaw.sort for each in found] == ["CHAT-9", "failed"]
