"""Random single-layer networks for SPOTS."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from msgspec import structs
from spcc.isa.targets.spots import SpotsSpec
from spcc.tests.e2e.spots_layers import MINI, Ints, Layer, Quantised, geometry

BOUNDS = (1, 3, 20, 127, 400, 32767)
DENSITIES = (0.0, 0.1, 0.3, 0.5, 0.8, 1.0)
CAPS = ((64, 128, 256), (128, 256, 512, 1024), (1024, 4096), (1 << 14, 1 << 19))


def random_spec(rng: random.Random) -> SpotsSpec:
    """Choose a machine: mostly a few PEs, sometimes the sheet's own or its mini."""
    kind = rng.random()
    if kind < 0.1:
        policy = rng.choice(["paper", "best"])
        return SpotsSpec(POLICY=policy, NR=rng.choice([64, 128]), NREG=rng.choice([1, 4]))
    if kind < 0.3:
        return structs.replace(
            MINI, POLICY=rng.choice(["paper", "best"]), REUSE=rng.choice([0, 1, 1])
        )
    units, registers, rows = rng.choice([1, 2, 2, 3, 4]), rng.randint(1, 4), rng.randint(1, 3)
    sizes = rng.choice(CAPS)
    caps = {name: rng.choice(sizes) for name in ("FCAP", "WCAP", "ICAP", "OCAP")}
    return SpotsSpec(
        NR=units * rows, NC=rng.randint(1, 5), UNITS=units, NREG=registers, G=rng.randint(1, 9),
        ACC=rng.choice([18, 24, 24, 24]), INBW=rng.choice([1, 2, 3, 4]),
        SPLIT_LT=rng.choice([0, rows, rows * registers + 1, 128]),
        SLOT=rng.choice([1, 4, 9, 18, 40, 128]),
        RCAP=rng.choice([0, 9, 32, 64, 96, 128, 4000]), REUSE=rng.choice([0, 1, 1, 1]),
        POLICY=rng.choice(["paper", "best"]), P=rng.choice([1, 16]),
        PCAP=rng.choice([64, 100, 4096, 65536]), BCAP=rng.choice([256, 8192]), **caps,
    )  # fmt: skip


def numbers(rng: random.Random, shape: tuple[int, ...], bound: int) -> Ints:
    """Integers of -bound-1..bound, any share of them zero, sometimes whole channels."""
    generator = np.random.default_rng(rng.getrandbits(40))
    values = generator.integers(-bound - 1, bound + 1, shape)
    values[generator.random(shape) >= rng.choice(DENSITIES)] = 0
    if rng.random() < 0.3:
        values[:, generator.random(shape[1]) < 0.4] = 0
    if rng.random() < 0.1:
        values[values != 0] = rng.choice([bound, -bound - 1])
    return values


def random_window(rng: random.Random, limit: int, is_pool: bool) -> dict[str, Any]:
    """Kernel, strides, pads and dilations, and a map that they fit on."""
    R, S = (min(limit, rng.choice([1, 2, 3, 3, 4, 5])) for _ in range(2))
    if rng.random() < 0.15:
        R = S = 1
    strides = tuple(rng.choice([1, 1, 1, 2, 2, 3, 4]) for _ in range(2))
    dilations = tuple(rng.choice([1, 1, 1, 2, 3]) for _ in range(2))
    spans = [(k - 1) * d + 1 for k, d in zip((R, S), dilations, strict=True)]
    most = [min(3, k - 1 if is_pool else span + 1) for k, span in zip((R, S), spans, strict=True)]
    pads = tuple(rng.randint(0, most[i % 2]) if rng.random() < 0.5 else 0 for i in range(4))
    size: list[int] = []
    for axis in range(2):
        count = rng.randint(1, limit) + rng.choice([0, 0, 3, 5])
        least = (count - 1) * strides[axis] + spans[axis] - pads[axis] - pads[axis + 2]
        size.append(max(1, least + rng.randrange(strides[axis])))
        while size[axis] + pads[axis] + pads[axis + 2] < spans[axis]:
            size[axis] += 1
    return {
        "kernel": (R, S), "strides": strides, "pads": pads, "dilations": dilations, "size": size,
    }  # fmt: skip


def random_layer(rng: random.Random, limit: int) -> Layer:
    """Choose a convolution, a fully connected layer or a pool."""
    spec = random_spec(rng)
    if rng.random() < 0.3:
        spec = structs.replace(spec, psh=rng.choice([0, 0, 1, 2, 5, 15]))
    kind = rng.random()
    if kind < 0.6:
        layer = _random_conv(rng, limit, spec)
    elif kind < 0.75:
        layer = _random_gemm(rng, limit, spec)
    else:
        layer = _random_pool(rng, limit, spec)
    return _random_form(rng, layer)


def _filters(rng: random.Random, limit: int, spec: SpotsSpec, work: int) -> int:
    """A filter count; sometimes several filter tiles, if the work per filter is small."""
    if rng.random() < 0.3 and spec.NR <= 16:
        return min(rng.randint(1, 3 * spec.NR * spec.NREG), max(1, 30000 // work))
    return rng.randint(1, 2 * limit)


def _random_conv(rng: random.Random, limit: int, spec: SpotsSpec) -> Layer:
    window = random_window(rng, limit, False)
    size = window.pop("size")
    R, S = window["kernel"]
    groups = rng.choice([1, 1, 1, 1, 2, 3, 2 * limit])
    Cg = rng.randint(1, limit) * rng.choice([1, 1, 3]) if groups == 1 else rng.randint(1, 3)
    work = size[0] * size[1] * Cg * R * S
    Kg = _filters(rng, limit, spec, work) if groups == 1 else rng.randint(1, 4)
    x = numbers(rng, (rng.choice([1, 1, 1, 2, 3]), groups * Cg, *size), rng.choice(BOUNDS))
    w = numbers(rng, (groups * Kg, Cg, R, S), rng.choice(BOUNDS))
    return Layer(spec, "Conv", x, w, groups=groups, **window)


def _random_gemm(rng: random.Random, limit: int, spec: SpotsSpec) -> Layer:
    N, C = rng.randint(1, 2 * limit), rng.randint(1, 6 * limit)
    K = _filters(rng, limit, spec, N * C)
    x, w = numbers(rng, (N, C), rng.choice(BOUNDS)), numbers(rng, (K, C), rng.choice(BOUNDS))
    return Layer(spec, "Gemm", x, w, by_rows=rng.random() < 0.5)


def _random_pool(rng: random.Random, limit: int, spec: SpotsSpec) -> Layer:
    while True:
        window = random_window(rng, limit, True)
        size = window.pop("size")
        C = rng.randint(1, 2 * limit)
        x = numbers(rng, (rng.choice([1, 1, 2]), C, *size), rng.choice(BOUNDS))
        op = rng.choice(["MaxPool", "AveragePool"])
        incpad = rng.choice([0, 1]) if op == "AveragePool" else 0
        layer = Layer(spec, op, x, incpad=incpad, **window)
        geo, OH = geometry(layer)
        windows = [list(geo.window(oy, ox)) for oy in range(OH) for ox in range(geo.OW)]
        if all(any(p is not None for p in taps) for taps in windows):
            return layer


def _random_form(rng: random.Random, layer: Layer) -> Layer:
    """Choose what is quantised and how, a bias, a ReLU."""
    changes: dict[str, Any] = {"is_relu": rng.random() < 0.2}
    if layer.w is not None and rng.random() < 0.3:
        bound = rng.choice([1, 100, 1 << 20])
        changes["bias"] = np.array([rng.randint(-bound, bound) for _ in layer.w])
    operands = [layer.x] if layer.w is None else [layer.x, layer.w]
    is_small = all(a.min() >= -128 and a.max() < 128 for a in operands)
    bits = 8 if is_small and rng.random() < 0.5 else 16
    changes |= _scales(rng, bits, layer)
    if layer.op == "AveragePool" and changes["source"] is not None:
        changes["result"] = changes["source"]  # what has other steps is averaged through a copy
    return replace(layer, **changes)


def _scales(rng: random.Random, bits: int, layer: Layer) -> dict[str, Any]:
    kind = rng.random()
    plain = Quantised(0, bits)
    if kind < 0.5:
        return {"source": plain, "result": plain}
    if kind < 0.7:
        return {"source": plain, "result": None}
    if kind < 0.85:
        return {"source": None, "result": None}
    source = Quantised(rng.randint(-2, 6), bits)
    return {
        "x": np.ldexp(layer.x, -source.frac), "w_frac": rng.randint(-1, 5), "source": source,
        "result": Quantised(rng.randint(-4, 8), bits),
    }  # fmt: skip


def layers(most: int = 4) -> st.SearchStrategy[Layer]:
    """Layers from a seed and a limit on their sizes; a failing case shrinks along both."""

    def build(seed: int, limit: int) -> Layer:
        return random_layer(random.Random(seed), limit)

    return st.builds(build, st.integers(0, 1 << 40), st.integers(1, most))
