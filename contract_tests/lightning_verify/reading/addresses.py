"""Addresses as hosts write them: complete, without a scheme, relative, or unreadable."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

NOWHERE = urlsplit("")


def address(value: object, base: str = "https:") -> SplitResult:
    """Where a text leads from `base`; all parts are empty when it is no address."""
    try:
        return urlsplit(urljoin(base, value)) if isinstance(value, str) else NOWHERE
    except ValueError:
        return NOWHERE
