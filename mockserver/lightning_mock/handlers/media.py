"""Images, videos and sounds (document: the media routes under /gen).

Law: a POST and a GET with the same arguments are the same generation.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from lightning_mock.generation.image_inputs import ImageInput, read_inputs
from lightning_mock.generation.rendering.jobs import Film, Job, Picture, Sound
from lightning_mock.http.call import Call
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State

_ASSETS = "/asset-cdn/assets/"


async def prepare_inputs(call: Call, state: State) -> None:
    """Decodes the input images. Raises InvalidRequest when one is neither an address nor an image."""
    items = call.arguments.get("image_urls")
    if items:
        call.arguments["image_urls"] = await read_inputs(items, state.renderer)


async def create_image(call: Call, state: State) -> Body:
    """A JPEG of the prompt, 512 pixels square."""
    return await _rendered(_picture(call, state), call, state, _inputs(call))


async def create_images(call: Call, state: State) -> Body:
    """As many pictures as requested, each different: JPEG in base64, or PNG at addresses."""
    picture = _picture(call, state)
    if _at_address(call):
        picture = picture._replace(form="PNG")
    pictures = [picture._replace(seed=picture.seed + index) for index in range(call.arguments.get("n") or 1)]
    return await _listed(pictures, call, state)


async def create_video(call: Call, state: State) -> Body:
    """An MP4 of the prompt with the requested ratio and duration."""
    return await _rendered(_film("", call, state), call, state, _inputs(call))


async def create_videos(call: Call, state: State) -> Body:
    """A video in JSON: in base64, or as an address."""
    return await _listed([_film("", call, state)], call, state)


async def create_airforce_video(call: Call, state: State) -> Body:
    """A video from the alternate provider."""
    return await _rendered(_film("airforce", call, state), call, state, _inputs(call))


async def create_sfx(call: Call, state: State) -> Body:
    """An MP3 with a tune."""
    return await _sound("sfx", call.arguments["prompt"], call, state)


async def create_tts(call: Call, state: State) -> Body:
    """An MP3 in the rhythm of speech."""
    return await _sound("tts", call.arguments["prompt"], call, state)


async def create_audio(call: Call, state: State) -> Body:
    """An MP3 with a tune, in the form of OpenAI's API: the prompt is `input`."""
    return await _sound("sfx", _input(call), call, state)


async def create_speech(call: Call, state: State) -> Body:
    """An MP3 in the rhythm of speech, in the form of OpenAI's API: the prompt is `input`."""
    return await _sound("tts", _input(call), call, state)


def _input(call: Call) -> str:
    text: str = call.arguments.get("input") or call.arguments["prompt"]
    return text


def _picture(call: Call, state: State) -> Picture:
    arguments = call.arguments
    return Picture(arguments["prompt"], _mode(arguments), _thumbnails(call), _seed(state))


def _film(provider: str, call: Call, state: State) -> Film:
    arguments = call.arguments
    schemas = state.spec.document["components"]["schemas"]
    return Film(
        prompt=arguments["prompt"],
        ratio=arguments.get("ratio") or schemas["Ratio"]["default"],
        seconds=arguments["duration"],
        mode=_mode(arguments),
        provider=provider,
        inputs=_thumbnails(call),
        seed=_seed(state),
    )


async def _sound(kind: Literal["sfx", "tts"], text: str, call: Call, state: State) -> Body:
    sound = Sound(text, kind, _seed(state))
    # A sound takes no images: what stands in `image_urls` there is an unknown field, of any type.
    return await _rendered(sound, call, state, [])


async def _rendered(job: Job, call: Call, state: State, inputs: list[ImageInput]) -> Body:
    content = await state.renderer.render(job)
    media_type = call.operation.media_type or "application/octet-stream"
    return Body(content, media_type, headers=await _links(inputs, state) if inputs else None)


async def _listed(jobs: Sequence[Job], call: Call, state: State) -> Body:
    """The results in OpenAI's format: in base64, or stored at an address."""
    contents = [await state.renderer.render(job) for job in jobs]
    if _at_address(call):
        origin = f"{call.request.scheme}://{call.request.host}"
        assets = [await state.assets.put(content) for content in contents]
        data = [{"url": f"{origin}{_ASSETS}{asset.id}"} for asset in assets]
    else:
        data = [{"b64_json": b64encode(content).decode()} for content in contents]
    answer = {"created": int(state.clock.now_of(call.identity.key)), "data": data}
    return json_body(answer, headers=await _links(_inputs(call), state))


async def _links(inputs: list[ImageInput], state: State) -> dict[str, str] | None:
    links = [
        f'<{_ASSETS}{(await state.assets.put(image.png)).id}>; rel="related"; type="image/png"'
        for image in inputs
        if image.png is not None
    ]
    return {"Link": ", ".join(links)} if links else None


def _at_address(call: Call) -> bool:
    return call.arguments.get("response_format") == "url"


def _inputs(call: Call) -> list[ImageInput]:
    return call.arguments.get("image_urls") or []


def _thumbnails(call: Call) -> tuple[bytes, ...]:
    inputs = _inputs(call)
    return tuple(image.thumbnail for image in inputs) if inputs else ()


def _mode(arguments: Mapping[str, Any]) -> str | None:
    """Clients send `auto` when nobody chose."""
    mode: str | None = arguments.get("mode")
    return None if mode == "auto" else mode


def _seed(state: State) -> int:
    return state.settings.seed or 0


HANDLERS = {
    "createImage": create_image,
    "getImage": create_image,
    "createVideo": create_video,
    "getVideo": create_video,
    "createAirforceVideo": create_airforce_video,
    "getAirforceVideo": create_airforce_video,
    "createSfx": create_sfx,
    "getSfx": create_sfx,
    "createTts": create_tts,
    "getTts": create_tts,
    # Since the revision 2026-06-19.
    "createImages": create_images,
    "createVideos": create_videos,
    "createSpeech": create_speech,
    "createAudio": create_audio,
}
PREPARATIONS = dict.fromkeys(
    (
        "createImage",
        "getImage",
        "createVideo",
        "getVideo",
        "createAirforceVideo",
        "getAirforceVideo",
        "createImages",
        "createVideos",
    ),
    prepare_inputs,
)
