"""Single-layer networks for SPOTS, and what the golden model says of them."""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import frexp
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from msgspec import structs
from spcc.isa.targets.spots import SpotsSpec
from spcc.models.builder import GraphBuilder
from spcc.tests.golden import spots_tiler as tiler
from spcc.tests.golden.spots_im2col import Geometry
from spcc.tests.golden.spots_tiles import product_shift

Ints = npt.NDArray[np.int64]
Array = npt.NDArray[Any]

MINI = SpotsSpec(
    NR=4, NC=2, UNITS=2, NREG=2, G=2, SLOT=4, INBW=2, SPLIT_LT=3,
    FCAP=4096, WCAP=4096, ICAP=4096, OCAP=4096, RCAP=256,
)  # fmt: skip
"""The configuration of the sheet's worked examples."""


@dataclass(frozen=True)
class Quantised:
    """Scale 2^-frac and width of a QuantizeLinear/DequantizeLinear pair."""

    frac: int = 0
    bits: int = 16

    @property
    def limits(self) -> tuple[int, int]:
        """Least and largest integer."""
        return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1

    def of(self, values: Array) -> Ints:
        """Real values as integers, rounded half to even, saturated."""
        return np.clip(np.rint(np.ldexp(values, self.frac)), *self.limits).astype(np.int64)


@dataclass(frozen=True)
class Layer:
    """One ONNX layer with its operands.

    Attributes:
        config: the machine.
        op: Conv, Gemm, MaxPool or AveragePool.
        x: input, real values, [N, C, H, W] or [N, C].
        w: weights, integers at scale 2^-w_frac, [K, C/groups, R, S] or [K, C]; None for a pool.
        bias: integers at the scale of the products, [K], or None.
        kernel, strides, pads, dilations: as ONNX has them.
        by_rows: whether a Gemm has its weights as [K, C]; else as [C, K].
        source: how the input and the weights are quantised; None: a float model.
        result: how the output is quantised; None: a float output.
    """

    config: Any
    op: str
    x: Array
    w: Ints | None = None
    bias: Ints | None = None
    w_frac: int = 0
    kernel: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    groups: int = 1
    incpad: int = 0
    is_relu: bool = False
    by_rows: bool = True
    source: Quantised | None = field(default_factory=Quantised)
    result: Quantised | None = field(default_factory=Quantised)

    @property
    def spec(self) -> SpotsSpec:
        """The machine."""
        return self.config


# The network -------------------------------------------------------------------------------------


def model_of(layer: Layer) -> onnx.ModelProto:
    """The layer as an ONNX model with input "x"."""
    build = GraphBuilder("layer")
    value = build.input(*layer.x.shape)
    if layer.source is not None:
        value = _quantised(build, value, layer.source)
    operands = [value]
    if layer.w is not None:
        operands.append(_weights(build, layer, layer.w))
    if layer.bias is not None:
        operands.append(_bias(build, layer, layer.bias))
    value = build.node(layer.op, *operands, **_attributes(layer))
    if layer.is_relu:
        value = build.node("Relu", value)
    if layer.result is not None:
        value = _quantised(build, value, layer.result)
    return build.model(value)


def _quantised(build: GraphBuilder, value: str, how: Quantised) -> str:
    scale = _scale(build, how.frac, np.dtype(f"int{how.bits}"))
    return build.node("DequantizeLinear", build.node("QuantizeLinear", value, *scale), *scale)


def _scale(build: GraphBuilder, frac: int, kind: np.dtype[Any]) -> tuple[str, str]:
    return build.constant(np.float32(2.0**-frac)), build.constant(np.zeros((), kind))


def _weights(build: GraphBuilder, layer: Layer, w: Ints) -> str:
    w = w if layer.by_rows else w.T
    if layer.source is None:
        return build.constant(np.ldexp(w, -layer.w_frac).astype(np.float32))
    kind = np.dtype(f"int{layer.source.bits}")
    scale = _scale(build, layer.w_frac, kind)
    return build.node("DequantizeLinear", build.constant(w.astype(kind)), *scale)


def _bias(build: GraphBuilder, layer: Layer, bias: Ints) -> str:
    frac = layer.w_frac + (layer.source.frac if layer.source is not None else 0)
    if layer.source is None:
        return build.constant(np.ldexp(bias, -frac).astype(np.float32))
    scale = _scale(build, frac, np.dtype(np.int32))
    return build.node("DequantizeLinear", build.constant(bias.astype(np.int32)), *scale)


def _attributes(layer: Layer) -> dict[str, Any]:
    if layer.op == "Gemm":
        return {"transB": int(layer.by_rows)}
    window = {
        "kernel_shape": list(layer.kernel),
        "strides": list(layer.strides),
        "pads": list(layer.pads),
    }
    if layer.op == "AveragePool":
        window["count_include_pad"] = layer.incpad
    if layer.op == "Conv":
        window["group"] = layer.groups
    return {**window, "dilations": list(layer.dilations)}


# What the golden model says ----------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """Output [as ONNX has it], cycles, counters, instructions, product shift (0 for a pool)."""

    output: Array
    cycles: int
    counters: dict[str, int]
    steps: list[tiler.Step]
    psh: int = 0


def expected(layer: Layer) -> Expected:
    """Compute a layer on the golden model.

    Raises:
        DoesNotFitError: No tiling fits.
    """
    spec = layer.spec  # a split tile must fit the registers (docs/model-limits.md)
    fitting = 1 + spec.NREG * (spec.NR // spec.UNITS)
    layer = replace(layer, config=structs.replace(spec, SPLIT_LT=min(spec.SPLIT_LT, fitting)))
    source = layer.source or Quantised(_most_frac(layer.x))
    x = source.of(layer.x)
    return _summed(layer, x, source) if layer.w is not None else _pooled(layer, x, source)


def _most_frac(values: Array) -> int:
    """The largest frac with which the values fit 16 bits (docs/numerics.md)."""
    largest = float(np.abs(values).max(initial=0))
    if not largest:
        return 0
    frac = 16 - frexp(largest)[1]
    while np.floor(largest * 2.0**frac + 0.5) > 32767:
        frac -= 1
    return frac


def geometry(layer: Layer) -> tuple[Geometry, int]:
    """The sheet's registers, and OH."""
    (R, S), (sh, sw), (dh, dw) = layer.kernel, layer.strides, layer.dilations
    pt, pl, pb, pr = layer.pads
    H, W = layer.x.shape[2:]
    OH = (H + pt + pb - (R - 1) * dh - 1) // sh + 1
    OW = (W + pl + pr - (S - 1) * dw - 1) // sw + 1
    geo = Geometry(R=R, S=S, H=H, W=W, OW=OW, sh=sh, sw=sw, dh=dh, dw=dw, pt=pt, pl=pl)
    return geo, OH


def _pooled(layer: Layer, x: Ints, source: Quantised) -> Expected:
    geo, OH = geometry(layer)
    op = int(layer.op == "AveragePool")
    done = tiler.pool_layer(layer.spec, x, geo=geo, OH=OH, op=op, incpad=layer.incpad)
    sums = np.array(done.output)
    real = _float_pool(layer, np.ldexp(x, -source.frac))
    output = _finished(layer, sums, source.frac, real)
    steps = tiler.plan_pool(layer.spec, C=x.shape[1], geo=geo, OH=OH, N=len(x)).steps
    return Expected(output, done.cycles, done.counters, steps)


def _float_pool(layer: Layer, x: Array) -> Array:
    """The pool of real values [N, C, H, W]."""
    geo, OH = geometry(layer)
    out = np.empty((*x.shape[:2], OH, geo.OW))
    for oy in range(OH):
        for ox in range(geo.OW):
            taps = [p for p in geo.window(oy, ox) if p is not None]
            values = np.stack([x[:, :, y, z] for y, z in taps])
            d = geo.R * geo.S if layer.incpad else len(taps)
            is_average = layer.op == "AveragePool"
            out[:, :, oy, ox] = values.sum(axis=0) / d if is_average else values.max(axis=0)
    return out


def exact_sums(layer: Layer, x: Ints, w: Ints) -> Ints:
    """Sums of products without shift, [N, K, OH, OW] or [N, K]."""
    if layer.op == "Gemm":
        return x @ w.T
    geo, OH = geometry(layer)
    Kg, Cg = len(w) // layer.groups, w.shape[1]
    out = np.zeros((len(x), len(w), OH, geo.OW), np.int64)
    for oy in range(OH):
        for ox in range(geo.OW):
            for index, position in enumerate(geo.window(oy, ox)):
                if position is None:
                    continue
                r, s = divmod(index, geo.S)
                values = x[:, :, position[0], position[1]]
                for g in range(layer.groups):
                    filters = slice(g * Kg, (g + 1) * Kg)
                    part = values[:, g * Cg : (g + 1) * Cg] @ w[filters, :, r, s].T
                    out[:, filters, oy, ox] += part
    return out


def _summed(layer: Layer, x: Ints, source: Quantised) -> Expected:
    w, bias, frac = _scaled_weights(layer, source)
    exact = exact_sums(layer, x, w)
    psh = layer.spec.psh
    if psh is None:
        psh = product_shift(layer.spec, int(np.abs(exact).max(initial=0)))
    spec = layer.spec
    if layer.op == "Gemm":
        flat = Geometry(R=1, S=1, H=1, W=len(x), OW=len(x))
        steps = tiler.plan(spec, w[:, :, None, None], geo=flat, OH=1).steps
        done = tiler.fully_connected(spec, x.T, w, psh=psh)
        sums = np.array(done.output)[0, :, 0, :].T
    else:
        geo, OH = geometry(layer)
        steps = tiler.plan(spec, w, groups=layer.groups, geo=geo, OH=OH, N=len(x)).steps
        done = tiler.layer(spec, x, w, groups=layer.groups, geo=geo, OH=OH, psh=psh)
        sums = np.array(done.output)
    bias = bias.reshape(-1, *[1] * (sums.ndim - 2))
    real = np.ldexp(exact, -frac) + bias
    sums = sums + np.rint(np.ldexp(bias, frac - psh)).astype(np.int64)
    output = _finished(layer, sums, frac - psh, real)
    return Expected(output, done.cycles, done.counters, steps, psh)


def _scaled_weights(layer: Layer, source: Quantised) -> tuple[Ints, Array, int]:
    """Integer weights, real biases, and the frac of their products with the input."""
    assert layer.w is not None
    bias = np.zeros(len(layer.w)) if layer.bias is None else layer.bias
    if layer.source is not None:
        frac = source.frac + layer.w_frac
        return layer.w, np.ldexp(bias, -frac), frac
    real, bias = np.ldexp(layer.w, -layer.w_frac), np.ldexp(bias, -layer.w_frac)
    w_frac = _most_frac(real)
    if bias.any():  # the bias has 31 bits (docs/numerics.md)
        room = 30 - frexp(float(np.abs(bias).max()))[1] - source.frac
        w_frac = min(w_frac, room) if real.any() else room
    return Quantised(w_frac).of(real), bias, source.frac + w_frac


def _finished(layer: Layer, sums: Ints, frac: int, real: Array) -> Array:
    """Sums of scale 2^-frac at the scale of the output, as real values; `real` calibrates it."""
    if layer.is_relu:
        real = np.maximum(real, 0)
    result = layer.result or Quantised(_most_frac(real.astype(np.float32)))
    low, high = result.limits
    if layer.is_relu:
        low = 0
    ratio = Fraction(2) ** (result.frac - frac)
    flat = [min(max(round(int(v) * ratio), low), high) for v in sums.ravel()]
    return np.ldexp(np.array(flat, dtype=np.float64).reshape(sums.shape), -result.frac)
