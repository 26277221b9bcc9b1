"""What a generation tells the address of is fetched where that is plainly the file, and on the host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lightning_spec.loader import load_spec
from lightning_verify.laws.table import LAWS
from lightning_verify.requests.callers import anonymous
from lightning_verify.requests.valid import CALLS
from lightning_verify.transport import client as transport
from lightning_verify.transport.exchange import Exchange
from lightning_verify.transport.redirects import file_told

from tests.judge.media_samples import sample
from tests.judge.tiny_server import Answer, Asked, tiny
from tests.judge.tools import client_of, judge_of

IMAGE = CALLS["createImage"]
HOST = "https://host.example"


def _answered(document: Any, status: int = 200) -> Exchange:
    return Exchange(
        *("POST", IMAGE.path, {}, b"{}", load_spec().operations["createImage"], "somebody", status),
        headers=[("Content-Type", "application/json")],
        body=json.dumps(document).encode(),
    )


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"url": "/files/1.png"}, "/files/1.png"),
        ({"url": f"{HOST}/files/1.png?sig=x"}, "/files/1.png?sig=x"),
        ({"data": [{"image_url": "/files/1"}], "created": 1}, "/files/1"),
        ({"url": "/files/1.png", "status_url": "/jobs/1", "poster": "/posters/1.jpg"}, "/files/1.png"),
        # A job, an input, a preview, another host, what may cost a unit, and more than one.
        ({"status_url": "/jobs/1"}, None),
        ({"inputs": ["/asset-cdn/assets/a"]}, None),
        ({"poster": "/posters/1.jpg"}, None),
        ({"url": "https://elsewhere.example/1.png"}, None),
        ({"url": "/gen/image/again"}, None),
        ({"url": "/files/1.png", "download_url": "/files/2.png"}, None),
        ({"url": "/files/1.png", "error": "not yet"}, None),
        ({"url": None}, None),
        ([["no"], 5], None),
    ],
)
def test_one_address_of_a_result_on_the_host_is_followed(document: Any, path: str | None) -> None:
    assert file_told(_answered(document), HOST) == path


def test_a_job_that_is_not_done_has_no_file_yet() -> None:
    assert file_told(_answered({"url": "/files/1.png"}, status=202), HOST) is None


def test_a_path_of_the_base_url_is_not_sent_twice() -> None:
    base = f"{HOST}/lightning"
    assert file_told(_answered({"url": f"{base}/files/1.png"}), base) == "/files/1.png"
    assert file_told(_answered({"url": f"{HOST}/files/1.png"}), base) is None


PICTURE = Answer(200, {"Content-Type": "image/png"}, (sample("png"),))
GONE = Answer(404, {"Content-Type": "application/json"})
PAGE = Answer(404, {"Content-Type": "text/html"}, (b"<html>not found</html>",))


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        ([PICTURE], []),
        ([GONE, PICTURE], []),
        ([GONE], ["what it says was made is not there: GET /files/1.png -> 404"]),
        # The page is a proxy's, and what is no picture may be the state of a job.
        ([PAGE], None),
        ([Answer(200, {"Content-Type": "application/json"})], None),
    ],
)
def test_a_file_is_given_the_time_to_come(
    files: list[Answer], wrong: list[str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_FILES_TAKE", 0.2)
    monkeypatch.setattr(transport, "_SOON_THERE", 0.1)
    looks: list[Answer] = []

    def answer(asked: Asked) -> Answer:
        if asked.method == "POST":
            return Answer(200, {"Content-Type": "application/json"}, (b'{"url": "/files/1.png"}',))
        looks.append(files[min(len(looks), len(files) - 1)])
        return looks[-1]

    with tiny(answer) as host, client_of(host.base_url, tmp_path) as (client, budget):
        exchange = client.send("POST", IMAGE.path, anonymous(), json_body=IMAGE.body)
        assert budget.bill()["booked"] == {"imagesDaily": 1}
    assert LAWS["IMG-2"].wrong(exchange) == wrong


def test_a_document_that_breaks_off_once_is_no_route_that_always_fails(tmp_path: Path) -> None:
    with tiny(lambda _: Answer(200)) as host, judge_of(host.base_url, tmp_path) as judge:
        operation = load_spec().operations["getTierConfig"]
        cut = Exchange("GET", "/tier-config", {}, None, operation, "somebody", 200, cut_off=True)
        assert not judge.probes.always_fails(cut)
