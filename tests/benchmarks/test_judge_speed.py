"""The benchmark of the judge runs, through what holds its requests up."""

import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from benchmarks.judge_speed import far_away, judged
from tests.support.guard import HANGS


def test_a_run_says_how_many_requests_it_took_and_what_it_came_to() -> None:
    row = judged("none", 0, ["--only=STAT-3"])
    assert row.startswith("| none | 9 |")
    assert "KEPT: 1 of 1" in row


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_request_is_held_up_and_its_answer_is_not() -> None:
    host = HTTPServer(("127.0.0.1", 0), _Answers)
    Thread(target=host.handle_request).start()
    with host, far_away(host.server_port, 0.2) as port:
        began = time.monotonic()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=HANGS) as answer:
            assert answer.status == 204
        assert time.monotonic() - began >= 0.2
