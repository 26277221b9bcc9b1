"""All variants, by name, in the order in which they are switched on."""

from __future__ import annotations

from lab.variants import account, catalogue, hosting, media, refusals, requests, routing, streams, wire
from lab.variants.variant import Variant

MODULES = (account, catalogue, hosting, media, refusals, requests, routing, streams, wire)


def _collect() -> dict[str, Variant]:
    found: dict[str, Variant] = {}
    for module in MODULES:
        for variant in module.VARIANTS.variants:
            if variant.name in found:
                raise ValueError(f"two variants are called {variant.name}")
            found[variant.name] = variant
    return found


VARIANTS = _collect()
