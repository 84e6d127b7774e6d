"""Bit-Tactical's weights on their way: DRAM image to WM and MM, WM and MM to entries.

Sections 3 and 5 of the tct sheet.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...isa.encoding import Instruction
from ...isa.errors import EncodingError, TrapError
from ...isa.formats import tct_image, tct_metadata
from ...isa.formats.tct_image import COUNT_BITS, MOST_ENTRIES, Entries
from ...isa.targets import dadiannao as ddn
from ...isa.targets.tct import COUNT_BYTES, Cfg, TctSpec, headers, metadata_half
from ..base import dma_cycles, require
from ..machine import Cost, State
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


Table = npt.NDArray[np.uint32]


class ChunkBytes(NamedTuple):
    """A chunk on chip.

    Args:
        slots: PEs that have a filter.
        table: The headers of its units.
        weights: The rows of WM, as many as the longest unit has entries.
        words: Those of MM.
    """

    slots: int
    table: Table
    weights: Bytes
    words: Bytes

    def equals(self, other: "ChunkBytes") -> bool:
        """Whether the bytes are the same."""
        return all(np.array_equal(one, two) for one, two in zip(self, other, strict=True))

    def copied(self) -> "ChunkBytes":
        """The same bytes, whatever is written later."""
        return ChunkBytes(self.slots, self.table.copy(), self.weights.copy(), self.words.copy())


def read_chunk(state: State, half: int) -> ChunkBytes:
    """Read a half of WM and MM.

    Raises:
        TrapError: No chunk has been loaded there.
    """
    spec: TctSpec = state.spec
    cfg, form = ddn.Cfg.of(spec), spec.metadata_form
    memory, at = state.memories["uh"], headers(cfg, half, 0)
    slots = int(memory.read(at.base, COUNT_BYTES).view("<u4")[0])
    require(slots > 0, f"half {half} of WM holds no chunk", "a tct.ldw must load it first")
    whole = headers(cfg, half, len(spec.unit_slots(slots)))
    table = memory.read(whole.base, whole.run).view("<u4")[1:]
    count = int((table & MOST_ENTRIES).max())
    weights: Bytes = np.zeros(0, np.uint8)
    words: Bytes = weights
    if count:
        weights = state.memories["wm"].gather(cfg.half(half, count, slots))
        nbytes = count * spec.tiles * form.word_bytes
        words = state.memories["mm"].read(metadata_half(cfg, form, half).base, nbytes)
    return ChunkBytes(slots, table, weights, words)


def decode_chunk(spec: TctSpec, data: ChunkBytes) -> Chunk:
    """The entries of a chunk."""
    form, K, slots = spec.metadata_form, spec.warp_filters, data.slots
    counts = (data.table & MOST_ENTRIES).astype(np.int64)
    row0s = (data.table >> COUNT_BITS).astype(np.int64)
    count = int(counts.max())
    weights = data.weights.view("<i2").reshape(count, slots, spec.lanes)
    words = data.words.reshape(count * spec.tiles, form.word_bytes)
    codes, every = tct_metadata.decode(form, words)
    selects = np.ascontiguousarray(every.reshape(count, K, spec.lanes)[:, :slots])
    advances = np.repeat(codes, spec.pes // form.pointers, axis=1).reshape(count, K)
    units: list[Unit] = []
    first = 0
    for entries, row0, width in zip(
        counts.tolist(), row0s.tolist(), spec.unit_slots(slots), strict=True
    ):
        units.append(Unit(first, width, entry_rows(row0, advances[:entries, first])))
        first += width
    return Chunk(weights, selects, units)
