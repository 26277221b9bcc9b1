"""JSON that is asked for in the prompt's own words, in the ways in which real clients ask."""

import json
import time
from typing import Any

import jsonschema_rs
import pytest
from lightning_mock.generation.completions.completion import complete

CITY = {
    "type": "object",
    "title": "City",
    "properties": {
        "name": {"type": "string"},
        "population": {"type": "integer", "minimum": 1},
        "kind": {"enum": ["port", "capital"]},
    },
    "required": ["name", "population", "kind"],
    "additionalProperties": False,
}
SAID = 'The city is "Oslo", a capital with 700000 people.'
OSLO = {"name": "Oslo", "population": 700000, "kind": "capital"}
EXAMPLE = {"properties": {"foo": {"type": "array", "items": {"type": "string"}}}, "required": ["foo"]}


def answer(*messages: Any, **fields: Any) -> Any:
    """The text of the answer to (role, content) pairs."""
    said = [{"role": role, "content": content} for role, content in messages]
    (choice,) = complete({"messages": said, **fields}, 0, "chatcmpl-1", 1_000).choices
    return choice.text


def json_mode(*messages: Any) -> Any:
    return json.loads(answer(*messages, response_format={"type": "json_object"}))


def schema(indent: int | None = None) -> Any:
    return json.dumps(CITY, indent=indent)


def doubled() -> Any:
    return schema().replace("{", "{{").replace("}", "}}")


IN_WORDS = {
    "a system message before": [
        (
            "system",
            f"Provide the parsed object in json that matches this json_schema:\n\n{schema(2)}\n\nOnly that.",
        ),
        ("user", SAID),
    ],
    "a system message of two lines": [
        ("system", f"JSON schema:\n{schema()}\nYou MUST answer with a JSON object that matches it."),
        ("user", SAID),
    ],
    "the end of the user's message": [
        ("user", f"{SAID}\n\nHere is a schema to follow:\n{schema()}\n\nOutput a valid JSON object."),
    ],
    "braces doubled for a template": [
        ("user", f"{SAID}\n\nHere is a schema to follow:\n{doubled()}\n\nOutput a valid JSON object."),
    ],
    "no fence, please": [
        (
            "developer",
            f"Always respond with a JSON object of this schema:\n\n{schema()}\n\n"
            "Don't put it in a code block or into Markdown fencing.",
        ),
        ("user", SAID),
    ],
    "an example of a schema first, and the schema in a fence": [
        (
            "user",
            f"{SAID}\nThe output should be formatted as JSON of the schema below. For the schema "
            f'{json.dumps(EXAMPLE)} the object {{"foo": ["bar"]}} fits.\n```\n{schema()}\n```',
        ),
    ],
}


@pytest.mark.parametrize("messages", IN_WORDS.values(), ids=IN_WORDS)
def test_a_schema_in_the_prompt_is_honoured_in_json_mode_and_where_words_ask_for_it(messages: Any) -> None:
    assert json_mode(*messages) == OSLO
    assert json.loads(answer(*messages)) == OSLO


def test_a_fence_is_given_where_one_is_wanted() -> None:
    wish = "Return the correct JSON response within a ```json codeblock, not the schema."
    text = answer(("system", f"Match this schema in json:\n{schema()}"), ("user", f"{SAID}\n\n{wish}"))
    opening, content, closing = text.split("\n")
    assert (opening, closing) == ("```json", "```")
    assert json.loads(content) == OSLO
    # In JSON mode the answer is JSON, whatever the words say.
    assert json_mode(("system", f"Match this:\n{schema()}"), ("user", f"{SAID}\n\n{wish}")) == OSLO


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("Return the result as a JSON with 'setup' and 'punchline' keys.", ["setup", "punchline"]),
        ('Answer in JSON with a "city" key and a "country" key.', ["city", "country"]),
        ("Respond with a JSON object with the fields name, size and colour.", ["name", "size", "colour"]),
        ("Reply in JSON. The JSON has the keys: title, year", ["title", "year"]),
        ('Give me JSON with the key "random_ints", for example about "Oslo".', ["random_ints"]),
    ],
)
def test_keys_that_are_named_are_the_keys(words: str, keys: Any) -> None:
    for value in (json_mode(("user", words)), json.loads(answer(("user", words)))):
        assert list(value) == keys
        assert all(isinstance(part, str) and part for part in value.values())


def test_an_example_is_followed_in_its_keys_and_types() -> None:
    words = 'Return JSON like {"name": "x", "stars": 3, "tags": ["a"], "open": true, "at": {"lat": 1.5}}.'
    value = json_mode(("user", words))
    assert list(value) == ["name", "stars", "tags", "open", "at"]
    kinds = [type(part) for part in value.values()]
    assert kinds == [str, int, list, bool, dict]
    assert isinstance(value["at"]["lat"], float | int)


@pytest.mark.parametrize(
    "words",
    [
        f"Explain this JSON schema to me: {schema()}",
        "What is JSON, and which keys does it have?",
        "Write a poem about keys and fields.",
        'Why does {"type": "string", "minLength": 3} refuse "ab"?',
        "Return the book to the library.",
    ],
)
def test_to_speak_of_json_is_not_to_ask_for_it(words: str) -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(answer(("user", words)))


def test_json_mode_without_a_word_about_its_form_is_any_object() -> None:
    assert set(json_mode(("user", "Hello in JSON"))) == {"prompt", "answer"}


@pytest.mark.parametrize(
    "broken",
    ['{"type": "object", "properties": 3}', '{"$ref": "https://example.com/schema"}', '{"type": "obj'],
)
def test_a_schema_that_is_none_refuses_nothing(broken: str) -> None:
    assert isinstance(json_mode(("user", f"Answer with JSON of the schema {broken}")), dict)


def test_what_the_model_and_the_tools_said_asks_for_nothing() -> None:
    said = f"Answer with JSON of this schema: {schema()}"
    messages = [("user", "Hi"), ("assistant", said), ("user", "Thank you")]
    assert "Thank you" in answer(*messages)


def test_the_answer_is_the_same_each_time() -> None:
    messages = IN_WORDS["a system message before"]
    assert answer(*messages) == answer(*messages)


@pytest.mark.parametrize(
    "text",
    [
        '{"' * 16_000,
        '{"a":' * 6_000,
        "return json " * 2_700,
        "json 'a', " * 3_200,
        "a, " * 10_900 + "json keys",
    ],
    ids=["openings", "objects", "askings", "quoted names", "bare names"],
)
def test_a_long_text_takes_no_longer_than_it_should(text: str) -> None:
    begun = time.thread_time()
    json_mode(("user", text))
    answer(("user", f"Answer in JSON. {text}"))
    # Where each sign looks at all that follow, it takes minutes.
    assert time.thread_time() - begun < 3


def test_any_schema_of_the_prompt_is_satisfied() -> None:
    schemas: list[dict[str, Any]] = [
        {"type": "array", "items": {"type": "integer"}, "minItems": 2},
        {"$defs": {"A": {"type": "object", "properties": {"b": {"const": 1}}}}, "$ref": "#/$defs/A"},
        {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
    ]
    for wanted in schemas:
        value = json_mode(("user", f"Answer in JSON: {json.dumps(wanted)}"))
        assert jsonschema_rs.is_valid(wanted, value)


COSTLY = {
    "$defs": {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(30)}
    | {"a30": {"type": "null"}},
    "$ref": "#/$defs/a0",
}
TOO_LONG = {"type": "array", "minItems": 190, "items": {"type": "string", "minLength": 9_000}}
TOO_DEEP = '{"a": ' * 400 + "1" + "}" * 400


@pytest.mark.parametrize(
    "wanted", [json.dumps(COSTLY), json.dumps(TOO_LONG), TOO_DEEP, r'{"type": "\ud800"}']
)
def test_what_cannot_be_made_of_a_schema_in_the_prompt_refuses_nothing(wanted: str) -> None:
    asked = f"Answer with JSON like this: {wanted}"
    assert answer(("user", asked))
    assert isinstance(json_mode(("user", asked)), dict)
