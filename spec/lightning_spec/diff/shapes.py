"""Compares two schemas in one direction: a request may admit more, a response may admit less.

The comparison walks both normal forms keyword by keyword, which finds the words for a change. Each keyword
narrows by itself, so that no narrowing keyword means no narrowing at all. Where keywords did narrow, or
cannot be weighed one by one, the containment engine has the last word; what it cannot decide stays
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
    BOUNDS,
    NOTHING,
    Form,
    Forms,
    Part,
    Schema,
    Side,
    Union,
    admits_all,
    base_of,
    heirs,
    key_of,
    opaque_json,
    ordering,
    place_of,
)

# Findings about words of the contract rather than about admitted values: containment has no say in them.
_BEYOND_VALUES = (
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
_NO_VALUE = "none"
# A difference of something that is used so often has been told; a description may use it a billion times.
_OFTEN = 20


@dataclass(frozen=True, slots=True)
class At:
    """Which operation and which part of it a finding speaks of."""

    operation: str
    subject: str
    place: Place

    def below(self, name: str) -> At:
        """The same, one step deeper."""
        return At(self.operation, f"{self.subject} > {name}", self.place)


def change(rule: str, at: At, old: Any, new: Any, reason: str = "") -> Change:
    """The finding of a rule."""
    severity = RULES[rule].severity
    return Change(rule, severity, at.operation, at.subject, shown(old), shown(new), at.place, reason)


def removal(thing: str, *, deprecated: bool, sunset: Any) -> str:
    """The rule of something that was removed, with regard to what was announced before."""
    if isinstance(sunset, str) and sunset[:10] > datetime.datetime.now(datetime.UTC).date().isoformat():
        return f"{thing}-removed-before-sunset"
    return f"deprecated-{thing}-removed" if deprecated else f"{thing}-removed"


def sunset_change(thing: str, before: Any, after: Any, *, deprecated: bool) -> str:
    """The rule of an announced end that moved. Without a day, what is deprecated may end any day."""
    earlier = before and (str(after) < str(before) if after else deprecated)
    return f"{thing}-earlier" if earlier else f"{thing}-changed"


@dataclass
class _Choices:
    """What two choices differ in: findings about the choices, about variants, and the pairs of variants."""

    own: list[Change] = field(default_factory=list)
    varied: list[Change] = field(default_factory=list)
    pairs: list[tuple[Schema, Schema]] = field(default_factory=list)

    def __iadd__(self, other: _Choices) -> _Choices:
        self.own += other.own
        self.varied += other.varied
        self.pairs += other.pairs
        return self


class Shapes:
    """Compares schemas of one direction. How values are written as XML counts only where they are."""

    def __init__(self, side: Side, *, is_xml: bool = False) -> None:
        self.side = side
        self._is_xml = is_xml
        self._old = Forms(side)
        self._new = Forms(side)
        self._open: dict[Any, int] = {}
        self._path: list[Any] = []
        self._lowest = 0  # the outermost comparison under way that something found so far relies on
        # What was found below a comparison that is still under way, and which one that is.
        self._waiting: dict[Any, list[Change]] = {}
        self._anchors: dict[Any, Any] = {}
        self._equal: set[Any] = set()
        self._told: dict[Any, list[Change]] = {}
        self._times: Counter[Any] = Counter()
        self._trials: dict[Any, list[Change]] = {}

    def compare(self, old: Schema, new: Schema, at: At) -> list[Change]:
        """Every difference between two schemas."""
        pair = (key_of(old), key_of(new))
        here = (pair, at.operation)
        if pair in self._open:
            # What recurs is equal if all else is: its values end somewhere.
            self._lowest = min(self._lowest, self._open[pair])
            return []
        if pair in self._equal:
            return []
        if here in self._waiting:
            self._lowest = min(self._lowest, self._relied_on(here))
            return self._waiting[here]
        if self._times[here] >= _OFTEN:
            return self._told[here]
        at = replace(at, place=place_of(new, at.place))
        depth = self._open[pair] = len(self._open)
        self._path.append(here)
        around, self._lowest = self._lowest, depth
        known = len(self._waiting)
        try:
            found = list(dict.fromkeys(self._level(old, new, at)))
        finally:
            del self._open[pair]
            self._path.pop()
            lowest, self._lowest = self._lowest, min(around, self._lowest)
        if lowest < depth:
            self._waiting[here] = found
            self._anchors[here] = self._path[lowest]
            return found
        settled = {here: found}
        while len(self._waiting) > known:
            inner, inner_found = self._waiting.popitem()
            del self._anchors[inner]
            settled[inner] = inner_found
        if found:
            self._told[here] = found
            self._times[here] += 1
        else:
            self._equal |= {inner[0] for inner, inner_found in settled.items() if not inner_found}
        return found

    def _relied_on(self, here: Any) -> int:
        """The outermost comparison under way that what waits for one relies on."""
        anchor = self._anchors[here]
        while anchor in self._anchors:
            anchor = self._anchors[anchor]
        self._anchors[here] = anchor
        return self._open[anchor[0]]

    def compare_text(self, old: Schema, new: Schema, at: At) -> list[Change]:
        """The same for a value that travels as text: whoever takes any text takes every number too."""
        one, other = self._old.of(old), self._new.of(new)
        widened = one.types != other.types and one.types <= _WRITTEN and _is_any_text(other)
        if self.side == "request" and widened:
            at = replace(at, place=place_of(new, at.place))
            return [self._finding("type-widened", at, _type_words(one), _type_words(other))]
        return self.compare(old, new, at)

    def form_of(self, schema: Schema) -> Form:
        """The normal form of a schema by itself."""
        return self._new.of(schema)

    def _finding(self, name: str, at: At, old: Any, new: Any, reason: str = "") -> Change:
        return change(f"{self.side}-{name}", at, old, new, reason)

    def _level(self, old: Schema, new: Schema, at: At) -> list[Change]:
        one, other = self._old.of(old), self._new.of(new)
        found = [*self._form(old, new, at), *self._heirs(old, new, at)]
        if other.unread - one.unread:
            before = (
                f"{_listed(sorted(one.unread))}, which cannot be read either" if one.unread else "a schema"
            )
            found.append(change("unreadable", at, before, "a schema that cannot be read"))
        return found

    def _form(self, old: Schema, new: Schema, at: At) -> list[Change]:
        one, other = self._old.of(old), self._new.of(new)
        own = list(self._keywords(one, other, at))
        if one.types & other.types or not (one.types or other.types):
            # Where anything is taken, so is all that was described.
            is_freed = self.side == "request" and admits_all(other)
            inner = [] if is_freed else list(self._children(one, other, at))
            choices = self._choices(old, new, at)
            own += choices.own
            own += self._conditions(one, other, at)
        else:
            inner, choices = [], _Choices()
        varied = choices.varied
        if choices.pairs and len(one.unions) != len(other.unions):
            # A pair of variants is compared with all that is said beside the choice.
            own = [finding for finding in own if finding in choices.own or not self._is_about_values(finding)]
            inner = []
        values = [finding for finding in own if self._is_about_values(finding)]
        if not values and not varied:
            return own + inner
        beyond = [finding for finding in own if finding not in values]
        answer, back = self._ask(old, new)
        if answer is Answer.YES and back is Answer.YES:
            # The same values in other words; only what is said beside them counts.
            return beyond + [finding for finding in inner + varied if not self._is_about_values(finding)]
        if answer is Answer.YES and len(one.unions) != len(other.unions):
            # What one side says of a variant, the other says of the whole: properties only moved.
            return [
                *beyond,
                self._finding("rewritten", at, "other parts", "the same or a wider contract"),
            ]
        if answer is Answer.YES:
            if any(finding.severity is not Severity.SAFE for finding in values + varied):
                return [
                    *beyond,
                    *inner,
                    self._finding("rewritten", at, "other parts", "the same or a wider contract"),
                ]
            return own + inner + varied
        overlap = self._overlap(one, other, at)
        if overlap and self._told_apart(old, new, choices):
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
        return name not in _BEYOND_VALUES and not name.startswith("clamp")

    # -- keywords of one level

    def _keywords(self, one: Form, other: Form, at: At) -> Iterator[Change]:
        yield from self._types(one, other, at)
        if one.types & other.types or (one.enum is not None and other.enum is not None):
            yield from self._enums(one, other, at)
        if one.types & other.types:
            yield from self._bounds(one, other, at)
            yield from self._sets(one, other, at)
        yield from self._notes(one, other, at)

    def _types(self, one: Form, other: Form, at: At) -> Iterator[Change]:
        if one.types == other.types or (one.enum is not None and other.enum is not None):
            return
        added, removed = other.types - one.types, one.types - other.types
        if one.enum is not None and not removed:
            return  # told as an enum that was dropped
        if other.enum is not None and not added:
            return  # told as an enum that was introduced
        name = "changed" if added and removed else "widened" if added else "narrowed"
        at = _at_keyword(at, other, "type")
        yield self._finding(f"type-{name}", at, _type_words(one), _type_words(other))

    def _enums(self, one: Form, other: Form, at: At) -> Iterator[Change]:
        at = _at_keyword(at, other, "enum", "const")
        if one.enum is None or other.enum is None:
            if one.enum is not None:
                yield self._finding("enum-dropped", at, list(one.enum), "any value")
            elif other.enum is not None:
                yield self._finding("enum-introduced", at, "any value", list(other.enum))
            return
        before, after = ({ordering(value): value for value in form.enum or ()} for form in (one, other))
        for value in before.keys() - after.keys():
            yield self._finding("enum-value-removed", at, before[value], f"one of {shown(list(other.enum))}")
        for value in after.keys() - before.keys():
            yield self._finding("enum-value-added", at, f"one of {shown(list(one.enum))}", after[value])

    def _bounds(self, one: Form, other: Form, at: At) -> Iterator[Change]:
        for keyword in BOUNDS:
            before, after = one.bounds.get(keyword), other.bounds.get(keyword)
            if before == after:
                continue
            lower = keyword.startswith("min")
            if before is None or after is None:
                tighter = before is None
            elif before[0] == after[0]:
                tighter = after[1]
            else:
                tighter = (after[0] > before[0]) == lower
            here = _at_keyword(at, other, keyword, f"exclusive{keyword.capitalize()}")
            name = "bound-tightened" if tighter else "bound-loosened"
            yield self._finding(name, here, _bound_words(keyword, before), _bound_words(keyword, after))

    def _sets(self, one: Form, other: Form, at: At) -> Iterator[Change]:
        yield from self._patterns(one, other, _at_keyword(at, other, "pattern"))
        yield from self._named("format", one.formats, other.formats, _at_keyword(at, other, "format"))
        if one.multiples != other.multiples:
            before, after = sorted(one.multiples), sorted(other.multiples)
            name = "changed"
            if not before or (after and all(_divides(b, after) for b in before)):
                name = "tightened"
            elif not after or all(_divides(a, before) for a in after):
                name = "loosened"
            here = _at_keyword(at, other, "multipleOf")
            yield self._finding(f"multiple-{name}", here, _listed(before), _listed(after))
        if one.unique != other.unique:
            name = "items-made-unique" if other.unique else "items-may-repeat"
            yield self._finding(name, _at_keyword(at, other, "uniqueItems"), one.unique, other.unique)

    def _patterns(self, one: Form, other: Form, at: At) -> Iterator[Change]:
        gone, come = sorted(one.patterns - other.patterns), sorted(other.patterns - one.patterns)
        if {plain(pattern) for pattern in gone} == {plain(pattern) for pattern in come}:
            return
        if len(gone) == len(come) == 1:
            if wider_pattern(come[0], gone[0]):
                yield self._finding("pattern-removed", at, gone[0], come[0])
                return
            if wider_pattern(gone[0], come[0]):
                yield self._finding("pattern-added", at, gone[0], come[0])
                return
        yield from self._named("pattern", one.patterns, other.patterns, at)

    def _named(self, word: str, one: frozenset[str], other: frozenset[str], at: At) -> Iterator[Change]:
        if one == other:
            return
        name = "changed" if one - other and other - one else "added" if other - one else "removed"
        yield self._finding(f"{word}-{name}", at, _listed(sorted(one)), _listed(sorted(other)))

    def _notes(self, one: Form, other: Form, at: At) -> Iterator[Change]:
        if one.default != other.default:
            here = _at_keyword(at, other, "default")
            yield self._finding("default-changed", here, _value(one.default), _value(other.default))
        if one.deprecated != other.deprecated:
            name = "deprecated" if other.deprecated else "no-longer-deprecated"
            yield self._finding(name, at, one.deprecated, other.deprecated)
        if one.sunset != other.sunset:
            name = sunset_change("sunset", one.sunset, other.sunset, deprecated=other.deprecated)
            here = _at_keyword(at, other, "x-sunset")
            yield self._finding(name, here, one.sunset or "no date", other.sunset or "no date")
        for value in sorted(one.announced - other.announced):
            yield self._finding("announced-value-removed", at, value, _listed(sorted(other.announced)))
        for value in sorted(other.announced - one.announced):
            yield self._finding("announced-value-added", at, _listed(sorted(one.announced)), value)
        if one.encodings != other.encodings:
            words = (" as ".join(sorted(form.encodings)) or "plain" for form in (one, other))
            yield self._finding("content-encoding-changed", _at_keyword(at, other, "contentEncoding"), *words)
        if self._is_xml and one.xml != other.xml:
            yield self._finding("xml-changed", _at_keyword(at, other, "xml"), one.xml, other.xml)
        yield from self._discriminator(one, other, at)
        yield from self._clamp(one, other, at)

    def _discriminator(self, one: Form, other: Form, at: At) -> Iterator[Change]:
        before, after = one.discriminator, other.discriminator
        if before is None and after is None:
            return
        at = _at_keyword(at, other, "discriminator")
        if before is None or after is None:
            name = "discriminator-added" if before is None else "discriminator-changed"
            yield self._finding(name, at, _value(before), _value(after))
            return
        tags = (before.get("propertyName"), after.get("propertyName"))
        if tags[0] != tags[1]:
            yield self._finding("discriminator-changed", at, *map(_value, tags))
        known, left = _variants(one), _variants(other)
        # A name that is no longer sent hurts nobody, and one that nobody sent before is taken.
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

    def _clamp(self, one: Form, other: Form, at: At) -> Iterator[Change]:
        if one.clamp == other.clamp:
            return
        at = _at_keyword(at, other, "x-lightning-clamp")
        before, after = (_clamp_range(form.clamp) for form in (one, other))
        bounded = {"minimum", "maximum"}
        if after is None:
            refuses = bounded & (other.bounds.keys() - one.bounds.keys()) or other.enum is not None
            yield self._finding(
                "clamp-became-refusal" if refuses else "clamp-removed", at, one.clamp, "no clamp"
            )
        elif before is None:
            refused = bounded & one.bounds.keys() or one.enum is not None
            yield self._finding(
                "clamp-introduced" if refused else "clamp-imposed", at, "no clamp", other.clamp
            )
        else:
            wider = after[0] <= before[0] and after[1] >= before[1]
            yield self._finding("clamp-widened" if wider else "clamp-narrowed", at, one.clamp, other.clamp)

    # -- what lies below

    def _children(self, one: Form, other: Form, at: At) -> Iterator[Change]:
        for name in {**one.properties, **other.properties}:
            yield from self._property(name, one, other, at)
        for name in sorted(one.required ^ other.required):
            if name in one.properties and name not in other.properties and name in one.required:
                continue  # told as a property that was removed
            if name not in one.properties and name in other.properties and name in other.required:
                continue  # told as a property that was added
            word = "property-became-required" if name in other.required else "property-became-optional"
            words = ("optional", "required")
            yield self._finding(
                word,
                _at_keyword(at, other, "required").below(name),
                words[name in one.required],
                words[name in other.required],
            )
        yield from self._rest(
            one.additional, other.additional, at.below("any other property"), "object-closed", "object-opened"
        )
        yield from self._array(one, other, at)
        if one.content or other.content:
            yield from self.compare(one.content, other.content, at.below("content"))
        if one.names or other.names:
            yield from self.compare(
                (*one.names, *ANY_TEXT), (*other.names, *ANY_TEXT), at.below("property names")
            )

    def _property(self, name: str, one: Form, other: Form, at: At) -> Iterator[Change]:
        here = at.below(name)
        before, after = one.properties.get(name), other.properties.get(name)
        if before is not None and after is not None:
            yield from self.compare(before, after, here)
        elif after is not None:
            here = replace(here, place=place_of(after, here.place))
            required = name in other.required and name not in one.required
            word = "required property" if name in other.required else "optional property"
            if one.additional is None:
                yield self._finding("property-added-to-closed-object", here, "no such property", word)
                if required and self.side == "request":
                    yield self._finding("required-property-added", here, "no such property", word)
            elif one.additional != NOTHING:
                yield from self.compare(one.additional, after, here)
                if required:
                    yield self._finding("required-property-added", here, "no such property", word)
            else:
                kind = "required" if required else "optional"
                yield self._finding(f"{kind}-property-added", here, "no such property", word)
        elif before is not None:
            word = "required property" if name in one.required else "optional property"
            if name in other.required:
                yield from self.compare(before, NOTHING, here)
            elif other.additional is None:
                rule = "property-refused" if self.side == "request" else self._removal(before)
                yield self._finding(rule, here, word, "no such property")
            else:
                yield self._finding(self._removal(before), here, word, "no such property")
                if other.additional != NOTHING:
                    yield from self.compare(before, other.additional, here)

    def _removal(self, schema: Schema) -> str:
        form = self._old.of(schema)
        return removal("property", deprecated=form.deprecated, sunset=form.sunset)

    def _heirs(self, old: Schema, new: Schema, at: At) -> Iterator[Change]:
        """What extends a schema may stand wherever the schema may."""
        bases = base_of(old), base_of(new)
        if bases[0] is None or bases[1] is None:
            return
        before, after = heirs(bases[0]), heirs(bases[1])
        for name in {**before, **after}:
            if name in before and name in after:
                yield from self.compare(before[name], after[name], at.below(f"variant {name}"))
            elif name in before:
                yield self._finding("variant-removed", at, name, _NO_VALUE)
            else:
                here = replace(at, place=place_of(after[name], at.place))
                yield self._finding("variant-added", here, _NO_VALUE, name)

    def _rest(
        self, one: Schema | None, other: Schema | None, at: At, narrowed: str, widened: str
    ) -> Iterator[Change]:
        """What is said of all properties or items that are not named."""
        if one is None and other is None:
            return
        if one is not None and other is not None and NOTHING not in (one, other):
            yield from self.compare(one, other, at)
            return
        words = tuple(
            "nothing" if side is None else "anything" if side == NOTHING else "restricted"
            for side in (one, other)
        )
        if words[0] == words[1]:
            return
        order = ("nothing", "restricted", "anything")
        if one is not None and other is not None:
            found = self.compare(one, other, at)
            if not [finding for finding in found if self._is_about_values(finding)]:
                return  # a restriction that restricts nothing
        name = narrowed if order.index(words[1]) < order.index(words[0]) else widened
        yield self._finding(name, at, words[0], words[1])

    def _array(self, one: Form, other: Form, at: At) -> Iterator[Change]:
        for index in range(max(len(one.prefix), len(other.prefix))):
            sides = [form.prefix[index] if index < len(form.prefix) else form.items for form in (one, other)]
            here = at.below(f"item {index + 1}")
            if sides[0] is not None and sides[1] is not None:
                yield from self.compare(sides[0], sides[1], here)
            else:
                yield from self._rest(sides[0], sides[1], here, "items-restricted", "items-freed")
        yield from self._rest(
            one.items, other.items, at.below("each item"), "items-restricted", "items-freed"
        )

    # -- choices

    def _choices(self, old: Schema, new: Schema, at: At) -> _Choices:
        """Findings about the choices themselves, and about variants that are on both sides."""
        one, other = self._old.of(old), self._new.of(new)
        if {len(one.unions), len(other.unions)} == {0, 1}:
            return self._choice_of_one(old, new, at)
        if len(one.unions) != len(other.unions):
            return _Choices([self._finding("choice-changed", at, len(one.unions), len(other.unions))])
        found = _Choices()
        for before, after in zip(one.unions, other.unions, strict=True):
            here = _at_keyword(at, other, "oneOf" if after.exactly_one else "anyOf")
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
        """A schema that became one variant of a choice, or what is left of one."""
        one, other = self._old.of(old), self._new.of(new)
        before = self._old.variants(old) if one.unions else (old,)
        after = self._new.variants(new) if other.unions else (new,)
        found = self._union(before, after, at)
        if found.pairs:
            return found
        if one.unions:
            return _Choices([self._finding("choice-dropped", at, _union_words(one.unions[0]), "no choice")])
        return _Choices([self._finding("choice-introduced", at, "no choice", _union_words(other.unions[0]))])

    def _union(self, before: tuple[Schema, ...], after: tuple[Schema, ...], at: At) -> _Choices:
        left, right = list(before), list(after)
        found = _Choices()
        # The cheap test first: to compare unlike variants may lead through the whole description.
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
        """What a pair of variants would differ in; asked often, so remembered."""
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
        """Whether one variant is what became of another, rather than something else in its place."""
        if _has_other_name(one, other):
            return False
        before, after = self._old.of(one), self._new.of(other)
        named = before.properties.keys() | after.properties.keys()
        shares_a_property = before.properties.keys() & after.properties.keys()
        return bool(before.types & after.types) and bool(shares_a_property or not named)

    def _variant_words(self, branch: Schema, forms: Forms) -> str:
        form = forms.of(branch)
        return f"variant {_name(branch) or _type_words(form)}"

    def _told_apart(self, old: Schema, new: Schema, choices: _Choices) -> bool:
        """Whether by what each variant names, though others leave it open, none is mistaken for another."""
        named: dict[Any, frozenset[str]] = {}
        for before, after in choices.pairs:
            # What the wider of a pair no longer or not yet names was told as a property that went or came.
            names = [frozenset(self._old.of(before).properties), frozenset(self._new.of(after).properties)]
            narrow, wide = (before, after) if self.side == "request" else (after, before)
            named |= {key_of(narrow): frozenset(), key_of(wide): names[self.side == "response"]}
        try:
            sides = self._old.json(old, named), self._new.json(new, named)
        except (OverflowError, RecursionError):
            return False
        narrow, wide = sides if self.side == "request" else sides[::-1]
        return covers(wide, narrow) is Answer.YES

    def _overlap(self, one: Form, other: Form, at: At) -> list[Change]:
        """A finding for a choice of exactly one whose variants are not proven to exclude each other."""
        for before, after in itertools.zip_longest(one.unions, other.unions):
            exactly_one = any(union.exactly_one for union in (before, after) if union)
            if not exactly_one or (one.discriminator and other.discriminator):
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

    # -- conditions that only containment can weigh

    def _conditions(self, one: Form, other: Form, at: At) -> Iterator[Change]:
        for keyword in {**one.opaque, **other.opaque}:
            before = [opaque_json(self._old, value) for value in one.opaque.get(keyword, ())]
            after = [opaque_json(self._new, value) for value in other.opaque.get(keyword, ())]
            gone = [value for value in before if value not in after]
            come = [value for value in after if value not in before]
            if not gone and not come:
                continue
            name = "changed" if gone and come else "added" if come else "removed"
            if _refuses_the_rest(one) or _refuses_the_rest(other):
                name = "changed"  # what it speaks of is exempt from what is said of the rest
            here = _at_keyword(at, other, keyword)
            yield self._finding(
                f"condition-{name}",
                here,
                f"{keyword} {shown(gone)}" if gone else f"no such {keyword}",
                f"{keyword} {shown(come)}" if come else f"no such {keyword}",
            )

    # -- containment

    def _ask(self, old: Schema, new: Schema) -> tuple[Answer, Answer]:
        """Whether the change is safe by containment, and whether its reverse is."""
        try:
            before, after = self._old.json(old), self._new.json(new)
        except (OverflowError, RecursionError):
            return Answer.UNKNOWN, Answer.UNKNOWN
        forth = covers(_as_announced(after, before), before)
        back = covers(_as_announced(before, after), after)
        return (forth, back) if self.side == "request" else (back, forth)


def _as_announced(wide: Any, narrow: Any) -> Any:
    """`wide` without the optional properties that an open `narrow` does not name: nobody sends those."""
    if not isinstance(wide, dict) or not isinstance(narrow, dict):
        return wide
    result = dict(wide)
    if isinstance(wide.get("properties"), dict):
        known = narrow.get("properties", {})
        is_open = narrow.get("additionalProperties", True) is True
        # Conditions may look at the same property; then nothing is left out.
        is_plain = not {"allOf", "anyOf", "oneOf", "not", "if", "patternProperties"} & {*wide, *narrow}
        result["properties"] = {
            name: _as_announced(sub, known.get(name))
            for name, sub in wide["properties"].items()
            if name in known or not (is_open and is_plain and "object" in narrow.get("type", ()))
        }
    if "items" in wide and "items" in narrow:
        result["items"] = _as_announced(wide["items"], narrow["items"])
    return result


def _refuses_the_rest(form: Form) -> bool:
    return form.additional != NOTHING or any(keyword.startswith("unevaluated") for keyword in form.opaque)


_WRITTEN = frozenset({"boolean", "integer", "number", "string"})


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
    names = form.types - ({"integer"} if "number" in form.types else set())
    if len(form.types) == 7:
        return "any type"
    return " or ".join(sorted(names)) or "nothing"


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
    """The variants by the names that a discriminator has for them: those it lists, else their own."""
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
