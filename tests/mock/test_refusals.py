"""Refusals: their kinds are the rows of the spec, and each carries what its row says."""

from __future__ import annotations

import gc
import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from aiohttp import web
from lightning_mock.background import running
from lightning_mock.errors import REFUSALS, UpstreamFailure, refusal_with
from lightning_spec.loader import load_spec

from tests.support.guard import HANGS

from .conftest import Client


def test_the_kinds_of_refusal_are_the_rows_of_the_spec() -> None:
    assert {refusal.kind for refusal in REFUSALS} == set(load_spec().errors)
    for refusal in REFUSALS:
        assert refusal_with(refusal.row.status) is refusal
    assert refusal_with(503) is UpstreamFailure


def test_a_finer_kind_has_its_own_words_and_a_message_replaces_them() -> None:
    unauthorized = refusal_with(401)
    row = load_spec().errors["unauthorized"]
    for code, words in row.codes.items():
        assert unauthorized(code=code).message == words
    assert unauthorized().body()["detail"] == row.message
    assert unauthorized("So it is.").body()["detail"] == "So it is."


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}])
def test_every_401_says_which_scheme_it_wants(caller: Client, headers: dict[str, str]) -> None:
    refused = caller.get("/subscription", headers=headers)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("instead", ["replay", "replies"])
def test_a_refusal_keeps_nothing_of_its_request(tmp_path: Path, instead: str) -> None:
    """Not even until garbage is collected: a storm of large ones would be a storm in memory."""
    at = "2026-06-13T12:00:00Z"
    about = {"format": "lightning-recording", "version": 1, "recorded_at": at, "upstream": "http://a"}
    file = tmp_path / "file.json"
    content: Any = {**about, "exchanges": []} if instead == "replay" else [{"reply": {"text": "x"}}]
    file.write_text(json.dumps(content))
    with running(**{instead: file}) as mock:
        gc.collect()
        gc.disable()
        try:
            bearer = {"Authorization": "Bearer nonsense", "Connection": "close"}
            refused = requests.post(mock.base_url + "/nowhere", data="{}", headers=bearer, timeout=HANGS)
            assert refused.status_code in {401, 404}
            held, until = [1], time.monotonic() + 5
            while held and time.monotonic() < until:
                held = [1 for thing in gc.get_objects() if isinstance(thing, web.BaseRequest)]
        finally:
            gc.enable()
    assert not held


LONG = b"a" * 100_000
TOOL = b'"type": "function", "function": {"name": "a", "parameters": '


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/gen/chat/completions", b'"messages": [{"role": "king"}]'),
        ("/gen/chat/completions", b'"messages": [{"role": "user", "content": "%b"}]' % LONG),
        (
            "/gen/chat/completions",
            b'"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]',
        ),
        (
            "/gen/chat/completions",
            b'"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "x"}]',
        ),
        (
            "/gen/chat/completions",
            b'"messages": [{"role": "user", "content": "a"}], "tools": [{%b 5}}]' % TOOL,
        ),
        (
            "/gen/chat/completions",
            b'"messages": [{"role": "user", "content": "a"}], "tool_choice": "required", '
            b'"tools": [{%b {"$ref": "#/no"}}}]' % TOOL,
        ),
        ("/gen/chat/completions", b'"messages": 1, "b": [%b[]]' % (b"[]," * 200_000)),
        ("/gen/image", b'"prompt": 5'),
        ("/gen/image", b'"prompt": "a", "image_urls": ["%b"]' % LONG),
        ("/gen/video", b'"prompt": "a", "duration": "x"'),
        ("/gen/prompt_analyze", b'"prompt": "x"'),
        ("/__mock__/users", b'"email": 5'),
        ("/__mock__/replies", b'"reply": {"status": 200, "text": "a", "json": 1}'),
        ("/__mock__/restore", b'"format": 5'),
    ],
)
def test_a_refused_body_is_gone_before_garbage_is_collected(mock: Any, path: str, said: bytes) -> None:
    # A dict of nothing but text would be nothing to collect.
    body = b'{"kept": {"or not": ["%b"]}, %b}' % (LONG, said)
    requests.post(mock.base_url + path, data=body, timeout=HANGS)
    gc.collect()
    gc.disable()
    try:
        refused = requests.post(mock.base_url + path, data=body, timeout=HANGS)
        assert refused.status_code in {400, 413}
        held, until = [1], time.monotonic() + 5
        while held and time.monotonic() < until:
            held = [1 for thing in gc.get_objects() if type(thing) is dict and "or not" in thing]
    finally:
        gc.enable()
    assert not held
