"""Images, videos and sounds: what must be in a request, and that what comes back is what it claims to be."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from contract_tests.exchange import Exchange
from contract_tests.judge import Judge, NotRun
from contract_tests.marks import judges
from contract_tests.media import flaw, measure
from contract_tests.observations import METRIC_OF, operation_observed
from contract_tests.requests import CALLS, PROMPT, picture_base64, picture_data_uri
from contract_tests.strategies import sample, wrong_duration, wrong_image_urls, wrong_prompt
from contract_tests.target import LIVE

IMAGE, VIDEO, AIRFORCE, SFX, TTS = (
    CALLS[name].path
    for name in ("createImage", "createVideo", "createAirforceVideo", "createSfx", "createTts")
)
ADDRESSES = [f"{LIVE}/asset-cdn/assets/one.png", f"{LIVE}/asset-cdn/assets/two.png"]


def _is_whole(judge: Judge, requirement: str, exchange: Exchange, family: str) -> None:
    judge.served(requirement, exchange)
    problem = flaw(exchange.body, family, exchange.media_type)
    judge.check(requirement, problem is None, f"{exchange.title}: {problem}", exchange)


@pytest.mark.parametrize(
    ("requirement", "operation", "family"),
    [
        pytest.param(
            requirement,
            operation,
            family,
            id=operation,
            # The unit is for a second look at a form that fails.
            marks=judges(requirement, units={METRIC_OF[operation]: 1}, shares=operations, requests=4),
        )
        for requirement, family, operations in (
            ("IMG-2", "image", ("createImage", "getImage")),
            ("VID-2", "video", ("createVideo", "getVideo")),
            ("AIR-1", "video", ("createAirforceVideo", "getAirforceVideo")),
            ("SFX-1", "audio", ("createSfx", "getSfx")),
            ("TTS-1", "audio", ("createTts", "getTts")),
        )
        for operation in operations
    ],
)
def test_what_is_generated_is_what_was_asked_for(
    judge: Judge, requirement: str, operation: str, family: str
) -> None:
    exchange = operation_observed(judge, operation).call
    if (exchange.status or 0) >= 500 and _other_form_works(judge, operation):
        raise judge.violation(
            requirement, f"{exchange.title}: only the other form of the route works", exchange
        )
    _is_whole(judge, requirement, exchange, family)


def _other_form_works(judge: Judge, operation: str) -> bool:
    """Whether the same generation is served by the other method, and this one fails again."""
    other = (
        operation.replace("get", "create")
        if operation.startswith("get")
        else operation.replace("create", "get")
    )
    call = CALLS[operation]
    again = judge.client.send(call.method, call.path, judge.caller(), json_body=call.body)
    return (again.status or 0) >= 500 and operation_observed(judge, other).call.served


# --- what a request must have ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirement", "path"),
    [
        pytest.param(requirement, path, marks=judges(requirement, requests=10), id=path)
        for requirement, path in (
            ("IMG-1", IMAGE),
            ("VID-1", VIDEO),
            ("SFX-2", SFX),
            ("TTS-2", TTS),
            ("FAIL-1", AIRFORCE),
        )
    ],
)
def test_without_a_prompt_nothing_is_generated(judge: Judge, requirement: str, path: str) -> None:
    for body in (
        {},
        {"mode": "normal"},
        *({"prompt": wrong} for wrong in sample(wrong_prompt(), judge.examples // 2, 3)),
    ):
        judge.refused(requirement, judge.post(path, body, lane="free"), 400, f"{json.dumps(body)}")


@pytest.mark.parametrize(
    ("requirement", "path"),
    [
        pytest.param("IMG-4", IMAGE, marks=judges("IMG-4", requests=8), id="image"),
        pytest.param("VID-6", VIDEO, marks=judges("VID-6", requests=8), id="video"),
    ],
)
def test_image_urls_that_are_no_list_are_400(judge: Judge, requirement: str, path: str) -> None:
    for wrong in [*sample(wrong_image_urls(), judge.examples // 3, 4), [5], [{"url": 1}]]:
        exchange = judge.post(path, {"prompt": PROMPT, "image_urls": wrong}, lane="free")
        judge.refused(requirement, exchange, 400, f"image_urls={json.dumps(wrong)}")


@judges("VID-5", requests=8)
def test_a_duration_that_is_no_integer_is_400(judge: Judge) -> None:
    for wrong in sample(wrong_duration(), judge.examples // 2, 5):
        exchange = judge.post(VIDEO, {"prompt": PROMPT, "duration": wrong}, lane="free")
        judge.refused("VID-5", exchange, 400, f"duration={json.dumps(wrong)}")


# --- options --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["fantasy", "realistic"])
@judges("IMG-3", units={"imagesDaily": 1}, requests=1)
def test_an_image_has_two_modes(judge: Judge, mode: str) -> None:
    _is_whole(judge, "IMG-3", judge.post(IMAGE, {"prompt": PROMPT, "mode": mode}), "image")


@judges("IMG-3", units={"imagesDaily": 1}, requests=1)
def test_a_mode_may_stand_in_the_query(judge: Judge) -> None:
    exchange = judge.client.send("GET", f"{IMAGE}/{quote(PROMPT)}?mode=fantasy", judge.caller())
    _is_whole(judge, "IMG-3", exchange, "image")


@pytest.mark.parametrize(
    ("requirement", "operation"),
    [
        pytest.param(
            requirement, operation, id=requirement, marks=judges(requirement, shares=[operation], requests=3)
        )
        for requirement, operation in (
            ("IMG-3", "createImage"),
            ("IMG-4", "createImage"),
            ("VID-3", "createVideo"),
            ("VID-4", "createVideo"),
            ("VID-5", "createVideo"),
            ("VID-6", "createVideo"),
        )
    ],
)
def test_options_may_be_left_out(judge: Judge, requirement: str, operation: str) -> None:
    judge.witness(requirement, judge.served(requirement, operation_observed(judge, operation).call))


def _videos(judge: Judge, requirement: str, field: str, values: list[Any]) -> None:
    for value in values:
        _is_whole(judge, requirement, judge.post(VIDEO, {"prompt": PROMPT, field: value}), "video")


@pytest.mark.parametrize("ratio", ["3:2", "2:3", "1:1"])
@judges("VID-3", units={"videosDaily": 1}, requests=1)
def test_a_video_has_three_ratios(judge: Judge, ratio: str) -> None:
    _videos(judge, "VID-3", "ratio", [ratio])


@pytest.mark.parametrize("mode", ["normal", "fun"])
@judges("VID-4", units={"videosDaily": 1}, requests=1)
def test_a_video_has_two_modes(judge: Judge, mode: str) -> None:
    _videos(judge, "VID-4", "mode", [mode])


def _of_duration(judge: Judge, duration: int) -> Exchange:
    return judge.once(
        f"video of {duration}", lambda: judge.post(VIDEO, {"prompt": PROMPT, "duration": duration})
    )


@pytest.mark.parametrize("duration", [1, 10, 0, -5, 11, 10**6])
@judges("VID-5", units={"videosDaily": 1}, requests=1)
def test_any_whole_duration_is_served(judge: Judge, duration: int) -> None:
    exchange = _of_duration(judge, duration)
    outside_fails = (exchange.status or 0) >= 500 and not 1 <= duration <= 10
    # A host that makes videos of allowed durations but fails at these does not clamp them.
    if outside_fails and (_of_duration(judge, 1).served or _of_duration(judge, 10).served):
        raise judge.violation("VID-5", f"duration {duration} is not clamped: {exchange.title}", exchange)
    _is_whole(judge, "VID-5", exchange, "video")


@judges("VID-5", units={"videosDaily": 5}, requests=5)
def test_a_duration_outside_the_range_gives_the_nearest_inside(judge: Judge) -> None:
    lengths = {}
    for duration in (1, 10, 0, 11, 10**6):
        exchange = judge.served("VID-5", _of_duration(judge, duration))
        measured = measure(exchange.body)
        if measured is None:
            raise NotRun("needs a video that our library decodes, to measure its length")
        lengths[duration] = measured.seconds
        over = measured.seconds > 10.6
        judge.check(
            "VID-5", not over, f"duration {duration} gave {measured.seconds:.1f} s, more than 10", exchange
        )
    shortest, longest = lengths[1], lengths[10]
    if longest - shortest < 4:
        return  # This host does not make videos by the clock; that they are served is all there is to see.
    for outside, inside in ((0, 1), (11, 10), (10**6, 10)):
        same = abs(lengths[outside] - lengths[inside]) < 1
        message = f"{outside} gave {lengths[outside]:.1f} s, {inside} gave {lengths[inside]:.1f} s"
        judge.check("VID-5", same, message, _of_duration(judge, outside), _of_duration(judge, inside))


@judges("VID-5", units={"videosDaily": 1}, requests=1)
def test_options_may_stand_in_the_query_of_a_video(judge: Judge) -> None:
    query = urlencode({"ratio": "2:3", "mode": "fun", "duration": 99})
    exchange = judge.client.send("GET", f"{VIDEO}/{quote(PROMPT)}?{query}", judge.caller())
    _is_whole(judge, "VID-5", exchange, "video")


# --- images as input, and the asset CDN -----------------------------------------------------------------

_BARE_ID = re.compile(r"^[A-Za-z0-9._-]{6,}$")
_ASSET = re.compile(r"/asset-cdn/assets/([^\s\"'<>;,?\\]+)")


def _with_pictures(judge: Judge, path: str) -> Exchange:
    body = {"prompt": PROMPT, "image_urls": [picture_base64(), picture_data_uri()]}
    return judge.once(f"base64 inputs to {path}", lambda: judge.post(path, body))


def revealed_assets(exchange: Exchange) -> list[str]:
    """The asset ids that an answer mentions in its headers or, when it is text, in its body."""
    texts = [value for _, value in exchange.headers]
    if exchange.media_type.startswith(("application/json", "text/")):
        texts.append(exchange.text)
    found = [name for text in texts for name in _ASSET.findall(text)]
    if not found:
        bare = [
            value for name, value in exchange.headers if "asset" in name.lower() or "image-id" in name.lower()
        ]
        found = [name for value in bare for name in _BARE_ID.findall(value)]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(
    ("requirement", "path", "family"),
    [
        pytest.param(
            "IMG-4", IMAGE, "image", marks=judges("IMG-4", units={"imagesDaily": 2}, requests=2), id="image"
        ),
        pytest.param(
            "VID-6", VIDEO, "video", marks=judges("VID-6", units={"videosDaily": 2}, requests=2), id="video"
        ),
    ],
)
def test_addresses_and_base64_images_are_accepted(
    judge: Judge, requirement: str, path: str, family: str
) -> None:
    pictures = _with_pictures(judge, path)
    if (
        pictures.status is not None
        and pictures.status >= 500
        and operation_observed(judge, "createImage" if path == IMAGE else "createVideo").call.served
    ):
        raise judge.violation(requirement, f"{pictures.title}: base64 inputs are not accepted", pictures)
    _is_whole(judge, requirement, pictures, family)
    # Where the host shows them, its own assets are addresses of real pictures.
    addresses = [
        f"{judge.target.base_url}/asset-cdn/assets/{name}" for name in revealed_assets(pictures)
    ] or ADDRESSES
    _is_whole(judge, requirement, judge.post(path, {"prompt": PROMPT, "image_urls": addresses[:2]}), family)


def _asset(judge: Judge, requirement: str) -> Exchange:
    exchange = judge.served(requirement, _with_pictures(judge, IMAGE))
    names = revealed_assets(exchange)
    if not names:
        raise NotRun(
            "needs a host that tells the address of a stored input; the document names no place for it"
        )
    asset = judge.get(f"/asset-cdn/assets/{names[0]}")
    if asset.status is not None and 300 <= asset.status < 400:
        raise NotRun("needs a host that keeps its assets itself; this one redirects to another")
    return asset


@judges("IMG-5", units={"imagesDaily": 1}, requests=6)
def test_a_base64_input_can_be_fetched_again(judge: Judge) -> None:
    asset = _asset(judge, "IMG-5")
    judge.answered("IMG-5", asset)
    judge.check("IMG-5", asset.served, f"{asset.title}: the stored input is not served", asset)
    again = _asset(judge, "IMG-5")
    judge.check("IMG-5", again.served, f"{again.title}: the stored input is served only once", again)
    names = revealed_assets(_with_pictures(judge, IMAGE))
    if len(names) > 1:
        other = judge.get(f"/asset-cdn/assets/{names[1]}")
        distinct = other.body != asset.body
        judge.check("IMG-5", distinct, "two different inputs are served as the same file", asset, other)


@judges("CDN-1", units={"imagesDaily": 1}, requests=2)
def test_an_asset_is_a_png(judge: Judge) -> None:
    asset = judge.served("CDN-1", _asset(judge, "CDN-1"))
    problem = flaw(asset.body, "image", asset.media_type)
    is_png = asset.body.startswith(b"\x89PNG\r\n\x1a\n") and asset.media_type in {"image/png", "image/x-png"}
    judge.check("CDN-1", problem is None and is_png, f"{asset.title}: {problem or asset.media_type}", asset)


@judges("CDN-2", requests=2)
def test_an_id_that_nobody_made_is_no_file(judge: Judge) -> None:
    for name in ("00000000-0000-4000-8000-000000000000", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz.png"):
        exchange = judge.get(f"/asset-cdn/assets/{name}")
        judge.answered("CDN-2", exchange)
        if exchange.status == 429 or (exchange.status or 0) >= 500:
            raise judge.undecided("CDN-2", f"{exchange.title}: the host was not able to answer", exchange)
        judge.check("CDN-2", not exchange.served, f"{exchange.title}: a file came", exchange)


@judges("CDN-2", units={"imagesDaily": 1}, requests=3)
def test_a_part_of_an_id_is_no_id(judge: Judge) -> None:
    asset = judge.served("CDN-2", _asset(judge, "CDN-2"))
    exchange = judge.get(asset.path[:-4])
    judge.answered("CDN-2", exchange)
    judge.check("CDN-2", not exchange.served, f"{exchange.title}: a file came for a part of its id", exchange)


# --- what clients rely on, and what we assume -----------------------------------------------------------


@judges("OBS-4", units={"imagesDaily": 1}, requests=1)
def test_the_mode_auto_counts_as_left_out(judge: Judge) -> None:
    _is_whole(judge, "OBS-4", judge.post(IMAGE, {"prompt": PROMPT, "mode": "auto"}), "image")


@judges("OBS-15", shares=["createImage", "createVideo", "createSfx"], requests=9)
def test_media_are_raw_jpeg_mp4_and_mp3_that_decode(judge: Judge) -> None:
    expected = {"createImage": "image/jpeg", "createVideo": "video/mp4", "createSfx": "audio/mpeg"}
    for operation, media_type in expected.items():
        exchange = judge.served("OBS-15", operation_observed(judge, operation).call)
        judge.check(
            "OBS-15", exchange.media_type == media_type, f"{exchange.title}: {exchange.media_type}", exchange
        )
        decodes = operation == "createImage" or measure(exchange.body) is not None
        judge.check("OBS-15", decodes, f"{exchange.title}: the bytes do not decode", exchange)


@judges("ASM-8", requests=3)
def test_unknown_options_are_400(judge: Judge) -> None:
    for path, more in (
        (IMAGE, {"mode": "cubist"}),
        (VIDEO, {"ratio": "16:9"}),
        (IMAGE, {"image_urls": ADDRESSES + ADDRESSES}),
    ):
        exchange = judge.post(path, {"prompt": PROMPT, **more}, lane="free")
        judge.refused("ASM-8", exchange, 400, f"{json.dumps(more)}")


@judges("ASM-9", units={"videosDaily": 3}, requests=3)
def test_a_video_shows_what_was_asked_for(judge: Judge) -> None:
    for ratio, shape in (("3:2", 1.5), ("2:3", 2 / 3), ("1:1", 1.0)):
        exchange = judge.served("ASM-9", judge.post(VIDEO, {"prompt": PROMPT, "ratio": ratio}))
        seen = measure(exchange.body)
        if seen is None or not seen.height:
            raise judge.undecided("ASM-9", "the video cannot be measured", exchange)
        fits = abs(seen.width / seen.height - shape) < 0.1
        judge.check("ASM-9", fits, f"{ratio} gave {seen.width} x {seen.height}", exchange)
        judge.check("ASM-9", abs(seen.seconds - 5) < 1, f"without a duration {seen.seconds:.1f} s", exchange)


@judges("ASM-10", units={"imagesDaily": 2}, requests=2)
def test_the_same_request_gives_the_same_bytes(judge: Judge) -> None:
    one, other = (judge.served("ASM-10", judge.post(IMAGE, {"prompt": PROMPT})) for _ in range(2))
    judge.check("ASM-10", one.body == other.body, "the bytes differ", one, other)


@judges("ASM-11", units={"imagesDaily": 1}, requests=3)
def test_unknown_assets_are_404_and_known_ones_are_linked(judge: Judge) -> None:
    exchange = judge.get("/asset-cdn/assets/never-made")
    judge.check("ASM-11", exchange.status == 404, exchange.title, exchange)
    generation = judge.served("ASM-11", _with_pictures(judge, IMAGE))
    linked = "/asset-cdn/assets/" in (generation.header("link") or "")
    judge.check("ASM-11", linked, "the generation has no Link to its assets", generation)
