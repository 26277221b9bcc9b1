"""Why a fault survives, where it is known: by its name, for the table."""

from __future__ import annotations

WHY: dict[str, str] = {}
