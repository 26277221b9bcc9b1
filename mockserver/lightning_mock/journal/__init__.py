"""What is remembered of each call, and how it is told."""
