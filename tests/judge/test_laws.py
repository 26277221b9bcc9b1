"""What each exchange must keep by itself, and that every exchange of a run is held to it."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from lightning_spec.loader import load_requirements, load_spec
from lightning_verify.facts import METRICS
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.law_monitor import LawMonitor
from lightning_verify.judging.redaction import Redactor
from lightning_verify.laws.generation import MEDIA, chosen_otherwise
from lightning_verify.laws.table import LAWS, check_laws
from lightning_verify.requests.callers import client_id
from lightning_verify.requests.valid import CALLS, NO_ASSETS, say
from lightning_verify.transport.exchange import Exchange

from tests.judge.canaries import token
from tests.judge.chat_streams import LABELS, chunk

SPEC = load_spec()
TOOLS = [{"type": "function", "function": {"name": "get_time", "parameters": {"type": "object"}}}]
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
}
TOKEN = "e30.eyJzZXNzaW9uX2lkIjoiMSJ9.signature"
METRIC = {"limit": 50, "used": 1, "remaining": 49, "window": "2026-05-15", "period": "daily"}
WEEKLY = {**METRIC, "window": "2026-W20", "period": "weekly"}
SUBSCRIPTION: dict[str, Any] = {
    **{"email": "a@example.com", "signed_up": True, "subscription": None},
    **{"plan_key": "free", "plan_name": "Free", "auth_type": "jwt"},
}
USAGE: dict[str, Any] = {
    "plan_key": "free",
    "plan_name": "Free",
    "generated_at": "2026-05-15T10:00:00Z",
    "usage": {
        name: METRIC if metric.window == "day" else WEEKLY for name, metric in load_spec().metrics.items()
    },
}


def exchange(
    operation: str,
    answer: Any = None,
    *,
    status: int = 200,
    asked: Any = None,
    media_type: str = "application/json",
    token: str = "",
) -> Exchange:
    """An exchange of `operation`; an answer that is no bytes is sent as JSON."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    found = SPEC.operations[operation]
    path = CALLS[operation].path if operation in CALLS else found.path
    headers = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    sent = None if asked is None else json.dumps(asked).encode()
    told = [("Content-Type", media_type), ("Date", "Fri, 15 May 2026 10:00:00 GMT")]
    return Exchange(found.method, path, headers, sent, found, "somebody", status, told, body)


def chat(answer: Any, **more: Any) -> Exchange:
    return exchange("createChatCompletion", answer, asked=more.pop("asked", say("Say hello.")), **more)


def stream(*events: Any, asked: Any = None) -> Exchange:
    blocks = [event if isinstance(event, str) else json.dumps(event) for event in events]
    body = "".join(f"data: {block}\n\n" for block in blocks).encode()
    return chat(body, asked=asked or say("Say hello.", stream=True), media_type="text/event-stream")


def spoken(**choice: Any) -> dict[str, Any]:
    """The completion with these fields in its choice, or in its message."""
    first = COMPLETION["choices"][0]
    message = {**first["message"], **choice.pop("message", {})}
    return {**COMPLETION, "choices": [{**first, **choice, "message": message}]}


def used(**metric: Any) -> dict[str, Any]:
    return {**USAGE, "usage": {**USAGE["usage"], "imagesDaily": {**METRIC, **metric}}}


def called(*calls: tuple[str, str, str]) -> Exchange:
    """A completion that calls tools: (id, name, arguments) each."""
    told = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls]
    answer = spoken(message={"content": None, "tool_calls": told}, finish_reason="tool_calls")
    return chat(answer, asked=say("What time is it?", tools=TOOLS))


USAGE_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
METADATA = {"router_metadata": {"model_name": "m"}}
ROLE, WORDS, END = chunk({"role": "assistant"}), chunk({"content": "Hello"}), chunk({}, "stop")
# Labels of nothing, beside which a content filter tells what it found.
FILTERED = {"id": "", "object": "", "created": 0, "model": "", "choices": []}

# Integers as hosts write them that know one kind of number.
FIRST: dict[str, Any] = {"index": 0.0, "finish_reason": None}
FRAGMENT = {"index": 0.0, "id": "a", "function": {"name": "get_time", "arguments": "{}"}}
IN_FLOATS: list[dict[str, Any]] = [
    {"delta": {"tool_calls": [FRAGMENT]}},
    {"delta": {}, "finish_reason": "tool_calls"},
]

# A plan that leaves out what it does not limit.
UNLIMITED_LEFT_OUT = {
    "defaultPlanKey": "free",
    "plans": [
        {"key": key, "name": key, "url": "", "price": "0", "order": order, "limits": limits}
        for order, (key, limits) in enumerate({"free": dict.fromkeys(METRICS, 5), "pro": {}}.items())
    ],
}

KEPT = [
    chat(COMPLETION),
    chat(spoken(message={"content": ""}), asked={"messages": [{"role": "user", "content": "?"}]}),
    stream(METADATA, ROLE, WORDS, END, "[DONE]"),
    stream(METADATA, ROLE, END, "[DONE]", asked={"messages": [], "stream": True}),
    stream({**METADATA, "choices": ROLE["choices"]}, WORDS, END, "[DONE]"),
    stream(
        METADATA,
        ROLE,
        *({**LABELS, "choices": [{**FIRST, **part}]} for part in IN_FLOATS),
        "[DONE]",
        asked=say("What time is it?", tools=TOOLS, stream=True),
    ),
    stream(FILTERED, METADATA, ROLE, WORDS, END, {"choices": [], "usage": {}}, "[DONE]"),
    chat({**COMPLETION, "created": 1.0, "usage": None}),
    chat(spoken(message={"content": ""}, finish_reason="length"), asked=say("Say hello.", max_tokens=9)),
    stream(METADATA, ROLE, chunk({}, "length"), "[DONE]", asked=say("Say hello.", stream=True)),
    called(("a", "get_time", "{}"), ("b", "get_time", "{}")),
    exchange("getUsage", USAGE),
    exchange("getUsage", used(limit=None, remaining=None)),
    exchange("getUsage", used(limit=2**31 - 1, remaining=2**31 - 1)),
    exchange("getUsage", used(period="day", window=332)),
    exchange("getUsage", used(period="days", window=1)),
    exchange("getTierConfig", UNLIMITED_LEFT_OUT),
    exchange("listModels", {"models": ["llama3.1", "qwen3"]}),
    exchange("getSubscription", {"plan_key": None, "auth_type": None}),
    # A key of a form that the document does not name, with as many dots as a token.
    exchange("getSubscription", {**SUBSCRIPTION, "auth_type": "api_key"}, token="lk.live.4f0c2b7a91de"),
    exchange("getSubscription", {**SUBSCRIPTION, "auth_type": "api_key"}, token="e30.e30.signature"),
    exchange("getImage", {"url": "https://example.com/a.png"}),
    exchange("getUsage", {"detail": "No"}, status=401, token=TOKEN),
]
BROKEN = [
    ("CHAT-2", chat(spoken(finish_reason=None))),
    ("CHAT-2", chat(spoken(message={"content": ""}))),
    ("CHAT-2", chat(spoken(message={"content": None}), asked=say("Say hello.", max_tokens=400))),
    ("CHAT-3", chat(b"data: [DONE]\n\n", media_type="text/event-stream")),
    ("CHAT-4", chat(COMPLETION, asked=say("Say hello.", stream=True))),
    ("CHAT-5", stream(ROLE, WORDS, END, "[DONE]")),
    ("CHAT-6", stream(METADATA, WORDS, END, "[DONE]")),
    ("CHAT-7", stream(METADATA, ROLE, WORDS, "[DONE]")),
    ("CHAT-2", chat(spoken(finish_reason="tool_calls"))),
    ("CHAT-7", stream(METADATA, ROLE, WORDS, chunk({}, "tool_calls"), "[DONE]")),
    ("CHAT-8", called(("a", "set_alarm", "{}"))),
    ("CHAT-8", called(("a", "get_time", "[]"))),
    ("CHAT-8", called(("a", "get_time", "{}"), ("a", "get_time", "{}"))),
    ("OBS-6", chat({**COMPLETION, "created": "today"})),
    ("OBS-6", chat({**COMPLETION, "created": 1.5})),
    ("OBS-6", chat({**COMPLETION, "created": True})),
    ("OBS-6", chat({**COMPLETION, "object": None})),
    ("OBS-6", chat({**COMPLETION, "id": 7})),
    ("OBS-6", stream(METADATA, ROLE, chunk({"content": "Hello"}, id=None), END, "[DONE]")),
    ("OBS-6", stream(METADATA, ROLE, chunk({"content": "Hello"}, id="chatcmpl-2"), END, "[DONE]")),
    ("OBS-6", stream(METADATA, ROLE, WORDS, chunk({}, "stop", created="today"), "[DONE]")),
    ("OBS-6", stream(METADATA, ROLE, WORDS, chunk({}, "stop", object="chat.completion"), "[DONE]")),
    ("CHAT-2", chat(spoken(index=None))),
    ("CHAT-2", chat({**COMPLETION, "choices": COMPLETION["choices"] * 2})),
    ("CHAT-2", chat({**COMPLETION, "usage": {"prompt_tokens": 1, "completion_tokens": 1}})),
    ("CHAT-2", chat({**COMPLETION, "usage": dict.fromkeys(USAGE_COUNTS, "1")})),
    ("CHAT-6", stream(METADATA, ROLE, {**LABELS, "choices": [{"delta": {"content": "Hi"}}]}, END, "[DONE]")),
    ("USE-1", exchange("getUsage", {**USAGE, "plan_name": 7})),
    ("USE-6", exchange("getUsage", {**USAGE, "generated_at": "later"})),
    ("USE-6", exchange("getUsage", {**USAGE, "generated_at": "2026-05-14T10:00:00Z"})),
    ("USE-2", exchange("getUsage", {**USAGE, "usage": {"imagesDaily": METRIC}})),
    ("USE-3", exchange("getUsage", used(window=""))),
    ("USE-4", exchange("getUsage", used(remaining=50))),
    ("USE-8", exchange("getUsage", used(period="weekly"))),
    ("USE-8", exchange("getUsage", used(period="days", window=7))),
    ("USE-4", exchange("getUsage", used(remaining=None))),
    ("SUB-1", exchange("getSubscription", {"email": "a@example.com"}, token=TOKEN)),
    ("SUB-4", exchange("getSubscription", {"auth_type": "jwt"}, token="ipa_live_abcdefgh")),
    ("SUB-4", exchange("getSubscription", {"auth_type": "api_key"}, token=TOKEN)),
    ("TIER-1", exchange("getTierConfig", {"defaultPlanKey": "free", "plans": [{"key": "pro"}]})),
    ("TIER-1", exchange("getTierConfig", {"plans": []})),
    ("TIER-2", exchange("getTierConfig", {"plans": [{"key": "free"}]})),
    ("TIER-3", exchange("getTierConfig", {"plans": [{"limits": {"imagesDaily": -2}}]})),
    ("STAT-1", exchange("getSite", b"", status=302)),
    ("STAT-2", exchange("listModels", [{"size": 1}])),
    ("STAT-2", exchange("listModels", ["llama3.1", ""])),
    ("STAT-2", exchange("listModels", {"families": ["llama", "qwen"]})),
    ("STAT-3", exchange("getStatus", {"state": "ok"})),
    *(
        ("STAT-3", exchange("getStatus", {"services": {}, "notifications": [], "latest": "", "state": state}))
        for state in [None, "", " "]
    ),
    ("STAT-4", exchange("headStatusImage", b"", media_type="")),
    ("STAT-5", exchange("headStatusImage", b"", media_type="audio/mpeg")),
    ("ANA-1", exchange("analyzePrompt", [])),
    ("IMG-2", exchange("getImage", b"\xff\xd8\xff", media_type="image/jpeg")),
    *(
        (
            name,
            exchange(load_requirements().requirements[name].operations[0], b"hello", media_type="video/mp4"),
        )
        for name in MEDIA
    ),
    ("SFX-1", exchange("getSfx", b"", media_type="audio/mpeg")),
    ("TTS-1", exchange("createTts", b"\x89PNG\r\n\x1a\n", media_type="image/png")),
    ("CDN-1", exchange("getAsset", b"\xff\xd8\xff", media_type="image/png")),
    ("CHAT-1", chat(COMPLETION, asked={"stream": False})),
    ("IMG-1", exchange("createImage", {"detail": "No"}, status=422, asked={"mode": "fantasy"})),
    ("VID-1", exchange("createVideo", {"detail": "No"}, status=422, asked={"mode": "fun"})),
    ("FAIL-1", exchange("createAirforceVideo", {"detail": "No"}, status=409, asked={"mode": "fun"})),
    ("SFX-2", exchange("createSfx", {"detail": "No"}, status=422, asked={"text": "x"})),
    ("TTS-2", exchange("createTts", {"detail": "No"}, status=422, asked={"text": "x"})),
    ("ANA-2", exchange("analyzePrompt", "Some model", asked={"messages": []})),
    ("HDR-1", exchange("getUsage", USAGE, media_type="text/plain")),
    ("OBS-2", exchange("getUsage", {"message": "No"}, status=401)),
    ("OBS-2", exchange("getImage", b"", status=429)),
    (
        "ASM-12",
        exchange("getUsage", {"detail": TOKEN}, status=401, token=TOKEN),
    ),
]


@pytest.mark.parametrize("kept", KEPT)
def test_a_good_answer_keeps_every_law(kept: Exchange) -> None:
    assert {requirement: wrong for requirement, wrong in check_laws(kept).items() if wrong} == {}


@pytest.mark.parametrize(("requirement", "broken"), BROKEN)
def test_a_bad_answer_breaks_its_law(requirement: str, broken: Exchange) -> None:
    assert check_laws(broken)[requirement]


def test_a_field_that_is_missing_is_told_once() -> None:
    row = {field: value for field, value in METRIC.items() if field != "remaining"}
    laws = check_laws(exchange("getUsage", {**USAGE, "usage": {**USAGE["usage"], "imagesDaily": row}}))
    assert {requirement for requirement, wrong in laws.items() if wrong} == {"USE-3"}


def test_of_a_file_that_nobody_stored_it_is_not_asked_what_it_is() -> None:
    served = exchange("getAsset", b"", media_type="image/png")
    assert check_laws(served)["CDN-1"]
    served.path = NO_ASSETS[0]
    assert "CDN-1" not in {requirement for requirement, wrong in check_laws(served).items() if wrong}


def test_tool_calls_are_not_put_together_around_a_gap() -> None:
    calls = [{"index": 0, "id": "a", "type": "function", "function": {"name": "get_time", "arguments": "{"}}]
    rest = {"tool_calls": [{"index": 0, "function": {"arguments": '"a": 1}'}}]}
    cut = json.dumps(chunk(rest))[:-9]
    ended = chunk({}, "tool_calls")
    asked = say("What time is it?", tools=TOOLS, stream=True)
    laws = check_laws(
        stream(METADATA, chunk({"role": "assistant", "tool_calls": calls}), cut, ended, "[DONE]", asked=asked)
    )
    assert laws["CHAT-6"]
    assert not laws.get("CHAT-8")


def test_a_stream_that_failed_has_not_chosen_otherwise() -> None:
    asked = say("What time is it?", tools=TOOLS, tool_choice="required", stream=True)
    assert chosen_otherwise(stream(METADATA, ROLE, WORDS, END, "[DONE]", asked=asked))
    failed = stream(METADATA, ROLE, WORDS, {"error": {"message": "gone"}}, "[DONE]", asked=asked)
    assert chosen_otherwise(failed) is None


def test_words_may_follow_a_tools_answer_whatever_was_to_be_called() -> None:
    question = say("What time is it?", tools=TOOLS, tool_choice="required", stream=True)
    answered = {"role": "tool", "tool_call_id": "call_1", "content": "Noon."}
    asked = {**question, "messages": [*question["messages"], answered]}
    assert chosen_otherwise(stream(METADATA, ROLE, WORDS, END, "[DONE]", asked=question))
    assert chosen_otherwise(stream(METADATA, ROLE, WORDS, END, "[DONE]", asked=asked)) is None


def test_every_law_can_be_broken() -> None:
    assert {requirement for requirement, _ in BROKEN} == set(LAWS)


@pytest.mark.parametrize("problem", ["status", "problem", "truncated"])
def test_an_answer_that_did_not_come_breaks_nothing(problem: str) -> None:
    for _, broken in BROKEN:
        if broken.operation is None or broken.operation.id == "getSite" or (broken.status or 0) >= 400:
            continue
        lost = chat(COMPLETION)
        for name in lost.__slots__:
            setattr(lost, name, getattr(broken, name))
        setattr(lost, problem, 503 if problem == "status" else "cut off")
        assert not any(check_laws(lost).values())


def _monitor() -> LawMonitor:
    return LawMonitor(Recorder("http://127.0.0.1", Redactor({})))


def test_a_breach_in_one_answer_of_many_is_told_with_its_rate() -> None:
    monitor = _monitor()
    for turn in range(10):
        monitor.observe(exchange("getUsage", used(remaining=50) if turn == 6 else USAGE))
    found = {finding.requirement: finding for finding in monitor.findings()}
    assert found["USE-4"].verdict == "fail"
    assert str(found["USE-4"].rate) == "in 1 of 10 answers"
    assert "remaining" in found["USE-4"].evidence[0]["response"]["body"]
    assert found["USE-3"].verdict == "pass"
    assert found["USE-3"].witnesses == 10


@pytest.mark.parametrize(("words", "told"), [("No prompt", ["FAIL-1"]), ("The upstream is busy", [])])
def test_a_refusal_that_is_a_success_now_and_then_is_told(words: str, told: list[str]) -> None:
    monitor = _monitor()
    for turn in range(10):
        status, said = (200, words) if turn == 6 else (400, "No prompt")
        monitor.observe(exchange("createImage", {"detail": said}, status=status, asked={"mode": "fantasy"}))
    found = {each.requirement: each.rate for each in monitor.findings() if each.verdict == "fail"}
    assert list(found) == told
    assert [str(rate) for rate in found.values()] == ["in 1 of 10 refusals"] * len(told)


def test_a_request_that_is_refused_now_and_then_is_told_by_its_owner() -> None:
    monitor = _monitor()
    for turn in range(10):
        refused = turn == 6
        picture = exchange("createImage", {"url": "https://a/b"}, asked={"prompt": "a"})
        monitor.observe(
            exchange("createImage", {"detail": "No"}, status=400, asked={"prompt": "a"})
            if refused
            else picture
        )
        monitor.observe(exchange("createImage", {"detail": "No"}, status=400, asked={"prompt": 5}))
        monitor.observe(exchange("getUsage", {"detail": "No"}, status=429 if refused else 403))
    failed = {
        finding.requirement: finding.rate for finding in monitor.findings() if finding.verdict == "fail"
    }
    assert {name: str(rate) for name, rate in failed.items()} == {
        "IMG-2": "in 1 of 10 answers to the same request"
    }


@pytest.mark.parametrize(("named", "told"), [("short", set()), (f"ipc-{uuid.UUID(int=1)}", {"USE-1"})])
def test_an_odd_client_id_makes_another_request(named: str, told: set[str]) -> None:
    monitor = _monitor()
    for turn in range(10):
        answer = (
            exchange("getUsage", {"detail": "No"}, status=400) if turn == 6 else exchange("getUsage", USAGE)
        )
        who = named if turn == 6 else client_id()
        answer.request_headers = {**answer.request_headers, "X-Client-ID": who}
        monitor.observe(answer)
    assert {finding.requirement for finding in monitor.findings() if finding.verdict == "fail"} == told


@pytest.mark.parametrize(
    "failure",
    [
        exchange("getImage", {"error": {"message": "timed out"}}),
        exchange("getImage", b"<html>Bad gateway</html>", media_type="text/html"),
        exchange("getImage", {"detail": "No"}, status=502),
        exchange("getUsage", {"detail": "The database is away", "code": 500}),
        exchange("getUsage", b"<!doctype html><title>Just a moment...</title>"),
        exchange("getSite", b"<html>error code: 1020</html>", status=403, media_type="text/html"),
        exchange("createImage", {"message": "slow"}, status=408, asked={"mode": "fun"}),
        stream(METADATA, ROLE, {"object": "error", "message": "out of memory"}),
        stream("[ERROR] out of memory"),
    ],
)
def test_a_failure_on_the_way_is_neither_breach_nor_witness(failure: Exchange) -> None:
    monitor = _monitor()
    monitor.observe(failure)
    assert monitor.findings() == []
    assert check_laws(failure) == {}


def test_a_host_that_insists_on_its_page_is_held_against_the_laws() -> None:
    page = exchange("getUsage", b"<!doctype html><title>Welcome</title>", media_type="text/html")
    page.is_deliberate = True
    assert check_laws(page)["USE-1"]


def test_a_page_that_comes_once_is_no_refusal_of_a_request_that_is_served() -> None:
    monitor = _monitor()
    for turn in range(5):
        page = exchange("createImage", b"<html>Not here</html>", status=404, asked={"prompt": "a"})
        picture = exchange("createImage", {"url": "https://a/b"}, asked={"prompt": "a"})
        monitor.observe(page if turn == 3 else picture)
    assert "fail" not in {finding.verdict for finding in monitor.findings()}


def test_the_time_of_a_snapshot_is_not_judged_once_somebody_has_moved_it() -> None:
    late, monitor = exchange("getUsage", {**USAGE, "generated_at": "2026-05-14T10:00:00Z"}), _monitor()
    lever = exchange("getUsage", {})
    lever.operation, lever.method, lever.path = None, "POST", "http://127.0.0.1/__mock__/clock"
    monitor.observe(lever)
    monitor.observe(late)
    assert "USE-6" not in {finding.requirement for finding in monitor.findings()}


def test_choices_that_are_none_are_told_as_that() -> None:
    for choices in (["Hello"], [None]):
        wrong = LAWS["CHAT-2"].wrong(chat({**COMPLETION, "choices": choices}))
        assert wrong is not None
        assert wrong[0].startswith("a choice has no message")


def _shown_in(status: int, token: str = "ipa_live_good") -> Exchange:
    answer = exchange("getUsage", USAGE if status == 200 else {"detail": "No"}, status=status)
    answer.request_headers = {"Authorization": f"Bearer {token}"}
    return answer


def test_a_good_credential_that_is_refused_now_and_then_is_told() -> None:
    monitor = LawMonitor(Recorder("http://127.0.0.1", Redactor({})), {"LIGHTNING_API_KEY": "ipa_live_good"})
    for status in (200, 200, 401, 200):
        monitor.observe(_shown_in(status))
    assert [finding.requirement for finding in monitor.findings() if finding.verdict == "fail"] == ["AUTH-2"]
    # Who is refused from the beginning or to the end is another's matter, and so is who is not known.
    for statuses in ((401, 200), (200, 401, 401)):
        monitor = LawMonitor(
            Recorder("http://127.0.0.1", Redactor({})), {"LIGHTNING_API_KEY": "ipa_live_good"}
        )
        for status in statuses:
            monitor.observe(_shown_in(status))
            monitor.observe(_shown_in(status, "ipa_live_other"))
        assert all(finding.verdict == "pass" for finding in monitor.findings())


def test_a_token_that_is_never_let_in_is_not_one_that_is_refused_now_and_then() -> None:
    """The other token is good. This one may be stale, and says nothing about the host."""
    good, stale = token("user"), token("somebody-elsewhere")
    monitor = LawMonitor(
        Recorder("http://127.0.0.1", Redactor({})), {"LIGHTNING_JWT": good, "LIGHTNING_FREE_JWT": stale}
    )
    for status, bearer in ((200, good), (401, stale), (200, good)):
        monitor.observe(_shown_in(status, bearer))
    assert all(finding.verdict == "pass" for finding in monitor.findings())


def test_a_stream_of_another_type_is_no_completion_without_choices() -> None:
    told = chat(b"data: {}\n\n", asked=say("Say hello.", stream=True), media_type="text/plain")
    assert LAWS["CHAT-2"].wrong(told) is None
    assert LAWS["CHAT-4"].wrong(told)
