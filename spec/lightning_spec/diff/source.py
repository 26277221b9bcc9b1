"""Reads descriptions from files, folders and git revisions, with the line of every value.

Nothing here is strict: what cannot be read is said and left out, and the rest goes on.
"""

from __future__ import annotations

import json
import posixpath
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from lightning_spec.diff.change import Place, Unread

Trail = tuple[str | int, ...]
Read = Callable[[str], bytes]

_Base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DESCRIPTIONS = ("openapi.yaml", "openapi.yml", "openapi.json")
_REQUIREMENTS = "requirements.yaml"


class SourceError(ValueError):
    """A revision that cannot be read at all."""


@dataclass(eq=False)
class Document:
    """The data of one file, the line of each value in it, and a way to the files that it refers to."""

    name: str
    data: Any
    lines: dict[Trail, int]
    read: Read
    unread: list[Unread]
    neighbours: dict[str, Document] = field(default_factory=dict)
    _anchors: dict[str, Trail] | None = None

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
        pointer = "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in trail)
        return Place(self.name, self.lines.get(known, 1), pointer)

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
        document = self if not file else self._neighbour(file, trail)
        if document is None:
            return None
        found = document._find(unquote(fragment))
        if found is None:
            self.complain(trail, f"the reference {reference} leads nowhere")
            return None
        return document, *found

    def _find(self, fragment: str) -> tuple[Trail, Any] | None:
        if fragment and not fragment.startswith("/"):
            at = self._anchor_trails().get(fragment)
            return None if at is None else (at, _walk(self.data, at))
        trail: Trail = ()
        value = self.data
        for part in fragment.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and key in value:
                value, trail = value[key], (*trail, key)
            elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
                value, trail = value[int(key)], (*trail, int(key))
            else:
                return None
        return trail, value

    def _anchor_trails(self) -> dict[str, Trail]:
        if self._anchors is None:
            self._anchors = {}
            waiting: list[tuple[Trail, Any]] = [((), self.data)]
            while waiting:
                trail, value = waiting.pop()
                children: list[tuple[Any, Any]] = []
                if isinstance(value, dict):
                    children = list(value.items())
                elif isinstance(value, list):
                    children = list(enumerate(value))
                if isinstance(value, dict) and isinstance(value.get("$anchor"), str):
                    self._anchors[value["$anchor"]] = trail
                waiting.extend(((*trail, key), child) for key, child in children)
        return self._anchors

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
    lines: dict[Trail, int] = {}
    try:
        data = _build(content, lines)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        try:
            # JSON indented by tabs is no YAML.
            data = json.loads(content)
        except (ValueError, RecursionError):
            raise SourceError(f"{name} is not YAML: {' '.join(str(error).split())}") from None
    known = neighbours if neighbours is not None else {}
    document = Document(name, data, lines, read, unread if unread is not None else [], known)
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
        raise SourceError(f"{path} cannot be read ({error.strerror})") from error


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)  # noqa: S603, S607
    except OSError as error:
        raise SourceError(f"git cannot be run ({error.strerror})") from error
    if done.returncode:
        raise SourceError(done.stderr.decode(errors="replace").strip().removeprefix("fatal: "))
    return done.stdout


def _build(content: bytes, lines: dict[Trail, int]) -> Any:
    """The plain data of a YAML text; fills `lines`. What an alias repeats is not walked again."""
    loader: Any = _Base(content)
    try:
        root = loader.get_single_node()
        built: dict[int, Any] = {}

        def value_of(node: Any, trail: Trail) -> Any:
            lines[trail] = node.start_mark.line + 1
            if id(node) in built:
                return built[id(node)]
            if isinstance(node, yaml.MappingNode):
                loader.flatten_mapping(node)
                mapping: dict[str, Any] = {}
                built[id(node)] = mapping
                for key_node, child in node.value:
                    key = str(key_node.value)
                    mapping[key] = value_of(child, (*trail, key))
                    lines[(*trail, key)] = key_node.start_mark.line + 1
                return mapping
            if isinstance(node, yaml.SequenceNode):
                sequence: list[Any] = []
                built[id(node)] = sequence
                sequence.extend(value_of(child, (*trail, index)) for index, child in enumerate(node.value))
                return sequence
            return _scalar(loader, node)

        return value_of(root, ()) if root is not None else None
    finally:
        loader.dispose()


_PLAIN = re.compile(r"tag:yaml\.org,2002:(int|float|bool|null)")


def _scalar(loader: Any, node: yaml.ScalarNode) -> Any:
    """Numbers, truths and null; everything else, dates too, stays the text that it is."""
    if not _PLAIN.fullmatch(node.tag):
        return node.value
    try:
        return loader.construct_object(node)
    except ValueError:
        return node.value
