"""What a host does wrong in one form, or once in a while, is seen by the check that it is for."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from lightning_verify.checks import test_failures, test_media
from lightning_verify.judging.judge import Violation
from lightning_verify.judging.observations import CHAT
from lightning_verify.requests.valid import PLACES
from PIL import Image

from tests.judge.tiny_server import Answer, Asked, tiny
from tests.judge.tools import judge_of

ASSET = "/asset-cdn/assets/5f1c0a9be2d74c3f"


Measured = Callable[[list[Any]], int]


@pytest.mark.parametrize(
    "measured",
    [
        pytest.param(lambda messages: len(str(messages[-1])), id="the last message"),
        pytest.param(lambda messages: max(map(len, map(str, messages))), id="each message by itself"),
    ],
)
def test_a_stream_of_which_not_all_is_measured(measured: Measured, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        body = json.loads(asked.body)
        size = measured(body["messages"]) if body["stream"] else len(str(body["messages"]))
        return Answer(413 if size > 32_768 else 200)

    check = test_failures.test_an_oversized_chat_is_413_however_it_is_said
    with tiny(answer) as host, judge_of(host.base_url, tmp_path) as judge:
        check(judge, CHAT, "in many messages", stream=False)
        check(judge, CHAT, "in parts", stream=True)
        with pytest.raises(Violation, match="FAIL-2"):
            check(judge, CHAT, "in many messages", stream=True)


@pytest.mark.parametrize("place", PLACES)
def test_what_is_too_large_is_so_in_every_place(place: str) -> None:
    assert str(PLACES[place](300_000)).count("word") == 60_000


def _picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(("odd", "owner"), [("an id in part", "CDN-2"), ("gone", "IMG-5"), ("", "")])
def test_an_asset_that_is_served_well_most_of_the_time(odd: str, owner: str, tmp_path: Path) -> None:
    turns, png = count(1), _picture()

    def answer(asked: Asked) -> Answer:
        if asked.method == "POST":
            return Answer(headers={"Content-Type": "image/png", "X-Asset": ASSET}, pieces=(png,))
        third = next(turns) % 3 == 0
        known = asked.path == ASSET and not (third and odd == "gone")
        by_part = third and odd == "an id in part" and asked.path.startswith(ASSET[:-4])
        if known or by_part:
            return Answer(headers={"Content-Type": "image/png"}, pieces=(png,))
        return Answer(404)

    with tiny(answer) as host, judge_of(host.base_url, tmp_path) as judge:
        check = test_media.test_what_is_stored_is_there_each_time_and_nothing_else_is
        if not owner:
            return check(judge)
        with pytest.raises(Violation, match=owner):
            check(judge)
