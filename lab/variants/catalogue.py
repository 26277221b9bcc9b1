"""The site, the status, the models and the capability checks in other forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lab import seams
from lab.proofs import read
from lab.seams import at, edit, put
from lab.server.lab import Call, Data, Lab, Reply
from lab.variants.variant import VariantSet

VARIANTS = VariantSet()

_SITE, _STATUS, _MODELS = read("/"), read("/status"), read("/models")


def _site(status: int, target: str, body: bytes = b"") -> seams.Apply:
    return seams.instead("getSite", lambda _: Data(body, "text/html", status, [("Location", target)]))


VARIANTS.group("site", _SITE).add(
    "site-301: the root redirects with 301", _site(301, "https://inference.js.org")
)

VARIANTS.group("site", lambda c: c.get("/").header("location")).add(
    "site-elsewhere: the root redirects to another site", _site(308, "https://www.example.com/welcome")
)

VARIANTS.group("site", _SITE).add(
    "site-with-page: the redirect has a page as its body",
    _site(301, "https://inference.js.org/", b"<a href='https://inference.js.org/'>moved</a>"),
)


def _slash(status: int) -> seams.Apply:
    def answer(call: Call) -> Reply:
        return Data(b"", "text/plain", status, [("Location", "/status/")])

    def apply(lab: Lab) -> None:
        plain = lab.handlers["getStatus"]

        async def handler(inner: Lab, call: Call) -> Reply:
            return await plain(inner, call) if call.request.url.path.endswith("/") else answer(call)

        lab.handlers["getStatus"] = handler

    return apply


VARIANTS.group("", _STATUS).add("status-redirects: /status redirects to /status/", _slash(307))

VARIANTS.group("notifications", _STATUS).add(
    "notifications-list: notifications is a list",
    edit("getStatus", at("notifications", put([{"level": "info", "text": "Hello"}]))),
).add("notifications-null: notifications is null", edit("getStatus", at("notifications", put(None)))).add(
    "status-in-numbers: the state is a code, notifications are counted, and the latest is a time",
    edit("getStatus", lambda view: {**view, "state": 1, "notifications": 0, "latest": 1_700_000_000_000}),
)

VARIANTS.group("", _STATUS).add(
    "latest-object: latest is an object",
    edit("getStatus", at("latest", put({"version": "2.12.2", "url": "https://example.com"}))),
)

VARIANTS.group("services", _STATUS).add(
    "services-list: services is a list",
    edit("getStatus", at("services", put(lambda s: [{"name": k, **v} for k, v in s.items()]))),
).add(
    "degraded: one service is offline and the state says so",
    seams.both(
        edit("getStatus", at("services", put({"video": {"state": "offline", "message": "Back soon"}}))),
        edit("getStatus", at("state", put("degraded"))),
    ),
)

VARIANTS.group("models", _MODELS).add(
    "models-short: models have nothing but a name",
    edit("listModels", lambda r: [{"name": m["name"]} for m in r]),
).add(
    "models-long: models have more fields and absolute links",
    edit(
        "listModels",
        lambda rows: [
            {**m, "link": f"https://ollama.com{m['link']}", "capabilities": {"vision": False}, "rank": n}
            for n, m in enumerate(rows)
        ],
    ),
)

VARIANTS.group("models", lambda c: len(c.get("/models").json)).add(
    "models-many: there are four hundred models",
    edit("listModels", lambda rows: [{**rows[n % 3], "name": f"model-{n}"} for n in range(400)]),
)

VARIANTS.group("models", _MODELS).add(
    "models-by-slug: models have a slug for a name",
    edit("listModels", lambda rows: [{"slug": m["name"], "tags": m["tags"]} for m in rows]),
).add(
    "models-beside-families: models stand in an object, beside their families",
    edit("listModels", lambda rows: {"families": ["llama", "qwen"], "models": rows}),
).add(
    "models-as-names: models are told by their names alone",
    edit("listModels", lambda rows: [row["name"] for row in rows]),
)

_HEAD: Any = lambda c: [c.get(f"/status/{n}", method="HEAD").type for n in ("image", "video", "sfx", "text")]  # noqa: E731


def _heads(**types: str) -> Callable[[Lab], None]:
    return lambda lab: lab.head_types.update(
        {f"headStatus{name.capitalize()}": kind for name, kind in types.items()}
    )


VARIANTS.group("head", _HEAD).add(
    "other-head-types: the capability checks name png, webm, wav and an event stream",
    _heads(image="image/png", video="video/webm", sfx="audio/wav", text="text/event-stream"),
).add(
    "head-text-json: the capability check of text says application/json",
    _heads(text="application/json; charset=utf-8"),
)

VARIANTS.group("", read("/status/image", method="HEAD")).add(
    "head-204: the capability checks answer 204",
    seams.data(
        "headStatusImage headStatusVideo headStatusSfx headStatusText", lambda _, r: replace(r, status=204)
    ),
)


VARIANTS.group("head", read("/status/video", method="HEAD")).add(
    "head-503: the capability check of video says that video is down",
    seams.data("headStatusVideo", lambda _, r: replace(r, status=503, content_type="text/plain")),
)
