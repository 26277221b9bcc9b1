"""Media of other codecs, and assets announced and served in other ways."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from starlette.types import ASGIApp, Receive, Scope, Send

from tests.conformance_lab import media
from tests.conformance_lab.faults import seams
from tests.conformance_lab.lab import Call, Data, Lab, Reply
from tests.conformance_lab.proofs import asset, generated, picture
from tests.conformance_lab.variants.variant import Shelf

SHELF = Shelf()

IMAGES = "createImage getImage"

VIDEOS = "createVideo getVideo createAirforceVideo getAirforceVideo"

SOUNDS = "createSfx getSfx createTts getTts"


def _content(operations: str, content: Callable[[Call], bytes], content_type: str) -> seams.Apply:
    return seams.data(
        operations, lambda call, r: replace(r, content=content(call), content_type=content_type)
    )


def _seed(call: Call) -> str:
    return f"{call.arguments['prompt']}|{call.arguments.get('mode')}"


def _image(format: str) -> Callable[[Call], bytes]:
    return lambda call: media.image(_seed(call), format)


def _sound(container: str, codec: str) -> Callable[[Call], bytes]:
    return lambda _: media.audio(container, codec)


for _format, _type in (("PNG", "image/png"), ("WEBP", "image/webp"), ("GIF", "image/gif")):
    SHELF.add(
        f"images-{_format.lower()}",
        "image",
        f"images are {_format}",
        _content(IMAGES, _image(_format), _type),
        generated("createImage"),
    )

SHELF.add(
    "images-differ",
    "image",
    "the same request gives another image each time",
    _content(IMAGES, lambda call: media.image(secrets.token_hex(4)), "image/jpeg"),
    lambda c: len({c.make("image").body for _ in range(3)}),
)


def _shape(call: Call) -> tuple[str, int]:
    return call.arguments.get("ratio") or "3:2", call.arguments["duration"]


SHELF.add(
    "videos-webm",
    "video",
    "videos are WebM",
    _content(VIDEOS, lambda call: media.video(*_shape(call), "webm", "libvpx"), "video/webm"),
    generated("createVideo", duration=1),
)

SHELF.add(
    "videos-quicktime",
    "video",
    "videos are QuickTime files",
    _content(VIDEOS, lambda call: media.video(*_shape(call), "mov"), "video/quicktime"),
    generated("createVideo", duration=1),
)

SHELF.add(
    "video-type-with-codecs",
    "video",
    "the type of a video names its codecs",
    _content(VIDEOS, lambda call: media.video(*_shape(call)), 'video/mp4; codecs="avc1.42E01E"'),
    lambda c: c.make("video", duration=1).header("content-type"),
)

for _name, _container, _codec, _type in (
    ("wav", "wav", "pcm_s16le", "audio/wav"),
    ("ogg", "ogg", "libopus", "audio/ogg"),
    ("flac", "flac", "flac", "audio/flac"),
):
    SHELF.add(
        f"audio-{_name}",
        "audio",
        f"sound is {_name}",
        _content(SOUNDS, _sound(_container, _codec), _type),
        generated("createTts"),
    )

SHELF.add(
    "downloads",
    "",
    "media come with a file name",
    seams.success(
        f"{IMAGES} {VIDEOS} {SOUNDS}",
        lambda _, r: replace(
            r, headers=[*r.headers, ("Content-Disposition", 'attachment; filename="made.bin"')]
        ),
    ),
    lambda c: c.make("image").header("content-disposition"),
)


# --- Assets -------------------------------------------------------------------------------------------------
def _announce(function: Callable[[str], tuple[str, str] | None]) -> seams.Apply:
    """Another header in place of the plain one; the function gets the path of the asset."""

    def change(_: Lab, __: Call, reply: Reply) -> Reply:
        kept = [pair for pair in reply.headers if pair[0] != "X-Asset-Url"]
        for name, value in reply.headers:
            if name == "X-Asset-Url" and (other := function("/" + value.split("/", 3)[3])):
                kept.append(other)
        reply.headers = kept
        return reply

    return seams.change(change)


def _announced(name: str) -> Callable[..., str | None]:
    return lambda c: (c.make("image", image_urls=[picture()]).header(name) or "")[:11]


SHELF.add(
    "asset-path-relative",
    "announce",
    "the stored asset is announced by its path",
    _announce(lambda path: ("X-Asset-Url", path)),
    _announced("x-asset-url"),
)

SHELF.add(
    "asset-in-link",
    "announce",
    "the stored asset is announced in a Link header",
    _announce(lambda path: ("Link", f'<{path}>; rel="related"; type="image/png"')),
    _announced("link"),
)

SHELF.add(
    "asset-not-announced",
    "announce",
    "no header says where the asset is",
    _announce(lambda _: None),
    _announced("x-asset-url"),
)


def _elsewhere(lab: Lab) -> None:
    def redirect(call: Call, reply: Data) -> Reply:
        return Data(b"", "text/plain", 302, [("Location", f"/asset-store/{call.arguments['image_id']}.png")])

    def wrap(app: ASGIApp) -> ASGIApp:
        async def store(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope["path"] if scope["type"] == "http" else ""
            found = lab.assets.get(path.removeprefix("/asset-store/").removesuffix(".png"))
            if not path.startswith("/asset-store/") or found is None:
                await app(scope, receive, send)
                return
            start = {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"image/png")],
            }
            await send(start)
            await send({"type": "http.response.body", "body": found[0]})

        return store

    seams.data("getAsset", redirect)(lab)
    lab.middleware.append(wrap)


SHELF.add(
    "asset-redirects",
    "",
    "the asset route redirects to a store on the same host",
    _elsewhere,
    lambda c: asset(c).status,
)
