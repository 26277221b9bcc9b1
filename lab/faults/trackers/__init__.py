"""Faults that similar servers really had, each group with the kind of defect and a public thread."""

from __future__ import annotations

from lab.faults.trackers import analysis, callers, envelopes, identity, media, payloads, quota, streams, tools

BOOKS = (
    analysis.BOOK,
    callers.BOOK,
    envelopes.BOOK,
    identity.BOOK,
    media.BOOK,
    payloads.BOOK,
    quota.BOOK,
    streams.BOOK,
    tools.BOOK,
)
