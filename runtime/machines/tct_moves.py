"""Bit-Tactical's weights on their way: DRAM image to WM and MM, WM and MM to entries.

Sections 3 and 5 of the tct sheet.
"""

import numpy as np

from ...isa.encoding import Instruction
from ...isa.errors import EncodingError, TrapError
from ...isa.formats import tct_image, tct_metadata
from ...isa.formats.tct_image import COUNT_BITS, Entries
from ...isa.targets import dadiannao as ddn
from ...isa.targets.tct import COUNT_BYTES, Cfg, TctSpec, headers, metadata_half
from ..base import dma_cycles
from ..machine import Cost, State
from .dadiannao_moves import require
from .tct_core import Bytes, Chunk, Unit, entry_rows


def ldw_cost(state: State, inst: Instruction) -> Cost:
    """Decode the image; `ldw` finds the entries in scratch."""
    spec, fields = state.spec, inst.values()
    state.register(Cfg)
    slots, nbytes = fields["slots"], fields["bytes"]
    require(1 <= slots <= spec.warp_filters, f"slots={slots} is outside 1..{spec.warp_filters}")
    units = spec.unit_slots(slots)
    require(
        fields["units"] == len(units),
        f"units={fields['units']}, but slots={slots} filters have {len(units)} row pointers",
    )
    form = spec.image_form
    require(
        fields["mode"] == int(form.is_compressed),
        f"mode={fields['mode']}, but this machine's wcomp is {spec.wcomp}",
    )
    data = state.dram.read(fields["dram"], nbytes)
    try:
        state.scratch["entries"] = tct_image.decode(form, data, units, spec.half_rows)
    except EncodingError as error:
        raise TrapError(
            error.message,
            f"dram[{fields['dram']}], {error.where}",
            f"the image should have slots={slots} and lanes={spec.lanes}",
        ) from error
    return Cost(dma_cycles(spec, nbytes), {"dram_w": nbytes, "n_ldw": 1})


def ldw(state: State, inst: Instruction) -> None:
    """Write the weights into their half of WM, selects and advances into MM, and the headers."""
    if "entries" not in state.scratch:
        ldw_cost(state, inst)
    spec, fields = state.spec, inst.values()
    cfg, half, slots = ddn.Cfg.of(spec), fields["half"], fields["slots"]
    units: list[Entries] = state.scratch["entries"]
    count = max(unit.rows.size for unit in units)
    if count:
        weights = np.zeros((count, slots, spec.lanes), np.int16)
        first = 0
        for unit in units:
            last = first + unit.weights.shape[1]
            weights[: unit.rows.size, first:last] = unit.weights
            first = last
        state.memories["wm"].scatter(cfg.half(half, count, slots), weights)
        words = _metadata(spec, units, count)
        base = metadata_half(cfg, spec.metadata_form, half).base
        state.memories["mm"].write(base, words)
    table = [
        unit.rows.size | (int(unit.rows[0]) << COUNT_BITS if unit.rows.size else 0)
        for unit in units
    ]
    at = headers(cfg, half, len(units))
    state.memories["uh"].write(at.base, np.array([slots, *table], "<u4"))


def _metadata(spec: TctSpec, units: list[Entries], count: int) -> Bytes:
    """The words of MM, [row][tile]."""
    form, K = spec.metadata_form, spec.warp_filters
    selects = np.zeros((count, K, spec.lanes), np.uint8)
    advances = np.zeros((count, K), np.uint8)
    first = 0
    for unit in units:
        last, entries = first + unit.weights.shape[1], unit.rows.size
        selects[:entries, first:last] = unit.selects
        advances[1:entries, first:last] = (np.diff(unit.rows) - 1)[:, None]
        first = last
    # One pointer of a tile stands for all its PEs: the first has its code.
    codes = advances.reshape(count * spec.tiles, spec.pes)[:, : form.pointers]
    return tct_metadata.encode(
        form, codes, selects.reshape(count * spec.tiles, spec.pes, spec.lanes)
    )


def read_chunk(state: State, half: int) -> Chunk:
    """The entries in a half of WM and MM.

    Raises:
        TrapError: No chunk has been loaded there.
    """
    spec: TctSpec = state.spec
    cfg, form = ddn.Cfg.of(spec), spec.metadata_form
    memory, at = state.memories["uh"], headers(cfg, half, 0)
    slots = int(memory.read(at.base, COUNT_BYTES).view("<u4")[0])
    require(slots > 0, f"half {half} of WM holds no chunk", "a tct.ldw must load it first")
    unit_slots = spec.unit_slots(slots)
    whole = headers(cfg, half, len(unit_slots))
    table = memory.read(whole.base, whole.run).view("<u4")[1:].astype(np.int64)
    counts, row0s = table & ((1 << COUNT_BITS) - 1), table >> COUNT_BITS
    count = int(counts.max())
    weights = np.zeros((count, slots, spec.lanes), np.int16)
    selects = np.zeros(weights.shape, np.uint8)
    advances = np.zeros((count, spec.warp_filters), np.uint8)
    if count:
        raw = state.memories["wm"].gather(cfg.half(half, count, slots))
        weights = raw.view("<i2").reshape(weights.shape)
        nbytes = count * spec.tiles * form.word_bytes
        words = state.memories["mm"].read(metadata_half(cfg, form, half).base, nbytes)
        codes, every = tct_metadata.decode(form, words.reshape(count * spec.tiles, form.word_bytes))
        selects = every.reshape(count, spec.warp_filters, spec.lanes)[:, :slots]
        by_pe = np.repeat(codes, spec.pes // form.pointers, axis=1)
        advances = by_pe.reshape(count, spec.warp_filters)
    units: list[Unit] = []
    first = 0
    for entries, row0, width in zip(counts.tolist(), row0s.tolist(), unit_slots, strict=True):
        units.append(Unit(first, width, entry_rows(row0, advances[:entries, first])))
        first += width
    return Chunk(weights, np.ascontiguousarray(selects), units)
