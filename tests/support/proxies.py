"""nginx and haproxy as they stand before a host, for as long as a `with` block lasts."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

_PLACES = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin"
_TIMEOUT = 10.0

_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{host}; {more} }} }}
}}
"""
_HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen here
  bind 127.0.0.1:{port}
  server host {host}
  {more}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A program, its arguments before and after the file of its settings, and what stands in that."""

    program: str
    arguments: tuple[str, ...]
    settings: str
    more: str = ""


def _nginx(more: str = "") -> Proxy:
    return Proxy("nginx", ("-e", "stderr", "-c"), _NGINX, more)


def _haproxy(more: str = "") -> Proxy:
    return Proxy("haproxy", ("-q", "-f"), _HAPROXY, more)


PROXIES = {
    # Asks in HTTP/1.0, keeps answers back until they fill a buffer, and takes a megabyte at most.
    "nginx as it comes": _nginx(),
    "nginx unbuffered, packing, adding": _nginx(
        "proxy_http_version 1.1; proxy_buffering off; proxy_request_buffering off; gzip on; gzip_types *; "
        "gzip_min_length 1; gzip_proxied any; add_header X-Frame-Options DENY always; "
        "proxy_hide_header Date; client_max_body_size 8k;"
    ),
    "haproxy as it comes": _haproxy(),
    "haproxy closing, buffering, packing": _haproxy(
        "option httpclose\n  option http-buffer-request\n  compression algo gzip\n"
        "  compression type application/json text/event-stream\n"
        "  http-response del-header server\n  http-response set-header X-Proxy haproxy"
    ),
}


@contextmanager
def standing_before(base_url: str, name: str, folder: Path) -> Iterator[str]:
    """The address of a proxy before the host at `base_url`. Skips the test where it is not installed."""
    proxy = PROXIES[name]
    program = shutil.which(proxy.program, path=_PLACES)
    if program is None:
        pytest.skip(f"{proxy.program} is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = folder / "settings"
    host = urlsplit(base_url).netloc
    settings.write_text(proxy.settings.format(folder=folder, port=port, host=host, more=proxy.more))
    process = subprocess.Popen([program, *proxy.arguments, str(settings)])
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_TIMEOUT)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
