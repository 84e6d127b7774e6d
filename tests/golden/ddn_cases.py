"""Random small layers and machines for `dadiannao` and `tct`, from a seed and a limit on all sizes.

One case serves both targets: `tct`'s machine is `dadiannao`'s with a front end.
"""

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from . import ddn_golden, tct_golden
from .ddn_golden import Requantise, Result
from .ddn_golden_plan import Ints, Machine, Shape, blocks_of
from .spots_cases import numbers, seeded
from .tct_golden import TctResult
from .tct_golden_schedule import ORDERS, SCHEDULERS
from .tct_golden_units import TctMachine

KINDS = ("conv", "conv", "conv", "grouped", "grouped", "depthwise", "1x1", "fc")
DENSITIES = (0.0, 0.15, 0.3, 0.3, 0.5, 0.5, 0.7, 0.9, 1.0)
DEAD = (0.0, 0.0, 0.0, 0.3, 0.6)
BOUNDS = (3, 400, 32767)
MOST_SLOTS = 20_000
"""Weight slots of a case: the golden machine does about a million in a second."""


@dataclass(frozen=True)
class Case:
    """A layer on a machine.

    Attributes:
        x: [n][C][H][W] int16; w: [F][C/groups][KH][KW] int16.
        pads: top, left, bottom, right.
        bias: one per filter, at the scale of the sums, or empty; shift: of the PPU.
    """

    machine: TctMachine
    x: Ints
    w: Ints
    stride: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    bias: tuple[int, ...] = ()
    shift: int = 0

    def __repr__(self) -> str:
        """Leave out the arrays: the seed brings them back."""
        words = [f"{name}={getattr(self, name)}" for name in ("stride", "pads", "dilation")]
        return (
            f"Case(x{self.x.shape}, w{self.w.shape}, {', '.join(words)}, groups={self.groups}, "
            f"shift={self.shift}, {self.machine})"
        )

    @property
    def geometry(self) -> Shape:
        """The layer's sizes."""
        return ddn_golden.shape_of(
            self.x, self.w, self.stride, self.pads, self.dilation, self.groups
        )

    @property
    def dense(self) -> Machine:
        """The machine without the front end."""
        chosen = asdict(self.machine)
        return Machine(**{name: chosen[name] for name in Machine.__dataclass_fields__})

    @property
    def requantise(self) -> Requantise:
        """What the PPU does."""
        return Requantise(self.bias, self.shift)

    def run_ddn(self, **onchip: bool) -> Result:
        """Run the layer on the golden `dadiannao`."""
        return ddn_golden.layer(
            self.dense, self.x, self.w, self.stride, self.pads, self.dilation, self.groups,
            requantise=self.requantise, **onchip,
        )  # fmt: skip

    def run_tct(self, **onchip: bool) -> TctResult:
        """Run the layer on the golden `tct`."""
        return tct_golden.layer(
            self.machine, self.x, self.w, self.stride, self.pads, self.dilation, self.groups,
            requantise=self.requantise, **onchip,
        )  # fmt: skip


def random_front_end(rng: random.Random, lanes: int) -> dict[str, Any]:
    """Choose the options of `tct` so that every lookaside stays below the lane count."""
    shape, h = rng.choice("TTL"), rng.choice([0, 1, 2, 2, 3, 4])
    reach = lanes - 1 if shape == "L" else 2 * (lanes - 1)
    d = rng.choice([min(6, reach), rng.randint(0, min(6, reach))]) if h else 0
    return dict(
        shape=shape, h=h, d=d, order=rng.choice(ORDERS), scheduler=rng.choice(SCHEDULERS),
        sync=rng.choice(["tile", "accel", "pe"]), shuffle=rng.random() < 0.2,
        adv_max=rng.choice([None, None, None, 0, 1, h + 1, h + 2]),
    )  # fmt: skip


def random_machine(rng: random.Random, **changes: Any) -> TctMachine:
    """Choose a machine of a few lanes; `am_words` is set with the layer."""
    lanes = rng.randint(2, 5)
    chosen: dict[str, Any] = dict(
        tiles=rng.randint(1, 3), pes=rng.randint(1, 3), lanes=lanes,
        wm_rows=rng.choice([2, 2, 4, 4, 6, 8, 16]), pb_windows=rng.choice([1, 2, 3, 4, 7, 32]),
        acc_bits=rng.choice([48, 48, 48, 48, 32, 20]), fill=rng.choice([4, 4, 4, 0, 1]),
        wcomp=rng.choice(["none", "none", "rlc"]), acomp=rng.choice(["none", "none", "group"]),
        **random_front_end(rng, lanes),
    )  # fmt: skip
    return TctMachine(**{**chosen, **changes})


def random_shape(rng: random.Random, limit: int) -> Shape:
    """Choose a layer: kind, kernel, strides, dilations, asymmetric padding, batch."""
    kind = rng.choice(KINDS)
    n = rng.choice([1, 1, 1, 2, 3])
    if kind == "fc":
        return Shape(n, rng.randint(1, 8 * limit), 1, 1, rng.randint(1, 3 * limit), 1, 1)
    match kind:
        case "depthwise":
            groups, Cg, Fg = rng.randint(1, 2 * limit), 1, rng.choice([1, 1, 2])
        case "grouped":
            groups, Cg, Fg = rng.randint(2, 3), rng.randint(1, limit), rng.randint(1, limit)
        case _:
            groups, Cg, Fg = 1, rng.randint(1, 2 * limit), rng.randint(1, 2 * limit)
    KH, KW = (1, 1) if kind == "1x1" else (rng.choice([1, 2, 3, 3][: limit + 1]) for _ in "yx")
    sy, sx, dy, dx = (rng.choice([1, 1, 1, 2, 2, 3]) for _ in range(4))
    extra = 2 if rng.random() < 0.05 else 0
    top, bottom = (rng.randint(0, (KH - 1) * dy + extra) for _ in "tb")
    left, right = (rng.randint(0, (KW - 1) * dx + extra) for _ in "lr")
    OH, OW = (rng.randint(1, limit) + rng.randint(0, 2) for _ in "yx")
    H = (OH - 1) * sy + (KH - 1) * dy + 1 - top - bottom + rng.randrange(sy)
    W = (OW - 1) * sx + (KW - 1) * dx + 1 - left - right + rng.randrange(sx)
    return Shape(
        n, groups * Cg, max(1, H), max(1, W), groups * Fg, KH, KW, (sy, sx),
        (top, left, bottom, right), (dy, dx), groups,
    )  # fmt: skip


def slots(machine: Machine, shape: Shape) -> int:
    """About how many weight slots `dadiannao` executes."""
    taps = shape.KH * shape.KW * blocks_of(shape.C, machine.lanes)
    return shape.windows * taps * shape.F * machine.lanes


def random_am_words(rng: random.Random, machine: Machine, shape: Shape) -> int:
    """Choose an AM that holds the layer, hardly holds it, or holds only strips of it."""
    CB, FB = (blocks_of(count, machine.lanes) for count in (shape.C, shape.F))
    span = min(shape.H, (shape.KH - 1) * shape.dilation[0] + 1)
    row = 4 * max(span * shape.W * CB, shape.OW * FB)
    whole = 2 * max(shape.n * shape.H * shape.W * CB, shape.windows * FB)
    return rng.choice([row, row + rng.randint(0, row), max(row, whole), max(131072, whole)])


def random_weights(rng: random.Random, shape: Shape) -> Ints:
    """Choose weights of any density; some taps, channels and filters have none."""
    bound, dead = rng.choice(BOUNDS), rng.choice(DEAD)
    common = rng.choice(DENSITIES)
    is_mixed = rng.random() < 0.3
    size = shape.Cg * shape.KH * shape.KW
    rows = [
        numbers(rng, rng.choice(DENSITIES) if is_mixed else common, bound, size)
        for _ in range(shape.F)
    ]
    w = np.array(rows, dtype=np.int64).reshape(shape.F, shape.Cg, shape.KH, shape.KW)
    alive = np.array([rng.random() >= dead for _ in range(shape.KH * shape.KW)])
    w *= alive.reshape(shape.KH, shape.KW)
    channels = np.array([rng.random() >= dead for _ in range(shape.Cg)])
    w *= channels[:, None, None]
    return w


def random_case(rng: random.Random, limit: int, **changes: Any) -> Case:
    """Choose a machine and a layer that together stay small."""
    machine = random_machine(rng, **changes)
    shape = random_shape(rng, limit)
    while slots(machine, shape) > MOST_SLOTS:
        shape = random_shape(rng, limit)
    if "am_words" not in changes:
        machine = replace(machine, am_words=random_am_words(rng, machine, shape))
    count = shape.n * shape.C * shape.H * shape.W
    x = np.array(numbers(rng, rng.choice(DENSITIES), rng.choice(BOUNDS), count), dtype=np.int64)
    bias = tuple(numbers(rng, 1.0, 5000, shape.F)) if rng.random() < 0.5 else ()
    return Case(
        machine, x.reshape(shape.n, shape.C, shape.H, shape.W), random_weights(rng, shape),
        shape.stride, shape.pads, shape.dilation, shape.groups, bias,
        rng.choice([0, 0, 3, 8, 15]),
    )  # fmt: skip


def cases(**changes: Any) -> st.SearchStrategy[Case]:
    """Layers on machines; `changes` fixes parameters of the machine."""
    return seeded(lambda rng, limit: random_case(rng, limit, **changes))


def fixed_cases(count: int, seed: int = 0, **changes: Any) -> Iterator[Case]:
    """Always the same cases, of growing size."""
    for index in range(count):
        rng = random.Random(1000 * seed + index)
        yield random_case(rng, 2 + index % 4, **changes)
