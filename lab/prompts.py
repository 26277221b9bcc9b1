"""Messages for proofs: easy, with code, hard, with an image, with tools."""

from __future__ import annotations

from typing import Any

from lab.proofs import TOOL, picture

CODE = [{"role": "user", "content": "Fix this bug:\n```python\ndef f(x):\n    return x +\n```"}]
SEEN = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": picture()}},
        ],
    }
]
EASY = [{"role": "user", "content": "Hi"}]
WEATHER: dict[str, Any] = {"tools": [TOOL], "tool_choice": "required"}
