"""The order of a layer's work on GoSPA (gospa sheet, section 6, steps 2, 5 and 6).

Filters, k-blocks of them, chunks of channels, loops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...isa.errors import UnsupportedError
from ...isa.formats.gospa_vectors import bitmap_halfwords
from ...isa.targets.gospa import GospaSpec
from .gospa_mapping import Layer, Mapping

Counts = npt.NDArray[np.int64]

BY_FILTERS, BY_TILES = "W", "A"
"""Loop orders: a k-block's filters over all tiles; all k-blocks over a set of tiles."""


class Chunk(NamedTuple):
    """Channels c0..c1-1 of a group; the longest of their streams takes `room` halfwords."""

    c0: int
    c1: int
    room: int


class Block(NamedTuple):
    """A k-block: filters f0..f1-1 of the filter order, all of one conv group, and its chunks."""

    group: int
    f0: int
    f1: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True)
class Order:
    """The order in which a layer's work is done (section 6, steps 2, 5 and 6).

    Args:
        loops: `BY_FILTERS` or `BY_TILES`.
        filters: The filter order, empty if natural.
        blocks: All k-blocks.
        behind: Conv groups whose streams a PE keeps one behind the other: those of all k-blocks
            fit, but from bases that all PEs have in common they do not.
    """

    loops: str
    filters: tuple[int, ...]
    blocks: tuple[Block, ...]
    behind: tuple[int, ...] = ()

    def block_numbers(self) -> list[list[int]]:
        """Every block as [group, f0, f1, then of each chunk c0, c1, room]."""
        return [[*block[:3], *(n for chunk in block.chunks for n in chunk)] for block in self]

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Order:
        """The order whose loops, filters, `block_numbers` and groups `behind` are given."""
        blocks: list[Block] = []
        for group, f0, f1, *rest in plain["blocks"]:
            chunks = (Chunk(*rest[at : at + 3]) for at in range(0, len(rest), 3))
            blocks.append(Block(group, f0, f1, tuple(chunks)))
        behind = tuple(plain.get("behind", ()))
        return cls(plain["loops"], tuple(plain["filters"]), tuple(blocks), behind)

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    def true_filters(self, block: Block) -> list[int]:
        """The model's indices of a block's filters."""
        return list(self.filters[block.f0 : block.f1] or range(block.f0, block.f1))


def find_order(
    spec: GospaSpec, layer: Layer, mapping: Mapping, nonzeros: Counts, label: str
) -> Order:
    """Order filters, cut k-blocks and chunks, choose the loops.

    Args:
        spec: The machine.
        layer: Geometry.
        mapping: Its mapping.
        nonzeros: [K, Cg], non-zero weights of a filter's channels.
        label: The layer, for the error.

    Raises:
        UnsupportedError: One channel of a filter exceeds a half of the weight memory.
    """
    Kg, step = layer.Kg, mapping.a_k * spec.cols
    order = np.arange(len(nonzeros))
    if spec.sort_filters:
        totals = nonzeros.sum(axis=1).reshape(layer.groups, Kg)
        order = np.argsort(-totals, axis=1, kind="stable") + Kg * np.arange(layer.groups)[:, None]
        order = order.reshape(-1)
    sizes = nonzeros[order] + bitmap_halfwords(layer.taps)
    if sizes.size and sizes.max() > spec.w_half:
        raise UnsupportedError(
            f"a channel of a filter takes {sizes.max()} halfwords, but half a PE's weight memory "
            f"has w_half = {spec.w_half}",
            label,
            "raise w_half with --set",
        )
    blocks = [
        Block(g, f0, f1, _chunks(spec, mapping, sizes[f0:f1]))
        for g in range(layer.groups)
        for f0 in range(g * Kg, (g + 1) * Kg, step)
        for f1 in [min(f0 + step, (g + 1) * Kg)]
    ]
    loops = _choose_loops(spec, layer, mapping, blocks, sizes)
    behind = _groups_behind(spec, layer, mapping, blocks, sizes) if loops == BY_TILES else ()
    return Order(loops, tuple(order.tolist()) if spec.sort_filters else (), tuple(blocks), behind)


def _chunks(spec: GospaSpec, mapping: Mapping, sizes: Counts) -> tuple[Chunk, ...]:
    """Cut a k-block's channels (section 6, step 5); sizes are [filters, Cg] in halfwords."""
    channels = sizes.shape[1]
    most = spec.act_half // mapping.slot_halfwords
    ends = np.cumsum(sizes, axis=1)
    chunks: list[Chunk] = []
    low = 0
    while low < channels:
        before = ends[:, low - 1 : low] if low else np.zeros((len(ends), 1), np.int64)
        fits = (ends - before <= spec.w_half).all(axis=0)
        high = min(int(np.count_nonzero(fits)), low + most)
        room = int((ends[:, high - 1 : high] - before).max())
        chunks.append(Chunk(low, high, room))
        low = high
    return tuple(chunks)


def _choose_loops(
    spec: GospaSpec, layer: Layer, mapping: Mapping, blocks: Sequence[Block], sizes: Counts
) -> str:
    """Compare the DRAM bytes of both loop orders (section 6, step 6)."""
    w = layer.window
    tiles = layer.images * -(-w.OH // mapping.te) * -(-w.OW // mapping.tf)
    sets = -(-tiles // mapping.a_s)
    activations = 2 * layer.Cg * mapping.slot_halfwords * tiles
    by_filters = by_tiles = 0
    for group in range(layer.groups):
        mine = [block for block in blocks if block.group == group]
        loaded = [int(sizes[block.f0 : block.f1].sum()) * 2 for block in mine]
        is_short = [len(block.chunks) <= 2 for block in mine]
        by_filters += activations * len(mine)
        by_filters += sum(n if s else n * sets for n, s in zip(loaded, is_short, strict=True))
        by_tiles += activations * (1 if all(is_short) else len(mine))
        by_tiles += sum(loaded) * (1 if _fit_together(spec, mapping, mine, sizes) else sets)
    return BY_FILTERS if by_filters <= by_tiles else BY_TILES


def _fit_together(
    spec: GospaSpec, mapping: Mapping, blocks: Sequence[Block], sizes: Counts
) -> bool:
    """Whether every PE can keep its streams of all k-blocks."""
    held = np.zeros(mapping.a_k * spec.cols, np.int64)
    for block in blocks:
        held[: block.f1 - block.f0] += sizes[block.f0 : block.f1].sum(axis=1)
    return bool(held.max() <= 2 * spec.w_half)


def _groups_behind(
    spec: GospaSpec, layer: Layer, mapping: Mapping, blocks: Sequence[Block], sizes: Counts
) -> tuple[int, ...]:
    """The conv groups whose streams every PE can keep, but not from common bases."""
    of_groups = ([block for block in blocks if block.group == g] for g in range(layer.groups))
    return tuple(
        mine[0].group
        for mine in of_groups
        if resident_bases(spec, mine) is None and _fit_together(spec, mapping, mine, sizes)
    )


def resident_bases(spec: GospaSpec, blocks: Sequence[Block]) -> list[list[int]] | None:
    """First halfwords of all chunks if the weight memory can keep them; None if it cannot.

    A `gs.ldw` has one base for all PEs, so the longest stream of a chunk counts.
    """
    bases: list[list[int]] = []
    at = 0
    for block in blocks:
        bases.append([])
        for chunk in block.chunks:
            bases[-1].append(at)
            at += chunk.room
    return bases if at <= 2 * spec.w_half else None
