"""The OpenAI-compatible routes that later revisions have; a revision without them leaves these checks out."""

from __future__ import annotations

from typing import Any

import pytest

from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import answer_to
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.judging.usage import observe
from lightning_verify.laws.openai_forms import ROUTER, entries
from lightning_verify.reading.addresses import address
from lightning_verify.reading.media import flaw
from lightning_verify.requests.valid import (
    CALLS,
    PROMPT,
    picture_base64,
    say,
)
from lightning_verify.run.marks import judges
from lightning_verify.transport.exchange import Exchange

CHAT, MODELS = "/gen/chat/completions", "/gen/models"
IMAGES, VIDEOS = "/gen/images/generations", "/gen/videos/generations"
SPEECH, AUDIO = "/gen/audio/speech", "/gen/audio/generations"


def _pieces(judge: Judge, requirement: str, exchange: Exchange, owner: str) -> list[dict[str, Any]]:
    return entries(judge.object(requirement, exchange, owner))


# --- chat models ----------------------------------------------------------------------------------------


def _listed(judge: Judge, requirement: str) -> Exchange:
    exchange = judge.once("chat models", lambda: judge.get(MODELS))
    judge.object(requirement, exchange, "LIST-1")
    return exchange


@judges("LIST-1", requests=1)
def test_the_chat_models_are_listed(judge: Judge) -> None:
    judge.keeps("LIST-1", _listed(judge, "LIST-1"))


@judges("CHAT-12", requests=6)
def test_a_model_that_is_no_text_is_400(judge: Judge) -> None:
    for wrong in (5, True, ["lightning"], {"id": "lightning"}):
        judge.refused("CHAT-12", judge.post(CHAT, say("Hello.", model=wrong), lane="free"), 400, f"{wrong!r}")


@judges("CHAT-12", units={"cloudChatDaily": 2}, requests=3)
def test_a_listed_model_may_be_named(judge: Judge) -> None:
    ids = [entry.get("id") for entry in entries(judge.object("CHAT-12", _listed(judge, "CHAT-12"), "LIST-1"))]
    others = [name for name in ids if isinstance(name, str) and name != ROUTER]
    for model in [ROUTER, *others[:1]]:
        judge.witness("CHAT-12", judge.served("CHAT-12", judge.post(CHAT, say("Say hello.", model=model))))


# --- images and videos in JSON --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirement", "operation"),
    [
        pytest.param("IMG-7", "createImages", marks=judges("IMG-7", units={"imagesDaily": 1}, requests=3)),
        pytest.param("VID-8", "createVideos", marks=judges("VID-8", units={"videosDaily": 1}, requests=3)),
    ],
)
def test_what_is_generated_stands_in_the_answer(judge: Judge, requirement: str, operation: str) -> None:
    exchange = judge.served(requirement, answer_to(judge, CALLS[operation]))
    judge.keeps(requirement, exchange)
    number = len(_pieces(judge, requirement, exchange, requirement))
    judge.check(requirement, number == 1, f"{exchange.title}: {number} pieces, not one", exchange)


@judges("IMG-8", units={"imagesDaily": 3}, requests=1)
def test_as_many_images_come_as_are_asked_for(judge: Judge) -> None:
    exchange = judge.served("IMG-8", judge.post(IMAGES, {"prompt": PROMPT, "n": 3}))
    number = len(_pieces(judge, "IMG-8", exchange, "IMG-7"))
    judge.check("IMG-8", number == 3, f"{exchange.title}: {number} images, not three", exchange)


@judges("IMG-8", requests=4)
def test_a_number_of_images_that_is_no_integer_is_400(judge: Judge) -> None:
    for wrong in ("two", 1.5, [1], {"n": 1}):
        exchange = judge.post(IMAGES, {"prompt": PROMPT, "n": wrong}, lane="free")
        judge.refused("IMG-8", exchange, 400, f"n={wrong!r}")


@pytest.mark.parametrize(
    ("requirement", "path", "media_type", "owner"),
    [
        pytest.param(
            *("IMG-9", IMAGES, "image/png", "IMG-7"),
            marks=judges("IMG-9", "CDN-1", units={"imagesDaily": 1}, requests=2),
            id="image",
        ),
        pytest.param(
            *("VID-9", VIDEOS, "video/mp4", "VID-8"),
            marks=judges("VID-9", "CDN-1", units={"videosDaily": 1}, requests=2),
            id="video",
        ),
    ],
)
def test_an_address_leads_to_what_was_made(
    judge: Judge, requirement: str, path: str, media_type: str, owner: str
) -> None:
    exchange = judge.served(requirement, judge.post(path, {"prompt": PROMPT, "response_format": "url"}))
    pieces = _pieces(judge, requirement, exchange, owner)
    addresses = [address(piece.get("url"), judge.target.base_url) for piece in pieces]
    on_the_cdn = bool(addresses) and all(each.path.startswith("/asset-cdn/assets/") for each in addresses)
    judge.check(requirement, on_the_cdn, f"{exchange.title}: no address on the asset CDN", exchange)
    here = address(judge.target.base_url).netloc
    for each in addresses:
        if each.netloc not in {"", here}:
            raise NotRun("needs a host that keeps its assets under the address it is judged at")
        asset = judge.get(each.path + (f"?{each.query}" if each.query else ""))
        judge.served(requirement, asset)
        problem = flaw(asset.body, media_type.partition("/")[0], asset.media_type)
        judge.check(requirement, problem is None, f"{asset.title}: {problem}", exchange, asset)
        judge.check("CDN-1", asset.media_type == media_type, f"{asset.title}: {asset.media_type}", asset)


@pytest.mark.parametrize(
    ("requirement", "path"),
    [
        pytest.param("IMG-10", IMAGES, marks=judges("IMG-10", requests=4), id="image"),
        pytest.param("VID-10", VIDEOS, marks=judges("VID-10", requests=4), id="video"),
        pytest.param("AUD-2", SPEECH, marks=judges("AUD-2", requests=4), id="speech"),
        pytest.param("AUD-2", AUDIO, marks=judges("AUD-2", requests=4), id="sound"),
    ],
)
def test_without_a_text_nothing_is_made(judge: Judge, requirement: str, path: str) -> None:
    for body in ({}, {"n": 1}, {"prompt": 5}, {"prompt": ["a"]}):
        judge.refused(requirement, judge.post(path, body, lane="free"), 400, f"{body}")


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"mode": "fantasy"}, id="mode"),
        pytest.param({"image_urls": [picture_base64()]}, id="picture"),
    ],
)
@judges("IMG-11", units={"imagesDaily": 1}, requests=1)
def test_images_take_the_options_of_one_image(judge: Judge, more: dict[str, Any]) -> None:
    judge.witness("IMG-11", judge.served("IMG-11", judge.post(IMAGES, {"prompt": PROMPT, **more})))


@pytest.mark.parametrize("duration", [1, 0, 99])
@judges("VID-11", units={"videosDaily": 1}, requests=1)
def test_videos_take_the_options_of_a_video(judge: Judge, duration: int) -> None:
    body = {"prompt": PROMPT, "ratio": "2:3", "mode": "fun", "duration": duration}
    judge.witness("VID-11", judge.served("VID-11", judge.post(VIDEOS, body)))


@judges("ASM-17", units={"imagesDaily": 3}, requests=3)
def test_several_images_of_one_call_cost_one_unit(judge: Judge) -> None:
    caller, body = judge.caller(), {"prompt": PROMPT, "n": 3}
    seen = observe(judge, caller, "imagesDaily", lambda: judge.post(IMAGES, body, caller))
    units = seen.consumed(judge, "ASM-17").get("imagesDaily", 0)
    judge.check("ASM-17", units == 1, f"three images cost {units} units", seen.call, seen.after)


# --- speech and sound, and what only tells or refuses ---------------------------------------------------


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(operation, marks=judges("AUD-1", units={"audioWeekly": 1}, requests=3))
        for operation in ("createSpeech", "createAudio")
    ],
)
def test_speech_and_sound_are_mpeg(judge: Judge, operation: str) -> None:
    judge.keeps("AUD-1", judge.served("AUD-1", answer_to(judge, CALLS[operation])))


@pytest.mark.parametrize("path", [SPEECH, AUDIO])
@judges("AUD-2", units={"audioWeekly": 1}, requests=1)
def test_older_callers_may_send_a_prompt(judge: Judge, path: str) -> None:
    judge.witness("AUD-2", judge.served("AUD-2", judge.post(path, {"prompt": PROMPT})))


@judges("VID-13", requests=1)
def test_the_video_route_tells_its_fields(judge: Judge) -> None:
    exchange = judge.served("VID-13", judge.client.send("HEAD", "/gen/video", judge.caller()))
    judge.keeps("VID-13", exchange)


@judges("MESH-1", requests=1)
def test_three_dimensions_are_made_elsewhere(judge: Judge) -> None:
    exchange = judge.post("/gen/3d/generations", {"prompt": PROMPT}, lane="free")
    judge.refused("MESH-1", exchange, 403, "a caller of this API")
