"""Reads files that may be YAML or JSON."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import yaml

MAX_TIMES_WRITTEN = 10
"""Values that aliases may expand to, for each character of the text: a bound against YAML bombs."""

# The C parser is several times faster.
_Base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _JsonLoader(_Base):  # type: ignore[misc, valid-type]
    """Leaves dates as text, which they are in JSON."""


def _date_as_text(loader: Any, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_JsonLoader.add_constructor("tag:yaml.org,2002:timestamp", _date_as_text)


def read_file(path: Path) -> bytes:
    """The content of a regular file. Raises OSError, also when it is a pipe or a device, which might never
    end."""
    # Without O_NONBLOCK, opening a pipe that nobody writes to would wait already.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "expected a regular file")
        return file.read()


def yaml_or_json(text: str) -> Any:
    """The value of a text, of the types that JSON has. Raises ValueError, whose message is one line.

    JSON is read as JSON: YAML 1.1 takes its `7e-05` for text.
    """
    try:
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = _of_yaml(text)
        if "\\u" in text or "\\U" in text:
            # Lone surrogates can be escaped, but not encoded as UTF-8.
            json.dumps(value, ensure_ascii=False).encode()
    except (yaml.YAMLError, TypeError, UnicodeEncodeError) as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def _of_yaml(text: str) -> Any:
    value = yaml.load(text, _JsonLoader)  # noqa: S506 - a safe loader
    if "*" in text:
        _check_aliases(value, MAX_TIMES_WRITTEN * (len(text) + 1000))
    # By way of JSON, sets and bytes are refused, and keys become text.
    return json.loads(json.dumps(value))


def _check_aliases(value: Any, most: int) -> None:
    """Raise ValueError where aliases of aliases stand for far more values than anybody wrote."""
    waiting = [value]
    while waiting:
        most -= 1
        if most < 0:
            raise ValueError("its aliases stand for too much, or for themselves")
        part = waiting.pop()
        if isinstance(part, dict | list):
            waiting.extend(part.values() if isinstance(part, dict) else part)
