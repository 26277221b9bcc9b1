"""A mock of a later revision answers by that revision's data, and describes itself by it."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import requests
from lightning_mock.background import RunningMock, running
from lightning_mock.settings import SettingsError
from lightning_spec.loader import load_revision, revisions
from PIL import Image

from tests.support.guard import HANGS

LATER = "2026-06-19"
SPEC = load_revision(LATER)[0]
VALIDATORS = jsonschema_rs.validator_map_for(SPEC.document)
CHAT = {"messages": [{"role": "user", "content": "hello"}]}
BODIES: dict[str, dict[str, Any]] = {
    "createChatCompletion": CHAT,
    "analyzePrompt": {"prompt": CHAT["messages"]},
    "createSpeech": {"input": "harbour"},
    "createAudio": {"input": "harbour"},
}
TOO_LARGE = "x" * 2049


@pytest.fixture(scope="module")
def later() -> Iterator[RunningMock]:
    with running(revision=LATER, port=0) as mock:
        yield mock


def call(mock: RunningMock, name: str, body: Any = None, plan: str | None = "light") -> requests.Response:
    operation = SPEC.operations[name]
    path = operation.path.replace("{prompt}", "harbour").replace("{image_id}", "none")
    chosen = BODIES.get(name, {"prompt": "harbour", "duration": 1}) if body is None else body
    return requests.request(
        operation.method,
        mock.base_url + path,
        json=chosen if operation.body_pointer else None,
        headers={"Authorization": f"Bearer {mock.plans[plan].jwt}"} if plan else {"X-Client-ID": "c" * 20},
        allow_redirects=False,
        timeout=HANGS,
    )


@pytest.mark.parametrize("name", sorted(SPEC.operations))
def test_every_operation_answers_as_its_revision_describes(later: RunningMock, name: str) -> None:
    response = call(later, name)
    expected = {"getSite": 301, "getAsset": 404, "create3d": 403}.get(name, 200)
    assert response.status_code == expected, response.text[:300]
    described = SPEC.operations[name].responses[str(expected)]
    media_type = response.headers.get("Content-Type", "").partition(";")[0]
    assert media_type in described or "*/*" in described or not described
    pointer = described.get(media_type)
    if pointer is not None and response.content:
        VALIDATORS[pointer].validate(response.json())


def test_the_data_of_a_revision_decide(later: RunningMock) -> None:
    usage = call(later, "getUsage").json()
    assert usage["plan_name"] == "Light Plan"
    assert usage["usage"]["cloudChatDaily"]["limit"] == 500
    assert (usage["usage"]["audioWeekly"]["window"], usage["usage"]["audioWeekly"]["period"]) == (
        "weekly",
        "week",
    )
    assert [plan["price"] for plan in call(later, "getTierConfig").json()["plans"]][:2] == [0, 5]
    status = call(later, "getStatus").json()
    assert (status["notifications"], type(status["latest"])) == ([], dict)


def test_a_listed_model_is_asked_directly(later: RunningMock) -> None:
    listed = {entry["id"]: entry["name"] for entry in call(later, "listChatModels").json()["data"]}
    assert set(listed) == {"lightning", *SPEC.models}
    for model, name in SPEC.models.items():
        answer = call(later, "createChatCompletion", {**CHAT, "model": model}).json()
        assert answer["router_metadata"]["model_name"] == listed[model] == name
    routed = call(later, "createChatCompletion", {**CHAT, "model": "lightning"}).json()
    assert routed["router_metadata"]["model_name"] not in SPEC.models.values()


def test_images_come_in_the_number_and_form_asked_for(later: RunningMock) -> None:
    body: dict[str, Any] = {"prompt": "harbour", "n": 3}
    data = call(later, "createImages", body).json()["data"]
    contents = {base64.b64decode(entry["b64_json"]) for entry in data}
    assert len(contents) == 3
    assert all(Image.open(io.BytesIO(content)).format == "JPEG" for content in contents)
    addresses = [
        entry["url"]
        for entry in call(later, "createImages", {**body, "response_format": "url"}).json()["data"]
    ]
    for address in addresses:
        fetched = requests.get(address, timeout=HANGS)
        assert fetched.headers["Content-Type"] == "image/png"
        assert Image.open(io.BytesIO(fetched.content)).format == "PNG"


def test_a_video_at_an_address_is_an_mp4(later: RunningMock) -> None:
    body = {"prompt": "harbour", "duration": 1, "response_format": "url"}
    [entry] = call(later, "createVideos", body).json()["data"]
    fetched = requests.get(entry["url"], timeout=HANGS)
    assert fetched.headers["Content-Type"] == "video/mp4"
    assert fetched.content[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("createImages", {}, 400),
        ("createImages", {"prompt": "a", "n": "two"}, 400),
        ("createImages", {"prompt": "a", "response_format": "jpeg"}, 400),
        ("createImages", {"prompt": TOO_LARGE}, 413),
        ("createVideos", {"duration": 3}, 400),
        ("createVideos", {"prompt": TOO_LARGE}, 413),
        ("createSpeech", {}, 400),
        ("createSpeech", {"input": ""}, 400),
        ("createSpeech", {"input": TOO_LARGE}, 413),
        ("createAudio", {"prompt": TOO_LARGE}, 413),
        ("createAudio", {"input": None, "prompt": "older callers"}, 200),
    ],
)
def test_the_new_routes_refuse_what_they_must(
    later: RunningMock, name: str, body: dict[str, Any], status: int
) -> None:
    assert call(later, name, body).status_code == status


@pytest.mark.parametrize("name", ["createImages", "createVideos", "createSpeech", "createAudio"])
def test_the_new_routes_are_charged(later: RunningMock, name: str) -> None:
    metric = SPEC.operations[name].metric
    assert metric
    asyncio.run(later.state.ledger.set_used(f"client:{'c' * 20}", metric, SPEC.plans[0].limits[metric] or 0))
    assert call(later, name, plan=None).status_code == 429


def test_the_first_revision_has_none_of_it() -> None:
    with running() as mock:
        assert requests.get(mock.base_url + "/gen/models", timeout=HANGS).status_code == 404
        assert requests.head(mock.base_url + "/gen/video", timeout=HANGS).status_code == 405


def test_an_unknown_revision_is_named_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match=", ".join(revisions())), running(revision="1999-01-01"):
        pass
