"""The commands of the command line, a module for each: `command`, and an EXAMPLE for its help.

What several of them share stands in the modules that begin with an underscore. A command parses,
calls and prints; it has no logic of its own.
"""
