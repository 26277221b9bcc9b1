"""Who is calling, for every kind of credential, client id and route."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lightning_mock.background import RunningMock, running
from lightning_mock.callers import identity
from lightning_mock.callers.claims import InvalidTokenError
from lightning_mock.callers.credentials import KeyRing
from lightning_mock.callers.token_verifier import load_jwks
from lightning_mock.callers.tokens import TokenAuthority
from lightning_mock.settings import SettingsError

from .conftest import Client

CHAT = {"messages": [{"role": "user", "content": "hello"}]}
SIGNED_OUT = "signed out"
USER = "user"
REFUSED = "refused"

CREDENTIALS = {
    "valid JWT": USER,
    "valid key": USER,
    "expired JWT": REFUSED,
    "expired key": REFUSED,
    "revoked key": REFUSED,
    "unknown key": REFUSED,
    "tampered JWT": REFUSED,
    "tampered key": REFUSED,
    "alg none": REFUSED,
    "wrong audience": REFUSED,
    "no subject": REFUSED,
    "no expiry": REFUSED,
    "not yet valid": REFUSED,
    "signed by another": REFUSED,
    "malformed": REFUSED,
    "not ASCII": REFUSED,
    "with a space": REFUSED,
    "three dots": REFUSED,
    "empty": SIGNED_OUT,
    "blank": SIGNED_OUT,
    "public": SIGNED_OUT,
    "other scheme": SIGNED_OUT,
    "no scheme": SIGNED_OUT,
    "none": SIGNED_OUT,
}
CLIENT_IDS: dict[str, Callable[[], str | None]] = {
    "valid id": lambda: f"ipc-{uuid.uuid4()}",
    "malformed id": lambda: "too short",
    "no id": lambda: None,
}
ROUTES = {
    "account": ("GET", "/usage"),
    "subscription": ("GET", "/subscription"),
    "POST generation": ("POST", "/gen/chat/completions"),
    "GET generation": ("GET", "/gen/image/harbour"),
    "analysis": ("POST", "/gen/prompt_analyze"),
}


def encoded(part: Any) -> Any:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


@pytest.fixture
def authorization(mock: RunningMock, new_user: Callable[..., dict[str, str]]) -> Any:
    """The Authorization header of a kind of credential of a fresh user, and the user's id."""
    user = new_user("light")
    state = mock.state
    now = state.clock.now()

    def mint(**claims: Any) -> Any:
        return state.tokens.mint(user["id"], "x@example.com", now, now + 3600, **claims)

    def expired_key() -> Any:
        return state.keys.issue(user["id"], "old", now - 20, expires_at=now - 10)[1]

    def revoked_key() -> Any:
        key, secret = state.keys.issue(user["id"], "gone", now)
        state.keys.revoke(key.id, now)
        return secret

    def alg_none() -> Any:
        claims = {"sub": user["id"], "aud": "authenticated", "exp": int(now) + 3600}
        return f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims)}."

    def without(claim: Any) -> Any:
        claims = {"sub": user["id"], "aud": "authenticated", "exp": int(now) + 3600}
        del claims[claim]
        return jwt.encode(claims, state.tokens.secret, algorithm="HS256")

    bearers: dict[str, Callable[[], str]] = {
        "valid JWT": lambda: user["jwt"],
        "valid key": lambda: user["api_key"],
        "expired JWT": lambda: state.tokens.mint(user["id"], "", now - 20, now - 10),
        "expired key": expired_key,
        "revoked key": revoked_key,
        "unknown key": lambda: "ipa_live_" + "A" * 32,
        "tampered JWT": lambda: user["jwt"][:-6] + ("AAAAAA" if user["jwt"][-6:] != "AAAAAA" else "BBBBBB"),
        "tampered key": lambda: user["api_key"][:-1] + ("A" if user["api_key"][-1] != "A" else "B"),
        "alg none": alg_none,
        "wrong audience": lambda: mint(aud="anon"),
        "no subject": lambda: without("sub"),
        "no expiry": lambda: without("exp"),
        "not yet valid": lambda: mint(nbf=int(now) + 600),
        "signed by another": lambda: jwt.encode(
            {"sub": user["id"], "aud": "authenticated", "exp": int(now) + 60}, "x" * 32, algorithm="HS256"
        ),
        "malformed": lambda: "definitely-not-a-token",
        "not ASCII": lambda: "schl\u00fcssel".encode().decode("latin-1"),
        "with a space": lambda: "sign in first",
        "three dots": lambda: "...",
        "empty": lambda: "",
        "blank": lambda: "   ",
        "public": lambda: "public",
    }

    def make(kind: Any) -> Any:
        if kind == "none":
            return None
        if kind == "other scheme":
            return f"Basic {user['api_key']}"
        if kind == "no scheme":
            return user["api_key"]
        return f"Bearer {bearers[kind]()}"

    return make


def call(client: Any, route: Any) -> Any:
    method, path = ROUTES[route]
    body = {"prompt": CHAT["messages"]} if path.endswith("analyze") else CHAT
    return client.request(method, path, json=body if method == "POST" else None)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("client_id", CLIENT_IDS)
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_every_credential_gets_its_due_on_every_kind_of_route(
    make_client: Callable[..., Client], authorization: Any, credential: Any, client_id: Any, route: Any
) -> None:
    headers = {"User-Agent": f"matrix-{uuid.uuid4()}"}
    if (value := authorization(credential)) is not None:
        headers["Authorization"] = value
    if (value := CLIENT_IDS[client_id]()) is not None:
        headers["X-Client-ID"] = value
    client = make_client(**headers)
    outcome = CREDENTIALS[credential]

    response = call(client, route)

    if outcome == REFUSED:
        assert response.status_code == 401
        token = headers["Authorization"].partition(" ")[2].strip()
        assert token not in response.text
        return
    if route == "subscription" and outcome == SIGNED_OUT:
        assert response.status_code == 401
        return
    assert response.status_code == 200
    usage = client.get("/usage").json()
    assert usage["plan_key"] == ("light" if outcome == USER else "free")
    spent = {"POST generation": "cloudChatDaily", "GET generation": "imagesDaily"}.get(route)
    assert {m for m, row in usage["usage"].items() if row["used"]} == ({spent} if spent else set())


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "BeArEr"])
def test_the_scheme_is_read_in_any_case(
    make_client: Callable[..., Client], new_user: Callable[..., dict[str, str]], scheme: Any
) -> None:
    client = make_client(Authorization=f"{scheme} {new_user('core')['api_key']}")
    assert client.get("/usage").json()["plan_key"] == "core"


def test_spaces_around_a_token_do_not_matter(
    make_client: Callable[..., Client], new_user: Callable[..., dict[str, str]]
) -> None:
    client = make_client(Authorization=f"Bearer   {new_user('core')['api_key']}")
    assert client.get("/usage").json()["plan_key"] == "core"


def test_a_users_token_and_keys_are_one_identity(
    make_client: Callable[..., Client], new_user: Callable[..., dict[str, str]]
) -> None:
    user = new_user("light")
    by_token = make_client(Authorization=f"Bearer {user['jwt']}")
    by_key = make_client(Authorization=f"Bearer {user['api_key']}")
    by_token.post("/gen/chat/completions", CHAT)
    by_key.post("/gen/chat/completions", CHAT)
    assert by_token.used() == by_key.used()
    assert by_key.used()["cloudChatDaily"] == 2
    assert by_token.get("/subscription").json()["auth_type"] == "jwt"
    assert by_key.get("/subscription").json()["auth_type"] == "api_key"


def test_the_bearer_decides_over_the_client_id(
    make_client: Callable[..., Client], new_user: Callable[..., dict[str, str]]
) -> None:
    client_id = f"ipc-{uuid.uuid4()}"
    user = new_user("light")
    make_client(Authorization=f"Bearer {user['jwt']}", X_Client_ID=client_id).post(
        "/gen/chat/completions", CHAT
    )
    assert make_client(X_Client_ID=client_id).used()["cloudChatDaily"] == 0
    assert make_client(Authorization=f"Bearer {user['jwt']}").used()["cloudChatDaily"] == 1


def test_callers_with_different_client_ids_do_not_share_units(make_client: Callable[..., Client]) -> None:
    one, other = (make_client(X_Client_ID=f"ipc-{uuid.uuid4()}") for _ in range(2))
    one.get("/gen/image/harbour")
    assert one.used()["imagesDaily"] == 1
    assert other.used()["imagesDaily"] == 0


def test_a_client_id_counts_behind_any_user_agent(make_client: Callable[..., Client]) -> None:
    client_id = f"ipc-{uuid.uuid4()}"
    make_client(X_Client_ID=client_id, User_Agent="one").get("/gen/image/harbour")
    assert make_client(X_Client_ID=client_id, User_Agent="two").used()["imagesDaily"] == 1


@pytest.mark.parametrize(
    "bad", ["short", "x" * 129, "sixteen chars !!", "ümlaut-ümlaut-ümlaut".encode(), "a b" * 8]
)
def test_a_malformed_client_id_is_ignored_for_address_and_agent(
    make_client: Callable[..., Client], bad: Any
) -> None:
    agent = f"agent-{uuid.uuid4()}"
    make_client(X_Client_ID=bad, User_Agent=agent).get("/gen/image/harbour")
    assert make_client(User_Agent=agent).used()["imagesDaily"] == 1
    assert make_client(User_Agent=agent + "2").used()["imagesDaily"] == 0


@pytest.mark.parametrize("length", [16, 128])
def test_a_client_id_of_the_shortest_and_the_longest_kind_counts(
    make_client: Callable[..., Client], length: Any
) -> None:
    client_id = (uuid.uuid4().hex * 4)[:length]
    make_client(X_Client_ID=client_id).get("/gen/image/harbour")
    assert make_client(X_Client_ID=client_id, User_Agent="another").used()["imagesDaily"] == 1


def test_a_good_token_of_an_unknown_subject_is_a_user_on_the_default_plan(
    mock: RunningMock, make_client: Callable[..., Client]
) -> None:
    now = mock.state.clock.now()
    token = mock.state.tokens.mint(str(uuid.uuid4()), "new@example.com", now, now + 60)
    body = make_client(Authorization=f"Bearer {token}").get("/subscription").json()
    assert body["plan_key"] == "free"
    assert body["email"] == "new@example.com"
    assert body["subscription"] is None


def test_a_public_route_does_not_look_at_the_bearer(make_client: Callable[..., Client]) -> None:
    client = make_client(Authorization="Bearer nonsense")
    for path in ("/models", "/status", "/tiers", "/tier-config"):
        assert client.get(path).status_code == 200


def test_a_paying_users_subscription_has_every_field_that_clients_read(
    make_client: Callable[..., Client], new_user: Callable[..., dict[str, str]]
) -> None:
    body = make_client(Authorization=f"Bearer {new_user('creator')['jwt']}").get("/subscription").json()
    [row] = body["subscription"]
    assert body["plan_name"] == "AI Creator"
    assert set(row) == {
        "status", "product_name", "plan_key", "plan_id", "current_period_start", "current_period_end",
    }  # fmt: skip
    assert row["status"] == "active"


def test_a_token_and_a_key_end_when_the_clock_passes_their_expiry(connect: Callable[..., Client]) -> None:
    with running() as mock:
        state = mock.state
        user = state.accounts.all()[0]
        now = state.clock.now()
        token = state.tokens.mint(user.id, user.email, now, now + 100)
        _, key = state.keys.issue(user.id, "short", now, expires_at=now + 100)
        clients = [connect(mock, {"Authorization": f"Bearer {bearer}"}) for bearer in (token, key)]
        assert [client.get("/usage").status_code for client in clients] == [200, 200]
        state.clock.advance(101)
        assert [client.get("/usage").status_code for client in clients] == [401, 401]


def test_a_revoked_key_is_refused_from_its_next_call(
    mock: RunningMock, make_client: Callable[..., Client], new_user: Callable[..., dict[str, str]]
) -> None:
    user = new_user("light")
    now = mock.state.clock.now()
    key, secret = mock.state.keys.issue(user["id"], "to revoke", now)
    client = make_client(Authorization=f"Bearer {secret}")
    assert client.get("/usage").status_code == 200
    mock.state.keys.revoke(key.id, now)
    refused = client.get("/usage")
    assert refused.status_code == 401
    assert "revoked" in refused.json()["detail"]


def test_what_is_kept_of_a_key_does_not_contain_its_secret(
    mock: RunningMock, new_user: Callable[..., dict[str, str]]
) -> None:
    user = new_user("light")
    _, secret = mock.state.keys.issue(user["id"], "mine", 0.0)
    kept = [key for key in mock.state.keys.of(user["id"]) if key.label == "mine"]
    assert len(kept) == 1
    assert kept[0].prefix == secret[:16]
    assert secret not in repr(kept)
    assert all(secret.encode() != stored for stored in mock.state.keys._by_digest)


@pytest.mark.parametrize("token", ["nonsense", "a.b", "", pytest.param("eyJ." * 15_000, id="dots")])
def test_what_does_not_look_like_a_token_is_refused_without_loading_anything(token: str) -> None:
    authority = TokenAuthority("s" * 32)
    with pytest.raises(InvalidTokenError, match="well-formed"):
        authority.verify(token, lambda subject: 0.0)
    assert "_verifier" not in vars(authority)


def test_the_keys_of_one_of_many_users_are_found_without_looking_at_all() -> None:
    class Counted(str):
        __slots__ = ()
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            Counted.compared += 1
            return str.__eq__(self, other)

    ring = KeyRing()
    for number in range(100):
        ring.issue(Counted(number), "default", 0.0)
    assert all(len(ring.of(str(number))) == 1 for number in range(100))
    assert Counted.compared < 1000
    [(kept_as, key), *_] = ring.rows()
    ring.put(kept_as, replace(key, account_id="7"))
    assert [len(ring.of(user)) for user in ("0", "7")] == [0, 2]
    ring.remove("7")
    assert len(ring.rows()) == 98


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_a_trusted_public_key_verifies_tokens_and_is_no_hmac_secret(
    connect: Callable[..., Client], tmp_path: Path, algorithm: Any
) -> None:
    private = (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ES256"
        else rsa.generate_private_key(65537, 2048)
    )
    public = private.public_key()
    kind: Any = jwt.algorithms.ECAlgorithm if algorithm == "ES256" else jwt.algorithms.RSAAlgorithm
    key = json.loads(kind.to_jwk(public)) | {"kid": "one", "alg": algorithm, "use": "sig"}
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [key]}))
    claims = {"sub": "someone", "aud": "authenticated", "exp": 4102444800}
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header, payload = encoded({"alg": "HS256", "kid": "one"}), encoded(claims)
    forged_signature = hmac.new(pem, f"{header}.{payload}".encode(), hashlib.sha256).digest()
    forged = f"{header}.{payload}." + base64.urlsafe_b64encode(forged_signature).rstrip(b"=").decode()
    with running(jwks=file) as mock:

        def status(token: Any) -> Any:
            return connect(mock, {"Authorization": f"Bearer {token}"}).get("/subscription").status_code

        assert status(jwt.encode(claims, private, algorithm=algorithm, headers={"kid": "one"})) == 200
        assert status(jwt.encode(claims, private, algorithm=algorithm)) == 200
        assert status(jwt.encode(claims, private, algorithm=algorithm, headers={"kid": "two"})) == 401
        assert status(forged) == 401
        assert status(mock.credentials["LIGHTNING_JWT"]) == 200


def test_each_key_that_fits_is_tried(connect: Callable[..., Client], tmp_path: Path) -> None:
    one, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    third = rsa.generate_private_key(65537, 2048)
    forger = ec.generate_private_key(ec.SECP256R1())

    def described(private: Any, **more: Any) -> Any:
        kind: Any = jwt.algorithms.RSAAlgorithm if private is third else jwt.algorithms.ECAlgorithm
        return {**json.loads(kind.to_jwk(private.public_key())), **more}

    keys = [described(one, use=None, key_ops=None, alg=None, kid=None), described(other, kid="0")]
    keys += [described(private, kid="shared") for private in (one, other, third)]
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": keys}))
    claims = {"sub": "someone", "aud": "authenticated", "exp": 4102444800}
    with running(jwks=file) as mock:

        def status(private: Any, kid: str | None) -> int:
            algorithm = "RS256" if private is third else "ES256"
            token = jwt.encode(claims, private, algorithm=algorithm, headers={"kid": kid} if kid else {})
            return connect(mock, {"Authorization": f"Bearer {token}"}).get("/subscription").status_code

        accepted = [(one, None), (other, None), (other, "0"), (one, "shared"), (other, "shared")]
        for private, kid in [*accepted, (third, "shared"), (third, None)]:
            assert status(private, kid) == 200, kid
        for private, kid in [(one, "0"), (third, "0"), (forger, "shared"), (forger, None)]:
            assert status(private, kid) == 401, kid


def test_keys_that_cannot_be_used_are_passed_over(tmp_path: Path) -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    good = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(public)), "kid": "good"}
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    unusable = [
        {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "ed"},
        {"kty": "OKP", "crv": "X25519", "x": x},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": x},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "RSA", "kid": "broken"},
        {"kty": "EC", "crv": "P-256", "x": "!", "y": "!"},
        {"kty": ["EC"]},
        {**good, "kid": "encrypting", "use": "enc"},
        {**good, "kid": "wrapping", "key_ops": ["wrapKey"]},
        {**good, "kid": 5},
        {},
        None,
        "key",
    ]
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [*unusable, good, good, *unusable]}))
    assert [key.key_id for key in load_jwks(file)] == ["good", "good"]
    file.write_text(json.dumps({"keys": unusable}))
    with pytest.raises(SettingsError, match="usable"):
        load_jwks(file)


def test_the_memory_for_verified_tokens_is_bounded(
    mock: RunningMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_REMEMBERED_TOKENS", 5)
    state, resolver = mock.state, mock.state.identities
    now = state.clock.now()
    for number in range(12):
        resolver._bearer(state.tokens.mint(f"user-{number}", "", now, now + 60))
    assert len(resolver._verified) <= 5


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"email": "\ud800half"}, 200), ({"email": 5}, 200), ({"email": None}, 200),
        ({"iat": 9e11}, 200), ({"iat": "yesterday"}, 200), ({"iat": -1}, 200), ({"iat": 1e300}, 200),
        ({"sub": "\ud800half"}, 401), ({"sub": ""}, 401), ({"sub": 5}, 401), ({"sub": None}, 401),
        ({"exp": "9999999999"}, 401), ({"exp": 10**400}, 401), ({"exp": None}, 401), ({"exp": True}, 401),
        ({"exp": float("nan")}, 401), ({"exp": float("inf")}, 401), ({"exp": -1}, 401),
        ({"aud": ["authenticated", "other"]}, 200), ({"aud": []}, 401), ({"aud": 5}, 401),
        ({"nbf": "soon"}, 401),
    ],
)  # fmt: skip
def test_odd_claims_of_a_signed_token_are_read_or_refused(
    mock: RunningMock, make_client: Callable[..., Client], claims: Any, status: Any
) -> None:
    payload = {
        "sub": str(uuid.uuid4()),
        "aud": "authenticated",
        "exp": int(mock.state.clock.now()) + 60,
    } | claims
    header, body = encoded({"alg": "HS256"}), encoded(payload)
    signature = hmac.new(
        mock.state.tokens.secret.encode(), f"{header}.{body}".encode(), hashlib.sha256
    ).digest()
    token = f"{header}.{body}." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    client = make_client(Authorization=f"Bearer {token}")
    assert client.get("/subscription").status_code == status
    assert client.get("/usage").status_code == status
