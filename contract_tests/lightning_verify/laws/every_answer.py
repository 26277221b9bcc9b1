"""Laws of every answer, whatever it is about: its content type, its refusals, and what it discloses."""

from __future__ import annotations

from lightning_verify.facts import REQUIRED_FIELD
from lightning_verify.laws.law import Law, Wrong, answer_json, bearer, is_complete, law, request_json
from lightning_verify.requests.refusals import INVALID
from lightning_verify.transport.exchange import Exchange

# Larger ones may be refused by whatever stands before the host.
_USUAL_BODY = 500_000
# A path as a traceback has it, bare and as it stands in JSON.
TRACES = ("Traceback (most recent call last)", 'File "/', r"File \"/")
_SHORTEST_SECRET = 12


def _says_json(exchange: Exchange) -> Wrong:
    if not is_complete(exchange) or "json" not in exchange.request_headers.get("Accept", ""):
        return None
    if request_json(exchange).get("stream", False) is not False:
        return None
    kind = exchange.media_type
    is_json = kind == "application/json" or kind.endswith("+json")
    return [] if is_json else [f"the content type is {kind or 'missing'!r}"]


def _readable(exchange: Exchange) -> Wrong:
    if exchange.status not in {400, 401, 413, 429} or exchange.problem or exchange.truncated:
        return None
    # What stands before the host has its own words for what is too large or too often.
    if len(exchange.request_body or b"") > _USUAL_BODY or (
        exchange.status in {413, 429} and exchange.is_page
    ):
        return None
    value = answer_json(exchange)
    error = value.get("error") if isinstance(value, dict) else None
    can_be_read = isinstance(value, dict) and (
        isinstance(value.get("detail"), str)
        or isinstance(error, str)
        or (isinstance(error, dict) and isinstance(error.get("message"), str))
    )
    return [] if can_be_read else [f"a refusal says {exchange.text[:120]!r}"]


def _leaks(exchange: Exchange) -> Wrong:
    if exchange.status is None or not (exchange.status >= 400 or "json" in exchange.media_type):
        return None
    token = bearer(exchange)
    text = exchange.text
    wrong = [f"the answer shows {trace!r}" for trace in TRACES if trace in text]
    if len(token) >= _SHORTEST_SECRET and token in text:
        wrong.append("the answer repeats the credential")
    return wrong


# Refusals that have other reasons than the payload; what is 500 may be any failure.
_OTHER_REASONS = {401, 403, 404, 405, 406, 408, 413, 415, 429}


def _incomplete(exchange: Exchange) -> Wrong:
    """A payload without its required field is 400."""
    status = exchange.status or 500
    if exchange.operation is None or status >= 500 or 300 <= status < 400 or status in _OTHER_REASONS:
        return None
    if exchange.problem or exchange.truncated:
        return None
    payload, required = request_json(exchange), REQUIRED_FIELD[exchange.operation.id]
    if not payload or required in payload:
        return None
    return [] if status == 400 else [f"without {required} it must be 400, not {status}"]


EVERY_ANSWER: tuple[Law, ...] = (
    *(
        law(requirement, _incomplete, *(name for name in INVALID if INVALID[name] == requirement))
        for requirement in dict.fromkeys(INVALID.values())
    ),
    law("HDR-1", _says_json),
    law("OBS-2", _readable),
    law("ASM-12", _leaks),
)
