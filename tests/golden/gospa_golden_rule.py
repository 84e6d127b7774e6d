"""The recurrence of `gospa` (gospa sheet, section 7), from masks alone."""

from collections.abc import Sequence

import numpy as np

from .ddn_golden_plan import Ints
from .gospa_golden_plan import GospaSpec, Tile
from .two_sided_conv import Conv, ceil_div


def under_positions(conv: Conv, tile: Tile, channel: Ints) -> Ints:
    """n[p]: outputs of the tile whose input under position p is in the map and nonzero."""
    (uh, uw), (dh, dw) = conv.stride, conv.dilation
    top, left, bottom, right = conv.pads
    mask = np.pad(channel != 0, ((top, bottom), (left, right)))
    n = np.zeros((conv.R, conv.S), dtype=np.int64)
    for r in range(conv.R):
        for s in range(conv.S):
            y, x = tile.e0 * uh + r * dh, tile.f0 * uw + s * dw
            part = mask[y : y + (tile.eh - 1) * uh + 1 : uh, x : x + (tile.ew - 1) * uw + 1 : uw]
            assert part.shape == (tile.eh, tile.ew)
            n[r, s] = part.sum()
    return n.reshape(-1)


def first_free(spec: GospaSpec, delivered: Sequence[int], nnz: int) -> int:
    """Smallest m such that the delivered slots m+1 .. together with this one fit the ring."""
    for m in range(len(delivered) + 1):
        after = delivered[m:]
        if sum(after) + nnz <= spec.ring_entries and len(after) + 1 <= spec.ring_slots:
            return m
    raise AssertionError("a slot is larger than the ring")


def row_cycles(
    spec: GospaSpec, conv: Conv, x: Ints, w: Ints, tile: Tile, filters: Sequence[int],
    channels: range,
) -> int:  # fmt: skip
    """Cycles of a row that has these filters, for the channels of a chunk.

    x [Cg][H][W] are the channels of the conv group in the tile's image; w is [K][Cg][R][S].
    """
    rows, columns = tile.box(conv)
    bits = len(rows) * len(columns)
    g, f = 0, np.zeros(len(filters), dtype=np.int64)
    sizes: list[int] = []
    d = [0]
    for c in channels:
        bitmaps = (w[list(filters), c] != 0).reshape(len(filters), -1).astype(np.int64)
        ssf = bitmaps.any(axis=0)
        if not ssf.any():
            continue
        box = x[
            c, rows.start : rows.start + len(rows), columns.start : columns.start + len(columns)
        ]
        nnz = int(np.count_nonzero(box)) if bits else 0
        n = under_positions(conv, tile, x[c])
        start = max(g, d[first_free(spec, sizes, nnz)])
        g = start + max(1, ceil_div(bits, spec.bm_bits), ceil_div(nnz, spec.act_rd))
        if n[ssf].sum() > 0:
            f = np.maximum(f, g) + np.maximum(1, bitmaps @ n)
            sizes.append(nnz)
            d.append(int(f.max()))
    return max(g, int(f.max()))
