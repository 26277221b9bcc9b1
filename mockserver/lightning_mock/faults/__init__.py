"""Things that go wrong on purpose: what, for whom and how often."""
