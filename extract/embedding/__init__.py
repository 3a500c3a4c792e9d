"""Learned networks whose activations become descriptors."""
