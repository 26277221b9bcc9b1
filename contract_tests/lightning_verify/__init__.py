"""The judge: contract tests that hold any host against the requirements of `spec/`, over HTTP only."""
