"""Whatever bytes come in, importing gives a module or an SpccError, in little time and memory."""

import resource
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper
from spcc.compiler.frontend.onnx import import_model
from spcc.isa.errors import SpccError

node = helper.make_node
SECONDS = 10.0  # far above what any of these takes; a hang or an explosion goes beyond
HOSTILE = [0, -1, 1, 2, 3, 7, 65536, 10**9, 2**31 - 1, 2**31, 2**62, 2**63 - 1, -(2**31), -(2**63)]
OPERATORS = sorted({s.name for s in onnx.defs.get_all_schemas() if s.domain == ""})
FUZZ = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def value(name: str, shape: Any, elem: int = 1) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, elem, shape)


def array(name: str, data: Any, dtype: str = "float32") -> TensorProto:
    return numpy_helper.from_array(np.array(data, dtype), name)


def normal(name: str, *shape: int) -> TensorProto:
    return array(name, np.random.default_rng(0).standard_normal(shape))


def built(nodes: Any, inputs: Any, outputs: Any, constants: Any, opset: int, **kwargs: Any):
    graph = helper.make_graph(nodes, "fuzz", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **kwargs)


def network() -> ModelProto:
    """What a network of today is made of."""
    nodes = [
        node("Conv", ["x", "w", "b"], ["c"], "conv", strides=[2, 2], pads=[1, 1, 1, 1], group=1),
        node("BatchNormalization", ["c", "s", "t", "m", "v"], ["n"], epsilon=1e-5),
        node("Relu", ["n"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        node("ConvTranspose", ["p", "u"], ["q"], strides=[2, 2], output_padding=[1, 1]),
        node("Shape", ["q"], ["shape"], end=1),
        node("Concat", ["shape", "minus"], ["target"], axis=0),
        node("Reshape", ["q", "target"], ["f"]),
        node("Gemm", ["f", "g", "h"], ["y"], transB=1),
    ]
    constants = [
        *(normal("w", 4, 3, 3, 3), normal("b", 4), normal("u", 4, 2, 3, 3)),
        *(normal("g", 5, 72), normal("h", 5), array("minus", [-1], "int64")),
        *(array(name, [1, 2, 3, 4]) for name in "stmv"),
    ]
    return built(nodes, [value("x", ["N", 3, 8, 8])], [value("y", ["N", 5])], constants, 21)


def old() -> ModelProto:
    """Operators that the converter rewrites."""
    nodes = [
        node("ConstantOfShape", ["cs"], ["w"], value=helper.make_tensor("v", 1, [1], [0.02])),
        node("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3], auto_pad="SAME_UPPER"),
        node("Dropout", ["c"], ["d"], ratio=0.5),
        node("Upsample", ["d", "sc"], ["u"], mode="nearest"),
        node("Slice", ["u"], ["sl"], axes=[2, 3], starts=[0, 0], ends=[4, 2**63 - 1]),
        node("Clip", ["sl"], ["cl"], min=0.0, max=6.0),
        node("Pad", ["cl"], ["pd"], pads=[0, 0, 1, 1, 0, 0, 1, 1]),
        node("ReduceMean", ["pd"], ["rm"], axes=[2, 3], keepdims=0),
        node("Split", ["rm"], ["s1", "s2"], axis=1, split=[2, 2]),
        node("Sum", ["s1", "s2"], ["z"]),
        node("Softmax", ["pd"], ["y"], axis=1),
    ]
    constants = [array("cs", [4, 3, 3, 3], "int64"), array("sc", [1, 1, 2, 2])]
    return built(
        nodes, [value("x", [1, 3, 4, 4])], [value("y", None), value("z", None)], constants, 9
    )


def mixed() -> ModelProto:
    """Quantisers, subgraphs, a local function, and operators that make shapes out of values."""
    branch = helper.make_graph(
        [node("Constant", [], ["k"], value=normal("q", 2, 3)), node("Neg", ["k"], ["o"])],
        "branch",
        [],
        [value("o", [2, 3])],
    )
    nodes = [
        node("QuantizeLinear", ["x", "qs", "qz"], ["xq"]),
        node("DequantizeLinear", ["xq", "qs", "qz"], ["xd"]),
        node("DequantizeLinear", ["wq", "qs", "qz"], ["wd"]),
        node("Conv", ["xd", "wd"], ["c"], group=2, kernel_shape=[1, 1]),
        node("Resize", ["c", "", "", "rs"], ["r"], mode="nearest"),
        node("ReduceSum", ["r", "ax"], ["sum"], keepdims=0),
        node("Cast", ["sum"], ["yes"], to=TensorProto.BOOL),
        node("If", ["yes"], ["i"], then_branch=branch, else_branch=branch),
        node("Tile", ["i", "reps"], ["tiled"]),
        node("Expand", ["tiled", "ex"], ["y"]),
        node("Range", ["r0", "r1", "r2"], ["rg"]),
        node("F", ["rg"], ["z"], domain="local"),
    ]
    constants = [
        *(array("qs", 0.5), array("qz", 0, "int8"), array("wq", np.ones((4, 1, 1, 1)), "int8")),
        *(array("rs", [1, 4, 8, 8], "int64"), array("ax", [0, 1, 2, 3], "int64")),
        *(array("reps", [1, 2], "int64"), array("ex", [2, 1, 1], "int64")),
        *(array("r0", 0, "int64"), array("r1", 9, "int64"), array("r2", 2, "int64")),
    ]
    body = [node("Neg", ["a"], ["t"]), node("Abs", ["t"], ["b"])]
    function = helper.make_function("local", "F", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    outputs = [value("y", None), value("z", None, TensorProto.INT64)]
    inputs = [value("x", [1, 2, 4, 4])]
    return built(nodes, inputs, outputs, constants, 17, functions=[function])


MODELS: dict[str, Callable[[], ModelProto]] = {"network": network, "old": old, "mixed": mixed}
EACH_MODEL = pytest.mark.parametrize("name", MODELS)


def survives(data: bytes) -> bool:
    """Import; True when it succeeded. Anything but success or an SpccError fails the test."""
    start = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    succeeded = False
    with suppress(SpccError):
        import_model(data).module.verify()
        succeeded = True
    assert time.perf_counter() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20, "more than 1 GiB"
    return succeeded


@EACH_MODEL
def test_the_models_themselves_are_fine(name: str) -> None:
    assert survives(MODELS[name]().SerializeToString())


@EACH_MODEL
@FUZZ
@given(data=st.data())
def test_truncated(name: str, data: st.DataObject) -> None:
    raw = MODELS[name]().SerializeToString()
    survives(raw[: data.draw(st.integers(0, len(raw)))])


@EACH_MODEL
@FUZZ
@given(data=st.data())
def test_bytes_changed(name: str, data: st.DataObject) -> None:
    raw = bytearray(MODELS[name]().SerializeToString())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(raw) - 1))
        new = data.draw(st.binary(max_size=4))
        raw[at : at + data.draw(st.integers(0, 2))] = new
    survives(bytes(raw))


def leaves(message: Any, found: list[tuple[Any, Any, int | None]]) -> list[Any]:
    """Every field of a message and below: (message, descriptor, index or None for all of it)."""
    for descriptor, content in message.ListFields():
        if descriptor.is_repeated:
            found.append((message, descriptor, None))
        items = content if descriptor.is_repeated else [content]
        for index, item in enumerate(items):
            if descriptor.message_type is not None:
                leaves(item, found)
            else:
                found.append((message, descriptor, index if descriptor.is_repeated else None))
    return found


def replacement(draw: Any, name: str, old_value: Any, names: list[str]) -> Any:
    if isinstance(old_value, str):
        return draw(st.sampled_from(OPERATORS if name == "op_type" else names))
    if isinstance(old_value, bytes):
        return draw(st.sampled_from([b"", b"SAME_UPPER", b"\xff" * 8, old_value + b"\0"]))
    if isinstance(old_value, float):
        return draw(st.sampled_from([0.0, -1.0, float("nan"), float("inf"), 1e30]))
    return draw(st.sampled_from(HOSTILE))


def mutate(message: Any, descriptor: Any, index: int | None, draw: Any, names: list[str]) -> None:
    content = getattr(message, descriptor.name)
    if not descriptor.is_repeated:
        setattr(message, descriptor.name, replacement(draw, descriptor.name, content, names))
    elif index is not None:
        content[index] = replacement(draw, descriptor.name, content[index], names)
    elif len(content):
        at = draw(st.integers(0, len(content) - 1))
        if draw(st.booleans()):
            del content[at]
        elif descriptor.message_type is not None:
            content.add().CopyFrom(content[at])
        else:
            content.append(content[at])


@pytest.mark.slow
@EACH_MODEL
@settings(FUZZ, max_examples=250)
@given(data=st.data())
def test_fields_changed(name: str, data: st.DataObject) -> None:
    proto = MODELS[name]()
    names = [o for n in proto.graph.node for o in n.output] + [
        "x",
        "",
        "ghost",
        "é",
        '"\n',
        "n" * 5000,
    ]
    for _ in range(data.draw(st.integers(1, 3))):
        message, descriptor, index = data.draw(st.sampled_from(leaves(proto, [])))
        try:
            mutate(message, descriptor, index, data.draw, names)
        except (ValueError, TypeError):
            return  # protobuf itself refuses the value
    survives(proto.SerializeToString())


dims = st.lists(st.sampled_from(HOSTILE), max_size=5)


@FUZZ
@given(x=dims, w=dims)
@example([1, 3, 8, 8], [2**31, 3, 2**31, 1])
def test_shapes_from_hell(x: list[int], w: list[int]) -> None:
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=w)
    proto = built(
        [node("Conv", ["x", "w"], ["y"])], [value("x", x)], [value("y", None)], [weights], 21
    )
    survives(proto.SerializeToString())
    proto.graph.initializer[0].data_location = TensorProto.EXTERNAL
    proto.graph.initializer[0].external_data.add(key="location", value="w.bin")
    survives(proto.SerializeToString())


@FUZZ
@given(
    op_type=st.sampled_from(["Conv", "MaxPool", "AveragePool", "ConvTranspose"]),
    lists=st.fixed_dictionaries(
        {},
        optional={
            name: st.lists(st.sampled_from(HOSTILE), max_size=5)
            for name in ("strides", "dilations", "pads", "kernel_shape", "output_padding")
        },
    ),
    group=st.sampled_from(HOSTILE),
)
def test_windows_from_hell(op_type: str, lists: dict[str, list[int]], group: int) -> None:
    allowed = onnx.defs.get_schema(op_type, 21).attributes
    attributes: dict[str, Any] = {k: v for k, v in lists.items() if k in allowed}
    inputs = ["x"] if "Pool" in op_type else ["x", "w"]
    if "group" in allowed:
        attributes["group"] = group
    operator = node(op_type, inputs, ["y"])
    for name, content in attributes.items():
        kind = onnx.AttributeProto.INTS if isinstance(content, list) else onnx.AttributeProto.INT
        operator.attribute.append(helper.make_attribute(name, content, attr_type=kind))
    constants = [] if "Pool" in op_type else [normal("w", 3, 3, 2, 2)]
    proto = built([operator], [value("x", [1, 3, 8, 8])], [value("y", None)], constants, 21)
    survives(proto.SerializeToString())


@FUZZ
@given(
    op_type=st.sampled_from(["Reshape", "Expand", "Tile", "Pad", "ConstantOfShape", "Resize"]),
    values=st.lists(st.sampled_from(HOSTILE), max_size=6),
    constant=st.booleans(),
)
def test_values_that_make_shapes(op_type: str, values: list[int], constant: bool) -> None:
    inputs = {"ConstantOfShape": ["s"], "Resize": ["x", "", "", "s"]}.get(op_type, ["x", "s"])
    data = [] if not constant else [normal("x", 2, 3)]
    proto = built(
        [node(op_type, inputs, ["y"])],
        [] if constant else [value("x", [2, 3])],
        [value("y", None)],
        [array("s", values, "int64"), *data],
        21,
    )
    survives(proto.SerializeToString())


@pytest.mark.parametrize("depth", [10, 90, 3000])
def test_deep_nesting(depth: int) -> None:
    """Protobuf itself stops at 100 levels."""
    inner = helper.make_graph([node("Neg", ["k"], ["o"])], "g", [], [value("o", [1])])
    data = inner.SerializeToString()
    for _ in range(depth):
        attribute = b"\x0a\x01b" + b"\x32" + varint(len(data)) + data + b"\xa0\x01\x05"
        operator = b"\x12\x01o\x22\x02If\x2a" + varint(len(attribute)) + attribute
        data = b"\x0a" + varint(len(operator)) + operator
    assert not survives(b"\x08\x08\x3a" + varint(len(data)) + data + b"\x42\x04\x0a\x00\x10\x15")


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])
