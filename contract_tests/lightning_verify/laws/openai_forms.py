"""Laws of the OpenAI-compatible routes that later revisions have."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from lightning_verify.laws.generation import medium
from lightning_verify.laws.law import Law, Wrong, document, filled, is_complete, law, request_json
from lightning_verify.reading.media import flaw
from lightning_verify.reading.numbers import is_amount
from lightning_verify.transport.exchange import Exchange

ROUTER = "lightning"


def _models(listing: dict[str, Any]) -> Wrong:
    models = listing.get("data")
    if not isinstance(models, list):
        return [f"data is {str(models)[:80]!r}, not a list of models"]
    ids = [model.get("id") if isinstance(model, dict) else None for model in models]
    wrong = [
        f"a model has no id: {str(m)[:80]}" for m, id_ in zip(models, ids, strict=True) if not filled(id_)
    ]
    if listing.get("object") != "list":
        wrong.append(f"object is {listing.get('object')!r}")
    return wrong if ROUTER in ids else [*wrong, f"{ROUTER} is not listed"]


def entries(listing: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of a listing; empty when there is no listing."""
    data = listing.get("data")
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []


def _pieces(family: str, media_type: str) -> Callable[[Exchange], Wrong]:
    """A creation time and the results: in base64 as `media_type`, unless addresses were requested."""

    def look(exchange: Exchange) -> Wrong:
        at_address = request_json(exchange).get("response_format") == "url"

        def listed(listing: dict[str, Any]) -> Wrong:
            wrong = [] if is_amount(listing.get("created")) else [f"created is {listing.get('created')!r}"]
            found = entries(listing)
            if not found:
                return [*wrong, f"data is {str(listing.get('data'))[:80]!r}"]
            for entry in found:
                content = entry.get("url") if at_address else entry.get("b64_json")
                if not filled(content):
                    wrong.append(f"an entry has no {'url' if at_address else 'b64_json'}")
                elif not at_address and (problem := _flaw(str(content), family, media_type)):
                    wrong.append(problem)
            return wrong

        return document(listed, owner=True)(exchange)

    return look


def _flaw(text: str, family: str, media_type: str) -> str | None:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return "b64_json is not base64"
    return flaw(data, family, media_type)


def _sound(exchange: Exchange) -> Wrong:
    wrong = medium("audio")(exchange)
    if wrong is None or exchange.media_type == "audio/mpeg":
        return wrong
    return [*wrong, f"the content type is {exchange.media_type}"]


def _kept_out(exchange: Exchange) -> Wrong:
    """Every caller is refused; a bad bearer may be refused for itself."""
    status = exchange.status or 0
    if status == 429 or status >= 500 or not status:
        return None
    return [] if status in {401, 403} else [f"expected 403, not {status}"]


FIELDS = ("prompt", "ratio", "mode", "duration", "image_urls", "response_format", "model")


def _tells_fields(exchange: Exchange) -> Wrong:
    if not is_complete(exchange):
        return None
    return [f"no header Y-{field}" for field in FIELDS if not exchange.header(f"y-{field}")]


OPENAI_FORMS: tuple[Law, ...] = (
    law("LIST-1", document(_models, owner=True)),
    law("IMG-7", _pieces("image", "image/jpeg")),
    law("VID-8", _pieces("video", "video/mp4")),
    law("VID-13", _tells_fields),
    law("AUD-1", _sound),
    law("MESH-1", _kept_out),
)
