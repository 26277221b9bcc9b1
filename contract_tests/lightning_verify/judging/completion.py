"""The shape of a plain chat completion."""

from __future__ import annotations

from typing import Any

from lightning_verify.judging.judge import Judge
from lightning_verify.transport.exchange import Exchange


def completion(
    judge: Judge, requirement: str, exchange: Exchange, *, spoken: bool = True
) -> list[dict[str, Any]]:
    """The choices of a plain completion. Raises Violation where the shape is not OpenAI's. `spoken` False is
    for prompts to which there may be nothing to say, such as an empty one."""
    document = judge.document(requirement, exchange)
    choices = document.get("choices") if isinstance(document, dict) else None
    if not isinstance(choices, list) or not choices:
        raise judge.violation(requirement, f"{exchange.title}: no choices", exchange)
    kind = document.get("object")
    judge.check(
        requirement, kind in (None, "chat.completion"), f"the completion calls itself {kind!r}", exchange
    )
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            raise judge.violation(requirement, f"a choice has no message: {str(choice)[:80]}", exchange)
        judge.check(
            requirement, message.get("role") == "assistant", f"the role is {message.get('role')!r}", exchange
        )
        content, calls = message.get("content"), message.get("tool_calls")
        said = isinstance(content, str) and bool(content.strip())
        judge.check(
            requirement, content is None or isinstance(content, str), f"content is {content!r}", exchange
        )
        judge.check(
            requirement,
            said or bool(calls) or not spoken,
            "the message has neither content nor tool calls",
            exchange,
        )
        reason = choice.get("finish_reason")
        judge.check(
            requirement, isinstance(reason, str) and bool(reason), f"finish_reason is {reason!r}", exchange
        )
        index = choice.get("index", 0)
        judge.check(requirement, isinstance(index, int), f"index is {index!r}", exchange)
    _usage_adds_up(judge, requirement, document, exchange)
    return choices


def _usage_adds_up(judge: Judge, requirement: str, document: dict[str, Any], exchange: Exchange) -> None:
    usage = document.get("usage")
    if usage is None:
        return
    if not isinstance(usage, dict):
        raise judge.violation(requirement, f"usage is {usage!r}", exchange)
    fields = ("prompt_tokens", "completion_tokens", "total_tokens")
    counts = [usage[field] for field in fields if isinstance(usage.get(field), int)]
    if len(counts) == len(fields):
        fine = min(counts) >= 0 and counts[2] >= max(counts[:2])
        judge.check(requirement, fine, f"usage is {usage}", exchange)
