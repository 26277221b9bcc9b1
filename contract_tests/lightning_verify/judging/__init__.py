"""Reading answers, and judging what they show about a requirement."""
