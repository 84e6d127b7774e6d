"""Networks with quantised weights, compiled, run and checked: pruned or not, at any scale."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from quantised_models import begin, integers
from spcc.compiler.dialects.encoding import encoding_of
from spcc.compiler.dialects.sparse_tensor import WeightOp
from spcc.models.builder import GraphBuilder
from spcc.tools.compile_flow import Outcome, Request, compile_request, parse_prune
from spcc.tools.report import Checked
from spcc.tools.run_flow import check_run, run_program
from spcc.tools.sources import Model
from spcc.tools.targets import find_target


def checked(model: onnx.ModelProto, prune: str | None = None) -> tuple[Checked, Outcome]:
    """Compile and run a model; the comparisons with the reference, which must all agree."""
    spots = find_target("spots")
    request = Request(Model("model", model, ""), spots, spots.spec()(), parse_prune(prune))
    outcome = compile_request(request)
    ran = run_program(outcome.compiled.program, outcome.feeds)
    result = check_run(ran, model, outcome.feeds, outcome.compiled.pruned)
    for name in ("outputs", "layers", "own"):
        getattr(result, name).raise_on_mismatch()
    assert result.own.layers
    return result, outcome


def ops_of(outcome: Outcome) -> list[tuple[str, str]]:
    return [(layer.op, layer.placement) for layer in outcome.compiled.program.layers]


def conv_of(weights: Callable[..., str]) -> onnx.ModelProto:
    build, quantised, x = begin("conv", 1, 3, 6, 6)
    return build.model(build.node("Conv", x, weights(quantised), pads=[1, 1, 1, 1]))


def gemm_of(weights: Callable[..., str], **attributes: Any) -> onnx.ModelProto:
    build, quantised, x = begin("gemm", 2, 8)
    return build.model(build.node("Gemm", x, weights(quantised), **attributes))


def matmul_of(weights: Callable[..., str]) -> onnx.ModelProto:
    build, quantised, x = begin("matmul", 4, 8)
    return build.model(build.node("MatMul", x, weights(quantised)))


LAYERS = ("Conv", "Gemm", "MatMul")
CONV_INTEGERS, MATRIX = integers(4, 3, 3, 3), integers(8, 6)
PER_FILTER = np.array([0.01, 0.03, 0.02, 0.005])
PRUNED = {
    "conv": conv_of(lambda q: q.weights(CONV_INTEGERS)),
    "conv, another scale": conv_of(lambda q: q.weights(CONV_INTEGERS, 0.011)),
    "conv, scales per filter": conv_of(lambda q: q.weights(CONV_INTEGERS, PER_FILTER, axis=0)),
    "conv, zero point": conv_of(lambda q: q.weights(CONV_INTEGERS, 0.01, 7)),
    "conv, quantised from floats": conv_of(lambda q: q.fake_quantised(CONV_INTEGERS / 64)),
    "gemm": gemm_of(lambda q: q.weights(MATRIX.T.copy()), transB=1),
    "gemm, scaled": gemm_of(lambda q: q.weights(MATRIX), alpha=0.3),
    "gemm, zero point, scaled": gemm_of(lambda q: q.weights(MATRIX, 0.01, 5), alpha=0.3),
    "matmul": matmul_of(lambda q: q.weights(MATRIX)),
}


@pytest.mark.parametrize("case", PRUNED)
def test_the_reference_gets_the_zeros_of_pruned_weights(case: str) -> None:
    model = PRUNED[case]
    result, outcome = checked(model, "magnitude=0.5")
    (dequantised,) = [node.input[1] for node in model.graph.node if node.op_type in LAYERS]
    ((name, array),) = outcome.compiled.pruned.items()
    assert name == dequantised
    assert 0.5 <= (array == 0).mean() < 0.6
    assert not result.unpruned.passed


def test_integers_shared_at_two_scales_are_pruned_apart() -> None:
    """A threshold of 1/4 keeps those from 16 on at 2^-6, and those from 64 on at 2^-8."""
    build, quantised, x = begin("shared", 1, 3, 6, 6)
    first = quantised.weights(CONV_INTEGERS, name="w")
    second = build.node(
        "DequantizeLinear", "w", build.constant(np.float32(2.0**-8)), build.constant(np.int8(0))
    )
    sums = [build.node("Conv", x, weights) for weights in (first, second)]
    _, outcome = checked(build.model(*sums), "threshold=0.25")
    for name, least in ((first, 16), (second, 64)):
        np.testing.assert_array_equal(
            outcome.compiled.pruned[name] != 0, np.abs(CONV_INTEGERS.astype(int)) >= least
        )


def test_floats_behind_a_scaled_gemm_are_zeroed_where_the_model_computes_them() -> None:
    """The reference's own values stay: what was pruned is a scaled copy."""
    build = GraphBuilder("computed")
    weights = build.node("Mul", build.constant(build.weights(5, 8)), build.constant(np.float32(2)))
    product = build.node("Gemm", build.input(2, 8), weights, transB=1, alpha=0.25)
    result, outcome = checked(build.model(product), "magnitude=0.5")
    assert [*outcome.compiled.pruned] == ["mul0"]
    assert not result.unpruned.passed


def test_floats_that_are_quantised_in_the_graph_become_a_native_layers_integers(start) -> None:
    """Values halfway between two integers, and beyond the range, as onnxruntime has them."""
    floats = (CONV_INTEGERS.astype(np.float32) + 0.5) * 3 / 64
    model = conv_of(lambda q: q.fake_quantised(floats))
    (weight,) = start(model).run("convert-onnx-to-sparse-tensor").ops(WeightOp)
    encoding = encoding_of(weight.result)
    assert encoding is not None
    assert (encoding.frac.value.data, encoding.bits.value.data) == (6, 8)
    result, outcome = checked(model)
    assert ops_of(outcome)[-1] == ("Conv", "native")
    assert all(layer.max_abs < 2.0**-8 for layer in result.own.layers)


def test_floats_quantised_at_another_scale_are_a_native_layers_weights(start) -> None:
    floats = integers(4, 3, 3, 3, seed=1) * np.float32(0.013)
    model = conv_of(lambda q: q.fake_quantised(floats, PER_FILTER, axis=0))
    (weight,) = start(model).run("convert-onnx-to-sparse-tensor").ops(WeightOp)
    assert encoding_of(weight.result) is None
    _, outcome = checked(model)
    assert ops_of(outcome)[-1] == ("Conv", "native")


@pytest.mark.parametrize("prune", [None, "magnitude=0.5"])
@pytest.mark.parametrize("ends_quantised", [False, True])
def test_a_quantised_matmul_and_its_quantised_bias_are_one_layer(
    start, ends_quantised: bool, prune: str | None
) -> None:
    build, quantised, x = begin("biased", 4, 8)
    product = build.node("MatMul", x, quantised.weights(MATRIX))
    bias = quantised.weights(integers(6, dtype=np.int32, peak=1 << 12), 2.0**-10)
    total = build.node("Add", product, bias)
    model = build.model(quantised.activation(total, 2.0**-3) if ends_quantised else total)
    _, outcome = checked(model, prune)
    layers = [layer for layer in outcome.compiled.program.layers if "MatMul" in layer.op]
    ((product, total),) = [layer.nodes[:2] for layer in layers]
    assert (product[:6], total[:3]) == ("matmul", "add")
    (weight,) = [
        op
        for op in start(model).run("convert-onnx-to-sparse-tensor,fold-affine").ops(WeightOp)
        if encoding_of(op.result) is not None
    ]
    assert weight.key.data.endswith(".i16")


def test_a_scale_behind_quantised_weights_stays_a_layer_of_its_own() -> None:
    """Scaled integers would be no integers of the model."""
    build, quantised, x = begin("scaled", 4, 8)
    product = build.node("MatMul", x, quantised.weights(MATRIX))
    scaled = build.node("Mul", product, build.constant(np.float32(3.0)))
    _, outcome = checked(build.model(scaled))
    assert ops_of(outcome)[-2:] == [("MatMul", "native"), ("Mul", "lowered")]


@pytest.mark.parametrize(("largest", "count"), [(2.0**15, 2), (2.0**15 - 2.0**-8, 1)])
def test_a_bias_beyond_32_bits_stays_a_layer_of_its_own(largest: float, count: int) -> None:
    """Sums of 16-bit integers in steps of 2^-16 have 31 bits for a bias below 2^15."""
    build, quantised, x = begin("large", 4, 8, bits=16)
    weights = quantised.weights(integers(8, 6, dtype=np.int16), 2.0**-12)
    bias = np.array([largest, 0, 1, 2, 3, 4], np.float32)
    total = build.node("Add", build.node("MatMul", x, weights), build.constant(bias))
    _, outcome = checked(build.model(total))
    layers = [layer for layer in outcome.compiled.program.layers if layer.nominal_macs]
    assert len(layers) == count


def averaged(op_type: str, bits: int, result_scale: float | None = None) -> onnx.ModelProto:
    """An average over quantised values, with a float result or a quantised one."""
    build, quantised, x = begin("average", 2, 3, 8, 8, bits=bits)
    kernel = {} if op_type.startswith("Global") else {"kernel_shape": [3, 3]}
    mean = build.node(op_type, x, **kernel)
    return build.model(mean if result_scale is None else quantised.activation(mean, result_scale))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("op_type", ["AveragePool", "GlobalAveragePool"])
def test_an_average_of_quantised_values_keeps_its_fraction(op_type: str, bits: int) -> None:
    result, outcome = checked(averaged(op_type, bits))
    assert ops_of(outcome) == [("Copy", "lowered"), (op_type, "native")]
    (own,) = result.own.layers
    assert own.sqnr_db > 45
    assert own.max_abs <= 2.0**-13  # half a step of the copy, which has 2^-12 or finer


@pytest.mark.parametrize(("scale", "count"), [(2.0**-2, 2), (2.0**-4, 1), (2.0**-6, 2)])
def test_a_model_that_quantises_the_average_gets_its_own_steps(scale: float, count: int) -> None:
    """Only steps of the input need no fraction: the pool makes them itself."""
    result, outcome = checked(averaged("AveragePool", 8, scale))
    assert len(ops_of(outcome)) == count
    assert all(layer.max_abs == 0 for layer in result.own.layers)


def test_a_maximum_of_quantised_values_needs_no_finer_scale() -> None:
    build, _, x = begin("maximum", 1, 3, 6, 6)
    _, outcome = checked(build.model(build.node("MaxPool", x, kernel_shape=[2, 2])))
    assert ops_of(outcome) == [("MaxPool", "native")]


def test_an_average_behind_a_view_of_quantised_values_keeps_its_fraction() -> None:
    build, _, x = begin("view", 1, 192)
    image = build.node("Reshape", x, build.constant(np.array([1, 3, 8, 8], np.int64)))
    result, outcome = checked(build.model(build.node("GlobalAveragePool", image)))
    assert ops_of(outcome)[-2:] == [("Copy", "lowered"), ("GlobalAveragePool", "native")]
    assert result.own.layers[-1].max_abs <= 2.0**-13
