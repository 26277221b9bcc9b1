"""Why a call was answered as it was, in one sentence.

Law: only what was noted is told; nothing is worked out again.
"""

from __future__ import annotations

from lightning_mock.clock import iso
from lightning_mock.journal.exchange import Exchange
from lightning_mock.journal.recording import Recording


def refused_by(exchange: Exchange) -> str | None:
    """The rule that refused a call, if one did."""
    return exchange.refusal.rule if exchange.refusal is not None else None


def explain(kept: Recording) -> str:
    """One English sentence."""
    exchange = kept.exchange
    if exchange.preflight:
        return "This was a browser's CORS preflight, and it was granted."
    parts = [_outcome(kept), *_caller(kept), *_units(exchange), *_script(exchange), *_faults(exchange)]
    return "; ".join(parts) + "."


def _outcome(kept: Recording) -> str:
    refusal, exchange = kept.exchange.refusal, kept.exchange
    if exchange.cut and not kept.status:
        return "The connection was cut before a byte of the answer"
    if exchange.cut or exchange.left:
        how = "The connection was cut" if exchange.cut else "The caller left"
        return f"{how} after {kept.size} bytes of the body of a {kept.status}"
    if refusal is None:
        return "Answered" if kept.status < 400 else f"Failed with {kept.status} on purpose"
    if refusal.kind == "not_found" and exchange.operation is not None:
        return "Not found: the resource does not exist or has expired"
    return f"{refusal.outcome}: {refusal.message.rstrip('.')}"


def _caller(kept: Recording) -> list[str]:
    identity = kept.exchange.identity
    if identity is None or identity.kind == "nobody":
        return []
    who = identity.account.email or identity.account.id if identity.account else "a signed-out caller"
    return [f"the caller is {who} on the {kept.plan_key} plan, identified by {identity.why}"]


def _units(exchange: Exchange) -> list[str]:
    charge = exchange.charge
    if charge is None or not charge.granted:
        return []
    until = f"until {iso(charge.window.end)}"
    of = "of an unlimited number" if charge.limit is None else f"of {charge.limit} {until}"
    if exchange.refunded:
        return [f"the unit of {charge.metric} was refunded: {charge.before} used {of}"]
    return [f"the call cost one unit of {charge.metric}: {charge.after} used {of}"]


def _script(exchange: Exchange) -> list[str]:
    return [f"the scripted reply {exchange.script} answered"] if exchange.script is not None else []


def _faults(exchange: Exchange) -> list[str]:
    return [f"the fault {kind} ({fault_id}) fired" for fault_id, kind in exchange.faults]
