"""report.html: a single file that loads nothing and treats everything it shows as untrusted."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from lightning_verify.facts import REQUIREMENTS
from lightning_verify.judging.harmless import one_line, shortened, visible
from lightning_verify.report.outcome import Outcome
from lightning_verify.report.sections import SYMBOLS, WORDS, bill_words, request_line, sections

# Response headers that often explain a verdict; the others are folded away.
_TELLING = frozenset(
    {"content-type", "location", "allow", "retry-after", "www-authenticate", "link", "transfer-encoding"}
)

_ID = re.compile(r"\b[A-Z]+-\d+\b")


def render_html(outcome: Outcome) -> str:
    """The report as a page."""
    script = _own_file("report.js")
    word, _, rest = outcome.headline.partition(": ")
    page = template().render(
        # Our own files, and nothing else, go in as they are.
        style=Markup(_own_file("report.css")),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        headline_word=word,
        headline_rest=rest,
        run=outcome.run,
        strict=outcome.strict,
        watched=outcome.run.get("watched", False),
        changes=outcome.comparison.lines() if outcome.comparison else [],
        parts=sections(outcome),
        words=WORDS,
        symbols=SYMBOLS,
        bill_words=bill_words(outcome.run),
        document=REQUIREMENTS.source,
    )
    return page.lstrip()


@cache
def template() -> Template:
    """The page without its contents, compiled."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        shortened=shortened,
        one_line=one_line,
        visible=visible,
        request_line=request_line,
        unbroken=_unbroken,
        zip=zip,
    )
    environment.tests["telling"] = _is_telling
    return environment.from_string(_own_file("template.html"))


def _own_file(name: str) -> str:
    return resources.files("lightning_verify.report").joinpath(name).read_text(encoding="utf-8")


def _is_telling(header: str) -> bool:
    return header.lower() in _TELLING


def _unbroken(text: str) -> Markup:
    """Text in which no line ends within the id of a requirement: `CHAT-` says nothing without its number."""
    return Markup(_ID.sub(r'<span class="whole">\g<0></span>', str(escape(text))))  # noqa: S704
