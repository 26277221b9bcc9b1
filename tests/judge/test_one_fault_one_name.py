"""What is missing or refused is told once, by the requirement it belongs to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab import seams
from lab.running import running
from lab.server.identity import anonymous
from lab.server.lab import Call, Data, Json, Lab, Refusal, Reply
from tests.judge.commands import command

pytestmark = pytest.mark.slow


def _missing(operations: str) -> seams.Apply:
    return seams.instead(operations, lambda _: Json({"detail": "Not Found"}, 404))


def _fails(status: int, operations: str) -> seams.Apply:
    """Fail before anything of the request is looked at."""
    chosen = seams.ids(operations)

    async def step(lab: Lab, called: Call, run: Callable[[], Any]) -> None:
        if called.operation.id in chosen:
            raise Refusal(f"status-{status}", "No")
        await run()

    def apply(lab: Lab) -> None:
        lab.status_of[f"status-{status}"] = status
        seams.around("identify", step)(lab)

    return apply


def _ignored(operations: str) -> seams.Apply:
    """Serve bad bearers as whoever has none, on these operations."""
    chosen = seams.ids(operations)

    async def step(lab: Lab, called: Call, run: Callable[[], Any]) -> None:
        try:
            await run()
        except Refusal:
            if called.operation.id not in chosen:
                raise
            called.identity = anonymous(lab, called.request)

    return seams.around("identify", step)


def _unauthorized(operations: str) -> seams.Apply:
    return seams.instead(operations, lambda _: Json({"detail": "Who are you?"}, 401))


def _page(operations: str) -> seams.Apply:
    return seams.instead(operations, lambda _: Data(b"<html>busy</html>", "text/html"))


def _plan_in_capitals(lab: Lab) -> None:
    """Spell the plan of a key in capitals in its subscription."""

    def reply(call: Call, answered: Reply) -> Reply:
        if isinstance(answered, Json) and call.identity.auth_type == "api_key":
            answered.payload["plan_key"] = answered.payload["plan_key"].upper()
        return answered

    seams.success("getSubscription", reply)(lab)


def _nothing_used_by_key(lab: Lab) -> None:
    """Show a key counters that never move."""

    def reply(call: Call, answered: Reply) -> Reply:
        if isinstance(answered, Json) and call.identity.auth_type == "api_key":
            for entry in answered.payload["usage"].values():
                entry.update(used=0, remaining=entry["limit"])
        return answered

    seams.success("getUsage", reply)(lab)


def _garbled(operations: str) -> seams.Apply:
    """Read pictures as text and write them anew."""

    def reply(call: Call, answered: Reply) -> Reply:
        assert isinstance(answered, Data)
        return Data(answered.content.decode("latin-1").encode(), answered.content_type)

    return seams.success(operations, reply)


def _refused(field: str) -> seams.Apply:
    """Answer chats with this field with 400."""

    def reply(call: Call, answered: Reply) -> Reply:
        return (
            Json({"detail": "Not like this"}, 400, refused="invalid")
            if call.arguments.get(field)
            else answered
        )

    return seams.success("createChatCompletion", reply)


def _now_and_then(edit: Callable[[Any], Any], operation: str) -> seams.Apply:
    """Change every second answer."""
    turns = iter(range(10_000))
    return seams.edit(operation, lambda payload: edit(payload) if next(turns) % 2 else payload)


def _without(field: str) -> Callable[[Any], Any]:
    return seams.at(field, seams.drop)


def _unstreamed_with_tools(lab: Lab) -> None:
    def check(_: Lab, call: Call) -> None:
        call.arguments["stream"] = call.arguments.get("stream") and not call.arguments.get("tools")

    seams.check("createChatCompletion", check)(lab)


def _cut(items: list[Any]) -> list[Any]:
    """Cut each event but the last, which is no JSON."""
    return [*(f"data: {json.dumps(item)[:-1]}\n\n".encode() for item in items[:-1]), items[-1]]


EVERYWHERE = " ".join(seams.RESOLVING)
ACCOUNT = ("account", "catalogue", "identity", "failures")
ROUTER = ("ANA-1", "ANA-2", "ANA-3", "ROUTE-1", "ROUTE-2", "ROUTE-3", "ROUTE-4")
SPEECH = ("TTS-1", "TTS-2", "AUTH-4", "FAIL-1", "FAIL-2")
PLANS = {"TIER-1", "TIER-2", "TIER-3"}


@pytest.mark.parametrize(
    ("apply", "only", "owners"),
    [
        pytest.param(_missing("getTierConfig"), ACCOUNT, PLANS, id="no catalogue"),
        pytest.param(_page("getTierConfig"), ACCOUNT, PLANS, id="catalogue as page"),
        pytest.param(_fails(501, "createTts getTts"), SPEECH, {"TTS-1"}, id="no speech"),
        pytest.param(_fails(500, "getTts"), SPEECH, {"TTS-1"}, id="speech fails on GET"),
        pytest.param(_unauthorized("listTiers"), ACCOUNT, {"TIERS-1"}, id="tiers for members"),
        pytest.param(_ignored("getSfx"), ("identity",), {"AUTH-4"}, id="bearers ignored"),
        pytest.param(_ignored(EVERYWHERE), ("AUTH-4", "AIR-2"), {"AUTH-4"}, id="all bearers ignored"),
        pytest.param(_plan_in_capitals, ("identity", "SUB-5"), {"SUB-5"}, id="plan in capitals for keys"),
        pytest.param(_nothing_used_by_key, ("AUTH-3", "IMG-6"), {"AUTH-3"}, id="nothing used for keys"),
        pytest.param(_garbled("getImage"), ("IMG-2", "IMG-3"), {"IMG-2"}, id="pictures garbled on GET"),
        pytest.param(_missing("getUsage"), ("account", "catalogue"), {"USE-1", "USE-2"}, id="no usage"),
        pytest.param(_page("getUsage"), ("account", "catalogue"), {"USE-1", "USE-2"}, id="usage as page"),
        pytest.param(
            _now_and_then(_without("plan_key"), "getUsage"), ACCOUNT, {"USE-1"}, id="sometimes no plan"
        ),
        pytest.param(_missing("getSubscription"), ("account", "catalogue"), {"SUB-1"}, id="no subscription"),
        pytest.param(_missing("analyzePrompt"), ROUTER, {"ANA-1"}, id="no analysis"),
        pytest.param(_refused("stream"), ROUTER, set(), id="no streams"),
        pytest.param(
            seams.edit("createChatCompletion", _without("choices.0.finish_reason")),
            ("CHAT-2", "CHAT-10"),
            {"CHAT-2"},
            id="no finish reason",
        ),
        pytest.param(_refused("tools"), ROUTER, set(), id="no tools"),
        pytest.param(_unstreamed_with_tools, ("CHAT-4", "CHAT-9"), {"CHAT-4"}, id="tools, not streamed"),
        pytest.param(seams.events(_cut), ("CHAT-6", "CHAT-9"), {"CHAT-6"}, id="events cut"),
    ],
)
def test_only_its_owner_tells(
    apply: seams.Apply, only: tuple[str, ...], owners: set[str], tmp_path: Path
) -> None:
    with running(prepare=apply) as server:
        finished = command(
            *(f"--base-url={server.base_url}", "--spend=sample", "--report-dir=reports"),
            *(f"--only={name}" for name in only),
            directory=tmp_path,
            credentials=server.credentials,
        )
    # A page is of the wrong type as well.
    assert finished.documented("fail") - {"HDR-1"} == owners
