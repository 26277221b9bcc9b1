"""Reads files that may be YAML or JSON."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

MAX_TIMES_WRITTEN = 10
"""Values that aliases may expand to, for each character of the text: a bound against YAML bombs."""

# The C parser is several times faster, and the mock has to be ready in under a second.
FastLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class PlainLoader(FastLoader):  # type: ignore[misc, valid-type]
    """Leaves dates as text, which they are in JSON."""


def _date_as_text(loader: Any, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


PlainLoader.add_constructor("tag:yaml.org,2002:timestamp", _date_as_text)


def read_file(path: Path) -> bytes:
    """The content of a regular file. Raises OSError, also when it is a pipe or a device, which might never
    end."""
    # Without O_NONBLOCK, opening a pipe that nobody writes to would wait already.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "expected a regular file")
        return file.read()


def cannot_be(done: str, error: OSError) -> str:
    """Why a file cannot be "read" or "written", without its name, which stands before it."""
    return f"cannot be {done} ({error.strerror or error})"


def mistake_in(error: Exception) -> str:
    """Where a text is no YAML and what was expected there, in one line. The library says the place twice, and
    which of its own objects the text is from."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or str(error).partition('\n  in "')[0]
    said = _NOT_FOUND.sub("expected ", " ".join(said.split()))
    return f"line {mark.line + 1}, column {mark.column + 1}: {said}" if mark else said


_NOT_FOUND = re.compile(r"^(?:did|could) not find (?:expected )?(?=')")


def yaml_or_json(text: str, *, unique_keys: bool = False) -> Any:
    """The value of a text, of the types that JSON has. Raises ValueError, whose message is one line.

    JSON is read as JSON: YAML 1.1 takes its `7e-05` for text. Of a key that appears twice the last value
    counts, as usual; with `unique_keys` it is refused.
    """
    try:
        try:
            value = json.loads(text, object_pairs_hook=_unique if unique_keys else None)
        except json.JSONDecodeError:
            value = _of_yaml(text, unique_keys)
        except _TwiceError:
            # JSON knows no lines; most of it is YAML as well.
            with suppress(yaml.YAMLError):
                _of_yaml(text, unique_keys)
            raise
        if "\\u" in text or "\\U" in text:
            # Lone surrogates can be escaped, but not encoded as UTF-8.
            json.dumps(value, ensure_ascii=False).encode()
    except (yaml.YAMLError, TypeError, UnicodeEncodeError) as error:
        raise ValueError(mistake_in(error)) from error
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def _of_yaml(text: str, unique_keys: bool) -> Any:
    loader = PlainLoader(text)
    try:
        node = loader.get_single_node()
        if unique_keys:
            _check_keys(node)
        value = None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()
    if "*" in text:
        _check_aliases(value, MAX_TIMES_WRITTEN * (len(text) + 1000))
    # By way of JSON, sets and bytes are refused, and keys become text.
    return json.loads(json.dumps(value))


class _TwiceError(ValueError):
    """A key that appears twice in one mapping."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise _TwiceError(f"the key {twice!r:.80} appears twice in one object")
    return found


def _check_keys(root: yaml.Node | None) -> None:
    """Raise ValueError for a key that appears twice in one mapping, with its lines."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(reversed(node.value))
        elif isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for key, value in node.value:
                waiting.append(value)
                # Several mappings may be merged into one.
                if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                    continue
                line = key.start_mark.line + 1
                if key.value in lines:
                    where = f"in line {lines[key.value]} and again in line {line}"
                    raise _TwiceError(f"the key {key.value!r:.80} appears twice, {where}")
                lines[key.value] = line


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
