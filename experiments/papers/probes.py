"""Measures of one small layer, compiled and run here."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from ...models import resolve
from ...models.zoo import published_inputs
from ...tools import api
from .figures import Figure
from .verdicts import Measured

Floats = npt.NDArray[np.float32]
_MOST_BATCH = 8
_EDGE = 9
"""Rows and columns of a map whose middle has inner patches only."""


def output_values(figure: Figure) -> Measured:
    """The output of a worked example, row by row, as the machine computed it."""
    built = resolve(figure.networks[0])
    assert isinstance(built, onnx.ModelProto)
    feeds = published_inputs(built, 0)
    session = api.InferenceSession(api.compile(built, figure.system, inputs=feeds))
    output: npt.NDArray[Any] = session.run(None, feeds)[0]
    return Measured(tuple(float(value) for value in output.ravel()))


def filling_batch(figure: Figure) -> Measured:
    """Vectors that a fully connected layer without zeros takes in the cycles of one."""
    cycles = [_dense_layer_cycles(figure.system, batch) for batch in range(1, _MOST_BATCH + 1)]
    same = sum(count == cycles[0] for count in cycles)
    return Measured((same,), f"cycles of 1 to {_MOST_BATCH} vectors: {', '.join(map(str, cycles))}")


def _dense_layer_cycles(target: str, batch: int) -> int:
    weights = np.ones((64, 128), np.float32)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    return _run(target, node, weights, np.ones((batch, 64), np.float32))["cycles"]


def reused_elements(figure: Figure) -> Measured:
    """Elements that one inner patch of a 3x3 filter has from its neighbour and reserved buffers.

    Each count is bilinear in the map's rows and columns: the mixed difference is one inner patch's.
    """
    maps = {(r, c): _counters(figure.system, _EDGE + r, _EDGE + c) for r in (0, 1) for c in (0, 1)}

    def of_one_patch(name: str) -> int:
        return maps[1, 1][name] - maps[1, 0][name] - maps[0, 1][name] + maps[0, 0][name]

    ring, reserved, fetched = map(of_one_patch, ("ring_xfer", "res_rd", "fmap_rd"))
    text = f"{ring} from the ring, {reserved} from the reserved buffer, {fetched} fetched"
    return Measured((ring + reserved,), text)


def _counters(target: str, rows: int, columns: int) -> dict[str, int]:
    # 128 filters: the array is tall and one IM2COL unit makes every row.
    weights = np.ones((128, 1, 3, 3), np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[3, 3])
    return _run(target, node, weights, np.ones((1, 1, rows, columns), np.float32))["counters"]


def _run(target: str, node: onnx.NodeProto, weights: Floats, x: Floats) -> dict[str, Any]:
    """The totals of a network of one node."""
    graph = helper.make_graph(
        [node],
        "probe",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    session = api.InferenceSession(api.compile(model, target, inputs={"x": x}))
    session.run(None, {"x": x})
    return session.report["totals"]
