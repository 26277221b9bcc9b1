"""The JSON that a prompt asks for in words: as a JSON Schema in its text, by the names of its keys, or by an
example.

Clients do so under `json_object`, which carries no schema, and where they think that the model knows no
`response_format`. The last schema of the text wins, since earlier ones are examples or earlier turns; then
the keys that a sentence about JSON names; then an example that a sentence announces.

Bounded: a few places are read as JSON, none of them twice, and a text without the word costs one look.
"""

import re
from collections.abc import Iterator, Mapping
from json import JSONDecoder
from typing import Any, NamedTuple

import jsonschema_rs
import orjson

from lightning_mock.generation.sampling.schema_cost import Budget, UnusableSchemaError
from lightning_mock.generation.sampling.schema_sampler import compile_schema

_MAX_PLACES = 24
_MAX_KEYS = 40
_LOOK_BACK = 100

_OPENING = re.compile(r"\{\s*\"")
_DOUBLED = re.compile(r"\{\{\s*\"")
_DECODER = JSONDecoder()
_TYPES = frozenset(("object", "array", "string", "number", "integer", "boolean", "null"))
_SCHEMA_KEYWORDS = frozenset(("$ref", "anyOf", "oneOf", "allOf", "enum", "const"))

_SENTENCE = re.compile(r"[^.!?\n]{1,600}")
# Every prompt is looked through for the word, and the validator's expressions do so without a copy.
_names_json = jsonschema_rs.validator_for(
    {"pattern": "(?i)json"}, pattern_options=jsonschema_rs.RegexOptions()
).is_valid
_JSON = re.compile(r"\bjson\b", re.IGNORECASE)
_ASKING = re.compile(
    r"\b(?:respond|answer|reply|return|output|outputs|formatted|format|provide|produce|generate|give|write|emit"
    r"|extract|parsed|use|conforms?|follow)\b[^.!?\n]{0,160}\bjson"
    r"|\bjson\b[^.!?\n]{0,60}\b(?:only|to follow|response|output)\b",
    re.IGNORECASE,
)
_KEYS = r"\b(?:keys?|fields?|propert(?:y|ies)|attributes?|members?)\b"
_QUOTED = r"[\"'`“‘][A-Za-z_][\w-]{0,60}[\"'`”’]"
_QUOTED_LIST = rf"{_QUOTED}(?:(?:\s*,\s*|\s+)(?:and\s+)?{_QUOTED})*"
_QUOTED_KEYS = re.compile(
    rf"({_QUOTED_LIST})\s+(?:\w+\s+)?{_KEYS}|{_KEYS}(?:\s+(?:named|called|are))?\s*:?\s*({_QUOTED_LIST})",
    re.IGNORECASE,
)
_BARE_KEYS = re.compile(
    rf"{_KEYS}(?:\s+(?:named|called|are))?\s*:?\s+"
    r"((?:[a-z_]\w{0,60}(?:\s*,\s*(?:and\s+)?|\s+and\s+|(?=\W|$)))+)",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_NEGATION = re.compile(r"\b(?:no|not|never|without|avoid)\b|n['’]t\b", re.IGNORECASE)
_ANNOUNCED = re.compile(r"\b(?:like|such as|example|format|form|shape|structure|following)\b", re.IGNORECASE)
_FENCED = re.compile(r"\b(?:in|within|inside|into)\b[^.\n]{0,40}(?:```|code ?block|fence)", re.IGNORECASE)


class PromptedJson(NamedTuple):
    """What is asked for. `source` is the part of the text that asks for it, and no content for the answer."""

    schema: Mapping[str, Any]
    source: str
    fenced: bool


def mentions_json(text: str) -> bool:
    """Whether it is worth looking for JSON in a text."""
    return _names_json(text)


def prompted_json(text: str, in_words: bool, budget: Budget) -> PromptedJson | None:
    """The JSON that a text describes. With `in_words` the text alone must ask for it: to mention a schema is
    not enough then.
    """
    if in_words and (not mentions_json(text) or _ASKING.search(text) is None):
        return None
    fenced = in_words and _wants_a_fence(text)
    if _DOUBLED.search(text) is None:
        found = _described(text, budget)
        return found and PromptedJson(*found, fenced)
    # No JSON has two opening braces in a row: they were doubled for a template that nobody filled in.
    found = _described(text.replace("{{", "{").replace("}}", "}"), budget)
    if found is None:
        return None
    schema, source = found
    return PromptedJson(schema, source.replace("{", "{{").replace("}", "}}"), fenced)


def _described(text: str, budget: Budget) -> tuple[Mapping[str, Any], str] | None:
    """The schema that a text has, names the keys of, or gives an example of, and the words that do so."""
    places = list(_objects(text))
    for value, source in reversed(places):
        if _is_schema(value, budget):
            return value, source
    if named := _named_keys(text):
        keys, source = named
        return _object_of({key: {"type": "string"} for key in keys}), source
    for value, source in reversed(places):
        before = text[: text.index(source)][-_LOOK_BACK:]
        if value and (_ANNOUNCED.search(before) or _JSON.search(before)):
            return _schema_of(value), source
    return None


def _objects(text: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The JSON objects that stand in a text, with their words."""
    end = tried = 0
    for opening in _OPENING.finditer(text):
        start = opening.start()
        if start < end:
            continue
        tried += 1
        if tried > _MAX_PLACES:
            return
        try:
            value, end = _DECODER.raw_decode(text, start)
            # No answer can be made of what cannot be encoded: too deep a value, or a lone surrogate.
            orjson.dumps(value)
        except (ValueError, TypeError, RecursionError):
            continue
        yield value, text[start:end]


def _is_schema(value: Mapping[str, Any], budget: Budget) -> bool:
    kind = value.get("type")
    described = (
        (isinstance(kind, str) and kind in _TYPES and len(value) > 1)
        or isinstance(value.get("properties"), dict)
        or not _SCHEMA_KEYWORDS.isdisjoint(value)
    )
    if not described:
        return False
    try:
        compile_schema(value, budget)
    except UnusableSchemaError:
        return False
    return True


def _named_keys(text: str) -> tuple[list[str], str] | None:
    """The keys that a sentence about JSON names, quoted or as a list behind the word for them."""
    for found in _SENTENCE.finditer(text):
        sentence = found.group()
        if _JSON.search(sentence) is None:
            continue
        lists = ["".join(pair) for pair in _QUOTED_KEYS.findall(sentence)]
        if not lists and (bare := _BARE_KEYS.search(sentence)):
            lists = [bare[1]]
        keys = [name for words in lists for name in _NAME.findall(words) if name != "and"]
        if keys:
            return list(dict.fromkeys(keys))[:_MAX_KEYS], sentence
    return None


def _wants_a_fence(text: str) -> bool:
    """Whether the JSON is wanted as a Markdown block, rather than expressly not."""
    return any(
        _NEGATION.search(re.split(r"[.\n]", text[max(0, found.start() - _LOOK_BACK) : found.start()])[-1])
        is None
        for found in _FENCED.finditer(text)
    )


def _schema_of(value: Any) -> dict[str, Any]:
    """A schema that an example fits: its keys, and the types of its values."""
    match value:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case str():
            return {"type": "string"}
        case dict():
            return _object_of({key: _schema_of(part) for key, part in value.items()})
        case [first, *_]:
            return {"type": "array", "items": _schema_of(first), "minItems": 1}
        case list():
            return {"type": "array", "items": {"type": "string"}}
        case _:
            return {}


def _object_of(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
