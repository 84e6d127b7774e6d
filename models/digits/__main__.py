"""Prints the facts of the shipped digits network: python -m spcc.models.digits."""

import numpy as np
import onnx
from onnx import numpy_helper

from ..session import run
from . import MODEL, TEST, load_test
from .prune import FILTERS_PER_GROUP


def accuracy() -> tuple[int, int]:
    """Count the test images that onnxruntime classifies rightly, and all of them."""
    images, labels = load_test()
    logits = run(MODEL.read_bytes(), {"image": images})[0]
    return int((logits.argmax(axis=1) == labels).sum()), len(labels)


def zeros_per_layer() -> dict[str, tuple[int, float, float, float]]:
    """Return layer -> weights, and the shares of zero weights, groups and whole columns."""
    shares: dict[str, tuple[int, float, float, float]] = {}
    for tensor in onnx.load_model_from_string(MODEL.read_bytes()).graph.initializer:
        name, kind = tensor.name.split(".")
        if kind == "bias":
            continue
        weights = numpy_helper.to_array(tensor)
        used = weights.reshape(len(weights), -1) != 0
        groups = np.logical_or.reduceat(used, np.arange(0, len(used), FILTERS_PER_GROUP))
        columns = used.any(axis=0)
        weight, group, column = (float(1 - part.mean()) for part in (used, groups, columns))
        shares[name] = used.size, weight, group, column
    return shares


def main() -> None:
    """Print accuracy, file sizes and zeros as the README quotes them."""
    right, count = accuracy()
    print(f"accuracy {right / count:.3f} ({right} of {count} held-out images, float32)")
    print(f"digits.onnx {MODEL.stat().st_size} bytes, test.npz {TEST.stat().st_size} bytes")
    print("layer       weights  zero weights  zero groups  zero columns")
    shares = zeros_per_layer()
    for name, (size, weights, groups, columns) in shares.items():
        print(f"{name:<10} {size:>8}  {weights:>12.3f}  {groups:>11.3f}  {columns:>12.3f}")
    convolutions = [row for name, row in shares.items() if name.startswith("conv")]
    size = sum(row[0] for row in convolutions)
    zero = sum(row[0] * row[1] for row in convolutions) / size
    print(f"{'conv1-3':<10} {size:>8}  {zero:>12.3f}")


if __name__ == "__main__":
    main()
