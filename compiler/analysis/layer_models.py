"""Single layers on onnxruntime, as models of one node whose weights are inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from ...isa.errors import PassError

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


def convolve(
    x: Floats,
    weights: Floats,
    bias: Floats | None = None,
    *,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    groups: int,
    label: str = "",
) -> Floats:
    """Convolve x [N, C, H, W] with weights [K, C/groups, R, S]; attributes as in ONNX.

    Raises:
        PassError: onnxruntime refuses it.
    """
    inputs = {"x": x, "w": weights} | ({} if bias is None else {"b": bias})
    node = helper.make_node(
        "Conv", list(inputs), ["y"], strides=strides, pads=pads, dilations=dilations, group=groups
    )
    return run_node(node, inputs, label)


def run_node(node: onnx.NodeProto, inputs: Mapping[str, Array], label: str) -> Floats:
    """Run one node with a float32 output "y".

    Raises:
        PassError: onnxruntime refuses it.
    """
    ports = [helper.make_tensor_value_info(n, 1, array.shape) for n, array in inputs.items()]
    output = helper.make_tensor_value_info("y", 1, None)
    graph = helper.make_graph([node], "layer", ports, [output])
    opset = helper.make_opsetid("", 21)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    return run_model(model.SerializeToString(), list(inputs.values()), label)[0]


def run_model(model: bytes, inputs: list[Array], label: str) -> list[Array]:
    """Run a small model on onnxruntime with positional inputs.

    One thread: a pool of threads per layer costs more than it gains, and its spinning threads take
    the processor from everyone else.

    Raises:
        PassError: onnxruntime refuses it.
    """
    ort: Any = import_module("onnxruntime")  # late: slow, and only calibration needs it
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        names = [port.name for port in session.get_inputs()]
        return cast("list[Array]", session.run(None, dict(zip(names, inputs, strict=True))))
    except Exception as error:  # onnxruntime's errors share no base class
        raise PassError(f"onnxruntime cannot run it: {error}", label) from error
