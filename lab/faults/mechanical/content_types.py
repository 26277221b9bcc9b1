"""Mechanical faults: content types, HEAD routes and the root."""

from __future__ import annotations

from dataclasses import replace

from lab.faults import seams
from lab.faults.fault import Book
from lab.proofs import read, streamed
from lab.server import facts
from lab.server.lab import Call, Lab, Reply, Stream

BOOK = Book("mechanical")


def _typed(operations: str, content_type: str) -> seams.Apply:
    def other(_: Call, reply: Reply) -> Reply:
        reply.content_type = content_type
        return reply

    return seams.success(operations, other)


for _operation, _path, _type in (
    ("getUsage", "/usage", "text/plain"),
    ("getTierConfig", "/tier-config", "application/octet-stream"),
    ("listTiers", "/tiers", "text/html; charset=utf-8"),
    ("getStatus", "/status", ""),
):
    BOOK.add(
        f"json-as-{(_type.partition(';')[0] or 'nothing').replace('/', '-')}",
        "HDR-1",
        f"{_path} is sent as {_type or 'no type at all'}",
        _typed(_operation, _type),
        read(_path),
    )


def _streams_typed(content_type: str) -> seams.Apply:
    def other(_: Lab, __: Call, reply: Reply) -> Reply:
        if isinstance(reply, Stream):
            reply.content_type = content_type
        return reply

    return seams.change(other)


for _type in ("text/plain; charset=utf-8", "application/json", "application/x-ndjson"):
    BOOK.add(
        f"stream-as-{_type.partition(';')[0].replace('/', '-')}",
        "CHAT-4",
        f"a streamed chat is sent as {_type}",
        _streams_typed(_type),
        streamed(),
        "sample",
    )


def _head_type(operation: str, content_type: str) -> seams.Apply:
    return lambda lab: lab.head_types.update({operation: content_type})


for _operation, _medium, _type in (
    ("headStatusImage", "image", "video/mp4"),
    ("headStatusVideo", "video", "image/jpeg"),
    ("headStatusSfx", "sound", "video/mp4"),
    ("headStatusText", "text", "image/png"),
):
    BOOK.add(
        f"head-{_medium}-as-{_type.replace('/', '-')}",
        "STAT-5",
        f"the capability check of {_medium} says {_type}",
        _head_type(_operation, _type),
        read("/status/" + {"sound": "sfx"}.get(_medium, _medium), method="HEAD"),
    )

BOOK.add(
    "head-without-content-type",
    "STAT-4",
    "the capability checks have no content type",
    _typed(" ".join(facts.HEAD_TYPES), ""),
    read("/status/image", method="HEAD"),
)

for _operation, _path, _status in (
    ("headStatusVideo", "video", 405),
    ("headStatusSfx", "sfx", 404),
    ("headStatusText", "text", 500),
):
    BOOK.add(
        f"head-{_path}-{_status}",
        "STAT-4",
        f"HEAD /status/{_path} answers {_status}",
        seams.instead(_operation, seams.plain_refusal(_status)),
        read(f"/status/{_path}", method="HEAD"),
    )


def _redirect(status: int) -> seams.Apply:
    return seams.data("getSite", lambda _, reply: replace(reply, status=status))


for _status in (302, 307):
    BOOK.add(
        f"site-redirect-{_status}",
        "STAT-1",
        f"the root redirects for now only, with {_status}",
        _redirect(_status),
        read("/"),
    )

BOOK.add(
    "site-without-location",
    "STAT-1",
    "the permanent redirect of the root names no target",
    seams.data("getSite", lambda _c, reply: replace(reply, headers=[])),
    lambda c: c.get("/").header("location"),
)
