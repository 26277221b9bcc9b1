"""What answers say, read without judging: pure functions of bytes, texts and JSON."""
