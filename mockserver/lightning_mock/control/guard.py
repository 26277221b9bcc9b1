"""Who may use the control plane.

Law: with a token, anyone who sends it. Without one, only programs on this machine: not through another
address, not through a name that was pointed here (DNS rebinding), and not through somebody else's web page.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from aiohttp.hdrs import HOST, ORIGIN
from aiohttp.web import BaseRequest

from lightning_mock.control.request import ControlError
from lightning_mock.settings import Settings

TOKEN_HEADER = "X-Control-Token"
TOKEN_QUERY = "token"


class Guard:
    """The rules of one mock."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.control_token
        self._on = control_is_on(settings)

    def check(self, request: BaseRequest, *, needs_token: bool, token_in_query: bool) -> None:
        """Raises ControlError 403, or 401 when only the token is missing or wrong."""
        if not self._on:
            raise ControlError(
                403,
                "The control plane is off: the mock listens on an address that others can reach. Start it on "
                "127.0.0.1, or with --control-token.",
            )
        host = request.headers.get(HOST, "")
        origin = request.headers.get(ORIGIN)
        if origin is not None and origin.partition("://")[2] != host:
            raise ControlError(403, "The control plane does not serve pages from another origin.")
        if self._token is None:
            if not is_loopback(_name_of(host)):
                raise ControlError(
                    403, "The control plane answers to a loopback name only, such as localhost or 127.0.0.1."
                )
            return
        if needs_token and not self._shows_token(request, token_in_query):
            places = f"the header {TOKEN_HEADER}"
            if token_in_query:
                places += f" or the query parameter {TOKEN_QUERY}"
            raise ControlError(401, f"The control token is missing or wrong; expected it in {places}.")

    def _shows_token(self, request: BaseRequest, in_query: bool) -> bool:
        shown = request.headers.get(TOKEN_HEADER)
        if shown is None and in_query:
            shown = request.rel_url.query.get(TOKEN_QUERY)
        if shown is None or self._token is None:
            return False
        return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), self._token.encode())


def control_is_on(settings: Settings) -> bool:
    """Whether anybody is served: with a token, or where only this machine can reach the mock."""
    return settings.control_token is not None or is_loopback(settings.host)


def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine, and this machine only."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    """The host of a `Host` header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
