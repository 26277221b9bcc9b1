"""Real clients, unmodified, against the mock: what works with which version, as one table.

Run:  python -m tests.clients.table [--write] [--workplace DIR]

The clients are installed into an environment of their own, since they do not all agree on versions of theirs.
"""
