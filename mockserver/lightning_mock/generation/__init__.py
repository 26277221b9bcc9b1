"""What the generation routes answer, made without a model."""
