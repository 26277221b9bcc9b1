"""What schemathesis must know about a valid request and cannot read in the spec.

Law: nothing is left out of the run. A hook only completes what is generated, and says why it has to.
"""

from __future__ import annotations

import base64
import io
from typing import Any
from urllib.parse import quote

import schemathesis
from hypothesis import strategies as st
from PIL import Image
from schemathesis import GenerationMode


def _image(colour: tuple[int, int, int], width: int, height: int, form: str, prefixed: bool) -> str:
    stored = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(stored, form)
    text = base64.b64encode(stored.getvalue()).decode()
    return f"data:image/{form.lower()};base64,{text}" if prefixed else text


_channel = st.integers(0, 255)
_images = st.builds(
    _image,
    st.tuples(_channel, _channel, _channel),
    st.integers(1, 8),
    st.integers(1, 8),
    st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP"]),
    st.booleans(),
)
_addresses = st.builds(
    lambda scheme, path: f"{scheme}://example.com/{quote(path)}",
    st.sampled_from(["http", "https"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
# Reason: no pattern tells base64 that decodes to an image from base64 that does not.
schemathesis.openapi.format("lightning-image-source", _addresses | _images)


@schemathesis.hook
def before_call(
    _context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]
) -> None:
    """Reason: the tool that `tool_choice` asks for must be one of `tools`, and no schema can relate the two.

    The tool is added to valid requests that lack it, so that all of them can be met.
    """
    generated = case.meta
    if case.operation.label != "POST /gen/chat/completions" or generated is None:
        return
    body: Any = case.body
    if generated.generation.mode is GenerationMode.POSITIVE and isinstance(body, dict):
        wanted = _missing_tool(body)
        if wanted is not None:
            tool: Any = {"type": "function", "function": {"name": wanted}}
            case.body = {**body, "tools": [*body.get("tools", []), tool]}


def _missing_tool(body: dict[str, Any]) -> str | None:
    """The name of the tool that a chat request chooses without offering it."""
    choice, tools = body.get("tool_choice"), body.get("tools", [])
    if choice == "required":
        return None if tools else "anything"
    if not isinstance(choice, dict):
        return None
    name: str = choice["function"]["name"]
    return None if name in [tool["function"]["name"] for tool in tools] else name
