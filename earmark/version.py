"""The version of Earmark: its only place."""

__version__ = "0.2.0.dev0"
