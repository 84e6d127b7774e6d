"""SparTen's `sp.run` and `sp.drn`: joins, exact sums, cycles and counters (sections 4, 7, 8)."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ...isa.footprint import Region
from ...isa.targets.sparten import DRAIN_VALUES, Drn, Run, SpartenSpec
from ...isa.targets.sparten_shape import SUM_BYTES, TAG_BYTES
from ..base import require, saturate
from ..machine import Cost, State
from .sparten_state import (
    Band,
    Block,
    Filters,
    Floats,
    Int64s,
    Layer,
    blocks_of,
    read_band,
    read_filters,
    read_slot,
    read_table,
    read_tag,
    tag,
    taps_of,
)


class Input(NamedTuple):
    """What the clusters of a share work on.

    Args:
        block: The positions.
        band: The input rows.
        pixels: int64 [positions, taps], the pixel of the band under each, -1 outside the map.
    """

    block: Block
    band: Band
    pixels: Int64s


def run_cost(state: State, inst: Run) -> Cost:
    """Compute the sums too; `run` finds them in scratch."""
    spec, layer = state.spec, Layer.of(state)
    _check_run(spec, layer, inst)
    inputs = _inputs(state, layer, inst)
    totals, dense, longest, joins = _new_totals(), 0, 0, 0
    outcome: list[tuple[Region, int, Int64s]] = []
    for z in range(Run.sets.bits):
        if not inst.sets >> z & 1:
            continue
        filters = read_filters(state, layer, z, inst.hf)
        lo, hi = filters.table.lo, filters.table.hi
        require(
            inst.lo <= lo and hi <= inst.hi,
            f"set {z} holds chunks {lo}..{hi - 1}, beyond lo={inst.lo} hi={inst.hi}",
        )
        _check_turn(layer, inst, z, lo, hi)
        count = filters.table.outputs.size
        for share in inputs:
            before = int(totals[0])
            cycles = _join(spec, layer, share, filters, totals)
            longest = max(longest, cycles)
            joins += (int(totals[0]) - before) * count
            dense += share.block.count * filters.values.size
        outcome += _accumulate(state, layer, inst, z, filters, inputs)
    state.scratch["sums"] = outcome
    cycles = longest + spec.pipe
    counters = _counters(totals, dense, joins)
    counters["perm_words"] = joins if layer.is_per_chunk else 0
    counters["cu_idle"] = cycles * spec.clusters * spec.cus - int(totals[2])
    return Cost(cycles, counters)


def _counters(totals: Int64s, dense: int, joins: int) -> dict[str, int]:
    """The counters of section 8 that follow from what the joins add up to."""
    broadcasts, matches, cost, values, cu_writes = totals.tolist()
    return {
        "macs_effectual": matches,
        "macs_ineffectual": 0,
        "macs_gated": 0,
        "macs_dense": dense,
        "macs_skipped": dense - matches,
        "chunk_joins": joins,
        "fmask_reads": joins,
        "join_overhead_cycles": cost - matches,
        "in_mask_reads": broadcasts,
        "in_value_reads": values,
        "cu_in_writes": cu_writes,
        "cu_in_reads": matches,
        "fval_reads": matches,
        "dram_in": 0,  # all positions of a layer may lie in the padding
    }


def _new_totals() -> Int64s:
    from .sparten_kernels import TOTALS

    return np.zeros(len(TOTALS), np.int64)


def _check_run(spec: SpartenSpec, layer: Layer, inst: Run) -> None:
    require(
        1 <= inst.np <= spec.pos_block,
        f"np={inst.np} is outside 1..{spec.pos_block}, the positions of a block",
    )
    sets = layer.shape.clusters // layer.cfg["as"]
    require(
        0 < inst.sets < 1 << sets,
        f"sets={inst.sets:#b} must name some of the {sets} sets of a batch",
    )


def _check_turn(layer: Layer, inst: Run, z: int, lo: int, hi: int) -> None:
    """Refuse sums that begin in the middle, or end there."""
    require(not inst.clear or not lo, f"clear=1, but set {z} begins at chunk {lo}")
    require(
        not inst.last or hi == layer.chunk_count,
        f"last=1, but set {z} ends at chunk {hi} of {layer.chunk_count}",
    )


def _inputs(state: State, layer: Layer, inst: Run) -> list[Input]:
    """The positions of every share that has the block, and the pixels under them."""
    inputs: list[Input] = []
    per_image = layer.geo["e"] * layer.geo["f"]
    for block in blocks_of(layer, inst.p0, inst.np):
        pixels, low, high = taps_of(layer, block)
        if low > high:  # all windows lie in the padding
            inputs.append(Input(block, Band.empty(layer), pixels))
            continue
        band = read_band(state, layer, block.share, inst.half, block.first // per_image)
        require(
            band.row0 <= low and high < band.row0 + band.rows,
            f"positions {block.first}..{block.first + block.count - 1} need rows beyond "
            f"{band.row0}..{band.row0 + band.rows - 1}, which share {block.share} holds",
        )
        before = band.row0 * layer.geo["w"]
        here = np.where(pixels < 0, -1, pixels - before) if before else pixels
        inputs.append(Input(block, band, here))
    return inputs


def _join(spec: SpartenSpec, layer: Layer, share: Input, filters: Filters, totals: Int64s) -> int:
    """A cluster's cycles without `pipe`; adds to the totals."""
    from .sparten_kernels import join_chunks

    count = filters.table.outputs.size
    rho = -(-count // spec.perm_bw) if layer.is_per_chunk else 0
    rules = (
        spec.cus, filters.table.lo, spec.chunk, spec.join_lat, spec.join_bubble, spec.bus_bits, rho,
    )  # fmt: skip
    return join_chunks(
        share.pixels, share.band.masks, share.band.counts, filters.masks, filters.table.cus,
        np.array(rules, np.int64), totals,
    )  # fmt: skip


def _accumulate(
    state: State, layer: Layer, inst: Run, z: int, filters: Filters, inputs: list[Input]
) -> list[tuple[Region, int, Int64s]]:
    """Where a set's new psums [positions, filters] go in every share, and of how many chunks."""
    count = filters.table.outputs.size
    columns = _columns(layer, filters, inputs)
    # Products are at most 2^30, and fewer than 2^23 of them: float64 holds every sum exactly.
    sums = (columns @ filters.values.T).astype(np.int64)
    outcome: list[tuple[Region, int, Int64s]] = []
    at = 0
    for share in inputs:
        mine = sums[at : at + share.block.count]
        at += share.block.count
        slot = psum_slot(layer, z, share.block, inst.bank, count)
        if not inst.clear:
            held = read_tag(state, slot)[:4]
            require(
                held == [inst.p0, inst.np, count, filters.table.lo],
                f"bank {inst.bank} holds no sums of chunks 0..{filters.table.lo - 1} of {count} "
                f"filters of set {z} at p0={inst.p0}",
                "the first sp.run of a block has clear=1",
            )
            mine = mine + _read_sums(state, slot, count)
        outcome.append((slot, filters.table.hi, mine))
    return outcome


def _columns(layer: Layer, filters: Filters, inputs: list[Input]) -> Floats:
    """The values that a set's filters meet, [positions of all shares, values]."""
    from .sparten_kernels import fill_columns

    rows, width = sum(share.block.count for share in inputs), filters.values.shape[1]
    columns = np.empty((rows, width))
    at, table = 0, filters.table
    for share in inputs:
        part = columns[at : at + share.block.count]
        at += share.block.count
        fill_columns(
            share.pixels, share.band.values, table.lo, table.hi, layer.cfg["nc"],
            layer.shape.chunk, part,
        )  # fmt: skip
    return columns


def psum_slot(layer: Layer, z: int, block: Block, bank: int, filters: int) -> Region:
    """Where the psums of a cluster's block lie, with their tag."""
    cluster = z * layer.cfg["as"] + block.share
    return layer.shape.slot("psum", cluster, bank, SUM_BYTES * block.count * filters)


def _read_sums(state: State, slot: Region, filters: int) -> Int64s:
    raw = read_slot(state, slot, slot.run - TAG_BYTES)
    return raw.view("<i8").reshape(-1, filters)


def run(state: State, inst: Run) -> None:
    """Write the psums."""
    outcome: list[tuple[Region, int, Int64s]] = state.scratch["sums"]
    for slot, chunks, sums in outcome:
        target = state.memories["psum"].reserve(slot.base, slot.run)
        head = tag(inst.p0, inst.np, sums.shape[1], chunks)
        target[: head.size] = head
        target[head.size :].view("<i8")[:] = sums.reshape(-1)


def drn_cost(state: State, inst: Drn) -> Cost:
    """Clip the sums; `drn` finds them in scratch."""
    spec, layer = state.spec, Layer.of(state)
    sets = layer.shape.clusters // layer.cfg["as"]
    require(inst.z < sets, f"set {inst.z} is beyond the {sets} of a batch")
    table = read_table(state, layer, inst.z, inst.half)
    count = table.outputs.size
    require(inst.np > 0, "np is 0")
    require(count == inst.nf, f"nf={inst.nf}, but the table of set {inst.z} has {count} filters")
    parts: list[Int64s] = []
    for block in blocks_of(layer, inst.p0, inst.np):
        slot = psum_slot(layer, inst.z, block, inst.bank, count)
        held = read_tag(state, slot)[:4]
        require(
            held == [inst.p0, inst.np, count, layer.chunk_count],
            f"bank {inst.bank} holds no complete sums of {count} filters of set {inst.z} at "
            f"p0={inst.p0}",
            "the last sp.run of a block has last=1",
        )
        parts.append(_read_sums(state, slot, count))
    sums = np.concatenate(parts)[:, np.argsort(table.outputs, kind="stable")]
    kept, saturated = saturate(sums, spec.acc_bits)
    state.scratch["kept"] = kept
    longest = max(len(part) for part in parts)
    counters: Mapping[str, int] = {
        "out_words": sums.size,
        "psum_saturated": saturated,
    }
    return Cost(-(-count * longest // DRAIN_VALUES), counters)


def drn(state: State, inst: Drn) -> None:
    """Write the sums [share][position][filter] to the output buffer."""
    state.memories["obuf"].write(4 * inst.oaddr, state.scratch["kept"])
