"""Laws: what each exchange must keep by itself, whoever asked for it. They send nothing and know no test."""
