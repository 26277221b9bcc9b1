"""The required form of an answer, by `response_format` or in the prompt's own words: none, any JSON object,
or JSON that matches a schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from lightning_mock.errors import InvalidRequest
from lightning_mock.generation.completions.prompted_json import prompted_json
from lightning_mock.generation.completions.reply_text import quoted, reply_text
from lightning_mock.generation.completions.tools import unusable
from lightning_mock.generation.conversation import Conversation
from lightning_mock.generation.sampling.json_text import json_text
from lightning_mock.generation.sampling.prompt_hints import hints_from
from lightning_mock.generation.sampling.schema_cost import Budget, UnusableSchemaError
from lightning_mock.generation.sampling.schema_sampler import (
    compile_schema,
    sample,
)

Kind = Literal["text", "json_object", "json_schema"]


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The kind asked for and, for `json_schema`, the schema. `source` is where the prompt itself says so,
    `fenced` whether it wants the JSON as a block of Markdown, and `otherwise` the kind to answer with when
    what it says cannot be met: a prompt is never refused for it.
    """

    kind: Kind = "text"
    schema: Any = True
    source: str = ""
    fenced: bool = False
    otherwise: Kind | None = None


TEXT = ResponseFormat()
JSON_OBJECT = ResponseFormat("json_object")
_SCHEMA_PLACE = "response_format.json_schema.schema"


def read_format(asked: Any, conversation: Conversation, budget: Budget) -> ResponseFormat:
    """The format of a chat request. Raises InvalidRequest for an unknown kind or an invalid schema."""
    match asked:
        case None | {"type": "text"}:
            return _prompted(conversation, TEXT, budget)
        case {"type": "json_object"}:
            return _prompted(conversation, JSON_OBJECT, budget)
        case {"type": "json_schema", "json_schema": Mapping() as described}:
            schema = described.get("schema", True)
            try:
                compile_schema(schema, budget)
            except UnusableSchemaError as error:
                raise unusable(_SCHEMA_PLACE, error) from error
            return ResponseFormat("json_schema", schema)
        case _:
            raise InvalidRequest(
                "response_format: expected type text, json_object or json_schema with its json_schema.",
                "response_format",
            )


def _prompted(conversation: Conversation, otherwise: ResponseFormat, budget: Budget) -> ResponseFormat:
    prompted = prompted_json(conversation.instructions, in_words=otherwise is TEXT, budget=budget)
    if prompted is None:
        return otherwise
    return ResponseFormat("json_schema", prompted.schema, prompted.source, prompted.fenced, otherwise.kind)


def json_object_text(conversation: Conversation, seed: int, choice: int) -> str:
    """Any JSON object: the developer's words and an answer."""
    answer = reply_text(conversation, seed, choice)
    return orjson.dumps({"prompt": quoted(conversation.prompt), "answer": answer}).decode()


def json_schema_text(asked: ResponseFormat, conversation: Conversation, seed: int, budget: Budget) -> str:
    """A value of the schema as JSON text, with the developer's words where they fit. Raises InvalidRequest
    when that costs too much.
    """
    prompt = conversation.prompt.replace(asked.source, " ") if asked.source else conversation.prompt
    try:
        value = sample(asked.schema, hints_from(prompt), seed, root_type="object", budget=budget)
    except UnusableSchemaError as error:
        raise unusable(_SCHEMA_PLACE, error) from error
    text = json_text(value)
    return f"```json\n{text}\n```" if asked.fenced else text
