"""Answers that break off again and again leave undecided what is about whole ones; single ones do not."""

from __future__ import annotations

import pytest
from lightning_verify.facts import SPEC
from lightning_verify.judging.broken_off import BrokenOff
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.redaction import Redactor
from lightning_verify.transport.exchange import Exchange
from lightning_verify.transport.timeline import MOMENT

_TYPES = {"createChatCompletion": "text/event-stream", "createImage": "image/png"}


def answer(operation: str, sent: float, *, cut: bool = False) -> Exchange:
    named = SPEC.operations[operation]
    headers = [("Content-Type", _TYPES[operation])]
    exchange = Exchange(named.method, named.path, {}, None, named, "a client id", 200, headers, b"data")
    exchange.sent = sent
    exchange.cut_off = cut
    exchange.problem = "the body has no proper end" if cut else None
    return exchange


def cut(operation: str, *, every: int, of: int = 20) -> list[Exchange]:
    return [answer(operation, number * 2 * MOMENT, cut=number % every == 0) for number in range(1, of + 1)]


@pytest.mark.parametrize(
    ("exchanges", "told"),
    [
        (cut("createChatCompletion", every=5), {"CHAT-7": "4 of 20 answers broke off"}),
        (cut("createImage", every=4), {"IMG-2": "5 of 20 answers broke off"}),
        (cut("createImage", every=15), {}),
        (cut("createChatCompletion", every=40, of=120), {}),
        # A restart breaks off all that is under way.
        (
            [answer("createImage", at, cut=at == 10) for at in (0, *[10] * 9, 20)],
            {},
        ),
    ],
)
def test_what_breaks_off_too_often_is_undecided(exchanges: list[Exchange], told: dict[str, str]) -> None:
    broken_off = BrokenOff(Recorder("http://127.0.0.1", Redactor({})))
    for exchange in exchanges:
        broken_off.observe(exchange)
    found = list(broken_off.findings())
    assert {finding.verdict for finding in found} <= {"inconclusive"}
    assert {finding.requirement: finding.reason.partition(" before")[0] for finding in found} == told
