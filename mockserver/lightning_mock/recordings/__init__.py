"""Exchanges with a real host: kept in a file while they pass, and answered from."""
