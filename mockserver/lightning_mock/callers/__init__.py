"""Callers: accounts, credentials, identity, and the users that a fresh mock begins with."""
