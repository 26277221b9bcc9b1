"""Compares what is sent: operations, parameters, bodies, responses, headers, credentials and base addresses.

Everything is brought into one form first: references followed, parameters of the path added to the
operation's, path parameters known by position, header and media type names in lower case, credentials by
what they are instead of what they are called. What a webhook or a callback sends goes the other way round.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lightning_spec.diff.change import Change, Place
from lightning_spec.diff.rules import WHEN_CALLED_BACK
from lightning_spec.diff.schema import ANY_TEXT, ANYTHING, Part, Schema, Side
from lightning_spec.diff.shapes import SENT_AS_TEXT, At, Shapes, change, removal, sunset_change
from lightning_spec.diff.source import Document
from lightning_spec.model import METHODS

# Described elsewhere in the document: OpenAPI says that parameters of these names are ignored.
_NOT_PARAMETERS = ("accept", "content-type", "authorization")
_STYLES = {"path": "simple", "header": "simple", "query": "form", "cookie": "form"}
_PERMANENT = ("301", "308")
_MAX_ADDRESSES = 200
_LEADS = ("operationId", "operationRef", "parameters", "requestBody", "server")


@dataclass
class Operation:
    """One method of one path, with what is above it in the document added to it."""

    name: str
    key: tuple[str, str]
    part: Part
    path_level: Part
    root: Part

    def get(self, key: str) -> Any:
        """A member of the operation object."""
        return self.part.raw.get(key)


@dataclass
class Sides:
    """Both directions: what goes out from a caller and what comes back; the other way round in reverse."""

    is_reverse: bool = False
    _shapes: dict[tuple[Side, bool], Shapes] = field(default_factory=dict)

    @property
    def request(self) -> Shapes:
        """The shapes of what an operation takes."""
        return self.of("request")

    @property
    def response(self) -> Shapes:
        """The shapes of what an operation answers."""
        return self.of("response")

    def of(self, side: Side, media_type: str = "") -> Shapes:
        """The shapes of one direction, and of what is written in this media type."""
        key = (self.towards(side), media_type.endswith(("/xml", "+xml")))
        if key not in self._shapes:
            self._shapes[key] = Shapes(key[0], is_xml=key[1])
        return self._shapes[key]

    def towards(self, side: Side) -> Side:
        """The direction that a side has for whoever reads the description."""
        return side if not self.is_reverse else "response" if side == "request" else "request"

    def change(self, rule: str, at: At, old: Any, new: Any, reason: str = "") -> Change:
        """The finding of a rule, as grave as it is in this direction."""
        found = change(rule, at, old, new, reason)
        called_back = self.is_reverse and rule in WHEN_CALLED_BACK
        return replace(found, severity=WHEN_CALLED_BACK[rule]) if called_back else found


def mapping(value: Any) -> dict[str, Any]:
    """`value` if it is a mapping, else an empty one: what is malformed counts as absent."""
    return value if isinstance(value, dict) else {}


def resolved(part: Part) -> Part:
    """The part that a chain of references ends at."""
    seen: set[Any] = set()
    while isinstance(part.raw, dict) and "$ref" in part.raw and part.key not in seen:
        seen.add(part.key)
        found = part.document.follow(part.raw["$ref"], part.trail)
        if found is None:
            return part
        part = Part(*found)
    return part


def is_broken(part: Part) -> bool:
    """Whether a part is a reference that led nowhere."""
    return isinstance(part.raw, dict) and "$ref" in part.raw


def place(part: Part) -> Place:
    """Where a part stands."""
    return part.document.place(part.trail)


def operations(document: Document, root_key: str = "paths") -> dict[tuple[str, str], Operation]:
    """Every operation by its method and its path with nameless parameters."""
    root = Part(document, (), mapping(document.data))
    found: dict[tuple[str, str], Operation] = {}
    paths = root.raw.get(root_key)
    if paths is not None and not isinstance(paths, dict):
        document.complain((root_key,), f"{root_key} is not a mapping")
    for path in mapping(paths):
        if path.startswith("x-"):
            continue
        at = root.at(root_key, path)
        item = resolved(at)
        if not isinstance(item.raw, dict):
            document.complain(at.trail, "a path item that is not a mapping")
            continue
        methods = {name: item.at(name) for name in METHODS if name in item.raw}
        for name in mapping(item.raw.get("additionalOperations")):
            methods[name.lower()] = item.at("additionalOperations", name)
        for method, part in methods.items():
            if not isinstance(part.raw, dict):
                document.complain(part.trail, "an operation that is not a mapping")
                continue
            key = (method, _nameless(path))
            if key in found:
                document.complain(part.trail, f"stands for the same as {found[key].name}; one of them counts")
                if found[key].name <= f"{method.upper()} {path}":
                    continue
            found[key] = Operation(f"{method.upper()} {path}", key, part, item, root)
    return found


def _nameless(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def compare_operations(old: Document, new: Document) -> list[Change]:
    """Every difference between the operations of two documents, those of webhooks too."""
    sides = Sides()
    reverse = Sides(is_reverse=True)
    roots = [[Part(side, (), mapping(side.data))] for side in (old, new)]
    here = At("", "base addresses", new.place(("servers",)))
    found = list(_moved(roots[0], roots[1], sides, here))
    found += _all_operations(operations(old), operations(new), sides, new)
    hooks = operations(old, "webhooks"), operations(new, "webhooks")
    return found + list(_all_operations(*hooks, reverse, new, "webhook "))


def _all_operations(
    old: Mapping[tuple[str, str], Operation],
    new: Mapping[tuple[str, str], Operation],
    sides: Sides,
    document: Document,
    prefix: str = "",
) -> Iterator[Change]:
    for key, operation in old.items():
        name = prefix + operation.name
        if key not in new:
            rule = _removal("operation", operation.part.raw)
            around = document.place(("paths",))
            reason = f"it stood at {place(operation.part)}"
            yield sides.change(
                rule, At(name, "operation", around), "the operation", "no such operation", reason
            )
        else:
            yield from _operation(operation, new[key], sides, At(name, "operation", place(new[key].part)))
    for key, operation in new.items():
        if key not in old:
            at = At(prefix + operation.name, "operation", place(operation.part))
            yield sides.change("operation-added", at, "no such operation", "the operation")


def _removal(thing: str, raw: Mapping[str, Any]) -> str:
    return removal(thing, deprecated=raw.get("deprecated") is True, sunset=raw.get("x-sunset"))


def _operation(old: Operation, new: Operation, sides: Sides, at: At) -> Iterator[Change]:
    before, after = (side.get("deprecated") is True for side in (old, new))
    if before != after:
        rule = "operation-deprecated" if after else "operation-no-longer-deprecated"
        yield sides.change(rule, at, before, after)
    if old.get("operationId") != new.get("operationId"):
        ids = (old.get("operationId") or "no id", new.get("operationId") or "no id")
        yield sides.change("operation-id-changed", At(at.operation, "operation id", at.place), *ids)
    yield from _sunset("sunset", old.part.raw, new.part.raw, sides, At(at.operation, "sunset", at.place))
    yield from _parameters(_parameters_of(old), _parameters_of(new), sides, at)
    yield from _body(old, new, sides, at)
    yield from _responses(old, new, sides, at)
    yield from _security(old, new, sides, at)
    yield from _servers(old, new, sides, at)
    yield from _callbacks(old, new, at)


def _sunset(
    thing: str, old: Mapping[str, Any], new: Mapping[str, Any], sides: Sides, at: At
) -> Iterator[Change]:
    before, after = old.get("x-sunset"), new.get("x-sunset")
    if before != after:
        rule = sunset_change(thing, before, after, deprecated=new.get("deprecated") is True)
        yield sides.change(rule, at, before or "no date", after or "no date")


# -- parameters


def _parameters_of(operation: Operation) -> dict[tuple[str, str], Part]:
    path = re.findall(r"\{([^}]*)\}", operation.name)
    found: dict[tuple[str, str], Part] = {}
    for level in (operation.path_level, operation.part):
        listed = level.raw.get("parameters")
        if listed is not None and not isinstance(listed, list):
            level.document.complain((*level.trail, "parameters"), "parameters that are not a list")
        for index, _ in enumerate(listed if isinstance(listed, list) else ()):
            part = resolved(level.at("parameters", index))
            if not isinstance(part.raw, dict) or is_broken(part):
                part.document.complain(part.trail, "a parameter that cannot be read")
                continue
            where, name = str(part.raw.get("in")), str(part.raw.get("name"))
            if where == "header":
                name = name.lower()
                if name in _NOT_PARAMETERS:
                    continue
            if where == "path":
                name = str(path.index(name)) if name in path else name
            found[where, name] = part
    return found


def _parameters(
    old: Mapping[tuple[str, str], Part], new: Mapping[tuple[str, str], Part], sides: Sides, at: At
) -> Iterator[Change]:
    for key in {**old, **new}:
        part = new.get(key) or old[key]
        here = At(at.operation, f"{key[0]} parameter {part.raw.get('name')}", at.place)
        if key in old and key in new:
            yield from _parameter(old[key], new[key], sides, At(here.operation, here.subject, place(part)))
        elif key[0] == "path" and key[1].isdigit():
            # A part of the path is sent whether it is described or not.
            schemas = [_parameter_schema(side[key]) if key in side else ANY_TEXT for side in (old, new)]
            yield from sides.request.compare_text(schemas[0], schemas[1], here)
        elif key in old:
            rule = _removal("parameter", old[key].raw)
            yield sides.change(rule, here, _necessity(old[key].raw), "no such parameter")
        else:
            here = At(here.operation, here.subject, place(part))
            rule = "required-parameter-added" if _is_required(part.raw) else "optional-parameter-added"
            yield sides.change(rule, here, "no such parameter", _necessity(part.raw))


def _is_required(raw: Mapping[str, Any]) -> bool:
    return raw.get("required") is True or raw.get("in") == "path"


def _necessity(raw: Mapping[str, Any]) -> str:
    return "a required parameter" if _is_required(raw) else "an optional parameter"


def _parameter(old: Part, new: Part, sides: Sides, at: At) -> Iterator[Change]:
    before, after = _is_required(old.raw), _is_required(new.raw)
    if before != after:
        rule = "parameter-became-required" if after else "parameter-became-optional"
        yield sides.change(rule, at, _necessity(old.raw), _necessity(new.raw))
    flags = [part.raw.get("deprecated") is True for part in (old, new)]
    if flags[0] != flags[1]:
        rule = "parameter-deprecated" if flags[1] else "parameter-no-longer-deprecated"
        yield sides.change(rule, at, flags[0], flags[1])
    yield from _sunset("parameter-sunset", old.raw, new.raw, sides, at)
    styles = [_style(part.raw) for part in (old, new)]
    if styles[0] != styles[1] and not _is_one_value(old, new, styles):
        yield sides.change("parameter-serialized-otherwise", at, styles[0], styles[1])
    empties = [part.raw.get("allowEmptyValue") is True for part in (old, new)]
    if empties[0] != empties[1]:
        rule = "parameter-empty-admitted" if empties[1] else "parameter-empty-refused"
        yield sides.change(rule, at, empties[0], empties[1])
    schemas = [_parameter_schema(part) for part in (old, new)]
    yield from sides.request.compare_text(schemas[0], schemas[1], at)


def _style(raw: Mapping[str, Any]) -> str:
    if "content" in raw:
        return f"as {next(iter(mapping(raw['content'])), 'nothing')}"
    style = raw.get("style", _STYLES.get(str(raw.get("in")), "form"))
    explode = raw.get("explode", style in ("form", "cookie"))
    return f"style {style}, explode {str(explode).lower()}{', reserved' if raw.get('allowReserved') else ''}"


def _is_one_value(old: Part, new: Part, styles: list[str]) -> bool:
    """Whether `explode` makes no difference, since the parameter is a single value."""
    shapes = Shapes("request")
    forms = [shapes.form_of(_parameter_schema(part)) for part in (old, new)]
    single = all(form.types <= SENT_AS_TEXT for form in forms)
    return single and len({style.replace("explode true", "explode false") for style in styles}) == 1


def _parameter_schema(part: Part) -> Schema:
    content = mapping(part.raw.get("content"))
    for media_type in content:
        if "schema" in mapping(content[media_type]):
            return (part.at("content", media_type, "schema"),)
    return (part.at("schema"),) if "schema" in part.raw else ANY_TEXT


# -- bodies


def _body(old: Operation, new: Operation, sides: Sides, at: At) -> Iterator[Change]:
    parts = [
        resolved(side.part.at("requestBody")) if side.get("requestBody") else None for side in (old, new)
    ]
    before, after = parts
    here = At(at.operation, "request body", place(after) if after else at.place)
    if before is None and after is None:
        return
    broken = [part is not None and (is_broken(part) or not isinstance(part.raw, dict)) for part in parts]
    if broken[1] and not (broken[0] and before is not None and after is not None and before.raw == after.raw):
        yield sides.change("unreadable", here, "a body", "a body that cannot be read")
    if any(broken):
        return
    if before is None and after is not None:
        required = after.raw.get("required") is True
        yield sides.change(
            "required-body-added" if required else "optional-body-added",
            here,
            "no body",
            "a required body" if required else "an optional body",
        )
        return
    if after is None or before is None:
        yield sides.change("body-removed", here, "a body", "no body")
        return
    flags = [part.raw.get("required") is True for part in (before, after)]
    if flags[0] != flags[1]:
        words = ("an optional body", "a required body")
        yield sides.change(
            "body-required" if flags[1] else "body-optional", here, words[flags[0]], words[flags[1]]
        )
    yield from _content(before, after, "request", sides, here)


def _media(part: Part) -> dict[str, Part]:
    """The media types of a body by their names, in one spelling and without the charset."""
    found: dict[str, Part] = {}
    for name in mapping(part.raw.get("content")):
        media = resolved(part.at("content", name))
        if isinstance(media.raw, dict):
            found[_media_name(name)] = media
    return found


def _media_name(name: str) -> str:
    kind, *parameters = (part.strip().lower() for part in name.split(";"))
    kept = sorted(part for part in parameters if part and not part.startswith("charset="))
    return "; ".join([kind, *kept])


def _fits(pattern: str, name: str) -> bool:
    """Whether a media type is one of a range: `image/*`, or `application/*+json`."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name) is not None


def _content(old: Part, new: Part, side: Side, sides: Sides, at: At) -> Iterator[Change]:
    before, after = _media(old), _media(new)
    towards = sides.towards(side)
    paired_new: set[str] = set()
    for name, media in before.items():
        matches = [name] if name in after else [other for other in after if _fits(other, name)][:1]
        narrower = [] if matches else [other for other in after if _fits(name, other)]
        for other in matches or narrower:
            paired_new.add(other)
            here = At(at.operation, f"{at.subject}, {other}", place(after[other]))
            if other != name:
                word = "widened" if matches else "narrowed"
                yield sides.change(f"{towards}-media-type-{word}", here, name, other)
            yield from _media_type(media, after[other], sides.of(side, other), here)
            yield from _encodings(media, after[other], side, sides, here)
        if not matches and not narrower:
            others = ", ".join(after) or "no body"
            here = At(at.operation, at.subject, place(new))
            yield sides.change(f"{towards}-media-type-removed", here, name, others)
    for name, media in after.items():
        if name in paired_new or name in before:
            continue
        here = At(at.operation, at.subject, place(media))
        if not before:
            # Where nothing was said of the body, something is now.
            yield sides.change(f"{towards}-body-described", here, "no description", name)
        else:
            yield sides.change(f"{towards}-media-type-added", here, ", ".join(before), name)


def _media_type(old: Part, new: Part, shapes: Shapes, at: At) -> Iterator[Change]:
    for key in ("schema", "itemSchema"):
        parts = [(part.at(key),) if key in part.raw else ANYTHING for part in (old, new)]
        here = at.below("each event") if key == "itemSchema" else at
        yield from shapes.compare(parts[0], parts[1], here)


def _encodings(old: Part, new: Part, side: Side, sides: Sides, at: At) -> Iterator[Change]:
    """How the fields of a form are written."""
    encodings = [mapping(part.raw.get("encoding")) for part in (old, new)]
    towards = sides.towards(side)
    for name in sorted({*encodings[0], *encodings[1]}):
        here = at.below(name)
        raws = [mapping(encoding.get(name)) for encoding in encodings]
        styles = [_style({**raw, "in": "query"}) for raw in raws]
        types = [_field_types(part, name, raw) for part, raw in zip((old, new), raws, strict=True)]
        words = [f"{', '.join(sorted(kinds))}, {style}" for kinds, style in zip(types, styles, strict=True)]
        narrow, wide = types if towards == "request" else types[::-1]
        if styles[0] != styles[1] or not _all_fit(narrow, wide):
            yield sides.change(f"{towards}-encoding-changed", here, *words)
        elif types[0] != types[1]:
            word = "widened" if towards == "request" else "narrowed"
            yield sides.change(f"{towards}-encoding-{word}", here, *words)
        if side == "request":
            headers = [_field_headers(part, name, raw) for part, raw in zip((old, new), raws, strict=True)]
            yield from _parameters(headers[0], headers[1], sides, here)


def _all_fit(narrow: frozenset[str], wide: frozenset[str]) -> bool:
    return all(any(_fits(pattern, name) for pattern in wide) for name in narrow)


def _field_types(media: Part, name: str, raw: Mapping[str, Any]) -> frozenset[str]:
    """The media types of a field: those that are said, else what is usual for its schema."""
    said = raw.get("contentType")
    if isinstance(said, str):
        return frozenset(_media_name(kind) for kind in said.split(","))
    shapes = Shapes("request")
    whole: Schema = (media.at("schema"),) if "schema" in media.raw else ANYTHING
    form = shapes.form_of(shapes.form_of(whole).properties.get(name, ANYTHING))
    if form.types == {"array"} and form.items:
        form = shapes.form_of(form.items)
    if form.types <= {"object", "array"}:
        return frozenset({"application/json"})
    written = form.places["format"].raw["format"] if "format" in form.places else None
    is_bytes = not form.types <= SENT_AS_TEXT or written == "binary" or bool(form.encodings)
    return frozenset({"application/octet-stream" if is_bytes else "text/plain"})


def _field_headers(media: Part, name: str, raw: Mapping[str, Any]) -> dict[tuple[str, str], Part]:
    """The headers of a field, as the parameters that they are."""
    found: dict[tuple[str, str], Part] = {}
    for header in mapping(raw.get("headers")):
        part = resolved(media.at("encoding", name, "headers", header))
        if header.lower() != "content-type" and isinstance(part.raw, dict):
            described = {**part.raw, "in": "header", "name": header}
            found["header", header.lower()] = Part(part.document, part.trail, described)
    return found


# -- responses


def _responses(old: Operation, new: Operation, sides: Sides, at: At) -> Iterator[Change]:
    before, after = _statuses(old), _statuses(new)
    seen: set[str] = set()
    for status, part in before.items():
        other = _covering(status, after)
        members = (
            [other] if other else [name for name in after if _in_range(name, status) and name not in before]
        )
        for member in members:
            seen.add(member)
            here = At(at.operation, f"response {member}", place(after[member]))
            if member != status and "2XX" in (member, status):
                rule = "success-status-widened" if member == "2XX" else "success-status-narrowed"
                yield sides.change(rule, here, status, member)
            yield from _response(part, after[member], sides, here)
        if not members and not _is_spare_redirect(status, before, after):
            yield _status_removed(status, after, sides, at)
    for status, part in after.items():
        if status in seen or status in before:
            continue
        around = _covering(status, before)
        here = At(at.operation, f"response {status}", place(part))
        if around is not None:
            yield from _response(before[around], part, sides, here)
        else:
            yield sides.change(_added_rule(status), here, ", ".join(before) or "no status", status)


def _statuses(operation: Operation) -> dict[str, Part]:
    found: dict[str, Part] = {}
    for status in mapping(operation.get("responses")):
        if status.startswith("x-"):
            continue
        part = resolved(operation.part.at("responses", status))
        if isinstance(part.raw, dict):
            found[status.upper() if status != "default" else status] = part
    return found


def _in_range(status: str, pattern: str) -> bool:
    return (
        len(pattern) == 3 and pattern.endswith("XX") and status[:1] == pattern[:1]
    ) or pattern == "default"


def _covering(status: str, statuses: Mapping[str, Part]) -> str | None:
    """Which entry speaks of a status: itself, its range, or the default."""
    if status in statuses:
        return status
    if status == "default":
        return None
    wide = f"{status[:1]}XX"
    return wide if wide in statuses else "default" if "default" in statuses else None


def _is_spare_redirect(status: str, before: Mapping[str, Part], after: Mapping[str, Part]) -> bool:
    """Whether one of two permanent redirects goes and the other stays, which was possible already."""
    kept = [name for name in _PERMANENT if name in before and name in after]
    return status in _PERMANENT and bool(kept)


def _status_removed(status: str, after: Mapping[str, Part], sides: Sides, at: At) -> Change:
    here = At(at.operation, f"response {status}", at.place)
    rule = "failure-status-removed"
    if status.startswith("2"):
        rule = "success-status-removed"
    elif status in _PERMANENT and not any(name in after for name in _PERMANENT):
        rule = "redirect-not-permanent"
    return sides.change(rule, here, status, ", ".join(after) or "no status")


def _added_rule(status: str) -> str:
    return {"2": "success-status-added", "3": "redirect-status-added"}.get(status[:1], "failure-status-added")


def _response(old: Part, new: Part, sides: Sides, at: At) -> Iterator[Change]:
    if is_broken(new) and not (is_broken(old) and old.raw == new.raw):
        yield sides.change("unreadable", at, "a response", "a response that cannot be read")
    if is_broken(new) or is_broken(old):
        return
    yield from _headers(old, new, sides, at)
    yield from _links(old, new, sides, at)
    if _media(old) or _media(new):
        yield from _content(old, new, "response", sides, at)


def _headers(old: Part, new: Part, sides: Sides, at: At) -> Iterator[Change]:
    before, after = (
        {
            name.lower(): resolved(part.at("headers", name))
            for name in mapping(part.raw.get("headers"))
            if name.lower() != "content-type"
        }
        for part in (old, new)
    )
    for name in {**before, **after}:
        here = at.below(f"header {name}")
        sides_of = [mapping(side[name].raw) if name in side else None for side in (before, after)]
        flags = [raw is not None and raw.get("required") is True for raw in sides_of]
        words = [
            "no such header" if raw is None else "a required header" if flag else "an optional header"
            for raw, flag in zip(sides_of, flags, strict=True)
        ]
        if name not in after:
            raw = mapping(before[name].raw)
            rule = _removal("header", raw)
            is_plain = rule == "header-removed" and not flags[0]
            yield sides.change("optional-header-removed" if is_plain else rule, here, *words)
            continue
        here = At(here.operation, here.subject, place(after[name]))
        if name not in before:
            yield sides.change("header-added", here, *words)
            continue
        if flags[0] != flags[1]:
            yield sides.change(
                "header-became-required" if flags[1] else "header-became-optional", here, *words
            )
        yield from _header_notes(before[name], after[name], sides, here)
        parts = [
            _parameter_schema(side[name]) if isinstance(side[name].raw, dict) else ANYTHING
            for side in (before, after)
        ]
        yield from sides.response.compare(parts[0], parts[1], here)


def _header_notes(old: Part, new: Part, sides: Sides, at: At) -> Iterator[Change]:
    raws = [mapping(part.raw) for part in (old, new)]
    flags = [raw.get("deprecated") is True for raw in raws]
    if flags[0] != flags[1]:
        rule = "header-deprecated" if flags[1] else "header-no-longer-deprecated"
        yield sides.change(rule, at, flags[0], flags[1])
    yield from _sunset("header-sunset", raws[0], raws[1], sides, at)
    styles = [_style({**raw, "in": "header"}) for raw in raws]
    if styles[0] != styles[1] and not _is_one_value(old, new, styles):
        yield sides.change("header-serialized-otherwise", at, styles[0], styles[1])


def _links(old: Part, new: Part, sides: Sides, at: At) -> Iterator[Change]:
    before, after = (
        {name: resolved(part.at("links", name)) for name in mapping(part.raw.get("links"))}
        for part in (old, new)
    )
    for name in {**before, **after}:
        here = at.below(f"link {name}")
        words = [_link(side[name].raw) if name in side else "no such link" for side in (before, after)]
        if name not in after:
            yield sides.change("link-removed", here, *words)
        elif words[0] != words[1]:
            here = At(here.operation, here.subject, place(after[name]))
            yield sides.change("link-changed" if name in before else "link-added", here, *words)


def _link(raw: Any) -> str:
    leads = {key: value for key, value in mapping(raw).items() if key in _LEADS}
    return json.dumps(leads, sort_keys=True, default=str)


# -- credentials

Way = frozenset[tuple[str, frozenset[str]]]


def _security(old: Operation, new: Operation, sides: Sides, at: At) -> Iterator[Change]:
    before, after = _ways(old), _ways(new)
    here = At(at.operation, "credentials", at.place)
    for way in sorted(before, key=_way_words):
        if not any(_needs_no_more(other, way) for other in after):
            yield sides.change("security-way-removed", here, _way_words(way), _all_words(after))
    for way in sorted(after, key=_way_words):
        if not any(_needs_no_more(other, way) for other in before):
            yield sides.change("security-way-added", here, _all_words(before), _way_words(way))
    known, left = _refreshed(old), _refreshed(new)
    offered = {scheme for way in after for scheme, _ in way} & {scheme for way in before for scheme, _ in way}
    for scheme in sorted(offered & {*known, *left}):
        urls = [side.get(scheme, "no renewal") for side in (known, left)]
        if urls[0] != urls[1]:
            rule = "token-refresh-changed" if scheme in known else "token-refresh-added"
            yield sides.change(rule, here.below(scheme), *urls)


def _refreshed(operation: Operation) -> dict[str, str]:
    """Where tokens are renewed, by what each flow of OAuth does."""
    found: dict[str, str] = {}
    schemes = mapping(mapping(operation.root.raw.get("components")).get("securitySchemes"))
    for entry in _required(operation):
        for name in mapping(entry).keys() & schemes.keys():
            raw = mapping(resolved(operation.root.at("components", "securitySchemes", name)).raw)
            for flow, flow_raw in mapping(raw.get("flows")).items():
                if "refreshUrl" in mapping(flow_raw):
                    found[_flow_words(flow, flow_raw)] = str(flow_raw["refreshUrl"])
    return found


def _required(operation: Operation) -> list[Any]:
    listed = operation.get("security")
    if listed is None:
        listed = operation.root.raw.get("security")
    return listed if isinstance(listed, list) else []


def _ways(operation: Operation) -> frozenset[Way]:
    """Every set of credentials that suffices. A scheme is what it does, whatever it is called."""
    ways = set()
    for entry in _required(operation):
        choices = [
            [(scheme, frozenset(map(str, needed if isinstance(needed, list) else ()))) for scheme in schemes]
            for name, needed in mapping(entry).items()
            for schemes in [_schemes(operation.root, name)]
        ]
        ways |= {frozenset(way) for way in itertools.product(*choices)}
    return frozenset(ways or {frozenset()})


def _needs_no_more(way: Way, other: Way) -> bool:
    """Whether whoever has the credentials of `other` has those of `way`."""
    held = dict(other)
    return all(scheme in held and scopes <= held[scheme] for scheme, scopes in way)


def _schemes(root: Part, name: str) -> list[str]:
    """What a scheme does. Each flow of OAuth is a way of its own."""
    schemes = mapping(mapping(root.raw.get("components")).get("securitySchemes"))
    if name not in schemes:
        return [f"an unknown scheme {name}"]
    raw = mapping(resolved(root.at("components", "securitySchemes", name)).raw)
    kind = str(raw.get("type", "")).lower()
    if kind == "http":
        return [f"http {str(raw.get('scheme', '')).lower()}"]
    if kind == "apikey":
        where = str(raw.get("in", ""))
        key = str(raw.get("name", ""))
        return [f"API key in {where} {key.lower() if where == 'header' else key}"]
    if kind == "oauth2":
        flows = mapping(raw.get("flows"))
        return [_flow_words(flow, mapping(flows[flow])) for flow in sorted(flows)] or ["OAuth"]
    return [f"{kind} {raw.get('openIdConnectUrl', '')}".strip()]


def _flow_words(name: str, flow: Mapping[str, Any]) -> str:
    keys = ("authorizationUrl", "deviceAuthorizationUrl", "tokenUrl")
    return f"OAuth {name} ({', '.join(str(flow[key]) for key in keys if key in flow)})"


def _way_words(way: Way) -> str:
    if not way:
        return "no credentials"
    return " and ".join(
        f"{scheme}{' with ' + ', '.join(sorted(scopes)) if scopes else ''}"
        for scheme, scopes in sorted(way, key=lambda entry: entry[0])
    )


def _all_words(ways: frozenset[Way]) -> str:
    return " or ".join(sorted(_way_words(way) for way in ways))


# -- base addresses and callbacks


def _servers(old: Operation, new: Operation, sides: Sides, at: At) -> Iterator[Change]:
    """Addresses of an operation's own. Those of the whole description are told once, not by each of its
    operations."""
    levels = [(side.part, side.path_level, side.root) for side in (old, new)]
    if any(level.raw.get("servers") for side in levels for level in side[:2]):
        yield from _moved(levels[0], levels[1], sides, At(at.operation, "base addresses", at.place))


def _moved(old: Iterable[Part], new: Iterable[Part], sides: Sides, here: At) -> Iterator[Change]:
    before, after = _addresses(old), _addresses(new)
    reached = [{address for way in side.values() for address in way} for side in (before, after)]
    for address in sorted(reached[0] - reached[1]):
        yield sides.change("server-removed", here, address, ", ".join(sorted(reached[1])))
    for address in sorted(reached[1] - reached[0]):
        yield sides.change("server-added", here, ", ".join(sorted(reached[0])), address)
    if reached[0] == reached[1] and before.keys() != after.keys():
        yield sides.change(
            "server-default-changed", here, *(", ".join(sorted(side)) for side in (before, after))
        )


def _addresses(levels: Iterable[Part]) -> dict[str, set[str]]:
    """At the nearest level that has any: each address by default, with those that variables make of it."""
    for level in levels:
        servers = level.raw.get("servers")
        if isinstance(servers, list) and servers:
            return dict(map(_address, servers))
    return {"/": {"/"}}


def _address(server: Any) -> tuple[str, set[str]]:
    url = str(mapping(server).get("url", "/")).rstrip("/") or "/"
    default, all_ = url, {url}
    for name, raw in mapping(mapping(server).get("variables")).items():
        variable, slot = mapping(raw), f"{{{name}}}"
        usual = str(variable.get("default", ""))
        listed = variable.get("enum")
        default = default.replace(slot, usual)
        # Without a list any value will do; a list that is too long is left as it is.
        values = (
            list(map(str, listed)) if isinstance(listed, list) and listed else [f"{{{usual}, or another}}"]
        )
        if len(values) * len(all_) <= _MAX_ADDRESSES:
            all_ = {address.replace(slot, value) for value in values for address in all_}
    return default, all_


def _callbacks(old: Operation, new: Operation, at: At) -> Iterator[Change]:
    before, after = _calls(old), _calls(new)
    reverse = Sides(is_reverse=True)
    for key, operation in before.items():
        if key not in after:
            here = At(at.operation, f"callback {key[1]}", at.place)
            yield reverse.change("operation-removed", here, "the callback", "no such callback")
        else:
            here = At(at.operation, f"callback {key[1]}", place(after[key].part))
            yield from _operation(operation, after[key], reverse, here)
    for key, operation in after.items():
        if key not in before:
            here = At(at.operation, f"callback {key[1]}", place(operation.part))
            yield reverse.change("operation-added", here, "no such callback", "the callback")


def _calls(operation: Operation) -> dict[tuple[str, str], Operation]:
    found: dict[tuple[str, str], Operation] = {}
    for name in mapping(operation.get("callbacks")):
        callback = resolved(operation.part.at("callbacks", name))
        for address in mapping(callback.raw):
            item = resolved(callback.at(address))
            for method in METHODS:
                if isinstance(mapping(item.raw).get(method), dict):
                    key = (method, f"{name} {address}")
                    found[key] = Operation(
                        f"{method.upper()} {address}", key, item.at(method), item, operation.root
                    )
    return found
