"""Addresses as hosts write them: whole, without a scheme, relative, or not to be read at all."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

NOWHERE = urlsplit("")


def address(value: object, base: str = "https:") -> SplitResult:
    """Where a text leads from `base`; without any part when it is no address."""
    try:
        return urlsplit(urljoin(base, value)) if isinstance(value, str) else NOWHERE
    except ValueError:
        return NOWHERE
