"""The stored inputs that an answer mentions, and their paths."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lightning_verify.transport.exchange import Exchange

_BARE_ID = re.compile(r"[A-Za-z0-9._-]{6,}")
_ASSET = re.compile(r"/asset-cdn/assets/[^\s\"'<>;,\\]+")


@dataclass(frozen=True, slots=True)
class Revealed:
    """The path of an asset that an answer mentions, with its query. `guessed` if the answer only held
    something that may be an id."""

    path: str
    guessed: bool = False


def revealed_assets(exchange: Exchange) -> list[Revealed]:
    """The assets that an answer mentions in its headers or, when it is text, in its body."""
    texts = [value for _, value in exchange.headers]
    if exchange.media_type.startswith(("application/json", "text/")):
        # JSON may escape slashes, and the ampersands of a query.
        texts.append(exchange.text.replace("\\/", "/").replace("\\u0026", "&"))
    found = [Revealed(path) for text in texts for path in _ASSET.findall(text)]
    if not found:
        found = [
            Revealed(f"/asset-cdn/assets/{value}", guessed=True)
            for name, value in exchange.headers
            if ("asset" in name.lower() or "image-id" in name.lower()) and _BARE_ID.fullmatch(value)
        ]
    first = dict[str, Revealed]()
    for asset in found:  # One asset may be told with its query and without.
        first.setdefault(asset.path.partition("?")[0], asset)
    return list(first.values())
