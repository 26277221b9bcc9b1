"""Values for a schema or a pattern that a caller sent."""
