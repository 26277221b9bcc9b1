"""Every operation, in every way it can answer, answers what the spec describes.

The client of these tests checks each response against the spec; here every operation and status is made to
happen once, and a table holds that none was forgotten.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from lightning_mock import app
from lightning_mock.app import endpoints
from lightning_mock.background import RunningMock, running
from lightning_mock.errors import UpstreamFailure
from lightning_mock.handlers import HANDLERS, PREPARATIONS
from lightning_mock.settings import SettingsError
from lightning_spec.loader import load_revision, load_spec, revisions
from PIL import Image

from .conftest import Client

SPEC = load_spec()
CHAT = {"messages": [{"role": "user", "content": "hello"}]}
BODIES = {
    **{
        name: {"prompt": "harbour", "duration": 1}
        for name, each in SPEC.operations.items()
        if each.body_pointer
    },
    "createChatCompletion": CHAT,
    "analyzePrompt": {"prompt": CHAT["messages"]},
}
OPERATIONS = sorted(SPEC.operations)


def call(client: Any, name: Any, body: Any = None, **more: Any) -> Any:
    operation = SPEC.operations[name]
    path = operation.path.replace("{prompt}", "harbour").replace("{image_id}", "no-such-asset")
    if name in ("getVideo", "getAirforceVideo"):
        path += "?duration=1"
    chosen = BODIES.get(name) if body is None else body
    return client.request(operation.method, path, json=chosen, **more)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_answers_a_good_call_as_described(
    make_client: Callable[..., Client], new_user: Callable[..., dict[str, str]], name: Any
) -> None:
    client = make_client(Authorization=f"Bearer {new_user('light')['jwt']}")
    response = call(client, name)
    expected = {"getSite": 301, "getAsset": 404}.get(name, 200)
    assert response.status_code == expected


@pytest.mark.parametrize("name", [n for n in OPERATIONS if SPEC.operations[n].auth != "none"])
def test_an_operation_that_looks_at_the_bearer_refuses_a_bad_one_as_described(
    make_client: Callable[..., Client], name: Any
) -> None:
    assert call(make_client(Authorization="Bearer nonsense"), name).status_code == 401


@pytest.mark.parametrize("name", sorted(BODIES))
def test_an_operation_with_a_body_refuses_a_bad_one_as_described(caller: Client, name: Any) -> None:
    assert call(caller, name, body={"prompt": 5, "messages": 5}).status_code == 400


@pytest.mark.parametrize("name", [n for n in OPERATIONS if SPEC.operations[n].text_limit])
def test_an_operation_with_a_text_limit_refuses_more_as_described(caller: Client, name: Any) -> None:
    operation = SPEC.operations[name]
    assert operation.text_limit
    text = "x" * (operation.text_limit.characters + 1)
    if operation.method == "GET":
        assert caller.get(operation.path.replace("{prompt}", text)).status_code == 413
        return
    messages = [{"role": "user", "content": text}]
    body = {"createChatCompletion": {"messages": messages}, "analyzePrompt": {"prompt": messages}}
    assert call(caller, name, body=body.get(name, {"prompt": text})).status_code == 413


@pytest.mark.parametrize("name", [n for n in OPERATIONS if SPEC.operations[n].metric])
def test_a_metered_operation_refuses_an_exhausted_caller_as_described(
    mock: RunningMock, caller: Client, name: Any
) -> None:
    metric = SPEC.operations[name].metric
    assert metric
    identity = f"client:{caller.session.headers['X-Client-ID']}"
    asyncio.run(mock.state.ledger.set_used(identity, metric, SPEC.plans[0].limits[metric] or 0))
    assert call(caller, name).status_code == 429


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_whose_provider_fails_says_so_as_described(
    monkeypatch: pytest.MonkeyPatch, connect: Callable[..., Client], name: Any
) -> None:
    async def fail(call: Any, state: Any) -> None:
        raise UpstreamFailure("The provider does not answer.")

    monkeypatch.setattr(app, "HANDLERS", dict.fromkeys(HANDLERS, fail))
    with running() as mock:
        client = connect(mock, {"Authorization": "Bearer " + mock.credentials["LIGHTNING_API_KEY"]})
        assert call(client, name).status_code == 500


def test_a_stream_answers_as_described(caller: Client) -> None:
    response = call(caller, "createChatCompletion", body={**CHAT, "stream": True})
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert response.text.endswith("data: [DONE]\n\n")


def test_a_stored_input_is_announced_and_answers_as_described(caller: Client) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (2, 2), "teal").save(picture, "PNG")
    url = "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
    made = call(caller, "createImage", body={"prompt": "x", "image_urls": [url]})
    address = made.headers["Link"].partition(">")[0].lstrip("<")
    assert caller.get(address).headers["Content-Type"] == "image/png"


@pytest.mark.parametrize("name", [n for n in OPERATIONS if SPEC.operations[n].method == "HEAD"])
def test_a_capability_check_has_a_content_type_and_no_body(caller: Client, name: Any) -> None:
    response = call(caller, name)
    assert response.headers["Content-Type"] == SPEC.operations[name].media_type
    assert response.content == b""


def test_the_site_is_a_permanent_redirect(caller: Client) -> None:
    response = caller.get("/")
    assert (response.status_code, response.headers["Location"]) == (301, "https://inference.js.org")


def test_the_status_is_served_with_and_without_a_slash(caller: Client) -> None:
    with_slash, without = caller.get("/status/"), caller.get("/status")
    assert with_slash.json() == without.json()
    assert set(without.json()["services"]) == {"image", "video", "sfx", "text"}


def test_the_tiers_are_the_paid_plans_of_the_catalogue(caller: Client) -> None:
    catalogue = caller.get("/tier-config").json()
    paid = [plan for plan in catalogue["plans"] if plan["key"] != catalogue["defaultPlanKey"]]
    assert caller.get("/tiers").json() == paid
    assert [plan["order"] for plan in catalogue["plans"]] == sorted(
        plan["order"] for plan in catalogue["plans"]
    )
    assert all(isinstance(plan["price"], str) for plan in catalogue["plans"])


def test_a_missing_handler_stops_the_start_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    short = {name: handler for name, handler in HANDLERS.items() if name != "getUsage"}
    monkeypatch.setattr(app, "HANDLERS", short)
    with pytest.raises(SettingsError, match="no handler for getUsage"), running():
        pass


def test_the_table_of_handlers_has_exactly_the_operations_of_all_revisions() -> None:
    specs = [load_revision(name)[0] for name in revisions()]
    for spec in specs:
        assert set(endpoints(spec)) == set(spec.operations)
    assert set(HANDLERS) == {operation for spec in specs for operation in spec.operations}
    assert set(PREPARATIONS) <= set(HANDLERS)


def test_the_api_page_and_all_that_it_loads_come_from_the_mock(mock: RunningMock) -> None:
    with urllib.request.urlopen(mock.base_url + "/__mock__/docs") as page:
        html = page.read().decode()
    # What an anchor leads to is not loaded.
    loaded = re.findall(r'<(?!a\s)[a-z]+\s[^>]*(?:src|href)="(?!data:)([^"]+)"', html)
    assert len(loaded) > 1
    for address in loaded:
        assert address.startswith("/__mock__/")
        with urllib.request.urlopen(mock.base_url + address) as file:
            assert len(file.read()) > 100
            assert file.headers["Content-Type"].startswith(("text/javascript", "text/css"))


def test_the_spec_is_served_as_json_with_the_mock_as_its_server(caller: Client) -> None:
    served = caller.get("/__mock__/openapi.json").json()
    assert served["servers"] == [{"url": "/"}]
    assert json.loads(json.dumps(SPEC.document["paths"])) == served["paths"]
