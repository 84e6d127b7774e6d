"""The network that ships: its interface, accuracy, zeros, and that its README tells the truth."""

import re

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from spcc.models import digits
from spcc.models.digits import __main__ as facts
from spcc.models.digits.export import digits_model
from spcc.models.session import run

README = digits.MODEL.parent / "README.md"


def test_test_set() -> None:
    images, labels = digits.load_test()
    assert images.shape == (500, 1, 8, 8)
    assert images.dtype == np.float32
    assert images.min() == 0
    assert images.max() == 1
    assert np.array_equal(images * 16, np.round(images * 16))
    assert labels.shape == (500,)
    assert np.bincount(labels).min() >= 40
    assert len(np.bincount(labels)) == 10
    assert len(np.unique(images, axis=0)) == 500


def test_interface() -> None:
    model = onnx.load(digits.MODEL)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version <= 10
    assert 17 <= model.opset_import[0].version <= 21
    [image], [logits] = model.graph.input, model.graph.output
    assert (image.name, logits.name) == ("image", "logits")
    shape = [dim.dim_param or dim.dim_value for dim in image.type.tensor_type.shape.dim]
    assert shape == ["N", 1, 8, 8]
    assert digits.MODEL.stat().st_size <= 300_000


def test_accuracy_on_held_out_images() -> None:
    right, count = facts.accuracy()
    assert count == 500
    assert right / count >= 0.98


def test_images_of_a_batch_are_apart() -> None:
    images, _ = digits.load_test()
    payload = digits.MODEL.read_bytes()
    both = run(payload, {"image": images[:2]})[0]
    one = run(payload, {"image": images[1:2]})[0]
    np.testing.assert_allclose(both[1:], one, rtol=1e-4, atol=1e-5)


def test_zeros_lie_in_groups_and_columns() -> None:
    shares = facts.zeros_per_layer()
    assert shares["conv1"][1] >= 0.25
    for name in ("conv2", "conv3"):
        size, weights, groups, columns = shares[name]
        assert weights >= 0.7
        assert groups == pytest.approx(weights, abs=0.001)  # no stray zero outside a group
        assert columns >= 0.5
        assert size in (64 * 32 * 9, 64 * 64 * 9)
    assert shares["classifier"][1] == 0


def test_weights_that_stayed_are_used() -> None:
    for tensor in onnx.load(digits.MODEL).graph.initializer:
        values = numpy_helper.to_array(tensor)
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert np.abs(values).max() < 2
        if values.ndim > 1:
            assert values.reshape(len(values), -1).any(axis=1).all(), "a filter is all zero"


def test_readme_quotes_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    facts.main()
    printed = capsys.readouterr().out.splitlines()
    quoted = [line.removeprefix("    ") for line in README.read_text().splitlines()]
    assert len(printed) == 8
    start = quoted.index(printed[0])
    assert quoted[start : start + len(printed)] == printed
    assert re.search(r"pruned 100% +test accuracy 1\.000", README.read_text())


def test_export_computes_the_network() -> None:
    random = np.random.default_rng(0)
    shapes = {
        "conv1": (32, 1, 3, 3),
        "conv2": (64, 32, 3, 3),
        "conv3": (64, 64, 3, 3),
        "classifier": (10, 256),
    }
    weights = {f"{name}.weight": 0.1 * random.standard_normal(s) for name, s in shapes.items()}
    weights |= {f"{name}.bias": random.standard_normal(s[0]) for name, s in shapes.items()}
    images = random.random((2, 1, 8, 8))

    def conv(x: np.ndarray, name: str) -> np.ndarray:
        x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
        sums = np.einsum("nchwrs,kcrs->nkhw", windows, weights[f"{name}.weight"])
        return sums + weights[f"{name}.bias"][:, None, None]

    def halved(x: np.ndarray) -> np.ndarray:
        return x.reshape(*x.shape[:2], x.shape[2] // 2, 2, x.shape[3] // 2, 2).max(axis=(3, 5))

    pooled = halved(np.maximum(conv(np.maximum(conv(images, "conv1"), 0), "conv2"), 0))
    residual = halved(np.maximum(conv(pooled, "conv3") + pooled, 0)).reshape(2, 256)
    wanted = residual @ weights["classifier.weight"].T + weights["classifier.bias"]
    got = run(digits_model(weights).SerializeToString(), {"image": images.astype(np.float32)})[0]
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-3)
