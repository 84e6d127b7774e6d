"""Seeded inputs: deterministic, shaped by the model, images with a 1/f spectrum."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from spcc.isa.errors import UnsupportedError
from spcc.models import seeded_inputs, small
from spcc.models.inputs import generator, image_noise

IMAGE = {"image": (2, 3, 64, 48)}


def test_same_seed_same_values() -> None:
    first, second = seeded_inputs(IMAGE, 5), seeded_inputs(IMAGE, 5)
    assert first["image"].tobytes() == second["image"].tobytes()
    assert not np.array_equal(first["image"], seeded_inputs(IMAGE, 6)["image"])


def test_value_does_not_depend_on_the_other_inputs() -> None:
    alone = seeded_inputs({"b": (4, 5)}, 0)["b"]
    beside = seeded_inputs({"a": (7,), "b": (4, 5)}, 0)
    np.testing.assert_array_equal(alone, beside["b"])
    assert not np.array_equal(beside["a"][:5], beside["b"][0])


def test_image_amplitude_falls_with_frequency() -> None:
    image = image_noise((1, 1, 128, 128), generator(0, "x"))[0, 0]
    amplitude = np.abs(np.fft.fft2(image))
    rows = np.fft.fftfreq(128)
    radius = np.hypot(rows[:, None], rows[None, :])

    def mean(low: float, high: float) -> float:
        return float(amplitude[(radius >= low) & (radius < high)].mean())

    assert mean(0.04, 0.06) / mean(0.4, 0.6) == pytest.approx(10, rel=0.25)


def test_image_scale_and_colours() -> None:
    image = seeded_inputs(IMAGE, 1)["image"]
    assert image.dtype == np.float32
    assert image.shape == (2, 3, 64, 48)
    np.testing.assert_allclose((image**2).mean(axis=(1, 2, 3)), 1, rtol=1e-4)
    assert np.corrcoef(image[0, 0].ravel(), image[0, 1].ravel())[0, 1] > 0.5
    assert abs(np.corrcoef(image[0, 0].ravel(), image[1, 0].ravel())[0, 1]) < 0.6


def test_features_are_white() -> None:
    value = seeded_inputs({"x": (1, 64, 32, 32)}, 0)["x"]
    assert abs(value.mean()) < 0.02
    assert abs(value.std() - 1) < 0.02
    assert abs((value[..., 1:] * value[..., :-1]).mean()) < 0.02


def test_symbolic_dimensions_count_as_one() -> None:
    model = small.gemm(N="N", C=16)
    assert seeded_inputs(model, 0)["x"].shape == (1, 16)


def test_initializers_are_no_inputs_and_types_are_kept() -> None:
    inputs = [
        helper.make_tensor_value_info("i", TensorProto.INT64, [50]),
        helper.make_tensor_value_info("b", TensorProto.BOOL, [50]),
        helper.make_tensor_value_info("d", TensorProto.DOUBLE, [3]),
        helper.make_tensor_value_info("w", TensorProto.FLOAT, [1]),
    ]
    constant = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    model = helper.make_model(helper.make_graph([], "g", inputs, [], [constant]))
    values = seeded_inputs(model, 0)
    assert {name: value.dtype.name for name, value in values.items()} == {
        "i": "int64",
        "b": "bool",
        "d": "float64",
    }
    assert set(values["i"].tolist()) == set(range(8))
    assert set(values["b"].tolist()) == {False, True}


def test_strings_and_sequences_are_refused() -> None:
    text = helper.make_tensor_value_info("s", TensorProto.STRING, [1])
    with pytest.raises(UnsupportedError, match="'s'"):
        seeded_inputs(helper.make_model(helper.make_graph([], "g", [text], [])), 0)
    sequence = helper.make_tensor_sequence_value_info("q", TensorProto.FLOAT, [1])
    model: onnx.ModelProto = helper.make_model(helper.make_graph([], "g", [sequence], []))
    with pytest.raises(UnsupportedError, match="'q'"):
        seeded_inputs(model, 0)
