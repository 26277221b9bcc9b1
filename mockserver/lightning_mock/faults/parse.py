"""Turns a description, as the control plane and the scenarios write it, into a fault.

Law: the fields of a description have been checked already; what they mean is decided here: the operations
behind a pattern and the defaults of a kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from secrets import randbits
from typing import Any

import orjson
from lightning_spec.loader import Operation, Spec

from lightning_mock.callers.identity import key_of
from lightning_mock.callers.identity_keys import caller_meant
from lightning_mock.faults.fault import Fault, Match
from lightning_mock.faults.kinds import KINDS

_ANY = "*"
_COMMON = ("kind", "match", "times", "probability", "seed")


MAX_TOTAL_BYTES = 8 * 1024 * 1024
"""What all faults together may take. Every call looks at each of them."""
_SIZE_OF_ANY = 1000
"""Bytes that the shortest is counted as."""


class FaultError(ValueError):
    """A description that names no operation of the spec, or no caller, or asks for too much. The message says
    what is allowed."""


def parse_fault(
    fault_id: str,
    description: Mapping[str, Any],
    spec: Spec,
    now: float,
    scenario: str | None = None,
) -> Fault:
    """A fault from its description. Raises FaultError when its operation or caller cannot be."""
    kind = KINDS[description["kind"]]
    given = {name: value for name, value in description.items() if name not in _COMMON}
    parameters = kind.with_defaults(given)
    seed = description.get("seed")
    return Fault(
        id=fault_id,
        kind=kind.name,
        match=parse_match(description.get("match", {}), spec),
        parameters=parameters,
        seed=randbits(31) if seed is None else seed,
        times=description.get("times"),
        probability=description.get("probability", 1.0),
        until=None if kind.lasts is None else now + parameters[kind.lasts],
        scenario=scenario,
    )


def parse_match(description: Mapping[str, Any], spec: Spec) -> Match:
    """Which calls are meant. Raises FaultError."""
    operation, header = description.get("operation"), description.get("header")
    try:
        caller = caller_meant(description, spec.client_id_pattern)
    except ValueError as error:
        raise FaultError(str(error)) from None
    identity = description.get("identity")
    return Match(
        operation=operation,
        operations=None if operation is None else operations_named(operation, spec),
        caller=None if caller is None else key_of(caller),
        identity=None if identity is None else key_of(identity),
        user=description.get("user"),
        header=None if header is None else {name.lower(): value for name, value in header.items()},
    )


def operations_named(name: str, spec: Spec) -> frozenset[str]:
    """The operations that an operation id, `POST /gen/image` or a path alone names; a path may end with `*`.
    Raises FaultError when there is none."""
    method, _, path = name.rpartition(" ")
    found = frozenset(
        operation.id for operation in spec.operations.values() if _is_named(operation, name, method, path)
    )
    if not found:
        ids = ", ".join(sorted(spec.operations))
        raise FaultError(
            "operation: expected a method and path such as `POST /gen/image`, a path with `*` at its end "
            f"such as `/gen/*`, or one of {ids}."
        )
    return found


def _is_named(operation: Operation, name: str, method: str, path: str) -> bool:
    if operation.id == name:
        return True
    if method and method.upper() != operation.method.upper():
        return False
    if path.endswith(_ANY):
        return path.startswith("/") and operation.path.startswith(path[:-1])
    return operation.path == path


def check_total(faults: Iterable[Fault]) -> None:
    """Raises FaultError when all together take too much."""
    size = sum(
        _SIZE_OF_ANY + len(orjson.dumps([fault.match.document(), fault.parameters])) for fault in faults
    )
    if size > MAX_TOTAL_BYTES:
        raise FaultError(
            f"all faults together take more than {MAX_TOTAL_BYTES} bytes; remove those that are not needed "
            "any more"
        )
