"""Reading and checking ONNX models."""
