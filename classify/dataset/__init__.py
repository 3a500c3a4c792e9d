"""A feature table and labels become a data set with honest splits."""
