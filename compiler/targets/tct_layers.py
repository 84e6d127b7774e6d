"""Bit-Tactical's schedule of a whole layer: warps, units, what they become in store and image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...isa.formats import tct_image
from ...isa.targets.tct import TctSpec
from ..dialects.sparse_tensor import SumsOp
from .base import PackedWeights
from .ddn_tiling import Warp, warp_matrix, warps_of
from .tct_schedule import (
    Scheduler,
    UnitSchedule,
    Weights,
    count_entries_ahead,
    schedule_units,
)

BATCH = 1 << 24
"""Weights that are scheduled at a time: enough for all threads, few enough for the memory."""
SCHEDULE, SUMMARY, LISTING = "tct_schedule", "tct_summary", "tct_listing"
"""Attributes of a layer: the keys of its schedule's arrays, what it did, and every promotion."""
LONGEST_AHEAD = "tct_longest_ahead"
"""Attribute of a layer: the entries of each warp's longest unit, had there been no lookasides."""
Units = list[UnitSchedule]
"""The units of one warp."""


def scheduler_of(spec: TctSpec) -> Scheduler:
    """How a machine's weights are promoted."""
    return Scheduler(spec.pairs, spec.scan, spec.scheduler, spec.advance)


def schedule_layer(spec: TctSpec, op: SumsOp, weights: Weights) -> list[Units]:
    """Schedule a tiled layer's integer weights, warp by warp."""
    scheduler, result = scheduler_of(spec), list[Units]()
    for warps in _batches(spec, warps_of(op)):
        units = [unit for warp in warps for unit in warp_units(spec, op, weights, warp)]
        scheduled = iter(schedule_units(units, scheduler))
        for warp in warps:
            result.append([next(scheduled) for _ in spec.unit_slots(warp.slots)])
    return result


def longest_ahead(spec: TctSpec, op: SumsOp, weights: Weights) -> tuple[int, ...]:
    """The entries of each warp's longest unit if the machine had its lookaheads only (d = 0)."""
    scheduler, result = scheduler_of(spec), list[int]()
    for warps in _batches(spec, warps_of(op)):
        units = [unit for warp in warps for unit in warp_units(spec, op, weights, warp)]
        counts = iter(count_entries_ahead(units, scheduler))
        for warp in warps:
            result.append(max(next(counts) for _ in spec.unit_slots(warp.slots)))
    return tuple(result)


def _batches(spec: TctSpec, warps: Sequence[Warp]) -> Iterator[list[Warp]]:
    batch: list[Warp] = []
    for warp in warps:
        batch.append(warp)
        if sum(each.rows * each.slots * spec.lanes for each in batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def warp_units(spec: TctSpec, op: SumsOp, weights: Weights, warp: Warp) -> Iterator[Weights]:
    """The weights [R, slots, N] of each unit of a warp, padding included."""
    matrix = warp_matrix(spec, op, weights, warp)
    first = 0
    for slots in spec.unit_slots(warp.slots):
        yield matrix[:, first : first + slots]
        first += slots


def chunk_count(spec: TctSpec, entries: Sequence[int]) -> int:
    """Chunks of a warp whose units have so many entries: at least one."""
    return max(1, -(-max(entries) // spec.half_rows))


def encode_layer(spec: TctSpec, schedules: Sequence[Units]) -> PackedWeights:
    """The images of all chunks of all warps, in order."""
    images: list[npt.NDArray[np.uint8]] = []
    for units in schedules:
        entries = [tct_image.Entries(unit.rows, unit.weights, unit.selects) for unit in units]
        for chunk in range(chunk_count(spec, [unit.rows.size for unit in units])):
            part = slice(chunk * spec.half_rows, (chunk + 1) * spec.half_rows)
            images.append(tct_image.encode(spec.image_form, [unit[part] for unit in entries]))
    return PackedWeights.of(images)


def to_arrays(schedules: Sequence[Units]) -> dict[str, npt.NDArray[Any]]:
    """A layer's schedule as flat arrays for the weight store, unit after unit."""
    units = [unit for warp in schedules for unit in warp]
    return {
        "rows": np.concatenate([unit.rows for unit in units]),
        "values": np.concatenate([unit.weights.reshape(-1) for unit in units]),
        "selects": np.concatenate([unit.selects.reshape(-1) for unit in units]),
    }


def from_arrays(
    spec: TctSpec,
    warps: Sequence[Warp],
    entries: Sequence[Sequence[int]],
    arrays: Mapping[str, npt.NDArray[Any]],
) -> list[Units]:
    """What `to_arrays` was given.

    Args:
        spec: Parameters.
        warps: The layer's warps.
        entries: For each warp, the entries of its units.
        arrays: The flat arrays.
    """
    result: list[Units] = []
    row = value = 0
    for warp, counts in zip(warps, entries, strict=True):
        units: Units = []
        for count, slots in zip(counts, spec.unit_slots(warp.slots), strict=True):
            shape = (count, slots, spec.lanes)
            end = value + count * slots * spec.lanes
            weights = arrays["values"][value:end].reshape(shape)
            selects = arrays["selects"][value:end].reshape(shape)
            bubbles = count - int(np.count_nonzero(weights.any(axis=(1, 2))))
            units.append(UnitSchedule(arrays["rows"][row : row + count], weights, selects, bubbles))
            row, value = row + count, end
        result.append(units)
    return result


@dataclass(frozen=True)
class Summary:
    """What a layer's schedule did.

    Args:
        entries: For each warp, the entries of its units.
        rows: Rows of all units before.
        dropped: Rows without an entry.
        bubbles: Entries that only move the window.
        own: Non-zero weights that stayed in their slot.
        promoted: Non-zero weights through each connection, in canonical order.
        zeros: Slots of entries without a weight.
        advances: How often the window moves by 1, 2, ... rows.
    """

    entries: tuple[tuple[int, ...], ...]
    rows: int
    dropped: int
    bubbles: int
    own: int
    promoted: tuple[int, ...]
    zeros: int
    advances: tuple[int, ...]

    @classmethod
    def of(cls, spec: TctSpec, warps: Sequence[Warp], schedules: Sequence[Units]) -> Summary:
        """Count what happened."""
        codes = np.zeros(1 + len(spec.pairs), np.int64)
        moves: Counter[int] = Counter()
        rows = bubbles = kept = slots = 0
        for warp, units in zip(warps, schedules, strict=True):
            for unit in units:
                rows += warp.rows
                bubbles += unit.bubbles
                kept += unit.rows.size - unit.bubbles
                slots += unit.weights.size
                codes += np.bincount(unit.selects[unit.weights != 0], minlength=codes.size)
                moves.update(np.diff(unit.rows).tolist())
        return cls(
            entries=tuple(tuple(unit.rows.size for unit in units) for units in schedules),
            rows=rows,
            dropped=rows - kept,
            bubbles=bubbles,
            own=int(codes[0]),
            promoted=tuple(codes[1:].tolist()),
            zeros=slots - int(codes.sum()),
            advances=tuple(moves[by] for by in range(1, max(moves, default=0) + 1)),
        )


def listing(spec: TctSpec, schedules: Sequence[Units]) -> Iterator[str]:
    """Every entry in words: `warp 0 unit 0 entry 1: row 3, s0 l1 <- 1 from row 5 lane 1, ...`."""
    for w, units in enumerate(schedules):
        for u, unit in enumerate(units):
            for e, row in enumerate(unit.rows.tolist()):
                weights, selects = unit.weights[e], unit.selects[e]
                parts = [f"row {row}" if weights.any() else f"row {row}, bubble"]
                for slot, lane in np.argwhere(selects).tolist():
                    ahead, aside = spec.pairs[int(selects[slot, lane]) - 1]
                    parts.append(
                        f"s{slot} l{lane} <- {int(weights[slot, lane])} from row {row + ahead} "
                        f"lane {(lane + aside) % spec.lanes}"
                    )
                yield f"warp {w} unit {u} entry {e}: {', '.join(parts)}"
