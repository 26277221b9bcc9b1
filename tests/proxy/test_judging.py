"""Breaches are found in the traffic of real clients, who notice nothing; no host without one is accused."""

from __future__ import annotations

import gzip
import itertools
import json
import shlex
import threading
import time
import uuid
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

import httpx2
import jsonschema_rs
import openai
import pytest
from lightning_spec.loader import load_requirements, load_spec
from lightning_verify.judging.verdicts import Finding
from lightning_verify.proxy import judging, traffic_ledger
from lightning_verify.proxy.captured_exchange import CapturedExchange, MemoryBudget
from lightning_verify.proxy.reporting import RENDERERS, outcome_of
from lightning_verify.transport.exchange import Exchange
from openai import OpenAI

from lab.running import running
from tests.judge.canaries import leaks, token
from tests.judge.tiny_server import Answer, Asked, tiny
from tests.proxy.running import RunningProxy, running_proxy

QUESTION: list[Any] = [{"role": "user", "content": "Name three rivers, please."}]
KEY = "LIGHTNING_API_KEY"


def talk_to(base_url: str, key: str) -> list[Any]:
    """What an application gets: a plain chat, a stream, an error and a picture."""
    with OpenAI(base_url=f"{base_url}/gen", api_key=key, max_retries=0) as client:
        plain = client.chat.completions.create(model="lightning", messages=QUESTION)
        stream = client.chat.completions.create(model="lightning", messages=QUESTION, stream=True)
        words = [chunk.choices[0].delta.content for chunk in stream if chunk.choices]
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model="lightning", messages=[])
        picture = client.post("/image", body={"prompt": "a fox"}, cast_to=httpx2.Response)
    return [plain.choices[0].message.content, words, refused.value.status_code, picture.content]


def broken(proxy: RunningProxy) -> dict[str, str]:
    """What the settled judge found broken, and how it tells it."""
    return {one.requirement: one.reason for one in proxy.settled().view().breaches}


def test_a_planted_breach_is_found_and_the_client_notices_nothing() -> None:
    with running(fault="done-dropped") as lab:
        direct = talk_to(lab.base_url, lab.credentials[KEY])
        with running_proxy(lab.base_url) as proxy:
            assert talk_to(proxy.base_url, lab.credentials[KEY]) == direct
            assert talk_to(proxy.base_url, lab.credentials[KEY]) == direct
            found = broken(proxy)
    assert list(found) == ["CHAT-7"]
    assert len(proxy.log) == 2
    statement = load_requirements().requirements["CHAT-7"].statement
    for count, line in enumerate(proxy.log, 1):
        assert line.startswith(f"breach CHAT-7 in {count} of {count} answers: {statement} ")


def test_a_breach_now_and_then_is_told_with_its_rate() -> None:
    def sometimes(_: Asked) -> Answer:
        status = {"state": "up", "services": {}, "notifications": "", "latest": ""}
        return Answer(pieces=(json.dumps(status if len(host.asked) % 3 else {}).encode(),))

    with tiny(sometimes) as host, running_proxy(host.base_url) as proxy:
        for _ in range(8):
            httpx2.get(f"{proxy.base_url}/status")
        [breach] = proxy.settled().view().breaches
    assert breach.line.startswith("breach STAT-3 in 2 of 8 answers: ")
    assert len(proxy.log) == 2


@pytest.mark.parametrize(
    ("status", "location", "accused"),
    [
        (301, "https://example.com", False),
        (302, "http://portal.example/login?back=1", False),
        (307, "http://portal.example/login?back=1", False),
        (302, "/home", True),
        (301, "/home", True),
        (200, "", True),
    ],
)
def test_a_portal_before_the_host_is_not_the_hosts_site(status: int, location: str, accused: bool) -> None:
    """Where the root leads for now, and elsewhere, may be where a portal sends everybody."""
    headers = {"Location": location} if location else {}
    with tiny(lambda _: Answer(status, headers)) as host, running_proxy(host.base_url) as proxy:
        httpx2.get(f"{proxy.base_url}/", follow_redirects=False)
        assert ("STAT-1" in broken(proxy)) is accused


def test_a_conforming_host_is_not_accused() -> None:
    with running() as lab, running_proxy(lab.base_url) as proxy:
        talk_to(proxy.base_url, lab.credentials[KEY])
        client = {"X-Client-ID": f"ipc-{uuid.uuid4()}"}
        for path in ("/status", "/usage", "/tiers", "/tier-config", "/models", "/gen/image/fox", "/usage"):
            httpx2.get(f"{proxy.base_url}{path}", headers=client)
        assert broken(proxy) == {}
        outcome = outcome_of(proxy.judge, load_requirements(), lab.base_url, 0.0, strict=False)
    assert outcome.headline.startswith("KEPT: ")
    assert outcome.run["units"]["served"] == {"cloudChatDaily": 2, "imagesDaily": 2}


def test_what_is_packed_passes_as_it_is_and_is_judged_unpacked() -> None:
    packed = gzip.compress(json.dumps({"state": ""}).encode())
    with (
        tiny(lambda _: Answer(headers={"Content-Encoding": "gzip"}, pieces=(packed,))) as host,
        running_proxy(host.base_url) as proxy,
    ):
        with httpx2.stream("GET", f"{proxy.base_url}/status") as answer:
            assert b"".join(answer.iter_raw()) == packed
        assert "missing: services" in broken(proxy)["STAT-3"]


@pytest.mark.parametrize(
    "headers",
    [{"Content-Encoding": "gzip"}, {"Content-Encoding": "squeezed"}, {"Content-Encoding": "gzip, gzip"}],
)
def test_what_cannot_be_unpacked_is_not_judged(headers: dict[str, str]) -> None:
    with (
        tiny(lambda _: Answer(headers=headers, pieces=(b'{"a": 1}',))) as host,
        running_proxy(host.base_url) as proxy,
    ):
        with httpx2.stream("GET", f"{proxy.base_url}/status") as answer:
            assert b"".join(answer.iter_raw()) == b'{"a": 1}'
        assert broken(proxy) == {}
        assert proxy.judge.view().judged == 0


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (206, {"Content-Type": "image/jpeg", "Content-Range": "bytes 0-3/9"}, b"\xff\xd8\xff\xe0"),
        (200, {"Content-Type": "text/html"}, b"<!doctype html><title>Sign in</title>"),
        (502, {"Content-Type": "text/html"}, b"<html>Bad gateway</html>"),
        (200, {"Content-Type": "application/json"}, b'{"detail": "no model is free"}'),
    ],
)
def test_parts_and_the_words_of_others_accuse_nobody(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    with tiny(lambda _: Answer(status, headers, (body,))) as host, running_proxy(host.base_url) as proxy:
        httpx2.get(f"{proxy.base_url}/gen/image/fox", headers={"Range": "bytes=0-3"})
        assert broken(proxy) == {}


@pytest.mark.parametrize("curb", [{"max_tokens": 1}, {"stop": ["."]}, {"max_completion_tokens": 1}])
def test_an_answer_that_its_request_cut_short_may_have_no_words(curb: dict[str, Any]) -> None:
    completion = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "length"}],
    }
    with (
        tiny(lambda _: Answer(pieces=(json.dumps(completion).encode(),))) as host,
        running_proxy(host.base_url) as proxy,
    ):
        httpx2.post(f"{proxy.base_url}/gen/chat/completions", json={"messages": QUESTION, **curb})
        assert broken(proxy) == {}


# --- the books --------------------------------------------------------------------------------------------


def usage_of(proxy: RunningProxy, headers: dict[str, str]) -> None:
    httpx2.get(f"{proxy.base_url}/usage", headers=headers)


def spend(proxy: RunningProxy, headers: dict[str, str]) -> None:
    httpx2.post(f"{proxy.base_url}/gen/image", json={"prompt": "a fox"}, headers=headers)


def client_of_one() -> dict[str, str]:
    return {"X-Client-ID": f"ipc-{uuid.uuid4()}"}


@pytest.mark.parametrize("fault", ["image-charged-twice", "image-not-charged"])
def test_a_wrong_price_is_found_by_the_clients_own_looks(fault: str) -> None:
    with running(fault=fault) as lab, running_proxy(lab.base_url, settle=0.0) as proxy:
        client = client_of_one()
        usage_of(proxy, client)
        spend(proxy, client)
        usage_of(proxy, client)
        assert "imagesDaily of a client id moved by" in broken(proxy)["IMG-6"]
    assert [line for line in proxy.log if line.startswith("breach IMG-6")]


def test_an_account_may_be_spent_from_elsewhere() -> None:
    with running() as lab:
        account = {"Authorization": f"Bearer {lab.credentials[KEY]}"}
        for all_traffic in (False, True):
            with running_proxy(lab.base_url, settle=0.0, all_traffic=all_traffic) as proxy:
                usage_of(proxy, account)
                httpx2.get(f"{lab.base_url}/gen/image/elsewhere", headers=account)
                usage_of(proxy, account)
                assert bool(broken(proxy)) is all_traffic


def test_what_was_called_before_we_looked_is_not_held_against_the_host() -> None:
    with running() as lab, running_proxy(lab.base_url, settle=30.0) as proxy:
        client = client_of_one()
        usage_of(proxy, client)
        httpx2.get(f"{lab.base_url}/gen/image/elsewhere", headers=client)
        usage_of(proxy, client)
        assert broken(proxy) == {}


def test_a_look_in_the_middle_of_a_call_settles_nothing() -> None:
    with running(variants=["stream-slowly"]) as lab, running_proxy(lab.base_url, settle=0.0) as proxy:
        client = client_of_one()
        usage_of(proxy, client)
        # The host counts the stream when it begins, and we know of it when it ends.
        asked = {"messages": QUESTION, "stream": True}
        chat = f"{proxy.base_url}/gen/chat/completions"
        with httpx2.stream("POST", chat, json=asked, headers=client) as stream:
            usage_of(proxy, client)
            stream.read()
        usage_of(proxy, client)
        assert broken(proxy) == {}
        assert [one.alone for one in proxy.ended if one.target == "/usage"] == [True, False, True]


def test_callers_that_only_an_address_tells_apart_have_no_account() -> None:
    with running() as lab, running_proxy(lab.base_url, settle=0.0) as proxy:
        for headers in ({}, {"X-Client-ID": "short"}, {"Authorization": "Bearer public", **client_of_one()}):
            usage_of(proxy, headers)
            spend(proxy, headers)
        assert broken(proxy) == {}
        assert proxy.judge.view().callers == 0


# --- bounds and secrets -----------------------------------------------------------------------------------


def test_what_finds_no_room_passes_and_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MAX_HELD", 10)
    with running(fault="done-dropped") as lab, running_proxy(lab.base_url) as proxy:
        talk_to(proxy.base_url, lab.credentials[KEY])
        assert broken(proxy) == {}
        assert proxy.judge.view().not_judged == {"too large to keep, or in an unknown encoding": 4}
        assert proxy.judge._memory.take(10)


def test_all_space_is_given_back() -> None:
    with running() as lab, running_proxy(lab.base_url) as proxy:
        talk_to(proxy.base_url, lab.credentials[KEY])
        proxy.settled()
        assert proxy.judge._memory.take(judging.MAX_HELD)
        assert not proxy.judge._under_way


def test_space_is_shared() -> None:
    space = MemoryBudget(100)
    assert space.take(60)
    assert not space.take(60)
    space.give_back(60)
    assert space.take(100)


def test_the_books_begin_anew_and_keep_what_they_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic_ledger, "_MAX_CALLERS", 3)
    with running(fault="image-charged-twice") as lab, running_proxy(lab.base_url, settle=0.0) as proxy:
        for _ in range(9):
            client = client_of_one()
            usage_of(proxy, client)
            spend(proxy, client)
            usage_of(proxy, client)
        found = broken(proxy)
        assert proxy.judge.view().callers <= 3
    assert "IMG-6" in found


def test_no_secret_is_shown_anywhere() -> None:
    secrets = [
        token("canary-user"),
        "ipa_live_canaryCanaryCanary0123456789",
        "opaque-canary-bearer-0123456789",
    ]
    more = ["query-canary-0123456789abcdef", "header-canary-0123456789abcdef", f"ipc-{uuid.uuid4()}"]

    def echo(asked: Asked) -> Answer:
        told = {"headers": asked.headers, "path": asked.path, "body": asked.body.decode()}
        return Answer(headers={"X-Echo": str(asked.headers)[:2000], "Set-Cookie": f"a={more[0]}"},
                      pieces=(json.dumps(told).encode(),))  # fmt: skip

    with tiny(echo) as host, running_proxy(host.base_url, settle=0.0) as proxy:
        for secret in secrets:
            headers = {"Authorization": f"Bearer {secret}", "X-Api-Key": more[1], "X-Client-ID": more[2]}
            httpx2.get(f"{proxy.base_url}/usage?token={more[0]}", headers=headers)
            httpx2.post(f"{proxy.base_url}/gen/image", json={"prompt": secret}, headers=headers)
        httpx2.get(f"{proxy.base_url}/usage", headers={"X-Client-ID": more[2]})
        proxy.settled()
        outcome = outcome_of(proxy.judge, load_requirements(), host.base_url, 0.0, strict=False)
        shown = {name: render(outcome) for name, (_, render) in RENDERERS.items()}
        shown["log"] = "\n".join(proxy.log)
        shown["page"] = json.dumps(proxy.judge.view().as_json())
        assert outcome.exit_code == 1
    assert leaks([*secrets, *more], shown.items()) == []


def test_a_hostile_answer_makes_one_harmless_line() -> None:
    nasty = "\x1b[31mred\n::error::gotcha\u202e ##vso[task]"
    with (
        tiny(lambda _: Answer(pieces=(json.dumps({"state": nasty, "services": nasty}).encode(),))) as host,
        running_proxy(host.base_url) as proxy,
    ):
        httpx2.get(f"{proxy.base_url}/tier-config?{'x' * 3000}")
        found = broken(proxy)
    assert found
    for line in proxy.log:
        assert line.isprintable()
        assert len(line) < 500
        assert "::error" not in line


def test_the_judges_own_fault_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise RuntimeError("a slip of ours")

    with running() as lab, running_proxy(lab.base_url, witnesses=(stumble,)) as proxy:
        assert httpx2.get(f"{proxy.base_url}/status").status_code == 200
        assert httpx2.get(f"{proxy.base_url}/status").status_code == 200
        assert proxy.settled().view().not_judged == {"the judge itself failed": 2}


def test_a_report_is_of_the_published_form() -> None:
    schema = json.loads((files("lightning_verify.report") / "report.schema.json").read_text(encoding="utf-8"))
    with running(fault="done-dropped") as lab, running_proxy(lab.base_url) as proxy:
        talk_to(proxy.base_url, lab.credentials[KEY])
        proxy.settled()
        outcome = outcome_of(proxy.judge, load_requirements(), lab.base_url, 0.0, strict=False)
    jsonschema_rs.validate(schema, outcome.as_json())
    cases = ElementTree.fromstring(RENDERERS["junit.xml"][1](outcome)).iter("testcase")
    assert [case.get("name") for case in cases if case.find("failure") is not None] == ["CHAT-7"]
    told = next(one for one in outcome.as_json()["requirements"] if one["id"] == "CHAT-7")
    evidence = told["evidence"][0]
    assert evidence["request"]["path"] == "/gen/chat/completions"


def test_what_has_passed_is_in_a_report_however_long_it_waits_to_be_judged() -> None:
    slow = threading.Event()

    def look_for_long(_captured: CapturedExchange, _exchange: Exchange) -> None:
        slow.wait(0.3)

    with running() as lab, running_proxy(lab.base_url, witnesses=(look_for_long,)) as proxy:
        for _ in range(3):
            httpx2.get(f"{proxy.base_url}/status")
        while proxy.judge.passed < 3:
            time.sleep(0.01)
        assert proxy.judge.view().judged < 3
        proxy.judge.catch_up(10)
        assert proxy.judge.view().judged == 3
        proxy.judge.close(10)
        proxy.judge.catch_up(0)


def test_every_report_can_be_made_of_nothing() -> None:
    judge = judging.TrafficJudge("http://x", load_spec(), load_requirements(), print, settle=1.0)
    outcome = outcome_of(judge, load_requirements(), "http://x", 0.0, strict=False)
    judge.close(5)
    assert outcome.headline.startswith("INCONCLUSIVE: no traffic yet")
    assert all(render(outcome) for _, render in RENDERERS.values())


def test_evidence_is_a_command_for_the_host_and_not_for_the_proxy() -> None:
    with tiny(lambda _: Answer(pieces=(b"{}",))) as host, running_proxy(host.base_url) as proxy:
        for_the_proxy = {
            "Connection": "keep-alive, X-Hop",
            "X-Hop": "1",
            "TE": "trailers",
            "X-Forwarded-For": "192.0.2.7",
            "Accept-Encoding": "gzip",
        }
        asked = {"messages": QUESTION}
        headers = {**for_the_proxy, "X-Mine": "kept"}
        httpx2.post(f"{proxy.base_url}/gen/chat/completions", json=asked, headers=headers)
        proxy.settled()
        curl = next(
            finding.evidence[0]["request"]["curl"]
            for finding in proxy.judge.findings()
            if finding.verdict == "fail"
        )
    words = shlex.split(curl)
    names = {before.partition(":")[0].lower() for flag, before in itertools.pairwise(words) if flag == "-H"}
    assert f"{host.base_url}/gen/chat/completions" in words
    assert {"content-type", "x-mine"} <= names
    assert not names & {"host", "content-length", *(name.lower() for name in for_the_proxy)}


def test_no_line_of_a_report_ends_within_an_id() -> None:
    with running(fault="done-dropped") as lab, running_proxy(lab.base_url) as proxy:
        talk_to(proxy.base_url, lab.credentials[KEY])
        proxy.settled()
        outcome = outcome_of(proxy.judge, load_requirements(), lab.base_url, 0.0, strict=False)
    page = RENDERERS["report.html"][1](outcome)
    heading = page[page.index("<h1>") : page.index("</h1>")]
    assert '(<span class="whole">CHAT-7</span>)' in heading
    assert ".whole { white-space: nowrap; }" in page


def test_a_line_has_the_reason_of_its_own_answer() -> None:
    said = ["{}", '{"state": 1}', "[]"]
    with (
        tiny(lambda asked: Answer(pieces=(said[int(asked.path[-1])].encode(),))) as host,
        running_proxy(host.base_url) as proxy,
    ):
        for number in range(3):
            httpx2.get(f"{proxy.base_url}/status?n={number}")
        [breach] = [one for one in proxy.settled().view().breaches if one.requirement == "STAT-3"]
    lines = [line for line in proxy.log if "STAT-3" in line]
    assert len(lines) == 3
    for number, line in enumerate(lines):
        assert line.count("GET /status?n=") == line.count(f"GET /status?n={number} ") == 1
    assert "GET /status?n=2 " in breach.line


def test_what_the_books_show_is_told_once_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [Finding("IMG-6", "fail", "the books", reason) for reason in ("one reason", "another")]
    with running() as lab, running_proxy(lab.base_url) as proxy:
        monkeypatch.setattr(proxy.judge._ledger, "findings", lambda: shown)
        for _ in range(3):
            usage_of(proxy, client_of_one())
        assert list(broken(proxy)) == ["IMG-6"]
    [line] = proxy.log
    assert "one reason; another" in line


def test_reports_say_what_is_true_of_watched_traffic() -> None:
    with running(fault="done-dropped") as lab, running_proxy(lab.base_url) as proxy:
        talk_to(proxy.base_url, lab.credentials[KEY])
        proxy.settled()
        for fails in (False, True):
            outcome = outcome_of(proxy.judge, load_requirements(), "http://x", 0.0, strict=False, fails=fails)
            for name in ("report.html", "report.md"):
                shown = RENDERERS[name][1](outcome)
                assert f"exit code {int(fails)}" in shown
                assert "cloudChatDaily" in shown
                for untrue in ("spend", "planned", "booked", "Nothing was sent", "What was not run"):
                    assert untrue not in shown, (name, untrue)
