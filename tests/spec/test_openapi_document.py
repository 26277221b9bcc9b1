"""The OpenAPI document is valid, complete and honest: its examples fit, and other tools read it as we do."""

from __future__ import annotations

import ast
import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import yaml
from lightning_spec.loader import OPENAPI_FILE, REQUIREMENTS_FILE, Operation, load_spec
from openapi_spec_validator import OpenAPIV32SpecValidator

SPEC = load_spec()
OPERATIONS = list(SPEC.operations.values())
CHARGED = [operation for operation in OPERATIONS if operation.metric]


def by_id(operation: Operation) -> str:
    return operation.id


@pytest.fixture(scope="module")
def validators() -> jsonschema_rs.ValidatorMap:
    return jsonschema_rs.validator_map_for(SPEC.document, validate_formats=True)


def at(pointer: str) -> Any:
    node: Any = SPEC.document
    for part in pointer.removeprefix("#/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        node = node[int(key)] if isinstance(node, list) else node[key]
    return node


def examples(node: Any, pointer: str = "#") -> Iterator[tuple[str, str, Any]]:
    """(pointer of the schema, name, value) of every example that stands beside a schema."""
    if isinstance(node, list):
        for index, entry in enumerate(node):
            yield from examples(entry, f"{pointer}/{index}")
    if not isinstance(node, dict):
        return
    if "schema" in node:
        if "example" in node:
            yield f"{pointer}/schema", "example", node["example"]
        for name, example in node.get("examples", {}).items():
            yield f"{pointer}/schema", name, example.get("value")
    for key, value in node.items():
        if key not in ("example", "examples"):
            yield from examples(value, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")


EXAMPLES = list(examples(SPEC.document))


def test_the_document_is_valid_openapi() -> None:
    problems = [error.message for error in OpenAPIV32SpecValidator(SPEC.document).iter_errors()]
    assert problems == []


def test_a_fault_in_the_document_would_be_seen() -> None:
    broken = copy.deepcopy(SPEC.document)
    del broken["paths"]["/usage"]["get"]["responses"]
    broken["paths"]["/usage"]["got"] = {}
    assert list(OpenAPIV32SpecValidator(broken).iter_errors())


def test_both_yaml_parsers_read_the_same() -> None:
    for path in (OPENAPI_FILE, REQUIREMENTS_FILE):
        content = path.read_bytes()
        slow = yaml.load(content, Loader=yaml.SafeLoader)
        assert slow == yaml.load(content, Loader=yaml.CSafeLoader), path.name


def test_every_documented_route_is_there() -> None:
    media = ["image", "video", "video/airforce", "sfx", "tts"]
    expected = {
        *(f"GET {path}" for path in ["/", "/subscription", "/usage", "/tier-config", "/tiers", "/models"]),
        "GET /status",
        *(f"HEAD /status/{capability}" for capability in ["image", "video", "sfx", "text"]),
        "POST /gen/chat/completions",
        *(f"POST /gen/{kind}" for kind in media),
        *(f"GET /gen/{kind}/{{prompt}}" for kind in media),
        "POST /gen/prompt_analyze",
        "GET /asset-cdn/assets/{image_id}",
    }
    assert len(expected) == 24
    assert {f"{operation.method} {operation.path}" for operation in OPERATIONS} == expected


@pytest.mark.parametrize(("pointer", "name", "value"), EXAMPLES, ids=[f"{p} {n}" for p, n, _ in EXAMPLES])
def test_an_example_fits_its_schema(
    validators: jsonschema_rs.ValidatorMap, pointer: str, name: str, value: Any
) -> None:
    validator = validators.get(pointer)
    assert validator is not None
    assert [error.message for error in validator.iter_errors(value)] == []


def test_every_json_body_and_reply_has_an_example() -> None:
    shown = {pointer for pointer, _, _ in EXAMPLES}
    for operation in OPERATIONS:
        pointers = [operation.body_pointer]
        pointers += [pointer for reply in operation.responses.values() for pointer in reply.values()]
        for pointer in filter(None, pointers):
            assert pointer in shown, operation.id


def test_the_example_stream_fits_event_by_event_and_chunk_by_chunk(
    validators: jsonschema_rs.ValidatorMap,
) -> None:
    pointer = SPEC.operations["createChatCompletion"].event_pointer
    assert pointer is not None
    event_validator = validators.get(pointer)
    chunk_validator = validators.get("#/components/schemas/StreamChunk")
    assert event_validator is not None
    assert chunk_validator is not None
    media = at(pointer.removesuffix("/itemSchema"))
    events = media["examples"]["text"]["value"]
    assert all(event_validator.is_valid(event) for event in events)
    chunks = [json.loads(event["data"]) for event in events[:-1]]
    assert all(chunk_validator.is_valid(chunk) for chunk in chunks)
    assert chunks[0]["router_metadata"]["model_name"]
    assert events[-1]["data"] == "[DONE]"


@pytest.mark.parametrize("operation", CHARGED, ids=by_id)
def test_a_charged_operation_names_every_refusal(operation: Operation) -> None:
    assert {"200", "400", "401", "413", "429", "500"} <= set(operation.responses)
    assert operation.text_limit is not None
    assert operation.auth == "optional"


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_id)
def test_an_operation_that_reads_a_bearer_can_answer_401(operation: Operation) -> None:
    assert ("401" in operation.responses) == (operation.auth != "none")
    assert "500" in operation.responses


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_id)
def test_an_operation_that_counts_usage_takes_a_client_id(operation: Operation) -> None:
    taken = any(parameter.name == "X-Client-ID" for parameter in operation.parameters)
    assert taken == (operation.auth == "optional")


@pytest.mark.parametrize("kind", ["Image", "Video", "AirforceVideo", "Sfx", "Tts"])
def test_get_and_post_of_one_medium_take_the_same_fields_at_the_same_price(kind: str) -> None:
    get, post = SPEC.operations[f"get{kind}"], SPEC.operations[f"create{kind}"]
    assert post.body_pointer is not None
    body = at(at(post.body_pointer)["$ref"])["properties"]
    assert {p.name for p in get.parameters if p.location != "header"} == set(body)
    assert (get.metric, get.text_limit, get.media_type) == (post.metric, post.text_limit, post.media_type)
    assert get.responses == post.responses


@pytest.mark.parametrize("operation", [op for op in OPERATIONS if op.body_pointer], ids=by_id)
def test_a_request_may_carry_fields_that_nobody_named(
    validators: jsonschema_rs.ValidatorMap, operation: Operation
) -> None:
    assert operation.body_pointer is not None
    validator = validators.get(operation.body_pointer)
    assert validator is not None
    for pointer, _, value in EXAMPLES:
        if pointer == operation.body_pointer:
            assert validator.is_valid({**value, "unheard_of": {"x": [1]}})


def widened(value: Any) -> Any:
    """The value with a field more in every object that is not inside a JSON schema of the caller's."""
    if isinstance(value, dict):
        return {**{key: widened(entry) for key, entry in value.items()}, "unheard_of": 1}
    return [widened(entry) for entry in value] if isinstance(value, list) else value


def test_a_reply_may_carry_fields_that_nobody_named(validators: jsonschema_rs.ValidatorMap) -> None:
    replies = [(pointer, value) for pointer, _, value in EXAMPLES if "/responses/" in pointer]
    assert len(replies) > 10
    for pointer, value in replies:
        # Limits by metric is the one object whose members are all of one kind, and it stays open as well.
        validator = validators.get(pointer)
        assert validator is not None
        assert validator.is_valid(widened(value)), pointer


CHAT = "#/components/schemas/ChatRequest"
VIDEO = "#/components/schemas/VideoRequest"
IMAGE = "#/components/schemas/ImageRequest"
HELLO = [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize(
    ("pointer", "body"),
    [
        (CHAT, {"messages": HELLO, "tools": [], "model": "lightning", "max_tokens": 20, "temperature": 0.5}),
        (CHAT, {"messages": [*HELLO, {"role": "assistant", "content": None, "tool_calls": []}]}),
        (CHAT, {"messages": [*HELLO, {"role": "assistant"}]}),
        (CHAT, {"messages": HELLO, "tool_choice": "required"}),
        (VIDEO, {"prompt": "x", "duration": 10**30}),
        (VIDEO, {"prompt": "x", "duration": -4, "mode": "auto", "ratio": "1:1"}),
        (IMAGE, {"prompt": "x", "mode": "auto", "image_urls": []}),
    ],
)
def test_what_real_clients_send_is_accepted(
    validators: jsonschema_rs.ValidatorMap, pointer: str, body: dict[str, Any]
) -> None:
    validator = validators.get(pointer)
    assert validator is not None
    assert [error.message for error in validator.iter_errors(body)] == []


@pytest.mark.parametrize(
    ("pointer", "body"),
    [
        (CHAT, {}),
        (CHAT, {"messages": []}),
        (CHAT, {"messages": "hello"}),
        (CHAT, {"messages": ["hello"]}),
        (CHAT, {"messages": [{"content": "hello"}]}),
        (CHAT, {"messages": [{"role": "pirate", "content": "hello"}]}),
        (CHAT, {"messages": [{"role": "user"}]}),
        (CHAT, {"messages": [{"role": "user", "content": None}]}),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
        (CHAT, {"messages": HELLO, "stream": "yes"}),
        (CHAT, {"messages": HELLO, "tools": {}}),
        (CHAT, {"messages": HELLO, "tools": [{"type": "function"}]}),
        (CHAT, {"messages": HELLO, "tool_choice": "sometimes"}),
        (CHAT, {"messages": HELLO, "response_format": {"type": "json_schema"}}),
        (IMAGE, {}),
        (IMAGE, {"prompt": ""}),
        (IMAGE, {"prompt": " \n\t "}),
        (IMAGE, {"prompt": 7}),
        (IMAGE, {"prompt": "x", "mode": "dream"}),
        (IMAGE, {"prompt": "x", "image_urls": "https://example.com/a.png"}),
        (IMAGE, {"prompt": "x", "image_urls": ["a", "b", "c"]}),
        (IMAGE, {"prompt": "x", "image_urls": [""]}),
        (VIDEO, {"prompt": "x", "ratio": "16:9"}),
        (VIDEO, {"prompt": "x", "mode": "fantasy"}),
        (VIDEO, {"prompt": "x", "duration": 2.5}),
        (VIDEO, {"prompt": "x", "duration": "5"}),
    ],
)
def test_what_makes_no_sense_is_refused(
    validators: jsonschema_rs.ValidatorMap, pointer: str, body: dict[str, Any]
) -> None:
    validator = validators.get(pointer)
    assert validator is not None
    assert not validator.is_valid(body)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("Plan", {"key": "p", "name": "P", "url": None, "price": 5, "limits": {}, "order": 1.0}),
        ("Status", {"state": "up", "services": [], "notifications": [], "latest": {}}),
        ("Status", {"state": "up", "services": {"x": "fine"}, "notifications": "", "latest": "2"}),
        ("UsageMetric", {"limit": 5, "used": 0, "remaining": 5, "window": "daily", "period": "day"}),
        ("Models", [{"name": "m"}]),
        ("PaidPlans", {"plans": []}),
        ("Analysis", "name"),
        ("Analysis", {"model": "name"}),
        ("Analysis", ["name"]),
        ("Error", {}),
        ("Error", {"detail": "no", "error": "no"}),
        ("Error", {"detail": [{"loc": ["body"], "msg": "no"}]}),
    ],
)
def test_what_the_document_leaves_open_stays_open(
    validators: jsonschema_rs.ValidatorMap, schema: str, value: Any
) -> None:
    validator = validators.get(f"#/components/schemas/{schema}")
    assert validator is not None
    assert [error.message for error in validator.iter_errors(value)] == []


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("Subscription", {"email": "a@example.com"}),
        ("UsageMetric", {"limit": 5, "used": -1, "remaining": 5, "window": "w", "period": "p"}),
        ("UsageMetric", {"limit": 5, "used": 0, "remaining": 5, "window": "", "period": "p"}),
        ("Usage", {"plan_key": "free", "plan_name": "Free", "generated_at": "x", "usage": {}}),
        ("TierConfig", {"defaultPlanKey": "free"}),
        ("Models", {"models": []}),
        ("Status", {"state": "up"}),
        ("ChatCompletion", {"choices": []}),
        ("Error", "no"),
    ],
)
def test_what_the_document_promises_is_demanded(
    validators: jsonschema_rs.ValidatorMap, schema: str, value: Any
) -> None:
    validator = validators.get(f"#/components/schemas/{schema}")
    assert validator is not None
    assert not validator.is_valid(value)


def test_the_facts_of_the_price_page_are_data() -> None:
    limits = {plan.key: tuple(plan.limits.values()) for plan in SPEC.plans}
    assert limits == {
        "free": (50, 10, 3, 1),
        "light": (None, 50, 10, 5),
        "core": (None, 150, 30, 25),
        "creator": (None, 300, 50, 45),
        "professional": (None, None, None, 75),
    }
    assert [plan.price for plan in SPEC.plans] == ["0.00", "9.99", "15.99", "29.99", "99.99"]
    assert SPEC.default_plan == "free"


def test_each_generation_charges_the_metric_of_its_medium() -> None:
    charged: dict[str, set[str]] = {}
    for operation in OPERATIONS:
        if operation.metric:
            charged.setdefault(operation.metric, set()).add(operation.path.removesuffix("/{prompt}"))
    assert charged == {
        "cloudChatDaily": {"/gen/chat/completions"},
        "imagesDaily": {"/gen/image"},
        "videosDaily": {"/gen/video", "/gen/video/airforce"},
        "audioWeekly": {"/gen/sfx", "/gen/tts"},
    }


def test_no_fact_of_behaviour_hides_in_the_loader() -> None:
    constants: set[Any] = set()
    for path in OPENAPI_FILE.parent.glob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        constants |= {node.value for node in nodes if isinstance(node, ast.Constant)}
    facts: set[Any] = {plan.key for plan in SPEC.plans} | {plan.price for plan in SPEC.plans}
    facts |= set(SPEC.metrics) | set(SPEC.errors) | set(SPEC.operations)
    facts |= {SPEC.body_limit_bytes, SPEC.asset_lifetime_seconds, SPEC.client_id_pattern}
    facts |= {operation.media_type for operation in OPERATIONS if operation.media_type} - {"application/json"}
    assert facts & constants == set()
