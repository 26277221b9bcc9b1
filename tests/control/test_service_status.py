"""What `/status` says can be chosen, and comes back."""

from __future__ import annotations

from typing import Any

import httpx2
import jsonschema_rs
import pytest
from lightning_mock.client import Lightning
from lightning_spec.loader import load_spec

VALIDATOR = jsonschema_rs.validator_map_for(load_spec().document)["#/components/schemas/Status"]


def said(control: Any, path: str = "/status") -> Any:
    document = httpx2.get(control.base_url + path).json()
    VALIDATOR.validate(document)
    return document


def test_states_notifications_and_latest_are_said_as_asked(own: Any) -> None:
    before = said(own)
    own("PATCH", "/status", {"state": "degraded", "notifications": "Back at noon.", "latest": "3.0.0"})
    down = {"state": "down", "message": "The provider is away."}
    own("PATCH", "/status", {"services": {"video": down, "voice": down}})
    for path in ("/status", "/status/"):
        assert said(own, path) == {
            "state": "degraded",
            "services": {**before["services"], "video": down, "voice": down},
            "notifications": "Back at noon.",
            "latest": "3.0.0",
        }
    own("PATCH", "/status", {"services": {"voice": None}, "notifications": ["one", "two"], "latest": None})
    assert set(said(own)["services"]) == set(before["services"])
    assert said(own)["notifications"] == ["one", "two"]
    assert own("DELETE", "/status") == before == said(own)


def test_a_service_that_is_said_to_be_down_answers_as_ever(own: Any) -> None:
    own("PATCH", "/status", {"services": {"image": {"state": "down", "message": ""}}})
    assert httpx2.get(own.base_url + "/gen/image/x").status_code == 200


def test_a_snapshot_holds_it_and_a_reset_ends_it(own: Any) -> None:
    before = said(own)
    own("PATCH", "/status", {"state": "degraded"})
    kept = own("GET", "/snapshot")
    own("POST", "/reset", {})
    assert said(own) == before
    own("POST", "/restore", kept)
    assert said(own)["state"] == "degraded"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"state": ""},
        {"state": 5},
        {"services": {"image": {"state": "x"}}},
        {"services": []},
        {"uptime": 1},
    ],
)
def test_what_no_client_could_read_is_refused(own: Any, body: Any) -> None:
    before = said(own)
    own.refuse("PATCH", "/status", body)
    assert said(own) == before


def test_the_client_says_it_and_takes_it_back(own: Any) -> None:
    before = said(own)
    with Lightning(own.base_url) as client:
        client.set_status("degraded", services={"video": ("down", "Soon."), "voice": ("ok", "")}, latest="9")
        client.set_status(notifications="Hello.", services={"text": None})
        assert said(own)["services"]["video"] == {"state": "down", "message": "Soon."}
        assert "text" not in said(own)["services"]
        client.set_status(services={"video": "offline"})
        assert said(own)["services"]["video"] == {"state": "offline", "message": ""}
        assert (said(own)["state"], said(own)["notifications"], said(own)["latest"]) == (
            "degraded",
            "Hello.",
            "9",
        )
    assert said(own) == before
