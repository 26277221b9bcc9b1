"""A value for a JSON Schema: deterministic, taken from the prompt where it fits, and checked before it is
given out.

The sampler proposes, the validator decides. A proposal that does not validate is followed by others (fewer
properties, other branches); when none does, the first proposal is returned, as a model would also answer
something. No reference leaves the schema: nothing is ever fetched.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import Any, Protocol

import jsonschema_rs
import orjson

from lightning_mock.generation.sampling.pattern_sampler import UnknownPatternError, sample_pattern
from lightning_mock.generation.sampling.prompt_hints import Hints, Kind, kind_asked_for
from lightning_mock.generation.sampling.schema_cost import (
    MAX_SCHEMA_BYTES,
    MAX_TRIES,
    Budget,
    CheckingCost,
    NoRegularExpressionError,
    Patterns,
    References,
    UnusableSchemaError,
    check_is_one_resource,
    pattern_size,
    size_of_patterns,
    spend_on_compiling,
)

ATTEMPTS = 24
_DEPTH_OF_MINIMUM = 4
_DEPTH_OF_NOTHING = 40
_MAX_NODES = 3000
_MAX_ITEMS = 200
_MAX_TEXT_LENGTH = 20_000
_MAX_KEPT_SCHEMA = 8 * 1024
_MAX_KEPT_PATTERNS = 2000
_STEPS_OF_A_NODE = 8
_STEPS_OF_A_PATTERN = 40
_OPTIONS_PER_STEP = 4
_SAFE_INTEGER = 2**53 - 1
_FITS_INTEGER = (-(2**63), 2**63)
"""What JSON's encoder writes as an integer. Beyond, a float with a whole value is one to a schema as well."""
_ROUNDED = 2**64
"""From here on numbers are read as floats: a bound may have been a little beyond what it became."""
_MAX_FLOAT = sys.float_info.max
_SPREAD = 100

_PROMPT_KEYS = "query q prompt text question input message content search description request task"
_WHOLE_PROMPT_KEYS = frozenset(_PROMPT_KEYS.split())
_FORMATS: Mapping[str, tuple[str, ...]] = {
    "date": ("2026-01-15", "2027-06-30"),
    "date-time": ("2026-01-15T09:30:00Z", "2027-06-30T18:00:00Z"),
    "time": ("09:30:00Z", "18:00:00Z"),
    "duration": ("P1D", "PT2H"),
    "email": ("ada@example.com", "alan@example.com"),
    "idn-email": ("ada@example.com", "alan@example.com"),
    "hostname": ("example.com", "api.example.com"),
    "idn-hostname": ("example.com", "api.example.com"),
    "ipv4": ("192.0.2.1", "192.0.2.2"),
    "ipv6": ("2001:db8::1", "2001:db8::2"),
    "uri": ("https://example.com/a", "https://example.com/b"),
    "uri-reference": ("/a", "/b"),
    "iri": ("https://example.com/a", "https://example.com/b"),
    "iri-reference": ("/a", "/b"),
    "uri-template": ("https://example.com/{id}", "/a/{b}"),
    "uuid": ("7f1d9d2e-3a5b-4c6d-8e9f-0a1b2c3d4e5f", "0b9a1c2d-4e5f-4a6b-9c8d-7e6f5a4b3c2d"),
    "json-pointer": ("/a", "/b/0"),
    "relative-json-pointer": ("0", "1/a"),
    "regex": ("^a+$", "b*"),
}
_OBJECT_KEYWORDS = """
properties required additionalProperties patternProperties minProperties maxProperties propertyNames
dependentRequired dependentSchemas
"""
_TYPE_KEYWORDS: Mapping[str, frozenset[str]] = {
    "object": frozenset(_OBJECT_KEYWORDS.split()),
    "array": frozenset(("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains")),
    "string": frozenset(("minLength", "maxLength", "pattern", "format")),
    "number": frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
}
_ROOT_DECIDERS = frozenset(("type", "$ref", "anyOf", "oneOf", "allOf", "const", "enum"))


class Validator(Protocol):
    def is_valid(self, instance: Any) -> bool: ...


def compile_schema(schema: Any, budget: Budget | None = None) -> Validator:
    """The validator of a JSON Schema (an object or a boolean). Raises UnusableSchemaError when it is none, or
    costs too much.

    Compiled schemas are cached, because a client sends the same tools with every turn.
    """
    if not isinstance(schema, dict | bool):
        raise UnusableSchemaError("a JSON Schema is an object or a boolean")
    try:
        text = orjson.dumps(schema)
    except orjson.JSONEncodeError as error:
        raise UnusableSchemaError(_first_line(str(error))) from error
    if len(text) > MAX_SCHEMA_BYTES:
        raise UnusableSchemaError(f"at most {MAX_SCHEMA_BYTES} bytes long")
    check_is_one_resource(schema, text)
    if budget is not None:
        budget.spend_on_bytes(len(text))
        if b'"unevaluated' in text:
            spend_on_compiling(schema, budget)
    keeps = len(text) <= _MAX_KEPT_SCHEMA and (
        b'"pattern' not in text or size_of_patterns(schema) <= _MAX_KEPT_PATTERNS
    )
    return _compile_once(text) if keeps else _compile(text)


@lru_cache(maxsize=128)
def _compile_once(schema: bytes) -> Validator:
    return _compile(schema)


def forget_compiled() -> None:
    """Free the compiled schemas and expressions. A small one can have a large automaton, and each of them
    keeps the heap around it from being returned."""
    _compile_once.cache_clear()
    re.purge()


def _compile(text: bytes) -> Validator:
    schema = orjson.loads(text)
    size_of_patterns(schema)
    try:
        validator: Validator = jsonschema_rs.validator_for(
            schema,
            validate_formats=True,
            # Whatever is a pattern elsewhere is checked above; to compile every text as one is too much.
            formats={"regex": lambda _: True},
            retriever=_refuse_to_fetch,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=MAX_TRIES),
        )
    except jsonschema_rs.ValidationError as error:
        place = "".join(f"/{step}" for step in error.instance_path)
        if error.kind.name == "format" and error.kind.as_dict()["format"] == "regex":
            raise NoRegularExpressionError(f"{place} is not a regular expression") from error
        reason = _first_line(error.message)
        raise UnusableSchemaError(f"{reason} (at {place})" if place else reason) from error
    except ValueError as error:
        raise UnusableSchemaError(_first_line(str(error))) from error
    return validator


def _first_line(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= 200 else line[:199] + "…"


def _refuse_to_fetch(_uri: str) -> Any:
    raise ValueError("references outside the schema are not followed")


def sample(
    schema: Any, hints: Hints, seed: int, root_type: str | None = None, budget: Budget | None = None
) -> Any:
    """A value that satisfies `schema` where one can be found.

    `root_type` is the type to take when the schema leaves the root's type open. Raises UnusableSchemaError,
    also when it costs too much to make or to check one.
    """
    if root_type is not None:
        schema = _with_root_type(schema, root_type)
    budget = budget or Budget()
    validator = compile_schema(schema, budget)
    references = References(schema, budget)
    matcher = _Matcher(budget)
    cost = CheckingCost(schema, references, budget)
    first: Any = None
    spent = 0
    unnamed = hints.unnamed()
    # What is asked for by name or format is only a first try: it may not be what the schema allows.
    tries = [(0, hints)] if hints.named else []
    tries += [(attempt, unnamed) for attempt in range(ATTEMPTS)]
    for attempt, offered in tries:
        random = Random(seed * ATTEMPTS + attempt)  # noqa: S311 - sample data, not secrets
        sampler = _Sampler(references, matcher, offered, random, attempt=attempt, budget=budget)
        value = sampler.value(schema, "", 0)
        cost.spend(value)
        if validator.is_valid(value):
            return value
        if attempt == 0:
            first = value
        spent += sampler.nodes if offered is unnamed else 0
        if spent > _MAX_NODES:
            break
    return first


def _with_root_type(schema: Any, root_type: str) -> Any:
    if schema is True:
        return {"type": root_type}
    if isinstance(schema, Mapping) and not schema.keys() & _ROOT_DECIDERS:
        return {**schema, "type": root_type}
    return schema


class _Matcher:
    """The patterns of one schema, each compiled once."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._cost = Patterns(budget)
        self._compiled: dict[str, Validator | None] = {}

    def matches(self, pattern: str, text: str) -> bool:
        """Whether a text matches; nothing matches what is no pattern."""
        if pattern not in self._compiled:
            self._budget.spend(_STEPS_OF_A_PATTERN + pattern_size(pattern))
            try:
                self._compiled[pattern] = compile_schema({"pattern": pattern})
            except UnusableSchemaError:
                self._compiled[pattern] = None
        self._cost.spend(pattern, text)
        compiled = self._compiled[pattern]
        return compiled is not None and compiled.is_valid(text)


class _Sampler:
    """One proposal. Attempt 0 is the natural one, 1 the smallest, the later ones choose at random."""

    def __init__(
        self,
        references: References,
        matcher: _Matcher,
        hints: Hints,
        random: Random,
        *,
        attempt: int,
        budget: Budget,
    ) -> None:
        self.references = references
        self.matcher = matcher
        self.budget = budget
        self.hints = hints
        self.random = random
        self.attempt = attempt
        self.numbers = list(hints.numbers)
        self.phrases = list(hints.phrases)
        self.named = {kind: list(texts) for kind, texts in hints.named.items()}
        self.nodes = 0

    def value(self, schema: Any, name: str, depth: int) -> Any:
        self.nodes += 1
        self.budget.spend(_STEPS_OF_A_NODE)
        if depth > _DEPTH_OF_NOTHING or self.nodes > _MAX_NODES:
            return None
        schema = self.flat(schema, depth)
        if not schema:
            return self.text({}, name)
        if "const" in schema:
            return self.whole(schema["const"])
        options = schema.get("enum")
        if isinstance(options, list) and options:
            return self.whole(self.choice(options))
        kind = self.kind(schema)
        if self.attempt == 0 and "default" in schema and not self.has_hint(kind, schema, name):
            return self.whole(schema["default"])
        match kind:
            case "object":
                return self.object(schema, depth)
            case "array":
                return self.array(schema, name, depth)
            case "string":
                return self.text(schema, name)
            case "integer" | "number":
                return self.number(schema, integer=kind == "integer")
            case "boolean":
                return True if self.attempt == 0 else self.random.random() < 0.5
            case _:
                return None

    def whole(self, value: Any) -> Any:
        """A value of the schema's own, which may be as large as the schema is."""
        if isinstance(value, str | list | dict):
            self.budget.spend_on_bytes(len(orjson.dumps(value)))
        return value

    def has_hint(self, kind: str, schema: Mapping[str, Any], name: str) -> bool:
        """Whether the prompt may have something better than the schema's default."""
        if kind in ("object", "array"):
            return True
        if kind == "string":
            kind_asked = kind_asked_for(schema.get("format"), name)
            return bool(self.phrases) or (kind_asked is not None and bool(self.named.get(kind_asked)))
        return bool(self.numbers)

    # The schema in one piece

    def flat(self, schema: Any, depth: int) -> Mapping[str, Any]:
        """The schema with its references, conjunctions and one branch of its choices folded in."""
        for _ in range(_DEPTH_OF_NOTHING):
            if not isinstance(schema, Mapping):
                return {} if schema is not False else {"type": "null"}
            folded = self.fold(schema, depth)
            if folded is None:
                return schema
            schema = folded
        return {key: value for key, value in schema.items() if key not in _COMBINERS}

    def fold(self, schema: Mapping[str, Any], depth: int) -> Mapping[str, Any] | None:
        rest = {key: value for key, value in schema.items() if key not in _COMBINERS}
        if len(rest) == len(schema):
            return None
        for key in ("$ref", "$dynamicRef"):
            if isinstance(schema.get(key), str):
                rest = self.merged(rest, self.references.follow(schema[key]))
        for part in _list(schema.get("allOf")):
            rest = self.merged(rest, part)
        for key in ("anyOf", "oneOf"):
            branches = _list(schema.get(key))
            if branches:
                rest = self.merged(rest, self.branch(branches, depth))
        if "if" in schema:
            if self.attempt % 2 == 0 and "then" in schema:
                rest = self.merged(self.merged(rest, schema["if"]), schema["then"])
            elif "else" in schema:
                rest = self.merged(rest, schema["else"])
        return rest

    def merged(self, first: Any, second: Any) -> dict[str, Any]:
        self.budget.spend(_size(first) + _size(second))
        return merge(first, second)

    def branch(self, branches: list[Any], depth: int) -> Any:
        real = [b for b in branches if not (isinstance(b, Mapping) and b.get("type") == "null")] or branches
        if depth > _DEPTH_OF_MINIMUM:
            return min(branches, key=self.length)
        return real[0] if self.attempt < 2 else self.random.choice(branches)

    def length(self, schema: Any) -> int:
        length = len(orjson.dumps(schema))
        self.budget.spend_on_bytes(length)
        return length

    def kind(self, schema: Mapping[str, Any]) -> str:
        declared = schema.get("type")
        if isinstance(declared, str):
            return declared
        if isinstance(declared, list) and declared:
            real = [kind for kind in declared if kind != "null"] or declared
            return str(real[0] if self.attempt < 2 else self.random.choice(declared))
        for kind, keywords in _TYPE_KEYWORDS.items():
            if schema.keys() & keywords:
                return kind
        return "string"

    def choice(self, options: list[Any]) -> Any:
        self.budget.spend(len(options) // _OPTIONS_PER_STEP)
        if self.attempt == 0:
            for option in options:
                if isinstance(option, str) and self.hints.mentions(option):
                    return option
                if (
                    isinstance(option, int | float)
                    and not isinstance(option, bool)
                    and option in self.numbers
                ):
                    return option
            return options[0]
        return self.random.choice(options)

    # Objects and arrays

    def object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = _mapping(schema.get("properties"))
        required = [key for key in _list(schema.get("required")) if isinstance(key, str)]
        most = _bound(schema.get("maxProperties"), _MAX_ITEMS)
        self.budget.spend(len(required) + len(properties))
        wanted = dict.fromkeys(required)
        for key in properties:
            if key not in wanted and len(wanted) < most and self.includes_optional(depth):
                wanted[key] = None
        dependent_names = _mapping(schema.get("dependentRequired"))
        for key in list(wanted):
            wanted.update(dict.fromkeys(_list(dependent_names.get(key))))
        least = min(_bound(schema.get("minProperties"), 0), _MAX_ITEMS)
        for key in properties:
            if len(wanted) >= least:
                break
            wanted[key] = None
        for number in range(4 * _MAX_ITEMS):
            if len(wanted) >= least:
                break
            wanted[self.extra_name(schema, number)] = None
        result = {key: self.value(self.property(schema, key), key, depth + 1) for key in wanted}
        for key, dependent in _mapping(schema.get("dependentSchemas")).items():
            if key in result:
                more = self.value(self.merged({"type": "object"}, dependent), "", depth + 1)
                if isinstance(more, dict):
                    result = {**more, **result} if self.attempt == 0 else {**result, **more}
        return result

    def includes_optional(self, depth: int) -> bool:
        if depth > _DEPTH_OF_MINIMUM or self.attempt == 1:
            return False
        return self.attempt == 0 or self.random.random() < 0.5

    def extra_name(self, schema: Mapping[str, Any], number: int) -> str:
        patterns = _mapping(schema.get("patternProperties"))
        names = schema.get("propertyNames")
        if isinstance(names, Mapping):
            name = self.value(self.merged({"type": "string"}, names), "", _DEPTH_OF_MINIMUM)
            return str(name)
        if patterns:
            try:
                return self.matching(next(iter(patterns)))
            except UnknownPatternError:
                pass
        return f"extra_{number + 1}"

    def property(self, schema: Mapping[str, Any], key: str) -> Any:
        properties = _mapping(schema.get("properties"))
        found: Any = properties.get(key)
        for pattern, described in _mapping(schema.get("patternProperties")).items():
            if self.matches(pattern, key):
                found = described if found is None else self.merged(found, described)
        if found is None:
            additional = schema.get("additionalProperties", schema.get("unevaluatedProperties"))
            found = additional if isinstance(additional, Mapping) else {}
        return found

    def array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        prefix = _list(schema.get("prefixItems"))
        items = schema.get("items", {})
        if isinstance(items, list):
            prefix, items = items, schema.get("additionalItems", {})
        least = min(_bound(schema.get("minItems"), 0), _MAX_ITEMS)
        most = _bound(schema.get("maxItems"), _MAX_ITEMS)
        deep = depth > _DEPTH_OF_MINIMUM or self.attempt == 1
        natural = 0 if deep else max(1, len(prefix))
        if items is False:
            natural = min(natural, len(prefix))
        length = max(least, min(natural, most))
        unique = schema.get("uniqueItems") is True
        member = _singular(name)
        result: list[Any] = []
        for index in range(length):
            described = prefix[index] if index < len(prefix) else items
            result.append(self.member(described, member, depth, result if unique else []))
        contains = schema.get("contains")
        if contains is not None:
            asked = min(_bound(schema.get("minContains"), 1), _MAX_ITEMS)
            witness = [self.member(contains, member, depth, result if unique else []) for _ in range(asked)]
            free = max(len(prefix), len(result) - asked) if len(result) + asked > most else len(result)
            result = result[:free] + witness
        return result

    def member(self, described: Any, name: str, depth: int, others: list[Any]) -> Any:
        value = self.value(described, name, depth + 1)
        if not others:
            return value
        flat = self.flat(described, depth)
        options = _list(flat.get("enum"))
        for number in range(2 * _MAX_ITEMS):
            self.budget.spend(1 + len(others) // _OPTIONS_PER_STEP)
            if value not in others:
                break
            if options:
                value = self.whole(options[number % len(options)])
            elif isinstance(value, bool):
                value = not value
            elif isinstance(value, int | float):
                step = flat.get("multipleOf", 1)
                low, high = _range(flat, step)
                value = value + step
                if high is not None and value > high:
                    value = low if low is not None else value - 2 * step * (number + 1)
            elif isinstance(value, str) and "pattern" not in flat and "format" not in flat:
                value = _fit_length(f"{value} {number + 2}", flat, keep_end=True)
            else:
                held, self.attempt = self.attempt, max(2, self.attempt)
                value = self.value(described, name, depth + 1)
                self.attempt = held
        return value

    # Text and numbers

    def text(self, schema: Mapping[str, Any], name: str) -> str:
        pattern, form = schema.get("pattern"), schema.get("format")
        self.budget.spend_on_bytes(min(_bound(schema.get("minLength"), 0), _MAX_TEXT_LENGTH) + len(name))
        if (asked := self.asked_for(schema, name)) is not None:
            return asked
        if isinstance(pattern, str):
            return self.patterned(pattern, schema)
        if isinstance(form, str) and form in _FORMATS:
            options = _FORMATS[form]
            return options[0] if self.attempt == 0 else self.random.choice(options)
        examples = schema.get("examples")
        if self.phrases:
            said = self.phrases.pop(0)
        elif isinstance(examples, list) and examples and isinstance(examples[0], str):
            said = examples[0]
        elif self.hints.text and name.casefold() in _WHOLE_PROMPT_KEYS:
            said = self.hints.text[:1000]
        else:
            said = f"sample {name}".strip()
            if self.attempt > 1:
                said = f"{said} {self.random.randrange(_SPREAD)}"
        return _fit_length(said, schema)

    def asked_for(self, schema: Mapping[str, Any], name: str) -> str | None:
        """What the prompt has of the kind that the format or the name asks for, if it fits."""
        kind = kind_asked_for(schema.get("format"), name)
        pattern, form = schema.get("pattern"), schema.get("format")
        if kind is None:
            return None
        for said in self.named.get(kind, ()):
            if _fit_length(said, schema) != said:
                continue
            if isinstance(pattern, str) and not self.matches(pattern, said):
                continue
            if isinstance(form, str) and not compile_schema({"format": form}).is_valid(said):
                continue
            self.forget(kind, said)
            return said
        return None

    def forget(self, kind: Kind, said: str) -> None:
        """Give what has become an argument to no other one."""
        self.named[kind].remove(said)
        if said in self.phrases:
            self.phrases.remove(said)
        if kind == "number" and float(said) in self.numbers:
            self.numbers.remove(float(said))

    def patterned(self, pattern: str, schema: Mapping[str, Any]) -> str:
        for phrase in self.phrases:
            if self.matches(pattern, phrase) and _fit_length(phrase, schema) == phrase:
                self.phrases.remove(phrase)
                return phrase
        sampled = ""
        for _ in range(8):
            try:
                sampled = self.matching(pattern)
            except UnknownPatternError:
                return _fit_length("sample", schema)
            if _fit_length(sampled, schema) == sampled:
                return sampled
        return sampled if _is_anchored(pattern) else _fit_length(sampled, schema)

    def matching(self, pattern: str) -> str:
        return sample_pattern(pattern, self.random, self.budget)

    def matches(self, pattern: str, text: str) -> bool:
        # Both come from the caller: a short text bounds what a hostile pattern can cost.
        return len(text) <= 64 and len(pattern) <= 200 and self.matcher.matches(pattern, text)

    def number(self, schema: Mapping[str, Any], integer: bool) -> float:
        step = schema.get("multipleOf")
        step = step if isinstance(step, int | float) and step > 0 else None
        low, high = _range(schema, step if step is not None else (1 if integer else None))
        for said in self.numbers:
            if _fits(said, low, high, step, integer):
                self.numbers.remove(said)
                return int(said) if integer else said
        start: float
        if low is not None and low > 0:
            start = low
        elif high is not None and high < 1:
            start = high
        else:
            start = 1
        if self.attempt > 1:
            least = low if low is not None else start - _SPREAD
            most = high if high is not None else max(start, least) + _SPREAD
            if most - least < _SAFE_INTEGER:
                start = least + (most - least) * self.random.random()
        if step is not None:
            start = _next_multiple(start, step, high)
        elif integer:
            start = math.ceil(start) if math.isfinite(start) else 0
        if integer and _FITS_INTEGER[0] <= start <= _FITS_INTEGER[1] and float(start).is_integer():
            return int(start)
        return start


_COMBINERS = frozenset(("$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "then", "else"))


def merge(first: Any, second: Any) -> dict[str, Any]:
    """Both schemas at once, as one: bounds tighten, properties join, choices narrow."""
    if not isinstance(second, Mapping):
        second = {} if second is not False else {"enum": []}
    if not isinstance(first, Mapping):
        return dict(second)
    result = dict(first)
    for key, value in second.items():
        if key not in result:
            result[key] = value
            continue
        result[key] = _merged(key, result[key], value)
    return result


def _merged(key: str, mine: Any, theirs: Any) -> Any:
    match key:
        case "properties" | "patternProperties" | "dependentSchemas":
            mine, theirs = _mapping(mine), _mapping(theirs)
            both = {k: merge(mine[k], theirs[k]) for k in mine.keys() & theirs.keys()}
            return {**mine, **theirs, **both}
        case "required":
            return list(dict.fromkeys([*_list(mine), *_list(theirs)]))
        case "enum":
            allowed = {orjson.dumps(option) for option in _list(theirs)}
            return [option for option in _list(mine) if orjson.dumps(option) in allowed]
        case "type":
            return _common_types(mine, theirs)
        case "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties":
            return max(mine, theirs)
        case "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties":
            return min(mine, theirs)
        case "items" | "contains" | "propertyNames" if isinstance(mine, Mapping):
            return merge(mine, theirs) if isinstance(theirs, Mapping) else mine
        case "allOf":
            return [*_list(mine), *_list(theirs)]
        case _:
            return theirs


def _common_types(mine: Any, theirs: Any) -> Any:
    first = [mine] if isinstance(mine, str) else _list(mine)
    second = [theirs] if isinstance(theirs, str) else _list(theirs)
    common = [kind for kind in first if kind in second]
    if not common and {"integer", "number"} <= {*first, *second}:
        common = ["integer"]
    return common or first


def _range(schema: Mapping[str, Any], step: float | None) -> tuple[float | None, float | None]:
    """Inclusive bounds. An exclusive bound moves by one step, or by a little where there is none."""
    low = _number(schema.get("minimum"))
    high = _number(schema.get("maximum"))
    if low is not None and _ROUNDED <= low < (_MAX_FLOAT if high is None else high):
        low = math.nextafter(low, math.inf)
    if high is not None and (-_MAX_FLOAT if low is None else low) < high <= -_ROUNDED:
        high = math.nextafter(high, -math.inf)
    above = _number(schema.get("exclusiveMinimum"))
    below = _number(schema.get("exclusiveMaximum"))
    if step is None and above is not None and below is not None:
        gap: float = below / 1000 - above / 1000
    else:
        gap = step if step is not None else 0.001
    if above is not None:
        moved = above + gap if above + gap > above else math.nextafter(above, math.inf)
        low = moved if low is None else max(low, moved)
    if below is not None:
        moved = below - gap if below - gap < below else math.nextafter(below, -math.inf)
        high = moved if high is None else min(high, moved)
    return low, high


def _next_multiple(start: float, step: float, high: float | None) -> float:
    count = start / step
    # What is a whole number of steps may have become a little more on the way.
    times = math.ceil(count - 1e-9 * min(1, abs(count))) if math.isfinite(count) else 0
    value = times * step
    if high is not None and value > high and math.isfinite(high / step):
        value = math.floor(high / step) * step
    return float(f"{value:.15g}") if isinstance(value, float) and abs(value) < _SAFE_INTEGER else value


def _fits(said: float, low: float | None, high: float | None, step: float | None, integer: bool) -> bool:
    if integer and not float(said).is_integer():
        return False
    if (low is not None and said < low) or (high is not None and said > high):
        return False
    return step is None or abs(math.remainder(said, step)) < 1e-9 * step


def _fit_length(text: str, schema: Mapping[str, Any], keep_end: bool = False) -> str:
    least = min(_bound(schema.get("minLength"), 0), _MAX_TEXT_LENGTH)
    most = _bound(schema.get("maxLength"), _MAX_TEXT_LENGTH)
    if len(text) > most:
        text = text[len(text) - most :] if keep_end else text[:most]
    if len(text) < least:
        text = "x" * (least - len(text)) + text if keep_end else text + "x" * (least - len(text))
    return text


def _is_anchored(pattern: str) -> bool:
    return pattern.startswith("^") and pattern.endswith("$")


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def _size(schema: Any) -> int:
    """How much there is to merge."""
    if not isinstance(schema, Mapping):
        return 1
    return 1 + sum(len(value) for value in schema.values() if isinstance(value, list | dict))


def _bound(value: Any, otherwise: int) -> int:
    number = _number(value)
    return int(number) if number is not None and number >= 0 else otherwise


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
