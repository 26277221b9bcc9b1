"""Faults injected on purpose: what fails, for whom and how often."""
