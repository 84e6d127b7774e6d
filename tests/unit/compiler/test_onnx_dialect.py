"""The onnx dialect: one op per operator, attribute values that keep every bit, and its syntax."""

import io
import struct
import subprocess
import sys
from typing import Any

import onnx.defs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spcc.compiler.dialects.onnx import (
    NODE_OPS,
    CustomOp,
    InitializerOp,
    NodeOp,
    NoValueOp,
    Onnx,
    hint_name,
    tensor_name,
)
from spcc.compiler.dialects.onnx_values import (
    FloatsAttr,
    GraphKeyAttr,
    TensorKeyAttr,
    decode_value,
    dtype_name,
    encode_value,
    from_text,
    is_text,
    tensor_type,
    to_text,
    value_kind,
)
from xdsl.context import Context
from xdsl.dialects import test as xdsl_test
from xdsl.dialects.builtin import (
    ArrayAttr,
    Builtin,
    FloatAttr,
    IntegerAttr,
    ModuleOp,
    NoneType,
    StringAttr,
    f64,
    i32,
)
from xdsl.dialects.func import Func
from xdsl.ir import Attribute
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError, VerifyException

F32 = tensor_type("float32", (2, 3))
NAMES = [
    *("float16", "bfloat16", "float32", "float64", "bool"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
]


def module_of(attributes: dict[str, Attribute], name: str = "n", tensor: str = "y") -> ModuleOp:
    source = xdsl_test.TestOp(result_types=[F32])
    op = NODE_OPS["Relu"].of(name, source.results, [(tensor, F32)], attributes)
    return ModuleOp([source, op])


def parsed(text: str) -> ModuleOp:
    context = Context()
    for dialect in (Builtin, Func, xdsl_test.Test, Onnx):
        context.load_dialect(dialect)
    return Parser(context, text).parse_module()


def text_of(module: ModuleOp, generic: bool) -> str:
    out = io.StringIO()
    Printer(out, print_generic_format=generic).print_op(module)
    return out.getvalue()


def node_of(module: ModuleOp) -> NodeOp:
    (op,) = [op for op in module.walk() if isinstance(op, NodeOp)]
    return op


def through_text(module: ModuleOp) -> list[NodeOp]:
    """The node after a round trip through the custom and through the generic form."""
    module.verify()
    nodes: list[NodeOp] = []
    for generic in (False, True):
        text = text_of(module, generic)
        again = parsed(text)
        again.verify()
        assert text_of(again, generic) == text
        nodes.append(node_of(again))
    return nodes


def bits(value: float) -> int:
    (number,) = struct.unpack("<I", struct.pack("<f", value))
    return number


def test_every_operator_has_an_op() -> None:
    wanted = {s.name for s in onnx.defs.get_all_schemas() if s.domain == ""}
    assert set(NODE_OPS) == wanted
    assert {op.name for op in Onnx.operations} == {f"onnx.{n}" for n in wanted} | {
        "onnx.Custom",
        "onnx.Initializer",
        "onnx.NoValue",
    }
    for name, op in NODE_OPS.items():
        assert op.name == f"onnx.{name}"
        assert op.__name__ == f"{name}Op"
        assert op.__doc__


def test_the_dialect_is_quick_to_make() -> None:
    """Making the ops takes little beside the import of xDSL and onnx themselves."""
    code = (
        "import time, onnx.defs, xdsl.dialects.func, xdsl.parser, xdsl.printer\n"
        "start = time.process_time()\n"
        "import spcc.compiler.dialects.onnx\n"
        "print(time.process_time() - start)"
    )
    run = [sys.executable, "-c", code]
    out = subprocess.run(
        run, capture_output=True, text=True, check=True, env={"PYTHONPATH": ".links"}
    )
    assert float(out.stdout) < 0.3


floats32 = st.floats(width=32, allow_nan=False)
values = st.one_of(
    st.tuples(st.just("INT"), st.integers(-(1 << 63), (1 << 63) - 1)),
    st.tuples(st.just("FLOAT"), floats32),
    st.tuples(st.just("STRING"), st.text(max_size=8)),
    st.tuples(st.just("INTS"), st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=4)),
    st.tuples(st.just("FLOATS"), st.lists(floats32, max_size=4)),
    st.tuples(st.just("STRINGS"), st.lists(st.text(max_size=5), max_size=3)),
)
names = st.text(st.characters(codec="utf-8"), max_size=12)


@settings(max_examples=80, deadline=None)
@given(
    attribute=st.sampled_from(["alpha", "odd name", "a-b"]), value=values, name=names, tensor=names
)
@example("alpha", ("INT", 0), "", "0:0")
def test_any_value_and_name_survives_text(
    attribute: str, value: tuple[str, Any], name: str, tensor: str
) -> None:
    kind, plain = value
    encoded = encode_value(plain, kind)
    assert value_kind(encoded) == kind
    for op in through_text(module_of({attribute: encoded}, name, tensor)):
        assert op.attributes_.data == {attribute: encoded}
        wanted = tuple(plain) if isinstance(plain, list) else plain
        assert op.attr(attribute) == wanted
        assert from_text(op.node_name) == name
        assert tensor_name(op.results[0]) == tensor


@settings(max_examples=100, deadline=None)
@given(pattern=st.integers(0, (1 << 32) - 1))
@pytest.mark.parametrize("as_list", [False, True])
def test_floats_keep_every_bit(as_list: bool, pattern: int) -> None:
    (value,) = struct.unpack("<f", struct.pack("<I", pattern))
    pattern = bits(value)  # a signalling NaN becomes quiet in a Python float already
    encoded = encode_value([value, 1.0] if as_list else value, "FLOATS" if as_list else "FLOAT")
    for op in through_text(module_of({"a": encoded})):
        back: Any = op.attr("a")
        assert bits(back[0] if as_list else back) == pattern


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-5, "1.0e-05"),
        (0.1, "0.1"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (16777216.0, "1.6777216e+07"),
        (struct.unpack("<f", b"\1\0\0\0")[0], "1.0e-45"),
        (float("inf"), "0x7f800000 : f32"),
        (float("nan"), "0x7fc00000 : f32"),
    ],
)
def test_how_floats_are_written(value: float, text: str) -> None:
    module = module_of({"a": encode_value(value, "FLOAT")})
    assert f"{{a = {text}}}" in text_of(module, False)


def test_how_lists_are_written() -> None:
    attributes = {
        "a": encode_value([3, -3], "INTS"),
        "b": encode_value([0.5, 1.0], "FLOATS"),
        "c": encode_value([0.5, float("inf")], "FLOATS"),
        "d": encode_value([], "FLOATS"),
        "e": encode_value([], "INTS"),
        "f": encode_value([], "STRINGS"),
        "g": TensorKeyAttr.of("k"),
        "h": ArrayAttr([GraphKeyAttr.of("k")]),
    }
    assert text_of(module_of(attributes), False).splitlines()[2] == (
        "  %y = onnx.Relu(%0) {a = [3, -3], b = [0.5, 1.0], c = #onnx.floats<[0.5, 0x7f800000]>, "
        'd = #onnx.floats<[]>, e = array<i64>, f = [], g = #onnx.tensor<"k">, '
        'h = [#onnx.graph<"k">]} "n" -> "y" : (tensor<2x3xf32>) -> tensor<2x3xf32>'
    )
    for op in through_text(module_of(attributes)):
        assert op.attributes_.data == attributes
    assert value_kind(attributes["h"]) == "GRAPHS"
    assert value_kind(ArrayAttr([TensorKeyAttr.of("k")])) == "TENSORS"


def test_discardable_attributes_survive() -> None:
    module = module_of({})
    node_of(module).attributes["spcc.note"] = StringAttr("hi")
    for op in through_text(module):
        assert op.attributes == {"spcc.note": StringAttr("hi")}


def test_all_shapes_of_node() -> None:
    source = xdsl_test.TestOp(result_types=[F32])
    none = NoValueOp.create(result_types=[NoneType()])
    weight = InitializerOp.of("w/1", tensor_type("uint8", ()))
    two = NODE_OPS["LSTM"].of(
        "l", [*source.results, *none.results, *weight.results], [("", NoneType()), ("h", F32)]
    )
    custom = CustomOp.of(
        "c", [], [("z", tensor_type("bool", (0,)))], domain=to_text("d"), op_type=to_text("Öp")
    )
    module = ModuleOp([source, none, weight, two, custom])
    module.verify()
    for generic in (False, True):
        again = parsed(text_of(module, generic))
        again.verify()
        assert again.is_structurally_equivalent(module)
    lstm, last = [op for op in again.walk() if isinstance(op, NodeOp)]
    assert [tensor_name(v) for v in lstm.operands] == ["", "", "w/1"]
    assert isinstance(last, CustomOp)
    assert (last.domain, last.op_type) == ("d", "Öp")
    assert last.label == "node 'c' (Öp)"
    assert (lstm.domain, lstm.op_type) == ("", "LSTM")


@pytest.mark.parametrize(
    "value",
    [
        IntegerAttr(1, i32),
        FloatAttr(1.0, f64),
        NoneType(),
        ArrayAttr([StringAttr("a"), TensorKeyAttr.of("k")]),
        ArrayAttr([IntegerAttr(1, i32)]),
        StringAttr("\\x"),
        ArrayAttr([StringAttr("\\x")]),
        StringAttr("é"),
    ],
)
def test_values_that_are_no_onnx_attributes(value: Attribute) -> None:
    with pytest.raises(VerifyException, match=r"attribute a = .* is not the encoding"):
        module_of({"a": value}).verify()


def test_names_and_results_must_match() -> None:
    module = module_of({})
    node_of(module).properties["output_names"] = ArrayAttr([])
    with pytest.raises(VerifyException, match="has 1 results but 0 names"):
        module.verify()
    node_of(module).properties["output_names"] = ArrayAttr([StringAttr("\\u")])
    with pytest.raises(VerifyException, match="malformed escape"):
        module.verify()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('onnx.Relu() {a = 1, a = 2} "n" -> "y" : () -> tensor<1xf32>', "there twice"),
        ('onnx.Relu() {a = [1, 0.5]} "n" -> "y" : () -> tensor<1xf32>', "not the value"),
        ('onnx.Relu() {a = 1 : i32} "n" -> "y" : () -> tensor<1xf32>', "not the value"),
        ('onnx.Relu() {a = #onnx.floats<[-1]>} "n" -> "y" : () -> tensor<1xf32>', "32 bits"),
        (
            'onnx.Relu() {a = #onnx.floats<[4294967296]>} "n" -> "y" : () -> tensor<1xf32>',
            "32 bits",
        ),
        ("onnx.Relu() : () -> tensor<1xf32>", "string literal"),
        ('onnx.Rleu() "n" -> "y" : () -> tensor<1xf32>', "not registered"),
    ],
)
def test_text_that_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parsed("%0 = " + text)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(), (0,), (1, 0, 2), (3,)])
def test_tensor_types(name: str, shape: tuple[int, ...]) -> None:
    kind = tensor_type(name, shape)
    assert dtype_name(kind) == name
    op = xdsl_test.TestOp(result_types=[kind])
    assert parsed(text_of(ModuleOp([op]), False)).ops.first.results[0].type == kind  # type: ignore[union-attr]


def test_unknown_types_and_kinds() -> None:
    with pytest.raises(KeyError):
        tensor_type("complex64", ())
    with pytest.raises(KeyError):
        encode_value(1, "TENSOR")
    with pytest.raises(KeyError):
        decode_value(TensorKeyAttr.of("k"))


def test_floats_attribute() -> None:
    attribute = FloatsAttr.of([0.1, 2.0])
    assert len(attribute) == 2
    assert attribute.get_values()[1] == 2.0


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("conv.w", "conv.w"),
        ("a/b:c", "a_b_c"),
        ("3x", "_3x"),
        ("é", "_"),
        ("", None),
        ("x_1_2", "x"),
        ("0:0", None),
    ],
)
def test_name_hints(name: str, hint: str | None) -> None:
    op = xdsl_test.TestOp(result_types=[F32])
    hint_name(op.results[0], name)
    assert op.results[0].name_hint == hint


@pytest.mark.parametrize(
    "text",
    [
        *(r"\d", "\\", r"\x4", r"\u00e", r"\N{DASH}", r"\777", r"\a", "ä"),  # never written
        *(r"\ud800", r"\udfff", r"\U0000d800", r"\U00110000"),  # no letters
    ],
)
def test_text_that_to_text_does_not_write_is_told_without_a_warning(text: str) -> None:
    assert not is_text(StringAttr(text))
    with pytest.raises(ValueError, match="has a malformed escape"):
        from_text(StringAttr(text))
