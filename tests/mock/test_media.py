"""Pictures, films and sounds: real decoders open them, and the request shows in them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import Any, cast
from urllib.parse import quote

import av
import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lightning_mock.generation.rendering.jobs import Film, Job, Picture, Sound
from lightning_mock.generation.rendering.lettering import SIZES, Face
from lightning_mock.generation.rendering.renderer import Renderer
from lightning_mock.generation.rendering.thumbnails import make_thumbnail
from lightning_mock.generation.rendering.worker import JobFailedError, Worker, WorkerLostError
from lightning_mock.generation.rendering.worker_pool import WorkerPool
from PIL import Image, ImageChops

from tests.support.guard import HANGS


def opened(content: Any) -> Any:
    image = Image.open(BytesIO(content))
    image.load()
    return image


def film_facts(content: Any) -> Any:
    with av.open(BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        frames = [cast(Any, frame).to_image() for frame in container.decode(stream)]
        return stream.codec_context.name, stream.width, stream.height, (container.duration or 0) / 1e6, frames


def sound_facts(content: Any) -> Any:
    with av.open(BytesIO(content), "r") as container:
        stream = container.streams.audio[0]
        loudest = max(max(memoryview(frame.planes[0]).cast("f")) for frame in container.decode(stream))
        return container.format.name, stream.codec_context.name, (container.duration or 0) / 1e6, loudest


# Pictures


def test_a_picture_is_a_jpeg() -> None:
    image = opened(Picture("a fox").render())
    assert (image.format, image.size) == ("JPEG", (512, 512))


def bright_pixels(content: Any) -> Any:
    """Where the picture is nearly white, which only its letters are."""
    return opened(content).convert("L").point(lambda level: 255 if level > 230 else 0)


def test_the_words_of_the_prompt_are_visible() -> None:
    short, long = bright_pixels(Picture("i").render()), bright_pixels(Picture("WWWWWW WWWWWW").render())
    assert long.histogram()[255] > short.histogram()[255] + 500


def test_a_long_prompt_fills_the_picture_but_stays_inside() -> None:
    box = bright_pixels(Picture("word " * 400).render()).getbbox()
    assert box[1] > 10
    assert box[3] < 505
    assert box[3] > 300


@pytest.mark.parametrize("mode", ["fantasy", "realistic"])
def test_the_mode_changes_the_look(mode: Any) -> None:
    plain, other = opened(Picture("a fox").render()), opened(Picture("a fox", mode).render())
    assert ImageChops.difference(plain, other).convert("L").histogram()[0] < 512 * 512 / 2


def test_input_images_show_as_thumbnails() -> None:
    red = make_thumbnail(Image.new("RGB", (300, 200), "red"))
    image = opened(Picture("a fox", inputs=(red, b"")).render())
    reds = [1 for r, g, b in image.convert("RGB").get_flattened_data() if r > 200 and g < 60 and b < 60]
    assert len(reds) > 4000


def test_letters_that_no_font_has_become_boxes_with_their_code_point() -> None:
    for size in SIZES:
        assert Face(size).glyph("\ud800").font is None
        assert Face(size).glyph("\U0010ffff").font is None
        assert Face(size).glyph("a").font is not None
    one, other = Picture("\U000e0300" * 3).render(), Picture("\U000e0355" * 3).render()
    assert bright_pixels(one).histogram() != bright_pixels(other).histogram()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(prompt=st.text(st.characters(), max_size=200))
def test_any_text_can_be_drawn(prompt: Any) -> None:
    assert opened(Picture(prompt, "fantasy").render()).size == (512, 512)


@pytest.mark.parametrize(
    "prompt",
    [
        "\ud800", "\x00", "🦊🏽‍🚀" * 500, "שלום עולם", "\u202eabc", "\n" * 2048, " " * 2048, "x" * 2048,
        "中" * 1365, "e\u0301" * 500,
    ],
)  # fmt: skip
def test_difficult_text_can_be_drawn_everywhere(prompt: Any) -> None:
    assert opened(Picture(prompt).render())
    assert Film(prompt, "2:3", 1).render()
    assert Sound(prompt, "tts").render()


# Films


@pytest.mark.parametrize(("ratio", "width", "height"), [("3:2", 3, 2), ("2:3", 2, 3), ("1:1", 1, 1)])
@pytest.mark.parametrize("seconds", [1, 7, 10])
def test_a_film_has_the_asked_ratio_and_duration(ratio: Any, width: Any, height: Any, seconds: Any) -> None:
    codec, actual_width, actual_height, duration, frames = film_facts(Film("a fox", ratio, seconds).render())
    assert codec == "h264"
    assert actual_width * height == actual_height * width
    assert duration == seconds
    assert len(frames) % seconds == 0


def test_something_moves() -> None:
    *_, frames = film_facts(Film("a fox", "1:1", 2).render())
    assert len({frame.tobytes() for frame in frames}) > len(frames) // 2


def test_mode_prompt_and_provider_change_a_film() -> None:
    films = [
        Film("a fox", "1:1", 1),
        Film("a fox", "1:1", 1, mode="fun"),
        Film("a fox", "1:1", 1, provider="airforce"),
        Film("a cat", "1:1", 1),
    ]
    assert len({film.render() for film in films}) == len(films)


# Sounds


@pytest.mark.parametrize("kind", ["sfx", "tts"])
def test_a_sound_is_an_audible_mp3(kind: Any) -> None:
    form, codec, duration, loudest = sound_facts(Sound("a fox in the snow", kind).render())
    assert form == "mp3"
    assert codec.startswith("mp3")
    assert 1 < duration < 5
    assert loudest > 0.1


def test_speech_and_effects_differ_and_follow_the_prompt() -> None:
    sounds = [Sound(prompt, kind) for kind in ("sfx", "tts") for prompt in ("a fox", "a cat")]
    assert len({sound.render() for sound in sounds}) == 4


def test_speech_grows_with_its_words_up_to_a_bound() -> None:
    lengths = [sound_facts(Sound("word " * count, "tts").render())[2] for count in (2, 10, 2000)]
    assert lengths[0] < lengths[1] < lengths[2] < 15


@pytest.mark.parametrize("job", [Picture("a fox", "fantasy"), Film("a fox", "3:2", 2), Sound("a fox", "sfx")])
def test_the_same_job_gives_the_same_bytes(job: Any) -> None:
    assert job.render() == job.render()


# The renderer


class Counter:
    def __init__(self) -> None:
        self.renders = 0


@dataclass(frozen=True)
class CountedJob:
    """A job that counts how often it is rendered; equal by name and size."""

    name: str
    size: int
    counter: Counter
    seconds: float = 0.0

    def render(self) -> Any:
        self.counter.renders += 1
        time.sleep(self.seconds)
        if self.size < 0:
            raise ValueError(self.name)
        return bytes(self.size)


@pytest.fixture
def renderer() -> Iterator[Any]:
    made = Renderer(max_bytes=100, do=lambda job: job.render())
    yield made
    made.close()


async def test_equal_jobs_at_the_same_time_are_rendered_once(renderer: Any) -> None:
    job = CountedJob("a", 10, Counter(), seconds=0.05)
    replies = await asyncio.gather(*[renderer.render(job) for _ in range(10)])
    assert replies == [bytes(10)] * 10
    assert job.counter.renders == 1


async def test_what_was_rendered_is_kept(renderer: Any) -> None:
    job = CountedJob("a", 10, Counter())
    await renderer.render(job)
    await renderer.render(job)
    assert job.counter.renders == 1


async def test_the_least_used_makes_room(renderer: Any) -> None:
    counters = [Counter() for _ in range(3)]
    first, second, third = (CountedJob(str(index), 40, counter) for index, counter in enumerate(counters))
    await renderer.render(first)
    await renderer.render(second)
    await renderer.render(first)
    await renderer.render(third)
    assert renderer.kept_bytes == 80
    await renderer.render(first)
    await renderer.render(second)
    assert [counter.renders for counter in counters] == [1, 2, 1]


async def test_what_is_larger_than_all_room_is_not_kept(renderer: Any) -> None:
    job = CountedJob("a", 101, Counter())
    assert len(await renderer.render(job)) == 101
    assert renderer.kept_bytes == 0


async def test_a_failure_reaches_every_caller_and_is_not_kept(renderer: Any) -> None:
    job = CountedJob("a", -1, Counter(), seconds=0.02)
    replies = await asyncio.gather(*[renderer.render(job) for _ in range(3)], return_exceptions=True)
    assert [type(reply) for reply in replies] == [ValueError] * 3
    with pytest.raises(ValueError, match="a"):
        await renderer.render(job)
    assert job.counter.renders == 2


async def test_a_caller_that_leaves_takes_nothing_from_the_others(renderer: Any) -> None:
    job = CountedJob("a", 10, Counter(), seconds=0.05)
    leaving, staying = asyncio.create_task(renderer.render(job)), asyncio.create_task(renderer.render(job))
    await asyncio.sleep(0.01)
    leaving.cancel()
    assert await staying == bytes(10)
    assert job.counter.renders == 1


async def test_rendering_leaves_the_event_loop_free(renderer: Any) -> None:
    pending = asyncio.create_task(renderer.render(CountedJob("a", 10, Counter(), seconds=0.1)))
    turns = 0
    while not pending.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 10


# The workers


@pytest.mark.skipif(sys.platform == "win32", reason="a process is killed by a signal")
def test_no_job_waits_for_a_worker_that_was_killed() -> None:
    pool, film = WorkerPool(most=1), Film("a fox", "1:1", 10)
    try:
        with ThreadPoolExecutor(1) as thread:
            at_work = thread.submit(pool.do, film)
            while not pool.pids:
                time.sleep(0.001)
            first = pool.pids
            os.kill(first[0], signal.SIGKILL)
            assert at_work.result(timeout=HANGS) == film.render()
        second = pool.pids
        os.kill(second[0], signal.SIGKILL)
        assert pool.do(Picture("a fox")) == Picture("a fox").render()
        assert len({*first, *second, *pool.pids}) == 3
        with pytest.raises(JobFailedError, match="UnidentifiedImageError"):
            pool.do(Picture("a fox", inputs=(b"no PNG",)))
        pool.end_idle()
        assert pool.pids == []
    finally:
        pool.close()
    with pytest.raises(WorkerLostError):
        pool.do(film)


# Over HTTP


@pytest.fixture
def signed_in(mock: Any) -> Iterator[Any]:
    headers = {"Authorization": f"Bearer {mock.plans['professional'].jwt}"}
    with httpx2.Client(base_url=mock.base_url, headers=headers) as opened_client:
        yield opened_client


ROUTES = [
    ("/gen/image", "image/jpeg"),
    ("/gen/video", "video/mp4"),
    ("/gen/video/airforce", "video/mp4"),
    ("/gen/sfx", "audio/mpeg"),
    ("/gen/tts", "audio/mpeg"),
]


def usage(signed_in: Any) -> Any:
    return {name: metric["used"] for name, metric in signed_in.get("/usage").json()["usage"].items()}


@pytest.mark.parametrize(("route", "media_type"), ROUTES)
def test_post_and_get_are_the_same_generation(signed_in: Any, route: Any, media_type: Any) -> None:
    posted = signed_in.post(route, json={"prompt": "a red fox"})
    got = signed_in.get(f"{route}/a%20red%20fox")
    assert posted.status_code == got.status_code == 200
    assert posted.headers["content-type"] == got.headers["content-type"] == media_type
    assert posted.content == got.content


def test_defaults_are_those_of_the_spec(signed_in: Any) -> None:
    plain = signed_in.post("/gen/video", json={"prompt": "a fox"}).content
    _, width, height, duration, _ = film_facts(plain)
    assert (width * 2, duration) == (height * 3, 5)
    spelled = {"prompt": "a fox", "mode": "auto", "ratio": "3:2", "duration": 5}
    assert signed_in.post("/gen/video", json=spelled).content == plain


@pytest.mark.parametrize(("asked", "expected"), [(-5, 1), (0, 1), (1, 1), (3, 3), (11, 10), (10**9, 10)])
def test_a_duration_is_clamped(signed_in: Any, asked: Any, expected: Any) -> None:
    for reply in (
        signed_in.post("/gen/video", json={"prompt": "a fox", "duration": asked, "ratio": "2:3"}),
        signed_in.get("/gen/video/a%20fox", params={"duration": asked, "ratio": "2:3"}),
    ):
        assert reply.status_code == 200, reply.text
        _, width, height, duration, _ = film_facts(reply.content)
        assert duration == expected
        assert width * 3 == height * 2


def test_mode_auto_is_no_mode(signed_in: Any) -> None:
    plain = signed_in.post("/gen/image", json={"prompt": "a fox"}).content
    assert signed_in.post("/gen/image", json={"prompt": "a fox", "mode": "auto"}).content == plain
    assert signed_in.post("/gen/image", json={"prompt": "a fox", "mode": "fantasy"}).content != plain
    assert signed_in.get("/gen/image/a%20fox", params={"mode": "auto"}).content == plain


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": "dreamy"},
        {"ratio": "16:9"},
        {"duration": 2.5},
        {"duration": "5"},
        {"prompt": ""},
        {"prompt": 5},
    ],
)
def test_what_a_video_cannot_be_is_refused_before_the_charge(client: Any, fields: Any) -> None:
    reply = client.post("/gen/video", json={"prompt": "a fox", **fields})
    assert reply.status_code == 400
    assert next(iter(fields)) in reply.json()["detail"]
    assert usage(client)["videosDaily"] == 0


@pytest.mark.parametrize("prompt", ["a/b", "{x}", "line\nbreak", "🦊", "100%", "\x00", "?#&"])
def test_a_prompt_in_a_path_may_hold_anything(signed_in: Any, prompt: Any) -> None:
    assert signed_in.get(f"/gen/image/{quote(prompt, safe='')}").status_code == 200


def test_a_crowd_that_asks_for_the_same_picture_waits_for_one_rendering(
    mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []
    do = Worker.do

    def counted(self: Worker, job: Job) -> Any:
        rendered.append(threading.current_thread().name)
        return do(self, job)

    monkeypatch.setattr(Worker, "do", counted)

    async def crowd() -> Any:
        headers = {"Authorization": f"Bearer {mock.plans['professional'].api_key}"}
        async with httpx2.AsyncClient(base_url=mock.base_url, headers=headers) as signed_in:
            asked = [signed_in.post("/gen/image", json={"prompt": "crowd"}) for _ in range(20)]
            return await asyncio.gather(*asked)

    replies = asyncio.run(crowd())
    assert {reply.status_code for reply in replies} == {200}
    assert len(rendered) == 1
    assert rendered[0].startswith("render")


def test_a_failed_rendering_is_an_upstream_failure_that_costs_nothing(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Worker, job: Job) -> None:
        raise JobFailedError("no colours left")

    monkeypatch.setattr(Worker, "do", broken)
    reply = client.post("/gen/image", json={"prompt": "never drawn"})
    assert reply.status_code == 500
    assert "no colours left" not in reply.text
    assert usage(client)["imagesDaily"] == 0
