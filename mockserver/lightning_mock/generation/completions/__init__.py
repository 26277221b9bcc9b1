"""Chat completions without a language model: what is said, which tools are called, and how both look on the
wire.
"""
