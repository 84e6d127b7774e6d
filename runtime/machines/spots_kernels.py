"""SPOTS' loops over data: values, non-zero scan, the two clocks. Imports numba.

Kernels check nothing: whoever calls them has verified what it passes. Common arguments:

- planes: [Ct, rows*W + 1] int16, the input band by channel; the last element of a plane is 0 and
  stands for all padding;
- window: [13] int64, the geometry, see `WINDOW`;
- starts, slots, values: the weight blocks: block row b owns blocks starts[b]..starts[b+1]-1, each
  with the position of its column among the non-zero ones, and its G weights.
"""

import numpy as np
import numpy.typing as npt

from ..jit import add32, array, jit, scaled_product, types

Int16s = npt.NDArray[np.int16]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Flags = npt.NDArray[np.uint8]

WINDOW = ("R", "S", "sh", "sw", "dh", "dw", "pt", "pl", "W", "OW", "oy0", "low", "high")
"""What the entries of `window` are; the band holds input rows low..high-1."""
LANES = 32
"""Positions that are accumulated together; a strip's patches lie together in the cache."""
FEW = 8
"""Up to so many positions, `conv_few` (SIMD over a block's filters) is the faster kernel."""

_I64 = types.int64
_PLANES = array(types.int16, 2, is_read_only=True)
_WINDOW = array(_I64, 1, is_read_only=True)
_COLUMNS = array(types.int32, 1, is_read_only=True)
_VALUES = array(types.int16, 2, is_read_only=True)
_FLAGS = array(types.uint8, 1, is_read_only=True)
_SUMS = array(types.int32, 2)


@jit(types.void(_PLANES, _WINDOW, _COLUMNS, _I64, _I64, array(types.int16, 2)))
def fill_patches(
    planes: Int16s, window: Int64s, nonzero: Int32s, first: int, count: int, patches: Int16s
) -> None:
    """Write the patches of positions first..first+count-1: patches[i, lane] at column nonzero[i].

    Positions count along the output rows. Lanes past `count` are left alone.
    """
    R, S, sh, sw = window[0], window[1], window[2], window[3]
    dh, dw, pt, pl = window[4], window[5], window[6], window[7]
    W, OW, oy0, low, high = window[8], window[9], window[10], window[11], window[12]
    taps = R * S
    zero = (high - low) * W
    offsets = np.empty((taps, count), np.int32)
    for lane in range(count):
        y, x = (first + lane) // OW, (first + lane) % OW
        for r in range(R):
            iy = (oy0 + y) * sh - pt + r * dh
            for s in range(S):
                ix = x * sw - pl + s * dw
                inside = low <= iy < high and 0 <= ix < W
                offsets[r * S + s, lane] = (iy - low) * W + ix if inside else zero
    for i in range(nonzero.shape[0]):
        channel, tap = nonzero[i] // taps, nonzero[i] % taps
        for lane in range(count):
            patches[i, lane] = planes[channel, offsets[tap, lane]]


_CONV = _I64(
    _PLANES, _WINDOW, _COLUMNS, array(_I64, 1, is_read_only=True), _COLUMNS, _VALUES, _SUMS,
    _I64, _I64, _I64, _I64, _I64, _I64,
)  # fmt: skip


@jit(_CONV)
def conv_strips(
    planes: Int16s,
    window: Int64s,
    nonzero: Int32s,
    starts: Int64s,
    slots: Int32s,
    values: Int16s,
    sums: Int32s,
    first_row: int,
    last_row: int,
    first: int,
    last: int,
    shift: int,
    limit: int,
) -> int:
    """Add the products of block rows first_row..last_row-1 at positions first..last-1 to the sums.

    Each product is rounded to (p + 2^(shift-1)) >> shift; after each addition, columns ascending,
    the sum is clamped to -limit-1..limit.

    Args:
        planes: See above.
        window: See above.
        nonzero: [nzc], columns with a non-zero weight.
        starts: See above.
        slots: See above.
        values: See above.
        sums: [Kt, positions], changed in place; all inside the limit.
        first_row: First block row.
        last_row: One past the last block row.
        first: First position.
        last: One past the last position.
        shift: The sheet's psh.
        limit: Largest sum.

    Returns:
        How many additions were clamped.
    """
    G = values.shape[1]
    half, amount = np.int32((1 << shift) >> 1), np.int32(shift)
    high, low = np.int32(limit), np.int32(-limit - 1)
    patches = np.zeros((nonzero.shape[0], LANES), np.int16)
    acc = np.zeros((G, LANES), np.int32)
    clamped = np.zeros(LANES, np.int32)
    total = 0
    for p in range(first, last, LANES):
        count = min(LANES, last - p)
        if count < LANES:
            patches[:] = 0
            acc[:] = 0
        fill_patches(planes, window, nonzero, p, count, patches)
        for b in range(first_row, last_row):
            filters = min(G, sums.shape[0] - b * G)
            for g in range(filters):
                for lane in range(count):
                    acc[g, lane] = sums[b * G + g, p + lane]
            for i in range(starts[b], starts[b + 1]):
                slot = slots[i]
                for g in range(filters):
                    weight = np.int32(values[i, g])
                    if weight != 0:
                        for lane in range(LANES):
                            product = scaled_product(weight, patches[slot, lane], half, amount)
                            exact = add32(acc[g, lane], product)
                            kept = min(max(exact, low), high)
                            clamped[lane] = add32(clamped[lane], np.int32(exact != kept))
                            acc[g, lane] = kept
            for g in range(filters):
                for lane in range(count):
                    sums[b * G + g, p + lane] = acc[g, lane]
        for lane in range(LANES):
            total += clamped[lane]
            clamped[lane] = 0
    return total


@jit(_CONV)
def conv_few(
    planes: Int16s,
    window: Int64s,
    nonzero: Int32s,
    starts: Int64s,
    slots: Int32s,
    values: Int16s,
    sums: Int32s,
    first_row: int,
    last_row: int,
    first: int,
    last: int,
    shift: int,
    limit: int,
) -> int:
    """Do what `conv_strips` does, for few positions: SIMD runs over the filters of a block."""
    G = values.shape[1]
    half, amount = np.int32((1 << shift) >> 1), np.int32(shift)
    high, low = np.int32(limit), np.int32(-limit - 1)
    count = last - first
    patches = np.zeros((nonzero.shape[0], count), np.int16)
    fill_patches(planes, window, nonzero, first, count, patches)
    acc, clamped = np.zeros(G, np.int32), np.zeros(G, np.int32)
    total = 0
    for b in range(first_row, last_row):
        filters = min(G, sums.shape[0] - b * G)
        for p in range(count):
            acc[:] = 0
            for g in range(filters):
                acc[g] = sums[b * G + g, first + p]
            for i in range(starts[b], starts[b + 1]):
                value = patches[slots[i], p]
                if value != 0:
                    for g in range(G):
                        product = scaled_product(np.int32(values[i, g]), value, half, amount)
                        exact = add32(acc[g], product)
                        kept = min(max(exact, low), high)
                        clamped[g] = add32(clamped[g], np.int32(exact != kept))
                        acc[g] = kept
            for g in range(filters):
                sums[b * G + g, first + p] = acc[g]
            for g in range(G):
                total += clamped[g]
                clamped[g] = 0
    return total


@jit(
    types.void(
        _PLANES, _WINDOW, array(_I64, 2, is_read_only=True), _FLAGS, _I64, _I64, _I64, _I64,
        array(types.int32, 2), array(_I64, 2),
    )
)  # fmt: skip
def scan_patches(
    planes: Int16s,
    window: Int64s,
    unit_rows: Int64s,
    m1: Flags,
    NC: int,
    Q: int,
    first: int,
    last: int,
    issued: Int32s,
    totals: Int64s,
) -> None:
    """Find where the patches of channels first..last-1 are non-zero.

    Args:
        planes: See above.
        window: See above.
        unit_rows: [units, rounds], the output row (from the instruction's first) that a unit
            processes in a round, -1 if none.
        m1: [Kred], the column has a non-zero weight.
        NC: Patches per unit and step.
        Q: Channels per chunk.
        first: First channel.
        last: One past the last channel.
        issued: [chunks, steps], increased by the reduction indices issued.
        totals: [3, Kred], written: steps in which any patch is non-zero at k, (unit, step) pairs
            for which this holds, non-zero patch elements.
    """
    R, S, sh, sw = window[0], window[1], window[2], window[3]
    dh, dw, pt, pl = window[4], window[5], window[6], window[7]
    W, OW, oy0, low, high = window[8], window[9], window[10], window[11], window[12]
    units, rounds = unit_rows.shape
    J = (OW + NC - 1) // NC
    found = np.zeros((high - low, S, J), np.uint8)
    counts = np.zeros((high - low, S, 2), np.int64)
    merged = np.zeros(J, np.uint8)
    for channel in range(first, last):
        for row in range(high - low):
            for s in range(S):
                words, elements = 0, 0
                for j in range(J):
                    here = 0
                    for ox in range(j * NC, min((j + 1) * NC, OW)):
                        ix = ox * sw - pl + s * dw
                        if 0 <= ix < W and planes[channel, row * W + ix] != 0:
                            here += 1
                    found[row, s, j] = here != 0
                    words += here != 0
                    elements += here
                counts[row, s, 0], counts[row, s, 1] = words, elements
        for r in range(R):
            for s in range(S):
                k = (channel * R + r) * S + s
                steps, words, elements = 0, 0, 0
                for t in range(rounds):
                    merged[:] = 0
                    for u in range(units):
                        row = (oy0 + unit_rows[u, t]) * sh - pt + r * dh - low
                        if unit_rows[u, t] >= 0 and 0 <= row < high - low:
                            words += counts[row, s, 0]
                            elements += counts[row, s, 1]
                            for j in range(J):
                                merged[j] |= found[row, s, j]
                    for j in range(J):
                        steps += merged[j]
                    if m1[k] != 0:
                        for j in range(J):
                            issued[channel // Q, t * J + j] += merged[j]
                totals[0, k], totals[1, k], totals[2, k] = steps, words, elements


@jit(
    types.UniTuple(_I64, 3)(
        array(_I64, 2, is_read_only=True), array(types.int32, 2, is_read_only=True),
        _I64, _I64, _I64,
    )
)  # fmt: skip
def run_clocks(
    im2col: Int64s, issued: Int32s, F: int, NC: int, is_accumulating: int
) -> tuple[int, int, int]:
    """Run the clocks of IM2COL and GEMM over all steps and chunks (sheet section 7).

    Args:
        im2col: [chunks, steps], cycles of IM2COL.
        issued: [chunks, steps], reduction indices issued.
        F: Filters per PE row.
        NC: Array columns.
        is_accumulating: 1 if sums are preloaded.

    Returns:
        The GEMM clock at the end, cycles that GEMM and that IM2COL waited for the other.
    """
    chunks, steps = im2col.shape
    a, b = NC, NC * F * is_accumulating
    gemm_stall, im2col_stall = 0, 0
    last, before_last = 0, 0
    for g in range(steps):
        if before_last > a:
            im2col_stall += before_last - a
            a = before_last
        for c in range(chunks):
            a += im2col[c, g]
            if a > b:
                gemm_stall += a - b
                b = a
            b += issued[c, g] * F
        before_last, last = last, b
        b += NC * F
    return b, gemm_stall, im2col_stall
