"""The router's choice depends on messages and tools alone, and all that the document names weighs in it."""

from __future__ import annotations

from typing import Any

import pytest
from lightning_mock.generation.model_router import CODE, COMPLEX, SIMPLE, TOOLS, VISION, choose_model

TOOL = {"type": "function", "function": {"name": "get_weather"}}


def user(content: Any) -> Any:
    return [{"role": "user", "content": content}]


def test_a_trivial_prompt_gets_the_small_model() -> None:
    assert choose_model(user("Hello")) == SIMPLE


@pytest.mark.parametrize(
    "prompt",
    [
        "word " * 100,
        "Compare the two proposals.",
        "Explain it to me step by step",
        "PROS AND CONS, please",
        "What of the trade-offs?",
    ],
)
def test_a_complex_prompt_changes_the_choice(prompt: Any) -> None:
    assert choose_model(user(prompt)) == COMPLEX


def test_a_long_conversation_changes_the_choice() -> None:
    messages = user("Hi") + [{"role": "assistant", "content": "Hi"}] * 10 + user("And now?")
    assert choose_model(messages) == COMPLEX


@pytest.mark.parametrize(
    "prompt",
    [
        "Why does this fail?\n```\nprint(1\n```",
        "Write a Python function",
        "for (;;) { spin(); }",
        "What does this do?\n  def f(x): return x",
        "if (a == b) go home",
        "A SyntaxError!",
        "MY UNIT TEST FAILS",
    ],
)
def test_code_changes_the_choice(prompt: Any) -> None:
    assert choose_model(user(prompt)) == CODE


def test_tools_change_the_choice() -> None:
    assert choose_model(user("Hello"), [TOOL]) == TOOLS


@pytest.mark.parametrize(
    "said", ["(Python)?", "it's\u00a0python\u00a0here", "a\x1cpython\x1db", "“quoted” python."]
)
def test_a_word_is_found_between_any_spaces_and_punctuation(said: Any) -> None:
    assert choose_model(user(said)) == CODE


@pytest.mark.parametrize("said", ["monty-python", "pythonic", "a_json", "It was a long trade-off"])
def test_a_part_of_a_word_is_no_sign(said: Any) -> None:
    assert choose_model(user(said)) == SIMPLE


@pytest.mark.parametrize("said", ["step by stone", "a unit of work", "what is the reason?", "detail"])
def test_a_part_of_a_phrase_is_no_sign(said: Any) -> None:
    assert choose_model(user(said)) == SIMPLE


@pytest.mark.parametrize("said", ["1 + 1 = 2; more?", "a < b", "# 5", "two\nlines"])
def test_a_character_of_a_sign_is_no_sign(said: Any) -> None:
    assert choose_model(user(said)) == SIMPLE


def test_an_empty_list_of_tools_changes_nothing() -> None:
    assert choose_model(user("Hello"), []) == SIMPLE


def test_an_image_changes_the_choice_and_wins_over_everything_else() -> None:
    parts = [
        {"type": "text", "text": "Write Python code for this"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    assert choose_model(user(parts)) == VISION
    assert choose_model(user(parts), [TOOL]) == VISION


def test_text_parts_weigh_as_much_as_a_plain_string() -> None:
    assert choose_model(user([{"type": "text", "text": "Write a Python function"}])) == CODE


def test_what_others_than_the_user_say_is_no_sign_of_code() -> None:
    messages = [{"role": "system", "content": "You answer questions on Python code."}, *user("Hello")]
    assert choose_model(messages) == SIMPLE


def test_each_sign_leads_to_a_model_of_its_own() -> None:
    assert len({SIMPLE, COMPLEX, CODE, TOOLS, VISION}) == 5


def test_odd_messages_are_read_without_complaint() -> None:
    assert choose_model(
        [{"role": "assistant"}, {"role": "user", "content": None}, {"content": [1, {"text": 2}]}]
    )
