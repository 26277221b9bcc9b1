"""Chat completions, plain and streamed, and the router's answer to a prompt payload."""

from __future__ import annotations

import secrets
from typing import Any

from lab.server.lab import Call, Handler, Json, Lab, Reply, Stream, to_json
from lab.server.payloads import text_of

WORDS = ("Ship", " it", " softly,", " then", " watch", " the", " logs", " — 雪", " falls.")


def sample(schema: Any) -> Any:
    """Some value that fits a simple JSON schema: enough for the arguments of a tool."""
    if not isinstance(schema, dict):
        return {}
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return sample(schema[key][0])
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        properties = schema.get("properties", {})
        return {
            name: sample(properties.get(name, {"type": "string"}))
            for name in schema.get("required") or properties
        }
    if kind == "array":
        return [sample(schema.get("items", {"type": "string"})) for _ in range(schema.get("minItems", 1))]
    if kind in {"integer", "number"}:
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + ("exclusiveMinimum" in schema))
        return min(low, schema["maximum"]) if "maximum" in schema else low
    if kind == "string":
        return "sample"[: schema.get("maxLength", 6)].ljust(schema.get("minLength", 0), "x")
    return {"boolean": True, "null": None}.get(str(kind))


def wanted_tool(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The function that must be called, if the caller insists on one."""
    functions: list[dict[str, Any]] = [tool["function"] for tool in arguments.get("tools") or []]
    choice = arguments.get("tool_choice")
    if choice == "required" and functions:
        return functions[0]
    if isinstance(choice, dict):
        return next((f for f in functions if f["name"] == choice["function"]["name"]), None)
    return None


def _tool_call(function: dict[str, Any]) -> dict[str, Any]:
    arguments = to_json(sample(function.get("parameters") or {"type": "object"}))
    return {
        "id": f"call_{secrets.token_hex(8)}",
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def _tokens(call: Call) -> dict[str, int]:
    asked = max(1, len(text_of(call.arguments["messages"])) // 4)
    return {"prompt_tokens": asked, "completion_tokens": len(WORDS), "total_tokens": asked + len(WORDS)}


async def complete(lab: Lab, call: Call) -> Reply:
    """One completion. Streamed only when `stream` is true."""
    arguments = call.arguments
    model = lab.choose(arguments["messages"], arguments.get("tools"))
    function = wanted_tool(arguments)
    base = {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "created": int(lab.clock().timestamp()),
        "model": model,
    }
    if arguments.get("stream"):
        return Stream(_events(call, base, model, function))
    message: dict[str, Any] = {"role": "assistant", "content": "".join(WORDS)}
    if function:
        message = {"role": "assistant", "content": None, "tool_calls": [_tool_call(function)]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if function else "stop"}
    return Json({**base, "object": "chat.completion", "choices": [choice], "usage": _tokens(call)})


def _events(call: Call, base: dict[str, Any], model: str, function: dict[str, Any] | None) -> list[Any]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {**base, "object": "chat.completion.chunk", "choices": [choice]}

    events: list[Any] = [
        {"router_metadata": {"model_name": model}},
        chunk({"role": "assistant", "content": ""}),
    ]
    if function:
        whole = _tool_call(function)
        text = whole["function"]["arguments"]
        opening = {**whole, "index": 0, "function": {"name": function["name"], "arguments": ""}}
        events.append(chunk({"tool_calls": [opening]}))
        events += [
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": text[at : at + 5]}}]})
            for at in range(0, len(text), 5)
        ]
    else:
        events += [chunk({"content": word}) for word in WORDS]
    events.append(chunk({}, "tool_calls" if function else "stop"))
    options = call.arguments.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage"):
        events.append({**base, "object": "chat.completion.chunk", "choices": [], "usage": _tokens(call)})
    return [*events, "[DONE]"]


async def analyze(lab: Lab, call: Call) -> Reply:
    """The display name of the model that chat would use, in an array."""
    return Json([lab.choose(call.arguments["prompt"], call.arguments.get("tools"))])


HANDLERS: dict[str, Handler] = {
    "createChatCompletion": complete,
    "analyzePrompt": analyze,
}
