"""One reader for each thing that comes from outside: pure functions of bytes, texts and JSON."""
