"""How `sparten` cuts a layer: sets, balancing, split, blocks, segments (its sheet, section 6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from .ddn_golden_plan import Ints
from .sparten_golden_bits import CHUNK, MASK_BYTES
from .two_sided_conv import Conv, UnmappableError, ceil_div

T = TypeVar("T")


@dataclass(frozen=True)
class SpartenSpec:
    """The parameters of sheet section 2, under the names given there."""

    clusters: int = 4
    cus: int = 32
    gb: str = "H"
    join_lat: int = 1
    join_bubble: int = 1
    bus_bits: int = 256
    perm_bw: int = 32
    pipe: int = 6
    pos_block: int = 64
    ibuf_bytes: int = 262144
    fbuf_bytes: int = 16384
    acc_bits: int = 32

    @property
    def set_size(self) -> int:
        """Filters of a full set."""
        return self.cus if self.gb == "none" else 2 * self.cus


@dataclass(frozen=True)
class FilterSet:
    """Filters that share a cluster.

    Attributes:
        filters: true indices by position in the set.
        cu: per chunk, the CU of every position.
        segments: chunks that are in the filter memories at the same time.
    """

    filters: list[int]
    cu: list[list[int]]
    segments: list[range]


@dataclass(frozen=True)
class Plan:
    """A layer cut up.

    Attributes:
        a_s, a_k: clusters by shares of positions and by sets.
        PB: positions of a block.
        batches: per conv group, batches of sets.
        blocks: per share, its blocks of positions.
    """

    a_s: int
    a_k: int
    PB: int
    batches: list[list[list[FilterSet]]]
    blocks: list[list[range]]


def chunk_count(conv: Conv) -> int:
    """Chunks per filter."""
    return conv.R * conv.S * ceil_div(conv.Cg, CHUNK)


def chunk_nonzeros(conv: Conv, w: Ints, k: int) -> list[int]:
    """Nonzeros of every chunk of a filter."""
    counts: list[int] = []
    for r in range(conv.R):
        for s in range(conv.S):
            for c in range(0, conv.Cg, CHUNK):
                counts.append(int(np.count_nonzero(w[k, c : c + CHUNK, r, s])))
    return counts


def filter_sets(spec: SpartenSpec, conv: Conv, w: Ints, g: int) -> list[list[int]]:
    """Step 2: the filters of every set of a conv group."""
    order = list(range(g * conv.Kg, (g + 1) * conv.Kg))
    if spec.gb != "none":
        order.sort(key=lambda k: (-int(np.count_nonzero(w[k])), k))
    return [order[at : at + spec.set_size] for at in range(0, len(order), spec.set_size)]


def cu_of_rank(spec: SpartenSpec, rank: int) -> int:
    """Fold the ranks: dense filters meet sparse ones."""
    return rank if rank < spec.cus else 2 * spec.cus - 1 - rank


def assignment(spec: SpartenSpec, counts: Sequence[Sequence[int]]) -> list[list[int]]:
    """Give per chunk the CU of every filter of a set; `counts` are [filter][chunk] nonzeros."""
    positions = range(len(counts))
    rows: list[list[int]] = []
    for i in range(len(counts[0])):
        ranked = list(positions)
        if spec.gb == "H":
            ranked.sort(key=lambda t: (-counts[t][i], t))
        row = [0] * len(counts)
        for rank, position in enumerate(ranked):
            row[position] = cu_of_rank(spec, rank)
        rows.append(row)
    return rows


def segments(
    spec: SpartenSpec, counts: Sequence[Sequence[int]], cu: Sequence[Sequence[int]]
) -> list[range]:
    """Step 6: cut the chunks of a set where a filter memory is full.

    Raises:
        UnmappableError: one chunk does not fit.
    """
    cuts, used = [0], [0] * spec.cus
    for i, row in enumerate(cu):
        need = [0] * spec.cus
        for position, j in enumerate(row):
            need[j] += MASK_BYTES + 2 * counts[position][i]
        if max(need) > spec.fbuf_bytes:
            raise UnmappableError(f"chunk {i} exceeds a filter memory")
        if any(a + b > spec.fbuf_bytes for a, b in zip(used, need, strict=True)):
            cuts.append(i)
            used = [0] * spec.cus
        used = [a + b for a, b in zip(used, need, strict=True)]
    ends = [*cuts[1:], len(cu)]
    return [range(a, b) for a, b in zip(cuts, ends, strict=True)]


def batches_of(sets: list[T], a_k: int) -> list[list[T]]:
    """Group consecutive sets."""
    return [sets[at : at + a_k] for at in range(0, len(sets), a_k)]


def split(spec: SpartenSpec, conv: Conv) -> tuple[int, int]:
    """Step 4: a_s and a_k."""
    sizes = [min(spec.set_size, conv.Kg - at) for at in range(0, conv.Kg, spec.set_size)]
    P = conv.N * conv.E * conv.F
    found: list[tuple[int, int]] = []
    for a_s in range(1, spec.clusters + 1):
        if spec.clusters % a_s == 0:
            batches = batches_of(sizes, spec.clusters // a_s)
            loads = sum(max(ceil_div(size, spec.cus) for size in batch) for batch in batches)
            found.append((loads * ceil_div(P, a_s), -a_s))
    a_s = -min(found)[1]
    return a_s, spec.clusters // a_s


def block_size(spec: SpartenSpec, conv: Conv) -> int:
    """Step 5: PB.

    Raises:
        UnmappableError: not even the rows of one position fit.
    """
    pixel = MASK_BYTES * ceil_div(conv.Cg, CHUNK) + 2 * conv.Cg
    size = spec.pos_block
    while size:
        rows = min(conv.E, ceil_div(size - 1, conv.F) + 1)
        hin = min(conv.H, (rows - 1) * conv.stride[0] + (conv.R - 1) * conv.dilation[0] + 1)
        if hin * conv.W * pixel <= spec.ibuf_bytes:
            return size
        size //= 2
    raise UnmappableError("input rows exceed the input memory")


def blocks(conv: Conv, a_s: int, q: int, PB: int) -> list[range]:
    """Cut share q at image boundaries and every PB positions."""
    P, image = conv.N * conv.E * conv.F, conv.E * conv.F
    share = ceil_div(P, a_s)
    at, end = q * share, min(P, (q + 1) * share)
    found: list[range] = []
    while at < end:
        stop = min(at + PB, end, (at // image + 1) * image)
        found.append(range(at, stop))
        at = stop
    return found


def plan(spec: SpartenSpec, conv: Conv, w: Ints) -> Plan:
    """Do all of section 6."""
    a_s, a_k = split(spec, conv)
    PB = block_size(spec, conv)
    groups: list[list[list[FilterSet]]] = []
    for g in range(conv.groups):
        sets: list[FilterSet] = []
        for filters in filter_sets(spec, conv, w, g):
            counts = [chunk_nonzeros(conv, w, k) for k in filters]
            cu = assignment(spec, counts)
            sets.append(FilterSet(filters, cu, segments(spec, counts, cu)))
        groups.append(batches_of(sets, a_k))
    return Plan(a_s, a_k, PB, groups, [blocks(conv, a_s, q, PB) for q in range(a_s)])
