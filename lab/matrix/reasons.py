"""Why a fault survives, where it is known: by its name, for the table."""

from __future__ import annotations

_LOOKS_ASLEEP = "from outside this is a host that is asleep or overloaded; told apart with a control plane"

WHY: dict[str, str] = {"upstream-502": _LOOKS_ASLEEP}
