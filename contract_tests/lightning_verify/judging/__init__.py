"""Answers on the scales: reading them, and what they show about a requirement."""
