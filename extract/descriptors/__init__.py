"""The descriptors, a module per family; `earmark.extract.engine.registry` discovers them."""
