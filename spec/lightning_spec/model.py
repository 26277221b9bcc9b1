"""What the specification says, as frozen values that mock and judge share. It has no logic but the clamp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Auth = Literal["required", "optional", "none"]
Window = Literal["day", "week"]
Level = Literal["documented", "observed", "assumed"]
Location = Literal["path", "query", "header"]
Lines = tuple[tuple[int, int], ...]
METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace", "query")
"""The keys of a path that are methods, to OpenAPI 3.2."""


class SpecError(ValueError):
    """A file of the specification is malformed. The message begins with the place in it."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


@dataclass(frozen=True, slots=True)
class TextLimit:
    """The most text of one prompt, in characters and in UTF-8 bytes; beyond either the answer is 413."""

    characters: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Clamp:
    """A range that an integer is clamped to instead of being refused, and the value when it is left out."""

    minimum: int
    maximum: int
    default: int

    def apply(self, value: float | None) -> int:
        """The clamped integer. To JSON Schema 5.0 and 1e30 are integers, so floats are accepted."""
        return self.default if value is None else int(max(self.minimum, min(self.maximum, value)))


@dataclass(frozen=True, slots=True)
class Metric:
    """A counter of metered calls: `window` is how long it runs, `period` what /usage calls that. /usage names
    the current window by `label`, or by its key (2026-05-15, 2026-W20) without one."""

    name: str
    window: Window
    period: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One way of refusing a call. `type` is the family that OpenAI-shaped clients look at, `message` what is
    said when nothing more exact is known, `codes` the same for finer kinds."""

    name: str
    status: int
    type: str
    message: str
    headers: Mapping[str, str]
    codes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan of the catalogue; `limits` has the units of every metric in a window, None being unlimited.
    `price` has the catalogue's own form: text with two decimals, or a number."""

    key: str
    name: str
    url: str
    price: str | int | float
    limits: Mapping[str, int | None]
    order: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter outside the body; `schema` is resolved, `pointer` (`#/...`) is where it stands."""

    name: str
    location: Location
    required: bool
    schema: Mapping[str, Any]
    pointer: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    `method` is upper case, `path` the template; `aliases` are paths that answer alike. `metric` is what a
    served call is charged on, None for nothing. `upstream` is False where the host answers without an
    upstream provider. `media_type` is the exact type our mock answers with where the promise is only a family
    such as image/*. `responses` maps status ("200") to media type to the pointer of its schema (None: bytes);
    `event_pointer` is the schema of each single event where a response is an event stream.
    """

    id: str
    method: str
    path: str
    aliases: tuple[str, ...]
    area: str
    section: str
    summary: str
    auth: Auth
    metric: str | None
    text_limit: TextLimit | None
    media_type: str | None
    upstream: bool
    parameters: tuple[Parameter, ...]
    body_pointer: str | None
    responses: Mapping[str, Mapping[str, str | None]]
    event_pointer: str | None


@dataclass(frozen=True, slots=True)
class PlanCatalogue:
    """All plans in their order, and the key of the one that callers have by default."""

    default: str
    plans: tuple[Plan, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """The whole description. `document` is the raw OpenAPI document and must not be changed by readers. Each
    file is read into one object, so that what is made of a spec can be cached by it."""

    document: dict[str, Any]
    operations: Mapping[str, Operation]
    metrics: Mapping[str, Metric]
    plans: tuple[Plan, ...]
    default_plan: str
    errors: Mapping[str, ErrorKind]
    public_site: str
    body_limit_bytes: int
    asset_lifetime_seconds: int
    client_id_pattern: str
    duration: Clamp
    sections: tuple[str, ...]
    models: Mapping[str, str]
    """Display names of the models that a chat may name, by id."""


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """The document that requirements cite: its title, its digest and how many lines it has."""

    title: str
    sha256: str
    lines: int


@dataclass(frozen=True, slots=True)
class Requirement:
    """One testable statement; `lines` are first and last lines it cites, `operations` the ids it binds.

    `owner` marks the requirement that is broken when one of them has no valid answer at all, `price` the one
    that says what a served call of them is charged. `why_advice` says why the document does not settle what
    is observed or assumed; what is documented has none. What is `urgent` puts callers in danger.
    """

    id: str
    area: str
    section: str
    lines: Lines
    statement: str
    level: Level
    operations: tuple[str, ...]
    owner: bool = False
    price: bool = False
    why_advice: str = ""
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Lines of the document that promise nothing testable, and why."""

    lines: Lines
    reason: str


@dataclass(frozen=True, slots=True)
class RequirementSet:
    """Every requirement by id, in the file's order, and the lines that none of them covers."""

    source: SourceDocument
    requirements: Mapping[str, Requirement]
    exclusions: tuple[Exclusion, ...]
