"""How right a model is, and the report that says so."""
