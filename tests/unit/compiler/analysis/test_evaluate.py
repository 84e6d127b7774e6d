"""Values of every tensor at every stage of the pipeline, against onnxruntime on the model."""

import numpy as np
import onnx
import pytest
from spcc.compiler.analysis.evaluate import evaluate, run_model, weight_values
from spcc.compiler.dialects.encoding import encoding_of
from spcc.compiler.dialects.onnx_values import from_text
from spcc.compiler.dialects.sparse_tensor import (
    AffineOp,
    HostCallOp,
    LayerOp,
    RequantizeOp,
    WeightOp,
)
from spcc.isa.errors import PassError
from spcc.models.builder import GraphBuilder
from spcc.models.small import BUILDERS
from spcc.runtime.reference import Reference


def arithmetic() -> onnx.ModelProto:
    """Scales and shifts of either sign, on several ranks, behind sums and alone."""
    build = GraphBuilder("arithmetic")
    x = build.input(2, 3, 4, 4)
    per_channel = build.constant(np.array([-2, 0.5, 3], np.float32).reshape(3, 1, 1))
    y = build.node("Sub", per_channel, build.node("Mul", x, per_channel))
    y = build.node("Sub", build.conv_same(y, 3, 3), per_channel)
    rows = build.node("Flatten", build.node("Relu", y))
    flat = build.constant(np.linspace(-1, 2, 48, dtype=np.float32))
    rows = build.node("Div", build.node("Add", rows, flat), build.constant(np.float32(-4)))
    return build.model(y, build.node("Relu", rows))


CONVERT = "convert-onnx-to-sparse-tensor"
FLOAT_PASSES = ("fold-affine", "lower-affine", "fuse-epilogue", "insert-copies")
MODELS = {**BUILDERS, "arithmetic": arithmetic}


def tensors_of(op):
    """ONNX tensor of every result of an op, "" for none."""
    match op:
        case LayerOp():
            return [from_text(op.tensor)]
        case HostCallOp():
            return [from_text(name) for name in op.tensors]
        case _:
            return [""] * len(op.results)


def known_tensors(lowering):
    """Every value of the module that is an ONNX tensor, by its name."""
    found = {}
    for op, values in evaluate(
        lowering.main, lowering.ctx.store, lowering.feeds, lowering.input_names
    ):
        if op is not None:
            for name, result in zip(tensors_of(op), op.results, strict=True):
                if name and result in values:
                    found[name] = (values[result].copy(), encoding_of(result))
    return found


def agrees(name, value, encoding, expected):
    expected = expected.reshape(value.shape)  # a view of the tensor has its name, too
    step = 0 if encoding is None else 2.0**-encoding.frac.value.data
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-4 + step, err_msg=name)


@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_is_onnxruntimes(start, name):
    model = MODELS[name]()
    lowering, reference = start(model), Reference(model)
    for step in (CONVERT, *FLOAT_PASSES):
        known = known_tensors(lowering.run(step))
        assert set(reference.outputs) <= set(known)
        wanted = reference.run(lowering.feeds, known)
        for tensor, (value, encoding) in known.items():
            agrees(f"{step}: {tensor}", value, encoding, wanted[tensor])
    assert not lowering.ops(AffineOp)
    assert not lowering.ops(RequantizeOp)


def test_values_of_fixed_point_tensors_are_rounded(start):
    lowering = start(BUILDERS["qdq_conv"]()).run(f"{CONVERT},fuse-epilogue")
    fixed = [
        (values[value], encoding)
        for op, values in evaluate(
            lowering.main, lowering.ctx.store, lowering.feeds, lowering.input_names
        )
        for value in (lowering.main.body.block.args if op is None else op.results)
        if value in values and (encoding := encoding_of(value)) is not None
    ]
    assert len(fixed) == 2  # the input and the convolution
    for array, encoding in fixed:
        integers = np.ldexp(array.astype(np.float64), encoding.frac.value.data)
        assert (integers == np.rint(integers)).all()


def test_values_are_dropped_after_their_last_use(start):
    lowering = start(BUILDERS["mlp"]()).run(CONVERT)
    alive = [
        len([v for v in values if not isinstance(v.owner, WeightOp)])
        for op, values in evaluate(
            lowering.main, lowering.ctx.store, lowering.feeds, lowering.input_names
        )
        if not isinstance(op, WeightOp)
    ]
    assert max(alive) == 2  # an input and a result


def test_weights_are_given_as_real_numbers(start):
    lowering = start(BUILDERS["gemm"]()).run(CONVERT)
    before = [weight_values(w.result, lowering.ctx.store) for w in lowering.ops(WeightOp)]
    lowering.run("fuse-epilogue,quantize")
    matrix = [w for w in lowering.ops(WeightOp) if encoding_of(w.result) is not None]
    after = weight_values(matrix[0].result, lowering.ctx.store)
    step = 2.0 ** -encoding_of(matrix[0].result).frac.value.data
    assert after.dtype == np.float32
    assert any(b.shape == after.shape and np.abs(b - after).max() <= step / 2 for b in before)


POOL_PADS = {
    "same": {"kernel_shape": [2, 2], "dilations": [3, 4], "auto_pad": "SAME_UPPER"},
    "ceil": {"kernel_shape": [2, 2], "dilations": [3, 3], "strides": [3, 3], "ceil_mode": 1},
}


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("case", POOL_PADS)
def test_pools_with_pads_beyond_the_kernel(start, kind, case):
    """ceil_mode and SAME lead there; as explicit pads onnxruntime would refuse them."""
    build = GraphBuilder("pool")
    model = build.model(build.node(kind, build.input(2, 3, 5, 5), **POOL_PADS[case]))
    lowering = start(model).run(CONVERT)
    (value, _), x = known_tensors(lowering).popitem()[1], lowering.feeds["x"]
    (op,) = lowering.ops(LayerOp)
    top, left, bottom, right = op.pads.get_values()
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=np.nan)
    (R, S), (sh, sw), (dh, dw) = (a.get_values() for a in (op.kernel, op.strides, op.dilations))
    reduce = np.nanmax if kind == "MaxPool" else np.nanmean
    for oy, ox in np.ndindex(value.shape[2:]):
        window = padded[:, :, oy * sh :: dh, ox * sw :: dw][:, :, :R, :S]
        np.testing.assert_allclose(value[:, :, oy, ox], reduce(window, axis=(2, 3)), rtol=1e-5)


def test_a_model_that_onnxruntime_refuses_names_the_node():
    with pytest.raises(PassError, match="node 'broken': onnxruntime cannot run it"):
        run_model(b"no model", [], "node 'broken'")
