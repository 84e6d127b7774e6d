"""Compile ONNX networks for sparse-CNN accelerators and run the binaries cycle by cycle."""

__version__ = "0.1.0"
