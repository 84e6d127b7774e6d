"""The golden model of SPOTS' CONV and POOL: element by element, cycle by cycle, in plain integers.

It does what the hardware does (sheet sections 3, 4, 7, 8) and uses none of the sheet's closed
forms: `spots_im2col` builds patches, every product goes through the accumulator, the clock of
`spots_clock` ticks.
"""

from dataclasses import dataclass, field
from typing import Any

from spcc.isa.targets.spots import SpotsSpec

from . import spots_clock as clock
from .spots_format import encode
from .spots_im2col import Geometry, Map, Step, channel_chunks, im2col

COUNTERS = (
    "items", "skip_w", "skip_a", "skip_both", "mac_effectual", "mac_gated", "mac_skipped",
    "idle_slots", "fmap_rd", "ring_xfer", "res_rd", "res_wr", "patch_elems", "ibuf_wr", "ibuf_rd",
    "fsram_rd_m1", "fsram_rd_m2", "fsram_rd_a", "fifo_act", "fifo_wt", "fifo_work", "obuf_wr",
    "obuf_rd", "pool_ops", "stall_gemm", "stall_im2col", "gemm_busy", "psum_busy", "im2col_busy",
    "saturated",
)  # fmt: skip
"""Names of sheet sections 7 and 8, and `saturated` (section 6.4)."""


@dataclass
class Result:
    """What one instruction leaves behind.

    Attributes:
        sums: [Kt or Ct][rows][OW], raw accumulators of CONV, values of POOL.
        cycles: length of the instruction.
        counters: all of COUNTERS.
        timeline: when it happened.
        chunk_cycles: t_im per step and chunk.
        chunk_items: n per step and chunk.
        reserved_peak: most elements that a unit held in its reserved buffer.
    """

    sums: Map
    cycles: int
    counters: dict[str, int]
    timeline: clock.Timeline
    chunk_cycles: list[list[int]] = field(default_factory=list[list[int]])
    chunk_items: list[list[int]] = field(default_factory=list[list[int]])
    reserved_peak: int = 0


def no_counts() -> dict[str, int]:
    """All counters at zero."""
    return {name: 0 for name in COUNTERS}


def as_ints(values: Any) -> Any:
    """Turn nested sequences or an array into nested lists of Python integers."""
    plain: Any = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(plain, int):
        return plain
    return [as_ints(inner) for inner in plain]


def rounded(product: int, psh: int) -> int:
    """A product as it enters the accumulator: shifted right by psh, halves rounded up."""
    return (product + (1 << (psh - 1))) >> psh if psh else product


def accumulate(sums: int, product: int, psh: int, ACC: int) -> tuple[int, int]:
    """Add one product to an accumulator of ACC bits.

    Returns:
        The new sum, and 1 if it saturated.
    """
    high = (1 << (ACC - 1)) - 1
    total = sums + rounded(product, psh)
    if total > high:
        return high, 1
    if total < -high - 1:
        return -high - 1, 1
    return total, 0


def conv(
    spec: SpotsSpec, *, x: Any, w: Any, geo: Geometry, oy0: int, rows: int, split: bool, Q: int,
    cres: int, psh: int = 0, sums: Any = None,
) -> Result:  # fmt: skip
    """Run one CONV.

    Args:
        spec: The machine.
        x: [Ct][H][W] int16, the whole map of the tile's channels.
        w: [Kt][Ct][R][S] int16.
        geo: The layer's geometry.
        oy0: First output row.
        rows: Output rows, at least 1.
        split: Whether UNITS arrays of NR/UNITS rows work instead of one of NR.
        Q: Channels per hand-over.
        cres: Channels whose rows stay in the reserved buffer.
        psh: Product shift in bits.
        sums: [Kt][rows][OW] to start from (acc = 1), or None (acc = 0).
    """
    x, w = as_ints(x), as_ints(w)
    counters = no_counts()
    units = spec.UNITS if split else 1
    steps, peak = im2col(
        spec, geo, x, oy0=oy0, rows=rows, units=units, Q=Q, cres=cres, counters=counters
    )
    flat = [[v for channel in filter_ for line in channel for v in line] for filter_ in w]
    Kt, Kred = len(flat), len(flat[0])
    array_rows = spec.NR // units
    F = -(-Kt // array_rows)
    if F > spec.NREG:
        raise ValueError(f"{Kt} filters need {F} registers, a PE has {spec.NREG}")
    rows_used = len({i // F for i in range(Kt)})
    tile = encode(flat, spec.G)
    out: Map = as_ints(sums) if sums is not None else [
        [[0] * geo.OW for _ in range(rows)] for _ in range(Kt)
    ]  # fmt: skip
    work: list[list[clock.Chunk]] = []
    for step in steps:
        issued = _issue(step, tile.m1, Kred, counters)
        counters["idle_slots"] += len(issued) * _idle_slots(spec, units, array_rows, F, Kt, step)
        counters["fsram_rd_a"] += sum(tile.blocks_at(k) for k in issued)
        counters["fsram_rd_m1"] += tile.m1_words()
        counters["fsram_rd_m2"] += tile.m2_words()
        _multiply(spec, step, flat, issued, psh, out, counters)
        ncol = len(step.patches)
        counters["fifo_act"] += len(issued) * rows_used * ncol
        counters["fifo_wt"] += len(issued) * Kt * ncol
        counters["obuf_wr"] += Kt * ncol
        counters["obuf_rd"] += Kt * ncol if sums is not None else 0
        work.append(_chunks(geo, len(x), Q, step, issued))
    timeline = clock.run(
        work, NC=spec.NC, F=F, INBW=spec.INBW, rows_used=rows_used, preload=sums is not None
    )
    for name in ("stall_gemm", "stall_im2col", "gemm_busy", "psum_busy", "im2col_busy"):
        counters[name] = getattr(timeline, name)
    return Result(
        out, timeline.cycles, counters, timeline,
        [[_chunk_cycles(spec, chunk) for chunk in chunks] for chunks in work],
        [[len(chunk.issued) for chunk in chunks] for chunks in work],
        peak,
    )  # fmt: skip


def _issue(step: Step, m1: list[int], Kred: int, counters: dict[str, int]) -> list[int]:
    """The compress unit and the controller: which reduction indices of a step are issued."""
    issued: list[int] = []
    for k in range(Kred):
        nonzero_units = {unit for unit, _, _, values in step.patches if values[k] != 0}
        counters["ibuf_wr"] += len(nonzero_units)
        if m1[k] and nonzero_units:
            issued.append(k)
            counters["items"] += 1
            counters["ibuf_rd"] += len(nonzero_units)
        elif nonzero_units:
            counters["skip_w"] += 1
        elif m1[k]:
            counters["skip_a"] += 1
        else:
            counters["skip_both"] += 1
    return issued


def _idle_slots(
    spec: SpotsSpec, units: int, array_rows: int, F: int, Kt: int, step: Step
) -> int:  # fmt: skip
    """Count the slots of one issued index that have no filter or no patch, PE by PE."""
    idle = 0
    patches = {unit: 0 for unit in range(units)}
    for unit, *_ in step.patches:
        patches[unit] += 1
    for unit in range(units):
        for i in range(array_rows):
            for j in range(spec.NC):
                for f in range(F):
                    idle += i * F + f >= Kt or j >= patches[unit]
    return idle


def _multiply(
    spec: SpotsSpec, step: Step, flat: list[list[int]], issued: list[int], psh: int, out: Map,
    counters: dict[str, int],
) -> None:  # fmt: skip
    """All PEs of a step: products in ascending k into the accumulators."""
    chosen = set(issued)
    for i, weights in enumerate(flat):
        for _, n, ox, values in step.patches:
            for k, (weight, value) in enumerate(zip(weights, values, strict=True)):
                if k not in chosen:
                    assert weight * value == 0
                    counters["mac_skipped"] += 1
                elif weight and value:
                    counters["mac_effectual"] += 1
                    counters["fifo_work"] += 1
                    out[i][n][ox], over = accumulate(out[i][n][ox], weight * value, psh, spec.ACC)
                    counters["saturated"] += over
                else:
                    counters["mac_gated"] += 1


def _chunks(
    geo: Geometry, Ct: int, Q: int, step: Step, issued: list[int]
) -> list[clock.Chunk]:  # fmt: skip
    """The hand-overs of a step."""
    size = geo.R * geo.S
    return [
        clock.Chunk(len(channels) * size, fetches, [k for k in issued if k // size in channels])
        for channels, fetches in zip(channel_chunks(Ct, Q), step.fetches, strict=True)
    ]


def _chunk_cycles(spec: SpotsSpec, chunk: clock.Chunk) -> int:
    """Cycles of a hand-over, for reading; the clock does not use it."""
    return max(chunk.outputs, *(-(-fetched // spec.INBW) for fetched in chunk.fetches))


def pool(
    spec: SpotsSpec, *, x: Any, geo: Geometry, oy0: int, rows: int, Q: int, cres: int, op: int,
    incpad: int = 0,
) -> Result:  # fmt: skip
    """Run one POOL on all units.

    Args:
        spec: The machine.
        x: [Ct][H][W] int16, the whole map of the tile's channels.
        geo: The layer's geometry.
        oy0: First output row.
        rows: Output rows, at least 1.
        Q: Channels per hand-over.
        cres: Channels whose rows stay in the reserved buffer.
        op: 0 maximum, 1 average.
        incpad: 1: the average divides by R*S.

    Raises:
        ValueError: A window has no in-map element and its result is not defined.
    """
    x = as_ints(x)
    counters = no_counts()
    steps, peak = im2col(
        spec, geo, x, oy0=oy0, rows=rows, units=spec.UNITS, Q=Q, cres=cres, counters=counters
    )
    out: Map = [[[0] * geo.OW for _ in range(rows)] for _ in x]
    for step in steps:
        for _, n, ox, _ in step.patches:
            positions = [p for p in geo.window(oy0 + n, ox) if p is not None]
            for c, channel in enumerate(x):
                out[c][n][ox] = _reduce([channel[y][z] for y, z in positions], geo, op, incpad)
                counters["pool_ops"] += len(positions)
                counters["obuf_wr"] += 1
    work = [_chunks(geo, len(x), Q, step, []) for step in steps]
    timeline = clock.run_im2col(work, NC=spec.NC, INBW=spec.INBW)
    counters["im2col_busy"] = timeline.im2col_busy
    return Result(
        out, timeline.cycles, counters, timeline,
        [[_chunk_cycles(spec, chunk) for chunk in chunks] for chunks in work], [], peak,
    )  # fmt: skip


def _reduce(values: list[int], geo: Geometry, op: int, incpad: int) -> int:
    """Pool the in-map values of one window."""
    if op == 0:
        if not values:
            raise ValueError("the maximum of an empty window is not defined")
        largest = values[0]
        for value in values[1:]:
            largest = max(largest, value)
        return largest
    divisor = geo.R * geo.S if incpad else len(values)
    if divisor == 0:
        raise ValueError("the average of an empty window is not defined")
    return (2 * sum(values) + divisor) // (2 * divisor)
