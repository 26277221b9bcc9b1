"""What is asked of the text of an answer, by `response_format` or in the prompt's own words: nothing, any
JSON object, or JSON of a schema.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from lightning_mock.errors import InvalidRequest
from lightning_mock.generation.completions.prompted_json import prompted_json
from lightning_mock.generation.completions.reply_text import quoted, reply_text
from lightning_mock.generation.conversation import Conversation
from lightning_mock.generation.sampling.schema_sampler import (
    UnusableSchemaError,
    compile_schema,
    hints_from,
    sample,
)

Kind = Literal["text", "json_object", "json_schema"]


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The kind asked for and, for `json_schema`, the schema. `source` is where the prompt itself says so, and
    `fenced` whether it wants the JSON as a block of Markdown.
    """

    kind: Kind = "text"
    schema: Any = True
    source: str = ""
    fenced: bool = False


TEXT = ResponseFormat()
JSON_OBJECT = ResponseFormat("json_object")
_SCHEMA_PLACE = "response_format.json_schema.schema"


def read_format(asked: Any, conversation: Conversation) -> ResponseFormat:
    """The format of a chat request. InvalidRequest for an unknown kind or a schema that is none."""
    match asked:
        case None | {"type": "text"}:
            return _prompted(conversation, TEXT)
        case {"type": "json_object"}:
            return _prompted(conversation, JSON_OBJECT)
        case {"type": "json_schema", "json_schema": Mapping() as described}:
            schema = described.get("schema", True)
            try:
                compile_schema(schema)
            except UnusableSchemaError as error:
                raise InvalidRequest(
                    f"{_SCHEMA_PLACE}: expected a valid JSON Schema; {error}", _SCHEMA_PLACE
                ) from error
            return ResponseFormat("json_schema", schema)
        case _:
            raise InvalidRequest(
                "response_format: expected type text, json_object or json_schema with its json_schema",
                "response_format",
            )


def _prompted(conversation: Conversation, otherwise: ResponseFormat) -> ResponseFormat:
    prompted = prompted_json(conversation.instructions, in_words=otherwise is TEXT)
    if prompted is None:
        return otherwise
    return ResponseFormat("json_schema", prompted.schema, prompted.source, prompted.fenced)


def json_object_text(conversation: Conversation, seed: int, choice: int) -> str:
    """Any JSON object: the developer's words and an answer."""
    answer = reply_text(conversation, seed, choice)
    return orjson.dumps({"prompt": quoted(conversation.prompt), "answer": answer}).decode()


def json_schema_text(asked: ResponseFormat, conversation: Conversation, seed: int) -> str:
    """A value of the schema as JSON text, with the developer's words where they fit."""
    prompt = conversation.prompt.replace(asked.source, " ") if asked.source else conversation.prompt
    text = orjson.dumps(sample(asked.schema, hints_from(prompt), seed, root_type="object")).decode()
    return f"```json\n{text}\n```" if asked.fenced else text
