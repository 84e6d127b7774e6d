"""Plain data as attributes and back: what the program dialect and the configuration are made of."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.compiler.dialects.program import (
    from_attribute,
    layer_attribute,
    layer_info,
    tensor_attribute,
    tensor_info,
    to_attribute,
)
from spcc.isa.errors import PassError
from spcc.isa.program import LayerInfo, TensorInfo
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, StringAttr, f32
from xdsl.parser import Parser

QUICK = settings(max_examples=60, deadline=None)
ascii_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
leaves = st.none() | st.integers(-(1 << 63), (1 << 63) - 1) | ascii_text
plain = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(
            st.from_regex(r"\A[a-zA-Z_]\w{0,6}\Z", fullmatch=True).filter(str.isascii),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


def reread(attribute):
    """An attribute printed and parsed, as a dump does."""
    ctx = Context()
    ctx.load_dialect(Builtin)
    return Parser(ctx, str(attribute)).parse_attribute()


@QUICK
@given(plain)
def test_plain_data_returns_over_a_dump(value):
    assert from_attribute(to_attribute(value)) == value
    assert from_attribute(reread(to_attribute(value))) == value


def test_booleans_become_numbers():
    assert from_attribute(to_attribute([True, False])) == (1, 0)


@pytest.mark.parametrize("text", ["", "ä", "日本", 'a"b', "back\\slash", "new\nline", "\\xe4"])
def test_any_text_returns_over_a_dump(text: str):
    assert from_attribute(reread(to_attribute(text))) == text


def test_other_attributes_have_no_plain_form():
    with pytest.raises(TypeError, match="no plain form of f32"):
        from_attribute(f32)


names = st.text(max_size=8)
sizes = st.lists(st.integers(0, 1 << 40), max_size=4).map(tuple)
tensors = st.builds(
    TensorInfo,
    name=names,
    dtype=st.sampled_from(("i16", "float32", "bool")),
    shape=sizes,
    offset=st.integers(0, 1 << 40),
    strides=sizes,
    frac=st.none() | st.integers(-200, 200),
    bits=st.sampled_from((1, 8, 16, 32)),
)
layers = st.builds(
    LayerInfo,
    name=names,
    op=ascii_text,
    placement=st.sampled_from(("native", "lowered", "host")),
    nodes=st.lists(names, max_size=3).map(tuple),
    output=st.none() | tensors,
    source=names,
    nominal_macs=st.integers(0, 1 << 50),
    product_shift=st.none() | st.integers(0, 15),
    expanded_macs=st.integers(0, 1 << 50),
    static_counts=st.dictionaries(st.sampled_from(("work_dense", "b", "a")), st.integers(0, 9)),
)


@QUICK
@given(tensors)
def test_a_tensor_returns_over_a_dump(info: TensorInfo):
    assert tensor_info(reread(tensor_attribute(info))) == info


@QUICK
@given(layers)
def test_a_layer_returns_over_a_dump(info: LayerInfo):
    output = None if info.output is None else reread(tensor_attribute(info.output))
    assert layer_info(reread(layer_attribute(info)), output) == info


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        (to_attribute({}), "is no TensorInfo: Object missing required field `name`"),
        (StringAttr("x"), "is no TensorInfo: Expected `object`, got `str`"),
        (f32, "is no TensorInfo: no plain form of f32"),
    ],
)
def test_what_is_no_tensor_is_refused(attribute, message: str):
    with pytest.raises(PassError, match=message):
        tensor_info(attribute)
