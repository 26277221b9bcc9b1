"""A proxy that watches: it passes everything on unchanged, and checks what passes against the laws."""
