"""Trackers faults: who is counted."""

from __future__ import annotations

from dataclasses import replace

from lab.faults.fault import Book
from lab.faults.inputs import anonymous
from lab.proofs import charged, read
from lab.server.lab import Identity, Refusal

BOOK = Book("trackers")

# Keys of a store that are cut, folded or too coarse.
BOOK.add(
    "client-id-cut-late",
    "ID-2 RATE-1",
    "only the first 32 characters of a client id count",
    lambda lab: setattr(lab, "key_of_client", lambda client: f"client:{client[:32]}"),
    lambda c: (c.make("image").status, c.used(client=c.client_id[:32] + "-and-more")),
    "sample",
)

BOOK.add(
    "client-id-cut",
    "ID-2 RATE-1",
    "only the first four characters of a client id count",
    lambda lab: setattr(lab, "key_of_client", lambda client: f"client:{client[:4]}"),
    lambda c: (c.make("image").status, c.used(client="ipc-a-quite-different-one")),
    "sample",
)

BOOK.add(
    "client-id-and-connection",
    "ID-1",
    "a client id counts for one connection",
    anonymous(lambda _l, called, who: replace(who, key=f"{who.key}|{called.request.client}")),
    charged("createImage"),
    "sample",
)

BOOK.add(
    "user-agent-family",
    "ID-3",
    "user agents that share their first letter are one",
    anonymous(
        lambda _l, called, who: (
            who
            if who.key.startswith("client:")
            else replace(who, key="agent:" + called.request.headers.get("user-agent", "")[:1])
        )
    ),
    lambda c: (
        c.post("/gen/image", {"prompt": "x"}, client="").status,
        c.used(client="", agent="lab-other/2"),
    ),
    "sample",
)

BOOK.add(
    "address-with-port",
    "ID-3",
    "the port of the connection is part of the address",
    anonymous(
        lambda _l, called, who: (
            who if who.key.startswith("client:") else replace(who, key=f"{called.request.client}")
        )
    ),
    lambda c: (c.post("/gen/image", {"prompt": "x"}, client="").status, c.used(client="")),
    "sample",
)


def _unauthorised() -> Identity:
    raise Refusal("credential", "Sign in")


BOOK.add(
    "anonymous-usage-401",
    "ID-4",
    "/usage needs a bearer",
    anonymous(lambda _l, called, who: who if called.operation.id != "getUsage" else _unauthorised()),
    read("/usage"),
)
