"""Prompts with one of the router's signals each, two tools, and how an analysis names its model."""

from __future__ import annotations

from typing import Any

from lightning_verify.requests.valid import picture_data_uri

Messages = list[dict[str, Any]]

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "Tells the time of day in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TOOLS = [WEATHER, CLOCK]


def user(content: Any) -> Messages:
    """A conversation of one user message."""
    return [{"role": "user", "content": content}]


SIMPLE = [user("hi"), user("Say hello.")]

_REASONING = (
    "Analyze in depth, step by step, how the trade winds, the monsoon and ocean currents shaped medieval "
    "commerce. Compare at least three explanations, weigh the evidence for each, derive which is most "
    "consistent with the sources, prove your conclusion, discuss counterarguments, and evaluate the "
    "consequences for economic theory. "
)
COMPLEX = [
    user(_REASONING),
    user(_REASONING * 8),
    user(
        "Prove that there are infinitely many primes, then explain the reasoning in detail and derive an "
        "asymptotic estimate; finally design a plan to teach it, with trade-offs, milestones and an "
        "evaluation strategy."
    ),
    user(
        "The history of navigation is long and winding. " * 250
        + "Summarize and critically evaluate all of this."
    ),
]
# Between the two: where a signal that weighs half tips the scales.
MEDIUM = [
    user(
        "Please explain to somebody who is new to the sea how a sailing boat can go against the wind, what "
        "the keel does for it, and when it is better to take in a sail than to go on."
    ),
    user(
        "Compare two ways of learning a language as an adult, a class in the evening and a year abroad, and "
        "say which of them you would choose with little money, little time and a family at home. Name what "
        "speaks for each and what speaks against it, and end with one piece of advice for the first month."
    ),
]
CODE = [
    user("```python\ndef add(a, b):\n    return a + b\n```\nWhat does this do?"),
    user("Write a Python function that reverses a string."),
    user("Fix this bug:\n```js\nfunction f(x) { return x.map(y => y * 2) }\n```"),
    user(
        "import os\n\nclass Reader:\n    def read(self):\n        return os.getcwd()\n\nRefactor this code."
    ),
]
_GREETING = [*SIMPLE[1], {"role": "assistant", "content": "Hello!"}]
# Long, and the only signal stands in the middle: who looks at the first or the last messages alone, or is
# wrong about many, does not see it.
AFTER_CODE = [
    {"role": "system", "content": "You answer in full sentences."},
    *_GREETING * 5,
    *CODE[0],
    {"role": "assistant", "content": "It adds two numbers."},
    *_GREETING * 5,
    *user("Thank you."),
]
# The only signal is in the instructions.
INSTRUCTED = [{"role": "system", "content": CODE[0][0]["content"]}, *SIMPLE[1]]
IMAGE = [
    user([{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": picture_data_uri()}}]),
    user(
        [
            {"type": "text", "text": "What is in this picture?"},
            {"type": "image_url", "image_url": {"url": picture_data_uri()}},
        ]
    ),
]

_SNIPPET = "\n```python\ndef add(a, b):\n    return a + b\n```"


def with_code(messages: Messages) -> Messages:
    """The same question with a piece of code below."""
    return user(messages[0]["content"] + _SNIPPET)


def with_words(messages: Messages) -> Messages:
    """The same question, made as long by plain words as it is with code."""
    return user(
        messages[0]["content"] + "\nTake all the time for it that you need, and then begin."[: len(_SNIPPET)]
    )


def with_image(messages: Messages) -> Messages:
    """The same question with a picture."""
    picture = {"type": "image_url", "image_url": {"url": picture_data_uri()}}
    return user([{"type": "text", "text": messages[0]["content"]}, picture])


MAX_NAME_LENGTH = 200
_NAME_FIELDS = ("model_name", "display_model", "display_name", "display", "model", "name")


def model_name(document: Any) -> str | None:
    """The model that an analysis names: a string, a list of one, or an object with it; otherwise None."""
    if isinstance(document, str):
        text = document.strip()
        # A name is short and on one line; what is not is a text about something else.
        return text if 0 < len(text) <= MAX_NAME_LENGTH and text.isprintable() else None
    if isinstance(document, list):
        return next((name for item in document if (name := model_name(item))), None)
    if isinstance(document, dict):
        candidates = [document[field] for field in _NAME_FIELDS if field in document]
        candidates += [value for field, value in document.items() if "model" in field.lower()]
        candidates += [value for value in document.values() if isinstance(value, dict)]
        return next((name for item in candidates if (name := model_name(item))), None)
    return None
