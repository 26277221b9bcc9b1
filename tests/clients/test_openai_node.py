"""The official OpenAI client for Node, through its public API alone, against the mock."""

import json
import re
import subprocess
from pathlib import Path

import httpx2
import pytest
from lightning_mock.background import RunningMock, running

from tests.support import node
from tests.support.guard import HANGS

SOURCES = Path(__file__).parent / "node"

pytestmark = pytest.mark.node


@pytest.fixture(scope="session")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script beside an installed `openai` package."""
    return node.install(SOURCES, tmp_path_factory.mktemp("node")) / "client.mjs"


def run(scenarios: Path, scenario: str, mock: RunningMock, key: str, client_id: str) -> dict:
    command = ["node", str(scenarios), scenario, mock.base_url, key, client_id]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(params=["public", "jwt", "key"])
def play(request, scenarios, mock, client_id):
    """Runs a scenario as somebody who is signed out, has a token, or has a key."""
    user = mock.plans["professional"]
    key = {"public": "public", "jwt": user.jwt, "key": user.api_key}[request.param]
    return lambda scenario: run(scenarios, scenario, mock, key, client_id)


def test_a_plain_completion(play):
    seen = play("plain")
    assert "Oslo" in seen["content"]
    assert seen["usage"]["total_tokens"] > 0
    assert seen["metadata"]["model_name"]


def test_a_streamed_completion_with_usage(play):
    seen = play("streamed")
    assert seen["metadata"]["model_name"]
    assert "Oslo" in seen["content"]
    assert seen["finish"] == "stop"
    assert seen["usage"]["total_tokens"] > 0


def test_a_tool_round_trip(play):
    seen = play("tools")
    assert (seen["name"], seen["finish"]) == ("get_weather", "tool_calls")
    assert seen["arguments"] == {"city": "Oslo", "days": 3}
    assert "Snow until Friday" in seen["content"]


def test_structured_output_is_parsed(play):
    assert play("structured")["content"] == {"name": "Rhine", "length_km": 1230}


def test_a_stream_can_be_aborted(play):
    assert "router_metadata" in play("aborted")["first"]


def test_the_stream_helper_works_when_the_metadata_has_choices(scenarios, friendly_mock, client_id):
    assert "Oslo" in run(scenarios, "helper", friendly_mock, "public", client_id)["content"]
    seen = run(scenarios, "streamedTools", friendly_mock, "public", client_id)
    assert seen["arguments"] == {"city": "Oslo", "days": 3}


@pytest.mark.parametrize(
    "name", ["LIGHTNING_EXPIRED_JWT", "LIGHTNING_EXPIRED_API_KEY", "LIGHTNING_REVOKED_API_KEY"]
)
def test_a_bad_credential_is_an_authentication_error_with_our_message(scenarios, mock, client_id, name):
    seen = run(scenarios, "create", mock, mock.credentials[name], client_id)
    assert (seen["error"], seen["status"]) == ("AuthenticationError", 401)
    assert "no body" not in seen["message"]
    assert mock.credentials[name] not in seen["message"]


def test_a_prompt_that_is_too_long_is_a_413(scenarios, mock, client_id):
    seen = run(scenarios, "tooLong", mock, "public", client_id)
    assert (seen["error"], seen["status"]) == ("APIError", 413)
    assert "32768" in seen["message"]


def test_automatic_retries_of_an_exhausted_quota_cost_nothing(scenarios, client_id):
    with running() as mock, httpx2.Client(base_url=mock.base_url) as http:
        clock = mock.state.clock
        clock.freeze()
        # One second before the window ends: so long the SDK waits between its tries.
        clock.advance(-clock.now() % 86_400 - 1)
        headers = {"X-Client-ID": client_id}
        body = {"messages": [{"role": "user", "content": "Hi"}]}
        for _ in range(50):
            http.post("/gen/chat/completions", json=body, headers=headers)
        seen = run(scenarios, "retried", mock, "public", client_id)
        assert (seen["error"], seen["status"], seen["code"]) == ("RateLimitError", 429, "quota_exhausted")
        assert "50" in seen["message"]
        assert seen["requests"] == 3
        assert http.get("/usage", headers=headers).json()["usage"]["cloudChatDaily"]["used"] == 50


def test_the_program_of_the_documentation_runs_as_printed(scenarios, friendly_mock):
    page = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
    programs = re.findall(r"^```js\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    [program] = [text for text in programs if '"openai"' in text]
    file = scenarios.with_name("documented.mjs")
    file.write_text(program.replace("http://127.0.0.1:8787", friendly_mock.base_url), encoding="utf-8")
    done = subprocess.run(["node", str(file)], capture_output=True, text=True, timeout=HANGS, check=False)
    assert done.returncode == 0, done.stderr
    assert "Hello" in done.stdout
