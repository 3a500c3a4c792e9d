"""Files and their samples; the only place that knows an audio library."""
