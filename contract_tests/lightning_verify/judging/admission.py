"""Whether a credential is let in anywhere: one that is not may belong to another host, or be revoked, and
that is not the host's fault."""

from __future__ import annotations

from collections.abc import Callable

from lightning_verify.requests.callers import bearer
from lightning_verify.requests.invalid import NOTHING_ASKED
from lightning_verify.requests.valid import CALLS
from lightning_verify.transport.client import BudgetExhausted, Client
from lightning_verify.transport.exchange import Exchange

# What a good bearer may read.
_ROOMS = ("/usage", "/subscription")
_CHAT = CALLS["createChatCompletion"].path


def is_let_in(
    client: Client, name: str, credential: str, seen: Callable[[str, Exchange], object] = lambda *_: None
) -> bool:
    """Whether the credential of this name is let in to what it may read, or to a generation that is asked for
    nothing, for nothing. What it is served on the way is told to `seen`, with its path. Raises HostGone."""
    caller = bearer(name, credential)
    for room in _ROOMS:
        answer = client.send("GET", room, caller, follow=True)
        if answer.served:
            seen(room, answer)
        if not _locked_out(answer):
            return True
    try:
        answers = [
            client.send("POST", _CHAT, each, json_body=NOTHING_ASKED, lane="free")
            for each in (caller, bearer("garbled", "not-a-token-at-the-door"))
        ]
    except BudgetExhausted:
        return False
    # Where a garbled bearer gets as far, it was the payload that was looked at.
    return not _locked_out(answers[0]) and _locked_out(answers[1])


def _locked_out(answer: Exchange) -> bool:
    return answer.status in {401, 403}
