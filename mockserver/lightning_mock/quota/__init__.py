"""Windows, store and ledger of the four metrics."""
