"""GoSPA's loops over data: the two clocks of a row, patches, sparse sums. Imports numba.

Kernels check nothing: whoever calls them has verified what it passes. Bits of masks are numbered
from the least significant one of the first word on.
"""

import numpy as np
import numpy.typing as npt

from ..jit import array, jit, popcount, types

Masks = npt.NDArray[np.uint64]
Int16s = npt.NDArray[np.int16]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Flags = npt.NDArray[np.uint8]

COUNTERS = (
    "slots", "apu_scanned", "apu_kept", "pairs_generated", "pairs_kept", "act_words_bitmap",
    "act_words_value", "macs_effectual", "wmem_reads", "wbm_reads", "empty_slot_cycles",
)  # fmt: skip
"""What `run_row` counts, in this order; the largest slot in activations comes behind them."""
RULES = ("bits", "bm_bits", "act_rd", "ring_entries", "ring_slots")
"""What the entries of `rules` are; the first is of the tile, the others are the machine's."""

_I64 = types.int64
_U64 = types.uint64
_MASK = array(_U64, 1, is_read_only=True)
_MASKS = array(_U64, 2, is_read_only=True)
_SETS = array(types.uint8, 2, is_read_only=True)
_NUMBERS = array(_I64, 1, is_read_only=True)
_VALUES = array(types.int16, 2, is_read_only=True)
_PLACES = array(types.int32, 2, is_read_only=True)
_ONE = np.uint64(1)


@jit(
    _I64(_MASK, _MASKS, _MASK, _SETS, array(types.int32, 1), array(_U64, 1), array(_I64, 1)),
    inline="always",
)
def _expand(
    box: Masks,
    reach: Masks,
    allowed: Masks,
    is_set: Flags,
    work: Int32s,
    union: Masks,
    counts: Int64s,
) -> int:
    """Expand a channel's activations and filter them; the pairs that are kept.

    Args:
        box: [words], the channel's bitmap.
        reach: As for `run_row`.
        allowed: [2], its static sparsity filter.
        is_set: [R*S, filters].
        work: [filters], set to the MACs of each PE.
        union: [words], set to the activations that a kept position meets.
        counts: Is added to.
    """
    taps, pes = is_set.shape
    words = box.shape[0]
    work[:] = 0
    union[:] = 0
    kept_pairs = 0
    for p in range(taps):
        n = 0
        for w in range(words):
            n += popcount(box[w] & reach[p, w])
        if n == 0:
            continue
        counts[3] += n
        if (allowed[p // 64] >> np.uint64(p % 64)) & _ONE == 0:
            continue
        kept_pairs += n
        for w in range(words):
            union[w] |= reach[p, w]
        weights = 0
        for k in range(pes):
            work[k] += np.int32(n) * np.int32(is_set[p, k])
            weights += is_set[p, k]
        counts[8] += weights
    return kept_pairs


@jit(
    _I64(_I64, array(types.int32, 1, is_read_only=True), array(_I64, 1), array(_I64, 1)),
    inline="always",
)
def _multiply(ready: int, work: Int32s, finish: Int64s, counts: Int64s) -> int:
    """Let all PEs pass a slot that is delivered at `ready`; when the slowest has."""
    slowest = 0
    for k in range(work.shape[0]):
        counts[7] += work[k]
        if work[k] == 0:
            counts[10] += 1
        finish[k] = max(finish[k], ready) + max(1, work[k])
        slowest = max(slowest, finish[k])
    return slowest


@jit(_I64(_MASKS, _MASKS, _MASKS, array(types.uint8, 3, is_read_only=True), _NUMBERS,
          array(_I64, 1)))  # fmt: skip
def run_row(
    boxes: Masks, reach: Masks, filters: Masks, is_set: Flags, rules: Int64s, counts: Int64s
) -> int:
    """The cycles of a row, and its counters (gospa sheet, sections 7 and 8).

    Args:
        boxes: [nch, words], the box bitmap of each channel.
        reach: [R*S, words], the activations that a kernel position meets in the tile.
        filters: [nch, 2], the static sparsity filter of each channel.
        is_set: [nch, R*S, filters], 1 where a weight is not zero.
        rules: See `RULES`.
        counts: Is added to, see `COUNTERS`.
    """
    nch, words = boxes.shape
    pes = is_set.shape[2]
    bits, bm_bits, act_rd, entries, most = rules[0], rules[1], rules[2], rules[3], rules[4]
    scan = max(1, (bits + bm_bits - 1) // bm_bits)
    done, held = np.zeros(nch + 1, np.int64), np.zeros(nch + 1, np.int64)
    finish, work = np.zeros(pes, np.int64), np.zeros(pes, np.int32)
    union = np.zeros(words, np.uint64)
    ready = last = 0
    for c in range(nch):
        if filters[c, 0] == 0 and filters[c, 1] == 0:
            continue
        kept_pairs = _expand(boxes[c], reach, filters[c], is_set[c], work, union, counts)
        nnz = 0
        for w in range(words):
            nnz += popcount(boxes[c, w])
            counts[2] += popcount(boxes[c, w] & union[w])
        counts[0] += 1
        counts[1] += nnz
        counts[4] += kept_pairs
        counts[5] += (bits + 63) // 64
        counts[6] += (nnz + 3) // 4
        counts[11] = max(counts[11], nnz)
        m = last
        while m > 0 and last - m + 2 <= most and held[last] - held[m - 1] + nnz <= entries:
            m -= 1
        ready = max(ready, done[m]) + max(scan, (nnz + act_rd - 1) // act_rd)
        if kept_pairs:
            last += 1
            held[last] = held[last - 1] + nnz
            counts[9] += pes
            done[last] = _multiply(ready, work, finish, counts)
    return max(ready, done[last])


@jit(types.void(_VALUES, _PLACES, _I64, array(types.float64, 2)))
def fill_patches(
    values: Int16s, places: Int32s, first: int, patches: npt.NDArray[np.float64]
) -> None:
    """Write the patches of a tile: patches[c*taps + p, first + cid].

    Args:
        values: [nch, bits], the boxes.
        places: [taps, area], where the input of an output lies in its box, -1 in the padding.
        first: Column of cid 0.
        patches: [nch*taps, columns].
    """
    taps, area = places.shape
    for c in range(values.shape[0]):
        for p in range(taps):
            row = c * taps + p
            for cid in range(area):
                at = places[p, cid]
                patches[row, first + cid] = values[c, at] if at >= 0 else 0


@jit(types.void(array(types.int16, 3, is_read_only=True), _VALUES, _PLACES, array(_I64, 2)))
def add_few(weights: Int16s, values: Int16s, places: Int32s, sums: Int64s) -> None:
    """Add a tile of few outputs, product by product.

    Args:
        weights: [filters, nch, taps].
        values: [nch, bits].
        places: [taps, area], as for `fill_patches`.
        sums: [filters, area], is added to.
    """
    pes, nch, taps = weights.shape
    area = places.shape[1]
    for k in range(pes):
        for cid in range(area):
            total = 0
            for c in range(nch):
                for p in range(taps):
                    at = places[p, cid]
                    if at >= 0:
                        total += np.int64(weights[k, c, p]) * np.int64(values[c, at])
            sums[k, cid] += total


@jit(types.void(array(types.int16, 3, is_read_only=True), array(types.uint8, 3)))
def find_set(weights: Int16s, is_set: Flags) -> None:
    """Write is_set[c, p, k] = 1 where weights[k, c, p] is not zero."""
    pes, nch, taps = weights.shape
    for c in range(nch):
        for k in range(pes):
            for p in range(taps):
                is_set[c, p, k] = weights[k, c, p] != 0
