"""Bit-Tactical's machine: `dadiannao`'s with scheduled entries instead of rows (tct sheet)."""

import numpy as np

from ...isa.encoding import Instruction
from ...isa.targets import dadiannao as ddn
from ...isa.targets.tct import COUNT_BYTES, ISA, SYNCS, UNIT_BYTES, Cfg, Conv, Ldw, Mux, TctSpec
from ..base import refuse_others, require
from ..machine import BASE_UNITS, Cost, CostRule, Machine, MemorySpec, Semantics, State
from . import dadiannao as base
from .dadiannao_core import Int64s, find_taps
from .tct_core import Chunk, Product, Sources, find_sources, multiply
from .tct_energy import entries
from .tct_figures import figures
from .tct_moves import ChunkBytes, decode_chunk, ldw, ldw_cost, read_chunk

COUNTERS = (
    "n_conv", "work", "mac_eff", "mac_ineff_a", "mac_ineff_w", "mac_skipped", "sync_wait",
    "lane_idle", "slot_zero", "slot_own", "slot_ahead", "slot_aside", "bubbles", "wm_rd", "mm_rd",
    "am_rd", "ab_wr", "ab_rd", "pb_rd", "pb_wr", "sat",
)  # fmt: skip
"""What a `tct.conv` counts (section 8), zeros too."""


def memories(spec: TctSpec) -> tuple[MemorySpec, ...]:
    """The SRAMs: dadiannao's, MM, and the headers `uh` of the units of WM's halves."""
    form, slots = spec.metadata_form, spec.warp_filters
    rows = 2 * spec.half_rows * spec.tiles
    shared = (memory for memory in base.memories(spec) if memory.name != "wmh")
    return (
        *shared,
        MemorySpec("mm", rows * form.word_bytes, banks=spec.tiles, width_bits=form.word_bits),
        MemorySpec("uh", 2 * (COUNT_BYTES + UNIT_BYTES * slots), width_bits=8 * UNIT_BYTES),
    )


def check_mux(state: State, inst: Instruction) -> None:
    """Refuse a connection that the activation buffer or the multiplexers do not have."""
    spec, fields = state.spec, inst.values()
    count = len(spec.pairs)
    require(1 <= fields["idx"] <= count, f"idx={fields['idx']} is outside 1..{count}")
    require(1 <= fields["ahead"] <= spec.h, f"ahead={fields['ahead']} is outside 1..{spec.h}")
    aside = fields["aside"]
    require(abs(aside) < spec.lanes, f"aside={aside} leaves the {spec.lanes} lanes of a PE")


def _connections(state: State) -> Int64s:
    """Rows ahead and lanes aside of every select code, [1 + connections, 2]."""
    pairs = np.zeros((1 + len(state.spec.pairs), 2), np.int64)
    for code in range(1, len(pairs)):
        inst = state.registers.get((Mux, code))
        require(inst is not None, f"tct.mux has not set select code {code}")
        assert isinstance(inst, Mux)
        pairs[code] = inst.values()["ahead"], inst.values()["aside"]
    return pairs


def conv_cost(state: State, inst: Conv) -> Cost:
    """Compute the sums too, for the saturations; `base.write_pb` finds them in scratch."""
    spec = state.spec
    state.register(Cfg)
    inp, ker = state.register(ddn.In).values(), state.register(ddn.Ker).values()
    fields = inst.over_every_row(ker)
    base.check_conv(spec, inp, ker, fields)
    pairs = _connections(state)
    chunk, sources = _find_entries(state, fields["half"], pairs, fields["rows"])
    product = _multiply(state, inp, ker, fields, sources)
    tiles = -(-chunk.weights.shape[1] // spec.pes)
    saturated = base.accumulate(state, product.sums, fields, tiles)
    counters = _work_counters(spec, fields, chunk, product)
    counters |= _slot_counters(fields, chunk, sources.codes, pairs)
    counters |= _buffer_counters(spec, inp, ker, fields, chunk)
    counters |= {
        "pb_rd": 0 if fields["first"] else fields["nwin"] * tiles,
        "pb_wr": fields["nwin"] * tiles,
        "sat": saturated,
    }
    return Cost(counters["work"] + spec.fill, {name: counters[name] for name in COUNTERS})


def _find_entries(state: State, half: int, pairs: Int64s, row_count: int) -> tuple[Chunk, Sources]:
    """The entries in a half, decoded once for all blocks of windows."""
    data, settings = read_chunk(state, half), (pairs.tobytes(), row_count)
    match state.cache.get((Conv, half)):
        case (ChunkBytes() as kept, kept_settings, Chunk() as chunk, Sources() as sources):
            if kept_settings == settings and kept.equals(data):
                return chunk, sources
        case _:
            pass
    data = data.copied()
    chunk = decode_chunk(state.spec, data)
    _check_entries(chunk, pairs, row_count)
    sources = find_sources(chunk, pairs, row_count)
    state.cache[Conv, half] = data, settings, chunk, sources
    return chunk, sources


def _check_entries(chunk: Chunk, pairs: Int64s, row_count: int) -> None:
    """Refuse rows that the filters do not have, and select codes without a connection."""
    for unit in chunk.units:
        last = int(unit.rows[-1]) if unit.rows.size else 0
        require(last < row_count, f"an entry of row {last} is beyond the {row_count} rows")
    code = int(chunk.selects.max(initial=0))
    require(code < len(pairs), f"select code {code} has no connection")


def _multiply(
    state: State,
    inp: dict[str, int],
    ker: dict[str, int],
    fields: dict[str, int],
    sources: Sources,
) -> Product:
    """The products of a chunk with the windows of a `tct.conv`."""
    rows, nwin = sources.rows, fields["nwin"]
    if not rows.size:
        return Product(np.zeros((nwin, len(sources.factors)), np.int64), 0, 0)
    values, _ = base.read_activations(state, inp, ker, fields, rows)
    return multiply(sources, values)


def _work_counters(
    spec: TctSpec, fields: dict[str, int], chunk: Chunk, product: Product
) -> dict[str, int]:
    """Work, and what the multipliers do or wait for (section 8)."""
    longest, slots, lanes = chunk.weights.shape
    nwin, executed = fields["nwin"], chunk.executed
    whole = fields["rows"] * slots if fields["first"] else 0
    return {
        "n_conv": 1,
        "work": nwin * longest,
        "mac_eff": product.effectual,
        "mac_ineff_a": product.ineffectual_a,
        # The rows of a block are counted with its first chunk.
        "mac_skipped": nwin * (whole - executed) * lanes,
        "sync_wait": nwin * (longest * slots - executed) * lanes,
        "lane_idle": nwin * longest * (spec.warp_filters - slots) * lanes,
        "wm_rd": nwin * executed,
    }


def _slot_counters(
    fields: dict[str, int], chunk: Chunk, codes: Int64s, pairs: Int64s
) -> dict[str, int]:
    """Slots of executed entries by class, and bubbles (section 8)."""
    nwin, bubbles = fields["nwin"], 0
    for unit in chunk.units:
        part = chunk.weights[: unit.rows.size, unit.first : unit.first + unit.slots]
        bubbles += unit.rows.size - int(np.count_nonzero(part.any(axis=(1, 2))))
    own = int(codes[0])
    ahead = int(codes[1:][pairs[1:, 1] == 0].sum())
    aside = int(codes.sum()) - own - ahead
    zero = chunk.executed * chunk.weights.shape[2] - own - ahead - aside
    return {
        "mac_ineff_w": nwin * zero,
        "slot_zero": nwin * zero,
        "slot_own": nwin * own,
        "slot_ahead": nwin * ahead,
        "slot_aside": nwin * aside,
        "bubbles": nwin * bubbles,
    }


def _buffer_counters(
    spec: TctSpec, inp: dict[str, int], ker: dict[str, int], fields: dict[str, int], chunk: Chunk
) -> dict[str, int]:
    """Accesses of MM, of the activation buffers and of AM (section 8)."""
    nwin, row_count = fields["nwin"], fields["rows"]
    slots = chunk.weights.shape[1]
    tiles = -(-slots // spec.pes) if SYNCS[Cfg.of(spec).sync] == "accel" else 1
    taps = find_taps(inp, ker, fields["win0"], nwin, 0, ker["kh"] * ker["kw"]).inside
    in_image = np.repeat(np.count_nonzero(taps, axis=0), fields["nb"])
    before = np.concatenate((np.zeros(1, np.int64), np.cumsum(in_image)))
    entries = held = fetched = 0
    for unit in chunk.units:
        if unit.rows.size:
            first, last = int(unit.rows[0]), min(row_count - 1, int(unit.rows[-1]) + spec.h)
            entries += unit.rows.size
            held += last - first + 1
            fetched += int(before[last + 1] - before[first])
    return {
        "mm_rd": nwin * entries * tiles,
        "ab_rd": nwin * entries * (spec.h + 1) * tiles,
        "ab_wr": nwin * held * tiles,
        "am_rd": fetched,
    }


SEMANTICS: dict[type[Instruction], Semantics] = {
    **{cls: rule for cls, rule in base.SEMANTICS.items() if cls not in (ddn.Ldw, ddn.Conv)},
    Cfg: refuse_others(Cfg.of),
    Mux: check_mux,
    Ldw: ldw,
    Conv: base.write_pb,
}
COSTS: dict[type[Instruction], CostRule] = {
    **{cls: rule for cls, rule in base.COSTS.items() if cls not in (ddn.Ldw, ddn.Conv)},
    Ldw: ldw_cost,
    Conv: conv_cost,
}


MACHINE = Machine(
    "tct",
    ISA,
    TctSpec,
    units=(*BASE_UNITS, "cu"),
    memories=memories,
    semantics=SEMANTICS,
    costs=COSTS,
    energy=entries,
    rates=base.rates,
    figures=figures,
)
"""The machine of target `tct`."""
