"""A second server of the API, with switches for faults, conforming variants and hostile hosts."""
