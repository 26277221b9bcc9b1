"""What is asked of both servers, and what the mock answers to it, for the floor to give back."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.floor import Recorded
from benchmarks.load import COUNTER

CHUNKS = 64
NUMBER = COUNTER.decode()
_SENT_BY_THE_FRAMEWORK = {"date", "server", "content-length", "transfer-encoding", "connection"}
_SYSTEM = "You answer briefly, in plain words, and you say so when you are not sure of something."
_QUESTION = (
    f"Question {NUMBER}: which three rivers of Europe carry the most water to the sea, where do they rise, "
    "and which cities stand on their banks? Name each river in the language of the country in which it rises."
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of request. The goal is a share of the floor's speed; `unit` is what is counted."""

    name: str
    method: str
    path: str
    body: Mapping[str, Any] | None
    goal: float
    connections: int = 32
    unit: str = "requests"

    @property
    def streamed(self) -> bool:
        return self.unit == "streams"

    def request(self, headers: Mapping[str, str]) -> str:
        """The request as text, with a place for a number that differs each time."""
        body = "" if self.body is None else json.dumps(self.body)
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: 127.0.0.1", "User-Agent: benchmark"]
        lines += [f"{name}: {value}" for name, value in {"Accept": "*/*", **headers}.items()]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", body])


def _chat(**more: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _QUESTION}]
    return {"model": "lightning", "messages": messages, **more}


USAGE = Scenario("`GET /usage` with an API key", "GET", "/usage", None, 0.95)
CHAT = Scenario("chat, JSON", "POST", "/gen/chat/completions", _chat(stream=False), 0.85)
STREAM = Scenario(
    f"chat, stream of {CHUNKS} chunks",
    "POST",
    "/gen/chat/completions",
    _chat(stream=True, max_tokens=CHUNKS),
    0.95,
    connections=8,
    unit="streams",
)
IMAGE = Scenario(
    "cached image", "POST", "/gen/image", {"prompt": "a quiet harbour at dawn"}, 0.95, connections=8
)
SCENARIOS = (USAGE, CHAT, STREAM, IMAGE)


def record(port: int, scenario: Scenario, key: str) -> Recorded:
    """What a mock answers. Raises RuntimeError when a stream is not of the length that we measure."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{scenario.path}",
        None if scenario.body is None else json.dumps(scenario.body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        method=scenario.method,
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        content = answer.read()
        sent = answer.getheaders()
    headers = {name: value for name, value in sent if name.lower() not in _SENT_BY_THE_FRAMEWORK}
    pieces = (content,)
    if scenario.streamed:
        pieces = tuple(event + b"\n\n" for event in content.split(b"\n\n")[:-1])
        if sum(b'"delta":{"content":' in piece for piece in pieces) != CHUNKS:
            raise RuntimeError(f"{scenario.name}: the mock sent another number of chunks")
    return Recorded(scenario.method, scenario.path, headers, pieces, scenario.streamed)
