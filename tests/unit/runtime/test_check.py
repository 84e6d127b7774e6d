"""Comparison with the reference: the tolerance table, odd values, messages."""

from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest
from spcc.isa.errors import MismatchError
from spcc.isa.tables import LayerInfo, TensorInfo
from spcc.runtime.check import (
    END_TO_END,
    EXACT,
    LayerError,
    Tap,
    Tolerance,
    check,
    compare,
    layer_taps,
    output_taps,
    top1_agreement,
)

RNG = np.random.default_rng(11)
SIGNAL = RNG.standard_normal((4, 8, 50)).astype(np.float32)


def with_noise(sqnr_db: float) -> Any:
    noise = RNG.uniform(-1, 1, SIGNAL.shape)
    noise *= np.sqrt(np.square(SIGNAL).sum() / np.square(noise).sum()) * 10 ** (-sqnr_db / 20)
    return SIGNAL + noise


@pytest.mark.parametrize(
    ("bits", "sqnr_db", "passed"), [(16, 41, True), (16, 39, False), (8, 21, True), (8, 19, False)]
)
def test_noise_against_the_table(bits: int, sqnr_db: float, passed: bool) -> None:
    error = compare("t", with_noise(sqnr_db), SIGNAL, bits=bits)
    assert error.sqnr_db == pytest.approx(sqnr_db, abs=0.01)
    assert error.passed is passed


def test_single_wrong_element_is_not_averaged_away() -> None:
    large = RNG.standard_normal((1000, 100))
    actual = large.copy()
    actual[123, 45] += 0.8
    error = compare("t", actual, large)
    assert error.sqnr_db > 45
    assert not error.passed
    assert error.index == (123, 45)
    assert error.actual == pytest.approx(actual[123, 45])
    assert error.expected == pytest.approx(large[123, 45])
    assert error.max_abs == pytest.approx(0.8)


def test_a_few_steps_of_the_scale_are_accepted_where_sqnr_means_nothing() -> None:
    expected = np.array([0.0, 0.001, -0.002])
    raw = np.array([1, 4, -4], np.int16)
    assert compare("t", raw, expected, frac=10).passed
    assert not compare("t", raw, expected, frac=11, tolerance=Tolerance(40, 1, 1)).passed
    assert not compare("t", raw * 3, expected, frac=10).passed


def test_raw_integers_are_scaled_by_their_fraction_bits() -> None:
    raw = np.array([[256, -384]], np.int16)
    error = compare("t", raw, np.array([[1.0, -1.5]]), frac=8)
    assert (error.max_abs, error.sqnr_db, error.passed) == (0.0, inf, True)
    assert compare("t", np.array([[1.0, -1.5]]), np.array([[1.0, -1.5]]), frac=8).max_abs == 0


def test_all_zero_reference() -> None:
    zeros = np.zeros(5, np.float32)
    assert compare("t", np.zeros(5), zeros).passed
    near = compare("t", np.array([0, 0, 4, 0, 0], np.int16), zeros, frac=12)
    assert near.passed
    assert near.sqnr_db == -inf
    assert not compare("t", np.array([0, 0, 5, 0, 0], np.int16), zeros, frac=12).passed
    assert not compare("t", np.full(5, 1e-30), zeros).passed, "a float tensor has no scale then"


@pytest.mark.parametrize(
    ("actual", "expected", "frac", "passed"),
    [
        ([1.0, np.nan], [1.0, np.nan], None, True),
        ([1.0, 0.0], [1.0, np.nan], None, False),
        ([1.0, np.nan], [1.0, 0.0], None, False),
        ([1.0, np.inf], [1.0, np.inf], None, True),
        ([1.0, -np.inf], [1.0, np.inf], None, False),
        ([1.0, 32767 / 256], [1.0, np.inf], 8, True),
        ([1.0, -128.0], [1.0, -np.inf], 8, True),
        ([1.0, 127.0], [1.0, np.inf], 8, False),
        ([1.0, 127.0], [1.0, np.nan], 8, False),
    ],
)
def test_odd_values(actual: Any, expected: Any, frac: Any, passed: bool) -> None:
    error = compare("t", np.array(actual), np.array(expected), frac)
    assert error.passed is passed
    assert error.max_abs == (0 if passed else inf)
    assert passed or error.index == (1,)


def test_eight_bit_saturation() -> None:
    assert compare("t", np.array([127], np.int16), np.array([np.inf]), 0, bits=8).passed
    assert not compare("t", np.array([32767], np.int16), np.array([np.inf]), 0, bits=8).passed


def test_huge_and_tiny_values_neither_overflow_nor_vanish() -> None:
    for scale in (1e300, 1e-300):
        error = compare("t", np.array([1.001, 2.0]) * scale, np.array([1.0, 2.0]) * scale)
        assert error.sqnr_db == pytest.approx(10 * np.log10(5 / 1e-6), abs=0.01)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.bool_])
def test_integers_are_exact(dtype: Any) -> None:
    expected = np.array([0, 1, 1, 0], dtype)
    assert compare("t", expected.copy(), expected).passed
    wrong = expected.copy()
    wrong[2] = 0
    error = compare("t", wrong, expected)
    assert (error.passed, error.index, error.max_abs) == (False, (2,), 1.0)


def test_integers_beyond_floats_precision_are_exact() -> None:
    expected = np.array([2**62, 5], np.int64)
    assert not compare("t", expected + np.array([1, 0]), expected).passed
    assert compare("t", expected, expected, tolerance=EXACT).passed


def test_float_where_integers_are_expected_must_be_equal() -> None:
    expected = np.array([1, 2], np.int32)
    assert compare("t", np.array([1.0, 2.0]), expected).passed
    assert not compare("t", np.array([1.0, 2.001]), expected).passed


def test_empty_and_scalar_tensors() -> None:
    empty = compare("t", np.zeros((0, 3)), np.zeros((0, 3)))
    assert (empty.passed, empty.index) == (True, None)
    scalar = compare("t", np.array(1.5), np.array(1.0))
    assert (scalar.passed, scalar.index) == (False, ())


def test_shapes_must_agree() -> None:
    with pytest.raises(MismatchError, match=r"t: the shape is \[2, 3\], the reference's \[3, 2\]"):
        compare("t", np.zeros((2, 3)), np.zeros((3, 2)))


def taps() -> list[Tap]:
    raw = np.round(SIGNAL * 4096).astype(np.int16)
    broken = raw.copy()
    broken[1, 2, 3] += 8192
    return [
        Tap("conv1", raw, "a", 12, nodes=("n1",)),
        Tap("conv2", broken, "b", 12, nodes=("n2", "n3")),
        Tap("fc", broken, "c", 12),
    ]


def test_check_names_the_first_layer_that_differs() -> None:
    result = check(taps(), dict.fromkeys("abc", SIGNAL))
    assert [layer.passed for layer in result.layers] == [True, False, False]
    assert [layer.name for layer in result.layers] == ["conv1", "conv2", "fc"]
    with pytest.raises(MismatchError) as caught:
        result.raise_on_mismatch()
    text = str(caught.value)
    assert text.startswith("layer 'conv2' (node 'n2', 'n3'): b[1][2][3] is ")
    assert f"{SIGNAL[1, 2, 3]:.9g}" in text
    assert "first of 2 that differ among 3" in text


def test_check_passes_in_silence() -> None:
    result = check(taps()[:1], {"a": SIGNAL})
    assert result.passed
    assert isinstance(result.layers[0], LayerError)
    result.raise_on_mismatch()


def test_check_needs_every_tensor() -> None:
    with pytest.raises(MismatchError, match="layer 'conv1': the reference has no tensor 'a'"):
        check(taps(), {"b": SIGNAL})


def info(name: str, dtype: str, frac: int | None, bits: int) -> TensorInfo:
    return TensorInfo(
        name=name, dtype=dtype, shape=(2,), offset=0, strides=(2,), frac=frac, bits=bits
    )


def layer(name: str, output: TensorInfo | None) -> LayerInfo:
    return LayerInfo(
        name=f"layer {name}",
        op="Conv",
        placement="native",
        nodes=(f"node {name}",),
        output=output,
        source=name,
    )


def test_taps_of_a_program() -> None:
    layers = [
        layer("h0", info("h0", "float32", None, 32)),
        layer("a", info("a", "i16", 9, 8)),
        layer("b", info("b", "i16", 9, 16)),
        layer("h1", info("h1", "float32", None, 32)),
        layer("none", None),
        layer("unseen", info("unseen", "i16", 9, 16)),
    ]
    values = {name: np.zeros(2) for name in ("h0", "a", "b", "h1", "none")}
    taps = layer_taps(layers, values)
    assert [(t.source, t.frac, t.bits) for t in taps] == [
        ("h0", None, 16),
        ("a", 9, 8),
        ("b", 9, 8),
        ("h1", None, 8),
    ], "what follows 8-bit values is no more exact than they are"
    assert taps[1].name == "layer a"
    assert taps[1].nodes == ("node a",)
    outputs = output_taps([info("b", "i16", 9, 16), info("h1", "float32", None, 32)], values, 8)
    assert [(t.source, t.frac, t.bits) for t in outputs] == [("b", 9, 8), ("h1", None, 8)]


def test_top1_agreement() -> None:
    expected = np.array([[1.0, 3.0, 2.0], [5.0, 5.0, 1.0], [0.0, 1.0, 2.0]])
    actual = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [9.0, 1.0, 2.0]])
    assert top1_agreement(actual, expected) == pytest.approx(2 / 3), "ties count for either class"
    assert top1_agreement(actual.T, expected.T, axis=0) == pytest.approx(2 / 3)
    assert top1_agreement(np.zeros((0, 3)), np.zeros((0, 3))) == 1.0


def test_end_to_end_forgives_what_one_layer_must_not_do() -> None:
    expected = np.linspace(-1, 1, 1000)
    actual = expected * 1.03  # 30 dB
    tap = Tap("layer", actual, "t", frac=14)
    assert not check([tap], {"t": expected}).passed
    assert check([tap], {"t": expected}, END_TO_END).passed
    assert not check([Tap("layer", expected * 1.2, "t")], {"t": expected}, END_TO_END).passed
    integers = Tap("layer", np.array([1, 2]), "t")
    assert not check([integers], {"t": np.array([1, 3])}, END_TO_END).passed


def test_a_layer_that_makes_a_quantisers_integers_is_compared_with_these() -> None:
    def made(name: str, bits: int, node: str, op: str = "Conv", placement: Any = "native") -> Any:
        output = info(name, "i16", 4, bits) if op == "Conv" else info(name, "int8", None, 8)
        return LayerInfo(
            name=name, op=op, placement=placement, nodes=(name, node), output=output, source=name
        )

    layers = [
        made("kept", 8, "q"),
        made("other", 8, "relu"),
        made("q", 8, "q", "QuantizeLinear", "host"),
    ]
    reference = np.array([1.03, -3.5, 20.0, -9.0])
    machine = np.array([1.0, -3.5, 127 / 16, -8.0])
    values = {"kept": machine, "other": machine, "q": np.zeros(4, np.int8)}
    taps = layer_taps(layers, values)
    assert [tap.quantiser_bits for tap in taps] == [8, None, None]
    kept, other = check(taps[:2], {"kept": reference, "other": reference}).layers
    assert (kept.max_abs, kept.passed) == (0, True)
    assert (other.max_abs, other.passed) == (20 - 127 / 16, False)
    broken = replace(taps[0], actual=machine + np.array([0, 0, -5, 0]))
    assert not check([broken], {"kept": reference}).passed


def test_a_quantisers_values_that_are_not_finite() -> None:
    tap = Tap("t", np.array([7.9375, -8.0]), "t", 4, 8, quantiser_bits=8)
    assert check([tap], {"t": np.array([np.inf, -np.inf])}).passed
    assert not check([tap], {"t": np.array([np.nan, -8.0])}).passed


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16])
def test_the_steps_of_a_quantiser_at_the_end_may_round_otherwise(kind: Any) -> None:
    expected = np.array([100, 3, 0, 50], kind)
    other = expected + np.array([1, 0, 0, -1]).astype(kind)
    assert compare("y", other, expected, tolerances=END_TO_END).passed
    assert not compare("y", other, expected).passed
    assert not compare("y", expected[::-1], expected, tolerances=END_TO_END).passed
    wide = expected.astype(np.int32)
    assert not compare("y", wide + 1, wide, tolerances=END_TO_END).passed
