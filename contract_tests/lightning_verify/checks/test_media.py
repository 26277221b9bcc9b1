"""Images, videos and sounds: what must be in a request, and that what comes back is what it claims to be."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from lightning_verify.facts import METRIC_OF, OWNER_OF, REQUIREMENTS
from lightning_verify.judging.assets import Revealed, revealed_assets
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import (
    DURATION_ENDS,
    DURATIONS,
    NO_ASSET,
    NOTHING,
    OFTEN,
    QUERIES,
    TRIES,
    answer_to,
    enough,
    inputs_to,
    is_gone,
    loses_inputs_of_images,
    refusal,
    refused_call,
    retried,
    shown,
    video_of,
    video_queried,
    with_pictures,
)
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.laws.generation import MEDIA
from lightning_verify.reading.media import Measure, flaw, measure, unknown
from lightning_verify.requests import callers
from lightning_verify.requests.credentials import API_KEY, JWT
from lightning_verify.requests.invalid import wrong_duration, wrong_image_urls, wrong_prompt
from lightning_verify.requests.valid import CALLS, NO_ASSETS, PROMPT, picture_base64
from lightning_verify.run.marks import judges, needs_own_host
from lightning_verify.target import LIVE, Spend
from lightning_verify.transport.exchange import Exchange

IMAGE, VIDEO = (CALLS[name].path for name in ("createImage", "createVideo"))
ADDRESSES = [f"{LIVE}/asset-cdn/assets/one.png", f"{LIVE}/asset-cdn/assets/two.png"]


# The plain call that shows what a family of media is like on this host.
PLAIN = {"image": "createImage", "video": "createVideo", "audio": "createSfx"}


def _is_whole(judge: Judge, requirement: str, exchange: Exchange, family: str) -> None:
    """What came is a complete file of its family. What is wrong with plain requests too is reported once, by
    the requirement about those, and leaves others undecided."""
    judge.served(requirement, exchange)
    content = exchange.medium(family)
    if content.elsewhere is not None and exchange.lost_file is None:
        raise NotRun(f"needs a host that sends {family}s; this one tells an address, as it may")
    if doubt := unknown(content.data, family, content.media_type):
        raise NotRun(f"needs {family}s of a format that we know: {doubt}")
    problem = exchange.lost_file or flaw(content.data, family, content.media_type)
    assert exchange.operation is not None
    for operation in dict.fromkeys((PLAIN[family], exchange.operation.id)) if problem else ():
        owner = OWNER_OF[operation]
        if requirement not in {owner, "TTS-1"} and _same_flaw(judge, operation, family):
            raise judge.undecided(requirement, f"{exchange.title}: {problem} (see {owner})", exchange)
    judge.keeps(requirement, exchange, law=OWNER_OF[exchange.operation.id])


def _same_flaw(judge: Judge, operation: str, family: str) -> bool:
    plain = answer_to(judge, CALLS[operation])
    if not plain.served or plain.problem is not None:
        return False
    if plain.lost_file is not None:
        return True
    content = plain.medium(family)
    return content.elsewhere is None and flaw(content.data, family, content.media_type) is not None


def _measured(exchange: Exchange) -> Measure | None:
    return measure(exchange.medium("video").data)


# Words of several scripts, an emoji of two characters, quotation marks and a line break.
ANY_SCRIPT = "A lighthouse – „灯台“, маяк, منارة 🏝️\nat dusk, 50 % naïve"


@pytest.mark.parametrize(
    ("requirement", "operation", "family"),
    [
        pytest.param(
            requirement,
            operation,
            family,
            id=operation,
            marks=judges(requirement, shares=operations),
        )
        for requirement, family in MEDIA.items()
        for operations in [REQUIREMENTS.requirements[requirement].operations]
        for operation in operations
    ],
)
def test_what_is_generated_is_what_was_asked_for(
    judge: Judge, requirement: str, operation: str, family: str
) -> None:
    _is_whole(judge, requirement, answer_to(judge, CALLS[operation]), family)


@pytest.mark.parametrize(
    ("requirement", "path", "family"),
    [
        pytest.param(
            requirement,
            CALLS[operation].path,
            family,
            id=CALLS[operation].path,
            marks=judges(requirement, units={METRIC_OF[operation]: 1}, requests=1),
        )
        for requirement, family in MEDIA.items()
        for operation in REQUIREMENTS.requirements[requirement].operations
        if CALLS[operation].method == "POST"
    ],
)
def test_a_prompt_may_be_in_any_script(judge: Judge, requirement: str, path: str, family: str) -> None:
    _is_whole(judge, requirement, judge.post(path, {"prompt": ANY_SCRIPT}), family)


# --- what a request must have ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirement", "operation"),
    [
        pytest.param(
            requirement,
            operation,
            marks=judges(
                requirement,
                shares=[refusal(operation, NOTHING)],
                requests=lambda means: 1 + enough(means.examples, 1),
            ),
            id=operation,
        )
        for requirement, operation in (
            ("IMG-1", "createImage"),
            ("VID-1", "createVideo"),
            ("SFX-2", "createSfx"),
            ("TTS-2", "createTts"),
            ("FAIL-1", "createAirforceVideo"),
        )
    ],
)
def test_without_a_prompt_nothing_is_generated(judge: Judge, requirement: str, operation: str) -> None:
    judge.refused(requirement, refused_call(judge, operation, NOTHING), 400, "a body without a prompt")
    # Other wrong prompts for each operation, so that few are tried on each and many in all.
    wrong_ones = judge.drawn(wrong_prompt(), enough(judge.examples, 1), len(operation))
    for turn, body in enumerate([{}, *({"prompt": wrong} for wrong in wrong_ones)]):
        caller = callers.by_user_agent() if turn % 2 else judge.caller()
        exchange = judge.post(CALLS[operation].path, body, caller, lane="free")
        judge.refused(requirement, exchange, 400, f"{json.dumps(body)}")


@pytest.mark.parametrize(
    ("requirement", "path"),
    [
        pytest.param(
            requirement,
            path,
            marks=judges(requirement, requests=lambda means: 2 + enough(means.examples, means.examples // 3)),
            id=name,
        )
        for requirement, path, name in (("IMG-4", IMAGE, "image"), ("VID-6", VIDEO, "video"))
    ],
)
def test_image_urls_that_are_no_list_are_400(judge: Judge, requirement: str, path: str) -> None:
    count = enough(judge.examples, judge.examples // 3)
    for wrong in [*judge.drawn(wrong_image_urls(), count, 4), [5], [{"url": 1}]]:
        exchange = judge.post(path, {"prompt": PROMPT, "image_urls": wrong}, lane="free")
        judge.refused(requirement, exchange, 400, f"image_urls={json.dumps(wrong)}")


@judges("VID-5", requests=lambda means: enough(means.examples, means.examples // 2))
def test_a_duration_that_is_no_integer_is_400(judge: Judge) -> None:
    for wrong in judge.drawn(wrong_duration(), enough(judge.examples, judge.examples // 2), 5):
        exchange = judge.post(VIDEO, {"prompt": PROMPT, "duration": wrong}, lane="free")
        judge.refused("VID-5", exchange, 400, f"duration={json.dumps(wrong)}")


# --- options --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["fantasy", "realistic"])
@judges("IMG-3", units={"imagesDaily": 1}, requests=1)
def test_an_image_has_two_modes(judge: Judge, mode: str) -> None:
    _is_whole(judge, "IMG-3", judge.post(IMAGE, {"prompt": PROMPT, "mode": mode}), "image")


@pytest.mark.parametrize("mode", ["fantasy", "realistic"])
@judges("IMG-3", units={"imagesDaily": 1}, requests=1)
def test_a_mode_may_stand_in_the_query(judge: Judge, mode: str) -> None:
    exchange = judge.client.send("GET", f"{IMAGE}/{quote(PROMPT)}?mode={mode}", judge.newcomer("getImage"))
    _is_whole(judge, "IMG-3", exchange, "image")


@pytest.mark.parametrize(
    ("requirement", "path", "option"),
    [
        pytest.param(
            requirement,
            path,
            option,
            id=requirement,
            marks=judges(requirement, shares=["createImage" if path == IMAGE else "createVideo"]),
        )
        for requirement, path, option in (
            ("IMG-3", IMAGE, {"mode": "fantasy"}),
            ("IMG-4", IMAGE, {"image_urls": [picture_base64()]}),
            ("VID-3", VIDEO, {"ratio": "1:1"}),
            ("VID-4", VIDEO, {"mode": "fun"}),
            ("VID-5", VIDEO, {"duration": 3}),
            ("VID-6", VIDEO, {"image_urls": [picture_base64()]}),
        )
    ],
)
def test_options_may_be_left_out(judge: Judge, requirement: str, path: str, option: dict[str, Any]) -> None:
    exchange = answer_to(judge, CALLS["createImage" if path == IMAGE else "createVideo"])
    if not exchange.served:
        # A route that does not work with the option either is for others to judge.
        with judge.client.second_look():
            beside = judge.post(path, {"prompt": PROMPT, **option})
        judge.served(requirement, exchange, owner=beside.served)
    judge.witness(requirement, exchange)


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
    body = {"prompt": PROMPT, "duration": duration}
    return judge.once(video_of(duration), lambda: retried(lambda: judge.post(VIDEO, body)))


@pytest.mark.parametrize(
    "duration",
    [
        pytest.param(each, marks=judges("VID-5", units={"videosDaily": TRIES}, shares=[video_of(each)]))
        for each in DURATIONS
    ],
)
def test_any_whole_duration_is_served(judge: Judge, duration: int) -> None:
    _is_whole(judge, "VID-5", _of_duration(judge, duration), "video")


def _queried(judge: Judge, query: Mapping[str, Any]) -> Exchange:
    path = f"{VIDEO}/{quote(PROMPT)}?{urlencode(query)}"
    name = video_queried(QUERIES.index(query)) if query in QUERIES else path
    return judge.once(name, lambda: judge.client.send("GET", path, judge.newcomer("getVideo")))


@pytest.mark.parametrize(
    ("requirement", "option"),
    [
        # Each value is looked at alone where a call that has it with others is refused.
        pytest.param(
            requirement,
            option,
            marks=judges(
                requirement,
                units={"videosDaily": units},
                shares=[video_queried(turn) for turn, query in enumerate(QUERIES) if option in query],
            ),
        )
        for requirement, option, units in (
            ("VID-3", "ratio", 5),
            ("VID-4", "mode", 4),
            ("VID-5", "duration", 2),
        )
    ],
)
def test_options_may_stand_in_the_query_of_a_video(judge: Judge, requirement: str, option: str) -> None:
    for query in QUERIES:
        if option not in query:
            continue
        exchange = _queried(judge, query)
        if (exchange.status or 0) >= 400 and len(query) > 1:
            exchange = _queried(judge, {option: query[option]})
        _is_whole(judge, requirement, exchange, "video")


# --- images as input, and the asset CDN -----------------------------------------------------------------


def _inputs(requests: int, *, encoded: bool) -> pytest.MarkDecorator:
    """One test for each route that takes pictures. `encoded` says that it looks at the call with base64."""
    return pytest.mark.parametrize(
        ("requirement", "path", "family"),
        [
            pytest.param(
                requirement,
                path,
                family,
                marks=judges(
                    requirement,
                    units={metric: TRIES},
                    shares=[inputs_to(path)] * encoded,
                    requests=requests,
                ),
                id=family,
            )
            for requirement, path, family, metric in (
                ("IMG-4", IMAGE, "image", "imagesDaily"),
                ("VID-6", VIDEO, "video", "videosDaily"),
            )
        ],
    )


@_inputs(0, encoded=True)
def test_base64_images_are_accepted(judge: Judge, requirement: str, path: str, family: str) -> None:
    _is_whole(judge, requirement, with_pictures(judge, path), family)


@_inputs(1, encoded=True)
def test_addresses_of_images_are_accepted(judge: Judge, requirement: str, path: str, family: str) -> None:
    # Where the host shows them, its own assets are addresses of real pictures.
    stored = [asset for asset in revealed_assets(with_pictures(judge, path)) if not asset.guessed]
    addresses = [judge.target.base_url + asset.path for asset in stored] or ADDRESSES
    exchange = judge.post(path, {"prompt": PROMPT, "image_urls": addresses[:2]})
    if 400 <= (exchange.status or 0) < 500 and exchange.status != 429 and not stored:
        # It may have looked there and found nothing; a picture of its own it finds.
        raise NotRun("needs a host that takes the addresses we know; one that fetches them may refuse these")
    # One that cannot reach an address fails at it, and at no other picture.
    judge.able(requirement, exchange)
    _is_whole(judge, requirement, exchange, family)


@_inputs(1, encoded=False)
def test_an_empty_list_of_images_is_accepted(judge: Judge, requirement: str, path: str, family: str) -> None:
    _is_whole(judge, requirement, judge.post(path, {"prompt": PROMPT, "image_urls": []}), family)


def _assets(judge: Judge, requirement: str, path: str) -> list[tuple[Revealed, Exchange]]:
    """The two stored inputs of a generation, or the one that its answer mentions, as they are served."""
    exchange = judge.served(requirement, with_pictures(judge, path), owner=False)
    revealed = revealed_assets(exchange)
    if not revealed:
        raise NotRun(
            "needs a host that tells the address of a stored input; the document names no place for it"
        )
    if len(revealed) > 2:
        raise NotRun("needs a host that tells the addresses of the two stored inputs, and no others")
    found = [(asset, judge.get(asset.path)) for asset in revealed]
    if any(300 <= (fetched.status or 0) < 400 for _, fetched in found):
        raise NotRun("needs a host that keeps its assets itself; this one redirects to another")
    if any(asset.guessed and fetched.status in {400, 404} for asset, fetched in found):
        raise NotRun("needs a host that tells the address of a stored input; what looked like ids are none")
    return found


@judges("IMG-5", units={"imagesDaily": TRIES}, shares=[inputs_to(IMAGE)], requests=4)
def test_a_base64_input_can_be_fetched_again(judge: Judge) -> None:
    for problem in ("not served", "served only once"):
        found = _assets(judge, "IMG-5", IMAGE)
        for revealed, fetched in found:
            # Nothing is generated here: a host that fails twice at what it keeps does not keep it.
            asset = judge.get(revealed.path) if fetched.status == 500 else fetched
            if asset.status != 500:
                judge.able("IMG-5", asset)
            if asset.status in {401, 403}:
                raise judge.undecided("IMG-5", f"{asset.title} (see CDN-1)", asset)
            judge.check("IMG-5", asset.served, f"{asset.title}: the stored input is {problem}", asset)
    if len(found) > 1:
        one, other = (asset for _, asset in found)
        distinct = one.body != other.body
        judge.check("IMG-5", distinct, "two different inputs are served as the same file", one, other)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path,
            marks=judges("CDN-1", units={metric: TRIES}, shares=[inputs_to(path)], requests=2),
            id=name,
        )
        for path, metric, name in ((IMAGE, "imagesDaily", "image"), (VIDEO, "videosDaily", "video"))
    ],
)
def test_an_asset_is_a_png(judge: Judge, path: str) -> None:
    for _, asset in _assets(judge, "CDN-1", path):
        # That the inputs of an image are kept is IMG-5, and so are others that get lost in the same way.
        if is_gone(asset) and (path == IMAGE or loses_inputs_of_images(judge)):
            raise judge.undecided("CDN-1", f"{asset.title} (see IMG-5)", asset)
        judge.able("CDN-1", asset)
        judge.served("CDN-1", asset)
        problem = flaw(asset.body, "image", asset.media_type)
        is_png = asset.body.startswith(b"\x89PNG\r\n\x1a\n")
        named = asset.media_type in {"image/png", "image/x-png"}
        message = f"{asset.title}: {problem or asset.media_type}"
        judge.check("CDN-1", problem is None and is_png and named, message, asset)


@judges("CDN-2", shares=[NO_ASSET], requests=1)
def test_an_id_that_nobody_made_is_no_file(judge: Judge) -> None:
    for path in NO_ASSETS:
        _is_no_file(judge, shown(judge, path) if path == NO_ASSET else judge.get(path))


CUT = 4


def _no_ids(path: str) -> list[str]:
    """Paths that are nearly an asset's, and cannot be another's: its id without its end, with a different
    end, and without its beginning. Empty where ids are too short to tell."""
    path, mark, query = path.partition("?")
    # A file may be found without its `.png`, which is no part of what tells it from others.
    parts = re.fullmatch(r"(.*/)([^/.]+)(\.[^/]*)?", path)
    if parts is None or len(parts[2]) < 3 * CUT or parts[2].isdigit():
        return []
    folder, name, ending = parts[1], parts[2], parts[3] or ""
    other = name[:-CUT] + "".join("1" if sign == "0" else "0" for sign in name[-CUT:])
    return [f"{folder}{near}{ending}{mark}{query}" for near in (name[:-CUT], other, name[len(name) // 2 :])]


@judges("CDN-2", units={"imagesDaily": TRIES}, shares=[inputs_to(IMAGE)], requests=5)
def test_a_part_of_an_id_is_no_id(judge: Judge) -> None:
    asset, fetched = _assets(judge, "CDN-2", IMAGE)[0]
    if not fetched.served:
        raise NotRun(f"needs a stored input that is served, and not {fetched.title}")
    near = _no_ids(asset.path)
    if not near:
        raise NotRun("needs ids that a part of cannot be the id of another asset")
    for path in near:
        _is_no_file(judge, judge.get(path))


def _is_no_file(judge: Judge, exchange: Exchange) -> None:
    judge.able("CDN-2", exchange)
    judge.check(
        "CDN-2",
        not exchange.served,
        f"{exchange.title}: a file came, and nobody has stored one there",
        exchange,
    )


# How often a host may fail at reading a file that it has, before that is how it is.
_STUMBLES = 2


def _asked_by_everybody(judge: Judge, paths: list[str]) -> list[Exchange]:
    """The answers to every kind of caller, often enough to meet what happens now and then."""
    asking = [judge.caller(), callers.by_user_agent(), *judge.usable(JWT, API_KEY)]
    turns = range(2 * OFTEN)
    return judge.client.send_together(
        [("GET", paths[turn % len(paths)], asking[turn // len(paths) % len(asking)], None) for turn in turns],
        retry=True,
    )


def _judges_often(requirement: str, more: int = 0) -> pytest.MarkDecorator:
    """The cost of requesting a stored picture as everybody, after `more` are stored."""
    return judges(
        requirement,
        units={"imagesDaily": TRIES + more},
        shares=[inputs_to(IMAGE)],
        requests=2 + more + 2 * OFTEN,
        spend=Spend.EXHAUST,
    )


@needs_own_host
@_judges_often("IMG-5", more=1)
def test_what_is_stored_is_there_each_time(judge: Judge) -> None:
    found = [fetched for _, fetched in _assets(judge, "IMG-5", IMAGE)]
    # One that it fails to read now may be there the next time.
    fetched = next((asset for asset in found if asset.served), found[0])
    judge.witness("IMG-5", judge.served("IMG-5", fetched, owner=False))
    # Another caller's picture, which nobody else sends, takes nobody's place.
    another = judge.post(IMAGE, {"prompt": PROMPT, "image_urls": [picture_base64(width=248)]})
    apart = fetched.path not in {asset.path for asset in revealed_assets(another)}
    judge.check("IMG-5", apart, f"{fetched.path} is the address of another input, too", fetched, another)
    others, failures = Counter[bytes](), list[Exchange]()
    # Where it has led to, if anywhere.
    for exchange in _asked_by_everybody(judge, [fetched.path]):
        if exchange.status == 500 and exchange.doubt is None:
            failures.append(exchange)
        if exchange.status == 404:
            judge.answered("IMG-5", exchange)
            message = f"{exchange.title}: a stored input that was served before"
            raise judge.violation("IMG-5", message, fetched, exchange)
        if exchange.served:
            judge.witness("IMG-5", exchange)
            others[exchange.body] += exchange.media_type == "image/png" and exchange.body != fetched.body
            # A host that encodes it anew each time may never serve the same bytes twice.
            replaced = others[exchange.body] > 1
            message = f"{exchange.title}: another file than before"
            judge.check("IMG-5", not replaced, message, fetched, exchange)
    times = f"in {len(failures)} of {2 * OFTEN} answers"
    message = f"GET {fetched.path} -> 500 {times}, and nothing is generated for it"
    judge.check("IMG-5", len(failures) <= _STUMBLES, message, fetched, *failures)


@needs_own_host
@_judges_often("CDN-2")
def test_what_is_not_stored_is_never_there(judge: Judge) -> None:
    stored = revealed_assets(with_pictures(judge, IMAGE))
    answers = _asked_by_everybody(judge, [NO_ASSET, *(_no_ids(stored[0].path) if stored else ())])
    calm = [exchange for exchange in answers if exchange.status != 429]
    if not calm:
        raise NotRun("needs a host that answers so many at once")
    for exchange in calm:
        _is_no_file(judge, exchange)


# --- what clients rely on, and what we assume -----------------------------------------------------------


@judges("OBS-4", units={"imagesDaily": 1}, requests=1)
def test_the_mode_auto_counts_as_left_out(judge: Judge) -> None:
    _is_whole(judge, "OBS-4", judge.post(IMAGE, {"prompt": PROMPT, "mode": "auto"}), "image")


@judges("OBS-15", shares=["createImage", "createVideo", "createSfx"])
def test_media_are_raw_jpeg_mp4_and_mp3_that_decode(judge: Judge) -> None:
    expected = {"createImage": "image/jpeg", "createVideo": "video/mp4", "createSfx": "audio/mpeg"}
    for operation, media_type in expected.items():
        exchange = judge.served("OBS-15", answer_to(judge, CALLS[operation]), owner=False)
        judge.check(
            "OBS-15", exchange.media_type == media_type, f"{exchange.title}: {exchange.media_type}", exchange
        )
        decodes = operation == "createImage" or measure(exchange.body) is not None
        judge.check("OBS-15", decodes, f"{exchange.title}: the bytes do not decode", exchange)


@judges("ASM-8", units={"imagesDaily": 2, "videosDaily": 1}, requests=3)
def test_unknown_options_are_400(judge: Judge) -> None:
    # That they are refused is our assumption: a host may serve them, and charge for it.
    for path, more in (
        (IMAGE, {"mode": "cubist"}),
        (VIDEO, {"ratio": "16:9"}),
        (IMAGE, {"image_urls": ADDRESSES + ADDRESSES}),
    ):
        exchange = judge.post(path, {"prompt": PROMPT, **more})
        judge.refused("ASM-8", exchange, 400, f"{json.dumps(more)}")


@judges(
    "ASM-9",
    units={"videosDaily": 3 + 2 * TRIES},
    shares=[video_of(each) for each in DURATION_ENDS],
    requests=3,
)
def test_a_video_shows_what_was_asked_for(judge: Judge) -> None:
    for ratio, shape in (("3:2", 1.5), ("2:3", 2 / 3), ("1:1", 1.0)):
        exchange = judge.served("ASM-9", judge.post(VIDEO, {"prompt": PROMPT, "ratio": ratio}), owner=False)
        seen = _measured(exchange)
        if seen is None or not seen.height:
            raise judge.undecided("ASM-9", "the video cannot be measured", exchange)
        fits = abs(seen.width / seen.height - shape) < 0.1
        judge.check("ASM-9", fits, f"{ratio} gave {seen.width} x {seen.height}", exchange)
        judge.check("ASM-9", abs(seen.seconds - 5) < 1, f"without a duration {seen.seconds:.1f} s", exchange)
    for duration in DURATION_ENDS:
        exchange = judge.served("ASM-9", _of_duration(judge, duration), owner=False)
        seen = _measured(exchange)
        if seen is None:
            raise judge.undecided("ASM-9", "the video cannot be measured", exchange)
        kept = abs(seen.seconds - duration) < 1
        judge.check("ASM-9", kept, f"a duration of {duration} gave {seen.seconds:.1f} s", exchange)


@judges("ASM-10", units={"imagesDaily": 2}, requests=2)
def test_the_same_request_gives_the_same_bytes(judge: Judge) -> None:
    one, other = (
        judge.served("ASM-10", judge.post(IMAGE, {"prompt": PROMPT}), owner=False) for _ in range(2)
    )
    judge.check("ASM-10", one.body == other.body, "the bytes differ", one, other)


@judges("ASM-11", units={"imagesDaily": TRIES}, shares=[inputs_to(IMAGE)], requests=1)
def test_unknown_assets_are_404_and_known_ones_are_linked(judge: Judge) -> None:
    exchange = judge.get("/asset-cdn/assets/never-made")
    judge.able("ASM-11", exchange)
    judge.check("ASM-11", exchange.status == 404, exchange.title, exchange)
    generation = judge.served("ASM-11", with_pictures(judge, IMAGE), owner=False)
    linked = "/asset-cdn/assets/" in (generation.header("link") or "")
    judge.check("ASM-11", linked, "the generation has no Link to its assets", generation)
