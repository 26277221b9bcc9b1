"""Which function answers which operation of the spec.

Law: every operation of a revision stands in the table at the end of some handler's module, or a mock of that
revision does not start; every row is an operation of some revision. A handler never imports another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from lightning_mock.handlers import account, assets, catalogue, chat, media, status
from lightning_mock.http.call import Call
from lightning_mock.http.replies import Reply
from lightning_mock.state import State

Handler = Callable[[Call, State], Awaitable[Reply]]
"""Answers an accepted call. Whatever it raises gives the caller's unit back."""

Preparation = Callable[[Call, State], Awaitable[None]]
"""Runs before the charge: may raise InvalidRequest and may replace arguments of the call."""

HANDLERS: Mapping[str, Handler] = {
    **account.HANDLERS,
    **assets.HANDLERS,
    **catalogue.HANDLERS,
    **chat.HANDLERS,
    **media.HANDLERS,
    **status.HANDLERS,
}
PREPARATIONS: Mapping[str, Preparation] = {**chat.PREPARATIONS, **media.PREPARATIONS}
