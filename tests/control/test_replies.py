"""Scripted replies: which calls they answer, with what, how often, and what stays true underneath."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from lightning_mock.background import running
from lightning_mock.http.replies import EventStream
from lightning_mock.scripting import parse, pattern
from lightning_mock.scripting.answers import scripted_reply
from lightning_mock.scripting.book import ScriptBook
from lightning_mock.scripting.script import MAX_TOTAL_BYTES, ScriptedCall
from lightning_mock.settings import SettingsError

from .conftest import User

GUEST = {"X-Client-ID": "ipc-0123456789abcdef"}


def script(control: Any, reply: Any, **match: Any) -> Any:
    return control("POST", "/replies", {"match": match, "reply": reply})


def said(response: Any) -> Any:
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["message"]["content"]


def misses(control: Any) -> Any:
    return control("GET", "/replies")["misses"]


def test_a_text_is_the_answer_plain_and_streamed(own: Any) -> None:
    user = own.user()
    script(own, {"text": "Forty-two."})
    assert said(user.chat()) == "Forty-two."
    with openai.OpenAI(base_url=f"{own.base_url}/gen", api_key=user.key, max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "Hi"}]
        chunks: Any = client.chat.completions.create(model="lightning", messages=messages, stream=True)
        deltas = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(deltas) == "Forty-two."
    assert len(deltas) > 2


@pytest.mark.parametrize("stream", [False, True])
def test_tool_calls_are_made_as_written(own: Any, stream: bool) -> None:
    user = own.user()
    call = {"name": "get_weather", "arguments": {"city": "Oslo"}}
    script(own, {"tool_calls": [call, {"name": "ping"}]})
    with openai.OpenAI(base_url=f"{own.base_url}/gen", api_key=user.key, max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "Hi"}]
        if stream:
            own("PATCH", "/preferences", {"metadata_form": "choices"})
            with client.chat.completions.stream(model="lightning", messages=messages) as events:
                choice: Any = events.get_final_completion().choices[0]
        else:
            choice = client.chat.completions.create(model="lightning", messages=messages).choices[0]
    assert choice.finish_reason == "tool_calls"
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls]
    assert calls == [("get_weather", {"city": "Oslo"}), ("ping", {})]


def test_json_bytes_and_plain_text_are_the_whole_body(own: Any) -> None:
    user = own.user()
    script(own, {"json": {"id": 7}}, route="/gen/chat/completions")
    script(
        own, {"bytes": base64.b64encode(b"\x89PNG").decode(), "content_type": "image/png"}, route="getImage"
    )
    script(own, {"text": "soon"}, route="GET /gen/sfx/*")
    assert user.chat().json() == {"id": 7}
    image = user.call("GET", "/gen/image/x")
    assert (image.content, image.headers["content-type"]) == (b"\x89PNG", "image/png")
    assert user.call("GET", "/gen/sfx/rain").text == "soon"


def test_a_status_is_a_refusal_that_costs_nothing_and_is_explained(own: Any) -> None:
    user = own.user()
    made = script(own, {"status": 503, "text": "Tired.", "headers": {"X-Mood": "low"}})
    answer = user.chat()
    assert (answer.status_code, answer.json()["detail"], answer.headers["x-mood"]) == (503, "Tired.", "low")
    assert user.used()["cloudChatDaily"] == 0
    assert (
        f"the scripted reply {made['id']} answered"
        in user.control("GET", f"/journal?user={user.id}")["entries"][0]["explanation"]
    )


def test_a_stream_is_sent_event_by_event_at_its_pace(own: Any) -> None:
    script(own, {"events": [{"a": 1}, "not JSON", "[DONE]"], "delay": 0.1, "rate": 10})
    begun = time.perf_counter()
    answer = own.user().chat(stream=True)
    assert time.perf_counter() - begun > 0.25
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == 'data: {"a":1}\n\ndata: not JSON\n\ndata: [DONE]\n\n'


MATCHES: dict[str, Any] = {
    "prompt": ({"prompt": "RIVERS"}, {}, {"messages": [{"role": "user", "content": "lakes"}]}),
    "pattern": ({"pattern": r"three \w+\."}, {}, {"messages": [{"role": "user", "content": "Three."}]}),
}


@pytest.mark.parametrize("kind", MATCHES)
def test_what_the_prompt_says_decides(own: Any, kind: Any) -> None:
    match, fits, differs = MATCHES[kind]
    user = own.user()
    script(own, {"text": "scripted"}, **match)
    assert said(user.chat(**fits)) == "scripted"
    assert said(user.chat(**differs)) != "scripted"


def test_the_caller_and_headers_decide(own: Any) -> None:
    one, other = own.user(), own.user()
    script(own, {"text": "for one"}, user=one.id)
    script(own, {"text": "for a guest"}, identity=f"client:{GUEST['X-Client-ID']}")
    script(own, {"text": "in red"}, header={"X-Colour": "red"})
    assert said(one.chat()) == "for one"
    assert said(other.chat()) not in ("for one", "for a guest", "in red")
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    assert (
        said(httpx2.post(f"{own.base_url}/gen/chat/completions", json=body, headers=GUEST)) == "for a guest"
    )
    red = other.call("POST", "/gen/chat/completions", body, headers={"X-Colour": "red"})
    assert said(red) == "in red"


@pytest.mark.parametrize("what", ["replies", "faults"])
def test_a_user_and_an_identity_mean_one_caller(own: Any, what: str) -> None:
    user = own.user()
    order: Any = {"reply": {"text": "x"}} if what == "replies" else {"kind": "status", "status": 503}
    unchecked = {"checked": False} if what == "replies" else {}
    for identity in ("foo", "client:short", "user:", "address:here"):
        assert "address:IP:AGENT" in own.refuse(
            "POST", f"/{what}", {**order, "match": {"identity": identity}}
        )
    both = {"user": user.id, "identity": f"client:{GUEST['X-Client-ID']}"}
    assert "match.identity: it names another" in own.refuse("POST", f"/{what}", {**order, "match": both})
    own("POST", f"/{what}", {**order, "match": {"user": user.id, "identity": user.identity}})
    assert user.chat().text != own.user().chat().text
    own("POST", f"/{what}", {**order, "match": {"identity": "refused"}, **unchecked})


@pytest.mark.parametrize("checked", [True, False])
def test_a_chat_is_answered_in_its_form_with_all_the_choices_asked_for(own: Any, checked: bool) -> None:
    user = own.user()
    reply = {"tool_calls": [{"name": "ping"}]}
    for order in ({"reply": {"text": "Forty-two."}, "times": 2}, {"reply": reply, "match": {"route": "/*"}}):
        own("POST", "/replies", {**order, "checked": checked})
    answer = user.chat(n=2).json()
    assert [choice["message"]["content"] for choice in answer["choices"]] == ["Forty-two."] * 2
    assert answer["usage"]["prompt_tokens"] > 0
    stream = user.chat(stream=True, n=2, stream_options={"include_usage": True})
    assert stream.headers["content-type"].startswith("text/event-stream")
    chunks = [json.loads(line[6:]) for line in stream.text.splitlines() if line.startswith("data: {")]
    assert {choice["index"] for chunk in chunks for choice in chunk.get("choices", ())} == {0, 1}
    assert chunks[-1]["usage"]["completion_tokens"] > 0
    calls = [choice["message"]["tool_calls"][0] for choice in user.chat(n=2).json()["choices"]]
    assert len({call["id"] for call in calls}) == 2
    # What has no form for tool calls is answered as if there were no script.
    assert user.call("GET", "/usage").json()["usage"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b'{"messages": [5, {"content": 5}], "n": 99, "stream": 1}']
)
def test_a_chat_that_nobody_checks_may_be_anything(own: Any, body: bytes) -> None:
    own("POST", "/replies", {"reply": {"text": "Hello."}, "checked": False})
    [choice] = httpx2.post(f"{own.base_url}/gen/chat/completions", content=body).json()["choices"]
    assert choice["message"]["content"] == "Hello."


def test_a_scripted_429_advises_as_a_real_one_does(own: Any) -> None:
    user = own.user()
    own("PATCH", "/preferences", {"retry_advice": "seconds"})
    own("POST", "/replies", {"reply": {"status": 429}, "times": 1})
    own("POST", "/replies", {"reply": {"status": 429, "json": {}}, "times": 1, "checked": False})
    assert [int(user.chat().headers["retry-after"]) > 0 for _ in range(2)] == [True, True]
    script(own, {"status": 429, "headers": {"retry-after": "7"}})
    assert user.chat().headers.get_list("retry-after") == ["7"]
    script(own, {"status": 429}, route="GET /v1/me")
    assert int(user.call("GET", "/v1/me").headers["retry-after"]) > 0


def test_a_route_may_have_a_query(own: Any) -> None:
    user = own.user()
    script(own, {"json": 1}, route="GET /v1/x?y=a b")
    script(own, {"json": 2}, route="GET /usage?z=*")
    script(own, {"json": 3}, route="GET /gen/image/what is it?")
    script(own, {"json": 4}, route="GET /v1/a%20b?y=c+d")
    assert user.call("GET", "/v1/x?y=a%20b").json() == 1
    assert user.call("GET", "/usage?z=5").json() == 2
    assert user.call("GET", "/gen/image/what%20is%20it%3F?q=1").json() == 3
    assert user.call("GET", "/v1/a%20b?y=c+d").json() == 4
    assert user.call("GET", "/v1/x?y=c").status_code == 404
    assert misses(own)[-1]["near"][0]["missed"] == ["route: expected GET /v1/x?y=a b, got GET /v1/x?y=c"]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_no_end_of_line_ends_an_event(own: Any, end: str) -> None:
    script(own, {"events": [f"a{end}event: x{end}{end}b"]})
    assert own.user().chat().text == "data: a\ndata: event: x\ndata: \ndata: b\n\n"


def test_the_prompt_may_be_the_input(own: Any, start: Any) -> None:
    user = own.user()
    script(own, {"json": "x"}, route="/v1/*", prompt="zebra")
    for body in (
        {"input": "A zebra"},
        {"input": ["a", "zebra"]},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "a zebra"}]}]},
        {"prompt": ["zebra"]},
    ):
        assert user.call("POST", "/v1/responses", body).json() == "x"
    assert user.call("POST", "/v1/responses", {"input": [1, 2]}).status_code == 404
    with start(revision="2026-06-19") as (_, control):
        script(control, {"json": "x"}, route="POST /gen/audio/speech", prompt="zebra")
        assert control.user().call("POST", "/gen/audio/speech", {"input": "a zebra"}).json() == "x"


def test_a_generation_s_prompt_decides_by_get_and_post(own: Any) -> None:
    user = own.user("light")
    script(own, {"json": "boat"}, route="/gen/image*", prompt="boat")
    assert user.call("GET", "/gen/image/a%20boat").json() == "boat"
    assert user.call("POST", "/gen/image", {"prompt": "A Boat"}).json() == "boat"
    assert user.call("GET", "/gen/image/a%20tree").headers["content-type"] == "image/jpeg"


def test_times_sequences_and_the_nth(own: Any) -> None:
    user = own.user()
    once = own("POST", "/replies", {"reply": {"text": "once"}, "times": 1})
    own("POST", "/replies", {"replies": [{"text": "a"}, {"text": "b"}], "times": 3})
    # The first four are answered by older ones, and count all the same.
    script(own, {"text": "sixth"}, nth=6)
    script(own, {"text": "never"}, nth=2)
    seen = [said(user.chat()) for _ in range(7)]
    assert seen[:4] == ["once", "a", "b", "b"]
    assert seen[5] == "sixth"
    assert {"sixth", "never"}.isdisjoint((seen[4], seen[6]))
    [shown] = [reply for reply in own("GET", "/replies")["replies"] if reply["id"] == once["id"]]
    assert (shown["used"], shown["left"]) == (1, 0)


def test_identity_validation_and_quota_stay_true_underneath(own: Any) -> None:
    user = own.user()
    script(own, {"text": "scripted"}, route="/gen/chat/completions")
    assert user.chat().status_code == 200
    assert user.call("POST", "/gen/chat/completions", {"messages": "no"}).status_code == 400
    assert user.call("POST", "/gen/chat/completions", {"messages": []}, bearer="bad").status_code == 401
    assert user.used()["cloudChatDaily"] == 1
    own("POST", f"/identities/{user.identity}/exhaust", {"metric": "cloudChatDaily"})
    assert user.chat().status_code == 429


def test_unless_nothing_is_to_be_checked(own: Any) -> None:
    user = own.user()
    own("POST", "/replies", {"match": {}, "reply": {"json": "anyway"}, "checked": False})
    own("POST", f"/identities/{user.identity}/exhaust", {"metric": "cloudChatDaily"})
    before = user.used()
    assert user.chat().json() == "anyway"
    assert user.call("POST", "/gen/chat/completions", {"messages": "no"}, bearer="bad").json() == "anyway"
    assert user.used() == before


def test_paths_that_the_api_does_not_have_can_be_answered(own: Any) -> None:
    user = own.user()
    script(own, {"json": {"credits": 12}}, route="GET /v1/me")
    script(own, {"status": 204}, route="/v1/deploy*")
    script(own, {"text": "calm"}, route="GET /gen/image/a quiet harbour")
    assert user.call("GET", "/gen/image/a%20quiet%20harbour").text == "calm"
    answer = user.call("GET", "/v1/me")
    assert answer.json() == {"credits": 12}
    assert answer.headers["access-control-allow-origin"] == "*"
    assert user.call("DELETE", "/v1/deploys/3").status_code == 204
    assert user.call("GET", "/v1/me", bearer="bad").status_code == 401
    assert user.call("GET", "/v1/you").status_code == 404
    # A method that a known path does not serve.
    script(own, {"json": []}, route="POST /usage")
    assert user.call("POST", "/usage", {}).json() == []


def test_a_call_that_nearly_met_a_script_is_told_why_not(own: Any) -> None:
    user = own.user()
    near = script(own, {"text": "x"}, prompt="lakes", header={"X-Secret": "s"})
    far = script(own, {"json": 1}, route="GET /v1/me", user=user.id, prompt="x")
    user.chat()
    [miss] = misses(own)
    assert (miss["method"], miss["path"]) == ("POST", "/gen/chat/completions")
    assert [entry["id"] for entry in miss["near"]] == [near["id"], far["id"]]
    assert miss["near"][0]["missed"] == ["header: expected x-secret", "prompt: expected 'lakes' in it"]
    user.call(
        "POST",
        "/gen/chat/completions",
        {"messages": [{"role": "user", "content": "Hello"}]},
        headers={"X-Secret": "other"},
    )
    assert misses(own)[-1]["near"][0]["missed"][0] == "header: expected x-secret with another value"
    own("DELETE", "/replies")
    assert misses(own) == []


def test_a_reply_that_is_used_up_is_a_near_miss(own: Any) -> None:
    user = own.user()
    own("POST", "/replies", {"reply": {"text": "once"}, "times": 1})
    user.chat()
    user.chat()
    assert misses(own)[0]["near"][0]["missed"] == ["it is used up"]


def test_scripts_can_be_taken_back_and_a_reset_takes_all(own: Any) -> None:
    user = own.user()
    made = script(own, {"text": "x"})
    own("DELETE", f"/replies/{made['id']}")
    assert said(user.chat()) != "x"
    assert "GET /__mock__/replies" in own.refuse("DELETE", f"/replies/{made['id']}", status=404)
    script(own, {"text": "mine"}, user=user.id)
    own("POST", "/reset", {"user": user.id})
    assert said(user.chat()) != "mine"
    script(own, {"text": "y"})
    own("POST", "/reset", {})
    assert own("GET", "/replies") == {"replies": [], "misses": []}


@pytest.mark.parametrize("pattern", ["(a+)+$", "(?=(a+)+$)b", "(?:a|aa)+b(?=c)", "(?=.*b)c"])
def test_a_pattern_keeps_nobody_waiting(own: Any, pattern: Any) -> None:
    script(own, {"text": "scripted"}, pattern=pattern)
    user = own.user()
    answer = user.chat(messages=[{"role": "user", "content": "a" * 30_000 + "!"}])
    assert answer.status_code == 200
    assert said(answer) != "scripted"
    assert pattern in str(own("GET", "/replies")["misses"])


def test_many_replies_keep_nobody_waiting() -> None:
    class Slow:
        id, checked = "reply", True

        @property
        def condition(self) -> Slow:
            return self

        def misses(self, asked: ScriptedCall) -> list[str]:
            time.sleep(0.004)
            return ["it is another"]

    async def turns_of_others() -> int:
        book, turns = ScriptBook(), 0
        for number in range(9):
            slow: Any = Slow()
            slow.id = f"reply-{number}"
            book.add(slow)
        answering = asyncio.create_task(book.answer(ScriptedCall("", "", None, "", {}, ""), checked=True))
        while not answering.done():
            await asyncio.sleep(0)
            turns += 1
        assert len(book.misses) == 1
        return turns

    assert asyncio.run(turns_of_others()) > 2


def test_the_events_of_a_reply_are_made_as_they_are_sent() -> None:
    async def beginning(events: Any) -> bytes:
        reply = scripted_reply({"events": events}, None, "bare", asyncio.sleep)
        assert isinstance(reply, EventStream)
        return b"".join([await anext(reply.events) for _ in range(2)])

    # There is no end to these.
    assert asyncio.run(beginning(itertools.repeat("a\n\nb"))) == b"data: a\ndata: \ndata: b\n\n" * 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reply": {}},
        {"reply": {"text": "a"}, "replies": [{"text": "b"}]},
        {"reply": {"text": "a", "json": 1}},
        {"reply": {"headers": {"X-A": "b"}}},
        {"reply": {"bytes": "not base64!"}},
        {"reply": {"text": "a", "headers": {"X-A": "b\r\nX-C: d"}}},
        {"reply": {"tool_calls": [{"name": "f"}] * 1001}},
        {"match": {"pattern": "("}, "reply": {"text": "a"}},
        {"match": {"pattern": r"\P{L}{240}"}, "reply": {"text": "a"}},
        {"match": {"route": "nowhere"}, "reply": {"text": "a"}},
        {"match": {"route": "* /v1/me"}, "reply": {"text": "a"}},
        {"reply": {"text": "a"}, "times": 10**30},
        {"match": {"user": "nobody"}, "reply": {"text": "a"}},
        {"match": {"prompt": "a"}, "reply": {"text": "a"}, "checked": False},
        {"match": {"identity": "refused"}, "reply": {"text": "a"}},
        {"match": {"route": "GET /usage"}, "reply": {"tool_calls": [{"name": "f"}]}},
        {"match": {"route": "POST /v1/chat"}, "reply": {"tool_calls": [{"name": "f"}]}},
    ],
)
def test_what_means_nothing_is_refused(own: Any, body: Any) -> None:
    own.refuse("POST", "/replies", body)
    assert own("GET", "/replies")["replies"] == []


def test_a_pattern_that_is_none_is_called_so_and_not_repeated(own: Any) -> None:
    body = {"match": {"pattern": "("}, "reply": {"text": "a"}}
    assert own.refuse("POST", "/replies", body) == "match.pattern: not a regular expression."


def test_a_file_has_them_from_the_start_and_after_a_reset(start: Any, tmp_path: Any) -> None:
    file = tmp_path / "replies.yaml"
    file.write_text(
        "- match: {prompt: rivers}\n  reply: {text: Danube}\n"
        "- match: {route: GET /v1/me}\n  reply: {json: {a: 1}}\n"
    )
    with start(replies=file) as (_, control):
        for _ in range(2):
            user = control.user()
            assert said(user.chat()) == "Danube"
            assert user.call("GET", "/v1/me").json() == {"a": 1}
            control("DELETE", "/replies")
            control("POST", "/reset", {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "YAML"),
        ("a: 1", "list"),
        ("- reply: {colour: red}", "reply 1: reply.colour"),
        ("- match: {}", "reply 1"),
        ("- reply: {text: x, headers: {Content-Length: '9'}}", "the mock sets content-length"),
        ("- reply: {text: x, headers: {transfer-encoding: chunked}}", "transfer-encoding itself"),
        ("- {reply: {text: 2026-01-01, colour: red}}", "reply.colour"),
        ("- reply: {json: !!set {a}}", "set is not"),
        ("- reply: {json: !!binary AAAA}", "bytes is not"),
        ("- {reply: {text: x}, times: 1" + "0" * 30 + "}", "reply 1: Integer"),
        ('[{"reply": {"text": "\\ud800"}}]', "surrogates"),
        ("[" * 100_000, "too deeply"),
        ("? [a]\n: b", "^[^\n]*unhashable[^\n]*$"),
        ("- reply:\n    text: x\n    text: y", "the key 'text' appears twice, in line 2 and again in line 3"),
        ('[{"reply":\n{"text": "x"},\n"reply": {"text": "x"}}]', "'reply' appears twice, in line 1 and .* 3"),
        ('[{"reply": {"text": "x",\n\t"text": "y"}}]', "'text' appears twice"),
    ],
)
def test_a_file_that_means_nothing_stops_the_start(tmp_path: Any, text: str, said: Any) -> None:
    file = tmp_path / "replies.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said), running(replies=file):
        pass


def test_a_mapping_that_is_merged_into_others_has_no_key_twice(start: Any, tmp_path: Any) -> None:
    file = tmp_path / "replies.yaml"
    file.write_text(
        "- &a {match: {prompt: a}, reply: {text: one}}\n- {<<: *a, reply: {text: two}, match: {prompt: b}}\n"
    )
    with start(replies=file) as (_, control):
        given = [
            said(control.user().chat(messages=[{"role": "user", "content": text}])) for text in ("a", "b")
        ]
        assert given == ["one", "two"]


def test_a_user_who_does_not_exist_yet_is_warned_of_at_the_start(
    start: Any, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "replies.yaml"
    file.write_text(
        "- reply: {text: any}\n  match: {prompt: zzz}\n- {match: {user: ann}, reply: {text: To Ann.}}\n"
    )
    with start(replies=file) as (_, control):
        [warning] = [record.getMessage() for record in caplog.records if "no user" in record.getMessage()]
        assert str(file) in warning
        assert "reply 2: match.user: there is no user 'ann' yet" in warning
        user = User(control, control("POST", "/users", {"id": "ann"}))
        assert said(user.chat()) == "To Ann."


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("Authorization", "Basic YWRhOmh1c2g="),
        ("X-Api-Key", "hush hush hush"),
        ("Cookie", "session=hush"),
        ("X-Upstream", "sk-hushhushhush"),
    ],
)
def test_a_credential_that_a_reply_waits_for_is_shown_nowhere_and_matches(
    own: Any, name: str, secret: str
) -> None:
    made = own(
        "POST",
        "/replies",
        {
            "match": {"header": {name: secret, "X-Test": "7"}, "route": "GET /x"},
            "reply": {"text": "yes"},
            "checked": False,
        },
    )
    shown = [made, own("GET", "/replies")["replies"][0]]
    for reply in shown:
        assert reply["match"]["header"] == {name: "[redacted]", "X-Test": "7"}
    assert httpx2.get(own.base_url + "/x", headers={name: secret + "x", "X-Test": "7"}).status_code == 404
    assert "hush" not in str(misses(own))
    assert httpx2.get(own.base_url + "/x", headers={name: secret, "X-Test": "7"}).text == "yes"
    assert own("DELETE", "/replies")["replies"][0]["match"] == made["match"]


def test_the_patterns_of_all_replies_are_bounded_together_wherever_they_come_from(
    own: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pattern, "_MAX_SIZE", pattern.MAX_TOTAL_SIZE)
    monkeypatch.setattr(pattern, "pattern_size", lambda source: pattern.MAX_TOTAL_SIZE * 2 // 3)
    script(own, {"text": "one"}, pattern="one")
    assert "all other replies" in own.refuse(
        "POST", "/replies", {"match": {"pattern": "two"}, "reply": {"text": "two"}}
    )
    snapshot = own("GET", "/snapshot")
    own("POST", "/restore", snapshot)
    snapshot["replies"] *= 2
    assert "all other replies" in own.refuse("POST", "/restore", snapshot)
    file = tmp_path / "replies.json"
    file.write_text(json.dumps([{"match": {"pattern": "a"}, "reply": {"text": "a"}}] * 2))
    with pytest.raises(SettingsError, match=r"reply 2: .*all other replies"), running(replies=file):
        pass


def test_all_replies_are_bounded_together_wherever_they_come_from(
    own: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    long: Any = {"match": {"route": "/x"}, "reply": {"text": "a" * 1_000_000}}
    own("POST", "/replies", long)
    monkeypatch.setattr(parse, "_SIZE_OF_ANY", MAX_TOTAL_BYTES - 1_500_000)
    assert own.refuse("POST", "/replies", long) == (
        f"reply: with all other replies it takes more than {MAX_TOTAL_BYTES} bytes; remove those that are "
        "not needed any more."
    )
    snapshot = own("GET", "/snapshot")
    own("POST", "/restore", snapshot)
    snapshot["replies"] *= 2
    assert "replies: reply: with all other" in own.refuse("POST", "/restore", snapshot)
    own("DELETE", "/replies")
    own("POST", "/replies", long)
    file = tmp_path / "replies.json"
    file.write_text(json.dumps([{"reply": {"text": ""}}] * 2))
    with pytest.raises(SettingsError, match=r"reply 2: reply: with all other"), running(replies=file):
        pass


@pytest.mark.parametrize("option", ["replies", "replay", "plans", "jwks", "state"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_regular_file_is_not_read(tmp_path: Any, option: str, kind: str) -> None:
    place = tmp_path / "pipe"
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place = Path("/dev/zero")
    with pytest.raises(SettingsError, match="regular"), running(**{option: place}):
        pass


def test_a_missing_file_stops_the_start(tmp_path: Any) -> None:
    with pytest.raises(SettingsError, match="No such file"), running(replies=tmp_path / "none.yaml"):
        pass


@pytest.mark.parametrize(
    "reply",
    [{"headers": {"X-A": "a\x01b"}}, {"headers": {"X-A": "a\x7f"}}, {"content_type": "\x01"}],
)
def test_what_no_header_can_hold_is_refused(own: Any, reply: Any) -> None:
    assert "text that matches" in own.refuse("POST", "/replies", {"reply": {"text": "a", **reply}})


def test_any_name_and_status_that_http_knows_is_fine(own: Any) -> None:
    script(own, {"text": "a", "status": 999, "headers": {"X_Request_Id": "1"}})
    answer = httpx2.post(
        f"{own.base_url}/gen/chat/completions", json={"messages": [{"role": "user", "content": "hi"}]}
    )
    assert (answer.status_code, answer.headers["X_Request_Id"]) == (999, "1")
