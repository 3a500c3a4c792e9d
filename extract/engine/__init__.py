"""One pass over a file: the registry of descriptors, windows, and their summaries."""
