"""What credentials look like, wherever they appear: the one registry.

Law: whatever is shown or kept of a caller's text has been through `without_credentials`, and can be encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import jsonschema_rs
from lightning_spec.http_headers import SECRET_NAMES, encodable, is_secret

from lightning_mock.callers.credentials import KEY_PREFIX

HIDDEN = "[redacted]"
_FORMS = re.escape(KEY_PREFIX) + r"[\w-]*|eyJ[\w-]{4,}(?:\.[\w-]*)*|\bsk-[\w-]{8,}"
# Nothing takes back a blank that it has passed: what there could be millions of would be tried one by one.
_CREDENTIALS = re.compile(
    r"(?:" + _FORMS + r")"
    # `public`, which signed-out clients send, is no credential, and our own explanations name it.
    r"|(bearer(?:\s|%20|\+)++)(?!`?public(?![\w.-]))[^\s\"'&]{6,}"
    r"|((?:" + SECRET_NAMES + r"|[?&]key)"
    # The name of a part of a form, up to the blank line after the part's head; or of a field.
    r"(?:\"[^\r\n]{0,200}\r\n(?:[^\r\n]{1,500}\r\n){0,5}\r\n"
    r"|(?:\\?[\"'])?(?:\s|%20)*+(?:[=:]|%3[ad])(?:\s|%20)*+)"
    # What is hidden already stays as it is.
    r"(?!\[redacted\])\[?(?:\\?[\"'])?"
    # The first word of a header's value may be the scheme.
    r"(?:(?:bearer|basic|token|apikey)(?:\s|%20|\+|\\u0020)++)?)[^\s\"'&,}\\]+",
    re.IGNORECASE | re.ASCII,
)
# How each of them begins. The journal checks a dozen texts for each call: the validator's engine does that in
# linear time, and many times as fast as the pattern above.
_begins_like_one = jsonschema_rs.validator_for(
    {
        "pattern": rf"(?i){KEY_PREFIX}|eyj|sk-[\w-]{{8}}|bearer[\s%+]"
        rf"|(?:{SECRET_NAMES}|[?&]key)[\\\"'\s%=:]"
    },
    pattern_options=jsonschema_rs.RegexOptions(),
).is_valid
_MAX_ESCAPES = 5
"""Nobody decodes a text more often, and each time costs as much as its length."""
_PERCENT_ESCAPES = re.compile(r"(?:%[0-9a-f]{2})+", re.IGNORECASE | re.ASCII)
_JSON_ESCAPE = re.compile(r"\\u00([0-7][0-9a-f])", re.IGNORECASE)


def without_credentials(text: str) -> str:
    """The text, which can be encoded, with a mark in place of every credential."""
    try:
        suspicious = _begins_like_one(text)
    except UnicodeEncodeError:
        # Of a head with bytes that are not UTF-8. Looking for those in every text would cost more.
        text = encodable(text)
        suspicious = _begins_like_one(text)
    if suspicious:
        text = _CREDENTIALS.sub(_hide, text)
    if "%" not in text and "\\u00" not in text:
        return text
    # A credential can be escaped. A text without one is returned as it was written.
    plain = _unescaped(text)
    hidden = _CREDENTIALS.sub(_hide, plain) if plain != text and _begins_like_one(plain) else plain
    return text if hidden == plain else hidden


def headers_without_credentials(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers with a mark in place of every credential; the mark alone where the name says that the value is
    one."""
    return {
        shown: HIDDEN if secret else without_credentials(value)
        for name, value in headers
        for shown, secret in [_name(name)]
    }


@lru_cache(maxsize=256)
def _name(name: str) -> tuple[str, bool]:
    """How the name of a header is shown, and whether its value is a secret. Nearly all messages have the same
    names."""
    return without_credentials(str(name)), is_secret(name)


def _unescaped(text: str) -> str:
    """The text behind all its escapes, which can be escaped themselves."""
    for _ in range(_MAX_ESCAPES):
        escaped = text
        if "%" in text:
            text = _PERCENT_ESCAPES.sub(_decoded, text)
        if "\\u00" in text:
            text = _JSON_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
        if text == escaped:
            break
    return text


def _decoded(escapes: re.Match[str]) -> str:
    """What `unquote` gives, which takes a hundred bytes of memory for each escape."""
    return bytes.fromhex(escapes[0].replace("%", "")).decode("utf-8", "replace")


def _hide(match: re.Match[str]) -> str:
    return (match[1] or match[2] or "") + HIDDEN
