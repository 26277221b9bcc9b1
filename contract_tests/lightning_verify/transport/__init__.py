"""The one way out: requests within budget and bounds, and what came back."""
