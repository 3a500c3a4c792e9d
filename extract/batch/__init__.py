"""Many files: the analysis of one, workers, and checkpoints."""
