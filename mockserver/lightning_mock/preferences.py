"""How the mock answers where the document leaves it open: chosen at start, changed while it runs, for
everybody or for one identity.

Law: an identity's own choice wins over the one for everybody, field by field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from email.utils import formatdate
from typing import Any

from lightning_mock.choices import MetadataForm, RetryAdvice
from lightning_mock.real_time import wall_time
from lightning_mock.settings import Settings


@dataclass(frozen=True, slots=True)
class Preferences:
    """One set of choices. The fields have the names of the settings that they start from."""

    metadata_form: MetadataForm = "bare"
    retry_advice: RetryAdvice = "none"


def preferences_chosen(settings: Settings) -> dict[str, Any]:
    """Those that the settings choose."""
    chosen = {each.name: getattr(settings, each.name) for each in fields(Preferences)}
    return {name: value for name, value in chosen.items() if value is not None}


class PreferenceBook:
    """The choices for everybody and those of single identities."""

    def __init__(self, settings: Settings) -> None:
        self._start = Preferences(**preferences_chosen(settings))
        self.everybody = self._start
        self._own: dict[str, dict[str, Any]] = {}

    def of(self, identity: str) -> Preferences:
        """What holds for an identity, given its ledger key."""
        if not self._own or identity not in self._own:
            return self.everybody
        return replace(self.everybody, **self._own[identity])

    def change(self, changes: Mapping[str, Any], identity: str | None = None) -> None:
        """Choose some fields for everybody, or for one identity alone."""
        if identity is None:
            self.everybody = replace(self.everybody, **changes)
        else:
            self._own[identity] = {**self._own.get(identity, {}), **changes}

    def forget(self, identity: str) -> None:
        """Let an identity have what everybody has."""
        self._own.pop(identity, None)

    def document(self) -> dict[str, Any]:
        """All of it, for a snapshot."""
        return {"everybody": asdict(self.everybody), "identities": {**self._own}}

    def restore(self, document: Mapping[str, Any] | None) -> None:
        """Restore what `document` gave; None goes back to the choices of the start."""
        self.everybody, self._own = self._start, {}
        if document is not None:
            self.change(document["everybody"])
            for identity, changes in document["identities"].items():
                self.change(changes, identity)


def retry_headers(advice: RetryAdvice, seconds: float) -> dict[str, str]:
    """The headers that tell a client whether to retry, and when: `seconds` from now (RFC 9110, 10.2.3)."""
    match advice:
        case "seconds":
            return {"Retry-After": str(max(1, int(seconds)))}
        case "date":
            # Clients compare it with their own clock or the `Date` header, neither of which the mock moves.
            return {"Retry-After": formatdate(wall_time() + max(1, int(seconds)), usegmt=True)}
        case "x-should-retry-true":
            return {"X-Should-Retry": "true"}
        case "x-should-retry-false":
            return {"X-Should-Retry": "false"}
        case _:
            return {}
