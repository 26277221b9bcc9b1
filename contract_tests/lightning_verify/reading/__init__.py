"""What comes from outside, read in one place each: pure functions of bytes, texts and JSON."""
