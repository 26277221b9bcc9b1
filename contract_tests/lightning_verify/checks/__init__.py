"""The checks, by area: each brings about a situation, and judges what no single answer shows."""
