"""A host cannot start a line, give a CI system a command or paint the terminal with its words."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning_verify.judging.harmless import one_line

from lab.running import running
from lab.server.lab import Call, Json, Lab, Reply
from tests.judge.commands import command

HOSTILE = "key\n::error title=x::boom\r\n##vso[task.setvariable]y\u2028##[group]z\x1b[31m\x9b2J\u202e"


def harmful(text: str) -> list[str]:
    """Lines that are a command, and characters that act."""
    lines = [line for line in text.splitlines() if line.lstrip().startswith("::")]
    return lines + [mark for mark in ("##vso[", "##[", "\x1b", "\x9b", "\u202e") if mark in text]


@pytest.mark.parametrize("text", [HOSTILE, "::warning::x", "  ::set-output name=a::b", "a ::debug::b"])
def test_a_text_becomes_one_line_that_nobody_obeys(text: str) -> None:
    line = one_line(text, 500)
    assert len(line.splitlines()) == 1
    assert harmful(line) == []


@pytest.mark.parametrize(
    "text", ["a::b", "checks/test_chat.py::test_it", "## 12 of 30", "C#[1]", "grüße 灯台"]
)
def test_an_ordinary_text_stays_as_it_is(text: str) -> None:
    assert one_line(text, 500) == text


def test_the_words_of_a_host_are_harmless_in_the_terminal_and_in_junit(tmp_path: Path) -> None:
    def prepare(lab: Lab) -> None:
        def change(_: Lab, call: Call, reply: Reply) -> Reply:
            if call.operation.id == "listTiers" and isinstance(reply, Json):
                reply.payload = [{"key": "free", "name": HOSTILE, "price": "0.00"}, *reply.payload]
            return reply

        lab.changes.append(change)

    with running(prepare=prepare) as server:
        run = command(
            f"--base-url={server.base_url}", "--only=TIERS-1", "--report-dir=reports", directory=tmp_path
        )
    assert run.code == 1
    junit = (tmp_path / "reports" / "junit.xml").read_text()
    for shown in (run.out, run.error, junit):
        assert harmful(shown) == []
    assert "title=x" in run.out
    assert "title=x" in junit
