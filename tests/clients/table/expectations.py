"""What the Python clients are asked for, and what they must answer."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import openai
from pydantic import BaseModel

BASE_URL, KEY, SPENT = sys.argv[1:4]
SAID = 'The city is "Oslo" with 700000 people.'
IN_KEYS = f"{SAID} Return the result as JSON with 'name' and 'population' keys."
HELLO = [{"role": "user", "content": SAID}]
TIMEOUT_SECONDS = 60
"""Longer than the clients' own pauses between tries, and far from midnight."""


class City(BaseModel):
    """A city."""

    name: str
    population: int


OSLO = City(name="Oslo", population=700000)


def weather(city: str) -> str:
    """The weather of a city."""
    return f"Snow in {city}"


def openai_clients() -> tuple[openai.OpenAI, openai.OpenAI]:
    """One with the key, and one signed out whose client id has nothing left."""
    url = f"{BASE_URL}/gen"
    spent = openai.OpenAI(base_url=url, api_key="public", default_headers={"X-Client-ID": SPENT})
    return openai.OpenAI(base_url=url, api_key=KEY), spent


def same(value: object, wanted: object = OSLO) -> None:
    if isinstance(value, BaseModel) and isinstance(wanted, BaseModel):
        # Some clients answer with a subclass of the model that was asked for.
        value, wanted = value.model_dump(), wanted.model_dump()
    if value != wanted:
        raise AssertionError(f"expected {wanted!r}, got {value!r}")


def speaks(text: str | None) -> None:
    if "Oslo" not in (text or ""):
        raise AssertionError(f"expected the prompt's words, got {text!r}")


def refused_at_once(call: Callable[[], Any], kind: type[BaseException]) -> None:
    """The limit is told, and without a wait until midnight."""
    begun = time.monotonic()
    try:
        call()
    except kind:
        if time.monotonic() - begun > TIMEOUT_SECONDS:
            raise AssertionError("waited for the limit to end") from None
    else:
        raise AssertionError("expected a refusal")


def outcome(feature: Callable[[], None]) -> str:
    try:
        feature()
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    return "ok"


def report(clients: Mapping[str, Callable[[], dict[str, Callable[[], None]]]]) -> None:
    """Try every feature of every client, and print one JSON object."""
    outcomes = {
        f"{name} {version(name)}": {feature: outcome(call) for feature, call in features().items()}
        for name, features in clients.items()
    }
    print(json.dumps(outcomes))
