"""The asset CDN (document: GET /asset-cdn/assets/{image_id})."""

from lightning_mock.errors import NotFound
from lightning_mock.http.call import Call
from lightning_mock.http.replies import Body
from lightning_mock.state import State


async def get_asset(call: Call, state: State) -> Body:
    """A stored file. Raises NotFound when the id is unknown or has expired."""
    asset = await state.assets.get(call.arguments["image_id"])
    if asset is None:
        raise NotFound("No asset has this id, or it has expired.", "image_id")
    # Only later revisions keep anything but pictures there.
    return Body(asset.content, "video/mp4" if asset.content[4:8] == b"ftyp" else "image/png")


HANDLERS = {
    "getAsset": get_asset,
}
