"""What is sent, and as whom: callers, credentials, and the requests of all checks."""
