"""Health, capabilities, model metadata and the redirect to the public site (document: status and discovery).

Law: whatever the mock does not compute is the example in the spec.
"""

from __future__ import annotations

from typing import Any

from lightning_spec.references import resolve

from lightning_mock.http.call import Call
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State


async def get_site(call: Call, state: State) -> Body:
    """A permanent redirect to the public site."""
    return Body(b"", "text/plain", 301, {"Location": state.spec.public_site})


async def list_models(call: Call, state: State) -> Body:
    """The marketplace's models."""
    return json_body(_example(call, state))


async def get_status(call: Call, state: State) -> Body:
    """The status that was set through the control plane; otherwise, that everything works."""
    return json_body(state.service_status.document)


async def head_status(call: Call, state: State) -> Body:
    """The capability's content type and the example headers of the spec, without a body."""
    headers = _response(call, state, "200").get("headers", {})
    examples = {name: header["example"] for name, header in headers.items()}
    return Body(b"", call.operation.media_type or "application/json", headers=examples)


async def refuse(call: Call, state: State) -> Body:
    """Always refuses: the route exists only to say that it is not for callers of this API."""
    return json_body(_example(call, state, "403"), 403)


def _example(call: Call, state: State, status: str = "200") -> Any:
    """The first example of what the operation answers."""
    examples = _response(call, state, status)["content"]["application/json"]["examples"]
    return next(iter(examples.values()))["value"]


def _response(call: Call, state: State, status: str) -> Any:
    operation = call.operation
    responses = state.spec.document["paths"][operation.path][operation.method.lower()]["responses"]
    return resolve(state.spec.document, responses[status], operation.path)[0]


HANDLERS = {
    "getSite": get_site,
    "listModels": list_models,
    "getStatus": get_status,
    "headStatusImage": head_status,
    "headStatusVideo": head_status,
    "headStatusSfx": head_status,
    "headStatusText": head_status,
    # Since the revision 2026-06-19.
    "listChatModels": list_models,
    "headVideo": head_status,
    "create3d": refuse,
}
