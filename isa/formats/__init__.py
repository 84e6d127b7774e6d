"""Packed storage formats of weights and activations, encode and decode side by side."""
