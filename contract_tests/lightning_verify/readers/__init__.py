"""What comes from outside, read in one place each: these functions take anything and never raise."""
