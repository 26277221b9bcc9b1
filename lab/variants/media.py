"""Media in other codecs, and assets announced and served in other ways."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lab import seams
from lab.proofs import asset, generated, picture
from lab.seams import VIDEOS
from lab.server import media
from lab.server.lab import Call, Data, Json, Lab, Refusal, Reply
from lab.variants.variant import VariantSet

VARIANTS = VariantSet()

IMAGES = "createImage getImage"

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
    VARIANTS.group("image", generated("createImage")).add(
        f"images-{_format.lower()}: images are {_format}", _content(IMAGES, _image(_format), _type)
    )

VARIANTS.group("image", lambda c: len({c.generate("image").body for _ in range(3)})).add(
    "images-differ: the same request gives another image each time",
    _content(IMAGES, lambda call: media.image(secrets.token_hex(4)), "image/jpeg"),
)


def _shape(call: Call) -> tuple[str, int]:
    return call.arguments.get("ratio") or "3:2", call.arguments["duration"]


VARIANTS.group("video", generated("createVideo", duration=1)).add(
    "videos-webm: videos are WebM",
    _content(VIDEOS, lambda call: media.video(*_shape(call), "webm", "libvpx"), "video/webm"),
).add(
    "videos-quicktime: videos are QuickTime files",
    _content(VIDEOS, lambda call: media.video(*_shape(call), "mov"), "video/quicktime"),
)

VARIANTS.group("video", lambda c: c.generate("video", duration=1).header("content-type")).add(
    "video-type-with-codecs: the type of a video names its codecs",
    _content(VIDEOS, lambda call: media.video(*_shape(call)), 'video/mp4; codecs="avc1.42E01E"'),
)

for _name, _container, _codec, _type in (
    ("wav", "wav", "pcm_s16le", "audio/wav"),
    ("ogg", "ogg", "libopus", "audio/ogg"),
    ("flac", "flac", "flac", "audio/flac"),
):
    VARIANTS.group("audio", generated("createTts")).add(
        f"audio-{_name}: sound is {_name}", _content(SOUNDS, _sound(_container, _codec), _type)
    )

VARIANTS.group("audio", generated("createTts")).add(
    "audio-au: sound is AU", _content(SOUNDS, _sound("au", "pcm_s16be"), "audio/basic")
).add(
    "audio-samples: sound is samples without a header",
    _content(SOUNDS, lambda _: media.audio("wav", "pcm_s16le")[44:], "audio/L16; rate=16000"),
)

VARIANTS.group("video", lambda c: c.generate("video", duration=1).type).add(
    "video-as-application: a video has the type of its container",
    _content(VIDEOS, lambda call: media.video(*_shape(call)), "application/mp4"),
)

VARIANTS.group("", lambda c: c.generate("image").header("content-disposition")).add(
    "downloads: media come with a file name",
    seams.success(
        f"{IMAGES} {VIDEOS} {SOUNDS}",
        lambda _, r: replace(
            r, headers=[*r.headers, ("Content-Disposition", 'attachment; filename="made.bin"')]
        ),
    ),
)


# --- Ways to deliver ----------------------------------------------------------------------------------------
MEDIA = f"{IMAGES} {VIDEOS} {SOUNDS}"


def _in_json(form: Callable[[Data], dict[str, Any]]) -> seams.Apply:
    return seams.data(MEDIA, lambda _, reply: Json(form(reply), headers=reply.headers))


def _base64(reply: Data) -> str:
    return base64.b64encode(reply.content).decode()


VARIANTS.group("delivery", lambda c: c.generate("image").type).add(
    "media-in-json: media come as base64 in JSON",
    _in_json(lambda reply: {"media_type": reply.content_type, "b64_json": _base64(reply)}),
).add(
    "media-as-data-uri: media come as a data URI in JSON",
    _in_json(lambda reply: {"media": f"data:{reply.content_type.partition(';')[0]};base64,{_base64(reply)}"}),
)


def _apart(tell: Callable[[Call, Data, str], Reply]) -> seams.Apply:
    """Keep what was made at an address of its own, and `tell` its path in place of it."""

    def apply(lab: Lab) -> None:
        kept: dict[str, Data] = {}

        def keep(call: Call, reply: Data) -> Reply:
            name = secrets.token_urlsafe(8)
            kept[name] = reply
            return tell(call, reply, f"made/{name}")

        seams.data(MEDIA, keep)(lab)
        lab.middleware.append(_store("/made/", kept.get))

    return apply


def _store(prefix: str, find: Callable[[str], Data | None]) -> Callable[[ASGIApp], ASGIApp]:
    """Serve under `prefix` what is found by the rest of the path."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def store(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope["path"] if scope["type"] == "http" else ""
            found = find(path.removeprefix(prefix)) if path.startswith(prefix) else None
            if found is None:
                await app(scope, receive, send)
                return
            await Response(found.content, media_type=found.content_type)(scope, receive, send)

        return store

    return wrap


VARIANTS.group("delivery", lambda c: c.generate("image").type).add(
    "media-at-an-address: media are told by their address",
    _apart(lambda call, r, path: Json({"url": f"{call.request.base_url}{path}"}, headers=r.headers)),
)

VARIANTS.group("delivery", lambda c: c.post("/gen/image", {"prompt": "a fox"}).status).add(
    "media-behind-a-redirect: media stand where a redirect on the host leads",
    _apart(lambda _, r, path: Data(b"", "text/plain", 303, [*r.headers, ("Location", f"/{path}")])),
)


# --- Inputs -------------------------------------------------------------------------------------------------
VARIANTS.group("", lambda c: c.generate("image", image_urls=["https://example.com/a.png"]).status).add(
    "addresses-refused: an address where no picture is found is 400; at its own there is one",
    seams.refuse_when(
        "createImage createVideo",
        lambda call: any(
            text.startswith("http") and "/127.0.0.1:" not in text
            for text in call.arguments.get("image_urls") or []
        ),
    ),
)


def _hiccups(lab: Lab) -> None:
    """Fail at the first call of each kind that needs more than the plain one."""
    lab.status_of["hiccup"] = 500
    seen: set[str] = set()

    def fail_once(_: Lab, call: Call) -> None:
        inputs, duration = call.arguments.get("image_urls"), call.arguments.get("duration")
        kind = "inputs" if inputs else f"duration {duration}"
        if (inputs or duration != 5) and kind not in seen:
            seen.add(kind)
            raise Refusal("hiccup", "The provider is busy")

    # After the checks: what is refused never reaches the provider.
    lab.checks["createVideo"]["hiccup"] = fail_once


VARIANTS.group("", lambda c: [c.generate("video", duration=3).status for _ in range(2)]).add(
    "videos-hiccup: the first video of each length, and the first with images, is 500", _hiccups
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
    return lambda c: (c.generate("image", image_urls=[picture()]).header(name) or "")[:11]


VARIANTS.group("announce", _announced("x-asset-url")).add(
    "asset-path-relative: the stored asset is announced by its path",
    _announce(lambda path: ("X-Asset-Url", path)),
)

VARIANTS.group("announce", _announced("link")).add(
    "asset-in-link: the stored asset is announced in a Link header",
    _announce(lambda path: ("Link", f'<{path}>; rel="related"; type="image/png"')),
)

VARIANTS.group("announce", _announced("x-asset-url")).add(
    "asset-not-announced: no header says where the asset is", _announce(lambda _: None)
)


def _elsewhere(lab: Lab) -> None:
    def redirect(call: Call, reply: Data) -> Reply:
        return Data(b"", "text/plain", 302, [("Location", f"/asset-store/{call.arguments['image_id']}.png")])

    def find(name: str) -> Data | None:
        found = lab.assets.get(name.removesuffix(".png"))
        return Data(found[0], "image/png") if found else None

    seams.data("getAsset", redirect)(lab)
    lab.middleware.append(_store("/asset-store/", find))


VARIANTS.group("", lambda c: asset(c).status).add(
    "asset-redirects: the asset route redirects to a store on the same host", _elsewhere
)


def _signed(lab: Lab) -> None:
    lab.checks.setdefault("getAsset", {})
    _announce(lambda path: ("X-Asset-Url", f"{path}?sig=5e1f&expires=2000000000"))(lab)
    seams.refuse_when("getAsset", lambda call: call.request.query_params.get("sig") != "5e1f", "missing")(lab)


VARIANTS.group(
    "announce",
    lambda c: (c.generate("image", image_urls=[picture()]).header("x-asset-url") or "").partition("?")[2],
).add("asset-signed: the address of an asset has a signature in its query", _signed)


def _suffix_optional(lab: Lab) -> None:
    _announce(lambda path: ("X-Asset-Url", path + ".png"))(lab)

    def bare(_: Lab, call: Call) -> None:
        call.arguments["image_id"] = call.arguments["image_id"].removesuffix(".png")

    lab.checks["getAsset"] = {"suffix": bare, **lab.checks.get("getAsset", {})}


VARIANTS.group(
    "announce", lambda c: (c.generate("image", image_urls=[picture()]).header("x-asset-url") or "")[-4:]
).add(
    "asset-suffix-optional: an asset is announced with its suffix, and found without it as well",
    _suffix_optional,
)

VARIANTS.group("announce", _announced("x-asset-store")).add(
    "asset-store-named: a header says what kind of store assets are kept in, and none where",
    _announce(lambda _: ("X-Asset-Store", "memory")),
)
