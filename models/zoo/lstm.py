"""A bidirectional LSTM layer unrolled into matrix products and elementwise operators.

The input side of all steps is one 1x1 convolution; each step of each direction then is a Gemm on
the hidden state, and gates in the order of ONNX (input, output, forget, cell):
c = f * c + i * g, h = o * tanh(c). The first hidden state is a graph input, the first cell zero.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from .networks import Node

DIRECTIONS = ("forward", "backward")
GATES = ("i", "o", "f", "g")


def state(node: Node) -> str:
    """Name of the graph input with the first hidden states [N, 2 Hd, 1, 1], forward first."""
    return f"{node.name}.state"


def constant_shapes(node: Node) -> dict[str, tuple[int, ...]]:
    """Shapes of the float32 constants, by name; the gates' biases are the convolution's."""
    wide, *recurrent = node.weight_shapes
    shapes: dict[str, tuple[int, ...]] = {f"{node.name}.weight": wide}
    shapes[f"{node.name}.bias"] = (wide[0],)
    for direction, shape in zip(DIRECTIONS, recurrent, strict=True):
        shapes[f"{node.name}.{direction}.weight"] = shape
    return shapes


def tables(node: Node) -> dict[str, npt.NDArray[np.int64]]:
    """The integer constants: how the channels split, and where sequences join."""
    hidden, steps = node.output_shape[0] // 2, node.output_shape[1]
    return {
        f"{node.name}.directions": np.array([hidden, hidden], np.int64),
        f"{node.name}.halves": np.array([4 * hidden, 4 * hidden], np.int64),
        f"{node.name}.gates": np.array([hidden] * 4, np.int64),
        f"{node.name}.steps": np.array([1] * steps, np.int64),
        f"{node.name}.map": np.array([0, hidden, 1, 1], np.int64),
    }


def operators(node: Node) -> list[onnx.NodeProto]:
    """Write the layer in ONNX: [N, C, T, 1] to [N, 2 Hd, T, 1], forward half first."""
    return list(_operators(node))


def _operators(node: Node) -> Iterator[onnx.NodeProto]:
    name, steps = node.name, node.output_shape[1]
    inputs = [*node.sources, f"{name}.weight", f"{name}.bias"]
    yield _node("Conv", inputs, [f"{name}.input"])
    halves = [f"{name}.{direction}.input" for direction in DIRECTIONS]
    yield _node("Split", [f"{name}.input", f"{name}.halves"], halves, axis=1)
    first = [f"{name}.{direction}.first" for direction in DIRECTIONS]
    yield _node("Flatten", [state(node)], [f"{name}.state.flat"])
    yield _node("Split", [f"{name}.state.flat", f"{name}.directions"], first, axis=1)
    for direction in DIRECTIONS:
        prefix = f"{name}.{direction}"
        rows = [f"{prefix}.input{step}" for step in range(steps)]
        yield _node("Split", [f"{prefix}.input", f"{name}.steps"], rows, axis=2)
        hidden, cell = f"{prefix}.first", ""
        order = range(steps) if direction == "forward" else range(steps - 1, -1, -1)
        for step in order:
            yield from _step(node, prefix, step, hidden, cell)
            hidden, cell = f"{prefix}.h{step}", f"{prefix}.c{step}"
        maps = [f"{prefix}.map{step}" for step in range(steps)]
        for step in range(steps):
            yield _node("Reshape", [f"{prefix}.h{step}", f"{name}.map"], [maps[step]])
        yield _node("Concat", maps, [f"{prefix}.output"], axis=2)
    yield _node("Concat", [f"{name}.{d}.output" for d in DIRECTIONS], [name], axis=1)


def _step(node: Node, prefix: str, step: int, hidden: str, cell: str) -> Iterator[onnx.NodeProto]:
    """One step of one direction; `cell` is "" at the first, where the old cell counts nothing."""
    at = {part: f"{prefix}.{part}{step}" for part in ("x", "r", "z", "fc", "ig", "c", "th", "h")}
    weight = f"{prefix}.weight"
    yield _node("Flatten", [f"{prefix}.input{step}"], [at["x"]])
    yield _node("Gemm", [hidden, weight], [at["r"]], transB=1)
    yield _node("Add", [at["x"], at["r"]], [at["z"]])
    raw = [f"{prefix}.{gate}{step}.linear" for gate in GATES]
    gates = [f"{prefix}.{gate}{step}" for gate in GATES]
    yield _node("Split", [at["z"], f"{node.name}.gates"], raw, axis=1)
    for gate, source, result in zip(GATES, raw, gates, strict=True):
        if gate == "f" and not cell:
            continue
        yield _node("Tanh" if gate == "g" else "Sigmoid", [source], [result])
    i, o, f, g = gates
    if cell:
        yield _node("Mul", [i, g], [at["ig"]])
        yield _node("Mul", [f, cell], [at["fc"]])
        yield _node("Add", [at["fc"], at["ig"]], [at["c"]])
    else:
        yield _node("Mul", [i, g], [at["c"]])
    yield _node("Tanh", [at["c"]], [at["th"]])
    yield _node("Mul", [o, at["th"]], [at["h"]])


def _node(op: str, sources: list[str], outputs: list[str], **attributes: Any) -> onnx.NodeProto:
    """Make a node that is called as its first output."""
    return helper.make_node(op, sources, outputs, outputs[0], **attributes)
