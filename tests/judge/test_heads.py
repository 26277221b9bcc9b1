"""What stands behind the head of an answer to HEAD, which no HTTP client shows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest
from lightning_verify.checks import test_status
from lightning_verify.judging.outcomes import Violation
from lightning_verify.transport.client import HostGone
from lightning_verify.transport.heads import ask_for_head

from tests.judge.certificates import self_signed
from tests.judge.tiny_server import Answer, tiny
from tests.judge.tools import judge_of

PICTURE = {"Content-Type": "image/png"}


def check(answers: Iterator[Answer], tmp_path: Path) -> dict[str, int]:
    """The witnesses of the check on a host that answers so, one request after the other."""
    with tiny(lambda _: next(answers)) as host, judge_of(host.base_url, tmp_path) as judge:
        test_status.test_a_capability_check_ends_with_its_head(judge, "image")
        return dict(judge.witnesses)


@pytest.mark.parametrize("behind", [b"hello", b"\x89PNG", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_head_with_a_body_is_found(behind: bytes, tmp_path: Path) -> None:
    with pytest.raises(Violation, match="STAT-4: HEAD /status/image -> 200: a body follows"):
        check(repeat(Answer(headers=PICTURE, behind_head=behind)), tmp_path)


@pytest.mark.parametrize("hang", [False, True])
def test_a_head_that_ends_the_answer_is_a_witness(hang: bool, tmp_path: Path) -> None:
    assert check(repeat(Answer(headers=PICTURE, hang=hang)), tmp_path) == {"STAT-4": 1}


def test_a_host_that_was_given_up_is_not_asked(tmp_path: Path) -> None:
    with tiny(lambda _: Answer(headers=PICTURE)) as host, judge_of(host.base_url, tmp_path) as judge:
        judge.client.give_up("enough")
        with pytest.raises(HostGone, match="enough"):
            judge.client.whole_head("/status/image", judge.caller())
    assert not host.asked


def test_it_is_seen_over_tls_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with tiny(lambda _: Answer(headers=PICTURE, behind_head=b"hello"), context) as host:
        status, headers, behind = asyncio.run(ask_for_head(f"{host.base_url}/status/image?now=1", {}))
    assert (status, dict(headers)["Content-Type"], behind) == (200, "image/png", b"hello")
    assert host.paths == ["HEAD /status/image?now=1"]
