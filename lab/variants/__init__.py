"""All variants, by name, and the order in which they are switched on."""

from __future__ import annotations

from collections.abc import Iterable

from lab.server.lab import Lab
from lab.variants import account, catalogue, hosting, media, refusals, requests, routing, streams, wire
from lab.variants.variant import Variant

SHELVES = (
    account.SHELF,
    catalogue.SHELF,
    hosting.SHELF,
    media.SHELF,
    refusals.SHELF,
    requests.SHELF,
    routing.SHELF,
    streams.SHELF,
    wire.SHELF,
)


def _collect() -> dict[str, Variant]:
    found: dict[str, Variant] = {}
    for shelf in SHELVES:
        for variant in shelf.variants:
            if variant.name in found:
                raise ValueError(f"two variants are called {variant.name}")
            found[variant.name] = variant
    return found


VARIANTS = _collect()


def switch_on(lab: Lab, names: Iterable[str]) -> None:
    """Apply these variants in the order of the table: what touches bytes comes after what touches fields."""
    chosen = set(names)
    if unknown := chosen - VARIANTS.keys():
        raise ValueError(f"no variant is called {', '.join(sorted(unknown))}")
    groups = [VARIANTS[name].group for name in chosen]
    if twice := {group for group in groups if groups.count(group) > 1}:
        raise ValueError(f"these variants exclude each other: {', '.join(sorted(twice))}")
    for name, variant in VARIANTS.items():
        if name in chosen:
            variant.apply(lab)
