"""Faults written by hand from the document: each sentence as someone in a hurry might build it."""

from __future__ import annotations

from lab.faults.handwritten import (
    account,
    catalogue,
    chat,
    corners,
    failures,
    identity,
    media,
    quota,
    routing,
)

BOOKS = (
    account.BOOK,
    catalogue.BOOK,
    chat.BOOK,
    corners.BOOK,
    failures.BOOK,
    identity.BOOK,
    media.BOOK,
    quota.BOOK,
    routing.BOOK,
)
