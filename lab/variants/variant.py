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


class Shelf:
    """The variants of one file, in the order they were written."""

    def __init__(self) -> None:
        self.variants: list[Variant] = []

    def add(self, name: str, group: str, does: str, apply: Callable[[Lab], None], prove: Proof) -> None:
        self.variants.append(Variant(name, group or name, does, apply, prove))
