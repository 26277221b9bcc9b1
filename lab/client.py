"""A plain client for proofs. It judges nothing, and only reports what came back."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

HELLO = [{"role": "user", "content": "Say hello."}]


@dataclass(slots=True)
class Answer:
    """What came back. Status 0 means that the connection broke."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    seconds: float = 0.0

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def type(self) -> str:
        return (self.header("content-type") or "").partition(";")[0].strip()

    @property
    def json(self) -> Any:
        """The decoded body, or its first bytes when it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return self.body[:40]

    @property
    def events(self) -> list[str]:
        """The data of every event of a stream, in order."""
        text = self.body.decode(errors="replace").replace("\r\n", "\n")
        return [line[5:].strip() for line in text.split("\n") if line.startswith("data:")]


MAX_RETRIES = 3


class Client:
    """Calls one server, by default as one fresh client id. `slowed` is how often it was told to wait."""

    def __init__(self, base_url: str, credentials: Mapping[str, str], timeout: float = 10.0) -> None:
        parts = urlsplit(base_url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.credentials = credentials
        self.client_id = f"ipc-{uuid.uuid4()}"
        self.agent = "lab-proof/1.0"
        self.timeout = timeout
        self.slowed = 0

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send exactly this request, and again when the answer asks to come back in a second."""
        answer = self._once(method, path, body, headers)
        for _ in range(MAX_RETRIES):
            if answer.status != 429 or answer.header("retry-after") != "1":
                break
            self.slowed += 1
            time.sleep(1.0)
            answer = self._once(method, path, body, headers)
        return answer

    def _once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        started = time.monotonic()
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            answer = Answer(response.status, response.getheaders())
            try:
                answer.body = response.read()
            except http.client.IncompleteRead as cut:
                answer.body = cut.partial + b"<cut>"
        except (OSError, http.client.HTTPException):
            answer = Answer(0)
        finally:
            connection.close()
        answer.seconds = time.monotonic() - started
        return answer

    def headers(self, auth: str | None, client: str | None, agent: str | None) -> dict[str, str]:
        found = {"User-Agent": agent or self.agent, "Accept": "*/*"}
        if client != "":
            found["X-Client-ID"] = client or self.client_id
        if auth is not None:
            found["Authorization"] = f"Bearer {self.credentials.get(auth, auth)}"
        return found

    def get(
        self,
        path: str,
        auth: str | None = None,
        *,
        client: str | None = None,
        agent: str | None = None,
        method: str = "GET",
    ) -> Answer:
        """Read a document. `auth` names a credential or is one; `client=""` sends no client id."""
        return self.send(method, path, None, self.headers(auth, client, agent))

    def read(self, path: str, auth: str | None = None, **identity: Any) -> Answer:
        """Read a document, at the address on this host that its own leads to if it redirects."""
        return self._followed(self.get(path, auth, **identity), 307, auth, **identity)

    def _followed(self, answer: Answer, status: int, auth: str | None, **identity: Any) -> Answer:
        """What stands where a redirect of this status leads on this host; otherwise the answer itself."""
        there = answer.header("location") or ""
        follows = answer.status == status and there.startswith("/")
        return self.get(there, auth, **identity) if follows else answer

    def post(
        self,
        path: str,
        value: Any = None,
        auth: str | None = None,
        *,
        raw: bytes | None = None,
        client: str | None = None,
        agent: str | None = None,
    ) -> Answer:
        headers = {**self.headers(auth, client, agent), "Content-Type": "application/json"}
        return self.send("POST", path, json.dumps(value).encode() if raw is None else raw, headers)

    def chat(self, auth: str | None = None, messages: Any = None, **fields: Any) -> Answer:
        return self.post("/gen/chat/completions", {"messages": messages or HELLO, **fields}, auth)

    def generate(self, kind: str, auth: str | None = None, prompt: str = "a fox", **fields: Any) -> Answer:
        """Generate by POST. `kind` is the route under /gen, for example `image` or `video/airforce`."""
        if kind == "chat/completions":
            return self.chat(auth, **fields)
        return self._made(self.post(f"/gen/{kind}", {"prompt": prompt, **fields}, auth), auth)

    def generate_by_get(
        self, kind: str, auth: str | None = None, prompt: str = "a fox", **query: Any
    ) -> Answer:
        """Generate by GET."""
        tail = f"?{urlencode(query, doseq=True)}" if query else ""
        return self._made(self.get(f"/gen/{kind}/{quote(prompt, safe='')}{tail}", auth), auth)

    def _made(self, answer: Answer, auth: str | None) -> Answer:
        """What was made, where the answer redirects to that."""
        file = self._followed(answer, 303, auth)
        file.headers += answer.headers if file is not answer else []
        return file

    def usage(self, auth: str | None = None, **identity: Any) -> Any:
        """The `usage` part of the snapshot, or what came instead."""
        value = self.read("/usage", auth, **identity).json
        return value.get("usage", value) if isinstance(value, dict) else value

    def used(self, auth: str | None = None, **identity: Any) -> Any:
        """Units used by metric."""
        rows = self.usage(auth, **identity)
        if not isinstance(rows, dict):
            return rows
        return {name: row.get("used") if isinstance(row, dict) else row for name, row in rows.items()}
