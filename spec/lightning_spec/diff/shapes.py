"""Compares two schemas in one direction: a request may allow more values, a response may allow fewer.

The comparison goes through both normal forms keyword by keyword, which yields findings that can be put in
words. Each keyword restricts by itself: where none became stricter, neither did the schema. Where one did,
or where keywords cannot be compared one by one, the containment engine decides; what it cannot decide is
breaking.
"""

from __future__ import annotations

import datetime
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lightning_spec.diff.change import Change, Place, Severity, shown
from lightning_spec.diff.containment import Answer, covers, disjoint
from lightning_spec.diff.patterns import plain, wider_pattern
from lightning_spec.diff.rules import RULES
from lightning_spec.diff.schema import (
    ANY_TEXT,
    ANYTHING,
    BOUNDS,
    TYPES,
    Form,
    Forms,
    Part,
    Schema,
    Side,
    Union,
    admits_all,
    base_of,
    extensions,
    key_of,
    opaque_json,
    ordering,
    place_of,
    type_names,
)

# Findings that are not about which values are allowed, so that containment cannot dismiss them.
_NOT_ABOUT_VALUES = (
    "optional-property-added",
    "property-removed",
    "deprecated-property-removed",
    "property-removed-before-sunset",
    "content-encoding-changed",
    "xml-changed",
    "discriminator-changed",
    "discriminator-added",
    "default-changed",
    "announced-value-removed",
    "announced-value-added",
    "sunset-earlier",
    "sunset-changed",
    "deprecated",
    "no-longer-deprecated",
    "variants-overlap",
)
SENT_AS_TEXT = frozenset({"boolean", "integer", "number", "string"})
"""The types whose values are sent as they are written, outside of JSON."""
_NO_VALUE = "none"
# A difference is reported for so many uses of a schema; a description may use one a billion times.
_MAX_REPORTS = 20


@dataclass(frozen=True, slots=True)
class At:
    """Which operation a finding is about, and which part of it."""

    operation: str
    subject: str
    place: Place

    def below(self, name: str) -> At:
        """The same, one step deeper."""
        return At(self.operation, f"{self.subject} > {name}", self.place)


def change(rule: str, at: At, old: Any, new: Any, reason: str = "") -> Change:
    """A finding by a rule, with the severity of that rule."""
    severity = RULES[rule].severity
    return Change(rule, severity, at.operation, at.subject, shown(old), shown(new), at.place, reason)


def removal(thing: str, *, deprecated: bool, sunset: Any) -> str:
    """The rule that a removal falls under: it depends on what was announced."""
    if isinstance(sunset, str) and sunset[:10] > datetime.datetime.now(datetime.UTC).date().isoformat():
        return f"{thing}-removed-before-sunset"
    return f"deprecated-{thing}-removed" if deprecated else f"{thing}-removed"


def sunset_change(thing: str, before: Any, after: Any, *, deprecated: bool) -> str:
    """The rule that a change of a sunset date falls under."""
    # What is deprecated without a date may end at any time.
    earlier = before and (str(after) < str(before) if after else deprecated)
    return f"{thing}-earlier" if earlier else f"{thing}-changed"


@dataclass
class _Choices:
    """The differences of two choices: findings about the choice itself (`own`) and about variants on both
    sides (`varied`), and the pairs of such variants."""

    own: list[Change] = field(default_factory=list)
    varied: list[Change] = field(default_factory=list)
    pairs: list[tuple[Schema, Schema]] = field(default_factory=list)

    def __iadd__(self, other: _Choices) -> _Choices:
        self.own += other.own
        self.varied += other.varied
        self.pairs += other.pairs
        return self


class Shapes:
    """Compares schemas in one direction. The keyword `xml` counts only with `is_xml`."""

    def __init__(self, side: Side, *, is_xml: bool = False) -> None:
        self.side = side
        self._is_xml = is_xml
        self._old = Forms(side)
        self._new = Forms(side)
        # The comparisons in progress, outermost first; by pair of schemas, the depth of each.
        self._stack: list[Any] = []
        self._in_progress: dict[Any, int] = {}
        # The depth of the outermost of them that a result so far depends on.
        self._outermost = 0
        # Results that depend on a comparison that is still in progress, and on which one.
        self._provisional: dict[Any, list[Change]] = {}
        self._dependencies: dict[Any, Any] = {}
        # Final results: pairs without a difference, and what was reported how often for others.
        self._equal: set[Any] = set()
        self._reported: dict[Any, list[Change]] = {}
        self._times_reported: Counter[Any] = Counter()
        self._trials: dict[Any, list[Change]] = {}

    def compare(self, old: Schema, new: Schema, at: At) -> list[Change]:
        """Every difference between two schemas."""
        pair = (key_of(old), key_of(new))
        here = (pair, at.operation)
        if pair in self._in_progress:
            # A recursive pair is equal if everything else is: values are finite.
            self._outermost = min(self._outermost, self._in_progress[pair])
            return []
        if pair in self._equal:
            return []
        if here in self._provisional:
            self._outermost = min(self._outermost, self._depth_relied_on(here))
            return self._provisional[here]
        if self._times_reported[here] >= _MAX_REPORTS:
            return self._reported[here]
        at = replace(at, place=place_of(new, at.place))
        depth = self._in_progress[pair] = len(self._in_progress)
        self._stack.append(here)
        around, self._outermost = self._outermost, depth
        provisional_before = len(self._provisional)
        try:
            found = list(dict.fromkeys(self._level(old, new, at)))
        finally:
            del self._in_progress[pair]
            self._stack.pop()
            outermost, self._outermost = self._outermost, min(around, self._outermost)
        if outermost < depth:
            self._provisional[here] = found
            self._dependencies[here] = self._stack[outermost]
            return found
        settled = {here: found}
        while len(self._provisional) > provisional_before:
            inner, inner_found = self._provisional.popitem()
            del self._dependencies[inner]
            settled[inner] = inner_found
        if found:
            self._reported[here] = found
            self._times_reported[here] += 1
        else:
            self._equal |= {inner[0] for inner, inner_found in settled.items() if not inner_found}
        return found

    def _depth_relied_on(self, here: Any) -> int:
        """The depth of the outermost comparison in progress that a provisional result depends on."""
        dependency = self._dependencies[here]
        while dependency in self._dependencies:
            dependency = self._dependencies[dependency]
        self._dependencies[here] = dependency
        return self._in_progress[dependency[0]]

    def compare_text(self, old: Schema, new: Schema, at: At) -> list[Change]:
        """The same for a value that is sent as text, as in a query: any text includes every number."""
        old_form, new_form = self._old.of(old), self._new.of(new)
        widened = (
            old_form.types != new_form.types and old_form.types <= SENT_AS_TEXT and _is_any_text(new_form)
        )
        if self.side == "request" and widened:
            at = replace(at, place=place_of(new, at.place))
            return [self._finding("type-widened", at, _type_words(old_form), _type_words(new_form))]
        return self.compare(old, new, at)

    def form_of(self, schema: Schema) -> Form:
        """The normal form of a schema by itself."""
        return self._new.of(schema)

    def _finding(self, name: str, at: At, old: Any, new: Any, reason: str = "") -> Change:
        return change(f"{self.side}-{name}", at, old, new, reason)

    def _level(self, old: Schema, new: Schema, at: At) -> list[Change]:
        old_form, new_form = self._old.of(old), self._new.of(new)
        found = [*self._form(old, new, at), *self._extensions(old, new, at)]
        if new_form.unread - old_form.unread:
            before = (
                f"{_listed(sorted(old_form.unread))}, which cannot be read either"
                if old_form.unread
                else "a schema"
            )
            found.append(change("unreadable", at, before, "a schema that cannot be read"))
        return found

    def _form(self, old: Schema, new: Schema, at: At) -> list[Change]:
        old_form, new_form = self._old.of(old), self._new.of(new)
        own = list(self._keywords(old_form, new_form, at))
        if old_form.types & new_form.types or not (old_form.types or new_form.types):
            # A request may still send everything that was described.
            is_freed = self.side == "request" and admits_all(new_form)
            inner = [] if is_freed else list(self._children(old_form, new_form, at))
            choices = self._choices(old, new, at)
            own += choices.own
            own += self._conditions(old_form, new_form, at)
        else:
            inner, choices = [], _Choices()
        if choices.pairs and len(old_form.unions) != len(new_form.unions):
            # Variants are compared together with what stands beside the choice: report that once.
            own = [finding for finding in own if finding in choices.own or not self._is_about_values(finding)]
            inner = []
        if not choices.varied and not any(map(self._is_about_values, own)):
            return own + inner
        return self._weighed(old, new, at, own, inner=inner, choices=choices)

    def _weighed(
        self, old: Schema, new: Schema, at: At, own: list[Change], *, inner: list[Change], choices: _Choices
    ) -> list[Change]:
        """What is left of the findings about a level once containment has been asked."""
        old_form, new_form = self._old.of(old), self._new.of(new)
        values = [finding for finding in own if self._is_about_values(finding)]
        beyond = [finding for finding in own if finding not in values]
        varied = choices.varied
        answer, back = self._containment(old, new)
        if answer is Answer.YES and back is Answer.YES:
            # The same values are allowed, in other words.
            return beyond + [finding for finding in inner + varied if not self._is_about_values(finding)]
        if answer is Answer.YES:
            # With a choice on one side only, properties moved between a variant and what stands beside it.
            moved = len(old_form.unions) != len(new_form.unions)
            if moved or any(finding.severity is not Severity.SAFE for finding in values + varied):
                rewritten = self._finding("rewritten", at, "other parts", "the same or a wider contract")
                return [*beyond, *([] if moved else inner), rewritten]
            return own + inner + varied
        overlap = self._overlap(old_form, new_form, at)
        if overlap and self._are_distinguishable(old, new, choices):
            overlap = []
        if answer is Answer.UNKNOWN:
            values = [
                replace(finding, reason=finding.reason or "containment cannot be decided")
                if finding.rule.endswith(("condition-changed", "choice-changed"))
                else finding
                for finding in values
            ]
        return beyond + values + varied + inner + overlap

    def _is_about_values(self, finding: Change) -> bool:
        name = finding.rule.removeprefix(f"{self.side}-")
        return name not in _NOT_ABOUT_VALUES and not name.startswith("clamp")

    # -- keywords of one level

    def _keywords(self, old: Form, new: Form, at: At) -> Iterator[Change]:
        yield from self._types(old, new, at)
        if old.types & new.types or (old.enum is not None and new.enum is not None):
            yield from self._enums(old, new, at)
        if old.types & new.types:
            yield from self._bounds(old, new, at)
            yield from self._sets(old, new, at)
        yield from self._notes(old, new, at)

    def _types(self, old: Form, new: Form, at: At) -> Iterator[Change]:
        if old.types == new.types or (old.enum is not None and new.enum is not None):
            return
        added, removed = new.types - old.types, old.types - new.types
        if old.enum is not None and not removed:
            return  # reported as an enum that was dropped
        if new.enum is not None and not added:
            return  # reported as an enum that was introduced
        name = "changed" if added and removed else "widened" if added else "narrowed"
        at = _at_keyword(at, new, "type")
        yield self._finding(f"type-{name}", at, _type_words(old), _type_words(new))

    def _enums(self, old: Form, new: Form, at: At) -> Iterator[Change]:
        at = _at_keyword(at, new, "enum", "const")
        if old.enum is None or new.enum is None:
            if old.enum is not None:
                yield self._finding("enum-dropped", at, list(old.enum), "any value")
            elif new.enum is not None:
                yield self._finding("enum-introduced", at, "any value", list(new.enum))
            return
        before, after = ({ordering(value): value for value in form.enum or ()} for form in (old, new))
        for value in before.keys() - after.keys():
            yield self._finding("enum-value-removed", at, before[value], f"one of {shown(list(new.enum))}")
        for value in after.keys() - before.keys():
            yield self._finding("enum-value-added", at, f"one of {shown(list(old.enum))}", after[value])

    def _bounds(self, old: Form, new: Form, at: At) -> Iterator[Change]:
        for keyword in BOUNDS:
            before, after = old.bounds.get(keyword), new.bounds.get(keyword)
            if before == after:
                continue
            lower = keyword.startswith("min")
            if before is None or after is None:
                tighter = before is None
            elif before[0] == after[0]:
                tighter = after[1]
            else:
                tighter = (after[0] > before[0]) == lower
            here = _at_keyword(at, new, keyword, f"exclusive{keyword.capitalize()}")
            name = "bound-tightened" if tighter else "bound-loosened"
            yield self._finding(name, here, _bound_words(keyword, before), _bound_words(keyword, after))

    def _sets(self, old: Form, new: Form, at: At) -> Iterator[Change]:
        yield from self._patterns(old, new, _at_keyword(at, new, "pattern"))
        yield from self._named("format", old.formats, new.formats, _at_keyword(at, new, "format"))
        if old.multiples != new.multiples:
            before, after = sorted(old.multiples), sorted(new.multiples)
            name = "changed"
            if not before or (after and all(_divides(b, after) for b in before)):
                name = "tightened"
            elif not after or all(_divides(a, before) for a in after):
                name = "loosened"
            here = _at_keyword(at, new, "multipleOf")
            yield self._finding(f"multiple-{name}", here, _listed(before), _listed(after))
        if old.unique != new.unique:
            name = "items-made-unique" if new.unique else "items-may-repeat"
            yield self._finding(name, _at_keyword(at, new, "uniqueItems"), old.unique, new.unique)

    def _patterns(self, old: Form, new: Form, at: At) -> Iterator[Change]:
        gone, come = sorted(old.patterns - new.patterns), sorted(new.patterns - old.patterns)
        if {plain(pattern) for pattern in gone} == {plain(pattern) for pattern in come}:
            return
        if len(gone) == len(come) == 1:
            if wider_pattern(come[0], gone[0]):
                yield self._finding("pattern-removed", at, gone[0], come[0])
                return
            if wider_pattern(gone[0], come[0]):
                yield self._finding("pattern-added", at, gone[0], come[0])
                return
        yield from self._named("pattern", old.patterns, new.patterns, at)

    def _named(self, word: str, old: frozenset[str], new: frozenset[str], at: At) -> Iterator[Change]:
        if old == new:
            return
        name = "changed" if old - new and new - old else "added" if new - old else "removed"
        yield self._finding(f"{word}-{name}", at, _listed(sorted(old)), _listed(sorted(new)))

    def _notes(self, old: Form, new: Form, at: At) -> Iterator[Change]:
        if old.default != new.default:
            here = _at_keyword(at, new, "default")
            yield self._finding("default-changed", here, _value(old.default), _value(new.default))
        if old.deprecated != new.deprecated:
            name = "deprecated" if new.deprecated else "no-longer-deprecated"
            yield self._finding(name, at, old.deprecated, new.deprecated)
        if old.sunset != new.sunset:
            name = sunset_change("sunset", old.sunset, new.sunset, deprecated=new.deprecated)
            here = _at_keyword(at, new, "x-sunset")
            yield self._finding(name, here, old.sunset or "no date", new.sunset or "no date")
        for value in sorted(old.announced - new.announced):
            yield self._finding("announced-value-removed", at, value, _listed(sorted(new.announced)))
        for value in sorted(new.announced - old.announced):
            yield self._finding("announced-value-added", at, _listed(sorted(old.announced)), value)
        if old.encodings != new.encodings:
            words = (" as ".join(sorted(form.encodings)) or "plain" for form in (old, new))
            yield self._finding("content-encoding-changed", _at_keyword(at, new, "contentEncoding"), *words)
        if self._is_xml and old.xml != new.xml:
            yield self._finding("xml-changed", _at_keyword(at, new, "xml"), old.xml, new.xml)
        yield from self._discriminator(old, new, at)
        yield from self._clamp(old, new, at)

    def _discriminator(self, old: Form, new: Form, at: At) -> Iterator[Change]:
        before, after = old.discriminator, new.discriminator
        if before is None and after is None:
            return
        at = _at_keyword(at, new, "discriminator")
        if before is None or after is None:
            name = "discriminator-added" if before is None else "discriminator-changed"
            yield self._finding(name, at, _value(before), _value(after))
            return
        tags = (before.get("propertyName"), after.get("propertyName"))
        if tags[0] != tags[1]:
            yield self._finding("discriminator-changed", at, *map(_value, tags))
        known, left = _variants(old), _variants(new)
        # A response may stop sending a name, and a request may be allowed a new one.
        gone = known.keys() - left.keys() if self.side == "request" else set()
        come = left.keys() - known.keys() if self.side == "response" and known else set()
        for name in sorted(gone):
            yield self._finding("discriminator-changed", at, f"{name} as a variant", "no such variant")
        for name in sorted(come):
            yield self._finding("discriminator-changed", at, "no such variant", f"{name} as a variant")
        for name in sorted(known.keys() & left.keys()):
            if not self._is_equal(known[name], left[name]) and not _is_namesake(known[name], left[name]):
                words = (_name(side[name]) or "another variant" for side in (known, left))
                yield self._finding("discriminator-changed", at.below(name), *words)

    def _clamp(self, old: Form, new: Form, at: At) -> Iterator[Change]:
        if old.clamp == new.clamp:
            return
        at = _at_keyword(at, new, "x-lightning-clamp")
        before, after = (_clamp_range(form.clamp) for form in (old, new))
        bounded = {"minimum", "maximum"}
        if after is None:
            refuses = bounded & (new.bounds.keys() - old.bounds.keys()) or new.enum is not None
            yield self._finding(
                "clamp-became-refusal" if refuses else "clamp-removed", at, old.clamp, "no clamp"
            )
        elif before is None:
            refused = bounded & old.bounds.keys() or old.enum is not None
            yield self._finding("clamp-introduced" if refused else "clamp-imposed", at, "no clamp", new.clamp)
        else:
            wider = after[0] <= before[0] and after[1] >= before[1]
            yield self._finding("clamp-widened" if wider else "clamp-narrowed", at, old.clamp, new.clamp)

    # -- what lies below

    def _children(self, old: Form, new: Form, at: At) -> Iterator[Change]:
        for name in {**old.properties, **new.properties}:
            yield from self._property(name, old, new, at)
        for name in sorted(old.required ^ new.required):
            if name in old.properties and name not in new.properties and name in old.required:
                continue  # reported as a property that was removed
            if name not in old.properties and name in new.properties and name in new.required:
                continue  # reported as a property that was added
            word = "property-became-required" if name in new.required else "property-became-optional"
            words = ("optional", "required")
            yield self._finding(
                word,
                _at_keyword(at, new, "required").below(name),
                words[name in old.required],
                words[name in new.required],
            )
        yield from self._rest(
            old.additional, new.additional, at.below("any other property"), "object-closed", "object-opened"
        )
        yield from self._array(old, new, at)
        if old.content or new.content:
            yield from self.compare(old.content, new.content, at.below("content"))
        if old.names or new.names:
            yield from self.compare(
                (*old.names, *ANY_TEXT), (*new.names, *ANY_TEXT), at.below("property names")
            )

    def _property(self, name: str, old: Form, new: Form, at: At) -> Iterator[Change]:
        here = at.below(name)
        before, after = old.properties.get(name), new.properties.get(name)
        if before is not None and after is not None:
            yield from self.compare(before, after, here)
        elif after is not None:
            here = replace(here, place=place_of(after, here.place))
            required = name in new.required and name not in old.required
            word = "required property" if name in new.required else "optional property"
            if old.additional is None:
                yield self._finding("property-added-to-closed-object", here, "no such property", word)
                if required and self.side == "request":
                    yield self._finding("required-property-added", here, "no such property", word)
            elif old.additional != ANYTHING:
                yield from self.compare(old.additional, after, here)
                if required:
                    yield self._finding("required-property-added", here, "no such property", word)
            else:
                kind = "required" if required else "optional"
                yield self._finding(f"{kind}-property-added", here, "no such property", word)
        elif before is not None:
            word = "required property" if name in old.required else "optional property"
            if name in new.required:
                yield from self.compare(before, ANYTHING, here)
            elif new.additional is None:
                rule = "property-refused" if self.side == "request" else self._removal(before)
                yield self._finding(rule, here, word, "no such property")
            else:
                yield self._finding(self._removal(before), here, word, "no such property")
                if new.additional != ANYTHING:
                    yield from self.compare(before, new.additional, here)

    def _removal(self, schema: Schema) -> str:
        form = self._old.of(schema)
        return removal("property", deprecated=form.deprecated, sunset=form.sunset)

    def _extensions(self, old: Schema, new: Schema, at: At) -> Iterator[Change]:
        """Where a base is allowed, so is every component that extends it: they are variants."""
        bases = base_of(old), base_of(new)
        if bases[0] is None or bases[1] is None:
            return
        before, after = extensions(bases[0]), extensions(bases[1])
        for name in {**before, **after}:
            if name in before and name in after:
                yield from self.compare(before[name], after[name], at.below(f"variant {name}"))
            elif name in before:
                yield self._finding("variant-removed", at, name, _NO_VALUE)
            else:
                here = replace(at, place=place_of(after[name], at.place))
                yield self._finding("variant-added", here, _NO_VALUE, name)

    def _rest(
        self, old: Schema | None, new: Schema | None, at: At, narrowed: str, widened: str
    ) -> Iterator[Change]:
        """Compares what applies to all properties or items that are not named."""
        if old is None and new is None:
            return
        if old is not None and new is not None and ANYTHING not in (old, new):
            yield from self.compare(old, new, at)
            return
        words = tuple(
            "nothing" if side is None else "anything" if side == ANYTHING else "restricted"
            for side in (old, new)
        )
        if words[0] == words[1]:
            return
        order = ("nothing", "restricted", "anything")
        if old is not None and new is not None:
            found = self.compare(old, new, at)
            if not [finding for finding in found if self._is_about_values(finding)]:
                return  # a restriction that has no effect
        name = narrowed if order.index(words[1]) < order.index(words[0]) else widened
        yield self._finding(name, at, words[0], words[1])

    def _array(self, old: Form, new: Form, at: At) -> Iterator[Change]:
        for index in range(max(len(old.prefix), len(new.prefix))):
            sides = [form.prefix[index] if index < len(form.prefix) else form.items for form in (old, new)]
            here = at.below(f"item {index + 1}")
            if sides[0] is not None and sides[1] is not None:
                yield from self.compare(sides[0], sides[1], here)
            else:
                yield from self._rest(sides[0], sides[1], here, "items-restricted", "items-freed")
        yield from self._rest(old.items, new.items, at.below("each item"), "items-restricted", "items-freed")

    # -- choices

    def _choices(self, old: Schema, new: Schema, at: At) -> _Choices:
        """The differences of the choices of two schemas."""
        old_form, new_form = self._old.of(old), self._new.of(new)
        if {len(old_form.unions), len(new_form.unions)} == {0, 1}:
            return self._choice_of_one(old, new, at)
        if len(old_form.unions) != len(new_form.unions):
            return _Choices([self._finding("choice-changed", at, len(old_form.unions), len(new_form.unions))])
        found = _Choices()
        for before, after in zip(old_form.unions, new_form.unions, strict=True):
            here = _at_keyword(at, new_form, "oneOf" if after.exactly_one else "anyOf")
            union = self._union(before.branches, after.branches, here)
            found += union
            if not union.own and not union.varied and before.exactly_one != after.exactly_one:
                words = ("any of them", "exactly one")
                name = "condition-added" if after.exactly_one else "condition-removed"
                found.own.append(
                    self._finding(name, here, words[before.exactly_one], words[after.exactly_one])
                )
        return found

    def _choice_of_one(self, old: Schema, new: Schema, at: At) -> _Choices:
        """The same where only one of two schemas has a choice, and the other may be one of its variants."""
        old_form, new_form = self._old.of(old), self._new.of(new)
        before = self._old.variants(old) if old_form.unions else (old,)
        after = self._new.variants(new) if new_form.unions else (new,)
        found = self._union(before, after, at)
        if found.pairs:
            return found
        if old_form.unions:
            return _Choices(
                [self._finding("choice-dropped", at, _union_words(old_form.unions[0]), "no choice")]
            )
        return _Choices(
            [self._finding("choice-introduced", at, "no choice", _union_words(new_form.unions[0]))]
        )

    def _union(self, before: tuple[Schema, ...], after: tuple[Schema, ...], at: At) -> _Choices:
        left, right = list(before), list(after)
        found = _Choices()
        # Cheap tests come first: comparing unlike variants may lead through the whole description.
        for test in (_is_same_reference, self._is_equal, _is_namesake, self._is_compatible, self._is_alike):
            for branch in list(left):
                match = next((other for other in right if test(branch, other)), None)
                if match is not None:
                    found.pairs.append((branch, match))
                    left.remove(branch)
                    right.remove(match)
        found.own += [
            self._finding("variant-removed", at, self._variant_words(branch, self._old), _NO_VALUE)
            for branch in left
        ]
        found.own += [
            self._finding(
                "variant-added",
                replace(at, place=place_of(branch, at.place)),
                _NO_VALUE,
                self._variant_words(branch, self._new),
            )
            for branch in right
        ]
        for branch, match in found.pairs:
            found.varied += self.compare(branch, match, at.below(self._variant_words(match, self._new)))
        return found

    def _trial(self, one: Schema, other: Schema) -> list[Change]:
        """The differences of two variants, to see whether they are a pair; cached."""
        pair = (key_of(one), key_of(other))
        if pair not in self._trials:
            self._trials[pair] = self.compare(one, other, _ANYWHERE)
        return self._trials[pair]

    def _is_equal(self, one: Schema, other: Schema) -> bool:
        return not self._trial(one, other)

    def _is_compatible(self, one: Schema, other: Schema) -> bool:
        found = self._trial(one, other)
        return all(finding.severity is Severity.SAFE for finding in found) and bool(
            self._old.of(one).types & self._new.of(other).types
        )

    def _is_alike(self, one: Schema, other: Schema) -> bool:
        """Whether one variant is probably what another has become."""
        if _has_other_name(one, other):
            return False
        before, after = self._old.of(one), self._new.of(other)
        named = before.properties.keys() | after.properties.keys()
        shares_a_property = before.properties.keys() & after.properties.keys()
        return bool(before.types & after.types) and bool(shares_a_property or not named)

    def _variant_words(self, branch: Schema, forms: Forms) -> str:
        form = forms.of(branch)
        return f"variant {_name(branch) or _type_words(form)}"

    def _are_distinguishable(self, old: Schema, new: Schema, choices: _Choices) -> bool:
        """Whether no variant is mistaken for another, judged by the properties that each of them names."""
        named: dict[Any, frozenset[str]] = {}
        for before, after in choices.pairs:
            # Properties that only one of a pair names were reported as removed or added.
            names = [frozenset(self._old.of(before).properties), frozenset(self._new.of(after).properties)]
            narrow, wide = (before, after) if self.side == "request" else (after, before)
            named |= {key_of(narrow): frozenset(), key_of(wide): names[self.side == "response"]}
        try:
            sides = self._old.json(old, named), self._new.json(new, named)
        except (OverflowError, RecursionError):
            return False
        narrow, wide = sides if self.side == "request" else sides[::-1]
        return covers(wide, narrow) is Answer.YES

    def _overlap(self, old: Form, new: Form, at: At) -> list[Change]:
        """A finding for a oneOf with variants that may allow the same value."""
        for before, after in itertools.zip_longest(old.unions, new.unions):
            exactly_one = any(union.exactly_one for union in (before, after) if union)
            if not exactly_one or (old.discriminator and new.discriminator):
                continue
            for union, forms in ((before, self._old), (after, self._new)):
                pair = self._overlapping(union, forms) if union and union.exactly_one else None
                if pair is not None:
                    only_objects = all("object" in forms.of(branch).types for branch in pair)
                    found = self._finding(
                        "variants-overlap", at, *(self._variant_words(b, forms) for b in pair)
                    )
                    return [found if only_objects else replace(found, severity=Severity.BREAKING)]
        return []

    def _overlapping(self, union: Union, forms: Forms) -> tuple[Schema, Schema] | None:
        for index, branch in enumerate(union.branches):
            for other in union.branches[index + 1 :]:
                if not forms.of(branch).types & forms.of(other).types:
                    continue
                try:
                    if not disjoint(forms.json(branch), forms.json(other)):
                        return branch, other
                except OverflowError:
                    return branch, other
        return None

    # -- keywords that are compared as a whole

    def _conditions(self, old: Form, new: Form, at: At) -> Iterator[Change]:
        for keyword in {**old.opaque, **new.opaque}:
            before = [opaque_json(self._old, value) for value in old.opaque.get(keyword, ())]
            after = [opaque_json(self._new, value) for value in new.opaque.get(keyword, ())]
            gone = [value for value in before if value not in after]
            come = [value for value in after if value not in before]
            if not gone and not come:
                continue
            name = "changed" if gone and come else "added" if come else "removed"
            if _restricts_the_rest(old) or _restricts_the_rest(new):
                name = "changed"  # additional or unevaluated properties depend on it
            here = _at_keyword(at, new, keyword)
            yield self._finding(
                f"condition-{name}",
                here,
                f"{keyword} {shown(gone)}" if gone else f"no such {keyword}",
                f"{keyword} {shown(come)}" if come else f"no such {keyword}",
            )

    # -- containment

    def _containment(self, old: Schema, new: Schema) -> tuple[Answer, Answer]:
        """Whether containment proves the change to be safe, and its reverse."""
        try:
            before, after = self._old.json(old), self._new.json(new)
        except (OverflowError, RecursionError):
            return Answer.UNKNOWN, Answer.UNKNOWN
        forth = covers(_without_unnamed(after, before), before)
        back = covers(_without_unnamed(before, after), after)
        return (forth, back) if self.side == "request" else (back, forth)


def _without_unnamed(wide: Any, narrow: Any) -> Any:
    """`wide` without the optional properties that `narrow` does not name though it allows any: nobody sends
    those."""
    if not isinstance(wide, dict) or not isinstance(narrow, dict):
        return wide
    result = dict(wide)
    if isinstance(wide.get("properties"), dict):
        known = narrow.get("properties", {})
        is_open = narrow.get("additionalProperties", True) is True
        # With conditions nothing is left out, since they may be about the same property.
        is_plain = not {"allOf", "anyOf", "oneOf", "not", "if", "patternProperties"} & {*wide, *narrow}
        result["properties"] = {
            name: _without_unnamed(sub, known.get(name))
            for name, sub in wide["properties"].items()
            if name in known or not (is_open and is_plain and "object" in narrow.get("type", ()))
        }
    if "items" in wide and "items" in narrow:
        result["items"] = _without_unnamed(wide["items"], narrow["items"])
    return result


def _restricts_the_rest(form: Form) -> bool:
    return form.additional != ANYTHING or any(keyword.startswith("unevaluated") for keyword in form.opaque)


def _is_any_text(form: Form) -> bool:
    bare = not (form.bounds or form.patterns or form.formats or form.unions or form.opaque)
    return "string" in form.types and form.enum is None and bare


_ANYWHERE = At("", "", Place("", 1, ""))


def _is_same_reference(one: Schema, other: Schema) -> bool:
    return len(one) == len(other) == 1 and _is_namesake(one, other) and _reference(one) == _reference(other)


def _is_namesake(one: Schema, other: Schema) -> bool:
    name = _name(one)
    return name is not None and name == _name(other)


def _has_other_name(one: Schema, other: Schema) -> bool:
    names = _name(one), _name(other)
    return None not in names and names[0] != names[1]


def _union_words(union: Union) -> str:
    return "exactly one of several" if union.exactly_one else "one of several"


def _name(schema: Schema) -> str | None:
    for part in schema:
        if isinstance(part.raw, dict) and isinstance(part.raw.get("title"), str):
            return _reference(schema) or str(part.raw["title"])
    return _reference(schema)


def _reference(schema: Schema) -> str | None:
    """The name of the component that a schema refers to."""
    for part in schema:
        if isinstance(part.raw, dict) and isinstance(part.raw.get("$ref"), str):
            return str(part.raw["$ref"]).rpartition("/")[2]
    return None


def _at_keyword(at: At, form: Form, *keywords: str) -> At:
    for keyword in keywords:
        part = form.places.get(keyword)
        if part is not None and part.document.name:
            return replace(at, place=part.document.place((*part.trail, keyword)))
    return at


def _type_words(form: Form) -> str:
    if form.types == TYPES:
        return "any type"
    return " or ".join(type_names(form.types)) or "nothing"


def _bound_words(keyword: str, bound: tuple[float, bool] | None) -> str:
    if bound is None:
        return f"no {keyword}"
    value = int(bound[0]) if float(bound[0]).is_integer() else bound[0]
    return f"{keyword} {value}{' (exclusive)' if bound[1] else ''}"


def _listed(values: Any) -> str:
    return ", ".join(str(value) for value in values) or _NO_VALUE


def _value(value: Any) -> str:
    return _NO_VALUE if value is None else shown(value)


def _divides(number: float, others: list[float]) -> bool:
    return any(abs(other / number - round(other / number)) < 1e-9 for other in others if number)


def _variants(form: Form) -> dict[str, Schema]:
    """The variants by the values of a discriminator: those of its mapping, else the components' names."""
    part = form.places["discriminator"]
    names = form.discriminator.get("mapping") if form.discriminator else None
    found: dict[str, Schema] = {}
    for name, target in names.items() if isinstance(names, dict) else ():
        is_name = isinstance(target, str) and not {"/", "#", "."} & set(target)
        reference = f"#/components/schemas/{target}" if is_name else target
        found[name] = (
            Part(part.document, (*part.trail, "discriminator", "mapping", name), {"$ref": reference}),
        )
    listed = {_name(schema) for schema in found.values()}
    for union in form.unions:
        for branch in union.branches:
            name = _reference(branch)
            if name is not None and name not in listed:
                found.setdefault(name, branch)
    return found


def _clamp_range(clamp: Mapping[str, Any] | None) -> tuple[float, float] | None:
    if clamp is None:
        return None
    return float(clamp.get("minimum", "-inf")), float(clamp.get("maximum", "inf"))
