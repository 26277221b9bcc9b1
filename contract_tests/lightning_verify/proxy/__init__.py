"""A proxy that watches: it passes everything on as it is and holds what passes against the laws."""
