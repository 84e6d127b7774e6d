"""Random small machines, layers and instructions for SPOTS, from a seed and a limit on all sizes.

Plain `random` spreads better over the shapes than drawing each number from hypothesis would; the
limit is what a failing case shrinks along.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st
from spcc.isa.targets.spots import SpotsSpec

from .spots_im2col import Geometry, Map
from .spots_tiles import hand_over, reserved_channels

T = TypeVar("T")
DENSITIES = (0.0, 0.15, 0.3, 0.3, 0.5, 0.5, 0.5, 0.8, 0.8, 1.0)
DEAD = (0.0, 0.0, 0.0, 0.2, 0.5)
KERNELS = (1, 2, 3, 3, 4)
STEPS = (1, 1, 1, 1, 2, 2, 3, 4)
BOUNDS = (3, 400, 32767)


@dataclass(frozen=True)
class Case:
    """One CONV or POOL with its operands.

    Attributes:
        x: [Ct][H][W] int16; w: [Kt][Ct][R][S] int16; sums: [Kt][rows][OW] or None.
        is_planned: whether Q and cres are those that the sheet's tiling chooses, not smaller.
    """

    config: Any  # SpotsSpec; pyright takes a Struct declared in a class body for a descriptor
    geo: Geometry
    x: Map
    w: list[Map]
    sums: Map | None
    oy0: int
    rows: int
    split: bool
    Q: int
    cres: int
    psh: int
    is_planned: bool

    @property
    def spec(self) -> SpotsSpec:
        """The machine."""
        return self.config

    @property
    def units(self) -> int:
        """Units in use."""
        return self.spec.UNITS if self.split else 1

    @property
    def reductions(self) -> int:
        """Kred, the reduction indices."""
        return len(self.x) * self.geo.R * self.geo.S


@dataclass(frozen=True)
class Layer:
    """A convolution: x [N][groups*Cg][H][W], w [K][Cg][R][S]."""

    config: Any
    geo: Geometry
    OH: int
    groups: int
    x: list[Map]
    w: list[Map]

    @property
    def spec(self) -> SpotsSpec:
        """The machine."""
        return self.config


def seeded(make: Callable[[random.Random, int], T]) -> st.SearchStrategy[T]:
    """Make things from a seed and a limit of 1 to 6, mostly above 2."""

    def build(seed: int, limit: int) -> T:
        return make(random.Random(seed), min(limit, 3 + limit % 4))

    return st.builds(build, st.integers(0, 1 << 40), st.integers(1, 1 << 16))


def random_spec(rng: random.Random, **changes: Any) -> SpotsSpec:
    """Choose a machine of a few PEs."""
    units, registers, rows = rng.choice([1, 2, 2, 3, 4]), rng.randint(1, 3), rng.randint(1, 3)
    chosen = dict(
        NR=units * rows, NC=rng.randint(1, 4), UNITS=units, NREG=registers,
        G=rng.randint(1, 5), ACC=rng.choice([18, 24, 24]), INBW=rng.choice([1, 2, 3, 4]),
        SLOT=rng.choice([1, 9, 18, 40]), SPLIT_LT=rng.randint(0, rows * registers + 1),
        RCAP=rng.choice([0, 9, 32, 64, 96, 128, 4000]), REUSE=int(rng.random() < 0.8),
    )  # fmt: skip
    return SpotsSpec(**{**chosen, **changes})


def random_geometry(rng: random.Random, limit: int) -> tuple[Geometry, int]:
    """Choose strides, dilations and asymmetric padding; also give the output rows."""
    kernel = [min(limit, rng.choice(KERNELS)) for _ in range(2)]
    R, S = kernel if rng.random() >= 0.1 else (1, 1)
    sh, sw, dh, dw = (rng.choice(STEPS[: 3 + limit]) for _ in range(4))
    pt, pb = (rng.randint(0, min(3, (R - 1) * dh)) for _ in range(2))
    pl, pr = (rng.randint(0, min(3, (S - 1) * dw)) for _ in range(2))
    if rng.random() < 0.05:
        pt, pl = 3, 3
    OH, OW = (rng.randint(1, limit) + rng.randint(0, 3) for _ in range(2))
    H = (OH - 1) * sh + (R - 1) * dh + 1 - pt - pb + rng.randrange(sh)
    W = (OW - 1) * sw + (S - 1) * dw + 1 - pl - pr + rng.randrange(sw)
    geo = Geometry(
        R=R, S=S, H=max(1, H), W=max(1, W), OW=OW, sh=sh, sw=sw, dh=dh, dw=dw, pt=pt, pl=pl
    )
    return geo, OH


def numbers(rng: random.Random, density: float, bound: int, count: int) -> list[int]:
    """Give values of -bound-1..bound, a share of them zero."""
    return [rng.randint(-bound - 1, bound) if rng.random() < density else 0 for _ in range(count)]


def random_map(rng: random.Random, channels: int, geo: Geometry) -> Map:
    """Fill a map [channels][H][W] with any density, some channels and rows zero."""
    density, bound = rng.choice(DENSITIES), rng.choice(BOUNDS)
    dead_rows, dead_channels = rng.choice(DEAD), rng.choice(DEAD)
    rows = [rng.random() >= dead_rows for _ in range(geo.H)]
    x: Map = []
    for _ in range(channels):
        is_alive = rng.random() >= dead_channels
        shares = [density if is_alive and row else 0.0 for row in rows]
        x.append([numbers(rng, share, bound, geo.W) for share in shares])
    return x


def random_filters(rng: random.Random, K: int, C: int, geo: Geometry) -> list[Map]:
    """Fill filters [K][C][R][S]: any density, zero columns, sometimes block-diagonal as groups."""
    size = geo.R * geo.S
    density, bound, dead = rng.choice(DENSITIES), rng.choice(BOUNDS), rng.choice(DEAD)
    alive = [rng.random() >= dead for _ in range(C * size)]
    groups = rng.choice([1, 1, min(K, C)])
    w: list[Map] = []
    for k in range(K):
        flat = numbers(rng, density, bound, C * size)
        for index in range(C * size):
            if not alive[index] or k * groups // K != index // size * groups // C:
                flat[index] = 0
        lines = [flat[at : at + geo.S] for at in range(0, len(flat), geo.S)]
        w.append([lines[at : at + geo.R] for at in range(0, len(lines), geo.R)])
    return w


def random_case(rng: random.Random, limit: int, *, is_pool: bool = False) -> Case:
    """Choose an instruction on some rows of a layer, with planned or arbitrary Q and cres."""
    spec = random_spec(rng)
    geo, OH = random_geometry(rng, limit)
    split = is_pool or rng.random() < 0.5
    units = spec.UNITS if split else 1
    oy0 = rng.randrange(OH) if rng.random() < 0.4 else 0
    rows = rng.randint(1, OH - oy0) if rng.random() < 0.4 else OH - oy0
    Ct = rng.randint(1, limit)
    Kt = rng.randint(1, spec.NREG * spec.NR // units)
    x = random_map(rng, Ct, geo)
    w = [] if is_pool else random_filters(rng, Kt, Ct, geo)
    sums = None
    if not is_pool and rng.random() < 0.4:
        bound = rng.choice([100, (1 << (spec.ACC - 1)) - 1])
        sums = [[numbers(rng, 1.0, bound, geo.OW) for _ in range(rows)] for _ in range(Kt)]
        sums[0][0][0] = rng.choice([0, -bound - 1, bound])
    is_planned = rng.random() < 0.6
    Q = hand_over(spec, geo) if is_planned else rng.randint(1, Ct + 1)
    held = reserved_channels(spec, geo, Ct, rows, units)
    cres = held if is_planned else rng.randint(0, held)
    psh = rng.choice([0, 0, 1, 4, 9, 15])
    return Case(spec, geo, x, w, sums, oy0, rows, split, Q, cres, psh, is_planned)


def random_pool(rng: random.Random, limit: int) -> Case:
    """Choose a POOL whose every window has an in-map element."""
    while True:
        case = random_case(rng, limit, is_pool=True)
        geo = case.geo
        windows = (
            geo.window(oy, ox)
            for oy in range(case.oy0, case.oy0 + case.rows)
            for ox in range(geo.OW)
        )
        if all(any(position is not None for position in window) for window in windows):
            return case


def random_layer(rng: random.Random, limit: int) -> Layer:
    """Choose a layer on a machine whose memories hardly hold it."""
    caps = {
        name: 16 * rng.choice([4, 8, 16, 64, 1024]) for name in ("FCAP", "WCAP", "ICAP", "OCAP")
    }
    spec = random_spec(rng, POLICY=rng.choice(["paper", "best"]), **caps)
    geo, OH = random_geometry(rng, limit)
    groups = rng.choice([1, 1, 1, 2, 3])
    Kg, Cg = rng.randint(1, 5), rng.randint(1, 4)
    x = [random_map(rng, groups * Cg, geo) for _ in range(rng.randint(1, 2))]
    return Layer(spec, geo, OH, groups, x, random_filters(rng, groups * Kg, Cg, geo))


def cases() -> st.SearchStrategy[Case]:
    """CONV instructions."""
    return seeded(random_case)


def pools() -> st.SearchStrategy[Case]:
    """POOL instructions."""
    return seeded(random_pool)


def layers() -> st.SearchStrategy[Layer]:
    """Whole convolutions."""
    return seeded(random_layer)
