"""Everything passes as it is: bytes, order, timing, and every way in which a connection can end."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
import time

import pytest
from lightning_verify.proxy.relay import OWN

from tests.proxy.running import Talk, raw_host, read_all, read_head, running_proxy
from tests.support.guard import HANGS

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answering(answer: bytes, seen: list[bytes] | None = None) -> Talk:
    """A host that gives one answer to each request, and remembers the requests."""

    def talk(connection: socket.socket) -> None:
        while asked := read_head(connection):
            if seen is not None:
                seen.append(asked)
            connection.sendall(answer)

    return talk


def through(request: bytes, answer: bytes, seen: list[bytes] | None = None) -> bytes:
    """What a client gets whose request ends its connection."""
    with raw_host(answering(answer, seen)) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.sendall(request)
        return read_all(client)


GET = b"GET /usage HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


def test_chunks_extensions_and_trailers_pass_as_they_are() -> None:
    body = b"5;a=b\r\nhello\r\n0005\r\nworld\r\n0\r\nX-Checksum: 7\r\nX-Other: 8\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n"
    got = through(GET, head + b"\r\n" + body)
    assert got == head + b"Connection: close\r\n\r\n" + body


def test_request_trailers_pass_as_well() -> None:
    seen: list[bytes] = []
    body = b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"
    request = b"POST /gen/image HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n"
    through(request + b"Connection: close, TE\r\n\r\n" + body, OK, seen)
    head, _, sent = seen[0].partition(b"\r\n\r\n")
    assert sent == body
    assert b"TE: trailers" in head
    assert b"Connection: close, TE" in head


def test_headers_keep_their_case_order_and_number() -> None:
    lines = b"X-B: 1\r\nx-a:2\r\nX-b:   3\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Latin: \xe4\r\n"
    got = through(GET, b"HTTP/1.1 200 Fine indeed\r\n" + lines + b"Content-Length: 0\r\n\r\n")
    assert got == b"HTTP/1.1 200 Fine indeed\r\n" + lines + b"Content-Length: 0\r\nConnection: close\r\n\r\n"


def test_what_concerns_one_connection_stays_on_it() -> None:
    seen: list[bytes] = []
    hops = (
        b"Connection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authorization: Basic cw\r\n"
    )
    answer = b"HTTP/1.1 200 OK\r\nConnection: X-Back\r\nX-Back: 1\r\nKeep-Alive: timeout=5\r\nX-End: 1\r\n"
    got = through(
        b"GET /usage HTTP/1.1\r\nHost: here:8\r\nX-End: 1\r\n" + hops + b"\r\n",
        answer + b"Content-Length: 0\r\n\r\n",
        seen,
    )
    for word in (b"X-Hop", b"Keep-Alive", b"Proxy-Authorization"):
        assert word not in seen[0]
    assert b"X-End: 1" in seen[0]
    assert got == b"HTTP/1.1 200 OK\r\nX-End: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def test_the_host_learns_its_own_name_and_who_asked() -> None:
    seen: list[bytes] = []
    request = (
        b"GET /usage?a=%2F HTTP/1.1\r\nhost: here:8\r\nX-Forwarded-For: 10.0.0.1\r\nConnection: close\r\n\r\n"
    )
    with (
        raw_host(answering(OK, seen)) as host,
        running_proxy(f"{host}/api") as proxy,
        proxy.connect() as client,
    ):
        client.sendall(request)
        read_all(client)
    assert seen[0].startswith(b"GET /api/usage?a=%2F HTTP/1.1\r\n")
    assert f"Host: {host.removeprefix('http://')}".encode() in seen[0]
    assert b"X-Forwarded-For: 10.0.0.1, 127.0.0.1" in seen[0]
    assert b"X-Forwarded-Host: here:8" in seen[0]
    assert b"X-Forwarded-Proto: http" in seen[0]
    assert b"Via" not in seen[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 70\r\nETag: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_answers_without_a_body_end_at_once(answer: bytes) -> None:
    with raw_host(answering(answer)) as host, running_proxy(host) as proxy, proxy.connect() as client:
        for _ in range(2):
            client.sendall(GET.replace(b"Connection: close\r\n", b""))
            assert read_head(client) == answer


def test_head_promises_a_length_and_sends_nothing() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 70\r\nContent-Type: image/png\r\n\r\n"
    with raw_host(answering(answer)) as host, running_proxy(host) as proxy, proxy.connect() as client:
        for _ in range(2):
            client.sendall(b"HEAD /status/image HTTP/1.1\r\nHost: here\r\n\r\n")
            assert read_head(client) == answer


def test_an_old_client_and_an_old_host_understand_each_other() -> None:
    seen: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        seen.append(read_head(connection))
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nall")

    with raw_host(talk) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.sendall(b"GET /usage HTTP/1.0\r\n\r\n")
        assert read_all(client) == b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nall"
        assert proxy.problems == [None]
    assert seen[0].startswith(b"GET /usage HTTP/1.0\r\n")


def test_a_stream_comes_as_it_is_sent() -> None:
    go_on = threading.Event()

    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert go_on.wait(HANGS)
        connection.sendall(b"4\r\nlast\r\n0\r\n\r\n")

    with raw_host(talk) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.sendall(GET)
        got = read_head(client)
        while not got.endswith(b"5\r\nfirst\r\n"):
            got += client.recv(100)
        go_on.set()
        assert read_all(client).endswith(b"4\r\nlast\r\n0\r\n\r\n")


def test_fifty_megabytes_pass_in_both_directions_and_are_not_held() -> None:
    piece, count = bytes(range(256)) * 4096, 50
    size = len(piece) * count
    expected = hashlib.sha256(piece * count).digest()
    received: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        _, _, rest = read_head(connection).partition(b"\r\n\r\n")
        digest, left = hashlib.sha256(rest), size - len(rest)
        while left:
            data = connection.recv(1 << 20)
            digest.update(data)
            left -= len(data)
        received.append(digest.digest())
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(count):
            connection.sendall(piece)

    with raw_host(talk) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.sendall(b"POST /gen/image HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(count):
            client.sendall(piece)
        _, _, rest = read_head(client).partition(b"\r\n\r\n")
        digest, left = hashlib.sha256(rest), size - len(rest)
        while left:
            data = client.recv(1 << 20)
            digest.update(data)
            left -= len(data)
        assert (received, digest.digest()) == ([expected], expected)
        view = proxy.settled().view()
    assert list(view.not_judged) == ["too large to keep, or in an unknown encoding"]


def test_a_slow_client_holds_the_host_back() -> None:
    sent = 0

    def talk(connection: socket.socket) -> None:
        nonlocal sent
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.settimeout(0.5)
        try:
            while True:
                sent += connection.send(bytes(1 << 16))
        except TimeoutError:
            pass

    with raw_host(talk) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.sendall(GET)
        read_head(client)
        time.sleep(1.2)
    assert sent < 32 << 20


def test_the_host_sees_that_a_client_has_left_its_stream() -> None:
    left = threading.Event()

    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        if not connection.recv(100):
            left.set()

    with raw_host(talk) as host, running_proxy(host) as proxy:
        with proxy.connect() as client:
            client.sendall(GET)
            read_head(client)
        assert left.wait(HANGS)
        assert proxy.settled().view().not_judged == {"cut off": 1}
    assert proxy.problems == ["the client left"]


def test_the_host_sees_that_a_client_does_not_wait_for_an_answer() -> None:
    left = threading.Event()

    def talk(connection: socket.socket) -> None:
        read_head(connection)
        if not connection.recv(100):
            left.set()

    with raw_host(talk) as host, running_proxy(host) as proxy:
        client = proxy.connect()
        client.sendall(GET)
        time.sleep(0.1)
        # A reset, as of a process that was killed.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        assert left.wait(HANGS)
        proxy.settled()
    assert proxy.problems == ["the client left"]


def test_a_client_may_close_its_half_and_wait() -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection)
        assert connection.recv(100) == b""
        connection.sendall(OK)

    with raw_host(talk) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.sendall(GET)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).endswith(b"\r\n\r\nok")
        assert proxy.problems == [None]


@pytest.mark.parametrize("head", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
def test_an_answer_that_breaks_off_breaks_off(head: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n5\r\nfirst\r\n")

    with raw_host(talk) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.sendall(GET)
        assert read_all(client).endswith(b"\r\n\r\n5\r\nfirst\r\n")
        assert proxy.settled().view().not_judged == {"cut off": 1}
    assert proxy.problems == ["the host closed the connection in the middle of its answer"]


def test_a_host_that_is_not_there_is_told_by_the_proxy_itself() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with running_proxy(f"http://127.0.0.1:{nobody.getsockname()[1]}") as proxy, proxy.connect() as client:
            client.sendall(GET)
            got = read_all(client)
            view = proxy.settled().view()
    assert got.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert OWN.encode() in got
    assert view.not_judged == {"no answer from the host": 1}
    assert view.judged == 0


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200", b"220 mail.example ESMTP\r\n\r\n"])
def test_a_host_that_says_nothing_sensible_is_a_bad_gateway(said: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(said)

    with raw_host(talk) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.sendall(GET)
        assert read_all(client).startswith(b"HTTP/1.1 502 ")
        assert proxy.settled().view().judged == 0


def test_an_idle_connection_that_the_host_closes_is_closed() -> None:
    closed = threading.Event()

    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(OK)
        assert closed.wait(HANGS)

    with raw_host(talk) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.sendall(GET.replace(b"Connection: close\r\n", b""))
        assert read_head(client).endswith(b"ok")
        closed.set()
        assert client.recv(100) == b""


def test_a_connection_is_used_again_and_requests_may_queue() -> None:
    connections: list[int] = []

    def talk(connection: socket.socket) -> None:
        connections.append(1)
        answering(OK)(connection)

    plain = GET.replace(b"Connection: close\r\n", b"")
    with raw_host(talk) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.sendall(plain * 2 + GET)
        assert read_all(client).count(b"HTTP/1.1 200 OK") == 3
    assert len(connections) == 1


def test_an_answer_that_comes_before_the_upload_is_over_is_not_lost() -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"

    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(refusal)
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.3)

    with raw_host(talk) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.sendall(
            b"POST /gen/image HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n" + bytes(1 << 20)
        )
        assert read_all(client).endswith(b"\r\n\r\nno")


def test_a_client_may_ask_whether_to_go_on() -> None:
    def talk(connection: socket.socket) -> None:
        assert b"Expect: 100-continue" in read_head(connection)
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert connection.recv(100) == b"body"
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)

    with raw_host(talk) as host, running_proxy(host) as proxy, proxy.connect() as client:
        head = b"POST /gen/image HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n"
        client.sendall(head + b"Connection: close\r\n\r\n")
        assert read_head(client) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"body")
        got = read_all(client)
    assert got.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_a_websocket_goes_through() -> None:
    def talk(connection: socket.socket) -> None:
        asked = read_head(connection)
        assert b"Upgrade: websocket" in asked
        assert b"Connection: Upgrade" in asked
        connection.sendall(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi")
        while data := connection.recv(100):
            connection.sendall(data.upper())

    with raw_host(talk) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        got = read_head(client)
        while not got.endswith(b"hi"):
            got += client.recv(10)
        client.sendall(b"\x81frame")
        assert client.recv(100) == b"\x81FRAME"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: 1\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nX: 1\r\n\r\n", 400),
        (b"GET /a b HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 300_000, 431),
    ],
    ids=lambda value: repr(value)[:70],
)
def test_what_cannot_be_passed_on_is_refused_and_never_reaches_the_host(request_: bytes, status: int) -> None:
    seen: list[bytes] = []
    with raw_host(answering(OK, seen)) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.sendall(request_)
        got = read_all(client)
    assert got.startswith(b"HTTP/1.1 %d " % status)
    assert OWN.encode() in got
    assert seen == []


def test_a_body_that_turns_out_to_be_no_chunks_is_refused() -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection)
        read_all(connection)

    with raw_host(talk) as host, running_proxy(host) as proxy, proxy.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello")
        time.sleep(0.1)
        client.sendall(b" world\r\n0\r\n\r\n")
        assert read_all(client).startswith(b"HTTP/1.1 400 ")
