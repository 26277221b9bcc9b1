"""What a generation route answers with, made without a model."""
