"""What schemathesis is given reads like any answer, as a whole and piece by piece."""

from __future__ import annotations

from pathlib import Path

import requests

from contract_tests.asking.callers import anonymous
from contract_tests.transport.schemathesis_transport import ClientAdapter, session
from tests.judge.tiny_server import Answer, tiny
from tests.judge.tools import client_of

STREAM = (b'data: {"router_metadata": {"model_name": "a"}}\n\n', b"data: [DONE]\n\n")


def test_a_stream_can_be_read_in_pieces_and_again(tmp_path: Path) -> None:
    streamed = Answer(headers={"Content-Type": "text/event-stream"}, pieces=STREAM)
    with tiny(lambda _: streamed) as host, client_of(host.base_url, tmp_path) as (client, _):
        adapter = ClientAdapter(client, anonymous(), "paid")
        response: requests.Response = session(adapter).get(f"{host.base_url}/status", stream=True)
        assert b"".join(response.iter_content(7)) == b"".join(STREAM)
        assert next(iter(response.iter_lines())) == STREAM[0].strip()
        assert response.content == b"".join(STREAM)
