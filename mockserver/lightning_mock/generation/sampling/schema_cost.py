"""What a schema of the caller's costs, counted before it is paid.

A schema of a few lines can ask for work without end: branches that refer to branches double with every level,
and neither the validator nor the compiler of patterns can be interrupted. So the work is counted here, as if
nothing were ever cut short, and what is too much is refused.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

MOST_STEPS = 200_000
"""For all that one request asks for. A step takes the sampler or the validator about a microsecond."""
MOST_SCHEMA_BYTES = 256 * 1024
MOST_PATTERN_SIZE = 100_000
_DEEPEST = 500

_BYTES_PER_STEP = 16
_BACKTRACKING = re.compile(r"\(\?(?:[=!]|<[=!])|\\[1-9k]")
_BACKTRACKING_STEPS = 500
_COUNTED = re.compile(r"\{(\d{1,9})(?:,(\d{0,9}))?\}")
_CLASS_SIZES = {"p": 50, "P": 50, ".": 8, "S": 8, "W": 8, "D": 8}
_BRANCHES = ("allOf", "anyOf", "oneOf")
_IN_PLACE = ("not", "if", "then", "else")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_NAMED_IN_PLACE = ("dependentSchemas", "dependencies")
_OF_ALL_ITEMS = ("items", "additionalItems", "contains", "unevaluatedItems")
_OF_ALL_MEMBERS = ("additionalProperties", "unevaluatedProperties")
_UNEVALUATED = ("unevaluatedProperties", "unevaluatedItems")
_UNEVALUATED_FACTOR = 3
_NOT_CHECKED = frozenset(("$defs", "definitions", "default", "examples"))


class UnusableSchemaError(ValueError):
    """Not a valid JSON Schema, or one that points outside itself or asks for too much. The message names the
    fault, never a value.
    """


class Budget:
    """The steps that one request may take."""

    __slots__ = ("left",)

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Raises UnusableSchemaError when nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise UnusableSchemaError(f"this request asks for more than {MOST_STEPS} steps of work")

    def spend_on_bytes(self, size: int) -> None:
        self.spend(1 + size // _BYTES_PER_STEP)


class References:
    """Where the references of one schema lead."""

    def __init__(self, root: Any, budget: Budget) -> None:
        self._root = root
        self._budget = budget
        self._found: dict[str, Any] = {}
        self._anchors: dict[str, Any] | None = None

    def follow(self, reference: str) -> Any:
        """What a reference means; an empty schema when it leads nowhere that can be seen from here."""
        if reference not in self._found:
            self._budget.spend_on_bytes(len(reference))
            self._found[reference] = self._resolved(reference)
        return self._found[reference]

    def _resolved(self, reference: str) -> Any:
        if not reference.startswith("#"):
            raise UnusableSchemaError("references have to begin with #")
        pointer = reference[1:]
        if pointer and not pointer.startswith("/"):
            return self._anchored(pointer)
        node = self._root
        for step in pointer.split("/")[1:]:
            key = _unescape(step)
            if isinstance(node, Mapping):
                node = node.get(key)
            elif isinstance(node, list) and key.isdecimal() and len(key) < 10 and int(key) < len(node):
                node = node[int(key)]
            else:
                return {}
        if isinstance(node, Mapping) and node is not self._root and isinstance(node.get("$id"), str):
            raise UnusableSchemaError("a schema inside another one must not have an $id")
        return node

    def _anchored(self, name: str) -> Any:
        if self._anchors is None:
            self._anchors = {}
            for node in _nodes(self._root):
                self._budget.spend()
                for keyword in ("$anchor", "$dynamicAnchor"):
                    if isinstance(node.get(keyword), str):
                        self._anchors.setdefault(node[keyword], node)
        return self._anchors.get(name, {})


class CheckingCost:
    """What it costs to check a value against one schema."""

    def __init__(self, schema: Any, references: References, budget: Budget) -> None:
        self._schema = schema
        self._references = references
        self._budget = budget
        self._weights: dict[int, int] = {}

    def spend(self, value: Any) -> None:
        """Take every step of a validator that stops at nothing. Raises UnusableSchemaError."""
        spend = self._budget.spend
        waiting: list[tuple[Any, Any, int]] = [(self._schema, value, 0)]
        while waiting:
            schema, part, depth = waiting.pop()
            if not isinstance(schema, Mapping):
                spend()
                continue
            spend(self._weight(schema) + _pattern_steps(schema, part))
            if depth > _DEEPEST:
                # A schema that is its own part: a validator notices.
                continue
            waiting.extend((inner, part, depth + 1) for inner in self._in_place(schema))
            waiting.extend((inner, below, depth + 1) for inner, below in _inside(schema, part))

    def _weight(self, schema: Mapping[str, Any]) -> int:
        weight = self._weights.get(id(schema))
        if weight is None:
            weight = 1
            for keyword, value in schema.items():
                if keyword in ("enum", "const"):
                    weight += len(orjson.dumps(value)) // _BYTES_PER_STEP
                elif isinstance(value, list | dict) and keyword not in _NOT_CHECKED:
                    weight += len(value)
            self._weights[id(schema)] = weight
        return weight

    def _in_place(self, schema: Mapping[str, Any]) -> Iterator[Any]:
        inner = [schema[keyword] for keyword in _IN_PLACE if keyword in schema]
        references = [schema[keyword] for keyword in _REFERENCES if isinstance(schema.get(keyword), str)]
        inner.extend(map(self._references.follow, references))
        for keyword in _BRANCHES:
            if isinstance(schema.get(keyword), list):
                inner.extend(schema[keyword])
        for keyword in _NAMED_IN_PLACE:
            if isinstance(schema.get(keyword), dict):
                inner.extend(schema[keyword].values())
        # To know what has been evaluated, validators look at the branches again.
        repeats = _UNEVALUATED_FACTOR if any(keyword in schema for keyword in _UNEVALUATED) else 1
        for _ in range(repeats):
            yield from inner


def _inside(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[Any, Any]]:
    """Each part of a value with each schema that it is held against."""
    if isinstance(value, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            for name in value.keys() & properties.keys():
                yield properties[name], value[name]
        patterns = schema.get("patternProperties")
        for described in patterns.values() if isinstance(patterns, dict) else ():
            for member in value.values():
                yield described, member
        for keyword in _OF_ALL_MEMBERS:
            if isinstance(schema.get(keyword), Mapping):
                for member in value.values():
                    yield schema[keyword], member
        if "propertyNames" in schema:
            for name in value:
                yield schema["propertyNames"], name
    elif isinstance(value, list):
        for keyword in ("prefixItems", "items"):
            if isinstance(schema.get(keyword), list):
                yield from zip(schema[keyword], value, strict=False)
        for keyword in _OF_ALL_ITEMS:
            if isinstance(schema.get(keyword), Mapping):
                for item in value:
                    yield schema[keyword], item


def _pattern_steps(schema: Mapping[str, Any], value: Any) -> int:
    if isinstance(value, str):
        pattern = schema.get("pattern")
        return matching_steps(pattern, value) if isinstance(pattern, str) else 0
    patterns = schema.get("patternProperties")
    if isinstance(value, dict) and isinstance(patterns, dict):
        names = sum(map(len, value)) // _BYTES_PER_STEP + len(value)
        return sum(max(names, matching_steps(pattern, "") * len(value)) for pattern in patterns)
    return 0


def matching_steps(pattern: str, text: str) -> int:
    """What one match costs. A pattern that looks around or back is tried in many ways, within a limit."""
    if _BACKTRACKING.search(pattern):
        return _BACKTRACKING_STEPS
    return 1 + len(text) // _BYTES_PER_STEP


def size_of_patterns(schema: Any) -> int:
    """How large the patterns of a schema are together. Raises UnusableSchemaError when they are too large to
    be compiled.
    """
    size = 0
    for node in _nodes(schema):
        patterns = [node["pattern"]] if isinstance(node.get("pattern"), str) else []
        if isinstance(node.get("patternProperties"), dict):
            patterns.extend(node["patternProperties"])
        for pattern in patterns:
            size += pattern_size(pattern)
            if size > MOST_PATTERN_SIZE:
                raise UnusableSchemaError(
                    f"its patterns have more than {MOST_PATTERN_SIZE} characters with repetitions written out"
                )
    return size


def pattern_size(pattern: str) -> int:
    """How long a pattern is when everything counted is written out; close enough for a bound."""
    groups = [0]
    last = at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "(":
            groups.append(0)
            last = 0
            continue
        if character == ")" and len(groups) > 1:
            last = groups.pop()
        elif character == "{" and (counted := _COUNTED.match(pattern, at - 1)):
            at = counted.end()
            times = max(int(counted[1]), int(counted[2] or 0), 1)
            groups[-1] += last * (times - 1)
            last *= times
            continue
        elif character == "\\":
            last = _CLASS_SIZES.get(pattern[at : at + 1], 1)
            at += 1
        elif character == "[":
            end = max(pattern.find("]", at + 1), at)
            members = pattern[at:end]
            last = 1 + len(members) // 2 + _CLASS_SIZES["p"] * members.lower().count("\\p")
            if members.startswith("^"):
                last += _CLASS_SIZES["."]
            at = end + 1
        else:
            last = _CLASS_SIZES["."] if character == "." else 1
        groups[-1] += last
    return sum(groups)


def _nodes(root: Any) -> Iterator[dict[str, Any]]:
    """Every object below a value, and itself."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _unescape(step: str) -> str:
    plain = re.sub(r"%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), step)
    return plain.replace("~1", "/").replace("~0", "~")
