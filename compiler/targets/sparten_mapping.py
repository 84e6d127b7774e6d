"""SparTen's compile-time work on plain arrays: sets, ranks, split, blocks, segments (section 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...isa.errors import UnsupportedError
from ...isa.formats.sparsemap import cut_chunks, mask_bytes, record_sizes
from ...isa.targets.sparten import SpartenSpec
from ...isa.targets.sparten_shape import Positions
from ..backend.window import Window

Weights = npt.NDArray[np.int16]
Numbers = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

Bounds = list[tuple[int, int]]
"""First, and one past the last, of some filters, positions or chunks."""


@dataclass(frozen=True)
class Plan:
    """How a layer is cut.

    Args:
        shares: Shares of the positions (a_s).
        batch: Filter sets at a time (a_k).
        block: Positions of a share per run (PB).
    """

    shares: int
    batch: int
    block: int


@dataclass(frozen=True)
class Problem:
    """A layer in the sheet's terms; a matmul is one on maps of 1 x 1, its rows the images.

    Args:
        window: Geometry of an image.
        images: Their count.
        groups: Convolution groups.
        channels: Input channels of a group (Cg).
        filters: Filters of a group.
    """

    window: Window
    images: int
    groups: int
    channels: int
    filters: int

    @property
    def per_image(self) -> int:
        """Positions of an image."""
        return self.window.OH * self.window.OW

    @property
    def positions(self) -> int:
        """Positions of all images (P)."""
        return self.images * self.per_image

    def cut(self, layout: Plan) -> Positions:
        """How the positions are cut into shares and blocks."""
        return Positions(self.positions, self.per_image, layout.shares, layout.block)

    def chunks_per_pixel(self, spec: SpartenSpec) -> int:
        """Chunks of a pixel (nC)."""
        return -(-self.channels // spec.chunk)

    def sets(self, spec: SpartenSpec) -> Bounds:
        """The filter sets of a group, counted in its balanced order."""
        step = spec.set_filters
        return [(f, min(f + step, self.filters)) for f in range(0, self.filters, step)]


def plan(spec: SpartenSpec, problem: Problem) -> Plan | None:
    """Choose split and block (steps 4 and 5); None if not even one position fits."""
    block = choose_block(spec, problem)
    if not block:
        return None
    shares = choose_shares(spec, problem)
    return Plan(shares, spec.clusters // shares, block)


def choose_shares(spec: SpartenSpec, problem: Problem) -> int:
    """The divisor of the clusters with the least work, the larger one of two alike (step 4)."""
    rounds = [-(-(last - first) // spec.cus) for first, last in problem.sets(spec)]
    best, least = 1, None
    for shares in range(1, spec.clusters + 1):
        if spec.clusters % shares:
            continue
        batch = spec.clusters // shares
        longest = sum(max(rounds[at : at + batch]) for at in range(0, len(rounds), batch))
        cost = longest * -(-problem.positions // shares)
        if least is None or cost <= least:
            best, least = shares, cost
    return best


def choose_block(spec: SpartenSpec, problem: Problem) -> int:
    """Most positions per run whose input rows fit the input memory, 0 if none do (step 5)."""
    block = spec.pos_block
    while block and block_bytes(spec, problem, block) > spec.ibuf_bytes:
        block //= 2
    return block


def block_bytes(spec: SpartenSpec, problem: Problem, block: int) -> int:
    """Room for the input rows of so many positions."""
    window = problem.window
    rows = min(window.OH, -(-(block - 1) // window.OW) + 1)
    pixel = problem.chunks_per_pixel(spec) * mask_bytes(spec.chunk) + 2 * problem.channels
    return window.input_row_count(rows) * window.W * pixel


def block_count(cut: Positions) -> int:
    """Blocks of the share that has most."""
    count = 0
    while any(cut.part(share, count)[1] for share in range(cut.shares)):
        count += 1
    return count


# Filters -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Balance:
    """Where the filters of a layer go.

    Args:
        order: int32 [filters], the filter at each place of the balanced order, group by group.
        cus: uint8 [chunks or 1, filters], the CU of the filter at each place, chunk by chunk if it
            changes.
        segments: For each set, one past the last chunk of each segment.
    """

    order: npt.NDArray[np.int32]
    cus: Bytes
    segments: list[list[int]]


def filter_chunks(weights: Weights, chunk: int) -> Weights:
    """Filters [K, Cg, R, S] as chunks [K, R*S*nC, chunk], channels first (section 3)."""
    cut = cut_chunks(weights.transpose(0, 2, 3, 1), chunk)
    return cut.reshape(len(weights), -1, chunk)


def rank_cus(spec: SpartenSpec, ranks: Numbers) -> Bytes:
    """The CU of each rank: dense filters share one with sparse ones (step 2)."""
    if spec.gb == "none":
        return ranks.astype(np.uint8)
    return np.where(ranks < spec.cus, ranks, 2 * spec.cus - 1 - ranks).astype(np.uint8)


def balance(spec: SpartenSpec, problem: Problem, weights: Weights) -> Balance:
    """Order a layer's filters, give them their CUs, cut them into segments (steps 2 and 6).

    Args:
        spec: Parameters.
        problem: The layer.
        weights: [K, Cg, R, S].
    """
    orders: list[Numbers] = []
    tables: list[Bytes] = []
    segments: list[list[int]] = []
    for group in range(problem.groups):
        first = group * problem.filters
        mine = weights[first : first + problem.filters]
        order = np.arange(len(mine))
        if spec.gb != "none":
            totals = np.count_nonzero(mine.reshape(len(mine), -1), axis=1)
            order = np.argsort(-totals, kind="stable")
        orders.append(order + first)
        for low, high in problem.sets(spec):
            sizes = record_sizes(filter_chunks(mine[order[low:high]], spec.chunk)).T
            table = set_table(spec, sizes)
            tables.append(table)
            segments.append(cut_segments(spec, sizes, table))
    return Balance(
        np.concatenate(orders).astype(np.int32), np.concatenate(tables, axis=1), segments
    )


def set_table(spec: SpartenSpec, sizes: Numbers) -> Bytes:
    """The CU of each filter of a set, [chunks or 1, filters]; sizes: bytes [chunks, filters]."""
    count = sizes.shape[1]
    if spec.gb != "H":
        return rank_cus(spec, np.arange(count, dtype=np.int64))[None]
    # Ranks are by nonzeros, and a record's bytes grow with them.
    by_rank = np.argsort(-sizes, axis=1, kind="stable")
    ranks = np.empty(sizes.shape, np.int64)
    np.put_along_axis(ranks, by_rank, np.arange(count, dtype=np.int64)[None], axis=1)
    return rank_cus(spec, ranks)


def cut_segments(spec: SpartenSpec, sizes: Numbers, table: Bytes) -> list[int]:
    """One past the last chunk of each segment of a set, whose records fit the CUs (step 6).

    Raises:
        UnsupportedError: A single chunk does not fit.
    """
    chunks = len(sizes)
    keys = np.broadcast_to(table, sizes.shape) + spec.cus * np.arange(chunks)[:, None]
    loads = np.bincount(keys.reshape(-1), sizes.reshape(-1), chunks * spec.cus)
    totals = np.cumsum(loads.reshape(chunks, spec.cus), axis=0)
    ends: list[int] = []
    before, low = np.zeros(spec.cus), 0
    while low < chunks:
        most = (totals[low:] - before).max(axis=1)
        count = int(np.searchsorted(most, spec.fbuf_bytes, side="right"))
        if not count:
            raise UnsupportedError(
                f"chunk {low} needs {int(most[0])} bytes of a CU, but its memory has fbuf_bytes = "
                f"{spec.fbuf_bytes}",
                hint="raise fbuf_bytes with --set",
            )
        low += count
        ends.append(low)
        before = totals[low - 1]
    return ends
