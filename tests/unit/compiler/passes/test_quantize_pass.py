"""Scales and integers of whole networks, held against the float values and exact integer sums."""

import numpy as np
import pytest
from spcc.compiler.analysis.evaluate import evaluate, weight_values
from spcc.compiler.analysis.fixed_point import best_frac, product_shift
from spcc.compiler.dialects.encoding import encoding_of
from spcc.compiler.dialects.sparse_tensor import ConcatOp, Conv2dOp, MatmulOp, ReshapeOp, WeightOp
from spcc.isa.errors import PassError, UnsupportedError
from spcc.models.builder import GraphBuilder
from spcc.models.small import BUILDERS, qdq_conv

FLOAT = "convert-onnx-to-sparse-tensor,fold-affine,lower-affine,fuse-epilogue,insert-copies"
MODELS = ["residual_block", "concat_block", "mlp", "shuffle", "preactivation", "pool_average"]


def float_state(lowering):
    """Largest magnitude by op position and result, weights and biases by op position."""
    store, main = lowering.ctx.store, lowering.main
    largest, constants = {}, {}
    position = {
        op: at
        for at, op in enumerate(op for op in main.body.block.ops if not isinstance(op, WeightOp))
    }
    for op, values in evaluate(main, store, lowering.feeds, lowering.input_names):
        for value in main.body.block.args if op is None else op.results:
            largest[position.get(op, -1), value.index] = float(np.abs(values[value]).max(initial=0))
        if isinstance(op, Conv2dOp | MatmulOp):
            bias = None if op.bias is None else weight_values(op.bias, store)
            constants[position[op]] = weight_values(op.weight, store), bias
    return largest, constants


def positions(main):
    """Ops that are no weights, by position."""
    return list(enumerate(op for op in main.body.block.ops if not isinstance(op, WeightOp)))


@pytest.mark.parametrize("model", MODELS)
def test_scales_are_the_finest_that_hold_every_value(start, model: str):
    lowering = start(BUILDERS[model]()).run(FLOAT)
    largest, _ = float_state(lowering)
    lowering.run("quantize")
    main = lowering.main
    shared = {
        v
        for op in main.body.block.ops
        if isinstance(op, ConcatOp | ReshapeOp)
        for v in (*op.operands, *op.results)
    }
    seen = 0
    for at, values in [(-1, main.body.block.args), *((i, op.results) for i, op in positions(main))]:
        for value in values:
            if (encoding := encoding_of(value)) is None:
                continue
            own = best_frac(largest[at, value.index])
            frac = encoding.frac.value.data
            assert frac == own or (value in shared and frac < own)
            seen += 1
    assert seen
    for op in main.body.block.ops:
        if isinstance(op, ConcatOp | ReshapeOp):
            assert len({encoding_of(v) for v in (*op.operands, *op.results)}) == 1
    assert main.function_type.inputs.data == tuple(a.type for a in main.body.block.args)


@pytest.mark.parametrize("model", MODELS)
def test_weights_and_biases_are_the_nearest_integers(start, model: str):
    lowering = start(BUILDERS[model]()).run(FLOAT)
    _, constants = float_state(lowering)
    lowering.run("quantize")
    store = lowering.ctx.store
    for at, op in positions(lowering.main):
        if not isinstance(op, Conv2dOp | MatmulOp):
            continue
        weights, bias = constants[at]
        frac = encoding_of(op.weight).frac.value.data
        assert frac == best_frac(float(np.abs(weights).max()))
        stored = store[op.weight.owner.key.data]
        assert (stored == np.rint(np.ldexp(weights.astype(np.float64), frac))).all()
        if bias is None:
            continue
        scale = encoding_of(op.input).frac.value.data + frac - op.product_shift.value.data
        integers = store[op.bias.owner.key.data]
        assert integers.dtype == np.int32
        assert (integers == np.rint(np.ldexp(bias.astype(np.float64), scale))).all()


@pytest.mark.parametrize("model", ["mlp", "gemm", "matmul"])
def test_product_shifts_come_from_exact_sums(start, model: str):
    """Matmuls again with Python's integers, on calibration inputs rounded as by the machine."""
    lowering = start(BUILDERS[model]()).run(FLOAT)
    inputs = {}
    runs = evaluate(lowering.main, lowering.ctx.store, lowering.feeds, lowering.input_names)
    order = {op: at for at, op in positions(lowering.main)}
    for op, values in runs:
        if isinstance(op, MatmulOp):
            inputs[order[op]] = values[op.input].copy()
    lowering.run("quantize")
    assert inputs
    for at, x in inputs.items():
        op = dict(positions(lowering.main))[at]
        frac = encoding_of(op.input).frac.value.data
        integers = np.rint(np.ldexp(x.astype(np.float64), frac)).astype(int).astype(object)
        weights = lowering.ctx.store[op.weight.owner.key.data].astype(int).astype(object)
        largest = int(np.abs(integers @ weights.T).max())
        assert op.product_shift.value.data == product_shift(largest, 24)


def test_a_forced_product_shift_is_taken(start):
    lowering = start(BUILDERS["mlp"](), psh=5).run(f"{FLOAT},quantize")
    shifts = [op.product_shift.value.data for op in lowering.ops(MatmulOp)]
    assert shifts == [5] * len(shifts)
    assert len(shifts) == 2


def test_the_bias_of_a_layer_without_weights_keeps_its_bits(start):
    """Pruning may leave nothing but the bias; all-zero weights ask for no scale of their own."""
    build = GraphBuilder("dead")
    bias = np.array([0.0285, 0.234, -0.0757], np.float32)
    weights = build.constant(np.zeros((3, 4), np.float32))
    y = build.node("Gemm", build.input(2, 4), weights, build.constant(bias), transB=1)
    lowering = start(build.model(y)).run(f"{FLOAT},quantize")
    (layer,) = lowering.ops(MatmulOp)
    frac = sum(encoding_of(value).frac.value.data for value in (layer.input, layer.weight))
    kept = np.ldexp(lowering.ctx.store[layer.bias.owner.key.data].astype(np.float64), -frac)
    np.testing.assert_allclose(kept, bias, rtol=1e-6)


def test_a_models_own_integers_stay_bit_for_bit(start):
    integers = np.arange(-18, 18).reshape(2, 2, 3, 3)
    model = qdq_conv((1, 2, 5, 5), integers, np.array([7, -9]), bits=8, x_scale=0.5, w_scale=0.25)
    lowering = start(model).run(f"{FLOAT},quantize")
    (conv,) = lowering.ops(Conv2dOp)
    store = lowering.ctx.store
    assert (store[conv.weight.owner.key.data] == integers).all()
    assert conv.product_shift.value.data == 0
    assert store[conv.bias.owner.key.data].tolist() == [7, -9]
    kinds = [encoding_of(value) for value in (conv.input, conv.weight, conv.result)]
    assert [(k.frac.value.data, k.bits.value.data) for k in kinds] == [(1, 8), (2, 8), (0, 8)]


def test_a_bias_beyond_32_bits_at_the_models_scale_is_refused(start):
    """Scales of 2^-15 and 2^-15 leave the sums one bit in front of the point."""
    build = GraphBuilder("bias")
    scale, zero = build.constant(np.float32(2.0**-15)), build.constant(np.int16(0))
    x = build.node("QuantizeLinear", build.input(1, 2), scale, zero)
    x = build.node("DequantizeLinear", x, scale, zero)
    w = build.node("DequantizeLinear", build.constant(np.ones((3, 2), np.int16)), scale, zero)
    y = build.node("Gemm", x, w, build.constant(np.array([1, 2, 900], np.float32)), transB=1)
    with pytest.raises(UnsupportedError, match=r"node 'gemm\d+': bias 900 needs"):
        start(build.model(y)).run(f"{FLOAT},quantize")


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_values_that_are_no_numbers_are_refused(start, value: float):
    lowering = start(BUILDERS["gemm"]())
    feeds = {name: np.full_like(array, value) for name, array in lowering.feeds.items()}
    key = lowering.ctx.store.add("odd", feeds["x"])
    from spcc.compiler.context import CALIBRATION_KEY
    from spcc.compiler.dialects.program import to_attribute

    lowering.module.attributes[CALIBRATION_KEY] = to_attribute([[key]])
    with pytest.raises(PassError, match="infinite or undefined"):
        lowering.run(f"{FLOAT},quantize")
