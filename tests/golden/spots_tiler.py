"""SPOTS' instructions for a layer in order (sheet sections 4, 6.5, 6.6); layers on the stepper."""

from dataclasses import dataclass
from typing import Any

from spcc.isa.targets.spots import SpotsSpec

from .spots_im2col import Geometry, Map
from .spots_stepper import COUNTERS, as_ints, conv, no_counts, pool
from .spots_tiles import (
    DoesNotFitError,
    FilterTile,
    band_rows,
    channel_ranges,
    channel_tile_sizes,
    choose_tiles,
    clipped_rows,
    hand_over,
    registers,
    reserved_channels,
    tile_bytes,
    tile_weights,
)

DRAM = ("dram_wt", "dram_in", "dram_out")


@dataclass(frozen=True)
class Step:
    """One CONV or POOL with the registers it needs.

    Attributes:
        filters, channels: ranges in the layer; the filters of POOL are its channels.
        image, oy0, rows: which output rows.
        acc: start from the OBUF's sums.
        is_last: the last channel tile, after which the band leaves.
    """

    filters: tuple[int, int]
    channels: tuple[int, int]
    image: int
    oy0: int
    rows: int
    split: bool
    F: int
    Kt: int
    Ct: int
    Q: int
    cres: int
    acc: bool
    is_last: bool


@dataclass(frozen=True)
class Load:
    """One load from DRAM ahead of instruction `before`; stream is `dram_wt` or `dram_in`."""

    before: int
    stream: str
    byte_count: int


@dataclass(frozen=True)
class Plan:
    """A layer's instructions in order, its loads and the bytes it stores."""

    steps: list[Step]
    loads: list[Load]
    dram_out: int

    def bytes_of(self, stream: str) -> int:
        """All bytes of one stream."""
        if stream == "dram_out":
            return self.dram_out
        return sum(load.byte_count for load in self.loads if load.stream == stream)


@dataclass
class LayerResult:
    """Totals of a layer: output [N][K][OH][OW], cycles, counters with the DRAM bytes."""

    output: list[Map]
    cycles: int
    counters: dict[str, int]


def plan(
    spec: SpotsSpec, w: Any, *, groups: int = 1, geo: Geometry, OH: int, N: int = 1
) -> Plan:  # fmt: skip
    """Tile one convolution w [K][C/groups][R][S] over N images."""
    w = as_ints(w)
    steps: list[Step] = []
    loads: list[Load] = []
    dram_out = 0
    weights_there: object = None
    input_there: object = None
    for tile, Ct, ob in choose_tiles(spec, w, groups, geo, OH):
        parts = channel_ranges(*tile.channels, Ct)
        for image in range(N):
            for oy0 in range(0, OH, ob):
                rows = min(ob, OH - oy0)
                for part in parts:
                    if weights_there != (tile.filters, part):
                        weights_there = (tile.filters, part)
                        size = tile_bytes(spec, w, groups, tile.filters, part)
                        loads.append(Load(len(steps), "dram_wt", size))
                    low, high = clipped_rows(geo, oy0, rows)
                    if input_there != (image, low, high, part):
                        input_there = (image, low, high, part)
                        size = (high - low) * geo.W * (part[1] - part[0]) * 2
                        loads.append(Load(len(steps), "dram_in", size))
                    steps.append(_conv_step(spec, geo, tile, part, image, oy0, rows))
                dram_out += tile.filter_count * rows * geo.OW * 2
    return Plan(steps, loads, dram_out)


def _conv_step(
    spec: SpotsSpec, geo: Geometry, tile: FilterTile, part: tuple[int, int], image: int, oy0: int,
    rows: int,
) -> Step:  # fmt: skip
    """The CONV of one channel tile and band."""
    Ct = part[1] - part[0]
    units = spec.UNITS if tile.split else 1
    return Step(
        tile.filters, part, image, oy0, rows, tile.split, registers(spec, tile),
        tile.filter_count, Ct, hand_over(spec, geo), reserved_channels(spec, geo, Ct, rows, units),
        acc=part[0] != tile.channels[0], is_last=part[1] == tile.channels[1],
    )  # fmt: skip


def layer(
    spec: SpotsSpec, x: Any, w: Any, *, groups: int = 1, geo: Geometry, OH: int, psh: int = 0
) -> LayerResult:
    """Run a convolution, x [N][C][H][W] by w [K][C/groups][R][S], instruction by instruction."""
    x, w = as_ints(x), as_ints(w)
    todo = plan(spec, w, groups=groups, geo=geo, OH=OH, N=len(x))
    counters = _start(todo)
    output: list[Map] = [[[[] for _ in range(OH)] for _ in w] for _ in x]
    cycles, sums = 0, None
    for step in todo.steps:
        done = conv(
            spec, x=x[step.image][slice(*step.channels)],
            w=tile_weights(w, groups, step.filters, step.channels), geo=geo, oy0=step.oy0,
            rows=step.rows, split=step.split, Q=step.Q, cres=step.cres, psh=psh,
            sums=sums if step.acc else None,
        )  # fmt: skip
        cycles += done.cycles
        for name in COUNTERS:
            counters[name] += done.counters[name]
        sums = done.sums
        if step.is_last:
            _place(output[step.image], step, done.sums)
    return LayerResult(output, cycles, counters)


def fully_connected(spec: SpotsSpec, x: Any, w: Any, *, psh: int = 0) -> LayerResult:
    """Run x [C][N] by w [K][C] as a 1x1 convolution on a map C x 1 x N; output [1][K][1][N]."""
    x, w = as_ints(x), as_ints(w)
    geo = Geometry(R=1, S=1, H=1, W=len(x[0]), OW=len(x[0]))
    image = [[row] for row in x]
    return layer(spec, [image], [[[[v]] for v in row] for row in w], geo=geo, OH=1, psh=psh)


def plan_pool(spec: SpotsSpec, *, C: int, geo: Geometry, OH: int, N: int = 1) -> Plan:
    """Section 6.6: tile one pooling over N images; loop image, channel tile, band.

    Raises:
        DoesNotFitError: No tiling fits.
    """
    for nC, Ct in channel_tile_sizes(C):
        ob = band_rows(spec, geo, OH, nC=nC, Ct=Ct, Kt=Ct, split=True, pooling=True)
        if ob is not None:
            break
    else:
        raise DoesNotFitError("layer does not fit")
    steps: list[Step] = []
    loads: list[Load] = []
    dram_out = 0
    input_there: object = None
    for image in range(N):
        for part in channel_ranges(0, C, Ct):
            for oy0 in range(0, OH, ob):
                rows, Cp = min(ob, OH - oy0), part[1] - part[0]
                low, high = clipped_rows(geo, oy0, rows)
                if input_there != (image, low, high, part):
                    input_there = (image, low, high, part)
                    loads.append(Load(len(steps), "dram_in", (high - low) * geo.W * Cp * 2))
                cres = reserved_channels(spec, geo, Cp, rows, spec.UNITS)
                Q = hand_over(spec, geo)
                steps.append(
                    Step(part, part, image, oy0, rows, True, 0, Cp, Cp, Q, cres, False, True)
                )
                dram_out += Cp * rows * geo.OW * 2
    return Plan(steps, loads, dram_out)


def pool_layer(
    spec: SpotsSpec, x: Any, *, geo: Geometry, OH: int, op: int, incpad: int = 0
) -> LayerResult:
    """Run a pooling of x [N][C][H][W]."""
    x = as_ints(x)
    todo = plan_pool(spec, C=len(x[0]), geo=geo, OH=OH, N=len(x))
    counters = _start(todo)
    output: list[Map] = [[[[] for _ in range(OH)] for _ in x[0]] for _ in x]
    cycles = 0
    for step in todo.steps:
        done = pool(
            spec, x=x[step.image][slice(*step.channels)], geo=geo, oy0=step.oy0, rows=step.rows,
            Q=step.Q, cres=step.cres, op=op, incpad=incpad,
        )  # fmt: skip
        cycles += done.cycles
        for name in COUNTERS:
            counters[name] += done.counters[name]
        _place(output[step.image], step, done.sums)
    return LayerResult(output, cycles, counters)


def _start(todo: Plan) -> dict[str, int]:
    """Counters of a layer before its first instruction: zero, and the DRAM bytes."""
    return {**no_counts(), **{stream: todo.bytes_of(stream) for stream in DRAM}}


def _place(image: Map, step: Step, sums: Map) -> None:
    """Put the finished rows of a band into the output map."""
    for offset, k in enumerate(range(*step.filters)):
        for n in range(step.rows):
            image[k][step.oy0 + n] = sums[offset][n]
