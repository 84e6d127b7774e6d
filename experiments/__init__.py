"""Experiments: one command each, which regenerates a table of a paper and says where it agrees."""
