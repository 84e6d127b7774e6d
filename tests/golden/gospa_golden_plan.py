"""How `gospa` cuts a layer: mapping search, tiles, chunks, loop order (gospa sheet, section 6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .ddn_golden_plan import Ints
from .two_sided_conv import Conv, UnmappableError, ceil_div

FOLD = 64
"""Features of a folded fully connected layer that become the PIDs of one channel."""
MOST_PIDS = 128


@dataclass(frozen=True)
class GospaSpec:
    """The parameters of sheet section 2, under the names given there."""

    n_apu: int = 4
    cols: int = 32
    acc_entries: int = 64
    ring_entries: int = 2048
    ring_slots: int = 16
    bm_bits: int = 64
    act_rd: int = 4
    pipe: int = 4
    act_half: int = 32768
    w_half: int = 1536
    acc_bits: int = 32
    tile_ov: int = 16
    sort_filters: int = 0


@dataclass(frozen=True)
class Mapping:
    """What the search chose.

    Attributes:
        a_s, a_k: rows by tiles and rows by filter groups.
        te, tf: full tile; bh, bw: its box, not clipped.
        cost: what it was chosen for.
    """

    a_s: int
    a_k: int
    te: int
    tf: int
    bh: int
    bw: int
    cost: int

    @property
    def box(self) -> int:
        """Positions of the dense box."""
        return self.bh * self.bw

    @property
    def slot_halfwords(self) -> int:
        """Activation buffer that a channel may need."""
        return self.box + ceil_div(self.box, 16)


@dataclass(frozen=True)
class Tile:
    """Outputs [e0,e1) x [f0,f1) of image n."""

    n: int
    e0: int
    e1: int
    f0: int
    f1: int

    @property
    def eh(self) -> int:
        """Rows."""
        return self.e1 - self.e0

    @property
    def ew(self) -> int:
        """Columns."""
        return self.f1 - self.f0

    @property
    def area(self) -> int:
        """Outputs."""
        return self.eh * self.ew

    def box(self, conv: Conv) -> tuple[range, range]:
        """Give the input rows and columns that the tile reads; empty if all of it is padding."""
        top, left, _, _ = conv.pads
        (uh, uw), (dh, dw) = conv.stride, conv.dilation
        h_lo, w_lo = max(0, self.e0 * uh - top), max(0, self.f0 * uw - left)
        h_hi = min(conv.H, (self.e1 - 1) * uh - top + (conv.R - 1) * dh + 1)
        w_hi = min(conv.W, (self.f1 - 1) * uw - left + (conv.S - 1) * dw + 1)
        return range(h_lo, h_hi), range(w_lo, w_hi)


@dataclass(frozen=True)
class Block:
    """A k-block.

    Attributes:
        filters: true indices in the order of the PEs; filter q sits in row group q div cols.
        chunks: channels (inside the conv group) of every chunk.
    """

    filters: list[int]
    chunks: list[range]


@dataclass(frozen=True)
class Plan:
    """A layer cut up: `blocks` by conv group; `order` is W or A."""

    mapping: Mapping
    tiles: list[Tile]
    blocks: list[list[Block]]
    order: str

    @property
    def tile_sets(self) -> list[list[Tile]]:
        """Tiles that the rows work on at the same time."""
        step = self.mapping.a_s
        return [self.tiles[at : at + step] for at in range(0, len(self.tiles), step)]


def fold(features: Ints) -> Ints:
    """Fold [rows][C] of a fully connected layer to [rows][ceil(C/64)][1][64]; the tail is zero."""
    rows, C = features.shape
    padded = np.zeros((rows, FOLD * ceil_div(C, FOLD)), dtype=np.int64)
    padded[:, :C] = features
    return padded.reshape(rows, -1, 1, FOLD)


def filter_order(spec: GospaSpec, conv: Conv, w: Ints, g: int) -> list[int]:
    """Step 2: true indices of the filters of a conv group."""
    natural = list(range(g * conv.Kg, (g + 1) * conv.Kg))
    if not spec.sort_filters:
        return natural
    return sorted(natural, key=lambda k: (-int(np.count_nonzero(w[k])), k))


def grid(conv: Conv, te: int, tf: int) -> list[Tile]:
    """Cut all images into tiles of te x tf, the last ones short."""
    return [
        Tile(n, e0, min(e0 + te, conv.E), f0, min(f0 + tf, conv.F))
        for n in range(conv.N)
        for e0 in range(0, conv.E, te)
        for f0 in range(0, conv.F, tf)
    ]


def search(spec: GospaSpec, conv: Conv) -> Mapping:
    """Step 3.

    Raises:
        UnmappableError: no tile fits the memories.
    """
    if conv.R * conv.S > MOST_PIDS:
        raise UnmappableError(f"{conv.R}x{conv.S} kernel")
    (uh, uw), (dh, dw) = conv.stride, conv.dilation
    groups = ceil_div(conv.Kg, spec.cols)
    found: list[tuple[tuple[int, ...], Mapping]] = []
    for te in range(1, conv.E + 1):
        for tf in range(1, conv.F + 1):
            bh = (te - 1) * uh + (conv.R - 1) * dh + 1
            bw = (tf - 1) * uw + (conv.S - 1) * dw + 1
            box = bh * bw
            if te * tf > spec.acc_entries or 2 * box > spec.ring_entries:
                continue
            if box + ceil_div(box, 16) > spec.act_half:
                continue
            areas = sorted((tile.area for tile in grid(conv, te, tf)), reverse=True)
            for a_s in range(1, spec.n_apu + 1):
                if spec.n_apu % a_s:
                    continue
                a_k = spec.n_apu // a_s
                cost = ceil_div(groups, a_k) * sum(area + spec.tile_ov for area in areas[::a_s])
                key = (cost, len(areas), box, -a_s, -tf, -te)
                found.append((key, Mapping(a_s, a_k, te, tf, bh, bw, cost)))
    if not found:
        raise UnmappableError("no tile fits")
    return min(found, key=lambda pair: pair[0])[1]


def tile_list(conv: Conv, mapping: Mapping) -> list[Tile]:
    """Step 4."""
    tiles = grid(conv, mapping.te, mapping.tf)
    return sorted(tiles, key=lambda tile: (-tile.area, tile.n, tile.e0, tile.f0))


def weight_halfwords(w: Ints, k: int, c: int) -> int:
    """What channel c of filter k takes in the weight memory of its PE."""
    _, _, R, S = w.shape
    return ceil_div(R * S, 16) + int(np.count_nonzero(w[k, c]))


def chunks(spec: GospaSpec, w: Ints, filters: Sequence[int], mapping: Mapping) -> list[range]:
    """Step 5: the channels of every chunk of a k-block.

    Raises:
        UnmappableError: one channel of one filter exceeds half a weight memory.
    """
    cuts, used, slots = [0], dict.fromkeys(filters, 0), 0
    for c in range(w.shape[1]):
        need = {k: weight_halfwords(w, k, c) for k in filters}
        if max(need.values()) > spec.w_half:
            raise UnmappableError(f"channel {c} exceeds half a weight memory")
        is_full = any(used[k] + need[k] > spec.w_half for k in filters)
        if is_full or (slots + 1) * mapping.slot_halfwords > spec.act_half:
            cuts.append(c)
            used, slots = dict.fromkeys(filters, 0), 0
        used = {k: used[k] + need[k] for k in filters}
        slots += 1
    cuts.append(w.shape[1])
    return [range(a, b) for a, b in pairwise(cuts)]


def block_bytes(w: Ints, filters: Sequence[int]) -> int:
    """Weight bytes of a k-block (step 6)."""
    return 2 * sum(weight_halfwords(w, k, c) for k in filters for c in range(w.shape[1]))


def all_blocks_fit(spec: GospaSpec, w: Ints, blocks: Sequence[Block]) -> bool:
    """Whether the weights of all k-blocks together stay in the PEs."""
    for q in range(len(blocks[0].filters)):
        own = [block.filters[q] for block in blocks if q < len(block.filters)]
        if block_bytes(w, own) > 2 * 2 * spec.w_half:
            return False
    return True


def weight_passes(
    spec: GospaSpec, w: Ints, blocks: Sequence[Block], block: Block, order: str, sets: int
) -> int:
    """How often the weights of a k-block are loaded."""
    fits = len(block.chunks) <= 2 if order == "W" else all_blocks_fit(spec, w, blocks)
    return 1 if fits else sets


def act_passes(blocks: Sequence[Block], order: str) -> int:
    """How often the activations of a tile are loaded for a conv group."""
    if order == "A" and all(len(block.chunks) <= 2 for block in blocks):
        return 1
    return len(blocks)


def estimate(
    spec: GospaSpec, conv: Conv, w: Ints, blocks: Sequence[Block], mapping: Mapping, order: str
) -> int:
    """DRAM bytes of one conv group, as step 6 estimates them."""
    tiles = len(grid(conv, mapping.te, mapping.tf))
    sets = ceil_div(tiles, mapping.a_s)
    weights = sum(
        block_bytes(w, block.filters) * weight_passes(spec, w, blocks, block, order, sets)
        for block in blocks
    )
    acts = 2 * conv.Cg * mapping.slot_halfwords * tiles
    return weights + acts * act_passes(blocks, order)


def plan(spec: GospaSpec, conv: Conv, w: Ints) -> Plan:
    """Do steps 2 to 6."""
    mapping = search(spec, conv)
    size = mapping.a_k * spec.cols
    groups: list[list[Block]] = []
    for g in range(conv.groups):
        order = filter_order(spec, conv, w, g)
        parts = [order[at : at + size] for at in range(0, len(order), size)]
        groups.append([Block(part, chunks(spec, w, part, mapping)) for part in parts])
    by_order = {
        order: sum(estimate(spec, conv, w, blocks, mapping, order) for blocks in groups)
        for order in "WA"
    }
    chosen = "W" if by_order["W"] <= by_order["A"] else "A"
    return Plan(mapping, tile_list(conv, mapping), groups, chosen)
