"""Faults made by operators: dropped, renamed, retyped, swapped, skipped, moved, truncated, off by one."""

from __future__ import annotations

from lab.faults.mechanical import (
    account,
    analysis,
    content_types,
    failures,
    fields,
    identity,
    media,
    payloads,
    quota,
    streams,
    tools,
    usage,
)

BOOKS = (
    account.BOOK,
    analysis.BOOK,
    content_types.BOOK,
    failures.BOOK,
    fields.BOOK,
    identity.BOOK,
    media.BOOK,
    payloads.BOOK,
    quota.BOOK,
    streams.BOOK,
    tools.BOOK,
    usage.BOOK,
)
