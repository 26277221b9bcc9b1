"""Generated requests: how many, and the same ones again."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning_verify.checks.test_schema import lacks_words

from lab.running import running
from lab.server.lab import Call, Lab, Reply
from tests.judge.commands import command


def bodies_sent(*options: str, directory: Path, environment: dict[str, str] | None = None) -> list[bytes]:
    """The bodies of a run that judges what a chat without messages is answered with."""
    sent: list[bytes] = []

    def note(_: Lab, call: Call, reply: Reply) -> Reply:
        sent.append(call.raw)
        return reply

    with running(prepare=lambda lab: lab.changes.append(note)) as server:
        directory.mkdir()
        where = f"--base-url={server.base_url}"
        run = command(
            where, "--only=CHAT-1", "--spend=none", *options, directory=directory, credentials=environment
        )
    assert run.code == 0, run.out
    return sent


def test_the_same_seed_draws_the_same_requests_and_another_one_others(tmp_path: Path) -> None:
    first = bodies_sent("--seed=7", directory=tmp_path / "first")
    again = bodies_sent(directory=tmp_path / "again", environment={"LIGHTNING_VERIFY_SEED": "7"})
    other = bodies_sent("--seed=8", directory=tmp_path / "other")
    assert first == again
    assert first != other


def test_more_examples_are_more_requests(tmp_path: Path) -> None:
    few, many = (bodies_sent(f"--examples={n}", directory=tmp_path / n) for n in ("2", "30"))
    assert len(many) > len(few) + 20


def test_a_seed_of_the_environment_that_is_no_number_is_wrong_use(
    tmp_path: Path,
) -> None:
    run = command(
        "--base-url=http://127.0.0.1:9", directory=tmp_path, credentials={"LIGHTNING_VERIFY_SEED": "many"}
    )
    assert run.code == 2
    assert "LIGHTNING_VERIFY_SEED=many: expected a whole number" in run.out + run.error


@pytest.mark.parametrize(
    "body", [{"messages": []}, {"messages": [{"role": "user", "content": ""}]}, [[]], ""]
)
def test_nonsense_that_an_upstream_may_fail_at_is_told_by_what_is_empty_in_it(body: object) -> None:
    assert lacks_words(body)
    assert not lacks_words({"messages": [{"role": 7, "content": "Hello", "n": None}], "stream": "no"})
