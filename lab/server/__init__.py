"""The second implementation: a Starlette server of the API, written from the document alone."""
