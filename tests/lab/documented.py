"""What the document promises, checked in the plainest way: enough to tell a variant from a fault."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import Any

from lightning_spec.loader import load_spec

from lab.client import Answer, Client
from lab.proofs import KINDS, TOOL, bad_bearer, decoded, picture

PAID, KEY, FREE = "LIGHTNING_JWT", "LIGHTNING_API_KEY", "LIGHTNING_FREE_JWT"
METRICS = load_spec().metrics
ACCOUNT = {"email", "signed_up", "plan_key", "plan_name", "subscription", "auth_type"}
PLAN = {"key", "name", "url", "price", "limits", "order"}


def events_of(body: bytes) -> list[Any]:
    """The data of an event stream, decoded, `[DONE]` as text."""
    found = []
    for block in body.decode().replace("\r\n", "\n").split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:")]
        if lines:
            text = "\n".join(lines)
            found.append(text if text == "[DONE]" else json.loads(text))
    return found


def free_plans(c: Client) -> set[str]:
    """The keys of the plans that cost nothing, whatever the form of a price."""
    plans = c.read("/tier-config").json["plans"]
    prices = {plan["key"]: plan["price"] for plan in plans}
    amounts = {
        key: price.get("amount", price) if isinstance(price, dict) else price for key, price in prices.items()
    }
    return {key for key, amount in amounts.items() if not re.search("[1-9]", json.dumps(amount))}


def account(c: Client) -> None:
    free = free_plans(c)
    for name, kind in ((PAID, "jwt"), (KEY, "api_key"), (FREE, "jwt")):
        view = c.read("/subscription", name).json
        assert view.keys() >= ACCOUNT
        assert view["auth_type"] == kind
        assert (view["subscription"] is None) == (view["plan_key"] in free)
        assert c.read("/usage", name).json["plan_key"] == view["plan_key"]


def usage(c: Client) -> None:
    snapshot = c.read("/usage").json
    assert snapshot.keys() >= {"plan_key", "plan_name", "generated_at", "usage"}
    catalogue = c.read("/tier-config").json
    plan = next(p for p in catalogue["plans"] if p["key"] == snapshot["plan_key"])
    assert snapshot["plan_key"] in free_plans(c)
    for name in METRICS:
        row = snapshot["usage"][name]
        assert row.keys() >= {"limit", "used", "remaining", "window", "period"}
        limit = plan["limits"][name]
        assert row["limit"] == (limit["limit"] if isinstance(limit, dict) else limit)
        assert row["limit"] is None or row["remaining"] == row["limit"] - row["used"]


def catalogue(c: Client) -> None:
    plans = c.read("/tier-config").json
    tiers = c.read("/tiers").json
    assert all(plan.keys() >= PLAN for plan in plans["plans"])
    paid = {plan["key"] for plan in plans["plans"]} - free_plans(c)
    assert {tier["key"] for tier in tiers} == paid
    models = c.read("/models").json
    models = models if isinstance(models, list) else models["models"]
    assert all(m if isinstance(m, str) else m.get("name") or m["slug"] for m in models)
    assert c.read("/status").json.keys() >= {"state", "services", "notifications", "latest"}
    site = c.get("/")
    assert site.status in {301, 308}
    assert site.header("location")
    for name in ("image", "video", "sfx", "text"):
        head = c.get(f"/status/{name}", method="HEAD")
        assert head.status in {200, 204, 503}
        assert head.type
        assert not head.body


def chat(c: Client) -> None:
    plain = c.chat().json
    assert plain["choices"][0]["message"]["role"] == "assistant"
    assert plain["choices"][0]["finish_reason"]
    streamed = c.chat(stream=True)
    assert streamed.type == "text/event-stream"
    items = events_of(streamed.body)
    model = next(item for item in items if "router_metadata" in item)["router_metadata"]["model_name"]
    assert items[-1] == "[DONE]"
    choices = [choice for item in items[:-1] for choice in item.get("choices", []) if "delta" in choice]
    assert len({choice["finish_reason"] for choice in choices} - {None}) == 1
    assert "".join(choice["delta"].get("content") or "" for choice in choices)
    assert {d["role"] for choice in choices if (d := choice["delta"]).get("role")} == {"assistant"}
    analysis = c.post("/gen/prompt_analyze", {"prompt": [{"role": "user", "content": "Say hello."}]})
    # A display name may be the host's own.
    assert model
    assert analysis.json
    wanted = c.chat(tools=[TOOL], tool_choice="required").json["choices"][0]["message"]["tool_calls"][0]
    assert wanted["function"]["name"] == "get_weather"
    assert json.loads(wanted["function"]["arguments"]).keys() >= {"city", "days"}
    pieces = [
        call["function"].get("arguments", "")
        for item in events_of(c.chat(tools=[TOOL], tool_choice="required", stream=True).body)[:-1]
        for choice in item.get("choices", [])
        for call in choice.get("delta", {}).get("tool_calls") or []
    ]
    assert json.loads("".join(pieces)).keys() >= {"city", "days"}


def content_of(c: Client, made: Answer) -> tuple[str, bytes]:
    """Type and bytes of media: the body, base64 in its JSON, or what lies at the address in it."""
    if made.type != "application/json":
        return made.type, made.body
    text = max((value for value in made.json.values() if isinstance(value, str)), key=len)
    if text.startswith("http"):
        found = c.get("/" + text.split("/", 3)[3])
        return found.type, found.body
    head, _, packed = text.rpartition(",")
    kind = head.removeprefix("data:").partition(";")[0] or made.json["media_type"]
    return kind.partition(";")[0], base64.b64decode(packed)


def who_has_videos(c: Client) -> str | None:
    """Nobody in particular, or the paid account where the free plan has none."""
    return None if c.usage()["videosDaily"]["limit"] else "LIGHTNING_JWT"


def media(c: Client) -> None:
    for kind, medium in (("image", "image"), ("video", "video"), ("sfx", "audio")):
        made = c.generate(kind, who_has_videos(c) if kind == "video" else None)
        assert made.status == 200, (kind, made.body[:80])
        kind_of, content = content_of(c, made)
        assert kind_of.startswith((medium, "application/mp4"))
        # Samples have no form to decode, only a length.
        raw = kind_of == "audio/L16" and len(content) > 1000
        assert raw or decoded(content).startswith(medium)
    assert c.generate_by_get("image", prompt="a snowy fox / 雪").status == 200
    assert c.generate("image", image_urls=[picture(), picture("blue")]).status == 200
    # A host that fetches what it is pointed to may find nothing there.
    assert c.generate("image", image_urls=[picture(), "https://example.com/a.png"]).status in {200, 400}


def refusals(c: Client) -> None:
    for operation, kind in KINDS.items():
        assert operation.startswith("get") or c.post(f"/gen/{kind}", {}).status == 400
        assert bad_bearer(operation)(c) == 401
    assert c.post("/gen/chat/completions", {"messages": "hello"}).status == 400
    assert c.post("/gen/prompt_analyze", {"prompt": "hello"}).status == 400
    # Beyond what the most generous variant is configured to.
    assert c.generate("tts", prompt="x" * 6_000_000).status == 413
    for name in ("LIGHTNING_EXPIRED_JWT", "LIGHTNING_EXPIRED_API_KEY", "LIGHTNING_REVOKED_API_KEY"):
        assert c.read("/usage", name).status == 401


def metering(c: Client) -> None:
    who = who_has_videos(c)
    before = c.used(who)
    assert c.generate("video", who).status == 200
    assert c.post("/gen/video", {}).status == 400
    deadline = time.monotonic() + 4
    while (after := c.used(who))["videosDaily"] == before["videosDaily"] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert after["videosDaily"] == before["videosDaily"] + 1
    # Others may spend from an account.
    assert who is not None or after == {**before, "videosDaily": after["videosDaily"]}
    limit = c.usage()["audioWeekly"]["limit"]
    assert [c.generate("sfx").status for _ in range(limit + 2)] == [200] * limit + [429, 429]
    assert c.generate("image").status == 200


PROMISES = (account, usage, catalogue, chat, media, refusals, metering)


def keeps_the_document(base_url: str, credentials: dict[str, str]) -> None:
    """AssertionError at the first promise that does not hold. Each promise is judged as a fresh caller."""
    for promise in PROMISES:
        promise(Client(base_url, credentials))
