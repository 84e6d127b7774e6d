"""Small ONNX models for the frontend's tests."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from spcc.compiler.frontend.onnx import Imported, import_model

node = helper.make_node


def value(name: str, shape: Sequence[int | str | None] | None, elem: int = 1) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, elem, shape)


def floats(name: str, *shape: int, seed: int = 0) -> TensorProto:
    data = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return numpy_helper.from_array(np.asarray(data), name)


def ints(name: str, *values: int) -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def array(name: str, data: Any, dtype: str = "float32") -> TensorProto:
    return numpy_helper.from_array(np.array(data, dtype), name)


def model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto] | None = None,
    outputs: Sequence[ValueInfoProto] | None = None,
    constants: Sequence[TensorProto] = (),
    opset: int = 21,
    ir_version: int = 10,
    domains: Mapping[str, int] | None = None,
    **kwargs: Any,
) -> ModelProto:
    """A model of nodes; by default its input is x [1, 3, 8, 8] and its output y."""
    graph = helper.make_graph(
        list(nodes),
        "test",
        [value("x", [1, 3, 8, 8])] if inputs is None else list(inputs),
        [value("y", None)] if outputs is None else list(outputs),
        list(constants),
    )
    opsets = [helper.make_opsetid(d, v) for d, v in {"": opset, **(domains or {})}.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version, **kwargs)


def network() -> ModelProto:
    """Convolution, batch normalisation, pooling and a classifier behind a computed reshape."""
    return model(
        [
            node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[1, 1, 1, 1], strides=[2, 2]),
            node("BatchNormalization", ["c", "s", "t", "m", "v"], ["n"], epsilon=1e-3),
            node("Relu", ["n"], ["r"]),
            node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
            node("Shape", ["p"], ["shape"], end=1),
            node("Concat", ["shape", "minus"], ["target"], axis=0),
            node("Reshape", ["p", "target"], ["f"]),
            node("Gemm", ["f", "g", "h"], ["y"], "classify", transB=1),
        ],
        [value("x", ["N", 3, 8, 8])],
        [value("y", ["N", 5])],
        [
            floats("w", 4, 3, 3, 3),
            floats("b", 4),
            floats("s", 4),
            floats("t", 4),
            floats("m", 4),
            array("v", [1, 2, 3, 4]),
            ints("minus", -1),
            floats("g", 5, 16),
            floats("h", 5),
        ],
    )


def feeds(imported: Imported, seed: int = 0) -> dict[str, np.ndarray]:
    """Random inputs for a model."""
    rng = np.random.default_rng(seed)
    return {
        name: np.asarray(rng.standard_normal(kind.shape) * 4).astype(kind.dtype)
        for name, kind in imported.inputs.items()
    }


def run(proto: ModelProto, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Run a model in onnxruntime as it stands."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return ort.InferenceSession(proto.SerializeToString(), options).run(None, dict(inputs))


def assert_same(proto: ModelProto, **kwargs: Any) -> Imported:
    """Import a model, export it, and check that onnxruntime computes the same from both."""
    imported = import_model(proto, **kwargs)
    imported.module.verify()
    inputs = feeds(imported)
    before, after = run(proto, inputs), run(imported.to_model(), inputs)
    for first, second, kind in zip(before, after, imported.outputs.values(), strict=True):
        assert first.shape == second.shape == kind.shape
        assert first.dtype == second.dtype
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    return imported
