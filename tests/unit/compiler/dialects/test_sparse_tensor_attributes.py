"""Encodings and clips: built, printed, parsed and merged."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.compiler.dialects.encoding import LARGEST_FRAC, EncodingAttr, encoding_of
from spcc.compiler.dialects.sparse_tensor import ElementwiseOp, SparseTensor, bounds
from spcc.compiler.layer_properties import layer_properties, merged_properties
from xdsl.context import Context
from xdsl.dialects import test
from xdsl.dialects.builtin import ArrayAttr, Builtin, StringAttr, TensorType, f32, i16
from xdsl.parser import Parser

QUICK = settings(max_examples=60, deadline=None)
formats = st.from_regex(r"\A[a-zA-Z_][a-zA-Z0-9_]{0,9}\Z")
encodings = st.builds(
    EncodingAttr.of,
    st.integers(-LARGEST_FRAC, LARGEST_FRAC),
    st.sampled_from((8, 16)),
    formats,
    st.lists(st.integers(0, 1 << 40), max_size=3),
)


def context() -> Context:
    ctx = Context()
    for dialect in (Builtin, SparseTensor):
        ctx.load_dialect(dialect)
    return ctx


@QUICK
@given(encodings)
def test_an_encoding_prints_and_parses_back(encoding: EncodingAttr):
    assert Parser(context(), str(encoding)).parse_attribute() == encoding
    kind = TensorType(i16, [2, 3], encoding)
    assert Parser(context(), str(kind)).parse_type() == kind
    assert encoding_of(kind) == encoding


def test_a_tensor_of_floats_has_no_encoding():
    assert encoding_of(TensorType(f32, [2])) is None
    assert encoding_of(TensorType(f32, [2], StringAttr("another"))) is None
    assert encoding_of(f32) is None


def clipped(value, low: float, high: float) -> ElementwiseOp:
    kind = TensorType(f32, [4])
    clip = {"clip": bounds(low, high)} if (low, high) != (-inf, inf) else {}
    properties = layer_properties((f"n{low}",), f"t{low}", "Clip") | clip
    return ElementwiseOp(operands=[value, None], result_types=[kind], properties=properties)


limits = st.sampled_from((-inf, -2.0, -1.0, 0.0, 1.0, 2.0, inf))
ranges = st.tuples(limits, limits).map(sorted).filter(lambda r: r[0] < inf and r[1] > -inf)


@settings(max_examples=200, deadline=None)
@given(ranges, ranges, st.floats(-4, 4))
def test_merged_clips_are_one_after_the_other(first, second, value: float):
    source = test.TestOp(result_types=[TensorType(f32, [4])]).results[0]
    one = clipped(source, *first)
    two = clipped(one.result, *second)
    merged = ElementwiseOp(
        operands=[source, None],
        result_types=[two.result.type],
        properties=merged_properties(one, two),
    )
    low, high = merged.clip_range()
    expected = min(max(min(max(value, first[0]), first[1]), second[0]), second[1])
    assert low <= high
    assert min(max(value, low), high) == expected


def test_merged_properties_stand_for_both_nodes_and_the_second_tensor():
    source = test.TestOp(result_types=[TensorType(f32, [4])]).results[0]
    one = clipped(source, -inf, inf)
    two = clipped(one.result, 0.0, inf)
    properties = merged_properties(one, two)
    assert properties["nodes"] == ArrayAttr([StringAttr("n-inf"), StringAttr("n0.0")])
    assert properties["tensor"] == StringAttr("t0.0")
    assert properties["op_type"] == StringAttr("Clip")
    assert "clip" not in merged_properties(one, clipped(one.result, -inf, inf))


@pytest.mark.parametrize(("nodes", "label"), [(("conv",), "node 'conv'"), ((), "'y'")])
def test_a_layer_is_named_by_its_node_or_its_tensor(nodes, label: str):
    source = test.TestOp(result_types=[TensorType(f32, [4])]).results[0]
    op = ElementwiseOp(
        operands=[source, None],
        result_types=[source.type],
        properties=layer_properties(nodes, "y", "Relu"),
    )
    assert op.label == label
