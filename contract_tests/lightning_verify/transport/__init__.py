"""Sends requests within budget and bounds, and keeps what comes back."""
