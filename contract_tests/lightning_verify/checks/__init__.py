"""The situations that are brought about, by area; each judges what no single answer shows."""
