"""What one document of the repository links to is in the repository.

`mkdocs build --strict` cannot tell: it also knows the pages that only the built site has, below `reference/`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TARGET = re.compile(r"\]\(([^)\s]+)\)")
ELSEWHERE = re.compile(r"[a-z]+:|#")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_relative_link_leads_to_a_file(document: Path) -> None:
    targets = TARGET.findall(document.read_text(encoding="utf-8"))
    relative = [target.partition("#")[0] for target in targets if not ELSEWHERE.match(target)]
    assert [target for target in relative if not (document.parent / target).is_file()] == []


def test_the_documents_have_relative_links() -> None:
    """Else the pattern above would find nothing wrong with anything."""
    assert "](docs/offline.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= {document.name for document in DOCUMENTS}
