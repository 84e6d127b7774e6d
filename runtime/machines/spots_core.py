"""SPOTS' `conv` and `pool` as pure functions of registers, band and tile (sheet sections 4, 7, 8).

No memories, no interpreter: `spots` decodes bytes for them and stores what they return.
"""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...isa.errors import TrapError
from ...isa.formats.spots_tile import TileView, words
from ...isa.targets.spots import SpotsSpec
from ..pooling import pool_band
from .spots_checks import check_reserve, units_in_use
from .spots_geometry import Gemm, Geometry, Im2col, Share, Uses, find_uses, run_im2col

Band = npt.NDArray[np.int16]
Sums = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]

SERIAL_WORK = 1 << 21
"""Elementary operations below which a second thread costs more than it saves."""


class Result(NamedTuple):
    """What a `conv` or a `pool` leaves behind.

    Args:
        sums: [Kt, rows, OW] int32: raw accumulators of a `conv`, 16-bit values of a `pool` (whose
            channels are its filters).
        cycles: Of the array.
        counters: Every counter of sections 7 and 8 that the instruction feeds.
    """

    sums: Sums
    cycles: int
    counters: dict[str, int]


class _Stream(NamedTuple):
    """The IM2COL side of an instruction.

    Args:
        share: Output rows on units.
        uses: Rows and columns of the map that they use.
        im2col: Times and counters.
        planes: [Ct, input rows * W + 1] int16, the band with a zero after each channel.
        window: The geometry in the order of `spots_kernels.WINDOW`.
    """

    share: Share
    uses: Uses
    im2col: Im2col
    planes: Band
    window: Counts


def _stream(
    spec: SpotsSpec, geo: Geometry, gemm: Gemm, band: Band, oy0: int, rows: int, units: int
) -> _Stream:
    low, high = geo.input_rows(oy0, rows)
    assert band.shape == (gemm.Ct, high - low, geo.W)
    assert band.dtype == np.int16
    share, uses = _share_out(geo, oy0, rows, units, spec.NC)
    check_reserve(spec, geo, gemm, share, uses)
    planes = np.zeros((gemm.Ct, (high - low) * geo.W + 1), dtype=np.int16)
    planes[:, :-1] = band.reshape(gemm.Ct, -1)
    window = np.array([*geo[:8], geo.W, geo.OW, oy0, low, high], dtype=np.int64)
    return _Stream(share, uses, run_im2col(spec, geo, gemm, share, uses), planes, window)


@lru_cache(1024)
def _share_out(geo: Geometry, oy0: int, rows: int, units: int, NC: int) -> tuple[Share, Uses]:
    """Output rows on units, and what they use of the map; tiles of a layer share it."""
    share = Share.split(rows, units)
    return share, find_uses(geo, oy0, share, NC)


def run_conv(
    spec: SpotsSpec,
    geo: Geometry,
    gemm: Gemm,
    band: Band,
    tile: TileView,
    oy0: int,
    rows: int,
    sums: Sums | None = None,
) -> Result:
    """Compute output rows oy0..oy0+rows-1 of a tile, with its time and its counters.

    Args:
        spec: The machine.
        geo: Geometry registers.
        gemm: Tile registers; `check_conv` has seen them.
        band: [Ct, input rows, W] int16, exactly the rows that the output rows use.
        tile: The weights, [Kt, Ct*R*S].
        oy0: First output row.
        rows: Output rows.
        sums: [Kt, rows, OW] int32 to start from (acc = 1), None to start from zero.

    Raises:
        TrapError: Too many channels are to stay in the reserved buffer, or a given sum is wider
            than the accumulator.
    """
    assert (tile.Kt, tile.Kred) == (gemm.Kt, gemm.Ct * geo.taps)
    stream = _stream(spec, geo, gemm, band, oy0, rows, units_in_use(spec, gemm))
    out = _start_sums(spec, (gemm.Kt, rows * geo.OW), sums)
    scan = _scan(gemm, stream, tile, spec.NC)
    saturated = _multiply(gemm, stream, tile, out, (1 << (spec.ACC - 1)) - 1)
    adds = sums is not None
    cycles, stalls = _run_clocks(spec, gemm, stream, scan, adds)
    counters = {
        **stream.im2col.counters,
        **_skip_counters(spec, gemm, tile, scan, stream),
        **_sum_counters(spec, gemm, out.size, scan.issued.shape[1], adds),
        **stalls,
        "saturated": saturated,
    }
    return Result(out.reshape(gemm.Kt, rows, geo.OW), cycles, counters)


def run_pool(
    spec: SpotsSpec,
    geo: Geometry,
    gemm: Gemm,
    band: Band,
    oy0: int,
    rows: int,
    *,
    is_average: bool,
    counts_padding: bool,
) -> Result:
    """Pool output rows oy0..oy0+rows-1, with the time and the counters; on every unit.

    The values are those of `pool_band`.

    Args:
        spec: The machine.
        geo: Geometry registers.
        gemm: Tile registers, of which Ct, Q and cres matter; `check_pool` has seen them.
        band: [Ct, input rows, W] int16, exactly the rows that the output rows use.
        oy0: First output row.
        rows: Output rows.
        is_average: Average instead of maximum.
        counts_padding: The average divides by R*S.

    Raises:
        TrapError: Too many channels are to stay in the reserved buffer.
    """
    im2col = _stream(spec, geo, gemm, band, oy0, rows, spec.UNITS).im2col
    pooled = pool_band(
        band,
        geo._asdict(),
        oy0,
        rows,
        is_average=is_average,
        counts_padding=counts_padding,
    )
    counters = im2col.counters | {"pool_ops": pooled.op_count, "obuf_wr": pooled.values.size}
    return Result(pooled.values, spec.NC + im2col.counters["im2col_busy"], counters)


class _Scan(NamedTuple):
    """Where patches are non-zero: issued [chunks, steps]; steps, words, elements [Kred] each."""

    issued: npt.NDArray[np.int32]
    steps: Counts
    words: Counts
    elements: Counts


def _scan(gemm: Gemm, stream: _Stream, tile: TileView, NC: int) -> _Scan:
    from ..jit import run_parallel, thread_count
    from .spots_kernels import scan_patches

    steps = stream.share.rounds * stream.uses.widths.size
    issued = np.zeros((gemm.chunks, steps), dtype=np.int32)
    totals = np.empty((3, tile.Kred), dtype=np.int64)
    threads = thread_count() if tile.Kred * steps * NC > SERIAL_WORK else 1
    # Threads take whole chunks, so that none writes where another does.
    bounds = [min(gemm.Ct, chunk * gemm.Q) for chunk in _bounds(gemm.chunks, threads)]
    common = (
        stream.planes,
        stream.window,
        stream.share.unit_rows,
        tile.m1.view(np.uint8),
        NC,
        gemm.Q,
    )
    parts = pairwise(bounds)
    run_parallel(scan_patches, [(*common, *part, issued, totals) for part in parts])
    return _Scan(issued, *totals)


def _run_clocks(
    spec: SpotsSpec, gemm: Gemm, stream: _Stream, scan: _Scan, adds: bool
) -> tuple[int, dict[str, int]]:
    """The cycles, and those in which the array or the IM2COL units stall."""
    from .spots_kernels import run_clocks

    end, stall_gemm, stall_im2col = run_clocks(
        stream.im2col.times, scan.issued, gemm.F, spec.NC, int(adds)
    )
    # The last results leave the far corner of the array later by the skew.
    skew = -(-gemm.Kt // gemm.F) - 1 + spec.NC - 1
    return end + skew, {"stall_gemm": stall_gemm, "stall_im2col": stall_im2col}


def _start_sums(
    spec: SpotsSpec, shape: tuple[int, int], sums: Sums | None
) -> npt.NDArray[np.int32]:
    if sums is None:
        return np.zeros(shape, dtype=np.int32)
    limit = 1 << (spec.ACC - 1)
    lowest, highest = int(sums.min()), int(sums.max())
    if lowest < -limit or highest >= limit:
        raise TrapError(
            f"obuf holds {lowest if lowest < -limit else highest}, which is no {spec.ACC}-bit sum "
            "to start from",
            hint="with acc=1, another conv must have written these words",
        )
    return np.array(sums, dtype=np.int32).reshape(shape)


def _multiply(
    gemm: Gemm, stream: _Stream, tile: TileView, sums: npt.NDArray[np.int32], limit: int
) -> int:
    """Accumulate into sums [Kt, positions] on as many threads as pay; returns saturations."""
    from ..jit import run_parallel, thread_count
    from .spots_kernels import FEW, LANES, conv_few, conv_strips

    positions, block_rows = sums.shape[1], tile.starts.size - 1
    nonzero = np.flatnonzero(tile.m1).astype(np.int32)
    slots = (np.cumsum(tile.m1) - 1).astype(np.int32)[tile.columns]
    values = np.require(tile.values, np.int16, ["C", "A"])
    strips = -(-positions // LANES)
    threads = thread_count() if values.size * positions > SERIAL_WORK else 1
    if strips >= threads:
        bounds = [min(positions, strip * LANES) for strip in _bounds(strips, threads)]
        parts = [(0, block_rows, *part) for part in pairwise(bounds)]
    else:
        bounds = _bounds(block_rows, threads)
        parts = [(*part, 0, positions) for part in pairwise(bounds)]
    common = (stream.planes, stream.window, nonzero, tile.starts, slots, values, sums)
    kernel = conv_few if positions <= FEW else conv_strips
    return sum(run_parallel(kernel, [(*common, *part, gemm.psh, limit) for part in parts]))


def _bounds(count: int, parts: int) -> list[int]:
    """Bounds that cut 0..count into at most so many even parts, none empty."""
    parts = max(1, min(count, parts))
    return [count * part // parts for part in range(parts + 1)]


def _sum_counters(spec: SpotsSpec, gemm: Gemm, sums: int, steps: int, adds: bool) -> dict[str, int]:
    """The counters of section 8 of the sums' way to and from the OBUF."""
    return {
        "obuf_wr": sums,
        "obuf_rd": sums if adds else 0,
        "psum_busy": spec.NC * gemm.F * (steps + adds),
    }


def _skip_counters(
    spec: SpotsSpec, gemm: Gemm, tile: TileView, scan: _Scan, stream: _Stream
) -> dict[str, int]:
    """The counters of section 8 that depend on what was skipped."""
    kept, steps = tile.m1, scan.issued.shape[1]
    per_step = scan.issued.sum(axis=0, dtype=np.int64)
    patches = (stream.share.live_units()[:, None] * stream.uses.widths).reshape(-1)
    items, columns = int(per_step.sum()), int(kept.sum())
    skip_w, skip_a = int(scan.steps[~kept].sum()), steps * columns - items
    # Pairs of index and patch: issued ones, and all of them.
    issued, offered = int(per_step @ patches), tile.Kred * int(patches.sum())
    effectual = int(tile.weight_counts() @ scan.elements)
    return {
        "items": items,
        "skip_w": skip_w,
        "skip_a": skip_a,
        "skip_both": steps * tile.Kred - items - skip_w - skip_a,
        "mac_effectual": effectual,
        "mac_gated": issued * gemm.Kt - effectual,
        "mac_skipped": (offered - issued) * gemm.Kt,
        "idle_slots": items * gemm.F * spec.NR * spec.NC - issued * gemm.Kt,
        "ibuf_wr": int(scan.words.sum()),
        "ibuf_rd": int(scan.words[kept].sum()),
        "fsram_rd_m1": steps * words(tile.Kred),
        "fsram_rd_m2": steps * (tile.starts.size - 1) * words(columns),
        "fsram_rd_a": int(tile.block_counts() @ scan.steps),
        "fifo_act": issued * -(-gemm.Kt // gemm.F),
        "fifo_wt": issued * gemm.Kt,
        "fifo_work": effectual,
        "gemm_busy": gemm.F * items,
    }
