"""Laws: what each exchange must satisfy by itself, no matter who sent it. They send nothing and know no
test."""
