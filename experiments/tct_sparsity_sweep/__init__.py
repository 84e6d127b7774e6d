"""Bit-Tactical's speed-up on random masks: patterns, schedulers and row pointers by sparsity."""
