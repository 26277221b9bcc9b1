"""Pictures, videos and sounds that real decoders open, made from the words of a request."""
