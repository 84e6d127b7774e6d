"""Random small layers and machines for `gospa` and `sparten`, from a seed and a limit."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from . import gospa_golden, sparten_golden
from .ddn_golden_plan import Ints
from .gospa_golden_plan import FOLD, GospaSpec
from .sparten_golden_bits import CHUNK, MASK_BYTES
from .sparten_golden_plan import SpartenSpec, chunk_nonzeros
from .spots_cases import numbers, seeded
from .two_sided_conv import Conv, ceil_div, conv_of

T = TypeVar("T")
KINDS = (
    "conv", "conv", "deep", "deep", "deep", "wide", "grouped", "grouped", "depthwise", "1x1", "fc",
    "channels", "small", "small",
)  # fmt: skip
DENSITIES = (0.0, 0.15, 0.3, 0.3, 0.5, 0.5, 0.7, 0.9, 1.0, 1.0)
DEAD = (0.0, 0.0, 0.0, 0.3, 0.6)
BOUNDS = (3, 400, 32767)
MOST_MACS = 20_000
"""Dense MACs of a case."""


@dataclass(frozen=True)
class Layer:
    """A convolution, or a fully connected layer as a 1x1 convolution on a 1x1 map.

    Attributes:
        x: [N][C][H][W] int16; w: [K][C/groups][R][S] int16.
        pads: top, left, bottom, right.
    """

    x: Ints
    w: Ints
    stride: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    is_fc: bool = False

    def __repr__(self) -> str:
        """Leave out the arrays: the seed brings them back."""
        words = [f"{name}={getattr(self, name)}" for name in ("stride", "pads", "dilation")]
        return (
            f"Layer(x{self.x.shape}, w{self.w.shape}, {', '.join(words)}, groups={self.groups}, "
            f"is_fc={self.is_fc})"
        )

    @property
    def conv(self) -> Conv:
        """The layer's sizes."""
        return conv_of(self.x, self.w, self.stride, self.pads, self.dilation, self.groups)

    def outputs(self) -> Ints:
        """What the layer is: sums over shifted, strided slices of the padded input."""
        (top, left, bottom, right), (dh, dw), (uh, uw) = self.pads, self.dilation, self.stride
        padded = np.pad(self.x, ((0, 0), (0, 0), (top, bottom), (left, right)))
        conv = self.conv
        out = np.zeros((conv.N, conv.K, conv.E, conv.F), dtype=np.int64)
        for k in range(conv.K):
            own = range(k // conv.Kg * conv.Cg, (k // conv.Kg + 1) * conv.Cg)
            for r in range(conv.R):
                for s in range(conv.S):
                    part = padded[:, own.start : own.stop, r * dh :: uh, s * dw :: uw]
                    part = part[:, :, : conv.E, : conv.F]
                    out[:, k] += np.einsum("ncyx,c->nyx", part, self.w[k, :, r, s])
        return out


@dataclass(frozen=True)
class GospaCase:
    """A layer on a `gospa`."""

    layer: Layer
    spec: GospaSpec

    def run(self) -> gospa_golden.Result:
        """Run it on the golden machine."""
        it = self.layer
        if it.is_fc:
            return gospa_golden.fully_connected(self.spec, it.x[:, :, 0, 0], it.w[:, :, 0, 0])
        return gospa_golden.layer(self.spec, it.x, it.w, it.stride, it.pads, it.dilation, it.groups)


@dataclass(frozen=True)
class SpartenCase:
    """A layer on a `sparten`."""

    layer: Layer
    spec: SpartenSpec

    def run(self) -> sparten_golden.Result:
        """Run it on the golden machine."""
        it = self.layer
        return sparten_golden.layer(
            self.spec, it.x, it.w, it.stride, it.pads, it.dilation, it.groups
        )


def random_conv(rng: random.Random, limit: int) -> tuple[Conv, bool]:
    """Choose a layer: kind, kernel, strides, dilations, asymmetric padding, batch."""
    kind = rng.choice(KINDS)
    N = rng.choice([1, 1, 1, 2, 3])
    if kind == "fc":
        C = rng.choice([rng.randint(1, 8), rng.randint(50, 70), rng.randint(100, 40 * limit + 60)])
        return Conv(N, C, 1, 1, rng.randint(1, 3 * limit), 1, 1), True
    match kind:
        case "depthwise":
            groups, Cg, Kg = rng.randint(1, 2 * limit), 1, rng.choice([1, 1, 2])
        case "deep":
            groups, Cg, Kg = 1, rng.randint(8, 12 * limit), rng.randint(1, limit)
        case "small":
            groups, Cg, Kg = 1, rng.randint(1, 8 * limit), rng.randint(2, 5 * limit)
        case "channels":
            groups, Cg, Kg = rng.choice([1, 1, 2]), rng.randint(120, 300), rng.randint(1, limit)
        case "grouped":
            groups, Cg, Kg = rng.randint(2, 3), rng.randint(1, limit), rng.randint(1, limit)
        case _:
            groups, Cg, Kg = 1, rng.randint(1, 2 * limit), rng.randint(1, 2 * limit)
    R, S = (1, 1) if kind == "1x1" else (rng.choice([1, 2, 3, 3, 5][: limit + 1]) for _ in "yx")
    uh, uw, dh, dw = (rng.choice([1, 1, 1, 2, 2, 3]) for _ in range(4))
    extra = 2 if rng.random() < 0.05 else 0
    top, bottom = (rng.randint(0, (R - 1) * dh + extra) for _ in "tb")
    left, right = (rng.randint(0, (S - 1) * dw + extra) for _ in "lr")
    near, far = (1, 2 if kind in ("small", "channels") else limit + 2), (8, 40)
    E, F = (rng.randint(*(far if kind == "wide" and axis == "x" else near)) for axis in "yx")
    H = (E - 1) * uh + (R - 1) * dh + 1 - top - bottom + rng.randrange(uh)
    W = (F - 1) * uw + (S - 1) * dw + 1 - left - right + rng.randrange(uw)
    conv = Conv(
        N, groups * Cg, max(1, H), max(1, W), groups * Kg, R, S, (uh, uw),
        (top, left, bottom, right), (dh, dw), groups,
    )  # fmt: skip
    return conv, False


def random_planes(rng: random.Random, shape: tuple[int, int, int, int]) -> Ints:
    """Choose values [a][b][y][x] of one density, or of another one in every plane."""
    bound, common = rng.choice(BOUNDS), rng.choice(DENSITIES)
    is_mixed = rng.random() < 0.4
    planes = [
        numbers(rng, rng.choice(DENSITIES) if is_mixed else common, bound, shape[2] * shape[3])
        for _ in range(shape[0] * shape[1])
    ]
    return np.array(planes, dtype=np.int64).reshape(shape)


def random_weights(rng: random.Random, conv: Conv) -> Ints:
    """Choose weights of any density; some positions, channels and filters have none."""
    w = random_planes(rng, (conv.K, conv.Cg, conv.R, conv.S))
    dead = rng.choice(DEAD)
    positions = [rng.random() >= dead for _ in range(conv.R * conv.S)]
    w *= np.array(positions).reshape(conv.R, conv.S)
    w *= np.array([rng.random() >= dead for _ in range(conv.Cg)])[:, None, None]
    w *= np.array([rng.random() >= dead / 4 for _ in range(conv.K)])[:, None, None, None]
    return w


def random_layer(rng: random.Random, limit: int) -> Layer:
    """Choose a layer with its operands; some input channels are empty."""
    conv, is_fc = random_conv(rng, limit)
    while conv.dense_macs > MOST_MACS:
        conv, is_fc = random_conv(rng, limit)
    x = random_planes(rng, (conv.N, conv.C, conv.H, conv.W))
    dead = rng.choice(DEAD)
    x *= np.array([rng.random() >= dead for _ in range(conv.C)])[:, None, None]
    w = random_weights(rng, conv)
    return Layer(x, w, conv.stride, conv.pads, conv.dilation, conv.groups, is_fc)


def random_gospa(rng: random.Random, layer: Layer, **changes: Any) -> GospaSpec:
    """Choose a machine of a few PEs whose memories hold the layer, some of them hardly."""
    conv, w = layer.conv, layer.w
    (dh, dw) = conv.dilation
    box = FOLD if layer.is_fc else ((conv.R - 1) * dh + 1) * ((conv.S - 1) * dw + 1)
    slot = box + ceil_div(box, 16)
    pids = FOLD if layer.is_fc else conv.R * conv.S
    most = pids if layer.is_fc else max(int(np.count_nonzero(c)) for k in w for c in k)
    stream = ceil_div(pids, 16) + most
    chosen: dict[str, Any] = dict(
        n_apu=rng.randint(1, 4), cols=rng.randint(1, 4),
        acc_entries=rng.choice([1, 2, 3, 4, 6, 9, 16, 64]),
        ring_entries=2 * box + rng.choice([0, rng.randint(0, box), 2 * box, 10 * box, 2048]),
        ring_slots=rng.choice([1, 2, 3, 4, 16]),
        bm_bits=rng.choice([64, 64, 64, 8]), act_rd=rng.choice([4, 4, 4, 1, 2]),
        pipe=rng.choice([4, 4, 4, 0, 1]),
        act_half=rng.choice([slot, slot + rng.randint(0, 4 * slot), 12 * slot, 32768]),
        w_half=rng.choice([stream, stream + rng.randint(0, 2 * stream), 6 * stream, 1536]),
        acc_bits=rng.choice([32, 32, 32, 24, 16]), tile_ov=rng.choice([16, 16, 16, 0, 3]),
        sort_filters=rng.choice([0, 0, 1]),
    )  # fmt: skip
    if rng.random() < 0.3:
        tight = dict(ring_entries=2 * box, ring_slots=16, act_half=32768, w_half=1536, bm_bits=64)
        chosen |= {**tight, "cols": rng.randint(2, 4)}
    return GospaSpec(**{**chosen, **changes})


def random_gospa_case(rng: random.Random, limit: int, **changes: Any) -> GospaCase:
    """Choose a layer and a `gospa`."""
    layer = random_layer(rng, limit)
    return GospaCase(layer, random_gospa(rng, layer, **changes))


def gospa_cases(**changes: Any) -> st.SearchStrategy[GospaCase]:
    """Layers on machines; `changes` fixes parameters of the machine."""
    return seeded(lambda rng, limit: random_gospa_case(rng, limit, **changes))


def fixed_gospa_cases(count: int, seed: int = 0, **changes: Any) -> Iterator[GospaCase]:
    """Always the same cases, of growing size."""
    return fixed(lambda rng, limit: random_gospa_case(rng, limit, **changes), count, seed)


def random_sparten(rng: random.Random, layer: Layer, **changes: Any) -> SpartenSpec:
    """Choose a machine of a few CUs whose memories hold the layer, some of them hardly."""
    conv = layer.conv
    row = conv.W * (MASK_BYTES * ceil_div(conv.Cg, CHUNK) + 2 * conv.Cg)
    rows = min(conv.H, (conv.R - 1) * conv.dilation[0] + 1)
    chosen: dict[str, Any] = dict(
        clusters=rng.randint(1, 4), cus=rng.randint(1, 4), gb=rng.choice(["H", "H", "S", "none"]),
        join_lat=rng.choice([1, 1, 1, 0, 2, 3]), join_bubble=rng.choice([1, 1, 1, 0, 2]),
        bus_bits=rng.choice([256, 256, 128, 64, 16, 512]), perm_bw=rng.choice([32, 1, 2, 3]),
        pipe=rng.choice([6, 6, 0, 1]), pos_block=rng.choice([64, 1, 2, 4, 8, 16]),
        ibuf_bytes=row * rows + rng.choice([0, row, 3 * row, 262144]),
        acc_bits=rng.choice([32, 32, 32, 24, 16]),
    )  # fmt: skip
    most = max(max(chunk_nonzeros(conv, layer.w, k)) for k in range(conv.K))
    need = (1 if chosen["gb"] == "none" else 2) * (MASK_BYTES + 2 * most)
    chosen["fbuf_bytes"] = need + rng.choice([0, rng.randint(0, need), 3 * need, 16384])
    if conv.K > conv.N * conv.E * conv.F:
        chosen |= dict(clusters=rng.randint(2, 4), cus=rng.randint(1, 2))
    return SpartenSpec(**{**chosen, **changes})


def random_sparten_case(rng: random.Random, limit: int, **changes: Any) -> SpartenCase:
    """Choose a layer and a `sparten`."""
    layer = random_layer(rng, limit)
    return SpartenCase(layer, random_sparten(rng, layer, **changes))


def sparten_cases(**changes: Any) -> st.SearchStrategy[SpartenCase]:
    """Layers on machines; `changes` fixes parameters of the machine."""
    return seeded(lambda rng, limit: random_sparten_case(rng, limit, **changes))


def fixed_sparten_cases(count: int, seed: int = 0, **changes: Any) -> Iterator[SpartenCase]:
    """Always the same cases, of growing size."""
    return fixed(lambda rng, limit: random_sparten_case(rng, limit, **changes), count, seed)


def fixed(make: Callable[[random.Random, int], T], count: int, seed: int) -> Iterator[T]:
    """Always the same things, of growing size."""
    for index in range(count):
        yield make(random.Random(1000 * seed + index), 2 + index % 4)
