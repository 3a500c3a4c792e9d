"""The learner, what it learns, and the bundle on disk."""
