"""What schemathesis must know about a valid request and cannot read in the spec.

Law: no operation, phase or check is left out of the run. What is generated is completed here where it has to
be, and each time the reason stands beside it.
"""

from __future__ import annotations

import base64
import copy
import io
from typing import Any
from urllib.parse import quote

import jsonschema_rs
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
    """Reason: no schema can say that a chosen tool is among `tools`, nor what a JSON Schema is.

    A valid chat request that lacks the tool it chooses gets it; what is no schema becomes an example in one.
    """
    generated = case.meta
    if generated is None:
        return
    if generated.generation.mode is GenerationMode.NEGATIVE:
        # Reason: null counts as left out, so that a null is no violation; what stands for it here is one.
        if isinstance(case.body, dict | list):
            case.body = _without_nulls(case.body)
        for name, value in case.query.items():
            if value in (None, "null", ["null"]):
                case.query[name] = "neither"
    if case.operation.label != "POST /gen/chat/completions":
        return
    body: Any = case.body
    if generated.generation.mode is GenerationMode.POSITIVE and isinstance(body, dict):
        body = copy.deepcopy(body)
        _repair_schemas(body)
        _offer_the_chosen_tool(body)
        if body != case.body:
            case.body = body


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return [[]] if value is None else value


def _repair_schemas(body: dict[str, Any]) -> None:
    holders = [(tool["function"], "parameters") for tool in body.get("tools", [])]
    holders.append((body.get("response_format", {}).get("json_schema", {}), "schema"))
    for holder, key in holders:
        if key in holder and not _is_schema(holder[key]):
            holder[key] = {"examples": [holder[key]]}


def _is_schema(value: Any) -> bool:
    try:
        jsonschema_rs.validator_for(value, validate_formats=True, retriever=_fetch_nothing)
    except ValueError:
        return False
    return True


def _fetch_nothing(_address: str) -> Any:
    raise ValueError("a schema that points elsewhere is not whole")


def _offer_the_chosen_tool(body: dict[str, Any]) -> None:
    choice, tools = body.get("tool_choice"), body.get("tools", [])
    if choice == "required" and not tools:
        name = "anything"
    elif isinstance(choice, dict):
        name = choice["function"]["name"]
    else:
        return
    if name not in [tool["function"]["name"] for tool in tools]:
        body["tools"] = [*tools, {"type": "function", "function": {"name": name}}]
