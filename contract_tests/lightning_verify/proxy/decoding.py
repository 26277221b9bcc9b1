"""Decompresses bodies for the laws; what passes stays as it is."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from aiohttp import compression_utils

_MAX_MEMBERS = 100
_GZIP, _ZLIB, _RAW = 31, 15, -15


def decoded(body: bytes, encodings: list[str], most: int) -> bytes | None:
    """`body` without its content encodings; None when one is unknown or broken, or the result is larger than
    `most`."""
    for encoding in reversed(encodings):
        decoder = _DECODERS.get(encoding)
        if decoder is None:
            return None
        try:
            body = decoder(body, most + 1)
        except Exception:  # Each of the libraries has errors of its own.
            return None
        if len(body) > most:
            return None
    return body


def _inflate(body: bytes, most: int, window: int) -> bytes:
    whole, rest = b"", body
    # One member of gzip may follow another.
    for _ in range(_MAX_MEMBERS):
        if not rest or len(whole) >= most:
            break
        decoder = zlib.decompressobj(window)
        whole += decoder.decompress(rest, most - len(whole))
        if not decoder.eof and len(whole) < most:
            raise zlib.error("cut off")
        rest = decoder.unused_data
    return whole


def _deflated(body: bytes, most: int) -> bytes:
    # Some hosts leave the envelope away that the standard asks for.
    return _inflate(body, most, _ZLIB if body[:1] and body[0] & 0x0F == 8 else _RAW)


def _gzipped(body: bytes, most: int) -> bytes:
    return _inflate(body, most, _GZIP)


def _brotli(body: bytes, most: int) -> bytes:
    return compression_utils.BrotliDecompressor().decompress_sync(body, most)


def _zstandard(body: bytes, most: int) -> bytes:
    return compression_utils.ZSTDDecompressor().decompress_sync(body, most)


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "identity": lambda body, _: body,
    "gzip": _gzipped,
    "x-gzip": _gzipped,
    "deflate": _deflated,
    **({"br": _brotli} if compression_utils.HAS_BROTLI else {}),
    **({"zstd": _zstandard} if compression_utils.HAS_ZSTD else {}),
}
