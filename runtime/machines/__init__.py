"""One accelerator per module: what its instructions do and what they cost."""
