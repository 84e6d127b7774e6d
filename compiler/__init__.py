"""From ONNX to a program: frontend, dialects, passes, targets, backend."""
