"""How fast the mock is, measured beside what its web framework alone can do."""
