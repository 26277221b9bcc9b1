"""Known reasons why faults survive, by the fault's name, for the table."""

from __future__ import annotations

_LOOKS_ASLEEP = "from outside this is a host that is asleep or overloaded; told apart with a control plane"

_LOOKS_STALE = (
    "a credential refused on every route may as well be one that its owner revoked: undecided, not broken"
)

WHY: dict[str, str] = {
    "upstream-502": _LOOKS_ASLEEP,
    **dict.fromkeys(("jwt-refused", "free-jwt-refused", "api-key-refused"), _LOOKS_STALE),
}
