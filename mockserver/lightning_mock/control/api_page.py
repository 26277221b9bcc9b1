"""The API page: Swagger UI from this package's own files, showing the spec that the mock runs on, or its
control API.

Law: the page makes no request to any other host.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson
from lightning_spec.loader import Spec

from lightning_mock.http.replies import Body

DOCS_PATH = "/__mock__/docs"
SPEC_PATH = "/__mock__/openapi.json"

_SWAGGER = Path(__file__).parent / "api_page_files"
_FILES: Mapping[str, tuple[str, str]] = {
    DOCS_PATH: ("index.html", "text/html; charset=utf-8"),
    "/__mock__/swagger/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/__mock__/swagger/page.css": ("page.css", "text/css; charset=utf-8"),
    "/__mock__/swagger/swagger-ui-bundle.js": ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "/__mock__/swagger/swagger-ui.css": ("swagger-ui.css", "text/css; charset=utf-8"),
}


class Pages:
    """The files of the page, read when they are first asked for."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._ready: dict[str, Body] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        return (SPEC_PATH, *_FILES)

    def get(self, path: str) -> Body:
        """The file or document at one of `paths`."""
        body = self._ready.get(path)
        if body is None:
            body = self._ready[path] = self._make(path)
        return body

    def _make(self, path: str) -> Body:
        if path == SPEC_PATH:
            # The page tries out the mock that serves it, not the host that the spec names.
            document = {**self._spec.document, "servers": [{"url": "/"}]}
            return Body(orjson.dumps(document))
        name, content_type = _FILES[path]
        return Body((_SWAGGER / name).read_bytes(), content_type)
