"""The table of all rules: what each finds, and how severe that is in a request and in a response.

Where specifications leave the class to convention, the convention is this. A caller sends only what is
announced, so an optional field added to an open request is safe though narrower in the strict sense. A
caller reads what is announced, so a field that goes from a response breaks it, optional or not. Values
added to a response are breaking: a caller who kept to the old enum has no branch for them. A required field
with a default is still refused when it is left out. What went after it was called deprecated is risky and
never silent.
"""

from __future__ import annotations

from dataclasses import dataclass

from lightning_spec.diff.change import Severity

SAFE, RISKY, BREAKING = Severity.SAFE, Severity.RISKY, Severity.BREAKING


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of change and its class."""

    id: str
    severity: Severity
    summary: str


# What a schema may do: the class in a request, the class in a response, what happened.
_SHAPES: tuple[tuple[str, Severity, Severity, str], ...] = (
    ("type-narrowed", BREAKING, SAFE, "fewer types are admitted"),
    ("type-widened", SAFE, BREAKING, "more types are admitted"),
    ("type-changed", BREAKING, BREAKING, "other types are admitted"),
    ("enum-introduced", BREAKING, SAFE, "only listed values are admitted"),
    ("enum-dropped", SAFE, BREAKING, "values beyond a list are admitted"),
    ("enum-value-removed", BREAKING, SAFE, "a value went from the list"),
    ("enum-value-added", SAFE, BREAKING, "a value came to the list"),
    ("bound-tightened", BREAKING, SAFE, "a bound is tighter or new"),
    ("bound-loosened", SAFE, BREAKING, "a bound is looser or gone"),
    ("pattern-added", BREAKING, SAFE, "text has to match a pattern"),
    ("pattern-removed", SAFE, BREAKING, "text no longer has to match a pattern"),
    ("pattern-changed", BREAKING, BREAKING, "text has to match another pattern"),
    ("format-added", BREAKING, SAFE, "a format is demanded"),
    ("format-removed", SAFE, BREAKING, "a format is no longer demanded"),
    ("format-changed", BREAKING, BREAKING, "another format is demanded"),
    ("multiple-tightened", BREAKING, SAFE, "fewer multiples are admitted"),
    ("multiple-loosened", SAFE, BREAKING, "more multiples are admitted"),
    ("multiple-changed", BREAKING, BREAKING, "other multiples are admitted"),
    ("items-made-unique", BREAKING, SAFE, "items must not repeat"),
    ("items-may-repeat", SAFE, BREAKING, "items may repeat"),
    ("property-became-required", BREAKING, SAFE, "a property has to be there"),
    ("property-became-optional", SAFE, BREAKING, "a property may be missing"),
    ("required-property-added", BREAKING, SAFE, "a new property has to be there"),
    ("optional-property-added", SAFE, SAFE, "a new property may be there"),
    ("property-added-to-closed-object", SAFE, BREAKING, "a property that was refused may be there"),
    ("property-removed", RISKY, BREAKING, "a property is no longer announced"),
    ("deprecated-property-removed", RISKY, RISKY, "a property that was called deprecated is gone"),
    ("property-removed-before-sunset", RISKY, BREAKING, "a property went before the announced day"),
    ("property-refused", BREAKING, BREAKING, "a property that was announced is refused"),
    ("object-closed", BREAKING, SAFE, "properties that are not named are refused or restricted"),
    ("object-opened", SAFE, BREAKING, "properties that are not named are admitted"),
    ("items-restricted", BREAKING, SAFE, "further items are refused or restricted"),
    ("items-freed", SAFE, BREAKING, "further items are admitted"),
    ("variant-removed", BREAKING, SAFE, "a variant went from the choice"),
    ("variant-added", SAFE, BREAKING, "a variant came to the choice"),
    ("variants-overlap", RISKY, RISKY, "variants of a changed choice may both fit, and only one may"),
    ("choice-introduced", BREAKING, SAFE, "one of several schemas has to fit"),
    ("choice-dropped", SAFE, BREAKING, "a choice of schemas is gone"),
    ("choice-changed", BREAKING, BREAKING, "choices of schemas cannot be matched"),
    ("condition-added", BREAKING, SAFE, "a further condition applies"),
    ("condition-removed", SAFE, BREAKING, "a condition no longer applies"),
    ("condition-changed", BREAKING, BREAKING, "another condition applies"),
    ("content-encoding-changed", BREAKING, BREAKING, "a text stands for something else"),
    ("xml-changed", BREAKING, BREAKING, "values are written otherwise as XML"),
    ("discriminator-changed", BREAKING, BREAKING, "variants are told apart in another way"),
    ("discriminator-added", SAFE, SAFE, "a property tells the variants apart"),
    ("default-changed", RISKY, SAFE, "leaving it out means something else"),
    ("announced-value-removed", BREAKING, SAFE, "a value went from a list that may grow"),
    ("announced-value-added", SAFE, SAFE, "a value came to a list that may grow"),
    ("sunset-earlier", RISKY, BREAKING, "what is deprecated ends earlier than announced, or any day"),
    ("sunset-changed", SAFE, SAFE, "what is deprecated ends later, or its end is announced or withdrawn"),
    ("deprecated", SAFE, SAFE, "callers are asked to stop using it"),
    ("no-longer-deprecated", SAFE, SAFE, "callers may go on using it"),
    ("rewritten", SAFE, SAFE, "differs in its parts and admits no less (request) or no more (response)"),
    ("clamp-narrowed", BREAKING, RISKY, "values are moved that were taken as they are"),
    ("clamp-widened", SAFE, RISKY, "values are taken as they are that were moved"),
    ("clamp-introduced", SAFE, SAFE, "values are moved into a range that were refused"),
    ("clamp-imposed", BREAKING, RISKY, "values are moved into a range that were taken as they are"),
    ("clamp-became-refusal", BREAKING, RISKY, "values are refused that were moved into a range"),
    ("clamp-removed", RISKY, RISKY, "values are no longer moved into a range"),
)

_OPERATIONS: tuple[tuple[str, Severity, str], ...] = (
    ("operation-removed", BREAKING, "an operation is gone"),
    ("deprecated-operation-removed", RISKY, "an operation that was called deprecated is gone"),
    ("operation-removed-before-sunset", BREAKING, "an operation went before the announced day"),
    ("operation-added", SAFE, "there is a new operation"),
    ("operation-deprecated", SAFE, "callers are asked to stop using an operation"),
    ("operation-no-longer-deprecated", SAFE, "callers may go on using an operation"),
    ("operation-id-changed", SAFE, "an operation has another id; only generated code notices"),
    ("sunset-earlier", BREAKING, "a deprecated operation ends earlier than announced, or any day"),
    ("sunset-changed", SAFE, "a deprecated operation ends later, or its end is announced or withdrawn"),
    ("parameter-removed", BREAKING, "a parameter is gone"),
    ("deprecated-parameter-removed", RISKY, "a parameter that was called deprecated is gone"),
    ("parameter-removed-before-sunset", BREAKING, "a parameter went before the announced day"),
    ("required-parameter-added", BREAKING, "a new parameter has to be sent"),
    ("optional-parameter-added", SAFE, "a new parameter may be sent"),
    ("parameter-became-required", BREAKING, "a parameter has to be sent"),
    ("parameter-became-optional", SAFE, "a parameter may be left out"),
    ("parameter-serialized-otherwise", BREAKING, "a parameter is written in another style"),
    ("parameter-empty-refused", BREAKING, "a parameter without a value is refused"),
    ("parameter-empty-admitted", SAFE, "a parameter without a value is admitted"),
    ("parameter-deprecated", SAFE, "callers are asked to stop sending a parameter"),
    ("parameter-no-longer-deprecated", SAFE, "callers may go on sending a parameter"),
    ("parameter-sunset-earlier", BREAKING, "a deprecated parameter ends earlier than announced, or any day"),
    ("parameter-sunset-changed", SAFE, "a parameter ends later, or its end is announced or withdrawn"),
    ("body-required", BREAKING, "a body has to be sent"),
    ("body-optional", SAFE, "a body may be left out"),
    ("required-body-added", BREAKING, "a new body has to be sent"),
    ("optional-body-added", SAFE, "a new body may be sent"),
    ("body-removed", BREAKING, "no body is taken any more"),
    ("request-media-type-removed", BREAKING, "a body of this type is no longer taken"),
    ("request-media-type-added", SAFE, "a body of a further type is taken"),
    ("request-encoding-changed", BREAKING, "a part of the body is encoded otherwise"),
    ("request-encoding-widened", SAFE, "a part of the body may be of a further type"),
    ("response-encoding-changed", BREAKING, "a part of the answer is encoded otherwise"),
    ("response-encoding-narrowed", SAFE, "a part of the answer is of fewer types"),
    ("request-media-type-widened", SAFE, "a body of more types is taken"),
    ("request-media-type-narrowed", BREAKING, "a body of fewer types is taken"),
    ("response-media-type-narrowed", SAFE, "an answer comes in fewer of the announced types"),
    ("response-media-type-removed", BREAKING, "an answer no longer comes in this type"),
    ("response-media-type-added", SAFE, "an answer may come in a further type"),
    ("response-media-type-widened", BREAKING, "an answer may come in more types than the caller was told"),
    ("success-status-removed", BREAKING, "a success is no longer told by this status"),
    ("failure-status-removed", RISKY, "a failure or redirect is no longer told by this status"),
    ("success-status-added", RISKY, "a success may be told by a further status"),
    ("failure-status-added", SAFE, "a failure may be told by a further status"),
    ("success-status-widened", RISKY, "a success may be told by any status of a range"),
    ("success-status-narrowed", SAFE, "a success is told by one status instead of a range"),
    ("link-removed", RISKY, "an answer no longer says which operation follows"),
    ("link-changed", RISKY, "an answer says that another operation follows"),
    ("link-added", SAFE, "an answer says which operation follows"),
    ("redirect-status-added", RISKY, "callers may be sent elsewhere"),
    ("redirect-not-permanent", BREAKING, "a redirect that was for good no longer is"),
    ("header-removed", BREAKING, "a header that every answer had is gone"),
    ("optional-header-removed", RISKY, "a header that answers may have had is gone"),
    ("deprecated-header-removed", RISKY, "a header that was called deprecated is gone"),
    ("header-removed-before-sunset", BREAKING, "a header went before the announced day"),
    ("header-deprecated", SAFE, "callers are asked to stop reading a header"),
    ("header-no-longer-deprecated", SAFE, "callers may go on reading a header"),
    ("header-sunset-earlier", BREAKING, "a deprecated header ends earlier than announced, or any day"),
    ("header-sunset-changed", SAFE, "a header ends later, or its end is announced or withdrawn"),
    ("header-serialized-otherwise", BREAKING, "a header is written in another style"),
    ("header-added", SAFE, "answers have a further header"),
    ("header-became-optional", BREAKING, "a header may be missing"),
    ("header-became-required", SAFE, "a header is always there"),
    ("security-way-removed", BREAKING, "callers with these credentials alone are no longer served"),
    ("security-way-added", SAFE, "there is a further way to authenticate"),
    ("token-refresh-changed", BREAKING, "tokens are no longer renewed at this address"),
    ("token-refresh-added", SAFE, "tokens may be renewed"),
    ("server-removed", RISKY, "a base address is gone"),
    ("server-default-changed", RISKY, "who does not choose gets another base address"),
    ("server-added", SAFE, "there is a further base address"),
    ("request-body-described", BREAKING, "a body that could be anything is described"),
    ("response-body-described", SAFE, "an answer that could be anything is described"),
    (
        "unreadable",
        BREAKING,
        "what the new revision says here cannot be read, so nothing can be promised of it",
    ),
)

_MEANING: tuple[tuple[str, Severity, str], ...] = (
    ("plan-removed", BREAKING, "a plan is gone"),
    ("plan-added", SAFE, "there is a further plan"),
    ("plan-limit-lowered", BREAKING, "a plan gives fewer units"),
    ("plan-limit-raised", SAFE, "a plan gives more units"),
    ("plan-limit-introduced", BREAKING, "units that were unlimited are limited"),
    ("plan-limit-lifted", SAFE, "units that were limited are unlimited"),
    ("plan-price-raised", RISKY, "a plan costs more"),
    ("plan-price-lowered", SAFE, "a plan costs less"),
    ("plan-price-rewritten", RISKY, "a price is written in another form"),
    ("plan-renamed", RISKY, "a plan is shown under another name"),
    ("plan-detail-changed", SAFE, "an address or the order of a plan changed"),
    ("default-plan-changed", BREAKING, "callers without a plan of their own get another one"),
    ("metric-removed", BREAKING, "a counter is gone"),
    ("metric-added", SAFE, "there is a further counter"),
    ("metric-window-changed", BREAKING, "a counter runs for another time"),
    ("metric-period-changed", BREAKING, "the usage document calls a counter's period otherwise"),
    ("metric-label-changed", BREAKING, "the usage document calls the current window otherwise"),
    ("model-removed", BREAKING, "a model that a chat may name is gone"),
    ("model-added", SAFE, "a chat may name a further model"),
    ("model-renamed", RISKY, "a model that a chat may name has another display name"),
    ("operation-metric-changed", BREAKING, "a call is charged on another counter"),
    ("operation-metric-introduced", BREAKING, "a call that was free is charged"),
    ("operation-metric-dropped", SAFE, "a call that was charged is free"),
    ("text-limit-lowered", BREAKING, "less text is taken"),
    ("text-limit-raised", SAFE, "more text is taken"),
    ("body-limit-lowered", BREAKING, "smaller bodies are taken"),
    ("body-limit-raised", SAFE, "larger bodies are taken"),
    ("asset-lifetime-shortened", BREAKING, "stored files go earlier"),
    ("asset-lifetime-lengthened", SAFE, "stored files stay longer"),
    ("client-id-pattern-narrowed", BREAKING, "ids that named an identity no longer do"),
    ("client-id-pattern-widened", SAFE, "more ids name an identity"),
    ("client-id-pattern-changed", BREAKING, "which ids name an identity cannot be compared"),
    ("failure-status-changed", BREAKING, "a failure is told by another status"),
    ("failure-reworded", SAFE, "a failure is told in other words"),
    ("failure-detail-changed", RISKY, "a failure has another type, other codes or other headers"),
    ("plan-limit-unnamed", BREAKING, "a plan no longer says what it gives"),
    ("plan-limit-named", RISKY, "a plan says what it gives, which it left open"),
    ("failure-removed", RISKY, "a kind of failure is no longer named"),
    ("failure-added", RISKY, "there is a further kind of failure"),
    ("asset-type-changed", BREAKING, "files are of another type"),
    ("asset-type-named", SAFE, "the type of the files is named, or no longer named"),
    ("section-changed", SAFE, "it stems from another section of the document"),
    ("requirement-removed", BREAKING, "a documented promise is gone"),
    ("advisory-requirement-removed", RISKY, "something that callers were seen to rely on is gone"),
    ("requirement-lowered", BREAKING, "a documented promise only advises"),
    ("requirement-raised", SAFE, "what only advised is a documented promise"),
    ("requirement-level-changed", RISKY, "where an advice comes from changed"),
    ("requirement-added", RISKY, "there is a further documented requirement; it may promise or refuse"),
    ("advisory-requirement-added", SAFE, "there is a further advice"),
    ("requirement-reworded", BREAKING, "a documented promise says something else"),
    ("advisory-requirement-reworded", RISKY, "an advice says something else"),
    ("requirement-unbound", BREAKING, "a promise no longer binds these operations"),
    ("requirement-bound", SAFE, "a promise binds further operations"),
    ("fact-changed", BREAKING, "a fact of behaviour differs, and no rule knows it"),
    ("fact-removed", BREAKING, "a fact of behaviour is gone, and no rule knows it"),
    ("fact-added", RISKY, "there is a new fact of behaviour that no rule knows"),
)


# Where the host calls and the reader of the description answers: what goes out is what answers are elsewhere.
WHEN_CALLED_BACK: dict[str, Severity] = {
    "optional-parameter-added": SAFE,
    "required-parameter-added": SAFE,
    "parameter-became-required": SAFE,
    "parameter-became-optional": BREAKING,
    "parameter-empty-refused": SAFE,
    "parameter-empty-admitted": BREAKING,
    "body-required": SAFE,
    "body-optional": BREAKING,
    "required-body-added": SAFE,
    "body-removed": BREAKING,
    "success-status-added": SAFE,
    "success-status-widened": SAFE,
    "success-status-narrowed": BREAKING,
    "failure-status-removed": SAFE,
    "header-removed": SAFE,
    "optional-header-removed": SAFE,
    "header-became-optional": SAFE,
    "header-became-required": BREAKING,
    "security-way-added": RISKY,
}


def _table() -> dict[str, Rule]:
    rows = [Rule(*row) for row in (*_OPERATIONS, *_MEANING)]
    for name, request, response, summary in _SHAPES:
        rows += [
            Rule(f"request-{name}", request, summary),
            Rule(f"response-{name}", response, summary),
        ]
    table = {rule.id: rule for rule in rows}
    if len(table) != len(rows):
        raise AssertionError("a rule stands twice")
    return table


RULES = _table()
