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
    ("type-narrowed", BREAKING, SAFE, "fewer types are accepted"),
    ("type-widened", SAFE, BREAKING, "more types are accepted"),
    ("type-changed", BREAKING, BREAKING, "different types are accepted"),
    ("enum-introduced", BREAKING, SAFE, "only listed values are accepted"),
    ("enum-dropped", SAFE, BREAKING, "values are no longer limited to a list"),
    ("enum-value-removed", BREAKING, SAFE, "a value was removed from the list"),
    ("enum-value-added", SAFE, BREAKING, "a value was added to the list"),
    ("bound-tightened", BREAKING, SAFE, "a bound is new or tighter"),
    ("bound-loosened", SAFE, BREAKING, "a bound is looser or gone"),
    ("pattern-added", BREAKING, SAFE, "text must match a pattern"),
    ("pattern-removed", SAFE, BREAKING, "text no longer has to match a pattern"),
    ("pattern-changed", BREAKING, BREAKING, "text must match a different pattern"),
    ("format-added", BREAKING, SAFE, "a format is required"),
    ("format-removed", SAFE, BREAKING, "a format is no longer required"),
    ("format-changed", BREAKING, BREAKING, "a different format is required"),
    ("multiple-tightened", BREAKING, SAFE, "fewer multiples are accepted"),
    ("multiple-loosened", SAFE, BREAKING, "more multiples are accepted"),
    ("multiple-changed", BREAKING, BREAKING, "different multiples are accepted"),
    ("items-made-unique", BREAKING, SAFE, "items must be unique"),
    ("items-may-repeat", SAFE, BREAKING, "items may repeat"),
    ("property-became-required", BREAKING, SAFE, "a property became required"),
    ("property-became-optional", SAFE, BREAKING, "a property became optional"),
    ("required-property-added", BREAKING, SAFE, "a required property was added"),
    ("optional-property-added", SAFE, SAFE, "an optional property was added"),
    ("property-added-to-closed-object", SAFE, BREAKING, "a property that was refused is now allowed"),
    ("property-removed", RISKY, BREAKING, "a property is no longer documented"),
    ("deprecated-property-removed", RISKY, RISKY, "a deprecated property was removed"),
    ("property-removed-before-sunset", RISKY, BREAKING, "a property was removed before its sunset date"),
    ("property-refused", BREAKING, BREAKING, "a documented property is now refused"),
    ("object-closed", BREAKING, SAFE, "undocumented properties are refused or restricted"),
    ("object-opened", SAFE, BREAKING, "undocumented properties are allowed"),
    ("items-restricted", BREAKING, SAFE, "additional items are refused or restricted"),
    ("items-freed", SAFE, BREAKING, "additional items are allowed"),
    ("variant-removed", BREAKING, SAFE, "a variant was removed"),
    ("variant-added", SAFE, BREAKING, "a variant was added"),
    ("variants-overlap", RISKY, RISKY, "two variants of a changed choice may both match, and only one may"),
    ("choice-introduced", BREAKING, SAFE, "one of several schemas must match"),
    ("choice-dropped", SAFE, BREAKING, "a choice of schemas was removed"),
    ("choice-changed", BREAKING, BREAKING, "two choices of schemas cannot be compared variant by variant"),
    ("condition-added", BREAKING, SAFE, "an additional condition applies"),
    ("condition-removed", SAFE, BREAKING, "a condition no longer applies"),
    ("condition-changed", BREAKING, BREAKING, "a different condition applies"),
    ("content-encoding-changed", BREAKING, BREAKING, "text is encoded differently"),
    ("xml-changed", BREAKING, BREAKING, "values are written differently in XML"),
    ("discriminator-changed", BREAKING, BREAKING, "variants are distinguished in a different way"),
    ("discriminator-added", SAFE, SAFE, "a property now distinguishes the variants"),
    ("default-changed", RISKY, SAFE, "leaving it out has a different effect"),
    ("announced-value-removed", BREAKING, SAFE, "a value was removed from an open list"),
    ("announced-value-added", SAFE, SAFE, "a value was added to an open list"),
    ("sunset-earlier", RISKY, BREAKING, "the sunset is earlier, or withdrawn while still deprecated"),
    ("sunset-changed", SAFE, SAFE, "the sunset is later, new or withdrawn"),
    ("deprecated", SAFE, SAFE, "callers are asked to stop using it"),
    ("no-longer-deprecated", SAFE, SAFE, "callers may go on using it"),
    ("rewritten", SAFE, SAFE, "written differently, but accepts no less (request) or no more (response)"),
    ("clamp-narrowed", BREAKING, RISKY, "values that were accepted unchanged are now clamped"),
    ("clamp-widened", SAFE, RISKY, "values that were clamped are now accepted unchanged"),
    ("clamp-introduced", SAFE, SAFE, "values that were refused are now clamped"),
    ("clamp-imposed", BREAKING, RISKY, "values are now clamped, where all were accepted unchanged"),
    ("clamp-became-refusal", BREAKING, RISKY, "values that were clamped are now refused"),
    ("clamp-removed", RISKY, RISKY, "values are no longer clamped"),
)

_OPERATIONS: tuple[tuple[str, Severity, str], ...] = (
    ("operation-removed", BREAKING, "an operation was removed"),
    ("deprecated-operation-removed", RISKY, "a deprecated operation was removed"),
    ("operation-removed-before-sunset", BREAKING, "an operation was removed before its sunset date"),
    ("operation-added", SAFE, "an operation was added"),
    ("operation-deprecated", SAFE, "an operation is now deprecated"),
    ("operation-no-longer-deprecated", SAFE, "an operation is no longer deprecated"),
    ("operation-id-changed", SAFE, "an operation has a different id, which only generated code notices"),
    ("sunset-earlier", BREAKING, "the sunset of a deprecated operation is earlier or withdrawn"),
    ("sunset-changed", SAFE, "the sunset of an operation is later, new or withdrawn"),
    ("parameter-removed", BREAKING, "a parameter was removed"),
    ("deprecated-parameter-removed", RISKY, "a deprecated parameter was removed"),
    ("parameter-removed-before-sunset", BREAKING, "a parameter was removed before its sunset date"),
    ("required-parameter-added", BREAKING, "a required parameter was added"),
    ("optional-parameter-added", SAFE, "an optional parameter was added"),
    ("parameter-became-required", BREAKING, "a parameter became required"),
    ("parameter-became-optional", SAFE, "a parameter became optional"),
    ("parameter-serialized-otherwise", BREAKING, "a parameter is serialized in a different style"),
    ("parameter-empty-refused", BREAKING, "a parameter without a value is refused"),
    ("parameter-empty-admitted", SAFE, "a parameter without a value is accepted"),
    ("parameter-deprecated", SAFE, "a parameter is now deprecated"),
    ("parameter-no-longer-deprecated", SAFE, "a parameter is no longer deprecated"),
    ("parameter-sunset-earlier", BREAKING, "the sunset of a deprecated parameter is earlier or withdrawn"),
    ("parameter-sunset-changed", SAFE, "the sunset of a parameter is later, new or withdrawn"),
    ("body-required", BREAKING, "the request body became required"),
    ("body-optional", SAFE, "the request body became optional"),
    ("required-body-added", BREAKING, "a required request body was added"),
    ("optional-body-added", SAFE, "an optional request body was added"),
    ("body-removed", BREAKING, "a request body is no longer accepted"),
    ("request-media-type-removed", BREAKING, "a request body of this media type is no longer accepted"),
    ("request-media-type-added", SAFE, "a request body of another media type is accepted"),
    ("request-encoding-changed", BREAKING, "a part of the request body is encoded differently"),
    ("request-encoding-widened", SAFE, "a part of the request body may have additional media types"),
    ("response-encoding-changed", BREAKING, "a part of the response is encoded differently"),
    ("response-encoding-narrowed", SAFE, "a part of the response has fewer media types"),
    ("request-media-type-widened", SAFE, "request bodies of more media types are accepted"),
    ("request-media-type-narrowed", BREAKING, "request bodies of fewer media types are accepted"),
    ("response-media-type-narrowed", SAFE, "a response comes in fewer of the documented media types"),
    ("response-media-type-removed", BREAKING, "a response no longer comes in this media type"),
    ("response-media-type-added", SAFE, "a response may come in another media type"),
    ("response-media-type-widened", BREAKING, "a response may come in media types that were not documented"),
    ("success-status-removed", BREAKING, "this success status is no longer returned"),
    ("failure-status-removed", RISKY, "this failure or redirect status is no longer returned"),
    ("success-status-added", RISKY, "another success status may be returned"),
    ("failure-status-added", SAFE, "another failure status may be returned"),
    ("success-status-widened", RISKY, "any success status of a range may be returned"),
    ("success-status-narrowed", SAFE, "one success status is returned instead of a range"),
    ("link-removed", RISKY, "a response no longer links to the operation that follows"),
    ("link-changed", RISKY, "a response links to a different operation"),
    ("link-added", SAFE, "a response links to the operation that follows"),
    ("redirect-status-added", RISKY, "callers may be redirected"),
    ("redirect-not-permanent", BREAKING, "a permanent redirect no longer is one"),
    ("header-removed", BREAKING, "a header that every response had was removed"),
    ("optional-header-removed", RISKY, "an optional response header was removed"),
    ("deprecated-header-removed", RISKY, "a deprecated header was removed"),
    ("header-removed-before-sunset", BREAKING, "a header was removed before its sunset date"),
    ("header-deprecated", SAFE, "a header is now deprecated"),
    ("header-no-longer-deprecated", SAFE, "a header is no longer deprecated"),
    ("header-sunset-earlier", BREAKING, "the sunset of a deprecated header is earlier or withdrawn"),
    ("header-sunset-changed", SAFE, "the sunset of a header is later, new or withdrawn"),
    ("header-serialized-otherwise", BREAKING, "a header is serialized in a different style"),
    ("header-added", SAFE, "a response header was added"),
    ("header-became-optional", BREAKING, "a response header became optional"),
    ("header-became-required", SAFE, "a response header is always present"),
    ("security-way-removed", BREAKING, "callers with only these credentials are no longer served"),
    ("security-way-added", SAFE, "there is another way to authenticate"),
    ("token-refresh-changed", BREAKING, "tokens are no longer refreshed at this address"),
    ("token-refresh-added", SAFE, "tokens can be refreshed"),
    ("server-removed", RISKY, "a base address was removed"),
    ("server-default-changed", RISKY, "the default base address changed"),
    ("server-added", SAFE, "a base address was added"),
    ("request-body-described", BREAKING, "a request body that could be anything now has a schema"),
    ("response-body-described", SAFE, "a response that could be anything now has a schema"),
    (
        "unreadable",
        BREAKING,
        "this part of the new revision cannot be read, so its effect is unknown",
    ),
)

_MEANING: tuple[tuple[str, Severity, str], ...] = (
    ("plan-removed", BREAKING, "a plan was removed"),
    ("plan-added", SAFE, "a plan was added"),
    ("plan-limit-lowered", BREAKING, "a plan gives fewer units"),
    ("plan-limit-raised", SAFE, "a plan gives more units"),
    ("plan-limit-introduced", BREAKING, "units that were unlimited are now limited"),
    ("plan-limit-lifted", SAFE, "units that were limited are now unlimited"),
    ("plan-price-raised", RISKY, "a plan costs more"),
    ("plan-price-lowered", SAFE, "a plan costs less"),
    ("plan-price-rewritten", RISKY, "a price is written in a different form"),
    ("plan-renamed", RISKY, "a plan has a different display name"),
    ("plan-detail-changed", SAFE, "the address or the position of a plan changed"),
    ("default-plan-changed", BREAKING, "callers without a plan of their own get a different one"),
    ("metric-removed", BREAKING, "a counter was removed"),
    ("metric-added", SAFE, "a counter was added"),
    ("metric-window-changed", BREAKING, "a counter covers a different period of time"),
    ("metric-period-changed", BREAKING, "the usage document names the period of a counter differently"),
    ("metric-label-changed", BREAKING, "the usage document labels the current window differently"),
    ("model-removed", BREAKING, "a model that a chat may name was removed"),
    ("model-added", SAFE, "a model that a chat may name was added"),
    ("model-renamed", RISKY, "a model that a chat may name has a different display name"),
    ("operation-metric-changed", BREAKING, "a call is charged to a different counter"),
    ("operation-metric-introduced", BREAKING, "a call that was free is now charged"),
    ("operation-metric-dropped", SAFE, "a call that was charged is now free"),
    ("text-limit-lowered", BREAKING, "the limit on text is lower or new"),
    ("text-limit-raised", SAFE, "the limit on text is higher or gone"),
    ("body-limit-lowered", BREAKING, "the limit on the size of bodies is lower or new"),
    ("body-limit-raised", SAFE, "the limit on the size of bodies is higher or gone"),
    ("asset-lifetime-shortened", BREAKING, "stored files expire earlier"),
    ("asset-lifetime-lengthened", SAFE, "stored files expire later"),
    ("client-id-pattern-narrowed", BREAKING, "some client ids no longer identify a caller"),
    ("client-id-pattern-widened", SAFE, "more client ids identify a caller"),
    ("client-id-pattern-changed", BREAKING, "the old and new pattern of client ids cannot be compared"),
    ("failure-status-changed", BREAKING, "a failure has a different status"),
    ("failure-reworded", SAFE, "a failure message was reworded"),
    ("failure-detail-changed", RISKY, "a failure has a different type, code or headers"),
    ("plan-limit-unnamed", BREAKING, "a plan no longer gives this limit"),
    ("plan-limit-named", RISKY, "a plan gives a limit that it left open"),
    ("failure-removed", RISKY, "a kind of failure is no longer documented"),
    ("failure-added", RISKY, "a kind of failure was added"),
    ("asset-type-changed", BREAKING, "stored files have a different media type"),
    ("asset-type-named", SAFE, "the media type of stored files is newly given, or no longer given"),
    ("section-changed", SAFE, "it comes from a different section of the document"),
    ("requirement-removed", BREAKING, "a documented promise was removed"),
    ("advisory-requirement-removed", RISKY, "a recommendation was removed"),
    ("requirement-lowered", BREAKING, "a documented promise became a recommendation"),
    ("requirement-raised", SAFE, "a recommendation became a documented promise"),
    ("requirement-level-changed", RISKY, "the level of a recommendation changed"),
    ("requirement-added", RISKY, "a documented requirement was added, which may allow or forbid something"),
    ("advisory-requirement-added", SAFE, "a recommendation was added"),
    ("requirement-reworded", BREAKING, "a documented promise was reworded"),
    ("advisory-requirement-reworded", RISKY, "a recommendation was reworded"),
    ("requirement-unbound", BREAKING, "a promise no longer applies to these operations"),
    ("requirement-bound", SAFE, "a promise applies to more operations"),
    ("fact-changed", BREAKING, "a fact of behaviour that no rule covers changed"),
    ("fact-removed", BREAKING, "a fact of behaviour that no rule covers was removed"),
    ("fact-added", RISKY, "a fact of behaviour that no rule covers was added"),
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
