"""Frames, filter banks and meters: what descriptors are computed from."""
