"""Pictures, films and sounds that real decoders open, made from the words of a request."""
