"""Serves the files of the control page from the folder `page`.

Law: the page loads nothing from anywhere else, and runs no script that is not one of its files.
"""

from __future__ import annotations

import re
from pathlib import Path

from lightning_mock.http.replies import Body

PAGE_PATH = "/__mock__/"
SPEC_PATH = "/__mock__/control.json"
_FOLDER = Path(__file__).parent / "page"
_FILE_NAME = re.compile(r"[a-z0-9_-]{1,64}\.[a-z0-9]{1,8}", re.ASCII)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


def page_file(path: str) -> Body | None:
    """The file at a path of the page, read every time so that it can be edited meanwhile; None when there is
    none."""
    name = path.removeprefix(PAGE_PATH) or "index.html"
    # Only a plain file name is ever looked up, so that no path leads out of the folder.
    if not _FILE_NAME.fullmatch(name):
        return None
    file = _FOLDER / name
    content_type = _TYPES.get(file.suffix)
    if content_type is None or not file.is_file():
        return None
    return Body(file.read_bytes(), content_type, headers=_HEADERS)
