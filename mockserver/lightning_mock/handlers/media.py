"""Images, videos and sounds (document: the media routes under /gen).

Law: a POST and a GET with the same arguments are the same generation.
"""

from collections.abc import Mapping
from typing import Any, Literal

from lightning_mock.generation.image_inputs import ImageInput, read_inputs
from lightning_mock.generation.rendering.jobs import Film, Picture, Sound
from lightning_mock.generation.rendering.renderer import Job
from lightning_mock.http.call import Call
from lightning_mock.http.replies import Body
from lightning_mock.state import State


async def prepare_inputs(call: Call, state: State) -> None:
    """Decodes the input images. InvalidRequest when one is neither an address nor an image."""
    items = call.arguments.get("image_urls")
    if items:
        call.arguments["image_urls"] = await read_inputs(items, state.renderer)


async def create_image(call: Call, state: State) -> Body:
    """A JPEG of the prompt."""
    picture = Picture(
        prompt=call.arguments["prompt"],
        mode=_mode(call.arguments),
        inputs=tuple(image.thumbnail for image in _inputs(call)),
        seed=_seed(state),
    )
    return await _rendered(picture, call, state, _inputs(call))


async def create_video(call: Call, state: State) -> Body:
    """An MP4 of the prompt with the asked ratio and duration."""
    return await _video("", call, state)


async def create_airforce_video(call: Call, state: State) -> Body:
    """The same from the alternate provider."""
    return await _video("airforce", call, state)


async def create_sfx(call: Call, state: State) -> Body:
    """An MP3 with a tune."""
    return await _sound("sfx", call, state)


async def create_tts(call: Call, state: State) -> Body:
    """An MP3 in the rhythm of speech."""
    return await _sound("tts", call, state)


async def _video(provider: str, call: Call, state: State) -> Body:
    arguments = call.arguments
    schemas = state.spec.document["components"]["schemas"]
    film = Film(
        prompt=arguments["prompt"],
        ratio=arguments.get("ratio") or schemas["Ratio"]["default"],
        seconds=arguments["duration"],
        mode=_mode(arguments),
        provider=provider,
        inputs=tuple(image.thumbnail for image in _inputs(call)),
        seed=_seed(state),
    )
    return await _rendered(film, call, state, _inputs(call))


async def _sound(kind: Literal["sfx", "tts"], call: Call, state: State) -> Body:
    sound = Sound(call.arguments["prompt"], kind, _seed(state))
    # A sound takes no images: what stands in `image_urls` there is an unknown field, of any type.
    return await _rendered(sound, call, state, [])


async def _rendered(job: Job, call: Call, state: State, inputs: list[ImageInput]) -> Body:
    content = await state.renderer.render(job)
    media_type = call.operation.media_type or "application/octet-stream"
    links = [
        f'</asset-cdn/assets/{(await state.assets.put(image.png)).id}>; rel="related"; type="image/png"'
        for image in inputs
        if image.png is not None
    ]
    if not links:
        return Body(content, media_type)
    return Body(content, media_type, headers={"Link": ", ".join(links)})


def _inputs(call: Call) -> list[ImageInput]:
    return call.arguments.get("image_urls") or []


def _mode(arguments: Mapping[str, Any]) -> str | None:
    """Clients send `auto` when nobody chose."""
    mode: str | None = arguments.get("mode")
    return None if mode == "auto" else mode


def _seed(state: State) -> int:
    return state.settings.seed or 0
