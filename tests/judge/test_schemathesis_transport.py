"""What schemathesis is given reads like any answer, a stream of events too."""

from __future__ import annotations

from pathlib import Path

import schemathesis
from lightning_spec.loader import load_spec
from lightning_verify.requests.callers import anonymous
from lightning_verify.transport.schemathesis_transport import ClientAdapter, session

from tests.judge.tiny_server import Answer, tiny
from tests.judge.tools import client_of

STREAM = (b'data: {"router_metadata": {"model_name": "a"}}\n\n', b"data: [DONE]\n\n")


def test_a_stream_has_its_events_for_whoever_reads_it_as_one(tmp_path: Path) -> None:
    streamed = Answer(headers={"Content-Type": "text/event-stream"}, pieces=STREAM)
    with tiny(lambda _: streamed) as host, client_of(host.base_url, tmp_path) as (client, _):
        adapter = ClientAdapter(client, anonymous(), "paid")
        case = schemathesis.openapi.from_dict(load_spec().document)["/status"]["GET"].Case()
        response = case.call(base_url=host.base_url, session=session(adapter))
        assert response.content == b"".join(STREAM)
        assert adapter.response is not None
        assert adapter.response.content == b"".join(STREAM)
