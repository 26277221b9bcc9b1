"""What is charged, what is not, and that nothing is charged twice."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from lightning_mock import app
from lightning_mock.background import RunningMock, running
from lightning_mock.clock import Clock
from lightning_mock.errors import UpstreamFailure
from lightning_mock.handlers import HANDLERS
from lightning_mock.http.replies import EventStream
from lightning_mock.quota.ledger import Ledger
from lightning_mock.quota.store import MemoryStore
from lightning_spec.loader import load_spec

from tests.support.guard import HANGS

from .conftest import Client

CHAT = {"messages": [{"role": "user", "content": "hello"}]}
SPEC = load_spec()
# What a route does not know it ignores: every charged one takes this.
BODY = {**CHAT, "prompt": "harbour", "duration": 1}
GENERATIONS: list[tuple[str, str, dict[str, Any] | None, str]] = [
    ("POST", "/gen/chat/completions", {**CHAT, "stream": True}, "cloudChatDaily"),
    *(
        (call.method, call.path, BODY, call.metric)
        if call.method == "POST"
        else (call.method, call.path.replace("{prompt}", "harbour?duration=1"), None, call.metric)
        for call in SPEC.operations.values()
        if call.metric
    ),
]
IDS = [f"{method} {path.partition('?')[0]}{' streamed' if body and 'stream' in body else ''}"
       for method, path, body, _ in GENERATIONS]  # fmt: skip
FREE_LIMITS: dict[str, int] = {metric: limit or 0 for metric, limit in SPEC.plans[0].limits.items()}


def identity_of(client: Any) -> Any:
    return f"client:{client.session.headers['X-Client-ID']}"


def use(mock: Any, client: Any, metric: Any, used: Any) -> None:
    """Set what a caller has used."""
    asyncio.run(mock.state.ledger.set_used(identity_of(client), metric, used))


@pytest.mark.parametrize(("method", "path", "body", "metric"), GENERATIONS, ids=IDS)
def test_an_accepted_call_costs_one_unit_of_one_metric(
    caller: Client, method: Any, path: Any, body: Any, metric: Any
) -> None:
    assert caller.request(method, path, json=body).status_code == 200
    assert caller.used() == {**dict.fromkeys(FREE_LIMITS, 0), metric: 1}


@pytest.mark.parametrize("generation", GENERATIONS, ids=IDS)
def test_the_last_unit_is_served_and_the_next_call_refused_until_the_window_ends(
    mock: RunningMock, caller: Client, generation: Any
) -> None:
    method, path, body, metric = generation
    use(mock, caller, metric, FREE_LIMITS[metric] - 1)
    assert caller.request(method, path, json=body).status_code == 200
    for _ in range(3):
        refused = caller.request(method, path, json=body)
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "quota_exhausted"
        assert metric in refused.json()["detail"]
        assert not {"Retry-After", "X-Should-Retry"} & set(refused.headers)
    assert caller.used()[metric] == FREE_LIMITS[metric]


def test_an_exhausted_metric_leaves_the_others_alone(mock: RunningMock, caller: Client) -> None:
    use(mock, caller, "imagesDaily", 10)
    assert caller.get("/gen/image/x").status_code == 429
    assert caller.post("/gen/chat/completions", CHAT).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/gen/image", {}, 400),
        ("/gen/image", {"prompt": "x", "mode": "cubist"}, 400),
        ("/gen/image", {"prompt": "x", "image_urls": ["https://example.com/a.png"] * 3}, 400),
        ("/gen/image", {"prompt": "x", "image_urls": ["data:image/png;base64,AAAA"]}, 400),
        ("/gen/image", {"prompt": "x" * 2049}, 413),
        ("/gen/video", {"prompt": "x", "ratio": "4:3"}, 400),
        ("/gen/video", {"prompt": "x", "duration": "long"}, 400),
        ("/gen/sfx", {"prompt": 5}, 400),
        ("/gen/tts", {"prompt": "\u00e9" * 2048 + "x"}, 413),
        ("/gen/chat/completions", {"messages": []}, 400),
        ("/gen/chat/completions", {"messages": [{"role": "user", "content": "x" * 32_769}]}, 413),
        ("/gen/chat/completions", {"messages": [{"role": "user", "content": "\u20ac" * 21_846}]}, 413),
    ],
)
def test_a_refused_call_costs_nothing(caller: Client, path: Any, body: Any, status: Any) -> None:
    assert caller.post(path, body).status_code == status
    assert set(caller.used().values()) == {0}


def test_a_text_of_exactly_the_limit_is_served(caller: Client) -> None:
    longest = [{"role": "user", "content": "x" * 30_000}, {"role": "user", "content": "y" * 2_768}]
    assert caller.post("/gen/chat/completions", {"messages": longest}).status_code == 200
    assert caller.post("/gen/image", {"prompt": "x" * 2048}).status_code == 200


def test_a_base64_image_in_a_message_does_not_count_as_text(caller: Client) -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}},
    ]
    status = caller.post(
        "/gen/chat/completions", {"messages": [{"role": "user", "content": parts}]}
    ).status_code
    assert status != 413


def test_analysis_and_reading_cost_nothing(caller: Client) -> None:
    assert caller.post("/gen/prompt_analyze", {"prompt": CHAT["messages"]}).status_code == 200
    for path in ("/usage", "/tiers", "/tier-config", "/models", "/status"):
        assert caller.get(path).status_code == 200
    assert set(caller.used().values()) == {0}


def test_an_unlimited_metric_is_null_and_still_counted(
    make_client: Callable[..., Client], new_user: Callable[..., dict[str, str]]
) -> None:
    client = make_client(Authorization=f"Bearer {new_user('light')['jwt']}")
    client.post("/gen/chat/completions", CHAT)
    row = client.get("/usage").json()["usage"]["cloudChatDaily"]
    assert (row["limit"], row["used"], row["remaining"]) == (None, 1, None)


def test_a_new_limit_of_a_plan_counts_at_once_and_never_shows_less_than_nothing(
    connect: Callable[..., Client],
) -> None:
    with running() as mock:
        client = connect(mock, {"X-Client-ID": "limit-changer-0001"})
        for _ in range(3):
            client.get("/gen/image/x")
        mock.state.catalogue.set_limit("free", "imagesDaily", 2)
        row = client.get("/usage").json()["usage"]["imagesDaily"]
        assert (row["limit"], row["used"], row["remaining"]) == (2, 3, 0)
        assert client.get("/gen/image/x").status_code == 429


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("left", [0, 1, 7])
def test_of_200_calls_at_once_exactly_those_with_a_unit_succeed(
    mock: RunningMock, caller: Client, left: Any, stream: Any
) -> None:
    use(mock, caller, "cloudChatDaily", 50 - left)
    headers = dict(caller.session.headers)

    def call(_: Any) -> Any:
        answer = requests.post(
            mock.base_url + "/gen/chat/completions",
            json={**CHAT, "stream": stream},
            headers=headers,
            timeout=HANGS,
        )
        return answer.status_code

    with ThreadPoolExecutor(40) as pool:
        statuses = list(pool.map(call, range(200)))
    assert statuses.count(200) == left
    assert statuses.count(429) == 200 - left
    assert caller.used()["cloudChatDaily"] == 50


@pytest.fixture
def with_handler(monkeypatch: pytest.MonkeyPatch, connect: Callable[..., Client]) -> Any:
    """A mock whose chat is answered by the given function, and a caller of it."""

    def start(handler: Any) -> Any:
        monkeypatch.setattr(app, "HANDLERS", {**HANDLERS, "createChatCompletion": handler})
        return running()

    return start


def test_an_upstream_failure_gives_the_unit_back(with_handler: Any, connect: Callable[..., Client]) -> None:
    async def fail(call: Any, state: Any) -> None:
        used = (await state.ledger.usage(call.identity.key))["cloudChatDaily"][1]
        raise UpstreamFailure(f"The provider failed after {used} unit.")

    with with_handler(fail) as mock:
        client = connect(mock, {"X-Client-ID": "upstream-victim-1"})
        failed = client.post("/gen/chat/completions", CHAT)
        assert failed.status_code == 500
        assert failed.json()["detail"] == "The provider failed after 1 unit."
        assert client.used()["cloudChatDaily"] == 0


def test_an_unforeseen_error_is_a_plain_500_that_costs_nothing(
    with_handler: Any, connect: Callable[..., Client]
) -> None:
    async def crash(call: Any, state: Any) -> None:
        raise RuntimeError("secret detail")

    with with_handler(crash) as mock:
        client = connect(mock, {"X-Client-ID": "crash-victim-0001"})
        failed = client.post("/gen/chat/completions", CHAT)
        assert failed.status_code == 500
        assert "secret detail" not in failed.text
        assert client.used()["cloudChatDaily"] == 0


def test_a_stream_that_fails_before_its_first_event_is_a_500_that_costs_nothing(
    with_handler: Any, connect: Callable[..., Client]
) -> None:
    async def events() -> AsyncIterator[Any]:
        raise UpstreamFailure("No first token.")
        yield b""

    async def stream(call: Any, state: Any) -> Any:
        return EventStream(events())

    with with_handler(stream) as mock:
        client = connect(mock, {"X-Client-ID": "stream-victim-001"})
        assert client.post("/gen/chat/completions", {**CHAT, "stream": True}).status_code == 500
        assert client.used()["cloudChatDaily"] == 0


def test_a_stream_that_breaks_later_is_cut_off_and_stays_charged(
    with_handler: Any, connect: Callable[..., Client]
) -> None:
    async def events() -> AsyncIterator[Any]:
        yield b'data: {"router_metadata": {"model_name": "x"}}\n\n'
        raise RuntimeError("gone")

    async def stream(call: Any, state: Any) -> Any:
        return EventStream(events())

    with with_handler(stream) as mock:
        client = connect(mock, {"X-Client-ID": "stream-victim-002"})
        with pytest.raises(requests.RequestException):
            client.post("/gen/chat/completions", {**CHAT, "stream": True})
        assert client.used()["cloudChatDaily"] == 1


def test_a_plans_file_replaces_the_catalogue(tmp_path: Path, connect: Callable[..., Client]) -> None:
    limits = dict.fromkeys(FREE_LIMITS, 1)
    plans = {
        "default": "tiny",
        "plans": [
            {"key": "tiny", "name": "Tiny", "url": "", "price": "0.00", "order": 0, "limits": limits},
            {"key": "vast", "name": "Vast", "url": "https://example.com", "price": "1.00", "order": 1,
             "limits": dict.fromkeys(FREE_LIMITS, None)},
        ],
    }  # fmt: skip
    file = tmp_path / "plans.json"
    file.write_text(json.dumps(plans))
    with running(plans=file) as mock:
        client = connect(mock, {"X-Client-ID": "tiny-plan-caller-1"})
        assert client.get("/tier-config").json()["defaultPlanKey"] == "tiny"
        assert [plan["key"] for plan in client.get("/tiers").json()] == ["vast"]
        assert client.get("/gen/image/x").status_code == 200
        assert client.get("/gen/image/x").status_code == 429
        paid = connect(mock, {"Authorization": "Bearer " + mock.credentials["LIGHTNING_API_KEY"]})
        assert paid.get("/usage").json()["plan_key"] == "vast"


def test_an_identity_and_metric_cost_less_than_400_bytes() -> None:
    async def fill() -> Any:
        ledger = Ledger(Clock(), SPEC.metrics, MemoryStore())
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for number in range(20_000):
            for metric in FREE_LIMITS:
                await ledger.spend(f"client:ipc-00000000-0000-4000-8000-{number:012d}", metric, None)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return (after - before) / (20_000 * len(FREE_LIMITS))

    assert asyncio.run(fill()) < 400
