"""Compare what the machine computed with the float reference, layer by layer.

A layer is held to the reference's result on the machine's own inputs:

| tensor | agrees if |
|---|---|
| integers, booleans | all values are equal |
| fixed point, 16 bits | SQNR >= 40 dB and errors <= 1/16 of the peak, or errors <= 4 LSB |
| fixed point, 8 bits | SQNR >= 20 dB and errors <= 1/4 of the peak, or errors <= 2 LSB |
| float (host operators) | as fixed point of `bits`, the LSB being 2^(1-bits) of the peak |

The network's outputs, which carry the errors of all layers, are held to half the decibels and
four times the outlier (`END_TO_END`): a deep network amplifies errors, one with random weights more
than a trained one. There, integers of 8 or 16 bits are the steps of a QuantizeLinear: one that
rounds the other way is no mistake.

SQNR is 10 log10(sum reference^2 / sum error^2), the peak the largest absolute reference value. The
bound on single errors catches the wrong element that an average over a large tensor hides; the LSB
bound carries tensors so small that an average means nothing (all zeros, a few steps of the scale).
A layer that makes the integers of a QuantizeLinear of the host is compared with these.
NaN agrees with NaN only; an infinity agrees with itself and, in fixed point, with the saturated
value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf, log10, nan
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..isa.errors import MismatchError
from ..isa.tables import LayerInfo, TensorInfo

Array = npt.NDArray[Any]


class Tolerance(NamedTuple):
    """How far a tensor may be from its reference.

    Args:
        sqnr_db: Least signal to quantisation noise ratio.
        outlier: Largest single error as a share of the largest reference value.
        lsb: Largest error, in steps of the tensor's scale, that is accepted in any case.
    """

    sqnr_db: float
    outlier: float
    lsb: float

    def accepts(self, max_abs: float, sqnr_db: float, peak: float, step: float) -> bool:
        """Whether a tensor of this peak and step of the scale, with these errors, agrees."""
        return max_abs <= self.lsb * step or (
            sqnr_db >= self.sqnr_db and max_abs <= self.outlier * peak
        )


TOLERANCES = {16: Tolerance(40.0, 1 / 16, 4.0), 8: Tolerance(20.0, 1 / 4, 2.0)}
"""By the bits that values are quantised to; of one layer, on the machine's own inputs."""
END_TO_END = {16: Tolerance(20.0, 1 / 4, 4.0), 8: Tolerance(10.0, 1 / 2, 2.0)}
"""Of tensors that carry the errors of all layers before: deep networks amplify them."""
EXACT = Tolerance(inf, 0.0, 0.0)
"""Integers and booleans."""


@dataclass(frozen=True)
class LayerError:
    """How a tensor differs from its reference.

    Args:
        name: The layer or tensor.
        max_abs: Largest absolute error; infinite if a NaN or infinity does not agree.
        sqnr_db: Signal to noise ratio over the finite values; infinite without any error, and minus
            infinite where the reference is all zeros and the machine's values are not.
        index: Where the largest error is; None for an empty tensor.
        actual: The machine's value there.
        expected: The reference's value there.
        passed: Whether the tensor agrees.
        source: ONNX tensor name.
        nodes: ONNX nodes that the layer computes.
    """

    name: str
    max_abs: float
    sqnr_db: float
    index: tuple[int, ...] | None
    actual: float
    expected: float
    passed: bool
    source: str = ""
    nodes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """What differs, for an error message."""
        place = "".join(f"[{i}]" for i in self.index or ())
        return (
            f"{self.source or self.name}{place} is {self.actual:.9g}, the reference has "
            f"{self.expected:.9g}; largest error {self.max_abs:.3g}, SQNR {self.sqnr_db:.1f} dB"
        )


@dataclass(frozen=True)
class Tap:
    """A tensor of the machine to be compared.

    Args:
        name: The layer's name.
        actual: Its values: real ones, or the int16 of a fixed-point tensor.
        source: ONNX name of the tensor.
        frac: Fraction bits of a fixed-point tensor, else None.
        bits: Bits its values are quantised to, or were on their way to a host operator.
        nodes: ONNX nodes that the layer computes.
        quantiser_bits: Width of a QuantizeLinear that has no tensor of real values behind it, when
            the layer makes its integers; `source` is what goes into it.
    """

    name: str
    actual: Array
    source: str
    frac: int | None = None
    bits: int = 16
    nodes: tuple[str, ...] = ()
    quantiser_bits: int | None = None


@dataclass(frozen=True)
class CheckResult:
    """The comparison of all tensors, in layer order."""

    layers: tuple[LayerError, ...]

    @property
    def first_failure(self) -> LayerError | None:
        """The first tensor that differs, or None."""
        return next((layer for layer in self.layers if not layer.passed), None)

    @property
    def passed(self) -> bool:
        """Whether all tensors agree."""
        return self.first_failure is None

    def raise_on_mismatch(self) -> None:
        """Do nothing if all tensors agree.

        Raises:
            MismatchError: One differs; names the first one's layer, nodes, index and both values.
        """
        first = self.first_failure
        if first is None:
            return
        failed = sum(not layer.passed for layer in self.layers)
        nodes = f" (node {', '.join(repr(n) for n in first.nodes)})" if first.nodes else ""
        raise MismatchError(
            first.sentence(),
            f"layer '{first.name}'{nodes}",
            f"this is the first of {failed} that differ among {len(self.layers)} compared",
        )


def compare(
    name: str,
    actual: Array,
    expected: Array,
    frac: int | None = None,
    *,
    bits: int = 16,
    tolerance: Tolerance | None = None,
    tolerances: Mapping[int, Tolerance] = TOLERANCES,
) -> LayerError:
    """Compare a tensor with its reference.

    Args:
        name: The layer or tensor, for messages.
        actual: The machine's values: real ones, or with `frac` the integers of fixed point.
        expected: The reference's values, of the same shape.
        frac: Fraction bits of fixed point; None: not a fixed-point tensor.
        bits: 8 or 16, what the values are quantised to.
        tolerance: Instead of the table's.
        tolerances: The table.

    Raises:
        MismatchError: The shapes differ.
    """
    if actual.shape != expected.shape:
        shapes = f"the shape is {list(actual.shape)}, the reference's {list(expected.shape)}"
        raise MismatchError(shapes, name)
    is_integer = frac is None and expected.dtype.kind in "iub"
    tolerance = tolerance or _tolerance(expected.dtype, is_integer, bits, tolerances)
    if not expected.size:
        return LayerError(name, 0.0, inf, None, nan, nan, True)
    wanted, is_raw = expected.astype(np.float64), actual.dtype.kind in "iub"
    real = np.ldexp(actual.astype(np.float64), -frac if frac is not None and is_raw else 0)
    errors = _errors(real, wanted, frac, bits)
    if is_raw and is_integer:
        # 64-bit integers may differ in bits that a float does not have.
        errors = np.maximum(errors, actual != expected)
    finite = np.isfinite(wanted) & np.isfinite(real)
    peak = float(np.abs(wanted[finite]).max(initial=0.0))
    sqnr_db, max_abs = _sqnr_db(wanted[finite], errors[finite]), float(errors.max())
    step = 1.0 if is_integer else _step(frac, bits, peak)
    passed = tolerance.accepts(max_abs, sqnr_db, peak, step)
    index = tuple(int(i) for i in np.unravel_index(errors.argmax(), errors.shape))
    worst = float(real[index]), float(wanted[index])
    return LayerError(name, max_abs, sqnr_db, index, *worst, passed)


def _step(frac: int | None, bits: int, peak: float) -> float:
    """One LSB: of fixed point, or of so many bits that hold the peak."""
    return 2.0**-frac if frac is not None else peak * 2.0 ** (1 - bits)


def _tolerance(
    kind: np.dtype[Any], is_integer: bool, bits: int, tolerances: Mapping[int, Tolerance]
) -> Tolerance:
    """What a tensor is held to; integers of 8 or 16 bits at the network's end are quantised."""
    if is_integer and tolerances is END_TO_END and kind.itemsize <= 2 and kind.kind in "iu":
        return END_TO_END[8 * kind.itemsize]
    return EXACT if is_integer else tolerances[bits]


def check(
    taps: Iterable[Tap],
    reference: Mapping[str, Array],
    tolerances: Mapping[int, Tolerance] = TOLERANCES,
) -> CheckResult:
    """Compare tensors of the machine with the reference's of the same ONNX name.

    Args:
        taps: In layer order.
        reference: The reference's tensors by ONNX name (`Reference.run`, `Reference.run_layers`).
        tolerances: By bits; `END_TO_END` where errors of earlier layers are carried on.

    Raises:
        MismatchError: The shape of a tensor differs, or the reference lacks it.
    """
    return CheckResult(tuple(_check_tap(tap, reference, tolerances) for tap in taps))


def layer_taps(layers: Iterable[LayerInfo], values: Mapping[str, Array]) -> list[Tap]:
    """The layers' outputs that a session kept (`InferenceSession.taps`), ready for `check`.

    A tensor is held to the narrowest width of the fixed-point layers up to it. A layer may make the
    integers of a host's quantiser: it names its node among its own.
    """
    taps: list[Tap] = []
    bits, layers = 16, list(layers)
    hosts = [layer for layer in layers if layer.placement == "host"]
    quantisers = {n for layer in hosts if layer.op == "QuantizeLinear" for n in layer.nodes}
    for layer in layers:
        if layer.output is None or layer.source not in values:
            continue
        if layer.output.frac is not None:
            bits = min(bits, layer.output.bits)
        is_kept = layer.output.frac is not None and not quantisers.isdisjoint(layer.nodes)
        taps.append(
            Tap(
                layer.name,
                values[layer.source],
                layer.source,
                layer.output.frac,
                bits,
                tuple(layer.nodes),
                layer.output.bits if is_kept else None,
            )
        )
    return taps


def output_taps(
    outputs: Iterable[TensorInfo], values: Mapping[str, Array], bits: int = 16
) -> list[Tap]:
    """The network's outputs by name, ready for `check`.

    Args:
        outputs: The program's table of outputs.
        values: What the session returned, by name.
        bits: Narrowest width of the network's fixed-point tensors.
    """
    return [
        Tap(t.name, values[t.name], t.name, t.frac, bits if t.frac is None else min(bits, t.bits))
        for t in outputs
    ]


def top1_agreement(actual: Array, expected: Array, axis: int = -1) -> float:
    """Share of classifications (1.0 = all) whose best class is a best class of the reference."""
    if not expected.size:
        return 1.0
    choice = np.expand_dims(actual.argmax(axis=axis), axis)
    best = expected.max(axis=axis, keepdims=True)
    return float((np.take_along_axis(expected, choice, axis=axis) == best).mean())


def _check_tap(
    tap: Tap, reference: Mapping[str, Array], tolerances: Mapping[int, Tolerance]
) -> LayerError:
    if tap.source not in reference:
        raise MismatchError(f"the reference has no tensor '{tap.source}'", f"layer '{tap.name}'")
    expected = reference[tap.source]
    if tap.quantiser_bits is not None and tap.frac is not None:
        expected = _quantised(expected, tap.frac, tap.quantiser_bits)
    found = compare(
        f"layer '{tap.name}'",
        tap.actual,
        expected,
        tap.frac,
        bits=tap.bits,
        tolerances=tolerances,
    )
    return replace(found, name=tap.name, source=tap.source, nodes=tap.nodes)


def _quantised(values: Array, frac: int, bits: int) -> npt.NDArray[np.float64]:
    """The real values of the integers that QuantizeLinear makes by a scale of 2^-frac."""
    half = 1 << (bits - 1)
    integers = np.rint(np.ldexp(values.astype(np.float64), frac))
    return np.ldexp(np.clip(integers, -half, half - 1), -frac)


def _errors(
    actual: npt.NDArray[np.float64], expected: npt.NDArray[np.float64], frac: int | None, bits: int
) -> npt.NDArray[np.float64]:
    """Absolute errors; infinite where a NaN or infinity does not agree."""
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.abs(actual - expected)
    odd = ~(np.isfinite(actual) & np.isfinite(expected))
    if odd.any():
        agrees = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        if frac is not None:
            half = 1 << (bits - 1)
            agrees |= np.isposinf(expected) & (actual == np.ldexp(float(half - 1), -frac))
            agrees |= np.isneginf(expected) & (actual == np.ldexp(float(-half), -frac))
        errors[odd] = np.where(agrees[odd], 0.0, inf)
    return errors


def _sqnr_db(expected: npt.NDArray[np.float64], errors: npt.NDArray[np.float64]) -> float:
    """Signal to noise ratio in dB; scaled first, so that squares neither over- nor underflow."""
    peak, worst = float(np.abs(expected).max(initial=0)), float(np.abs(errors).max(initial=0))
    if worst == 0:
        return inf
    if peak == 0:
        return -inf
    signal = peak * float(np.sqrt(np.square(expected / peak).sum()))
    noise = worst * float(np.sqrt(np.square(errors / worst).sum()))
    return 20 * (log10(signal) - log10(noise))
