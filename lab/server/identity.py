"""Who is calling: a known credential, a client id, or an address with a user agent."""

from __future__ import annotations

from starlette.requests import Request

from lab.server.lab import Call, Identity, Lab, Refusal


def accounts(credentials: dict[str, str]) -> dict[str, Identity]:
    """Each accepted token with its identity. The paid account owns both a token and a key."""
    known: dict[str, Identity] = {}
    if token := credentials.get("LIGHTNING_JWT"):
        known[token] = Identity("user:paid", "light", "jwt", "paid@example.com")
    if key := credentials.get("LIGHTNING_API_KEY"):
        known[key] = Identity("user:paid", "light", "api_key", "paid@example.com")
    if free := credentials.get("LIGHTNING_FREE_JWT"):
        known[free] = Identity("user:free", "free", "jwt", "free@example.com")
    return known


def bearer(request: Request) -> str | None:
    """The bearer token, or None when the request counts as anonymous."""
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or token in {"", "public"}:
        return None
    return token


def anonymous(lab: Lab, request: Request) -> Identity:
    """The free-tier identity of a caller without a bearer."""
    client = request.headers.get("x-client-id", "").strip()
    if client:
        return Identity(lab.key_of_client(client), lab.default_plan)
    host = request.client.host if request.client else "unknown"
    return Identity(f"address:{host}:{request.headers.get('user-agent', '')}", lab.default_plan)


async def identify(lab: Lab, call: Call) -> None:
    """Set the caller; a bearer that is not known is refused wherever an identity is resolved."""
    if call.operation.auth == "none":
        return
    token = bearer(call.request)
    if token is not None:
        known = lab.accounts.get(token)
        if known is None:
            raise Refusal("credential", "Invalid or expired credentials")
        call.identity = known
    elif call.operation.auth == "required":
        raise Refusal("credential", "Sign in to see this")
    else:
        call.identity = anonymous(lab, call.request)
