"""The callers: a fresh identity for each example, so that no test depends on what another spent."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version

from lightning_verify.requests.credentials import GOOD, MEANING

# All that we send begins with this, so that an operator finds us in a log.
_PRODUCT, _VERSION = "lightning-verify", version("lightning-contract")
USER_AGENT = f"{_PRODUCT}/{_VERSION}"
# An identity that was made for one caller. A proxy that sees all traffic makes such bearers as well.
OURS = re.compile(rf"(?P<client>ipc-[0-9a-f-]{{36}})|(?:bearer )?{_PRODUCT}-[0-9a-f]{{32}}/.+")
# Of callers that name themselves by a bearer or a client id. They pay by that name, and nobody else has these
# user agents: what their address has used, it has paid in their place.
_RUN = uuid.uuid4().hex[:8]
SIGNED_IN, NAMED = f"{USER_AGENT} (run {_RUN}, signed in)", f"{USER_AGENT} (run {_RUN})"
# Of bearers that must not be let in. If one is served all the same, its address may well have paid.
_NOT_LET_IN = f"{USER_AGENT} (run {_RUN}, not let in)"
# On the bill, whoever was not given a credential: identities of one run, and bearers that the judge made up.
THROWAWAY, MADE_UP = "throwaway callers", "made-up bearers"


@dataclass(frozen=True, slots=True)
class Caller:
    """A named set of identity headers. `payer` is who is billed for what it is served: a credential by its
    name, or a kind of caller."""

    label: str
    headers: Mapping[str, str] = field(default_factory=dict)
    payer: str = MADE_UP

    @property
    def private(self) -> bool:
        """Whether nobody else can spend as this caller."""
        return self.payer == THROWAWAY

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """What distinguishes this caller from others."""
        return tuple(sorted(self.headers.items()))

    def also(self, **headers: str) -> Caller:
        """The same caller with more headers; underscores stand for hyphens."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **more})

    def beside_a_client_id(self) -> Caller:
        """The same caller with a fresh client id, as the desktop application sends one beside a bearer."""
        return self.also(X_Client_ID=client_id())

    def without(self, name: str) -> Caller:
        """The same caller without one header."""
        return replace(self, headers={key: value for key, value in self.headers.items() if key != name})


def client_id() -> str:
    """A client id in the form that the desktop application uses."""
    return f"ipc-{uuid.uuid4()}"


def anonymous() -> Caller:
    """A fresh caller without a bearer, bound to its own X-Client-ID."""
    return Caller("a fresh client id", {"User-Agent": NAMED, "X-Client-ID": client_id()}, THROWAWAY)


def agent_of_one(digits: str) -> str:
    """A user agent that nobody else has, by 32 hexadecimal digits. It differs in what comes before the
    version already: a host may take no more than that of it."""
    return f"{_PRODUCT}-{digits}/{_VERSION}"


def by_user_agent() -> Caller:
    """A fresh caller with neither bearer nor client id: IP address and this user agent."""
    return Caller("a fresh user agent", {"User-Agent": agent_of_one(uuid.uuid4().hex)}, THROWAWAY)


def elsewhere(caller: Caller) -> Caller:
    """The same caller with a user agent that nobody else has, as of another device."""
    return caller.also(User_Agent=f"{_PRODUCT}-elsewhere/{_VERSION} (run {_RUN})")


def at_address_of(user_agent: str) -> Caller:
    """A caller with neither bearer nor client id, at this address and with the user agent of others."""
    return Caller("the address and user agent of others", {"User-Agent": user_agent}, THROWAWAY)


def bearer(label: str, token: str) -> Caller:
    """A caller with a bearer: the credential of that name, or a kind of bearer that the judge made."""
    agent = SIGNED_IN if label in GOOD else _NOT_LET_IN
    headers = {"User-Agent": agent, "Authorization": f"Bearer {token}"}
    return Caller(MEANING.get(label, label), headers, label if label in MEANING else MADE_UP)


def another_like(label: str, headers: Mapping[str, str]) -> Caller:
    """A fresh caller of the kind that has sent these headers; the same one where a bearer says who it is."""
    if "Authorization" in headers:
        payer = next((name for name, meaning in MEANING.items() if meaning == label), MADE_UP)
        return Caller(label, headers, payer)
    return anonymous() if "X-Client-ID" in headers else by_user_agent()
