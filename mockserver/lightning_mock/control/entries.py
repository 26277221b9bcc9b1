"""An exchange as the control plane shows it."""

from __future__ import annotations

from typing import Any

from lightning_mock.callers.credential_forms import without_credentials
from lightning_mock.clock import iso
from lightning_mock.journal.explanation import explain, refused_by
from lightning_mock.journal.recording import Recording
from lightning_mock.journal.redaction import MAX_EXCERPT


def entry(kept: Recording) -> dict[str, Any]:
    """The journal entry, with the beginnings of target and bodies."""
    exchange = kept.exchange
    charge, operation = exchange.charge, exchange.operation
    faults = [{"id": fault_id, "kind": kind} for fault_id, kind in exchange.faults]
    return {
        "id": kept.id,
        "at": iso(kept.at),
        "method": kept.method,
        "path": kept.shown_target,
        "operation": operation.id if operation is not None else None,
        "status": kept.status,
        "milliseconds": round(kept.milliseconds, 3),
        "caller": _caller(kept),
        "plan_key": kept.plan_key,
        "metric": charge.metric if charge is not None else None,
        "units": None
        if charge is None
        else {
            "before": charge.before,
            "after": charge.before if exchange.refunded else charge.after,
            "limit": charge.limit,
        },
        "refused_by": refused_by(exchange),
        "fault": faults[-1] if faults else None,
        "faults": faults,
        "explanation": without_credentials(explain(kept)),
        "request": {"headers": kept.headers, "body": kept.body[:MAX_EXCERPT]},
        "response": {
            "content_type": kept.content_type,
            "bytes": kept.size,
            "cut": exchange.cut,
            "excerpt": kept.text[:MAX_EXCERPT],
            "headers": kept.response_headers,
        },
    }


def whole_entry(kept: Recording) -> dict[str, Any]:
    """The journal entry with all that is kept of target and bodies."""
    shown = entry(kept)
    shown["path"] = kept.target
    request = {"body": kept.body, "whole": kept.is_repeatable, "missing_headers": kept.missing_headers}
    shown["request"] = {**shown["request"], **request}
    shown["response"] = {**shown["response"], "excerpt": kept.text, "whole": kept.answered_whole}
    return shown


def _caller(kept: Recording) -> dict[str, str | None]:
    identity = kept.exchange.identity
    if identity is None:
        refused = refused_by(kept.exchange) == "identity"
        why = (
            "its bearer was refused" if refused else "the call was answered before its caller was identified"
        )
        return {"identity": None, "kind": "refused" if refused else "nobody", "why": why, "user": None}
    return {
        "identity": identity.key or None,
        "kind": identity.kind,
        "why": identity.why,
        "user": identity.account.id if identity.account is not None else None,
    }
