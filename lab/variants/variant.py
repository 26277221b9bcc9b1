"""What a variant is: a difference that the document allows, and a proof that it is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.proofs import Proof
from lab.server.lab import Lab


@dataclass(frozen=True, slots=True)
class Variant:
    """Two of one `group` exclude each other; all others combine. `prove` differs from the clean server."""

    name: str
    group: str
    does: str
    apply: Callable[[Lab], None]
    prove: Proof


class VariantSet:
    """The variants of one file, in the order in which they were written."""

    def __init__(self) -> None:
        self.variants: list[Variant] = []

    def group(self, group: str, prove: Proof) -> VariantGroup:
        """A new group of variants that exclude each other and show in the same observation."""
        return VariantGroup(group, prove, self.variants)


@dataclass(frozen=True, slots=True)
class VariantGroup:
    """Variants that exclude each other; with an empty name, each is a group of its own."""

    name: str
    prove: Proof
    variants: list[Variant]

    def add(self, label: str, apply: Callable[[Lab], None]) -> VariantGroup:
        """Add a variant: `name: what it does`, and the change of the server that does it."""
        name, _, does = label.partition(": ")
        self.variants.append(Variant(name, self.name or name, does, apply, self.prove))
        return self
