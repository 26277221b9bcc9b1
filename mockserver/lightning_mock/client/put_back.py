"""Takes back what was done to a caller who stays when the block is over."""

from __future__ import annotations

from collections.abc import Callable

from lightning_mock.client.transport import Transport

_DAY = 86_400


def as_it_is(transport: Transport, path: str) -> Callable[[], None]:
    """What makes the clock, the preferences and the counters of a caller what they are now, given the path of
    the identity. Windows that have ended by then are left alone."""
    ahead = transport.call("GET", f"{path}/clock")["ahead_seconds"]
    everybodys = transport.call("GET", "/preferences")
    preferred = transport.call("GET", f"{path}/preferences")
    own = {name: choice for name, choice in preferred.items() if choice != everybodys[name]}
    usage = transport.call("GET", path)["usage"]

    def put_back() -> None:
        transport.call("DELETE", f"{path}/clock")
        if ahead:
            order = {"advance": {"days": ahead / _DAY}, "force": True}
            transport.call("POST", f"{path}/clock", order)
        transport.call("DELETE", f"{path}/preferences")
        if own:
            transport.call("PATCH", f"{path}/preferences", own)
        # Last: a window that was left and entered again may have lost its counts.
        for metric, now in transport.call("GET", path)["usage"].items():
            before = usage[metric]
            if now["window"] == before["window"] and now["used"] != before["used"]:
                transport.call("PUT", f"{path}/usage/{metric}", {"used": before["used"]})

    return put_back
