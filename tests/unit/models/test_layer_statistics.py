"""Batch statistics against numpy, on a network of one layer of each kind."""

import numpy as np
import pytest
from onnx import helper
from spcc.models.layer_statistics import EPSILON, forward_statistics

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.standard_normal((3, 2, 4, 5), np.float32) + 1
CONV = RANDOM.standard_normal((6, 2, 1, 1), np.float32)
BIAS = RANDOM.standard_normal(6, np.float32)
ROW = RANDOM.standard_normal(6, np.float32)
DENSE = RANDOM.standard_normal((7, 120), np.float32)


def pointwise(images: np.ndarray) -> np.ndarray:
    return np.einsum("kc,nchw->nkhw", CONV[:, :, 0, 0], images)


def test_convolution_with_bias_is_centred_and_scaled_as_a_whole() -> None:
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"])
    [layer], value = forward_statistics([node], {"w": CONV, "b": BIAS}, {"x": IMAGES}, "y")
    raw = pointwise(IMAGES)  # the bias is no part of the statistics
    np.testing.assert_allclose(layer.mean, raw.mean(axis=(0, 2, 3)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.variance, raw.var(axis=(0, 2, 3)), rtol=1e-4)
    assert layer.deviation == pytest.approx(np.sqrt(raw.var(axis=(0, 2, 3)).mean()), rel=1e-4)
    centred = raw - raw.mean(axis=(0, 2, 3), keepdims=True)
    wanted = centred / layer.deviation + BIAS[:, None, None]
    np.testing.assert_allclose(value, wanted, rtol=1e-3, atol=1e-4)


def test_batch_normalization_takes_the_batch_for_its_running_statistics() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"]),
        helper.make_node("BatchNormalization", ["c", "s", "t", "m", "v"], ["y"], epsilon=1e-3),
    ]
    scale, nonsense = np.abs(ROW) + 1, np.full(6, 99, np.float32)
    constants = {"w": CONV, "b": BIAS, "s": scale, "t": ROW, "m": nonsense, "v": nonsense}
    [layer], value = forward_statistics(nodes, constants, {"x": IMAGES}, "y")
    raw = pointwise(IMAGES) + BIAS[:, None, None]
    assert layer.node.op_type == "BatchNormalization"
    np.testing.assert_allclose(layer.mean, raw.mean(axis=(0, 2, 3)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.variance, raw.var(axis=(0, 2, 3)), rtol=1e-4)
    deviation = np.sqrt(raw.var(axis=(0, 2, 3), keepdims=True) + 1e-3)
    normal = (raw - raw.mean(axis=(0, 2, 3), keepdims=True)) / deviation
    wanted = normal * scale[:, None, None] + ROW[:, None, None]
    np.testing.assert_allclose(value, wanted, rtol=1e-3, atol=1e-4)


def test_layers_see_what_earlier_layers_became() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "d", "e"], ["y"], transB=1),
    ]
    shift = np.zeros(7, np.float32)
    constants = {"w": CONV, "b": BIAS, "d": DENSE, "e": shift}
    [conv, gemm], value = forward_statistics(nodes, constants, {"x": IMAGES}, "y")
    centred = pointwise(IMAGES) - conv.mean[:, None, None]
    hidden = np.maximum(centred / conv.deviation + BIAS[:, None, None], 0).reshape(3, -1)
    raw = hidden @ DENSE.T
    np.testing.assert_allclose(gemm.mean, raw.mean(axis=0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(gemm.variance, raw.var(axis=0), rtol=1e-3)
    np.testing.assert_allclose(value.mean(axis=0), 0, atol=1e-5)
    assert (value**2).mean() == pytest.approx(1, rel=1e-3)


def test_layer_without_bias_is_left_alone() -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    layers, value = forward_statistics([node], {"w": CONV}, {"x": IMAGES}, "y")
    assert layers == []
    np.testing.assert_allclose(value, pointwise(IMAGES), rtol=1e-4, atol=1e-5)


def test_dead_layer_gives_no_infinity() -> None:
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"])
    constants = {"w": np.zeros_like(CONV), "b": BIAS}
    [layer], value = forward_statistics([node], constants, {"x": IMAGES}, "y")
    assert layer.deviation == pytest.approx(np.sqrt(EPSILON))
    assert np.isfinite(value).all()
