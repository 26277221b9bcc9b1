"""One scripted reply: which calls it answers, with what, and how often.

Law: a script counts only the calls that fit everything it asks for. `nth` counts all of those, also the ones
that an older script answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

from lightning_spec.loader import Operation

from lightning_mock.callers.credential_forms import HIDDEN, headers_without_credentials
from lightning_mock.journal.redaction import MAX_TARGET
from lightning_mock.scripting.pattern import MAX_TOTAL_SIZE, Pattern
from lightning_mock.turns import Turn

MAX_TOTAL_BYTES = 64 * 1024 * 1024
"""What all replies together may take: they are listed, and written to snapshots, at once."""
_HIDDEN_IN_PATTERN = re.escape(HIDDEN)


class ScriptedCall(NamedTuple):
    """A call as scripts look at it. `caller` is its ledger key; `prompt` what it says, None where nobody has
    looked yet; `queries` its query, decoded and as sent. Header names are lower case. `redacted` gives the
    path and the prompt without credentials, as a recording has them."""

    method: str
    path: str
    operation: Operation | None
    caller: str
    headers: Mapping[str, str]
    prompt: str | None
    queries: tuple[str, ...] = ()
    redacted: Callable[[], tuple[str, str]] = lambda: ("", "")


@dataclass(frozen=True, slots=True)
class Condition:
    """What a call must be like. None, or nothing, means any. `path`, encoded or not, may end with
    `*`, and may have a query: without one any will do."""

    route: str
    operations: frozenset[str]
    method: str | None
    path: str
    caller: str | None = None
    header: Mapping[str, str] | None = None
    prompt: str | None = None
    pattern: Pattern | None = None

    @property
    def looks_for_hidden(self) -> bool:
        """Whether a call has to be looked at without its credentials."""
        pattern = self.pattern.source if self.pattern is not None else ""
        return (
            HIDDEN in self.path or HIDDEN in (self.prompt or "").casefold() or _HIDDEN_IN_PATTERN in pattern
        )

    def misses(self, call: ScriptedCall) -> list[str]:
        """What does not fit, one clause each."""
        missed = []
        if not self._is_route(call):
            got = f"{call.method} {call.path[:MAX_TARGET]}"
            if call.queries and "?" in self.path:
                got += f"?{call.queries[0][:MAX_TARGET]}"
            missed.append(f"route: expected {self.route[:MAX_TARGET]}, got {got}")
        if self.caller is not None and call.caller != self.caller:
            missed.append(f"caller: expected {self.caller}, got {call.caller}")
        for name, value in (self.header or {}).items():
            sent = call.headers.get(name)
            if sent != value:
                # Neither value is named: either may be a credential.
                missed.append(f"header: expected {name}" + ("" if sent is None else " with another value"))
        said = call.prompt or ""
        if self.prompt is not None and not self._is_said(self.prompt, said, call):
            missed.append(f"prompt: expected {self.prompt!r} in it")
        if self.pattern is not None and not (found := self._is_found(self.pattern, said, call)):
            why = "expected {!r} in the prompt" if found is not None else "{!r} takes too long in this prompt"
            missed.append(f"pattern: {why.format(self.pattern.source)}")
        return missed

    def _is_said(self, prompt: str, said: str, call: ScriptedCall) -> bool:
        wanted = prompt.casefold()
        if wanted in said.casefold():
            return True
        # What was recorded without its credentials answers the call that had them.
        return HIDDEN in wanted and wanted in call.redacted()[1].casefold()

    def _is_found(self, pattern: Pattern, said: str, call: ScriptedCall) -> bool | None:
        found = pattern.is_in(said)
        if found or _HIDDEN_IN_PATTERN not in pattern.source:
            return found
        return pattern.is_in(call.redacted()[1])

    def _is_route(self, call: ScriptedCall) -> bool:
        if call.operation is not None and call.operation.id in self.operations:
            return True
        if self.method is not None and self.method != call.method:
            return False
        return (
            self._is_path(call.path)
            or ("?" in self.path and any(self._is_path(f"{call.path}?{query}") for query in call.queries))
            or (HIDDEN in self.path and self._is_path(call.redacted()[0]))
        )

    def _is_path(self, path: str) -> bool:
        return _fits(path, self.path) or ("%" in self.path and _fits(path, unquote(self.path)))


def _fits(path: str, wanted: str) -> bool:
    return path.startswith(wanted[:-1]) if wanted.endswith("*") else path == wanted


class Room(NamedTuple):
    """What all replies together may still take: characters of patterns, and bytes."""

    patterns: int = MAX_TOTAL_SIZE
    size: int = MAX_TOTAL_BYTES

    def beside(self, scripts: Iterable[Script]) -> Room:
        """What these leave of it."""
        patterns, size = self
        for script in scripts:
            patterns -= script.pattern_size
            size -= script.size
        return Room(patterns, size)


@dataclass(slots=True)
class Script:
    """A condition with its answers. They are given in turn, the last of them again and again, `times` times
    in all (None: always). Unless `checked`, nothing else is looked at and nothing is charged."""

    id: str
    condition: Condition
    answers: tuple[Mapping[str, Any], ...]
    description: Mapping[str, Any]
    size: int = 0
    """About how many bytes of memory it takes."""
    times: int | None = None
    nth: int | None = None
    checked: bool = True
    of_file: bool = False
    """Whether it came with a file at the start, to be read again with the next one."""
    met: int = 0
    used: int = 0

    @property
    def is_over(self) -> bool:
        return (self.times is not None and self.used >= self.times) or (
            self.nth is not None and self.met >= self.nth
        )

    @property
    def pattern_size(self) -> int:
        pattern = self.condition.pattern
        return 0 if pattern is None else pattern.size

    def take(self, *, use: bool = True) -> Turn:
        """The turn of a call that fits; none when it is not the nth. Without `use` it is only counted."""
        if self.is_over:
            return Turn(False, self.met, self.used, over=True)
        self.met += 1
        taken = self.nth is None or self.met == self.nth
        self.used += taken and use
        return Turn(taken, self.met, self.used)

    def answer(self, turn: Turn) -> Mapping[str, Any]:
        """What a turn that was taken gets."""
        return self.answers[min(turn.used, len(self.answers)) - 1]

    def document(self) -> dict[str, Any]:
        """All there is to it, for a snapshot."""
        return {
            **self.description,
            "id": self.id,
            "checked": self.checked,
            "of_file": self.of_file,
            "met": self.met,
            "used": self.used,
        }

    def view(self) -> dict[str, Any]:
        """The script as the control plane shows it, without the credentials that it waits for."""
        match = self.description["match"]
        if header := match.get("header"):
            match = {**match, "header": headers_without_credentials(header.items())}
        return {
            **self.description,
            "match": match,
            "id": self.id,
            "used": self.used,
            "left": None if self.times is None else self.times - self.used,
        }
