"""The columns of published feature tables, computed as their authors did, a module per table."""
