"""The small test networks against numpy: they run, and they are what their arguments say."""

from itertools import product
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from spcc.isa.errors import FrontendError
from spcc.models import seeded_inputs, small
from spcc.models.builder import GraphBuilder
from spcc.models.session import run


def first_output(model: onnx.ModelProto, x: np.ndarray | None = None) -> np.ndarray:
    feeds = seeded_inputs(model, 0) if x is None else {"x": x.astype(np.float32)}
    return run(model.SerializeToString(), feeds)[0]


def constants(model: onnx.ModelProto) -> list[np.ndarray]:
    return [numpy_helper.to_array(tensor) for tensor in model.graph.initializer]


def convolve(
    x: np.ndarray,
    w: np.ndarray,
    strides: tuple[int, int] = (1, 1),
    pads: tuple[int, int, int, int] = (0, 0, 0, 0),
    dilations: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> np.ndarray:
    """Convolve in int64 or float64 by the definition: [N, C, H, W] * [K, C/groups, R, S]."""
    top, left, bottom, right = pads
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    K, Cg, R, S = w.shape
    OH = (x.shape[2] - (R - 1) * dilations[0] - 1) // strides[0] + 1
    OW = (x.shape[3] - (S - 1) * dilations[1] - 1) // strides[1] + 1
    y = np.zeros((len(x), K, OH, OW), np.result_type(x, w))
    for n, k, oy, ox in product(range(len(x)), range(K), range(OH), range(OW)):
        group = k // (K // groups)
        for c, r, s in product(range(Cg), range(R), range(S)):
            row, column = oy * strides[0] + r * dilations[0], ox * strides[1] + s * dilations[1]
            y[n, k, oy, ox] += w[k, c, r, s] * x[n, group * Cg + c, row, column]
    return y


@pytest.mark.parametrize("name", small.BUILDERS)
def test_every_builder_runs_and_is_deterministic(name: str) -> None:
    model = small.BUILDERS[name]()
    onnx.checker.check_model(model, full_check=True)
    value = first_output(model)
    assert value.dtype == np.float32
    assert np.isfinite(value).all()
    assert value.std() > 0.01
    declared = model.graph.output[0].type.tensor_type.shape.dim
    assert value.shape == tuple(dim.dim_value for dim in declared)
    assert model == small.BUILDERS[name]()
    assert len({node.name for node in model.graph.node}) == len(model.graph.node)


GEOMETRIES: list[dict[str, Any]] = [
    {},
    {"strides": (2, 3)},
    {"pads": (0, 1, 2, 3)},
    {"dilations": (2, 1)},
    {"pads": (1, 1, 1, 1), "strides": (2, 1), "dilations": (1, 2)},
    {"groups": 2},
    {"groups": 4, "pads": (2, 0, 0, 1)},
]


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_single_conv_is_the_definition(geometry: dict[str, Any]) -> None:
    model = small.single_conv(
        N=2, C=4, H=7, W=6, K=8, R=3, S=2, integers=5, density=0.6, seed=1, **geometry
    )
    w, bias = constants(model)
    x = np.random.default_rng(0).integers(-9, 10, (2, 4, 7, 6))
    wanted = convolve(x, w.astype(np.int64), **geometry) + bias.astype(np.int64)[:, None, None]
    np.testing.assert_array_equal(first_output(model, x), wanted)


def test_single_conv_takes_weights_and_bias() -> None:
    w = np.arange(12).reshape(2, 3, 1, 2)
    model = small.single_conv(weights=w, bias=[5, -100], relu=True)
    x = np.ones((1, 3, 8, 8))
    wanted = np.maximum(convolve(x, w) + np.array([5, -100])[:, None, None], 0)
    np.testing.assert_array_equal(first_output(model, x), wanted)
    assert wanted[0, 1].max() == 0


def test_single_conv_without_bias_and_auto_pad() -> None:
    model = small.single_conv(bias=False, auto_pad="SAME_UPPER", strides=(2, 2))
    assert len(model.graph.initializer) == 1
    assert first_output(model).shape == (1, 4, 4, 4)


def test_density_leaves_that_share() -> None:
    [w] = constants(small.single_conv(C=32, K=64, bias=False, density=0.3))
    assert (w != 0).mean() == pytest.approx(0.3, abs=0.02)
    assert w[w != 0].std() == pytest.approx(np.sqrt(2 / (32 * 9)), rel=0.05)


def test_symbolic_batch() -> None:
    model = small.single_conv(N="N")
    assert first_output(model, np.ones((3, 3, 8, 8))).shape == (3, 4, 6, 6)


@pytest.mark.parametrize("geometry", [{}, {"pads": (1, 0, 1, 1), "strides": (2, 1), "groups": 2}])
def test_qdq_conv_keeps_integers(geometry: dict[str, Any]) -> None:
    random = np.random.default_rng(0)
    x = random.integers(-300, 300, (1, 4, 6, 5))
    w = random.integers(-9, 10, (6, 4 // geometry.get("groups", 1), 3, 3))
    bias = random.integers(-2000, 2000, 6)
    wanted = convolve(x, w, **geometry) + bias[:, None, None]
    assert np.abs(wanted).max() < 32768
    model = small.qdq_conv(x, w, bias, **geometry)
    np.testing.assert_array_equal(first_output(model, x), wanted)
    relu = small.qdq_conv(x.shape, w, bias, relu=True, **geometry)
    np.testing.assert_array_equal(first_output(relu, x), np.maximum(wanted, 0))


def test_qdq_conv_saturates_and_scales() -> None:
    x, w = np.array([[[[100.0]]]]), np.full((1, 1, 1, 1), 127)
    model = small.qdq_conv((1, 1, 1, 1), w, bits=8, x_scale=0.5, w_scale=0.25, y_scale=2.0)
    # x: 200 -> 127 (int8) * 0.5 = 63.5; w: 31.75; product 2016.125 -> 127 * 2
    assert first_output(model, x) == 254
    assert first_output(model, np.array([[[[0.5]]]])) == 16  # 15.875 rounds to 8 * 2


def test_qdq_conv_refuses_what_does_not_fit() -> None:
    with pytest.raises(FrontendError, match="40000 do not fit int16"):
        small.qdq_conv((1, 1, 1, 1), np.full((1, 1, 1, 1), 40000))
    with pytest.raises(FrontendError, match="do not fit int8"):
        small.qdq_conv((1, 1, 1, 1), np.full((1, 1, 1, 1), 1.5), bits=8)


@pytest.mark.parametrize("transB", [True, False])
def test_gemm(transB: bool) -> None:
    model = small.gemm(N=3, C=5, K=4, transB=transB, alpha=2.0, beta=3.0, integers=6)
    w, bias = constants(model)
    x = np.random.default_rng(0).integers(-9, 10, (3, 5))
    wanted = 2 * x @ (w.T if transB else w) + 3 * bias
    np.testing.assert_array_equal(first_output(model, x), wanted)


def test_matmul_is_the_gemm_of_the_same_seed() -> None:
    x = np.random.default_rng(0).standard_normal((4, 16))
    np.testing.assert_allclose(
        first_output(small.matmul(seed=2), x), first_output(small.gemm(seed=2), x), rtol=1e-5
    )


def test_mlp_widths() -> None:
    model = small.mlp((7, 9, 11, 2), N=5)
    assert first_output(model).shape == (5, 2)
    assert [node.op_type for node in model.graph.node] == ["Gemm", "Relu", "Gemm", "Relu", "Gemm"]


def test_average_pools_differ_in_their_divisor() -> None:
    ones = np.ones((1, 4, 9, 8))
    assert first_output(small.POOLS["average_padded"](), ones).min() == 1
    counting = first_output(small.POOLS["average_counting_pads"](), ones)
    assert counting.min() == pytest.approx(2 / 9)  # 2x1 of 3x3 lie in the map


def test_residual_shortcut_only_where_shapes_differ() -> None:
    kinds = [node.op_type for node in small.residual_block().graph.node]
    assert kinds.count("Conv") == 2
    kinds = [node.op_type for node in small.residual_block(stride=2).graph.node]
    assert kinds.count("Conv") == 3


def test_shuffle_interleaves_groups() -> None:
    build = GraphBuilder("probe")
    model = build.model(small._shuffled(build, build.input(2, 6, 1, 1), 6, 3, 1, 1))
    x = np.arange(12).reshape(2, 6, 1, 1)
    assert first_output(model, x).reshape(2, 6).tolist() == [
        [0, 2, 4, 1, 3, 5],
        [6, 8, 10, 7, 9, 11],
    ]


def test_everything_mixes_many_operators() -> None:
    model = small.everything()
    kinds = {node.op_type for node in model.graph.node}
    assert kinds >= {"Conv", "Gemm", "LRN", "Softmax", "Concat", "Add", "Transpose", "Clip"}
    assert kinds >= {"MaxPool", "AveragePool", "GlobalAveragePool", "BatchNormalization", "Relu"}
    assert first_output(model).sum() == pytest.approx(1)
    assert first_output(model).max() < 0.9
    assert constants(small.everything(seed=1))[0].tobytes() != constants(model)[0].tobytes()
