"""Generated requests: how many, and the same ones again."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from lightning_verify.checks.test_identity import NEIGHBOURS
from lightning_verify.checks.test_schema import lacks_words
from lightning_verify.requests import callers
from lightning_verify.requests.credentials import API_KEY, invalid_bearers
from lightning_verify.requests.invalid import sample, wrong_messages, wrong_tools
from lightning_verify.requests.valid import oversized

from lab.running import running
from lab.server.lab import Call, Lab, Reply
from tests.judge.commands import command

# Of base64, in order.
SIGNS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


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


def test_the_same_seed_draws_the_same_requests_and_more_examples_are_more(tmp_path: Path) -> None:
    first = bodies_sent("--seed=7", directory=tmp_path / "first")
    again = bodies_sent(directory=tmp_path / "again", environment={"LIGHTNING_VERIFY_SEED": "7"})
    other = bodies_sent("--seed=8", "--examples=30", directory=tmp_path / "other")
    assert first == again
    assert len(other) > len(first) + 20
    assert set(first) - set(other)


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


VIEWS: dict[str, Callable[[str], object]] = {
    "its beginning": lambda name: name[:39],
    "its length": len,
    "its end": lambda name: name[-4:],
    "its digits": lambda name: re.sub(r"\D", "", name),
    "its letters": lambda name: re.sub(r"\d", "", name),
}


@pytest.mark.parametrize("view", VIEWS)
def test_a_host_that_looks_at_a_part_of_a_client_id_takes_two_for_one(view: str) -> None:
    for name in [callers.client_id() for _ in range(20)]:
        others = {alter(name) for alter in NEIGHBOURS.values()}
        assert name not in others
        assert VIEWS[view](name) in {VIEWS[view](other) for other in others}


@pytest.mark.parametrize("last", "aAfF019gwzZ-_")
def test_an_altered_key_is_another_one_however_it_is_read(last: str) -> None:
    key = "ipa_live_0123456789abcdef" + last
    altered = invalid_bearers({API_KEY: key})
    other = altered["altered API key"]
    assert other[:-1] == key[:-1]
    assert other[-1].lower() != last.lower()
    # Of the last sign in base64, what is left of a byte may be two bits.
    assert SIGNS.index(other[-1]) >> 4 != SIGNS.index(last) >> 4
    assert altered["API key and more"].startswith(key)


def test_what_is_too_large_is_not_ascii_alone() -> None:
    prompt = oversized("createTts", 300)["prompt"]
    assert len(prompt) == 300
    assert not prompt.isascii()


@pytest.mark.parametrize(("wrong", "kind"), [(wrong_tools(), int), (wrong_messages(), list)])
def test_a_list_of_what_does_not_belong_in_it_is_drawn(wrong: st.SearchStrategy[Any], kind: type) -> None:
    lists = [value for value in sample(wrong, 60, 0) if isinstance(value, list)]
    assert any(isinstance(item, kind) for items in lists for item in items)
