"""Whatever a host writes can be read, and none of it ends a run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning_spec.loader import load_spec
from lightning_verify.judging.snapshot import Unreadable, parse_usage
from lightning_verify.laws.table import LAWS
from lightning_verify.reading.addresses import NOWHERE, address
from lightning_verify.reading.failures import failure_in, failure_in_event, failure_in_text
from lightning_verify.reading.gateways import stand_in
from lightning_verify.reading.numbers import is_amount, number, says_unlimited, whole_number
from lightning_verify.reading.times import http_date, moment, wait_asked
from lightning_verify.reading.tokens import claims_of, has_expired
from lightning_verify.transport.exchange import Exchange, leads_away

NOW = datetime(2026, 5, 15, 12, 0, tzinfo=UTC)
thorough = settings(max_examples=200, deadline=None, derandomize=True, database=None)
odd = st.sampled_from(
    ["Infinity", "-Infinity", "NaN", "9" * 5000, "1e400", "²", "1_000", 10**400, -(10**400), 1e308, "", " 3 "]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | odd,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(anything)
@thorough
def test_any_value_can_be_read(value: Any) -> None:
    amount = number(value)
    assert amount is None or float("-inf") < float(amount) < float("inf")
    assert (whole_number(value) is None) == (amount is None)
    is_amount(value)
    says_unlimited(value)
    moment(value)
    failure_in(value)


@given(st.text(max_size=60) | odd.map(str))
@thorough
def test_any_text_can_be_read(text: str) -> None:
    http_date(text)
    wait = wait_asked(text, NOW)
    assert wait is None or wait >= 0
    failure_in_event(text, text)
    failure_in_text(text)
    claims_of(f"{text}.{text}.{text}")
    has_expired(text)


@pytest.mark.parametrize(
    "used",
    ['"Infinity"', "1e400", "NaN", '"' + "9" * 5000 + '"', "true", "null", "[1]", '{"value": 1}', "-3"],
)
def test_a_counter_that_is_none_is_unreadable_and_no_more(used: str) -> None:
    with pytest.raises(Unreadable):
        parse_usage(_usage(used, "5"))


@pytest.mark.parametrize(("most", "limit"), [("-1", None), ('"unlimited"', None), ("null", None), ("0", 0)])
def test_a_limit_may_say_in_many_ways_that_it_is_none(most: str, limit: int | None) -> None:
    assert set(parse_usage(_usage("3", most)).limit.values()) == {limit}


def _usage(used: str, limit: str) -> Exchange:
    metrics = ", ".join(
        f'"{name}": {{"used": {used}, "limit": {limit}}}'
        for name in ("cloudChatDaily", "imagesDaily", "videosDaily", "audioWeekly")
    )
    body = f'{{"usage": {{{metrics}}}}}'.encode()
    return Exchange("GET", "/usage", {}, None, None, "somebody", status=200, body=body)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0", 0.0),
        (" 1.5 ", 1.5),
        (format_datetime(NOW.replace(second=4), usegmt=True), 5.0),
        ("Friday, 15-May-26 12:00:04 GMT", 5.0),
        ("Fri May 15 12:00:04 2026", 5.0),
        (format_datetime(NOW.replace(hour=11), usegmt=True), 0.0),
        *(
            (bad, None)
            for bad in ("", None, "²", "-1", "soon", "1e400", "9" * 5000, "Fri, 99 May 2026 12:00 GMT")
        ),
    ],
)
def test_a_wait_is_told_in_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert wait_asked(header, NOW) == seconds


@pytest.mark.parametrize(
    "document",
    [
        {"error": {"message": "gone"}},
        {"error": "gone"},
        {"object": "error", "message": "gone", "code": 504},
        {"detail": "gone"},
        {"code": 502, "message": "gone"},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": {"message": "gone"}}]},
        {"choices": [{"index": 0, "message": {}, "finish_reason": "error"}]},
    ],
)
def test_a_failure_is_seen_however_it_is_told(document: dict[str, Any]) -> None:
    assert failure_in(document)
    assert failure_in_event("message", json.dumps(document))


@pytest.mark.parametrize(
    "document",
    [
        {"choices": [{"index": 0, "delta": {"content": "error"}, "finish_reason": None}], "error": None},
        {"router_metadata": {"model_name": "m"}, "detail": "chosen"},
        {"state": "ok", "services": {}, "notifications": "", "latest": "", "message": "all well"},
        {"choices": [], "usage": {"total_tokens": 3}},
        [{"error": "a name"}],
    ],
)
def test_what_only_mentions_failures_is_none(document: Any) -> None:
    assert failure_in(document) is None


PAGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"


@pytest.mark.parametrize("status", [408, 499, 502, 503, 504, 520, 522, 524, 530])
def test_a_gateway_is_known_by_its_status(status: int) -> None:
    assert stand_in(status, [], b"")


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (403, [("Content-Type", "text/html")], PAGE),
        (429, [("Content-Type", "text/html")], PAGE),
        (200, [("Content-Type", "text/html")], PAGE),
        (429, [("Content-Type", "text/plain")], b"error code: 1015"),
        (403, [("cf-mitigated", "challenge")], b""),
        (400, [], b"<html><center><h1>400 Bad Request</h1></center><hr><center>cloudflare</center></html>"),
    ],
)
def test_a_gateway_is_known_by_its_pages(status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    assert stand_in(status, headers, body)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (400, [("Content-Type", "application/json"), ("Server", "cloudflare")], b'{"detail": "captcha"}'),
        (400, [("Content-Type", "text/html")], b"<html><h1>Bad Request</h1></html>"),
        (301, [("Content-Type", "text/html"), ("Server", "cloudflare")], b"<html>Moved</html>"),
        # It names itself on what the host says as well.
        (400, [("Server", "cloudflare")], b"<html><h1>The prompt is missing</h1></html>"),
        (500, [("Content-Type", "text/plain")], b"Internal Server Error"),
        (200, [("Content-Type", "image/jpeg"), ("Server", "cloudflare")], b"\xff\xd8\xff"),
    ],
)
def test_a_host_behind_a_gateway_is_heard(status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    assert stand_in(status, headers, body) is None


@given(
    st.text()
    | st.sampled_from(["https://[site", "http://a:b:c", "//[", "\n//x", "https://x:port"])
    | anything
)
@thorough
def test_any_address_can_be_read(told: Any) -> None:
    assert isinstance(told, str) or address(told) == NOWHERE
    assert address("//example.org/a").geturl() == "https://example.org/a"
    address(told, "http://127.0.0.1:8787").geturl()


@pytest.mark.parametrize(
    ("location", "fine"),
    [("https://example.org", True), ("//example.org", True), ("/docs", False), ("https://[site", False)],
)
def test_where_the_root_leads(location: str, fine: bool) -> None:
    site = load_spec().operations["getSite"]
    exchange = Exchange("GET", "/", {}, None, site, "somebody", 308, [("Location", location)])
    assert (LAWS["STAT-1"].wrong(exchange) == []) is fine
    assert not leads_away(exchange, "http://127.0.0.1", set())
