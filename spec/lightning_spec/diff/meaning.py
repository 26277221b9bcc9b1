"""Compares the facts of behaviour that stand beside the shapes: plans, limits, counters, sizes, promises.

They are the `x-lightning-*` data of a description and its `requirements.yaml`. A fact that no rule knows
counts as breaking when it changes: nobody can say what it means to a caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lightning_spec.diff.change import Change, Place
from lightning_spec.diff.operations import Operation, mapping, operations
from lightning_spec.diff.patterns import wider_pattern
from lightning_spec.diff.shapes import At, change
from lightning_spec.diff.source import Document, Revision, Trail

_PREFIX = "x-lightning-"


def compare_meaning(old: Revision, new: Revision) -> list[Change]:
    """Every difference between the facts of two revisions."""
    before, after = old.description, new.description
    found = list(_facts(mapping(before.data), mapping(after.data), _ROOT, _at(after, (), "")))
    ours = operations(after)
    for key, operation in operations(before).items():
        if key in ours:
            found += _operation(operation, ours[key])
    if old.requirements is not None:
        found += _requirements(old.requirements, new.requirements, after)
    elif new.requirements is not None and mapping(before.data):
        found += _requirements(Document(before.name, {}, {}, before.read, []), new.requirements, after)
    return found


def _at(document: Document, trail: Trail, subject: str, operation: str = "") -> _Place:
    return _Place(document, trail, subject, operation)


class _Place:
    """A place in the new revision that findings can go down from."""

    def __init__(self, document: Document, trail: Trail, subject: str, operation: str) -> None:
        self.document = document
        self.trail = trail
        self.subject = subject
        self.operation = operation

    def below(self, key: str | int, subject: str) -> _Place:
        """One step deeper."""
        return _Place(self.document, (*self.trail, key), subject, self.operation)

    @property
    def at(self) -> At:
        """The place for a finding."""
        where: Place = self.document.place(self.trail)
        return At(self.operation, self.subject, where)


def _facts(
    old: dict[str, Any], new: dict[str, Any], table: dict[str, Callable[..., Iterator[Change]]], here: _Place
) -> Iterator[Change]:
    for key in [name for name in {**old, **new} if name.startswith(_PREFIX)]:
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        spot = here.below(key, key.removeprefix(_PREFIX).replace("-", " "))
        if key in table:
            yield from table[key](before, after, spot)
        else:
            rule = "fact-added" if before is None else "fact-removed" if after is None else "fact-changed"
            yield change(rule, spot.at, _said(before), _said(after), "no rule knows this fact")


def _said(value: Any) -> Any:
    return "nothing" if value is None else value


# -- the catalogue


def _plans(old: Any, new: Any, here: _Place) -> Iterator[Change]:
    before, after = mapping(old), mapping(new)
    if before.get("default") != after.get("default"):
        spot = here.below("default", "default plan")
        yield change(
            "default-plan-changed", spot.at, _said(before.get("default")), _said(after.get("default"))
        )
    left, right = _by(before.get("plans"), "key"), _by(after.get("plans"), "key")
    known = {metric for _, plan in left.values() for metric in mapping(plan.get("limits"))}
    for key, (_, plan) in left.items():
        if key not in right:
            yield change("plan-removed", here.below("plans", f"plan {key}").at, "the plan", "no such plan")
        else:
            index, other = right[key]
            spot = here.below("plans", "plans").below(index, f"plan {key}")
            yield from _plan(plan, other, spot, known)
    for key, (index, _) in right.items():
        if key not in left:
            spot = here.below("plans", "plans").below(index, f"plan {key}")
            yield change("plan-added", spot.at, "no such plan", "the plan")


def _by(entries: Any, key: str) -> dict[str, tuple[int, dict[str, Any]]]:
    listed = entries if isinstance(entries, list) else ()
    return {
        str(entry[key]): (index, entry)
        for index, entry in enumerate(listed)
        if isinstance(entry, dict) and key in entry
    }


def _units(limit: Any) -> str:
    return "unlimited" if limit is None else f"{limit} units"


def _plan(old: dict[str, Any], new: dict[str, Any], here: _Place, others: set[str]) -> Iterator[Change]:
    limits = [mapping(side.get("limits")) for side in (old, new)]
    spot = here.below("limits", here.subject)
    for metric in {**limits[0], **limits[1]}:
        here_ = spot.below(metric, f"{here.subject}, {metric}")
        if metric not in limits[1]:
            # A counter that goes for all is told once, by the counters themselves.
            if metric in mapping(mapping(here.document.data).get(f"{_PREFIX}metrics")):
                yield change("plan-limit-unnamed", here_.at, _units(limits[0][metric]), "no word of it")
        elif metric in limits[0]:
            yield from _limit(limits[0][metric], limits[1][metric], here_)
        elif metric in others:
            yield change("plan-limit-named", here_.at, "no word of it", _units(limits[1][metric]))
    for key, words in (
        ("name", "plan-renamed"),
        ("url", "plan-detail-changed"),
        ("order", "plan-detail-changed"),
    ):
        if old.get(key) != new.get(key):
            place = here.below(key, f"{here.subject}, {key}")
            yield change(words, place.at, _said(old.get(key)), _said(new.get(key)))
    if old.get("price") != new.get("price"):
        place = here.below("price", f"{here.subject}, price")
        prices = [_number(side.get("price")) for side in (old, new)]
        rule = "plan-price-rewritten"
        if prices[0] is not None and prices[1] is not None and prices[0] != prices[1]:
            rule = "plan-price-raised" if prices[1] > prices[0] else "plan-price-lowered"
        yield change(rule, place.at, _price(old.get("price")), _price(new.get("price")))
    yield from _unknown(old, new, ("key", "name", "url", "order", "price", "limits"), here)


def _price(value: Any) -> str:
    """A price with its form, since 9.99 the text and 9.99 the number look alike."""
    if value is None:
        return "nothing"
    return f"the text {value}" if isinstance(value, str) else f"the number {value}"


def _unknown(
    old: dict[str, Any], new: dict[str, Any], known: tuple[str, ...], here: _Place
) -> Iterator[Change]:
    """Fields beside those that rules know."""
    for key in {**old, **new}:
        if key not in known and old.get(key) != new.get(key):
            rule = "fact-added" if key not in old else "fact-removed" if key not in new else "fact-changed"
            spot = here.below(key, f"{here.subject}, {key}")
            yield change(rule, spot.at, _said(old.get(key)), _said(new.get(key)), "no rule knows this fact")


def _limit(before: Any, after: Any, here: _Place) -> Iterator[Change]:
    if before == after:
        return
    words = [_units(before), _units(after)]
    if before is None:
        rule = "plan-limit-introduced"
    elif after is None:
        rule = "plan-limit-lifted"
    else:
        rule = _smaller(before, after, "plan-limit-lowered", "plan-limit-raised")
    yield change(rule, here.at, *words)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _smaller(before: Any, after: Any, lowered: str, raised: str) -> str:
    numbers = (_number(before), _number(after))
    if numbers[0] is None or numbers[1] is None:
        return lowered
    return lowered if numbers[1] < numbers[0] else raised


# -- counters, failures and sizes


def _metrics(old: Any, new: Any, here: _Place) -> Iterator[Change]:
    before, after = mapping(old), mapping(new)
    for name in {**before, **after}:
        spot = here.below(name, f"counter {name}")
        if name not in after:
            yield change("metric-removed", spot.at, "the counter", "no such counter")
        elif name not in before:
            yield change("metric-added", spot.at, "no such counter", "the counter")
        else:
            sides = [mapping(side[name]) for side in (before, after)]
            for key, (rule, absent) in _OF_A_METRIC.items():
                if sides[0].get(key) != sides[1].get(key):
                    words = [absent if side.get(key) is None else side[key] for side in sides]
                    yield change(rule, spot.below(key, f"{spot.subject}, {key}").at, *words)
            yield from _unknown(sides[0], sides[1], tuple(_OF_A_METRIC), spot)


# The rule of each fact of a counter, and what it means that a description does not have it.
_OF_A_METRIC = {
    "window": ("metric-window-changed", "nothing"),
    "period": ("metric-period-changed", "nothing"),
    "label": ("metric-label-changed", "the key of the current window"),
}


def _models(old: Any, new: Any, here: _Place) -> Iterator[Change]:
    before, after = mapping(old), mapping(new)
    for name in {**before, **after}:
        spot = here.below(name, f"model {name}")
        if name not in after:
            yield change("model-removed", spot.at, before[name], "no such model")
        elif name not in before:
            yield change("model-added", spot.at, "no such model", after[name])
        elif before[name] != after[name]:
            yield change("model-renamed", spot.at, before[name], after[name])


def _errors(old: Any, new: Any, here: _Place) -> Iterator[Change]:
    before, after = mapping(old), mapping(new)
    for name in {**before, **after}:
        spot = here.below(name, f"failure {name}")
        if name not in after:
            yield change("failure-removed", spot.at, before[name], "no such failure")
        elif name not in before:
            yield change("failure-added", spot.at, "no such failure", after[name])
        else:
            yield from _failure(_told_by(before[name]), _told_by(after[name]), spot)


def _told_by(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {"status": raw}


def _failure(old: dict[str, Any], new: dict[str, Any], here: _Place) -> Iterator[Change]:
    for key in {**old, **new}:
        if old.get(key) != new.get(key):
            rule = {"status": "failure-status-changed", "message": "failure-reworded"}.get(
                key, "failure-detail-changed"
            )
            spot = here.below(key, f"{here.subject}, {key}")
            yield change(rule, spot.at, old.get(key, "none"), new.get(key, "none"))


def _size(lowered: str, raised: str) -> Callable[[Any, Any, _Place], Iterator[Change]]:
    """A number of which more is better to callers; none at all is best."""

    def compare(old: Any, new: Any, here: _Place) -> Iterator[Change]:
        if old is None or new is None:
            rule = lowered if old is None else raised
        else:
            rule = _smaller(old, new, lowered, raised)
        yield change(rule, here.at, "no limit" if old is None else old, "no limit" if new is None else new)

    return compare


def _text_limit(old: Any, new: Any, here: _Place) -> Iterator[Change]:
    before, after = mapping(old), mapping(new)
    for unit in {**before, **after}:
        if before.get(unit) != after.get(unit):
            spot = here.below(unit, f"{here.subject}, {unit}")
            yield from _size("text-limit-lowered", "text-limit-raised")(
                before.get(unit), after.get(unit), spot
            )


def _client_id(old: Any, new: Any, here: _Place) -> Iterator[Change]:
    rule = "client-id-pattern-changed"
    if isinstance(old, str) and isinstance(new, str):
        if wider_pattern(new, old):
            rule = "client-id-pattern-widened"
        elif wider_pattern(old, new):
            rule = "client-id-pattern-narrowed"
    yield change(rule, here.at, _said(old), _said(new))


def _sections(_old: Any, _new: Any, _here: _Place) -> Iterator[Change]:
    """Headings of the document promise nothing."""
    yield from ()


# -- facts of one operation


def _operation(old: Operation, new: Operation) -> Iterator[Change]:
    here = _at(new.part.document, new.part.trail, "", new.name)
    yield from _facts(old.part.raw, new.part.raw, _OF_AN_OPERATION, here)


def _charge(old: Any, new: Any, here: _Place) -> Iterator[Change]:
    rule = "operation-metric-changed"
    if old is None:
        rule = "operation-metric-introduced"
    elif new is None:
        rule = "operation-metric-dropped"
    yield change(rule, here.at, old or "no charge", new or "no charge")


def _media_type(old: Any, new: Any, here: _Place) -> Iterator[Change]:
    rule = "asset-type-named" if old is None or new is None else "asset-type-changed"
    yield change(rule, here.at, _said(old), _said(new))


def _section(old: Any, new: Any, here: _Place) -> Iterator[Change]:
    yield change("section-changed", here.at, _said(old), _said(new))


_ROOT: dict[str, Callable[[Any, Any, _Place], Iterator[Change]]] = {
    "x-lightning-plans": _plans,
    "x-lightning-metrics": _metrics,
    "x-lightning-errors": _errors,
    "x-lightning-body-limit-bytes": _size("body-limit-lowered", "body-limit-raised"),
    "x-lightning-asset-lifetime-seconds": _size("asset-lifetime-shortened", "asset-lifetime-lengthened"),
    "x-lightning-client-id-pattern": _client_id,
    "x-lightning-sections": _sections,
    "x-lightning-models": _models,
}
_OF_AN_OPERATION: dict[str, Callable[[Any, Any, _Place], Iterator[Change]]] = {
    "x-lightning-metric": _charge,
    "x-lightning-text-limit": _text_limit,
    "x-lightning-media-type": _media_type,
    "x-lightning-section": _section,
}


# -- promises


def _requirements(old: Document, new: Document | None, description: Document) -> Iterator[Change]:
    document = new if new is not None else description
    here = _at(document, ("requirements",), "requirements")
    before = _by(mapping(old.data).get("requirements"), "id")
    after = _by(mapping(new.data).get("requirements"), "id") if new is not None else {}
    for name, (_, requirement) in before.items():
        if name in after:
            index, other = after[name]
            yield from _requirement(requirement, other, here.below(index, f"requirement {name}"))
        else:
            kind = "requirement" if requirement.get("level") == "documented" else "advisory-requirement"
            spot = here.below(name, f"requirement {name}")
            yield change(f"{kind}-removed", spot.at, _words(requirement), "no such requirement")
    for name, (index, requirement) in after.items():
        if name not in before:
            kind = "requirement" if requirement.get("level") == "documented" else "advisory-requirement"
            spot = here.below(index, f"requirement {name}")
            yield change(f"{kind}-added", spot.at, "no such requirement", _words(requirement))


def _words(requirement: dict[str, Any]) -> str:
    return str(requirement.get("statement", ""))


def _requirement(old: dict[str, Any], new: dict[str, Any], here: _Place) -> Iterator[Change]:
    levels = [str(side.get("level")) for side in (old, new)]
    documented = [level == "documented" for level in levels]
    if levels[0] != levels[1]:
        rule = "requirement-level-changed"
        if documented[0] != documented[1]:
            rule = "requirement-raised" if documented[1] else "requirement-lowered"
        yield change(rule, here.below("level", f"{here.subject}, level").at, *levels)
    if " ".join(_words(old).split()) != " ".join(_words(new).split()):
        rule = "requirement-reworded" if documented[0] else "advisory-requirement-reworded"
        spot = here.below("statement", f"{here.subject}, statement")
        yield change(rule, spot.at, _words(old), _words(new), "sentences cannot be compared")
    bound = [set(map(str, side.get("operations") or ())) for side in (old, new)]
    spot = here.below("operations", f"{here.subject}, operations")
    gone, come = (", ".join(sorted(one - other)) for one, other in (bound, bound[::-1]))
    if gone:
        yield change("requirement-unbound", spot.at, gone, "not these operations")
    if come:
        yield change("requirement-bound", spot.at, "not these operations", come)
