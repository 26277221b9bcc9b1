"""Reads descriptions from files, folders and git revisions, with the line of every value.

Nothing here is strict: what cannot be read is said and left out, and the rest goes on.
"""

from __future__ import annotations

import json
import posixpath
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import yaml

from lightning_spec.diff.change import Place, Unread
from lightning_spec.references import escape
from lightning_spec.text_formats import FastLoader, cannot_be, mistake_in

Trail = tuple[str | int, ...]
Read = Callable[[str], bytes]

_DESCRIPTIONS = ("openapi.yaml", "openapi.yml", "openapi.json")
_REQUIREMENTS = "requirements.yaml"


class SourceError(ValueError):
    """A revision that cannot be read at all."""


@dataclass(frozen=True, slots=True)
class _Names:
    """The schemas that a document names otherwise than by where they stand."""

    anchors: dict[str, Trail] = field(default_factory=dict)
    ids: dict[str, Trail] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Any) -> _Names:
        """Every name in `data`."""
        names = cls()
        seen: set[int] = set()
        waiting: list[tuple[Trail, Any]] = [((), data)]
        while waiting:
            trail, value = waiting.pop()
            if id(value) in seen or not isinstance(value, dict | list):
                continue  # an alias of YAML may even lead in a circle
            seen.add(id(value))
            if isinstance(value, dict):
                for keyword in ("$anchor", "$dynamicAnchor"):
                    if isinstance(value.get(keyword), str):
                        names.anchors[value[keyword]] = trail
                if isinstance(value.get("$id"), str):
                    names.ids[value["$id"].removesuffix("#")] = trail
            children = value.items() if isinstance(value, dict) else enumerate(value)
            waiting.extend(((*trail, key), child) for key, child in children)
        return names


@dataclass(eq=False)
class Document:
    """The data of one file, the line of each value in it, and a way to the files that it refers to."""

    name: str
    data: Any
    lines: dict[Trail, int]
    read: Read
    unread: list[Unread]
    neighbours: dict[str, Document] = field(default_factory=dict)
    homes: dict[int, Trail] = field(default_factory=dict)
    resolved_keys: dict[Trail, tuple[int, Trail]] = field(default_factory=dict)
    _names: _Names | None = None

    @property
    def is_30(self) -> bool:
        """Whether schemas are written in the dialect of OpenAPI 3.0."""
        version = self.data.get("openapi") if isinstance(self.data, dict) else None
        return str(version).startswith("3.0")

    def place(self, trail: Trail) -> Place:
        """Where `trail` leads, or the nearest thing around it that has a line."""
        known = trail
        while known and known not in self.lines:
            known = known[:-1]
        pointer = "".join("/" + escape(str(key)) for key in trail)
        return Place(self.name, self.lines.get(known, 1), pointer)

    def home(self, trail: Trail, value: Any) -> Trail:
        """The one trail of what stands at `trail`, wherever aliases of YAML repeat it."""
        return self.homes.get(id(value), trail)

    def complain(self, trail: Trail, problem: str) -> None:
        """Say once that something at `trail` could not be read."""
        unread = Unread(self.place(trail), problem)
        if unread not in self.unread:
            self.unread.append(unread)

    def follow(self, reference: Any, trail: Trail) -> tuple[Document, Trail, Any] | None:
        """What a `$ref` at `trail` points to; None, and said, when it leads nowhere."""
        if not isinstance(reference, str):
            self.complain(trail, "a reference that is not text")
            return None
        file, _, fragment = reference.partition("#")
        ids = self._named().ids
        within = self._enclosing_id(trail) if ids else ""
        named = urljoin(within, file) if within else file
        if named in ids:
            # Authors count from the root of the document, too, though a schema with an id has its own.
            found = self._find(unquote(fragment), ids[named])
            if found is None and not file:
                found = self._find(unquote(fragment), ())
            document: Document | None = self
        else:
            document = self._neighbour(file, trail) if file else self
            found = document._find(unquote(fragment), ()) if document else None
        if document is None:
            return None
        if found is None:
            self.complain(trail, f"the reference {reference} leads nowhere")
            return None
        return document, *found

    def _enclosing_id(self, trail: Trail) -> str:
        """The id that references at `trail` count from."""
        value, base = self.data, ""
        for key in trail:
            try:
                value = value[key]
            except (LookupError, TypeError):
                break  # a part that was made of what stands here
            if isinstance(value, dict) and isinstance(value.get("$id"), str):
                base = urljoin(base, value["$id"].removesuffix("#"))
        return base

    def _find(self, fragment: str, base: Trail) -> tuple[Trail, Any] | None:
        if fragment and not fragment.startswith("/"):
            at = self._named().anchors.get(fragment)
            return None if at is None else (at, _walk(self.data, at))
        trail = base
        value = _walk(self.data, base)
        for part in fragment.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and key in value:
                value, trail = value[key], (*trail, key)
            elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
                value, trail = value[int(key)], (*trail, int(key))
            else:
                return None
        return trail, value

    def _named(self) -> _Names:
        if self._names is None:
            self._names = _Names.of(self.data)
        return self._names

    def _neighbour(self, file: str, trail: Trail) -> Document | None:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.name), unquote(file)))
        if path not in self.neighbours:
            try:
                if "://" in file:
                    raise SourceError("files elsewhere are not fetched")
                self.neighbours[path] = parse(path, self.read(path), self.read, self.unread, self.neighbours)
            except (SourceError, OSError) as error:
                self.complain(trail, f"the file {file} cannot be read: {error}")
                return None
        return self.neighbours[path]


def _walk(value: Any, trail: Trail) -> Any:
    for key in trail:
        value = value[key]
    return value


@dataclass(frozen=True, slots=True)
class Revision:
    """One side of a comparison: a description, and the requirements beside it where there are any."""

    description: Document
    requirements: Document | None

    @property
    def unread(self) -> tuple[Unread, ...]:
        """What of this side could not be read."""
        return tuple(self.description.unread) + tuple(self.requirements.unread if self.requirements else ())


def read_revision(address: str) -> Revision:
    """A revision from a file, a folder or `REV:path` (what git holds at that commit). SourceError if none."""
    if Path(address).exists():
        return _revision(Path(address).as_posix(), Path(address).is_dir(), _read_file)
    revision, colon, path = address.partition(":")
    if colon and revision and len(revision) > 1:

        def read(name: str) -> bytes:
            return _git("show", f"{revision}:./{name}" if not name.startswith("./") else f"{revision}:{name}")

        # git names a folder's entries by listing them, and a file by its bytes.
        kind = _git("cat-file", "-t", f"{revision}:./{path}").strip()
        return _revision(path, kind == b"tree", read)
    raise SourceError(f"{address}: no such file, folder or git revision")


def parse(
    name: str,
    content: bytes,
    read: Read,
    unread: list[Unread] | None = None,
    neighbours: dict[str, Document] | None = None,
) -> Document:
    """The document in `content`. SourceError when it is neither YAML nor JSON."""
    known = neighbours if neighbours is not None else {}
    document = Document(name, None, {}, read, unread if unread is not None else [], known)
    try:
        document.data = _build(content, document)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        try:
            # JSON indented by tabs is no YAML.
            document.data = json.loads(content)
        except (ValueError, RecursionError):
            raise SourceError(f"{name} is not YAML: {mistake_in(error)}") from None
    known.setdefault(posixpath.normpath(name), document)
    return document


def _revision(path: str, is_folder: bool, read: Read) -> Revision:
    if not is_folder:
        folder, file = posixpath.split(path)
        return Revision(parse(path, read(path), read), None) if file != _REQUIREMENTS else _lone(path, read)
    folder = path.rstrip("/") or "."
    for name in _DESCRIPTIONS:
        try:
            content = read(posixpath.join(folder, name))
        except (OSError, SourceError):
            continue
        description = parse(posixpath.join(folder, name), content, read)
        return Revision(description, _requirements(posixpath.join(folder, _REQUIREMENTS), read))
    raise SourceError(f"{path}: has none of {', '.join(_DESCRIPTIONS)}")


def _lone(path: str, read: Read) -> Revision:
    return Revision(Document(path, {}, {}, read, []), parse(path, read(path), read))


def _requirements(path: str, read: Read) -> Document | None:
    try:
        return parse(path, read(path), read)
    except (OSError, SourceError):
        return None


def _read_file(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SourceError(f"{path} {cannot_be('read', error)}") from error


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)  # noqa: S603, S607
    except OSError as error:
        raise SourceError(f"git cannot be run ({error.strerror})") from error
    if done.returncode:
        raise SourceError(done.stderr.decode(errors="replace").strip().removeprefix("fatal: "))
    return done.stdout


def _build(content: bytes, document: Document) -> Any:
    """The plain data of a YAML text, with its lines. What an alias repeats is not walked again."""
    lines, homes = document.lines, document.homes
    loader: Any = FastLoader(content)
    try:
        root = loader.get_single_node()
        built: dict[int, Any] = {}
        open_: set[int] = set()

        def value_of(node: Any, trail: Trail) -> Any:
            lines[trail] = node.start_mark.line + 1
            if id(node) in open_:
                document.complain(trail, "an alias that leads in a circle")
                return {}
            if id(node) in built:
                return built[id(node)]
            open_.add(id(node))
            value = container_of(node, trail)
            open_.discard(id(node))
            return value

        def container_of(node: Any, trail: Trail) -> Any:
            if isinstance(node, yaml.MappingNode):
                twice = Counter(str(key_node.value) for key_node, _ in node.value)
                loader.flatten_mapping(node)
                mapping: dict[str, Any] = {}
                built[id(node)] = mapping
                homes[id(mapping)] = trail
                for key_node, child in node.value:
                    key = str(key_node.value)
                    mapping[key] = value_of(child, (*trail, key))
                    lines[(*trail, key)] = key_node.start_mark.line + 1
                for key in (key for key, times in twice.items() if times > 1):
                    document.complain((*trail, key), f"the key {key} stands twice; the last one counts")
                return mapping
            if isinstance(node, yaml.SequenceNode):
                sequence: list[Any] = []
                built[id(node)] = sequence
                homes[id(sequence)] = trail
                sequence.extend(value_of(child, (*trail, index)) for index, child in enumerate(node.value))
                return sequence
            return _scalar(node)

        return value_of(root, ()) if root is not None else None
    finally:
        loader.dispose()


_PLAIN = re.compile(r"tag:yaml\.org,2002:(int|float|bool|null|str)")
# OpenAPI's YAML is 1.2, where `no`, `on` and `1:30` are words. The loader reads 1.1.
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_DECIMAL = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


def _scalar(node: yaml.ScalarNode) -> Any:
    """Numbers, truths and null as YAML 1.2 has them; all else, dates too, stays the text that it is."""
    text: str = node.value
    if node.style in {"'", '"', "|", ">"} or not _PLAIN.fullmatch(node.tag):
        return text
    if text in (text.lower(), text.upper(), text.capitalize()) and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        if _WHOLE.fullmatch(text):
            return int(text)
        if _BASED.fullmatch(text):
            return int(text, 0)
    except ValueError:
        return text  # more digits than anybody means
    return float(re.sub(r"\.(?=[inIN])", "", text)) if _DECIMAL.fullmatch(text) else text
