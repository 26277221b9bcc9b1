"""State that several processes of one mock share, in Redis or Valkey."""
