"""One run, from options to exit code: what is tried, in which order, and what is kept."""
