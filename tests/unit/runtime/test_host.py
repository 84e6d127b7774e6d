"""Host calls: values in and out of the image, sessions, and onnxruntime's failures as traps."""

from importlib import import_module
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from spcc.isa.base import Host
from spcc.isa.errors import TrapError
from spcc.isa.tables import Fragment, TensorInfo
from spcc.runtime.session import InferenceSession
from toy_machine import MACHINE, layer, make_program, tensor


def fragment(
    op: str,
    inputs: tuple[TensorInfo, ...],
    outputs: tuple[TensorInfo, ...],
    kinds: tuple[int, int],
    **attributes: Any,
) -> Fragment:
    """A graph of one node."""
    graph = helper.make_graph(
        [helper.make_node(op, [i.name for i in inputs], [o.name for o in outputs], **attributes)],
        "host",
        [helper.make_tensor_value_info(i.name, kinds[0], i.shape) for i in inputs],
        [helper.make_tensor_value_info(o.name, kinds[1], None) for o in outputs],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    return Fragment(model=model.SerializeToString(), inputs=inputs, outputs=outputs)


def hosted(part: Fragment, **values: Any) -> InferenceSession:
    """A program that only calls the host; x as input, the fragment's outputs as outputs."""
    values = {"inputs": part.inputs, "outputs": part.outputs, "layers": (layer("h"),), **values}
    return InferenceSession(make_program([Host(fragment=0)], fragments=(part,), **values), MACHINE)


def test_host_fragment_computes_on_real_values() -> None:
    x, y = tensor("a", (2, 4), 0, frac=8), tensor("b", (2, 4), 32, frac=12)
    made = hosted(fragment("Softmax", (x,), (y,), (TensorProto.FLOAT, TensorProto.FLOAT)))
    a = np.array([[0, 1, 2, 3], [1, 1, 1, 1]], np.float32)
    (b,) = made.run(None, {"a": a})
    exact = np.exp(a) / np.exp(a).sum(1, keepdims=True)
    assert np.abs(b - exact).max() <= 2**-13
    assert made.report["layers"][0]["counters"] == {"host_saturated": 0}
    assert made.run(None, {"a": a})[0].tolist() == b.tolist()


def test_host_results_are_saturated_and_counted() -> None:
    x, y = tensor("a", (3,), 0, frac=0), tensor("b", (3,), 32, frac=4, bits=8)
    made = hosted(fragment("Neg", (x,), (y,), (TensorProto.FLOAT, TensorProto.FLOAT)))
    (b,) = made.run(None, {"a": np.array([2, 9, -9], np.float32)})
    assert b.tolist() == [-2, -8, 127 / 16]
    assert made.report["layers"][0]["saturations"] == 2


@pytest.mark.parametrize("kind", ["float16", "double", "int8", "int16"])
def test_host_feeds_what_the_graph_asks_for(kind: str) -> None:
    code = {
        "float16": TensorProto.FLOAT16, "double": TensorProto.DOUBLE, "int8": TensorProto.INT8,
        "int16": TensorProto.INT16,
    }[kind]  # fmt: skip
    a, b = (tensor(name, (3,), at, frac=2) for name, at in (("a", 0), ("b", 32)))
    made = hosted(fragment("Identity", (a,), (b,), (code, code)))
    (got,) = made.run(None, {"a": np.array([0.25, -3, 7.75], np.float32)})
    assert got.tolist() == [0.25, -3, 7.75]


def test_host_moves_raw_tensors() -> None:
    a, b = tensor("a", (2, 3), 0, "float32"), tensor("b", (2,), 64, "int64")
    part = fragment(
        "ArgMax", (a,), (b,), (TensorProto.FLOAT, TensorProto.INT64), axis=1, keepdims=0
    )
    (got,) = hosted(part).run(None, {"a": np.array([[1, 5, 2], [9, 0, 1]], np.float32)})
    assert (got.dtype, got.tolist()) == (np.dtype(np.int64), [1, 0])


@pytest.mark.parametrize(
    ("op", "output", "message"),
    [
        ("NoSuchOp", tensor("b", (3,), 32), "onnxruntime cannot run the fragment"),
        ("Sqrt", tensor("b", (3,), 32), "output 'b': NaN has no fixed-point value"),
        ("Neg", tensor("b", (4,), 32), r"output 'b': 'b' has shape \(3,\)"),
        ("Neg", tensor("b", (3,), 32, "float64"), "type float32, the image holds float64"),
    ],
)
def test_host_failures_are_traps_with_their_place(
    op: str, output: TensorInfo, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    part = fragment(op, (tensor("a", (3,), 0),), (output,), (TensorProto.FLOAT,) * 2)
    with pytest.raises(TrapError, match=message) as caught:
        hosted(part).run(None, {"a": np.full(3, -1, np.float32)})
    assert caught.value.where.startswith("host at pc 0 of layer 'h', cycle 0: host fragment 0")
    assert capfd.readouterr() == ("", "")


def test_host_run_time_failures_are_traps_too(capfd: pytest.CaptureFixture[str]) -> None:
    data, index, out = (
        tensor("a", (3,), 0, "float32"), tensor("i", (1,), 32, "int64"), tensor("b", (1,), 64)
    )  # fmt: skip
    graph = helper.make_graph(
        [helper.make_node("Gather", ["a", "i"], ["b"])],
        "host",
        [
            helper.make_tensor_value_info("a", TensorProto.FLOAT, (3,)),
            helper.make_tensor_value_info("i", TensorProto.INT64, (1,)),
        ],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, (1,))],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model)
    part = Fragment(model=model.SerializeToString(), inputs=(data, index), outputs=(out,))
    with pytest.raises(TrapError, match="onnxruntime cannot run the fragment"):
        hosted(part).run(None, {"a": np.zeros(3, np.float32), "i": np.array([7])})
    assert capfd.readouterr() == ("", "")


def test_a_fragment_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ort = import_module("onnxruntime")
    opened: list[Any] = []

    class Counted(ort.InferenceSession):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            opened.append(args)
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(ort, "InferenceSession", Counted)
    a, b = tensor("a", (3,), 0), tensor("b", (3,), 32)
    part = fragment("Neg", (a,), (b,), (TensorProto.FLOAT, TensorProto.FLOAT))
    calls = [Host(fragment=0), Host(fragment=0)]
    program = make_program(calls, fragments=(part,), inputs=(a,), outputs=(b,))
    made = InferenceSession(program, MACHINE)
    for _ in range(2):
        assert made.run(None, {"a": np.ones(3, np.float32)})[0].tolist() == [-1, -1, -1]
    assert len(opened) == 1


def test_a_fragment_that_is_not_there_traps() -> None:
    with pytest.raises(TrapError, match="there are 0 fragments"):
        InferenceSession(make_program([Host(fragment=0)]), MACHINE).run(None, {})
