"""Input images: what is read, what is refused, where they are served and when they are gone."""

from __future__ import annotations

import base64
import re
import socket
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from io import BytesIO
from random import Random
from typing import Any

import httpx2
import pytest
from lightning_mock.background import running
from lightning_mock.callers.credentials import random_bytes, seeded_bytes
from lightning_mock.clock import Clock
from lightning_mock.errors import InvalidRequest
from lightning_mock.generation import image_inputs
from lightning_mock.generation.assets import AssetStore
from lightning_mock.generation.image_inputs import MAX_PIXELS, ImageInput, decode_image
from lightning_mock.generation.rendering import worker
from lightning_mock.generation.rendering.worker_pool import WorkerPool
from PIL import Image

from tests.mock.conftest import used


def encoded(form: Any = "PNG", size: Any = (40, 20), mode: Any = "RGB", color: Any = "red") -> Any:
    out = BytesIO()
    Image.new(mode, size, color).save(out, form)
    return base64.b64encode(out.getvalue()).decode()


PNG = encoded()


# The store


def store(clock: Any, max_bytes: Any = 100, lifetime: Any = 60.0) -> Any:
    return AssetStore(clock, lifetime, random_bytes, max_bytes)


async def test_a_file_is_found_under_its_id_until_it_expires() -> None:
    clock = Clock(frozen_at=1000.0)
    assets = store(clock)
    asset = await assets.put(b"one")
    clock.advance(59)
    assert await assets.get(asset.id) == asset
    clock.advance(1)
    assert await assets.get(asset.id) is None


async def test_expired_files_give_their_room_back() -> None:
    clock = Clock(frozen_at=1000.0)
    assets = store(clock)
    await assets.put(b"x" * 50)
    clock.advance(60)
    await assets.put(b"y" * 10)
    assert assets.kept_bytes == 10


async def test_the_oldest_file_makes_room() -> None:
    assets = store(Clock(frozen_at=1000.0))
    first, second, third = [await assets.put(bytes(40)) for _ in range(3)]
    assert await assets.get(first.id) is None
    assert await assets.get(second.id) is not None
    assert await assets.get(third.id) is not None
    assert assets.kept_bytes == 80


async def test_a_file_larger_than_all_room_is_not_kept() -> None:
    assets = store(Clock(frozen_at=1000.0))
    assert await assets.get((await assets.put(bytes(101))).id) is None
    assert assets.kept_bytes == 0


async def test_every_file_that_is_kept_is_whole_however_many_have_gone() -> None:
    assets = store(Clock(frozen_at=1000.0), max_bytes=1000)
    chance, kept = Random(1), {}
    for number in range(300):
        content = chance.randbytes(chance.choice((0, 1, 80, 499, 700, 1000)))
        kept[(await assets.put(content)).id] = content
        if number % 50 == 49:
            await assets.clear()
        found = {asset_id: await assets.get(asset_id) for asset_id in kept}
        assert all(asset is None or asset.content == kept[asset_id] for asset_id, asset in found.items())
        assert sum(asset is not None for asset in found.values()) >= (number % 50 != 49)
        assert assets.kept_bytes == sum(len(asset.content) for asset in found.values() if asset) <= 1000


async def test_where_nothing_can_be_written_memory_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only() -> Any:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr("lightning_mock.generation.assets.TemporaryFile", read_only)
    assets = store(Clock(frozen_at=1000.0))
    assert await assets.get((await assets.put(b"one")).id) is not None


async def test_files_are_not_kept_in_memory() -> None:
    assets = store(Clock(frozen_at=1000.0), max_bytes=10_000_000)
    tracemalloc.start()
    try:
        for _ in range(8):
            await assets.put(bytes(1_000_000))
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


async def test_ids_cannot_be_guessed_and_fit_in_a_path() -> None:
    assets = store(Clock(frozen_at=1000.0))
    ids = {(await assets.put(b"same")).id for _ in range(20)}
    assert len(ids) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22,}", asset_id) for asset_id in ids)


async def test_a_seed_makes_the_ids_the_same_again() -> None:
    ids = [(await AssetStore(Clock(), 60.0, seeded_bytes(3)).put(b"x")).id for _ in range(2)]
    assert ids[0] == ids[1]


# The decoder

WORKERS = WorkerPool()


@pytest.fixture(scope="module", autouse=True)
def end_of_the_workers() -> Iterator[None]:
    yield
    # Not closed: a worker of pytest-xdist may come back to this module.
    WORKERS.end_idle()


def decoded(item: str, place: str = "image_urls[0]") -> ImageInput:
    return decode_image(item, place, WORKERS.decode)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_the_usual_formats_become_png(form: Any) -> None:
    read = decoded(encoded(form))
    with Image.open(BytesIO(read.png or b"")) as image:
        assert (image.format, image.size) == ("PNG", (40, 20))
    with Image.open(BytesIO(read.thumbnail)) as image:
        assert max(image.size) <= 96


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16", "CMYK"])
def test_every_kind_of_pixel_is_read(mode: Any) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    assert decoded(encoded(form, mode=mode, color=None)).png


def test_transparency_is_kept() -> None:
    read = decoded(encoded(mode="RGBA", color=(1, 2, 3, 4)))
    with Image.open(BytesIO(read.png or b"")) as image:
        assert image.getpixel((0, 0)) == (1, 2, 3, 4)


def urlsafe(text: Any) -> Any:
    return text.replace("+", "-").replace("/", "_")


@pytest.mark.parametrize(
    "written",
    [
        PNG,
        PNG.rstrip("="),
        urlsafe(PNG),
        "\n".join(re.findall(".{1,76}", PNG)),
        PNG.replace("+", " "),
        f"data:image/png;base64,{PNG}",
        f"data:image/png;charset=utf-8;base64,{PNG}",
        f"DATA:;BASE64,{PNG}",
        "data:image/png;base64," + PNG.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
    ],
)
def test_base64_is_read_however_it_is_written(written: Any) -> None:
    assert decoded(written).png


@pytest.mark.parametrize("length", range(4, 40, 4))
def test_base64_is_read_in_pieces_wherever_they_end(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_inputs, "_PIECE", length)
    escaped = PNG.replace("+", "%2B").replace("/", "%2f").replace("=", "%3D")
    assert decoded(f"data:image/png;base64,{escaped}") == decoded(PNG)


def test_base64_ends_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_inputs, "_PIECE", 4)
    with pytest.raises(InvalidRequest):
        decoded("AA==" + PNG)


def bomb(width: Any = 20_000, height: Any = 20_000) -> Any:
    """A PNG of few bytes that claims, and has, very many pixels."""

    def chunk(kind: Any, content: Any) -> Any:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width // 8 + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("width", [1_000, 6_000, 20_000])
def test_a_decompression_bomb_is_refused(width: Any) -> None:
    content = base64.b64encode(bomb(width, 20_000)).decode()
    assert len(content) < 100_000
    with pytest.raises(InvalidRequest, match=str(MAX_PIXELS)):
        decoded(content)


PIECEWISE = b"\xff\xe1\x00\x09Exif\x00\x00M"
"""A piece of a JPEG that its decoder puts together with all before it."""


def test_a_picture_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = base64.b64decode(encoded("JPEG"))
    hostile = content[:2] + PIECEWISE * 20_000 + content[2:]
    monkeypatch.setattr(worker, "_TIMEOUT", 0.001)
    with pytest.raises(InvalidRequest, match="seconds"):
        decoded(base64.b64encode(hostile).decode())


@pytest.mark.parametrize(
    "item",
    [
        "",
        "not base64!",
        "AAAA",
        "é",
        "\x00",
        "data:image/png,plain",
        "data:image/png;base64,",
        "data:image/png;base64,%zz",
        "data:image/svg+xml;base64,"
        + base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode(),
        base64.b64encode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n").decode(),
        PNG[: len(PNG) // 2],
        "blob:https://example.com/1",
        "file:///etc/passwd",
        "ftp://example.com/a.png",
    ],
)
def test_what_is_no_image_is_refused_by_name(item: Any) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        decoded(item, "image_urls[1]")
    assert refusal.value.param == "image_urls[1]"
    assert item[:20] not in refusal.value.message or not item


# Over HTTP


def image(client: Any, *items: Any) -> Any:
    return client.post("/gen/image", json={"prompt": "a fox", "image_urls": list(items)})


def links(response: Any) -> Any:
    return re.findall(r"<(/asset-cdn/assets/[^>]+)>", response.headers.get("link", ""))


def test_a_base64_input_is_served_as_png(client: Any) -> None:
    [link] = links(image(client, encoded("JPEG")))
    served = client.get(link)
    assert served.status_code == 200
    assert served.headers["content-type"] == "image/png"
    with Image.open(BytesIO(served.content)) as seen:
        assert (seen.format, seen.size) == ("PNG", (40, 20))


def test_each_base64_input_has_a_link_and_addresses_have_none(client: Any) -> None:
    assert len(links(image(client, PNG, f"data:image/png;base64,{PNG}"))) == 2
    assert len(links(image(client, "https://example.com/a.png", PNG))) == 1
    assert links(image(client, "https://example.com/a.png")) == []


def test_a_video_stores_its_inputs_too(client: Any) -> None:
    reply = client.post("/gen/video", json={"prompt": "a fox", "duration": 1, "image_urls": [PNG]})
    assert client.get(links(reply)[0]).status_code == 200


def test_a_get_takes_inputs_in_its_query(client: Any) -> None:
    for written in (PNG, f"data:image/png;base64,{PNG}"):
        reply = client.get("/gen/image/fox", params={"image_urls": [written, "http://example.com/b.png"]})
        assert reply.status_code == 200, reply.text
        assert len(links(reply)) == 1


def test_anybody_can_fetch_an_asset_without_credentials(mock: Any, client: Any) -> None:
    [link] = links(image(client, PNG))
    assert httpx2.get(mock.base_url + link).status_code == 200


def test_an_unknown_asset_is_not_found(client: Any) -> None:
    reply = client.get("/asset-cdn/assets/nothing")
    assert reply.status_code == 404
    assert isinstance(reply.json()["detail"], str)


def test_an_asset_is_gone_when_the_clock_passes_its_lifetime() -> None:
    with running() as mock, httpx2.Client(base_url=mock.base_url) as client:
        [link] = links(image(client, PNG))
        mock.state.clock.advance(mock.state.spec.asset_lifetime_seconds - 10)
        assert client.get(link).status_code == 200
        mock.state.clock.advance(10)
        assert client.get(link).status_code == 404


@pytest.mark.parametrize("item", ["not base64", "AAAA", "blob:1", "http://", "https:///path", "HTTP://[x"])
def test_an_input_that_is_nothing_is_refused_before_the_charge(client: Any, item: Any) -> None:
    reply = image(client, "https://example.com/a.png", item)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "image_urls[1]"
    assert used(client)["imagesDaily"] == 0


def test_a_bomb_is_refused_before_the_charge(client: Any) -> None:
    assert image(client, base64.b64encode(bomb()).decode()).status_code == 400
    assert used(client)["imagesDaily"] == 0


def test_more_than_two_inputs_are_refused_before_the_charge(client: Any) -> None:
    reply = image(client, PNG, PNG, PNG)
    assert reply.status_code == 400
    assert "image_urls" in reply.json()["detail"]
    assert used(client)["imagesDaily"] == 0


def test_an_address_is_never_fetched(client: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.png"
        assert image(client, address).status_code == 200
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_large_photograph_is_welcome(client: Any) -> None:
    noise = Image.effect_noise((1500, 1500), 100).convert("RGB")
    out = BytesIO()
    noise.save(out, "PNG", compress_level=0)
    content = base64.b64encode(out.getvalue()).decode()
    assert len(content) > 8_000_000
    assert image(client, content).status_code == 200


# The same picture


def served(image: Any, form: Any = "PNG", **more: Any) -> Any:
    out = BytesIO()
    image.save(out, form, **more)
    png = decoded(base64.b64encode(out.getvalue()).decode()).png
    assert png is not None
    return Image.open(BytesIO(png))


def left_red() -> Any:
    image = Image.new("RGB", (64, 32), "blue")
    image.paste("red", (0, 0, 32, 32))
    return image


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        (1, (64, 32), (5, 5)),
        (2, (64, 32), (60, 5)),
        (3, (64, 32), (60, 5)),
        (6, (32, 64), (5, 5)),
        (8, (32, 64), (5, 60)),
    ],
)
def test_an_orientation_tag_is_followed(form: Any, orientation: Any, size: Any, red: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = served(left_red(), form, exif=exif)
    assert image.size == size
    assert image.convert("RGB").getpixel(red)[0] > 200
    assert not image.getexif()


@pytest.mark.parametrize(
    ("space", "signature", "size", "kept"),
    [
        (b"RGB ", b"acsp", 0, True),
        (b"CMYK", b"acsp", 0, False),
        (b"GRAY", b"acsp", 0, False),
        (b"RGB ", b"????", 0, False),
        (b"RGB ", b"acsp", 500_000, False),
    ],
)
def test_a_colour_profile_is_kept_where_it_fits_the_pixels(
    space: Any, signature: Any, size: Any, kept: Any
) -> None:
    profile = bytes(16) + space + bytes(16) + signature + bytes(size)
    assert ("icc_profile" in served(left_red(), icc_profile=profile).info) is kept


def test_sixteen_bits_of_grey_stay_grey() -> None:
    image = Image.new("I;16", (4, 4), 0x8000)
    assert served(image).convert("RGB").getpixel((0, 0)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("mode", "form"),
    [("CMYK", "JPEG"), ("1", "PNG"), ("LA", "PNG"), ("P", "GIF"), ("RGBA", "WEBP"), ("L", "BMP")],
)
def test_every_mode_is_read(mode: Any, form: Any) -> None:
    assert served(left_red().convert(mode), form).size == (64, 32)


def test_a_palette_keeps_what_is_transparent_and_of_a_film_the_first_picture_counts() -> None:
    frame = left_red().convert("P")
    image = served(frame, "GIF", transparency=frame.getpixel((0, 0)), save_all=True, append_images=[frame])
    assert image.convert("RGBA").getpixel((0, 0))[3] == 0


@pytest.mark.parametrize("blanks", [" ", "\n", "\r\n ", "\t"])
@pytest.mark.parametrize("head", ["", "data:image/png;base64,"])
def test_blanks_around_base64_do_no_harm(blanks: Any, head: Any) -> None:
    wrapped = "\n ".join(PNG[start : start + 76] for start in range(0, len(PNG), 76))
    for text in (PNG, wrapped):
        assert decoded(f"{blanks}{head}{blanks}{text}{blanks}").png
