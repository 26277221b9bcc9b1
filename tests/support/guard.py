"""How long what a test starts may take before it counts as hanging."""

from __future__ import annotations

# Seconds: far more than anything takes, so that a busy machine fails no test; less than the limit of a test.
HANGS = 280.0
