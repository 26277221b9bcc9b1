"""Replies that somebody has written beforehand: which calls they answer, and with what."""
