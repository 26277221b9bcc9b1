"""What a schema of the caller's costs, counted before it is paid.

A schema of a few lines can ask for work without end: branches that refer to branches double with every level,
and neither the validator nor the compiler of patterns can be interrupted. So the work is counted here, as if
nothing were ever cut short, and what is too much is refused. So is what the validator might read in another
way than this does: a second resource inside a schema, or a reference that leads nowhere from here.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import orjson

MAX_STEPS = 200_000
"""For all that one request asks for. A step takes the sampler or the validator about a microsecond."""
MAX_SCHEMA_BYTES = 256 * 1024
MAX_PATTERN_SIZE = 100_000
MAX_TRIES = 10_000
"""Of a pattern that is tried again and again, at one text."""
_SIZE_OF_ANY_PATTERN = 300
# The compiler spends as long on a short pattern such as [a-f]{3} as on a long one: it looks for the texts
# with which a match can begin. Nobody else is served while it compiles.
_DEEPEST = 500

_BYTES_PER_STEP = 16
_BACKTRACKING = re.compile(r"\(\?(?:[=!>(~]|<[=!]|P[=>])|\\[1-9kgKGRZ]|[*+?}]\+")
"""What no automaton knows: looking around or back, parts that are never given back, conditions. Where it is
found in a class, more is counted than is needed.
"""
_BACKTRACKING_STEPS = 500
_STATES_PER_STEP = 250
_NOT_KEPT = ("?:", "?=", "?!", "?<=", "?<!")
_GROUPS_PER_SIZE = 4
"""Every state of a matcher has room for each group: with so many a pattern is as large once more."""
_COUNTED = re.compile(r"\{(\d{1,9})(?:,(\d{0,9}))?\}")
_CLASS_SIZES = {"p": 200, "P": 200, ".": 8, "S": 8, "W": 8, "D": 8}
_WIDE_CLASS_SIZES = {**_CLASS_SIZES, "w": 200, "W": 200, "d": 30, "D": 60}
"""Where a pattern looks around or back, the usual classes are those of all scripts."""
_CLASS = re.compile(r"\\(.)", re.DOTALL)
_BRANCHES = ("allOf", "anyOf", "oneOf")
_IN_PLACE = ("not", "if", "then", "else")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_NAMED_IN_PLACE = ("dependentSchemas", "dependencies")
_OF_ALL_ITEMS = ("items", "additionalItems", "contains", "unevaluatedItems")
_OF_ALL_MEMBERS = ("additionalProperties", "unevaluatedProperties")
_UNEVALUATED = frozenset(("unevaluatedProperties", "unevaluatedItems"))
_UNEVALUATED_FACTOR = 3
_STEPS_OF_WRITING_OUT = 8
_NOT_CHECKED = frozenset(("$defs", "definitions", "default", "examples"))
_OF_LISTS = ("dependentRequired", "dependencies")
_OF_WHOLE_TEXTS = frozenset(("minLength", "maxLength", "format", "contentMediaType", "contentEncoding"))
"""Keywords for which every character of a text is looked at."""
_PARTS_PER_STEP = 16
"""Of a list or an object that is only gone through."""
_BITS_PER_STEP = 2
"""Of the fraction that a validator makes of a number and what it is to be a multiple of."""


class UnusableSchemaError(ValueError):
    """Not a valid JSON Schema, or one that points outside itself or asks for too much. The message names the
    fault, never a value.
    """


class NoRegularExpressionError(UnusableSchemaError):
    """A pattern that the engine does not take."""


class Budget:
    """The steps that one request may take."""

    __slots__ = ("left",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Raises UnusableSchemaError when nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise UnusableSchemaError(f"this request asks for more than {MAX_STEPS} steps of work")

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
        """What a reference means. Raises UnusableSchemaError when it leads nowhere that can be seen from
        here."""
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
                node = None
            if node is None:
                raise UnusableSchemaError("a reference leads nowhere")
        return node

    def _anchored(self, name: str) -> Any:
        if self._anchors is None:
            self._anchors = {}
            for node in _nodes(self._root):
                self._budget.spend()
                names = {node.get(keyword) for keyword in ("$anchor", "$dynamicAnchor")}
                for anchor in names:
                    if isinstance(anchor, str) and self._anchors.setdefault(anchor, node) is not node:
                        raise UnusableSchemaError("two of its schemas have the same anchor")
        if name not in self._anchors:
            raise UnusableSchemaError("a reference leads nowhere")
        return self._anchors[name]


def check_is_one_resource(schema: Any, text: bytes) -> None:
    """Raises UnusableSchemaError for a schema with another one in it that has an address of its own, from
    which its references would count. `text` is the schema as JSON."""
    # Until draft 4 the keyword had no dollar sign, and everywhere else `id` is a usual name.
    keywords = ("$id", "id") if b"/draft-04/" in text else ("$id",)
    if not any(b'"%b"' % keyword.encode() in text for keyword in keywords):
        return
    for node in _nodes(schema):
        if node is not schema and any(isinstance(node.get(keyword), str) for keyword in keywords):
            raise UnusableSchemaError(f"a schema inside another one must not have an {keywords[-1]}")


class CheckingCost:
    """What it costs to check a value against one schema."""

    def __init__(self, schema: Any, references: References, budget: Budget) -> None:
        self._schema = schema
        self._references = references
        self._budget = budget
        self._patterns = Patterns(budget)
        self._weights: dict[int, int] = {}

    def spend(self, value: Any) -> None:
        """Take every step of a validator that stops at nothing. Raises UnusableSchemaError."""
        spend = self._budget.spend
        sizes: dict[int, int] = {}
        waiting: list[tuple[Any, Any, int]] = [(self._schema, value, 0)]
        while waiting:
            schema, part, depth = waiting.pop()
            if not isinstance(schema, Mapping):
                spend()
                continue
            spend(self._weight(schema) + _steps_of_value(schema, part, sizes))
            self._spend_on_patterns(schema, part)
            if depth > _DEEPEST:
                # A schema that is its own part: a validator notices.
                continue
            # To know what has been evaluated, validators look at the branches again.
            looks = 1 if _UNEVALUATED.isdisjoint(schema) else _UNEVALUATED_FACTOR
            for inner in _in_place(schema, self._references):
                waiting.extend([(inner, part, depth + 1)] * looks)
            waiting.extend((inner, below, depth + 1) for inner, below in _inside(schema, part))

    def _spend_on_patterns(self, schema: Mapping[str, Any], value: Any) -> None:
        if isinstance(value, str):
            if isinstance(schema.get("pattern"), str):
                self._patterns.spend(schema["pattern"], value)
        elif isinstance(value, dict) and isinstance(schema.get("patternProperties"), dict):
            for pattern in schema["patternProperties"]:
                for name in value:
                    self._patterns.spend(pattern, name)

    def _weight(self, schema: Mapping[str, Any]) -> int:
        weight = self._weights.get(id(schema))
        if weight is None:
            weight = 1
            for keyword, value in schema.items():
                if keyword in ("enum", "const"):
                    weight += len(orjson.dumps(value)) // _BYTES_PER_STEP
                elif isinstance(value, list | dict) and keyword not in _NOT_CHECKED:
                    weight += len(value)
                    if keyword in _OF_LISTS and isinstance(value, dict):
                        weight += sum(len(names) for names in value.values() if isinstance(names, list))
            self._weights[id(schema)] = weight
        return weight


def _steps_of_value(schema: Mapping[str, Any], value: Any, sizes: dict[int, int]) -> int:
    """What the keywords of one schema cost for the size of the value alone. `sizes` has the lengths of lists
    as JSON by their identity."""
    if isinstance(value, str):
        return 0 if _OF_WHOLE_TEXTS.isdisjoint(schema) else len(value) // _BYTES_PER_STEP
    if isinstance(value, dict):
        return len(value) // _PARTS_PER_STEP
    if isinstance(value, list):
        steps = len(value) // _PARTS_PER_STEP
        if schema.get("uniqueItems"):
            if id(value) not in sizes:
                sizes[id(value)] = len(orjson.dumps(value))
            steps += sizes[id(value)] // _BYTES_PER_STEP
        return steps
    if isinstance(value, int | float) and isinstance(schema.get("multipleOf"), int | float):
        return (_bits(value) + _bits(schema["multipleOf"])) // _BITS_PER_STEP
    return 0


def _bits(number: float) -> int:
    """How long the fraction of a number is, about."""
    return abs(math.frexp(number)[1])


def spend_on_compiling(schema: Any, budget: Budget) -> None:
    """Take the steps of a compiler that writes out, for every `unevaluated...`, all that applies in the same
    place. Raises UnusableSchemaError.
    """
    references = References(schema, budget)
    for node in _nodes(schema):
        if not _UNEVALUATED.isdisjoint(node):
            _spend_on_writing_out(node, references, budget)


def _spend_on_writing_out(schema: Mapping[str, Any], references: References, budget: Budget) -> None:
    waiting: list[tuple[Any, int]] = [(schema, 0)]
    path: dict[int, None] = {}
    while waiting:
        node, depth = waiting.pop()
        while len(path) > depth:
            path.popitem()
        budget.spend(_STEPS_OF_WRITING_OUT)
        if isinstance(node, Mapping) and id(node) not in path:
            path[id(node)] = None
            waiting.extend((inner, depth + 1) for inner in _in_place(node, references))


def _in_place(schema: Mapping[str, Any], references: References) -> list[Any]:
    """The schemas that a value is held against together with this one."""
    inner = [schema[keyword] for keyword in _IN_PLACE if keyword in schema]
    named = [schema[keyword] for keyword in _REFERENCES if isinstance(schema.get(keyword), str)]
    inner.extend(map(references.follow, named))
    for keyword in _BRANCHES:
        if isinstance(schema.get(keyword), list):
            inner.extend(schema[keyword])
    for keyword in _NAMED_IN_PLACE:
        if isinstance(schema.get(keyword), dict):
            inner.extend(schema[keyword].values())
    return inner


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


class Patterns:
    """What it costs to match the patterns of one schema."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._sizes: dict[str, int] = {}

    def spend(self, pattern: str, text: str) -> None:
        """Take the steps of one match. Raises UnusableSchemaError."""
        size = self._sizes.get(pattern)
        if size is None:
            size = self._sizes[pattern] = pattern_size(pattern, {})
        length = len(text)
        steps = 1 + length // _BYTES_PER_STEP + length * size // _STATES_PER_STEP
        if _BACKTRACKING.search(pattern):
            # Each of many tries may look at all that is left of the text.
            steps += _BACKTRACKING_STEPS + size + length * min(length, MAX_TRIES) // _STATES_PER_STEP
        self._budget.spend(steps)


def size_of_patterns(schema: Any) -> int:
    """How large the patterns of a schema are together. Raises UnusableSchemaError when they are too large to
    be compiled.
    """
    size = 0
    known = set()
    for node in _nodes(schema):
        patterns = [node["pattern"]] if isinstance(node.get("pattern"), str) else []
        if isinstance(node.get("patternProperties"), dict):
            patterns.extend(node["patternProperties"])
        for pattern in patterns:
            if pattern in known:
                continue
            known.add(pattern)
            size += _SIZE_OF_ANY_PATTERN + pattern_size(pattern)
            if size > MAX_PATTERN_SIZE:
                raise UnusableSchemaError(
                    f"its patterns have more than {MAX_PATTERN_SIZE} characters with repetitions written "
                    f"out, each counted with {_SIZE_OF_ANY_PATTERN} more"
                )
    return size


def pattern_size(pattern: str, sizes: Mapping[str, int] | None = None) -> int:
    """How long a pattern is when everything counted is written out; close enough for a bound. A class is as
    large as it is to the compiler, unless other sizes are given.
    """
    if sizes is None:
        sizes = _WIDE_CLASS_SIZES if _BACKTRACKING.search(pattern) else _CLASS_SIZES
    last_bracket, last_brace = pattern.rfind("]"), pattern.rfind("}")
    groups = [0]
    last = at = captures = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "(":
            groups.append(0)
            captures += not pattern.startswith(_NOT_KEPT, at)
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
            letter = pattern[at : at + 1]
            last = sizes.get(letter, 1)
            at += 1
            if letter in ("p", "P"):
                named = pattern.startswith("{", at) and at < last_brace
                at = 1 + (pattern.index("}", at) if named else at)
        elif character == "[":
            end = pattern.index("]", at + 1) if at < last_bracket else at
            members = pattern[at:end]
            last = 1 + len(members) // 2 + max((sizes.get(c, 1) for c in _CLASS.findall(members)), default=0)
            if members.startswith("^"):
                last += sizes.get(".", 1)
            at = end + 1
        else:
            last = sizes.get(".", 1) if character == "." else 1
        groups[-1] += last
    return sum(groups) * (1 + captures // _GROUPS_PER_SIZE)


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
    return unquote(step).replace("~1", "/").replace("~0", "~")
