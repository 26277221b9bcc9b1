"""What several processes share of one mock, kept in Redis or Valkey."""
