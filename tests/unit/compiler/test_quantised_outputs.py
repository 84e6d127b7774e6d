"""A graph that ends in a QuantizeLinear: the layer before makes these very integers."""

import numpy as np
import onnx
import spcc
from onnx import TensorProto, helper, numpy_helper
from spcc.runtime.check import check, layer_taps
from spcc.runtime.reference import Reference

X = np.array([1, -3, 5000, -7001], np.float32).reshape(1, 1, 1, 4)


def network() -> onnx.ModelProto:
    scalars = [
        numpy_helper.from_array(np.float32(1), "s"),
        numpy_helper.from_array(np.int16(0), "z"),
        numpy_helper.from_array(np.array([[[[7]]], [[[-1]]]], np.int16), "w"),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wd"]),
        helper.make_node("Conv", ["xd", "wd"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "quantised",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.INT16, [1, 2, 1, 4])],
        scalars,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def test_integers_beyond_the_range_saturate_as_in_onnx() -> None:
    model, feeds = network(), {"x": X}
    session = spcc.InferenceSession(spcc.compile(model, inputs=feeds))
    (y,) = session.run(None, feeds, taps=True)
    assert y.dtype == np.int16
    assert y.reshape(2, 4).tolist() == [[7, -21, 32767, -32768], [-1, 3, -5000, 7001]]
    # The convolution stands for what it makes: the quantised values.
    own = Reference(model).run_layers(feeds, session.taps)
    conv, quantiser = check(layer_taps(session.program.layers, session.taps), own).layers
    assert (conv.source, conv.max_abs, conv.passed) == ("c", 0, True)
    assert (quantiser.source, quantiser.max_abs, quantiser.passed) == ("y", 0, True)
