"""Files that may be YAML or JSON, whichever their writer likes better."""

from __future__ import annotations

import json
from typing import Any

import yaml


def yaml_or_json(text: str, loader: Any = yaml.SafeLoader) -> Any:
    """The value of a text. Raises yaml.YAMLError, ValueError or RecursionError.

    JSON is read as JSON: YAML 1.1 takes its `7e-05` for text.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return yaml.load(text, loader)  # noqa: S506 - a safe loader
