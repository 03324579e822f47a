"""The upstream charts: one module for each, with its version and the values that we give it."""
