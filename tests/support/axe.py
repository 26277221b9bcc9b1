"""axe-core, which looks for what shuts people out of a page."""

from __future__ import annotations

from playwright.sync_api import Page

# The rules that another colour scheme can break; all others are about what stands on the page.
_COLOURS = ("color-contrast", "link-in-text-block")


class Axe:
    """What axe-core finds wrong with a page as it stands. `source` is its program."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __call__(self, page: Page, *rules: str) -> list[str]:
        """By all of its rules, unless some are named."""
        page.evaluate(self._source)
        options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
        found = page.evaluate("options => axe.run(document, options)", options)["violations"]
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def colours(self, page: Page) -> list[str]:
        """By the rules about colours alone, once all others have been looked at in another scheme."""
        return self(page, *_COLOURS)
