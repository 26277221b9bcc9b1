"""The upstream model that answers: decided by images, tools, code and complexity, in this order."""

from __future__ import annotations

import re
from typing import Any

from lab.server.payloads import text_of

VISION = "Lab Vision 12B"
TOOLS = "Lab Toolsmith 70B"
CODE = "Lab Coder 32B"
COMPLEX = "Lab Reasoner 120B"
SWIFT = "Lab Swift 8B"

_CODE = re.compile(
    r"```|\bdef \w|\bclass \w+[:({]|=>|\bfunction\b|#include|\bimport \w|\b(python|"
    r"javascript|typescript|rust|sql|regex|compile|refactor|traceback|stack trace|code|bug)\b",
    re.IGNORECASE,
)
_HARD = re.compile(
    r"\b(prove|derive|proof|theorem|analy[sz]e|compare|contrast|evaluate|justify|step[- ]by[- ]step|"
    r"trade-?offs?|rigorous\w*|strategy|architecture|formal\w*|in detail|multi-step)\b",
    re.IGNORECASE,
)


def has_image(messages: Any) -> bool:
    for message in messages if isinstance(messages, list) else []:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list) and any(
            isinstance(p, dict) and p.get("type") == "image_url" for p in content
        ):
            return True
    return False


def choose(messages: Any, tools: Any) -> str:
    """The display name of the model for these messages."""
    if has_image(messages):
        return VISION
    if tools:
        return TOOLS
    text = text_of(messages)
    if _CODE.search(text):
        return CODE
    if len(text) > 600 or len(_HARD.findall(text)) >= 2:
        return COMPLEX
    return SWIFT
