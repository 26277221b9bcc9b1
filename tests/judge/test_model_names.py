"""Two names of one model are known for that, and those of two models are not."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from lightning_verify.checks import test_router
from lightning_verify.judging.outcomes import NotRun, Undecided, Violation
from lightning_verify.reading.model_names import disagreements, same
from lightning_verify.requests.prompts import CODE, with_code
from lightning_verify.requests.prompts import COMPLEX as COMPLEX_PROMPTS

from lab.faults.routing import routed
from lab.running import running
from lab.seams import both
from lab.server.lab import Call, Json, Lab, Reply
from lab.server.payloads import text_of
from lab.server.router import CODE as CODING
from lab.server.router import COMPLEX, SWIFT
from tests.judge.tools import judge_of


@pytest.mark.parametrize(
    ("shown", "reported"),
    [
        ("Lab Swift 8B", "Lab Swift 8B"),
        ("Llama 3.3 70B", "meta-llama/llama-3.3-70b-instruct:free"),
        ("Meta: Llama 3.3 70B Instruct (free)", "llama-3.3-70b-versatile"),
        ("OpenAI: gpt-oss-120b", "openai/gpt-oss-120b"),
        ("Claude Sonnet 3.5", "anthropic/claude-3-5-sonnet-20241022"),
        ("DeepSeek V3", "deepseek/deepseek-chat-v3-0324:free"),
        ("llama3.2:latest", "llama3.2"),
    ],
)
def test_names_of_one_model_are_the_same(shown: str, reported: str) -> None:
    assert same(shown, reported)


@pytest.mark.parametrize(
    ("shown", "reported"),
    [
        ("Lab Swift 8B", "Lab Coder 32B"),
        ("Lab Swift 8B Preview", "Lab Swift 8B"),
        ("Llama 3.3 70B", "meta-llama/llama-3.1-8b-instruct"),
        ("Lightning Code", "qwen/qwen-2.5-coder-32b-instruct"),
    ],
)
def test_names_of_two_models_are_not(shown: str, reported: str) -> None:
    assert not same(shown, reported)


def test_a_vocabulary_of_its_own_has_one_name_for_each_model() -> None:
    good = {"a": ("Lightning", "x-7b"), "b": ("Lightning Code", "y-7b"), "c": ("Lightning", "x-7b")}
    assert disagreements(good) == ({}, [])
    assert disagreements({**good, "b": ("Lightning Code", "x-7b")})[0]


def test_several_models_may_be_shown_by_one_name_of_the_host() -> None:
    """That shows nothing: neither that they are named rightly, nor that they are not."""
    shared = {"a": ("Lightning", "x-7b"), "b": ("Lightning", "y-7b"), "c": ("Lightning Eye", "z-9b")}
    assert disagreements(shared) == ({}, ["a", "b"])


def test_one_name_for_every_model_is_the_name_of_none() -> None:
    pairs = {"a": ("Mixtral", "x-7b"), "b": ("Mixtral", "y-7b"), "c": ("Mixtral", "z-9b")}
    assert set(disagreements(pairs)[0]) == set(pairs)


def test_an_analysis_that_always_says_the_same_is_not_held_against_the_router(tmp_path: Path) -> None:
    def one_name(lab: Lab) -> None:
        lab.changes.append(_names_one_model)

    with running(prepare=one_name) as lab, judge_of(lab.base_url, tmp_path) as judge:
        with pytest.raises(Undecided, match="see ANA-3"):
            test_router.test_a_signal_in_the_prompt_changes_the_model(
                judge, "ROUTE-1", "complexity", COMPLEX_PROMPTS, None
            )
        with pytest.raises(Violation, match="ANA-3"):
            test_router.test_analysis_and_chat_agree(judge)


def _names_one_model(_: Lab, call: Call, reply: Reply) -> Reply:
    if isinstance(reply, Json) and call.operation.id == "analyzePrompt" and reply.refused is None:
        reply.payload = ["Mixtral 8x7B"]
    return reply


def test_in_one_vocabulary_each_pair_has_to_match() -> None:
    pairs = {"a": ("Llama 70B", "meta/llama-70b"), "b": ("Llama 70B", "qwen/qwen-32b")}
    assert list(disagreements(pairs)[0]) == ["b"]


def test_one_strange_name_among_known_ones_cannot_be_told() -> None:
    pairs = {"a": ("Llama 70B", "meta/llama-70b"), "b": ("Vision", "qwen/qwen-vl")}
    assert disagreements(pairs) == ({}, ["b"])


def test_a_name_that_fits_better_elsewhere_does_not_match() -> None:
    pairs = {"a": ("Swift 8B", "Swift 8B"), "b": ("Swift 8B", "Swift 8B Turbo")}
    assert list(disagreements(pairs)[0]) == ["b"]


def test_a_router_that_looks_at_the_length_alone_does_not_pass_for_one_that_sees_code(tmp_path: Path) -> None:
    """The first question of medium length is beyond its bound with code below it, as with anything else."""
    by_length = routed(lambda _: lambda messages, __: SWIFT if len(text_of(messages)) < 200 else COMPLEX)
    with (
        running(prepare=by_length) as lab,
        judge_of(lab.base_url, tmp_path) as judge,
        pytest.raises(Undecided, match="length"),
    ):
        test_router.test_a_signal_in_the_prompt_changes_the_model(judge, "ROUTE-2", "code", CODE, with_code)


def test_a_chat_is_asked_for_what_its_analysis_reacts_to(tmp_path: Path) -> None:
    """The first complex prompt is too short for it."""
    by_length = routed(
        lambda _: lambda messages, __: SWIFT if len(text_of(messages)) < 1000 else COMPLEX, "analyzePrompt"
    )
    blind = routed(lambda _: lambda *__: SWIFT, "createChatCompletion")
    with (
        running(prepare=both(by_length, blind)) as lab,
        judge_of(lab.base_url, tmp_path) as judge,
        pytest.raises(Violation, match="the chat stays with"),
    ):
        test_router.test_a_chat_reacts_where_the_analysis_does(judge, "ROUTE-1", COMPLEX_PROMPTS)


@pytest.mark.parametrize("part", [slice(1), slice(-1, None)], ids=["the first", "the last"])
def test_an_analysis_of_one_message_alone_does_not_agree_with_a_chat(part: slice, tmp_path: Path) -> None:
    one = routed(lambda plain: lambda messages, tools: plain(messages[part], tools), "analyzePrompt")
    with (
        running(prepare=one) as lab,
        judge_of(lab.base_url, tmp_path) as judge,
        pytest.raises(Violation, match="conversation"),
    ):
        test_router.test_analysis_and_chat_agree(judge)


def _drawing(seed: int) -> Callable[[Lab], None]:
    dice = random.Random(seed)
    return routed(lambda _: lambda messages, tools: dice.choices((SWIFT, COMPLEX), (3, 2 if tools else 1))[0])


@pytest.mark.parametrize("seed", range(4))
def test_a_router_that_draws_one_of_two_models_is_not_accused(seed: int, tmp_path: Path) -> None:
    with running(prepare=_drawing(seed)) as lab, judge_of(lab.base_url, tmp_path) as judge:
        for check in (
            test_router.test_analysis_and_chat_agree,
            test_router.test_tools_change_the_model,
            partial(
                test_router.test_a_chat_reacts_where_the_analysis_does,
                requirement="ROUTE-2",
                prompts=CODE,
            ),
            partial(
                test_router.test_a_signal_in_the_prompt_changes_the_model,
                requirement="ROUTE-2",
                signal="code",
                prompts=CODE,
                add=with_code,
            ),
        ):
            with suppress(Undecided, NotRun):
                check(judge)


def test_an_analysis_that_names_what_no_chat_reports_is_found_beside_a_draw(tmp_path: Path) -> None:
    """The draw is for whoever asks for code; all others are told of a model that does not answer them."""
    dice, wrong = random.Random(1), routed(lambda _: lambda *_: COMPLEX, "analyzePrompt")
    draws = routed(
        lambda plain: (
            lambda messages, tools: (
                dice.choice((CODING, COMPLEX)) if plain(messages, tools) == CODING else plain(messages, tools)
            )
        )
    )

    def prepare(lab: Lab) -> None:
        draws(lab)
        wrong(lab)

    with (
        running(prepare=prepare) as lab,
        judge_of(lab.base_url, tmp_path) as judge,
        pytest.raises(Violation, match="prompt simple"),
    ):
        test_router.test_analysis_and_chat_agree(judge)
