"""From bytes to a call, and from a reply to bytes."""
