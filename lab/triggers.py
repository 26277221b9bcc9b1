"""Faults that show only sometimes: a faulty server beside a clean one, and a trigger that chooses.

Both share accounts, counters, assets and the log, so that callers cannot tell that they are two. A trigger
looks at a request as it came, before anything is made of it.

    python -m lab.triggers --pairs 60 --seed 1    measures how many such faults the judge catches
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning_verify.command import main as verify
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.client import HELLO, Answer, Client
from lab.faults import FAULTS
from lab.faults.fault import Fault
from lab.matrix.process_pool import Lost, in_processes
from lab.matrix.trial import warm_up
from lab.proofs import TOOL, picture
from lab.running import Handle, running
from lab.server.app import build, plain_lab
from lab.server.credentials import DEFAULTS, NAMES
from lab.server.lab import Lab


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a trigger sees it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def value(self) -> dict[str, Any]:
        """The JSON object that was sent; empty when there was none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def credential(self) -> str:
        """`jwt`, `key`, `client` or `address`: what the request identifies its caller by."""
        _, _, token = self.headers.get("authorization", "").partition(" ")
        if token:
            return "key" if token.startswith("ipa_live_") else "jwt"
        return "client" if self.headers.get("x-client-id") else "address"


Holds = Callable[[Asked], bool]


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a fault shows. `make` gives a fresh condition, since some of them count; `fixed` ones hold for
    every request of a kind, the others for some of all requests. `fields` in a body make it hold."""

    name: str
    make: Callable[[], Holds]
    fixed: bool = True
    fields: Mapping[str, Any] = field(default_factory=dict)


def _always(holds: Holds) -> Callable[[], Holds]:
    return lambda: holds


def _every(count: int) -> Callable[[], Holds]:
    def make() -> Holds:
        seen: Counter[str] = Counter()

        def holds(asked: Asked) -> bool:
            route = f"{asked.method} {asked.path.split('/')[1:3]}"
            seen[route] += 1
            return seen[route] % count == 0

        return holds

    return make


def _chance(share: float, seed: int) -> Callable[[], Holds]:
    def make() -> Holds:
        dice = random.Random(seed)
        return lambda asked: dice.random() < share

    return make


def _after(count: int) -> Callable[[], Holds]:
    def make() -> Holds:
        left = [count]

        def holds(asked: Asked) -> bool:
            left[0] -= 1
            return left[0] < 0

        return holds

    return make


def _form(name: str, holds: Holds, **fields: Any) -> Trigger:
    return Trigger(name, _always(holds), fields=fields)


TRIGGERS: dict[str, Trigger] = {
    trigger.name: trigger
    for trigger in (
        *(
            Trigger(f"only-{kind}", _always(lambda asked, kind=kind: asked.credential == kind))  # type: ignore[misc]
            for kind in ("jwt", "key", "client", "address")
        ),
        Trigger("only-get", _always(lambda asked: asked.method == "GET")),
        Trigger("only-post", _always(lambda asked: asked.method == "POST")),
        _form("only-streams", lambda asked: asked.value.get("stream") is True, stream=True),
        _form("only-tools", lambda asked: bool(asked.value.get("tools")), tools=[TOOL]),
        _form("only-pictures", lambda asked: b"base64," in asked.body, image_urls=[picture()]),
        _form("only-long", lambda asked: len(asked.body) + len(asked.path) > 400, padding="word " * 100),
        _form("only-unicode", lambda asked: b"\\u" in asked.body or "%C3" in asked.path, note="é"),
        _form("only-history", lambda asked: len(asked.value.get("messages") or ()) > 1, messages=HELLO * 3),
        Trigger("after-50", _after(50)),
        Trigger("every-3rd", _every(3), fixed=False),
        Trigger("every-10th", _every(10), fixed=False),
        Trigger("one-in-ten", _chance(0.1, 1), fixed=False),
    )
}


def sometimes(fault: Fault, trigger: Trigger) -> Callable[[Lab], None]:
    """A change of a lab (for `running(prepare=...)`) that lets `fault` show when `trigger` holds."""

    def prepare(lab: Lab) -> None:
        faulty = plain_lab(lab.credentials)
        faulty.ledger, faulty.assets, faulty.requests = lab.ledger, lab.assets, []
        fault.apply(faulty)
        holds = trigger.make()

        def beside(clean: ASGIApp) -> ASGIApp:
            other = build(faulty)

            async def chosen(scope: Scope, receive: Receive, send: Send) -> None:
                body = await _whole(receive)
                path = scope["raw_path"].decode("latin-1") + "?" + scope["query_string"].decode("latin-1")
                headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
                asked = Asked(scope["method"], path, headers, body)
                await (other if holds(asked) else clean)(scope, _again(body, receive), send)

            return chosen

        lab.middleware.append(beside)

    return prepare


async def _whole(receive: Receive) -> bytes:
    pieces, more = [], True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


def _again(body: bytes, receive: Receive) -> Receive:
    """What has been read, to be read once more."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


# --- proving and measuring --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """A fault and when it shows."""

    fault: str
    trigger: str


@contextmanager
def serving(pair: Pair) -> Iterator[Handle]:
    """A server on which this fault shows when its trigger holds."""
    with running(prepare=sometimes(FAULTS[pair.fault], TRIGGERS[pair.trigger])) as server:
        yield server


def takes_effect(pair: Pair) -> bool:
    """Whether the fault's own proof, sent as a trigger may want it, differs from a clean server's."""
    fault, trigger = FAULTS[pair.fault], TRIGGERS[pair.trigger]
    with running() as clean, serving(pair) as faulty:
        for by in ("", "jwt", "key", "address"):
            for _ in range(1 if trigger.fixed and pair.trigger != "after-50" else 30):
                clients = [Suited(server.base_url, server.credentials) for server in (clean, faulty)]
                for client in clients:
                    client.by, client.fields = by, trigger.fields
                if fault.prove(clients[0]) != fault.prove(clients[1]):
                    return True
    return False


class Suited(Client):
    """Sends a proof as a trigger may want it: by the paid account's key where it would sign in with its token
    or not at all, without a client id, or with more fields in a body."""

    by: str = ""
    fields: Mapping[str, Any] = {}

    def headers(self, auth: str | None, client: str | None, agent: str | None) -> dict[str, str]:
        if self.by == "key" and auth in {None, "LIGHTNING_JWT"}:
            auth = "LIGHTNING_API_KEY"
        elif self.by == "jwt" and auth is None:
            auth = "LIGHTNING_JWT"
        return super().headers(auth, "" if self.by == "address" and client is None else client, agent)

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        value = Asked(method, path, {}, body or b"").value
        if self.fields and value:
            body = json.dumps({**value, **self.fields}).encode()
        return super().send(method, path, body, headers)


@dataclass(frozen=True, slots=True)
class Caught:
    """What the judge made of a pair."""

    pair: Pair
    effective: bool
    failed: tuple[str, ...] = ()

    @property
    def named(self) -> bool:
        """Whether it was told under a requirement that the fault was made to break."""
        return bool(set(FAULTS[self.pair.fault].requirements) & set(self.failed))


def judge(pair: Pair) -> Caught:
    """Prove the pair, and run the whole judge against it."""
    if not takes_effect(pair):
        return Caught(pair, effective=False)
    for name in [*NAMES, *(name for name in os.environ if name.startswith("PYTEST_"))]:
        os.environ.pop(name, None)
    os.environ.update(DEFAULTS)
    with serving(pair) as server, tempfile.TemporaryDirectory() as directory:
        verify([
            f"--base-url={server.base_url}", f"--report-dir={directory}", "--spend=exhaust",
            "--wake=5", "--settle=4",
        ])  # fmt: skip
        report = json.loads((Path(directory) / "report.json").read_text(encoding="utf-8"))
    failed = [entry["id"] for entry in report["requirements"] if entry["verdict"] == "fail"]
    documented = {entry["id"] for entry in report["requirements"] if entry["level"] == "documented"}
    return Caught(pair, effective=True, failed=tuple(name for name in failed if name in documented))


def pairs(count: int, seed: int) -> list[Pair]:
    """A sample of pairs, all triggers alike often."""
    dice = random.Random(seed)
    names = [name for name, fault in FAULTS.items() if fault.requirements[0] not in {"AUTH-5", "AUTH-6"}]
    rounds = -(-count // len(TRIGGERS))
    return [Pair(dice.choice(names), trigger) for _ in range(rounds) for trigger in TRIGGERS][:count]


def table(results: Sequence[Caught]) -> str:
    """By trigger: pairs that take effect, caught, and caught by name; and the survivors."""
    lines = ["| trigger | pairs | caught | by name |", "| --- | --- | --- | --- |"]

    def row(name: str, chosen: Sequence[Caught]) -> str:
        caught = sum(bool(result.failed) for result in chosen)
        named = sum(result.named for result in chosen)
        return f"| {name} | {len(chosen)} | {caught} | {named} |"

    real = [result for result in results if result.effective]
    lines += [row(name, [result for result in real if result.pair.trigger == name]) for name in TRIGGERS]
    lines += [
        row(title, [result for result in real if TRIGGERS[result.pair.trigger].fixed == fixed])
        for title, fixed in (("fixed triggers", True), ("now and then", False))
    ]
    lines.append("")
    lines += [f"survived: {r.pair.fault} {r.pair.trigger}" for r in real if not r.failed]
    lines.append(f"without effect: {len(results) - len(real)} of {len(results)}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.triggers", description=__doc__)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    warm_up()
    found = []
    for pair, result in in_processes(judge, pairs(options.pairs, options.seed), options.workers):
        if isinstance(result, Lost):
            print(f"lost: {pair.fault} {pair.trigger}: {result.why}", flush=True)
            continue
        told = ", ".join(result.failed) or ("survived" if result.effective else "no effect")
        print(f"{pair.fault} {pair.trigger}: {told}", flush=True)
        found.append(result)
    print(table(found))


if __name__ == "__main__":
    main()
