"""SparTen's loops over data: joins of masks, and the columns that are multiplied. Imports numba.

Kernels check nothing: whoever calls them has verified what it passes. Common arguments:

- pixels: [positions, taps] int64, the pixel of the band under each tap, -1 outside the map;
- chunk i of a filter is chunk i mod nc of tap i div nc.
"""

import numpy as np
import numpy.typing as npt

from ..jit import array, jit, popcount, types

Bytes = npt.NDArray[np.uint8]
Int64s = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

TOTALS = ("broadcasts", "matches", "cost", "values", "cu_writes")
"""What `join_chunks` adds up: chunks broadcast, matches, cycles of all joins, values of the chunks,
and those values written to every CU that has a filter there."""
RULES = ("cu_count", "lo", "chunk", "join_lat", "join_bubble", "bus_bits", "rho")
"""What the entries of `rules` are: CUs, the segment's first chunk, values of a chunk, cycles of a
join without a match and between joins, bits of the broadcast per cycle, cycles through the
permutation network or 0."""

_I64 = types.int64
_PIXELS = array(_I64, 2, is_read_only=True)


@jit(types.void(_PIXELS, array(types.float64, 2, is_read_only=True), _I64, _I64, _I64, _I64,
                array(types.float64, 2)))  # fmt: skip
def fill_columns(
    pixels: Int64s, band: Floats, lo: int, hi: int, nc: int, chunk: int, columns: Floats
) -> None:
    """Write the values that chunks lo..hi-1 meet, position by position; 0 outside the map.

    Args:
        pixels: Under the taps.
        band: [pixels, channels].
        lo: First chunk.
        hi: One past the last chunk.
        nc: Chunks of a pixel.
        chunk: Values of a chunk.
        columns: [positions, values of the chunks], to be filled.
    """
    channels = band.shape[1]
    for position in range(pixels.shape[0]):
        at = 0
        for index in range(lo, hi):
            first = index % nc * chunk
            width = min(chunk, channels - first)
            pixel = pixels[position, index // nc]
            if pixel < 0:
                columns[position, at : at + width] = 0.0
            else:
                columns[position, at : at + width] = band[pixel, first : first + width]
            at += width


@jit(
    _I64(
        array(types.uint64, 1, is_read_only=True), array(types.uint64, 2, is_read_only=True),
        array(types.uint8, 1, is_read_only=True), _I64, _I64, array(_I64, 1), array(_I64, 1),
        array(_I64, 1),
    ),
    inline="always",
)  # fmt: skip
def _join(
    mask: Words,
    filters: Words,
    cus: Bytes,
    join_lat: int,
    join_bubble: int,
    matches: Int64s,
    work: Int64s,
    totals: Int64s,
) -> int:
    """Join a chunk with a chunk of all filters; the cycles of the slowest CU.

    Args:
        mask: [words], of the input chunk.
        filters: [words, filters].
        cus: [filters], the CU of each.
        join_lat: See `RULES`.
        join_bubble: See `RULES`.
        matches: [filters], written to.
        work: [CUs], written to.
        totals: Is added to.
    """
    words, count = filters.shape
    matches[:] = 0
    for word in range(words):
        for k in range(count):
            matches[k] += popcount(mask[word] & filters[word, k])
    work[:] = 0
    slowest = np.int64(0)
    for k in range(count):
        cost = max(join_lat, matches[k]) + join_bubble
        totals[1] += matches[k]
        totals[2] += cost
        total = work[cus[k]] + cost
        work[cus[k]] = total
        slowest = max(slowest, total)
    return int(slowest)


@jit(array(_I64, 1)(array(types.uint8, 2, is_read_only=True), _I64))
def _count_users(cus: Bytes, cu_count: int) -> Int64s:
    """How many CUs have a filter, [chunks or 1]."""
    users = np.zeros(cus.shape[0], np.int64)
    for row in range(cus.shape[0]):
        has_filter = np.zeros(cu_count, np.int64)
        for k in range(cus.shape[1]):
            has_filter[cus[row, k]] = 1
        users[row] = np.count_nonzero(has_filter)
    return users


@jit(
    _I64(
        _PIXELS, array(types.uint64, 3, is_read_only=True), _PIXELS,
        array(types.uint64, 3, is_read_only=True), array(types.uint8, 2, is_read_only=True),
        array(_I64, 1, is_read_only=True), array(_I64, 1),
    )
)  # fmt: skip
def join_chunks(
    pixels: Int64s,
    masks: Words,
    counts: Int64s,
    filters: Words,
    cus: Bytes,
    rules: Int64s,
    totals: Int64s,
) -> int:
    """Join the chunks under some positions with a set's filters: section 7 for one cluster.

    Args:
        pixels: Under the taps.
        masks: [pixels, nc, words], of the band.
        counts: [pixels, nc], nonzeros.
        filters: [chunks, words, filters], masks of the segment's chunks.
        cus: [chunks or 1, filters], the CU of each filter.
        rules: See `RULES`.
        totals: See TOTALS, added to.

    Returns:
        The cluster's cycles, without `pipe`.
    """
    nc, lo, chunk, bus_bits, rho = masks.shape[1], rules[1], rules[2], rules[5], rules[6]
    cu_count, join_lat, join_bubble = rules[0], rules[3], rules[4]
    matches, work = np.empty(filters.shape[2], np.int64), np.empty(cu_count, np.int64)
    users = _count_users(cus, cu_count)
    cycles = np.int64(0)
    longest = np.int64(-1)  # the chunk before: joins, or its predecessor's psums
    for position in range(pixels.shape[0]):
        for i in range(filters.shape[0]):
            pixel = pixels[position, (lo + i) // nc]
            if pixel < 0:
                continue
            part = (lo + i) % nc
            row = i if cus.shape[0] > 1 else 0
            nonzeros = counts[pixel, part]
            load = max(1, (chunk + 16 * nonzeros + bus_bits - 1) // bus_bits)
            cycles += max(longest, load)  # before the first chunk, longest is less
            slowest = _join(
                masks[pixel, part], filters[i], cus[row], join_lat, join_bubble, matches, work,
                totals,
            )  # fmt: skip
            longest = slowest if longest < 0 else max(slowest, rho)
            totals[0] += 1
            totals[3] += nonzeros
            totals[4] += nonzeros * users[row]
    return int(cycles + longest + rho) if longest >= 0 else 0
