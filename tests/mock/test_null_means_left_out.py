"""An optional field that is null counts as left out, everywhere; one that is required may not be null."""

from __future__ import annotations

from typing import Any

import pytest
from lightning_spec.loader import load_spec
from lightning_spec.references import look_up, resolve

SPEC = load_spec()
REQUIRED: dict[str, Any] = {"messages": [{"role": "user", "content": "Weather in Rome?"}], "prompt": "rain"}
ANALYSED = {"prompt": REQUIRED["messages"]}
POSTS = [operation for operation in SPEC.operations.values() if operation.body_pointer]


def schema_of(operation: Any) -> Any:
    pointer = operation.body_pointer
    return resolve(SPEC.document, look_up(SPEC.document, pointer), pointer)[0]


OPTIONAL = [
    (operation, name)
    for operation in POSTS
    for name in {**schema_of(operation)["properties"], "unknown": {}}
    if name not in schema_of(operation)["required"]
]
QUERIES = [
    (operation, parameter.name)
    for operation in SPEC.operations.values()
    for parameter in operation.parameters
    if parameter.location == "query"
]


@pytest.fixture
def user(mock: Any, make_client: Any) -> Any:
    return make_client(Authorization=f"Bearer {mock.plans['professional'].jwt}")


def body_of(operation: Any) -> Any:
    if operation.id == "analyzePrompt":
        return dict(ANALYSED)
    return {name: REQUIRED[name] for name in schema_of(operation)["required"]}


@pytest.mark.parametrize(("operation", "name"), OPTIONAL, ids=lambda part: getattr(part, "id", part))
def test_an_optional_field_may_be_null(user: Any, operation: Any, name: Any) -> None:
    assert user.post(operation.path, {**body_of(operation), name: None}).status_code == 200


@pytest.mark.parametrize(("operation", "name"), QUERIES, ids=lambda part: getattr(part, "id", part))
def test_an_optional_query_parameter_may_be_null(user: Any, operation: Any, name: Any) -> None:
    path = operation.path.replace("{prompt}", "rain")
    assert user.get(path, params={name: "null"}).status_code == 200


@pytest.mark.parametrize("operation", POSTS, ids=lambda operation: operation.id)
def test_a_required_field_may_not_be_null(user: Any, operation: Any) -> None:
    for name in body_of(operation):
        assert user.post(operation.path, {**body_of(operation), name: None}).status_code == 400


TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"properties": {"city": {}}}}}


@pytest.mark.parametrize("tools", [[], [TOOL]])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"refusal": None, "audio": None, "function_call": None, "annotations": []},
        {"name": None, "tool_call_id": None, "router_metadata": {"model_name": "a"}},
    ],
)
def test_the_answer_sent_back_as_a_message_is_accepted(user: Any, tools: Any, more: Any) -> None:
    request = {"messages": REQUIRED["messages"], "tools": tools, "tool_choice": "required" if tools else None}
    message = user.post("/gen/chat/completions", request).json()["choices"][0]["message"]
    history = [*REQUIRED["messages"], {**message, **more}, *REQUIRED["messages"]]
    assert user.post("/gen/chat/completions", {"messages": history}).status_code == 200


def test_what_a_caller_makes_up_keeps_its_nulls(user: Any) -> None:
    parameters = {"type": "object", "required": ["a"], "properties": {"a": {"const": None}}}
    function = {"name": "weather", "description": None, "parameters": parameters, "strict": None}
    request = {
        "messages": REQUIRED["messages"],
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "required",
        "temperature": None,
    }
    [call] = user.post("/gen/chat/completions", request).json()["choices"][0]["message"]["tool_calls"]
    assert call["function"]["arguments"] == '{"a":null}'
