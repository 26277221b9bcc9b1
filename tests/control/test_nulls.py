"""An optional field that is null counts as left out in every order to the control plane, unless null is
among its values."""

from __future__ import annotations

from typing import Any

import pytest
from lightning_mock.control.contract import control_contract

from .conftest import Control

CONTRACT = control_contract()
NULLS: dict[str, Any] = {
    "POST /users": ({"plan": "light", "email": None, "id": None}, {"plan": "light"}),
    "POST /replies": (
        {
            "match": {"prompt": None, "user": None, "identity": None, "header": None, "nth": None},
            "reply": {"text": "x", "tool_calls": None, "bytes": None, "delay": None, "headers": None},
            "replies": None,
            "times": None,
            "checked": None,
        },
        {"match": {}, "reply": {"text": "x"}, "times": None},
    ),
    "POST /faults": (
        {"kind": "latency", "seconds": 1, "match": None, "times": None, "probability": None, "seed": None},
        {"kind": "latency", "seconds": 1, "times": None, "seed": None},
    ),
    "POST /clock": (
        {"advance": {"days": None, "hours": 1}, "set": None, "to": None, "frozen": None},
        {"advance": {"hours": 1}},
    ),
    "POST /reset": ({"user": None}, {}),
    "PATCH /preferences": (
        {"metadata_form": None, "retry_advice": "none"},
        {"retry_advice": "none"},
    ),
    # No release and no notifications are things that can be said.
    "PATCH /status": (
        {"state": None, "latest": None, "notifications": None},
        {"latest": None, "notifications": None},
    ),
    "PUT /plans/light/limits": ({"imagesDaily": None}, {"imagesDaily": None}),
}


@pytest.mark.parametrize("call", NULLS)
def test_what_is_null_is_left_out(call: str) -> None:
    method, path = call.split()
    body, meant = NULLS[call]
    route, _ = CONTRACT.find(method, f"/__mock__{path}")
    assert CONTRACT.read_body(route, body) == meant


def test_a_field_that_is_needed_may_not_be_null(own: Control) -> None:
    assert "kind" in own.refuse("POST", "/faults", {"kind": None})
    assert "at least one of" in own.refuse("PATCH", "/preferences", {"metadata_form": None})


def test_orders_with_nulls_are_carried_out(own: Control, start: Any, tmp_path: Any) -> None:
    user = own.user(email=None)
    reply = {"text": "Danube", "json": None, "events": None, "status": None}
    own("POST", "/replies", {"match": None, "reply": reply})
    assert user.chat().json()["choices"][0]["message"]["content"] == "Danube"
    own("DELETE", "/replies")
    own("POST", "/replies", {"reply": {"json": None}})
    assert user.chat().text == "null"
    file = tmp_path / "replies.yaml"
    file.write_text("- {match: null, reply: {text: Danube, delay: ~}}\n")
    with start(replies=file) as (_, control):
        assert "Danube" in control.user().chat().text
