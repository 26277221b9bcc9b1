"""Repeats a call of the journal from inside the mock.

Law: it takes the same path as any other call, as the same caller: a user with a fresh token, anybody else by
the headers that were kept.
"""

from __future__ import annotations

import asyncio

from aiohttp import ClientError, ClientSession, ClientTimeout
from aiohttp.hdrs import ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT
from yarl import URL

from lightning_mock.callers.identity import agent_digest
from lightning_mock.control.tokens import token_for
from lightning_mock.journal.event_hub import ExchangeEvent
from lightning_mock.journal.recording import Recording
from lightning_mock.state import State

_TIMEOUT = 60.0
_ADDED_BY_LIBRARY = (ACCEPT, CONTENT_TYPE, USER_AGENT)


class NotSentError(Exception):
    """The call cannot be repeated. The message says why."""


async def send_again(kept: Recording, state: State, base_url: str) -> Recording:
    """Make the call again; returns its journal entry. Raises NotSentError."""
    if not kept.whole:
        raise NotSentError("not all of the request was kept")
    if missing := kept.missing_headers:
        raise NotSentError(f"its answer depended on what is not kept: {', '.join(missing)}")
    if not kept.target.startswith("/") or "#" in kept.target:
        raise NotSentError("its target is not a path")
    if not _has_its_agent(kept):
        raise NotSentError("its User-Agent, by which the caller is known, is not kept as it was sent")
    headers = {name: value for name, value in kept.headers.items() if name != CONTENT_LENGTH}
    if AUTHORIZATION in headers:
        headers[AUTHORIZATION] = f"Bearer {_bearer(kept, state)}"
    with state.event_hub.listening() as events:
        try:
            async with (
                asyncio.timeout(_TIMEOUT),
                ClientSession(skip_auto_headers=_ADDED_BY_LIBRARY, timeout=ClientTimeout()) as session,
                session.request(
                    kept.method,
                    URL(base_url + kept.target, encoded=True),
                    headers=headers,
                    data=kept.body.encode() if kept.body else None,
                    allow_redirects=False,
                ) as response,
            ):
                await response.read()
        except (ClientError, OSError) as error:
            # A fault may have cut the connection; the call is in the journal all the same.
            failure: Exception | None = error
        else:
            failure = None
        try:
            async with asyncio.timeout(1):
                while True:
                    for event in await events.next():
                        if isinstance(event, ExchangeEvent) and _is_same(event.recording, kept):
                            return event.recording
        except TimeoutError:
            raise NotSentError(f"the mock did not answer ({failure or 'no entry'})") from None


def _is_same(found: Recording, kept: Recording) -> bool:
    # This time it may have been answered before its body was read.
    is_body = found.body == kept.body or found.exchange.received is None
    return (found.method, found.target) == (kept.method, kept.target) and is_body


def _has_its_agent(kept: Recording) -> bool:
    """Whether the headers that were kept make the same caller of the address."""
    identity = kept.exchange.identity
    if identity is None or identity.kind != "address":
        return True
    return identity.key.endswith(agent_digest(kept.headers.get(USER_AGENT, "")))


def _bearer(kept: Recording, state: State) -> str:
    """A bearer of the same caller; if the original was refused, one that is refused as well."""
    identity = kept.exchange.identity
    if identity is not None and identity.account is None:
        return "public"
    account = state.accounts.get(identity.account.id) if identity is not None and identity.account else None
    return "not-kept" if account is None else token_for(account, state)[0]
