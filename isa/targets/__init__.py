"""The instruction set and the parameters of each accelerator."""
