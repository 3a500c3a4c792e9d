"""The descriptors, a module per family; `extract.registry` discovers them."""
