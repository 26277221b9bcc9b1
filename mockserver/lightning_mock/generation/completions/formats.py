"""What `response_format` asks of the text of an answer: nothing, any JSON object, or JSON of a schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from lightning_mock.errors import InvalidRequest
from lightning_mock.generation.completions.reply_text import quoted, reply_text
from lightning_mock.generation.completions.tools import unusable
from lightning_mock.generation.conversation import Conversation
from lightning_mock.generation.sampling.schema_cost import Budget, UnusableSchemaError
from lightning_mock.generation.sampling.schema_sampler import (
    compile_schema,
    hints_from,
    sample,
)

Kind = Literal["text", "json_object", "json_schema"]


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The kind asked for and, for `json_schema`, the schema."""

    kind: Kind = "text"
    schema: Any = True


TEXT = ResponseFormat()
_SCHEMA_PLACE = "response_format.json_schema.schema"


def read_format(asked: Any, budget: Budget) -> ResponseFormat:
    """The format of a chat request. InvalidRequest for an unknown kind or a schema that is none."""
    match asked:
        case None | {"type": "text"}:
            return TEXT
        case {"type": "json_object"}:
            return ResponseFormat("json_object")
        case {"type": "json_schema", "json_schema": Mapping() as described}:
            schema = described.get("schema", True)
            try:
                compile_schema(schema, budget)
            except UnusableSchemaError as error:
                raise unusable(_SCHEMA_PLACE, error) from error
            return ResponseFormat("json_schema", schema)
        case _:
            raise InvalidRequest(
                "response_format: expected type text, json_object or json_schema with its json_schema",
                "response_format",
            )


def json_object_text(conversation: Conversation, seed: int, choice: int) -> str:
    """Any JSON object: the developer's words and an answer."""
    answer = reply_text(conversation, seed, choice)
    return orjson.dumps({"prompt": quoted(conversation.prompt), "answer": answer}).decode()


def json_schema_text(schema: Any, conversation: Conversation, seed: int, budget: Budget) -> str:
    """A value of the schema as JSON text, with the developer's words where they fit. InvalidRequest when it
    costs too much.
    """
    try:
        value = sample(schema, hints_from(conversation.prompt), seed, root_type="object", budget=budget)
    except UnusableSchemaError as error:
        raise unusable(_SCHEMA_PLACE, error) from error
    return orjson.dumps(value).decode()
